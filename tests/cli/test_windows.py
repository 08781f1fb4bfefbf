"""`genojax windows`: the table of one species and of two, and what is refused."""

import pytest

from genojax import errors
from genojax.cli import windows
from genojax.data.formats import labelled_table
from tests.data.genomes import test_splice_windows as small


@pytest.fixture
def files(tmp_path):
    """A genome of three contigs with a gene each."""
    contigs = ('c', 'd', 'e')
    (tmp_path / 'g.fa').write_text(''.join(f'>{name}\n{small.text()}\n' for name in contigs))
    small.gff(tmp_path)
    lines = (tmp_path / 'a.gff3').read_text()
    other = (
        lines.replace('ID=g', 'ID=g{0}').replace('=t', '=t{0}').replace('Parent=g', 'Parent=g{0}')
    )
    text = ''.join(other.format(name).replace('c\tx', f'{name}\tx') for name in contigs)
    (tmp_path / 'genes.gff3').write_text(text)
    return [f'--fasta={tmp_path / "g.fa"}', f'--annotation={tmp_path / "genes.gff3"}']


def test_the_table_is_what_a_classification_task_reads(files, tmp_path, capsys):
    out = tmp_path / 'donors.tsv'
    windows.run([*files, '--site=donor', '--flank=20', f'--out={out}'])
    table = labelled_table.read(out)
    assert {len(codes) for codes in table.sequences} == {42}
    assert sorted(set(table.split.tolist())) == ['test', 'train', 'validation']
    assert table.labels.sum() == 6 and set(table.extra['species'].tolist()) == {'g'}
    printed = capsys.readouterr().out
    assert 'train              2 donors' in printed and str(out) in printed


def test_species_have_names_and_two_files_each(files, tmp_path):
    out = tmp_path / 'acceptors.tsv'
    names = ['--species=one', '--species=two']
    windows.run([*files, *files, *names, '--site=acceptor', '--test=one:c,two:e', f'--out={out}'])
    table = labelled_table.read(out)
    rows = zip(table.extra['species'], table.extra['contig'], table.split, strict=True)
    assert {(s, c) for s, c, split in rows if split == 'test'} == {('one', 'c'), ('two', 'e')}
    with pytest.raises(errors.UsageError, match='two species have one name. Fix: --species=NAME'):
        windows.run([*files, *files, '--site=donor', f'--out={out}'])
    with pytest.raises(errors.UsageError, match='as many --fasta'):
        windows.run([*files, *names, '--site=donor', f'--out={out}'])


def test_genes_elsewhere_and_unannotated_contigs_are_counted(files, tmp_path, capsys):
    path = tmp_path / 'genes.gff3'
    text = path.read_text()
    path.write_text(text.replace('e\tx', 'MT\tx'))
    with open(tmp_path / 'g.fa', 'a') as file:
        file.write(f'>c2\n{small.text()}\n>chrM\n{small.text()}\n')
    names = ['--test=c', '--validation=d']
    with pytest.raises(errors.UsageError):  # no contig is left for train
        windows.run([*files, '--site=donor', *names, f'--out={tmp_path / "out.tsv"}'])
    out = capsys.readouterr().out
    assert 'g: left out: 1 genes on contigs that the FASTA file does not have' in out
    assert '3 of 5 contigs are not annotated (e, c2, chrM)' in out
    assert 'contigs that the sequence does not have (MT)' in out and 'chrM = MT' in out
