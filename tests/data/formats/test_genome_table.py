"""The genome table: every mistake has its own message, and a folder without one gets a draft."""

import pytest

from genojax import errors
from genojax.data.formats import genome_table, table_draft

HEADER = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'a.fa').write_text('>chr1\nACGT\n>chr2\nACGG\n')
    (tmp_path / 'b.fa').write_text('>chr1\nACCC\n')
    (tmp_path / 'a.gff3').write_text('chr1\ts\texon\t1\t2\t.\t+\t.\tID=a\n')
    return tmp_path


def _write(folder, *rows: str, header: str = HEADER):
    (folder / 'genomes.tsv').write_text('\n'.join([header, *rows]) + '\n')


def _names(genomes):
    names = {'a.fa': ('chr1', 'chr2'), 'b.fa': ('chr1',)}
    return {path: names[path.name] for path in genomes.fasta_files}


def test_a_table_is_read(folder):
    _write(
        folder,
        '# a comment',
        'x\ta.fa\tchr1\ta.gff3\tyes\tno',
        '',
        'y\tb.fa\t*\t\tno\tyes\theld_out',
        'x\ta.fa\tchr2\t\tno\tno\ttrain\r',
        header=HEADER + '\tsplit',
    )
    table = genome_table.read(folder)
    assert table.species == ('x', 'y')
    x, y, x2 = table.rows
    assert (x.fasta, x.contigs, x.annotation) == (folder / 'a.fa', ('chr1',), folder / 'a.gff3')
    assert (x.circular, x.softmasked, x.split, x.line) == (True, False, '', 3)
    assert (y.contigs, y.annotation, y.softmasked, y.split) == ((), None, True, 'test')
    assert (x2.split, x2.line) == ('train', 6)
    table.check_contigs(_names(table))
    assert table.contigs_of(y, ('chr1',)) == ('chr1',)
    assert genome_table.read(folder / 'genomes.tsv') == table


@pytest.mark.parametrize(
    ('word', 'split'), [('train', 'train'), ('test', 'test'), ('held_out', 'test'), ('', '')]
)
def test_each_word_of_the_split_column_means_one_part(folder, word, split):
    _write(folder, f'x\ta.fa\tchr1\t\tno\tno\t{word}', header=HEADER + '\tsplit')
    assert genome_table.read(folder).rows[0].split == split


X = 'x\ta.fa\tchr1\t\tno\tno'
BAD = {
    'unknown column': ([X], HEADER.replace('circular', 'circlar'), 'GT02', 1, "did you mean 'circular'"),
    'missing column': ([X], 'species\tfasta', 'GT02', 1, "'contigs' is missing"),
    'column twice': ([X], HEADER + '\tfasta', 'GT02', 1, 'twice'),
    'no rows': ([], HEADER, 'GT02', None, 'no rows'),
    'too few cells': (['x\ta.fa\tchr1'], HEADER, 'GT03', 2, '3 cells'),
    'too many cells': ([X + '\tmore'], HEADER, 'GT03', 2, '7 cells'),
    'spaces': (['x a.fa chr1 - no no'], HEADER, 'GT03', 2, '1 cells'),
    'missing FASTA': ([X.replace('a.fa', 'aa.fa')], HEADER, 'GT04', 2, "did you mean 'a.fa'"),
    'missing annotation': (['x\ta.fa\tchr1\tz.gff3\tno\tno'], HEADER, 'GT04', 2, 'annotation'),
    'circular': (['x\ta.fa\tchr1\t\tmaybe\tno'], HEADER, 'GT05', 2, "circular is 'maybe'"),
    'softmasked': (['x\ta.fa\tchr1\t\tno\tYes'], HEADER, 'GT05', 2, "softmasked is 'Yes'"),
    'contig not there': ([X.replace('chr1', '1')], HEADER, 'GT06', 2, "did you mean 'chr1'"),
    'contig twice in a row': ([X.replace('chr1', 'chr1,chr1')], HEADER, 'GT07', 2, 'listed twice'),
    'contig twice in a species': ([X, X], HEADER, 'GT07', 3, 'lines 2 and 3'),
    'star and name': ([X, X.replace('chr1', '*')], HEADER, 'GT07', 3, 'lines 2 and 3'),
    'one name from two files': ([X, X.replace('a.fa', 'b.fa')], HEADER, 'GT07', 3, 'twice'),
    'species name': ([X.replace('x', 'Homo sapiens', 1)], HEADER, 'GT08', 2, 'Homo_sapiens'),
    'species as path': ([X.replace('x', '../x', 1)], HEADER, 'GT08', 2, ''),
    'no species': ([X.replace('x', '', 1)], HEADER, 'GT08', 2, ''),
    'split': ([X + '\tholdout'], HEADER + '\tsplit', 'GT09', 2, "'holdout'"),
    'empty contig': ([X.replace('chr1', 'chr1,')], HEADER, 'GT10', 2, 'empty contig'),
    'no FASTA': ([X.replace('a.fa', '')], HEADER, 'GT10', 2, 'fasta cell'),
    'two species': ([X, X.replace('x', 'y', 1)], HEADER, 'FA22', 3, "'x' (line 2) and 'y'"),
}  # fmt: skip


