"""A drafted genome table names the files of a directory and what their first bases show."""

import pytest

from genojax.data.formats import genome_table, table_draft


def _draft(folder):
    return table_draft.draft(folder, genome_table.COLUMNS)


def test_a_draft_is_read_back_as_a_table(tmp_path):
    (tmp_path / 'a.fa').write_text('>c\nACGT\n')
    (tmp_path / 'a.gff3').write_text('c\ts\texon\t1\t2\t.\t+\t.\tID=x\n')
    (tmp_path / 'b.fasta').write_text('>d mitochondrion\nACGTacgt\n')
    (tmp_path / 'notes.txt').write_text('nothing\n')
    (tmp_path / genome_table.NAME).write_text(_draft(tmp_path))
    a, b = genome_table.read(tmp_path).rows
    assert (a.species, a.annotation.name, a.circular, a.softmasked) == ('a', 'a.gff3', False, False)
    assert (b.species, b.annotation, b.circular, b.softmasked) == ('b', None, True, True)


@pytest.mark.parametrize(
    ('names', 'annotation'),
    [
        (['a.gtf', 'a.bed'], 'a.gtf'),  # GFF3 before GTF before BED
        (['a.bed', 'a.gff3'], 'a.gff3'),
        (['a.genes.gff3', 'a.bed'], 'a.bed'),  # the same stem before a longer one
        (['other.gff3'], ''),
    ],
)
def test_the_best_annotation_of_the_same_stem_is_chosen(tmp_path, names, annotation):
    (tmp_path / 'a.fa').write_text('>c\nACGT\n')
    for name in names:
        (tmp_path / name).write_text('')
    assert _draft(tmp_path).splitlines()[1].split('\t')[3] == annotation


def test_no_fasta_file_makes_no_draft(tmp_path):
    (tmp_path / 'a.gff3').write_text('')
    assert _draft(tmp_path) == ''


def test_a_file_with_a_mistake_is_a_comment(tmp_path):
    (tmp_path / 'a.fa').write_text('>c\nAC GT\n')
    (line,) = _draft(tmp_path).splitlines()[1:]
    assert line.startswith('# a.fa: GX-FA07')
