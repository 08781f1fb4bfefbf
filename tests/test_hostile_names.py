"""Names in files are names: they are no paths, no code and no markup, whichever verb reads them.

Most are refused where they are read. The others are written as they are, and nothing is written
outside of the output.
"""

import html
import os

import numpy as np
import pytest

from genojax import errors, simulate
from genojax import experiment as experiments
from genojax.cli import flags, main
from genojax.data.formats import genome_table
from genojax.data.formats.track_files import signal_table
from genojax.inference import pretrained
from genojax.interpret import pages
from genojax.pipeline import sweep
from genojax.predict import loading
from genojax.stores import mirror
from tests.interpret import conftest
from tests.stores import memory

# As names of records, species, tracks, tasks, arms and objects.
HOSTILE = (
    '../../outside', '..', '.', '/tmp/outside', 'a/../../outside', 'a/./b', '~/outside', 'a\\..\\b',
    '-rf', '--out=outside', '$(touch outside)', '`touch outside`', ';touch outside', '|outside',
    "__import__('os').system('touch outside')", '{outside}', '%s%n', '<script>outside</script>',
    'a' * 256, 'a\x1b[2Jb',
)  # fmt: skip
ROW = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\n{}\ta.fa\t*\t\tno\tno\n'


def refused_in_fasta(name: str) -> bool:
    word = name.split()[0]
    return '..' in word or word[0] == '/' or len(word) > 255 or not word.isprintable()


def test_there_are_twenty():
    assert len(set(HOSTILE)) == 20


@pytest.fixture
def inside(tmp_path, monkeypatch):
    """A working folder two levels below one that must stay as it is."""
    folder = tmp_path / 'outer' / 'inside'
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv('HOME', str(tmp_path))
    return folder


def outside(inside) -> list[str]:
    """What lies where only a name that is taken for a path or a command could put it."""
    top = inside.parent.parent
    every = {path.name for path in top.rglob('*outside*')} | {
        path.name for path in (*top.iterdir(), *inside.parent.iterdir())
    }
    return sorted(every - {'outer', 'inside'}) + [p for p in ('/tmp/outside',) if os.path.exists(p)]


def code_of(words, capsys) -> tuple[int, str]:
    """Exit code and what was printed to stderr."""
    code = 0
    try:
        main.main(words)
    except SystemExit as stop:
        code = stop.code
    error = capsys.readouterr().err
    assert code in (0, 2, 3, 4) and 'Traceback' not in error
    return code, error


@pytest.mark.parametrize('name', HOSTILE, ids=range(20))
def test_a_name_in_any_input_is_no_path(inside, capsys, name):
    (inside / 'a.fa').write_text(f'>{name}\nACGTACGT\n')
    code, error = code_of(['check', 'a.fa'], capsys)
    assert code == (3 if refused_in_fasta(name) else 0), error
    (inside / genome_table.NAME).write_text(ROW.format(name))
    with pytest.raises(errors.InputError, match='GX-GT08'):
        genome_table.read(inside)
    for row in (f'{name}\ta.fa\tx', f'x\ta.fa\t{name}'):
        (inside / 'tracks.tsv').write_text(f'name\tpath\tspecies\n{row}\n')
        with pytest.raises(errors.InputError, match='GX-TK09'):
            signal_table.read(inside / 'tracks.tsv')
    values = flags.load('debug_cpu')
    values['tasks'] = {name: values['tasks']['masked_lm']}
    with pytest.raises(errors.UsageError, match='must be letters, digits and underscores'):
        experiments.from_config(values)
    with pytest.raises(ValueError, match='must be letters'):
        sweep.Sweep(arms={name: sweep.Arm('demo')}, metrics=('x',))
    with pytest.raises(ValueError):
        simulate.SimulationConfig(species=2, tree=f'(a:0.1,{name}:0.1);')
    assert not outside(inside)


@pytest.mark.parametrize('name', ['../../outside', 'a/../../../outside', 'a//b', './x', 'a\0b'])
def test_an_object_of_a_bucket_that_would_lie_outside_is_refused(tmp_path, name):
    bucket, faults = memory.new_bucket()
    faults.find = lambda root, detail: {f'{root}/{name}': {'type': 'file', 'size': 1, 'ETag': 'x'}}
    copy = mirror.Mirror(bucket, tmp_path / 'in' / 'copy', tmp_path / 'in' / 'state')
    with pytest.raises(errors.UsageError, match='which is no name of a file in a folder'):
        copy.pull()
    assert not list(tmp_path.rglob('*outside*'))


