"""No text input of any verb takes a gzip bomb, a pipe, a directory or a device for a file.

The flags are those of the verbs' own parsers: a new flag fails here until it is listed, with a
command if it names a text input.
"""

import gzip
import importlib
import os
import pathlib
import time

import pytest

from genojax.cli import flags, interpret, main
from genojax.inference import pretrained
from genojax.predict import loading
from tests import memory
from tests.data import contact_files
from tests.interpret import conftest

FASTA = '>c\n' + 'ACGTTGCA' * 5 + '\n'
VCF = (
    '##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nc\t1\t.\tA\tC\t.\t.\t.\n'
)
TABLE = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\n'
INTERPRETERS = [f'interpret {verb}' for verb in interpret.VERBS]
OF_SEQUENCES = ['embed', 'predict', *INTERPRETERS]
TRACKS = 'tracks a.fa --tracks=a.tracks --out=t --window=16 --crop=0 --bin=4 --block=1'
WINDOWS = 'windows --site=donor --flank=2 --out=x.tsv'
HIC = '--matrices=hic/hic.tsv --out=t --window=600 --crop=100 --bin=50 --block=1 --test=chr3'
LABELS = '--config.tasks.promoters.data.path=BAD'

# (verb, flag) -> a command in which BAD is the file.
COMMANDS = {
    ('check', 'paths'): 'check BAD',
    ('ingest', 'genomes'): 'ingest BAD --out=shards',
    ('demo', '--genomes'): 'demo --genomes=BAD --workdir=demo',
    ('demo', '--promoters'): 'demo --promoters=BAD --workdir=demo',
    ('predict', '--table'): 'predict MODEL --table=BAD --out=x.tsv',
    ('finetune', 'table'): 'finetune MODEL BAD --workdir=run',
    ('train', '--config'): f'train --config=demo_promoters {LABELS} --workdir=run',
    ('score', '--vcf'): 'score MODEL --vcf=BAD --fasta=a.fa --out=x.vcf --window=20',
    ('score', '--fasta'): 'score MODEL --vcf=a.vcf --fasta=BAD --out=x.vcf --window=20',
    ('score', '--common'): 'score MODEL --vcf=a.vcf --fasta=a.fa --out=x.vcf --common=BAD --window=20',
    ('score', '--annotation'): 'score MODEL --vcf=a.vcf --fasta=a.fa --out=x.vcf --window=20 --annotation=BAD',
    ('windows', '--fasta'): f'{WINDOWS} --fasta=BAD --annotation=a.gtf',
    ('windows', '--annotation'): f'{WINDOWS} --fasta=a.fa --annotation=BAD',
    ('promoters', 'genomes'): 'promoters table_of_annotation --out=x.tsv',
    ('tracks', 'genomes'): 'tracks BAD --tracks=a.tracks --out=t',
    ('tracks', 'table of tracks'): 'tracks a.fa --tracks=BAD --out=t',
    ('tracks', 'file of a table'): 'tracks a.fa --tracks=bad.tracks --out=t',
    ('tracks', '--blacklist'): f'{TRACKS} --blacklist=BAD',
    ('tracks', '--unmappable'): f'{TRACKS} --unmappable=BAD',
    ('tracks', '--annotation'): f'{TRACKS} --annotation=BAD',
    ('interpret attention', '--annotation'): 'interpret attention MODEL --fasta=a.fa --annotation=BAD --out=x',
    ('interpret attention', '--knockout'): 'interpret attention MODEL --fasta=a.fa --annotation=a.gtf --knockout=BAD --out=x',
    ('interpret motifs', '--match'): 'interpret motifs MODEL --fasta=a.fa --match=BAD --out=x --output=y',
    ('hic', 'genomes'): f'hic BAD {HIC}',
    ('hic', '--matrices'): f'hic hic/genome.fa --matrices=BAD {HIC.partition(" ")[2]}',
    ('hic', '--blacklist'): f'hic hic/genome.fa {HIC} --blacklist=BAD',
    ('hic', '--unmappable'): f'hic hic/genome.fa {HIC} --unmappable=BAD',
    ('check', 'fasta of a genome table'): 'check table_of_fasta',
    ('check', 'annotation of a genome table'): 'check table_of_annotation',
    ('ingest', 'annotation of a genome table'): 'ingest table_of_annotation --out=shards',
}  # fmt: skip
# Text files that fields of configs name; one kind of task each.
_VARIANTS, _PAIRS = '--config.tasks.variants.data', '--config.tasks.contrastive.data'
_VARIANT_FILES = (
    f'--config.optim.train=full {_VARIANTS}.window=8 '
    f'{_VARIANTS}.fasta=a.fa {_VARIANTS}.path=a.variants'
)
OF_CONFIGS = {
    'values.data.path': 'regression --config.tasks.values.data.path=BAD',
    'variants.data.path': f'variant_effects {_VARIANT_FILES} {_VARIANTS}.path=BAD',
    'variants.data.fasta': f'variant_effects {_VARIANT_FILES} {_VARIANTS}.fasta=BAD',
    'variants.data.annotation': f'variant_effects {_VARIANT_FILES} {_VARIANTS}.annotation=BAD',
    'contrastive.data.path': f'contrastive {_PAIRS}.path=BAD',
    'contrastive.data.genomes': f'contrastive {_PAIRS}.path= {_PAIRS}.genomes=BAD',
}
for _field, _words in OF_CONFIGS.items():
    COMMANDS['train', f'field of config {_field}'] = f'train --config={_words} --workdir=run'
