"""Sources into a folder that the other verbs take, from a server that may be wrong, or by hand."""

import gzip
import hashlib
import json
import re
import shlex

import pytest

import genojax
from genojax import errors, genome
from genojax.cli import download as verb
from genojax.cli import main
from genojax.data.formats import genome_table
from genojax.download import folder, genome_sources, job, source_files, weights_sources
from tests import commands
from tests.download import conftest, local_server

CONTIGS = {
    'c1': 'ACGTTGCAAC' * 40,
    'c2': 'TTGACATATA' * 20,
    'm': 'GGCATTACGA' * 12,
    'x': 'ACCA' * 9,
}
# One contig is in lower case: a third of the bases, which are repeats.
FASTA = gzip.compress(
    ''.join(
        f'>{name} of it\n{sequence.lower() if name == "c2" else sequence}\n'
        for name, sequence in CONTIGS.items()
    ).encode(),
    mtime=0,
)
GENES = gzip.compress(
    b'##gff-version 3\nc1\tx\tgene\t11\t90\t.\t+\t.\tID=g1\nm\tx\tgene\t1\t60\t.\t+\t.\tID=g2\n',
    mtime=0,
)
DIGESTS = {name: genome.refget_digest(sequence.encode()) for name, sequence in CONTIGS.items()}
HOST = 'https://genomes.example/pub'
SUMS = '/genomes.example/pub/md5sum.txt'
A, G = '/genomes.example/pub/a.fa.gz', '/genomes.example/pub/a.gff3.gz'
LIST = ''.join(
    f'{hashlib.md5(data).hexdigest()}  ./{path.rpartition("/")[2]}\n'
    for path, data in ((A, FASTA), (G, GENES))
).encode()


def source(name, species, **values):
    return source_files.GenomeSource(
        name=name,
        species=species,
        organism='Example',
        assembly='v1',
        accession='GCF_0',
        license='none',
        fasta=source_files.RemoteFile((f'{HOST}/a.fa.gz',), checksums=f'{HOST}/md5sum.txt'),
        annotation=source_files.RemoteFile((f'{HOST}/a.gff3.gz',), checksums=f'{HOST}/md5sum.txt'),
        linear=('c1', 'c2'),
        circular=('m',),
        **values,
    )


@pytest.fixture
def pages(server, monkeypatch):
    """A server with a genome and weights, which are the tables' only sources."""
    some = {
        'small': source('small', 'tiny', refget={'c1': DIGESTS['c1']}),
        'again': source('again', 'tiny'),
        'other': source('other', 'tiny2'),
        'wrong': source('wrong', 'tiny3', refget={'c1': DIGESTS['c2']}),
        'lacks': source('lacks', 'tiny3', refget={'c9': DIGESTS['c2']}),
    }
    base = 'https://hub.example/who/net/resolve/main'
    files = [('config.json',), ('model.safetensors', 'pytorch_model.bin'), ('README.md',)]
    net = source_files.WeightsSource(
        name='net',
        kind='dnabert',
        title='A network',
        repository='who/net',
        license='its own',
        files=tuple(
            source_files.RemoteFile(
                tuple(f'{base}/{name}' for name in names), optional='README.md' in names
            )
            for names in files
        ),
    )
    monkeypatch.setattr(genome_sources, 'GENOMES', some)
    monkeypatch.setattr(weights_sources, 'WEIGHTS', {'net': net})
    pages = {A: FASTA, G: GENES, SUMS: LIST}
    pages |= {f'/hub.example/who/net/resolve/main/{name}': name.encode()
              for name in ('config.json', 'pytorch_model.bin')}  # fmt: skip
    server.pages = {path: local_server.Page(body) for path, body in pages.items()}
    return server


def fetch(server, out, *names, notices=None, **values):
    return job.download_sources(
        names or ['small'],
        out,
        mirror=server.url,
        settings=conftest.SETTINGS,
        notice=(notices if notices is not None else []).append,
        **values,
    )


def record(out):
    return json.loads((out / folder.RECORD).read_text())