def test_names_on_a_page_are_text(tmp_path):
    table = {name: (['name'], [[name]]) for name in HOSTILE}
    text = pages.write(tmp_path, HOSTILE[-3], HOSTILE[-3], [], table).read_text()
    assert '<script>outside' not in text.lower()
    assert all(html.escape(name, quote=False) in html.unescape(text) or name in html.unescape(text)
               for name in HOSTILE[:-1])  # fmt: skip


ACCEPTED = [name for name in HOSTILE if not refused_in_fasta(name)]
FIRST_WORDS = list(dict.fromkeys(name.split()[0] for name in ACCEPTED))
VERBS = {
    'embed': 'embed MODEL --fasta=a.fa --bed=a.bed --out=out/x.tsv',
    'predict': 'predict MODEL --fasta=a.fa --out=out/x.tsv',
    'predict of a table': 'predict MODEL --table=a.csv --out=out/y.tsv',
    'score': 'score MODEL --vcf=a.vcf --fasta=a.fa --out=out/x.vcf --window=20 --forward-only',
    'mutagenesis': 'interpret mutagenesis MODEL --fasta=a.fa --out=out/m --output=y',
    'attention': 'interpret attention MODEL --fasta=a.fa --out=out/a',
    'dependency': 'interpret dependency MODEL --fasta=a.fa --out=out/d --mask=4',
    'tracks': 'tracks a.fa --tracks=a.tracks --out=out/t --window=16 --crop=0 --bin=4 --block=1',
    'windows': 'windows --site=donor --flank=2 --fasta=a.fa --annotation=a.gff3 --out=out/w.tsv',
    'promoters': 'promoters genomes --out=out/p.tsv --upstream=2 --downstream=2 --distance=2',
    'ingest': 'ingest genomes --out=out/shards',
}


@pytest.mark.slow
def test_every_verb_writes_names_as_they_are_and_only_into_its_output(inside, capsys, monkeypatch):
    model = conftest.bert_of('kmer', 3)
    model.__dict__['heads'] = {'toy': conftest.head_of(model)}  # as its cached property would
    monkeypatch.setattr(loading, 'load', lambda path, **options: model)
    monkeypatch.setattr(pretrained, 'describe', lambda path: None)
    rng = np.random.default_rng(0)
    bases = {name: ''.join(rng.choice(list('ACGT'), 12)) + 'GTACGTAC' for name in FIRST_WORDS}
    fasta = ''.join(f'>{name}\n{text}\n' for name, text in bases.items())
    for folder in ('genomes', 'out'):
        (inside / folder).mkdir()
    for path in ('a.fa', 'genomes/a.fa'):
        (inside / path).write_text(fasta)
    (inside / 'a.bed').write_text(''.join(f'{n}\t0\t20\t{n}\t0\t+\n' for n in bases))
    rows = ''.join(f'{bases[n]},{n.replace(chr(44), "")}\n' for n in bases)
    (inside / 'a.csv').write_text(f'sequence,name\n{rows}')
    head = '##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
    lines = (
        f'{n}\t10\t{n}\t{t[9]}\t{"A" if t[9] != "A" else "C"}\t.\t.\t.' for n, t in bases.items()
    )
    (inside / 'a.vcf').write_text(head + '\n'.join(lines) + '\n')
    (inside / 'a.bedgraph').write_text(''.join(f'{n}\t0\t20\t1\n' for n in bases))
    (inside / 'a.tracks').write_text('name\tpath\nx\ta.bedgraph\n')
    gene = '{0}\tx\texon\t{1}\t{2}\t.\t+\t.\tID={0}{1};Parent={0}\n'
    gff = ''.join(gene.format(n, 1, 6) + gene.format(n, 11, 20) for n in bases if ';' not in n)
    for path in ('a.gff3', 'genomes/a.gff3'):
        (inside / path).write_text(gff)
    table = ROW.format('x').replace('*\t\t', '*\ta.gff3\t')
    (inside / 'genomes' / genome_table.NAME).write_text(table)
    before = set(inside.rglob('*'))
    for verb, command in VERBS.items():
        code, error = code_of(command.split(), capsys)
        assert code in (0, 3), (verb, error)
        assert not outside(inside), verb
    assert all((inside / 'out') in path.parents for path in set(inside.rglob('*')) - before)
    table = (inside / 'out' / 'x.tsv').read_text()
    assert all(name in table for name in FIRST_WORDS)
    model.__dict__.pop('heads')
