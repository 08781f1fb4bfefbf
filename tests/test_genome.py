"""Intervals and variants: coordinates, validation, and the one shift from VCF."""

import pytest

from genojax import genome


def test_an_interval_is_half_open():
    interval = genome.Interval('chr1', 10, 12, '-')
    assert len(interval) == 2
    assert len(genome.Interval('chr1', 5, 5)) == 0


@pytest.mark.parametrize(
    ('other', 'expected'),
    [
        (('chr1', 12, 15), False),  # adjacent intervals share no base
        (('chr1', 5, 10), False),
        (('chr1', 11, 12), True),
        (('chr1', 0, 100), True),
        (('chr2', 10, 12), False),
    ],
)
def test_intervals_overlap_where_they_share_a_base(other, expected):
    interval, other = genome.Interval('chr1', 10, 12, '-'), genome.Interval(*other)
    assert interval.overlaps(other) is expected
    assert other.overlaps(interval) is expected


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('chr1', -1, 3), '0 <= start <= end'),
        (('chr1', 4, 3), '0 <= start <= end'),
        (('chr1', 1, 3, '?'), "strand '?'"),
    ],
)
def test_an_invalid_interval_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        genome.Interval(*arguments)


@pytest.mark.parametrize(
    ('row', 'interval', 'is_snv'),
    [
        (('chr1', 1, 'a', 'g'), ('chr1', 0, 1), True),
        (('chr1', 101, 'AC', 'A'), ('chr1', 100, 102), False),  # deletion
        (('chr1', 101, 'A', 'ACGT'), ('chr1', 100, 101), False),  # insertion
        (('chr1', 101, 'AC', 'GT'), ('chr1', 100, 102), False),
    ],
)
def test_a_vcf_position_is_shifted_by_one(row, interval, is_snv):
    variant = genome.Variant.from_vcf(*row)
    assert variant.position == row[1] - 1
    assert (variant.reference, variant.alternate) == (row[2].upper(), row[3].upper())
    assert variant.interval() == genome.Interval(*interval)
    assert variant.is_snv is is_snv
    assert variant == genome.Variant(row[0], row[1] - 1, row[2].upper(), row[3].upper())


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('chr1', -1, 'A', 'C'), 'below 0'),
        (('chr1', 3, 'A', 'A'), "both 'A'"),
        (('chr1', 3, '', 'A'), "reference allele ''"),
        (('chr1', 3, 'A', ''), "alternate allele ''"),
        (('chr1', 3, 'A', 'c'), "alternate allele 'c'"),
        (('chr1', 3, 'A', '<DEL>'), 'alternate allele .* not a sequence of A, C, G, T and N'),
        (('chr1', 3, 'A', '*'), 'alternate allele'),
        (('chr1', 3, 'A', '.'), 'alternate allele'),
    ],
)
def test_an_invalid_variant_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        genome.Variant(*arguments)


def test_a_vcf_position_of_zero_is_refused():
    with pytest.raises(ValueError, match='VCF position 0'):
        genome.Variant.from_vcf('chr1', 0, 'A', 'C')


def test_variants_sort_by_contig_and_position():
    second, first = genome.Variant('chr1', 7, 'A', 'C'), genome.Variant('chr1', 2, 'T', 'C')
    assert sorted([second, first]) == [first, second]


def test_refget_digest_of_the_specification():
    # The example of the GA4GH refget specification 2.0.
    assert genome.refget_digest(b'ACGT') == 'SQ.aKF498dAxcJAqme6QYQ7EZ07-fiw8Kw2'


@pytest.mark.parametrize('name', ['chrM', 'MT', 'Mito', 'ChrC', 'Pt', 'chloroplast'])
def test_contigs_are_called_like_organelles(name):
    assert genome.is_organelle(name) and not genome.is_organelle(f'{name}_1')


@pytest.mark.parametrize('name', ['C', 'chr1', 'I', 'chrMito2', 'NC_001328.1', ''])
def test_other_names_are_not_those_of_organelles(name):
    assert not genome.is_organelle(name)
