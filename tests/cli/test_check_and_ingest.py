"""The verbs check and ingest, from their arguments to what they print and raise."""

import json
import pathlib

import pytest

from genojax import errors
from genojax.cli import check, ingest

CASES = pathlib.Path(__file__).parents[1] / 'data' / 'cases'
HEADER = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\n'


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'in'
    folder.mkdir()
    (folder / 'a.fa').write_text('>c1\nACGTNGGCC\n')
    (folder / 'genomes.tsv').write_text(HEADER + 'x\ta.fa\t*\t\tno\tno\n')
    return folder


def test_check_prints_a_table_and_writes_json(folder, tmp_path, capsys):
    check.run([str(folder), '--json', str(tmp_path / 'out.json')])
    printed = capsys.readouterr().out
    assert 'c1' in printed and '75.00' in printed and 'not annotated' in printed
    listed = json.loads((tmp_path / 'out.json').read_text())
    assert listed['species'][0]['name'] == 'x'


def test_check_drafts_a_table(folder, capsys):
    (folder / 'genomes.tsv').unlink()
    with pytest.raises(errors.InputError, match='GX-GT01'):
        check.run([str(folder)])
    check.run([str(folder), '--draft-table'])
    drafted = capsys.readouterr().out
    assert drafted == HEADER + 'a\ta.fa\t*\t\tno\tno\n'


def test_check_reports_on_all_files_before_it_fails(folder, capsys):
    (folder / 'bad.fa').write_text('>a\nAC GT\n')
    (folder / 'bad.bed').write_text('c\t5\t1\n')
    paths = [str(folder / name) for name in ('bad.fa', 'bad.bed', 'a.fa')]
    with pytest.raises(errors.InputError, match='GX-FA07'):
        check.run(paths)
    printed = capsys.readouterr()
    assert 'genojax: error GX-BD01' in printed.err and 'c1' in printed.out


@pytest.mark.parametrize('more', [['--json', 'x.json'], ['--draft-table']])
def test_check_refuses_invalid_options(folder, more):
    with pytest.raises(errors.UsageError):
        check.run([str(folder / 'a.fa'), *more])


def test_ingest_prints_a_summary(folder, tmp_path, capsys):
    for status in ('written', 'up to date'):
        ingest.run([str(folder), '--out', str(tmp_path / 'out')])
        assert f'{status}; 1 species, 9 bases' in capsys.readouterr().out
    with pytest.raises(errors.UsageError, match='promoter'):
        ingest.run([str(folder), '--out', str(tmp_path / 'out'), '--promoter-span', '5'])


def test_sequence_files_that_the_table_does_not_name_are_noted(folder, tmp_path, capsys):
    """By check and by ingest, also when the shards are up to date; the shards are the same."""

    def printed():
        check.run([str(folder)])
        ingest.run([str(folder), '--out', str(tmp_path / 'out')])
        return capsys.readouterr().out.splitlines()

    assert not any('not in genomes.tsv' in line for line in printed())
    (folder / 'b.fasta.gz').write_text('')
    (folder / 'a.fa.fai').write_text('')
    assert printed().count('note: 1 sequence file is not in genomes.tsv: b.fasta.gz') == 2
    (folder / 'c.fna').write_text('>c\nACGT\n')
    lines = printed()
    assert lines.count('note: 2 sequence files are not in genomes.tsv: b.fasta.gz, c.fna') == 2
    assert any('up to date' in line for line in lines)


def test_ingest_says_what_is_not_shared_by_sequence_and_annotation(tmp_path, capsys):
    """As check does, and also when the shards are up to date."""
    for _ in range(2):
        ingest.run([str(CASES / 'names_differ'), '--out', str(tmp_path / 'out')])
        out = capsys.readouterr().out
        assert 'note: a.gtf: 2 of 3 contigs are not annotated (chrM, chrUn_KI270302v1)' in out
        assert '2 features are on 2 contigs that the sequence does not have (MT, KI27' in out
        assert 'chrM = MT' in out


def test_check_counts_rows_that_label_nothing_in_a_single_file(tmp_path, capsys):
    (tmp_path / 'a.bed').write_text('c\t1\t9\texon\nc\t1\t9\tTP1\nc\t1\t9\n')
    check.run([str(tmp_path / 'a.bed')])
    expected = 'note: 2 of 3 rows are of kinds that label nothing (no name 1, TP1 1)'
    assert expected in capsys.readouterr().out


@pytest.mark.parametrize('name', ['same.gtf', 'opposite.gtf', 'gff3.gff3'])
def test_a_transcript_at_two_places_whose_parts_alone_are_in_the_file(name, tmp_path, capsys):
    """The public report's case without its rows of transcripts: intron 2.00 %, not 69.00 %."""
    source = CASES / 'transcript_twice'
    rows = (source / name).read_text().splitlines(keepends=True)
    rows = [row for row in rows if row.split('\t')[2:3] not in (['transcript'], ['mRNA'])]
    (tmp_path / name).write_text(''.join(rows))
    (tmp_path / 'asm.fa').write_text((source / 'asm.fa').read_text())
    (tmp_path / 'genomes.tsv').write_text(HEADER + f'x\tasm.fa\t*\t{name}\tno\tno\n')
    check.run([str(tmp_path)])
    out = capsys.readouterr().out
    cells = out.splitlines()[1].split()
    assert cells[5:8] == ['4.00', '-', '2.00']
    agree = '1' if name == 'opposite.gtf' else '2'  # the bases are those of two forward places
    assert cells[-3:] == [agree, 'of', '2']
    assert '1 ids of transcripts or genes occur at several places (NM_001 ..)' in out
