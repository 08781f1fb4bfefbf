"""Bases of intervals: joined in genomic order, on either strand; mistakes with a suggestion."""

import pytest

from genojax import dna, errors
from genojax.data.formats import genome_table
from genojax.tasks.contrastive.genes import sequences

GENOME = 'AACCGGTTACGTAC'
WHERE = {'path': 'genes.tsv', 'line': 7}


@pytest.fixture
def genome(tmp_path):
    (tmp_path / 'a.fa').write_text(f'>chr1\n{GENOME}\n>chr2\nACGT\n')
    columns = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked'
    (tmp_path / 'genomes.tsv').write_text(f'{columns}\nmouse\ta.fa\tchr1\t\tno\tno\n')
    return sequences.GenomeSequences(genome_table.read(tmp_path))


def test_parts_are_joined_in_genomic_order_and_then_reversed(genome):
    spans = [(8, 12), (0, 3)]
    assert dna.decode(genome.read('mouse', 'chr1', spans, '+', WHERE)) == 'AACACGT'
    assert dna.decode(genome.read('mouse', 'chr1', spans, '-', WHERE)) == 'ACGTGTT'


@pytest.mark.parametrize(
    ('species', 'contig', 'words'),
    [('mouze', 'chr1', "did you mean 'mouse'"), ('mouse', 'chr2', "did you mean 'chr1'")],
)
def test_what_the_table_does_not_list_is_named_with_its_line(genome, species, contig, words):
    with pytest.raises(errors.InputError, match=words) as caught:
        genome.read(species, contig, [(0, 2)], '+', WHERE)
    assert caught.value.code == 'OR01' and 'genes.tsv:7' in str(caught.value)