@pytest.mark.parametrize('case', BAD)
def test_a_mistake_is_one_line_that_says_where(folder, case):
    rows, header, code, line, words = BAD[case]
    _write(folder, *rows, header=header)
    with pytest.raises(errors.InputError) as caught:
        table = genome_table.read(folder)
        table.check_contigs(_names(table))
    assert (caught.value.code, caught.value.line) == (code, line)
    assert words in str(caught.value) and 'Fix: ' in str(caught.value)


def test_every_code_of_the_family_is_raised_in_these_tests():
    covered = {case[2] for case in BAD.values()} | {'GT01'}
    assert {code for code in errors.EXPLANATIONS if code.startswith('GT')} <= covered


def test_one_sequence_under_two_species_is_refused(folder):
    _write(folder, X, 'y\tb.fa\t*\t\tno\tno')
    table = genome_table.read(folder)
    table.check_digests([('x', 'chr1', 'd'), ('x', 'chr2', 'd'), ('y', 'chr1', 'e')])
    with pytest.raises(errors.InputError, match='GX-FA22'):
        table.check_digests([('x', 'chr1', 'd'), ('y', 'chr1', 'd')])


def test_a_folder_without_a_table_gets_a_draft_that_works(folder):
    (folder / 'soft.mito.fna').write_text('>m Homo sapiens mitochondrion\nACgtacgtAC\n')
    (folder / 'bad.fa').write_text('>a\nAC GT\n')
    with pytest.raises(errors.InputError) as caught:
        genome_table.read(folder)
    assert caught.value.code == 'GT01'
    drafted = table_draft.draft(folder, genome_table.COLUMNS)
    assert drafted in str(caught.value)
    rows = drafted.splitlines()
    assert rows[0] == HEADER
    assert 'a\ta.fa\t*\ta.gff3\tno\tno' in rows
    assert 'soft_mito\tsoft.mito.fna\t*\t\tyes\tyes' in rows
    assert any(row.startswith('# bad.fa: GX-FA07') for row in rows)
    (folder / 'genomes.tsv').write_text(drafted)
    assert set(genome_table.read(folder).species) == {'a', 'b', 'soft_mito'}


def test_a_folder_without_genomes_says_so(tmp_path):
    with pytest.raises(errors.InputError, match='GX-GT01') as caught:
        genome_table.read(tmp_path)
    assert 'draft one from' in str(caught.value)
    with pytest.raises(errors.InputError, match='GX-FA20'):
        genome_table.read(tmp_path / 'missing')


@pytest.mark.real
def test_the_real_table(real_data):
    table = genome_table.read(real_data / 'embed_default')
    assert len(table.rows) == 18 and len(table.species) == 17
    assert table.species[0] == 'human' and table.species[-1] == 'mycoplasma'
