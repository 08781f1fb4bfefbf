"""Tables of genes: sequences or intervals, and every bad cell with its line and fix."""

import numpy as np
import pytest

from genojax import dna, errors
from genojax.tasks.contrastive.genes import table

GENOME = 'ACGTTGCAACCGGTTAACGT'


@pytest.fixture
def genomes(tmp_path):
    (tmp_path / 'a.fa').write_text(f'>c1\n{GENOME}\n')
    (tmp_path / 'b.fa').write_text(f'>c1\n{GENOME[::-1]}\n')
    columns = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked'
    rows = ['a\ta.fa\tc1\t\tyes\tno', 'b\tb.fa\tc1\t\tno\tno']
    (tmp_path / 'genomes.tsv').write_text('\n'.join([columns, *rows]) + '\n')
    return tmp_path


def write(folder, *lines):
    path = folder / 'genes.tsv'
    path.write_text('\n'.join(lines) + '\n')
    return str(path)


def test_rows_have_families_species_splits_and_transcripts(tmp_path):
    path = write(
        tmp_path, 'Orthogroup\tspecies\ttranscript\tsequence\tsplit', 'x\ta\tt1\tACGT\ttrain',
        'x\ta\tt2\tACG\ttrain', 'x\tb\tt1\tACGA\tdev', 'y\tb\tt1\tTTTT\ttest',
    )  # fmt: skip
    genes = table.read(path)
    assert genes.families == ('x', 'y') and genes.species == ('a', 'b')
    assert genes.family_N.tolist() == [0, 0, 0, 1] and genes.species_N.tolist() == [0, 0, 1, 1]
    assert genes.gene_N.tolist() == [0, 0, 1, 2]  # the first two are transcripts of one gene
    assert genes.split.tolist() == ['train', 'train', 'validation', 'test']
    assert [dna.decode(codes) for codes in genes.sequences] == ['ACGT', 'ACG', 'ACGA', 'TTTT']


def test_intervals_are_cut_from_their_strand_and_across_the_origin(genomes):
    path = write(
        genomes, 'gene\tspecies\tcontig\tstart\tend\tstrand', 'x\ta\tc1\t2\t6\t+',
        'x\tb\tc1\t2\t6\t-', 'y\ta\tc1\t18\t22\t+',
    )  # fmt: skip
    genes = table.read(path, str(genomes))
    other = dna.encode(GENOME[::-1])
    assert dna.decode(genes.sequences[0]) == GENOME[2:6]
    np.testing.assert_array_equal(genes.sequences[1], dna.reverse_complement(other[2:6]))
    assert dna.decode(genes.sequences[2]) == GENOME[18:] + GENOME[:2]


HEAD = 'family\tspecies\tsequence'
PLACES = 'family\tspecies\tcontig\tstart\tend\tstrand'


@pytest.mark.parametrize(
    ('lines', 'code', 'words'),
    [
        (['family\tsequence', 'x\tACGT'], 'LB01', "'species'"),
        (['fam\tspecies\tsequence', 'x\ta\tACGT'], 'LB01', 'data.family_column=fam'),
        (['family\tspecies', 'x\ta'], 'LB01', "'sequence'"),
        (['family\tspecies\tcontig\tstart', 'x\ta\tc1\t2'], 'LB01', "'end', 'strand'"),
        ([HEAD], 'LB03', 'no rows'),
        ([HEAD, 'x\ta\t'], 'LB03', 'line 2|:2'),
        ([HEAD, '\ta\tACGT'], 'LB03', 'the family is empty'),
        ([HEAD, 'x\ta\tACUT'], 'LB04', 'rna=True'),
        ([f'{HEAD}\tsplit', 'x\ta\tACGT\tlast'], 'LB08', 'last'),
        ([HEAD, 'x\ta\tACGT', 'y\tb\tACGT'], 'OR02', 'none of 2 families'),
        ([PLACES, 'x\tc\tc1\t0\t4\t+'], 'OR01', "no species 'c'"),
        ([PLACES, 'x\ta\tc2\t0\t4\t+'], 'OR01', 'there are c1'),
        ([PLACES, 'x\tb\tc1\t18\t22\t+'], 'OR01', 'circular=yes'),
        ([PLACES, 'x\tb\tc1\t4\t4\t+'], 'OR01', 'not inside'),
        ([PLACES, 'x\ta\tc1\tone\t4\t+'], 'OR01', 'whole numbers'),
        ([PLACES, 'x\ta\tc1\t0\t4\t.'], 'OR01', 'strand'),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_fix(genomes, lines, code, words):
    with pytest.raises(errors.InputError, match=words) as caught:
        table.read(write(genomes, *lines), str(genomes))
    assert caught.value.code == code and str(genomes) in str(caught.value)


def test_intervals_need_genomes(genomes):
    with pytest.raises(errors.UsageError, match='data.genomes=DIR'):
        table.read(write(genomes, PLACES, 'x\ta\tc1\t0\t4\t+'))