def test_a_genome_comes_with_its_table(pages, tmp_path, capsys):
    notices = []
    assert fetch(pages, tmp_path, notices=notices) == {'small': tmp_path}
    rows = genome_table.read(tmp_path).rows
    assert [(row.species, row.contigs, row.circular, row.softmasked) for row in rows] == [
        ('tiny', ('c1', 'c2'), False, True),
        ('tiny', ('m',), True, True),
    ]
    assert (tmp_path / 'a.fa.gz').read_bytes() == FASTA
    main.main(['check', str(tmp_path)])
    printed = capsys.readouterr().out
    assert 'tiny' in printed and '720' in printed  # bases of c1, c2 and m
    assert any('MD5 of the publisher' in notice for notice in notices)
    entry = record(tmp_path)['files']['a.fa.gz']
    assert entry['contigs'] == {n: [len(s), DIGESTS[n]] for n, s in CONTIGS.items()}
    assert entry['sha256'] == hashlib.sha256(FASTA).hexdigest()
    assert entry['url'] == f'{HOST}/a.fa.gz' and entry['compared'] == ['MD5 of the publisher']


def test_a_second_call_fetches_nothing(pages, tmp_path):
    fetch(pages, tmp_path)
    before = record(tmp_path)
    pages.requests.clear()
    notices = []
    fetch(pages, tmp_path, notices=notices)
    assert not pages.requests and record(tmp_path) == before
    assert sum('as recorded' in notice for notice in notices) == 2


def test_two_genomes_share_a_table(pages, tmp_path):
    fetch(pages, tmp_path, 'other', 'small')
    assert genome_table.read(tmp_path).species == ('tiny', 'tiny2')
    with pytest.raises(errors.UsageError, match='again and small are both of tiny'):
        fetch(pages, tmp_path, 'again')


def test_a_table_that_a_person_changed_is_left(pages, tmp_path):
    fetch(pages, tmp_path)
    table = tmp_path / 'genomes.tsv'
    changed = table.read_text().replace('tiny', 'mine_alone')
    table.write_text(changed)
    notices = []
    fetch(pages, tmp_path, 'other', notices=notices)
    assert table.read_text() == changed
    assert any('left as it is' in notice for notice in notices)
    assert sum('does not have: tiny2' in notice for notice in notices) == 2


@pytest.mark.parametrize('name', ['wrong', 'lacks'])
def test_another_sequence_is_refused(pages, tmp_path, name):
    with pytest.raises(errors.DamageError, match="GX-DL03: .*contig 'c[19]'"):
        fetch(pages, tmp_path, name)
    assert not list(tmp_path.glob('a.fa.gz*'))


def test_a_file_that_differs_from_its_published_sum_is_refused(pages, tmp_path):
    pages.pages[A].body = gzip.compress(b'>c1\nACGTACGT\n', mtime=0)
    with pytest.raises(errors.DamageError, match='GX-DL03.*its MD5 is .* publisher states'):
        fetch(pages, tmp_path)
    assert not list(tmp_path.glob('a.fa.gz*'))


def test_parts_that_do_not_fit_are_fetched_anew_once(pages, tmp_path):
    with pytest.raises(errors.Preempted):
        pages.pages[A].cuts = [60, *[0] * 5]
        fetch(pages, tmp_path)
    partial = tmp_path / 'a.fa.gz.partial'
    assert partial.stat().st_size == 60
    partial.write_bytes(b'\x1f\x8b' + bytes(58))
    pages.pages[A].cuts, notices = [], []
    fetch(pages, tmp_path, notices=notices)
    assert (tmp_path / 'a.fa.gz').read_bytes() == FASTA
    assert any('anew, from its beginning' in notice for notice in notices)


def test_a_length_that_is_too_small_is_noticed(pages, tmp_path):
    pages.pages[A].stated_length = len(FASTA) - 20
    del pages.pages[SUMS]  # so that nothing but the file itself can tell
    notices = []
    with pytest.raises(errors.InputError, match='GX-FA15'):
        fetch(pages, tmp_path, notices=notices)
    assert any('MD5 sum is not compared' in notice for notice in notices)
    assert not list(tmp_path.glob('a.fa.gz*'))


def test_a_corrupt_byte_without_a_sum_is_noticed(pages, tmp_path):
    body = bytearray(FASTA)
    body[-3] ^= 1  # of the length that ends gzip data
    pages.pages[A].body = bytes(body)
    del pages.pages[SUMS]
    with pytest.raises(errors.InputError, match='GX-FA16'):
        fetch(pages, tmp_path)


def test_without_a_network_it_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('no_proxy', '*')
    quick = conftest.SETTINGS
    monkeypatch.setattr(job.transfer, 'TransferSettings', lambda: quick)
    words = ['download', 'ecoli', f'--out={tmp_path}', '--mirror=http://127.0.0.1:9']
    with pytest.raises(SystemExit) as stop:
        main.main(words)
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert stop.value.code == 75 and line.startswith('genojax: stopped before ')
    assert 'no connection to 127.0.0.1:9' in line
    url = genome_sources.GENOMES['ecoli'].fasta.urls[0]
    assert f'curl -L -o {tmp_path}/{url.rpartition("/")[2]} {url}' in line
    assert line.endswith(f'genojax download ecoli --out={tmp_path} --verify')