for _verb in OF_SEQUENCES:
    _out = '--output=y' if _verb.endswith(('attribution', 'mutagenesis', 'motifs')) else ''
    _out += ' --out=x.tsv' if _verb == 'predict' else ' --out=x.npz'
    COMMANDS[_verb, '--fasta'] = f'{_verb} MODEL --fasta=BAD {_out}'
    COMMANDS[_verb, '--bed'] = f'{_verb} MODEL --fasta=a.fa --bed=BAD {_out}'
    if _verb in INTERPRETERS:
        COMMANDS[_verb, '--table'] = f'{_verb} MODEL --table=BAD {_out}'

# Flags that name no text input: folders, weights, outputs, numbers and words.
FOLDERS = {'model', 'workdir', '--workdir', 'directory', 'source', '--base', 'SHARDS'}
FOLDERS |= {'--control', '--against'}
OUTPUTS = {'out', '--out', '--json', '--calibration', '--program'}
CONFIGS = {
    ('plan', '--config'),
    ('configs', 'name'),
    ('sweep', 'file'),
}  # files of Python or JSON: exit code 2
WORDS = {
    *(
        '--help',
        '--all',
        '--draft-table',
        '--train',
        '--rna',
        '--names',
        '--workers',
        '--replace',
        '--code',
        '--small',
    ),
    *('--promoter-span', '--fallback', '--processes', '--task', '--split', '--limit', '--search'),
    *('--no-advice', '--topology', '--kind', '--format', '--license', '--origin', '--pool', 'code'),
    *('--window', '--stride', '--sequence-column', '--tracks', '--label-column', '--value-columns'),
    *('--split-column', '--epochs', '--genomes', '--tsv', '--score', '--check-ref', '--neutral'),
    *('--tag', '--pll-masks', '--forward-only', '--vep-alleles', '--figures', '--model-window'),
    *('--output', '--scale', '--bins', '--backgrounds', '--steps', '--seed', '--layers', '--heads'),
    *('--q-value', '--core', '--min-seqlets', '--similarity', '--likelihood', '--mask', '--pairs'),
    *(
        '--positions',
        '--min-distance',
        '--species',
        '--length',
        '--genes',
        '--tree',
        '--repeat-fraction',
    ),
    *('--variant-rows', '--signals', '--upstream', '--downstream', '--distance', '--negatives'),
    *('--crop', '--bin', '--block', '--contigs', '--test', '--test-share', '--min-known'),
    *(
        '--hic',
        '--diagonals',
        '--top',
        '--draws',
        '--method',
        '--ascent-steps',
        '--ascent-window',
        '--entropy',
        '--variation',
    ),
    *('--site', '--flank', '--validation', '--profile', '--transcripts', '--genetic-code'),
    *('names', '--mirror', '--verify', '--beam'),
    *(
        '--from-scratch',
        '--task-rows',
        '--no-hold-out',
        '--raw',
        '--evaluate',
        '--shard',
        '--list',
        '--dry-run',
    ),
}


class _Captured(Exception):
    pass


