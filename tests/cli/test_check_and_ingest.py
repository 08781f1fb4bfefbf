"""The verbs check and ingest, from their arguments to what they print and raise."""

import json

import pytest

from genojax import errors
from genojax.cli import check, ingest

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