def test_files_put_there_by_hand_are_checked_and_recorded(pages, tmp_path):
    with pytest.raises(errors.InputError, match='GX-DL01.*a.fa.gz: this file is not there') as stop:
        fetch(pages, tmp_path, verify=True)
    commands = re.findall(r'curl -L -o (\S+) (https:[^\s)]+)', str(stop.value))
    assert commands == [
        (f'{tmp_path}/{name}', f'{HOST}/{name}') for name in ('a.fa.gz', 'a.gff3.gz')
    ]
    (tmp_path / 'a.fa.gz').write_bytes(FASTA)
    notices = []
    with pytest.raises(errors.InputError, match='a.gff3.gz: this file is not there'):
        fetch(pages, tmp_path, verify=True, notices=notices)
    (tmp_path / 'a.gff3.gz').write_bytes(GENES)
    fetch(pages, tmp_path, verify=True, notices=notices)
    assert not pages.requests
    assert genome_table.read(tmp_path).species == ('tiny',)
    assert record(tmp_path)['files']['a.fa.gz']['compared'] == []
    assert any('was put there' in notice and '4 contigs, 756 bases' in notice for notice in notices)


def test_a_file_that_changed_after_it_was_fetched_is_named(pages, tmp_path):
    fetch(pages, tmp_path)
    (tmp_path / 'a.gff3.gz').write_bytes(GENES[:-1])
    for values in ({}, {'verify': True}):
        with pytest.raises(errors.DamageError, match='GX-DL03.*a.gff3.gz: it has changed'):
            fetch(pages, tmp_path, **values)


def test_a_damaged_record_is_one_line(pages, tmp_path):
    fetch(pages, tmp_path)
    path = tmp_path / folder.RECORD
    path.write_text(path.read_text().replace('tiny', 'teeny').replace('"sources"', '"sauces"'))
    with pytest.raises(errors.DamageError, match=f'remove {path}'):
        fetch(pages, tmp_path)
    path.unlink()
    fetch(pages, tmp_path)
    assert record(tmp_path)['sources'] == ['small']


@pytest.mark.parametrize(
    ('break_it', 'words', 'code'),
    [
        (lambda pages: pages.pop(G), '', 3),
        (lambda pages: setattr(pages[G], 'body', b'<html>'), '', 3),
        (lambda pages: setattr(pages[G], 'body', FASTA), '', 4),
        (lambda pages: pages[G].statuses.extend([503] * 9), '', 75),
        (lambda pages: None, 'smal', 2),
        (lambda pages: None, '--mirror=ftp://x', 2),
        (lambda pages: None, '--out=s3://bucket/genomes', 2),
        (lambda pages: None, '--out=', 2),
        (lambda pages: None, '', 0),
    ],
    ids=['404', 'page', 'sum', 'busy', 'name', 'mirror', 'bucket', 'no folder', 'good'],
)
def test_exit_codes(pages, tmp_path, monkeypatch, capsys, break_it, words, code):
    monkeypatch.setattr(job.transfer, 'TransferSettings', lambda: conftest.SETTINGS)
    break_it(pages.pages)
    out = tmp_path / 'genomes'
    command = ['download', 'small', f'--out={out}', f'--mirror={pages.url}', *words.split()]
    try:
        main.main(command)
        status = 0
    except SystemExit as stop:
        status = stop.code
    printed = capsys.readouterr()
    assert status == code, printed.err
    assert 'Traceback' not in printed.err
    if code == 0:
        assert f'genojax ingest {out} --out=shards' in printed.out
    elif code != 75:
        assert sum(line.startswith('genojax: error') for line in printed.err.splitlines()) == 1