def parsers(monkeypatch):
    """(verb, its parser) of every verb, as the verb itself makes it."""

    def capture(parser, args=None, namespace=None):
        raise _Captured(parser)

    monkeypatch.setattr(flags.Parser, 'parse_args', capture)
    for verb in [verb for verb in main.VERBS if verb != 'interpret'] + INTERPRETERS:
        module = importlib.import_module(f'genojax.cli.{verb.replace(" ", ".")}')
        try:
            module.run([])
        except _Captured as captured:
            yield verb, captured.args[0]
        else:
            raise AssertionError(f'{verb} has no parser')


def test_every_flag_is_listed_here(monkeypatch):
    known = COMMANDS.keys() | CONFIGS
    unknown, seen = [], set()
    for verb, parser in parsers(monkeypatch):
        for action in parser._actions:
            name = action.option_strings[-1] if action.option_strings else action.dest
            seen.add((verb, name))
            if (verb, name) not in known and name not in FOLDERS | OUTPUTS | WORDS:
                unknown.append((verb, name))
    assert not unknown, 'say in this file whether these name text inputs'
    assert {key for key in known if ' of ' not in key[1]} <= seen


@pytest.fixture
def folder(request, tmp_path, monkeypatch):
    """Good files, and a model wherever one is opened."""
    if '[hic ' in request.node.name:
        pytest.importorskip('h5py')
        (tmp_path / 'hic').mkdir()
        contact_files.write(tmp_path / 'hic')
    model = conftest.bert_of('kmer', 3)
    model.__dict__['heads'] = {'toy': conftest.head_of(model)}  # as its cached property would
    monkeypatch.setattr(loading, 'load', lambda path, **options: model)
    monkeypatch.setattr(pretrained, 'describe', lambda path: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'a.fa').write_text(FASTA)
    (tmp_path / 'a.vcf').write_text(VCF)
    (tmp_path / 'a.bedgraph').write_text('c\t0\t40\t1\n')
    (tmp_path / 'a.variants').write_text(
        'contig\tposition\tref\talt\tlabel\nc\t20\tT\tC\t1\nc\t21\tT\tG\t0\n'
    )
    for name, file in {'a': 'a.bedgraph', 'bad': 'BAD'}.items():
        (tmp_path / f'{name}.tracks').write_text(f'name\tpath\nx\t{file}\n')
    (tmp_path / 'a.gtf').write_text('c\tx\texon\t1\t8\t.\t+\t.\ttranscript_id "t"; gene_id "g";\n')
    for name, row in {
        'fasta': 'x\tBAD\t*\t\tno\tno',
        'annotation': 'x\ta.fa\t*\tBAD\tno\tno',
    }.items():
        inner = tmp_path / f'table_of_{name}'
        inner.mkdir()
        (inner / 'a.fa').write_text(FASTA)
        (inner / 'genomes.tsv').write_text(f'{TABLE}{row}\n')
    yield tmp_path
    model.__dict__.pop('heads')


def _bomb(path):
    """2 GiB in 2 MB: members of a gzip file may follow each other."""
    start = {'vcf': VCF, 'fasta': '>c\n'}.get(path.stem, '')
    members = gzip.compress(start.encode()) + gzip.compress(b'A' * (50 << 20), 1) * 40
    path.write_bytes(members)


def _lines_bomb(line: bytes):
    """Half a GiB in 2 MB: lines of a few bytes, each of which becomes an object."""

    def write(path):
        # In a VCF the lines are further header, or comments behind it.
        start = '' if path.stem != 'vcf' else VCF if line == b'#a\n' else VCF.split('#CHROM')[0]
        members = gzip.compress(start.encode()) + gzip.compress(line * (1 << 20)) * 192
        path.write_bytes(members)

    return write


KINDS = {
    'bomb': _bomb,
    'header bomb': _lines_bomb(b'##\n'),
    'comment bomb': _lines_bomb(b'#a\n'),
    'pipe': os.mkfifo,
    'directory': pathlib.Path.mkdir,
    'device': lambda path: path.symlink_to('/dev/zero'),
}
# A named pipe is how `score` reads a VCF from another program.
READ = {(('score', '--vcf'), 'pipe'), (('score', '--common'), 'pipe')}


def refused(folder, command: str, kind: str, capsys) -> tuple[int, str, float, int]:
    """Exit code, error, seconds and added KiB of a command with a bad file."""
    where = folder / (command.split()[1] if 'table_of' in command else '.')
    bad = where / 'BAD'
    if not bad.exists():
        KINDS[kind](bad)
    started, code = time.process_time(), 0
    with memory.Peak() as peak:
        try:
            main.main(command.split())
        except SystemExit as stop:
            code = stop.code
    seconds = time.process_time() - started
    return code, capsys.readouterr().err, seconds, peak.added


def check(folder, key, kind, capsys):
    code, error, seconds, added = refused(folder, COMMANDS[key], kind, capsys)
    assert code == 3, error
    assert error.startswith('genojax: error GX-') and error.count('\n') == 1
    assert 'BAD' in error and seconds < 5 and added < 300_000


@pytest.mark.parametrize(
    'key',
    [
        pytest.param(
            key, marks=pytest.mark.slow if ' of config ' in key[1] else (), id=' '.join(key)
        )
        for key in COMMANDS
    ],
)
def test_a_bad_file_is_one_line_and_exit_code_3(folder, capsys, key):
    """One kind of file each; all of them in the slow test."""
    kind = list(KINDS)[sorted(COMMANDS).index(key) % len(KINDS)]
    if (key, kind) in READ:
        kind = 'directory'
    check(folder, key, kind, capsys)


@pytest.mark.parametrize('kind', ['header bomb', 'comment bomb'])
@pytest.mark.parametrize('flag', ['--vcf', pytest.param('--common', marks=pytest.mark.slow)])
def test_lines_of_a_vcf_without_records_are_refused_early(folder, capsys, flag, kind):
    KINDS[kind](folder / 'vcf')
    (folder / 'vcf').rename(folder / 'BAD')
    code, error, seconds, added = refused(folder, COMMANDS['score', flag], kind, capsys)
    last = error.splitlines()[-1]  # progress may be before it
    assert code == 3 and last.startswith('genojax: error GX-VC04: BAD:'), error
    assert seconds < 5 and added < 300_000


@pytest.mark.parametrize(
    ('data', 'code'),
    [
        (VCF.encode('utf-16'), 'FA11'),
        (b'<!DOCTYPE html>404', 'FA13'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:1\n', 'FA14'),
        (b'PK\x03\x04rest', 'FA23'),
        (gzip.compress(gzip.compress(VCF.encode())), 'FA23'),
        (b'%PDF-1.4', 'FA23'),
    ],
)
@pytest.mark.parametrize('flag', ['--vcf', '--common'])
def test_a_vcf_that_is_no_text_has_the_error_of_every_text_input(folder, capsys, flag, data, code):
    (folder / 'BAD').write_bytes(data)
    exit_code, error, _, _ = refused(folder, COMMANDS['score', flag], '', capsys)
    assert exit_code == 3 and error.startswith(f'genojax: error GX-{code}: BAD')
    assert 'Fix: ' in error and error.count('\n') == 1


@pytest.mark.slow
@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('key', COMMANDS, ids=' '.join)
def test_every_bad_file_is_one_line_and_exit_code_3(folder, capsys, key, kind):
    if (key, kind) in READ:
        pytest.skip('a pipe is read')
    check(folder, key, kind, capsys)


@pytest.mark.parametrize('kind', ['pipe', 'directory', 'device'])
@pytest.mark.parametrize('verb', ['train --workdir=run', 'plan --topology=cpu:1'])
@pytest.mark.parametrize('suffix', ['.py', '.json'])
def test_a_config_that_is_no_file_is_one_line_and_exit_code_2(folder, capsys, verb, kind, suffix):
    KINDS[kind](folder / f'BAD{suffix}')
    with pytest.raises(SystemExit) as stop:
        main.main([*verb.split(), f'--config=BAD{suffix}'])
    error = capsys.readouterr().err
    assert stop.value.code == 2 and f'BAD{suffix}' in error and error.count('\n') == 1


@pytest.mark.parametrize('kind', ['pipe', 'directory', 'device'])
@pytest.mark.parametrize('name', ['vocab.txt', 'tokenizer.json'])
def test_a_vocabulary_that_is_no_file_is_not_left_out(folder, kind, name):
    from genojax import errors
    from genojax.convert import vocabulary

    KINDS[kind](folder / name)
    with pytest.raises(errors.InputError, match='GX-FA20') as caught:
        for path in vocabulary.paths(folder):
            vocabulary.ids(path)
    assert caught.value.exit_code == 3