def test_weights_come_with_the_command_that_reads_them(pages, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(job.transfer, 'TransferSettings', lambda: conftest.SETTINGS)
    main.main(['download', 'net', f'--out={tmp_path}', f'--mirror={pages.url}'])
    printed = capsys.readouterr().out
    there = sorted(path.name for path in (tmp_path / 'net').iterdir())
    assert [name for name in there if name[0] != '.'] == [
        'config.json', folder.RECORD, 'pytorch_model.bin'
    ]  # fmt: skip
    assert 'README.md: the server answers 404' in printed and 'it is not needed' in printed
    assert f'genojax convert {tmp_path}/net converted/net --kind=dnabert' in printed
    assert 'licence its own' in printed and '[convert]' in printed


def test_the_sum_that_the_hub_states_is_compared(pages, tmp_path):
    path = '/hub.example/who/net/resolve/main/pytorch_model.bin'
    pages.pages['/blob'] = local_server.Page(b'tensors')
    wrong = hashlib.sha256(b'others').hexdigest()
    pages.pages[path] = local_server.Page(location='/blob', headers={'X-Linked-ETag': f'"{wrong}"'})
    with pytest.raises(errors.DamageError, match='its SHA-256 is'):
        fetch(pages, tmp_path, 'net')
    right = hashlib.sha256(b'tensors').hexdigest()
    pages.pages[path].headers = {'X-Linked-ETag': f'"{right}"'}
    fetch(pages, tmp_path, 'net')
    entry = record(tmp_path / 'net')['files']['pytorch_model.bin']
    assert entry['compared'] == ['SHA-256 of the publisher']


def test_the_table_says_where_everything_is_and_what_is_not_known(capsys):
    main.main(['download'])
    printed = capsys.readouterr().out
    for one in genome_sources.GENOMES.values():
        assert one.accession in printed
        assert all(file.urls[0] in printed for file in one.files)
    for one in weights_sources.WEIGHTS.values():
        assert one.repository in printed and one.license in printed
    assert source_files.NOT_KNOWN in printed
    main.main(['download', '--json'])
    values = json.loads(capsys.readouterr().out)
    assert [row['name'] for row in values['genomes']] == list(genome_sources.GENOMES)
    assert values['genomes'][0]['fasta']['size'] is None
    assert len(printed.splitlines()) < 120 and max(map(len, printed.splitlines())) < 180


def test_a_name_that_is_not_known_is_a_usage_error():
    with pytest.raises(errors.UsageError, match="no source 'yeti'"):
        job.download_sources(['yeti'], 'nowhere')
    assert genojax.download_sources is job.download_sources


@pytest.mark.parametrize('name', list(genome_sources.GENOMES))
def test_a_row_of_the_table_of_genomes_is_consistent(name):
    one = genome_sources.GENOMES[name]
    contigs = [*one.linear, *one.circular]
    assert len(set(contigs)) == len(contigs) > 0
    assert one.license and set(one.refget) <= set(contigs)
    assert all(re.fullmatch(r'SQ\.[A-Za-z0-9_-]{32}', digest) for digest in one.refget.values())
    for file in one.files:
        (url,) = file.urls
        assert url.startswith('https://') and file.names[0].endswith('.gz')
        assert (one.accession in url) == url.startswith('https://ftp.ncbi')
        assert file.md5 == '' or re.fullmatch('[0-9a-f]{32}', file.md5)
    assert len({digest for digest in one.refget.values()}) == len(one.refget)


def test_licences_are_those_that_convert_states():
    from genojax.convert import bert, enformer, nucleotide_transformer

    kinds = {**bert.KINDS, **enformer.KINDS, **nucleotide_transformer.KINDS}
    for one in weights_sources.WEIGHTS.values():
        assert one.license == kinds[one.kind].license
        if 'huggingface.co' in kinds[one.kind].origin and 'k' not in one.name:
            assert one.repository.split('/')[0] in kinds[one.kind].origin


def test_what_it_prints_can_be_pasted(tmp_path):
    lines = verb._next({'ecoli': tmp_path, 'dnabert2': tmp_path / 'dnabert2'}, str(tmp_path))
    printed = [line.strip() for line in lines if line.startswith('  genojax')]
    assert len(printed) == 3
    for line in printed:
        _, name, *words = shlex.split(line)
        known = commands.options(commands.help_of(name))
        assert {word.partition('=')[0] for word in words if word.startswith('--')} <= known


@pytest.mark.real
@pytest.mark.parametrize(
    ('path', 'name', 'contig'),
    [
        ('genomes_bacteria/ecoli_k12_mg1655.NC_000913.3.fna.gz', 'ecoli', 'NC_000913.3'),
        ('genomes_yeast/saccer_chrXII.R64.fa.gz', 'yeast', 'NC_001144.5'),
    ],
)
def test_digests_are_those_of_the_real_records(real_data, path, name, contig):
    from genojax.data.formats import fasta

    (record,) = fasta.read(real_data / path)
    assert record.name == contig
    assert genome_sources.GENOMES[name].refget[contig] == record.stats.digest
