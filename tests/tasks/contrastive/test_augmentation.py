"""Crops, strands and substitutions: rates, places, and functions of (seed, row) alone."""

import numpy as np
import pytest

from genojax import dna
from genojax.tasks.contrastive import augmentation
from genojax.variants.consequences import translation

CODES = np.random.default_rng(0).integers(0, 4, 3_000).astype(np.uint8)


def row(number=0, length=3_000, pair=0, mutate=True, seed=0, **options):
    config = augmentation.AugmentationConfig(**options)
    return augmentation.training_row(CODES, length, config, seed, number, pair=pair, mutate=mutate)


def test_a_row_is_the_gene_unless_the_config_changes_it():
    np.testing.assert_array_equal(row(), CODES)
    np.testing.assert_array_equal(row(mutate=False, substitutions=0.5, synonymous=1.0), CODES)


def test_crops_of_a_pair_are_at_one_relative_place_and_of_all_places_uniform():
    np.testing.assert_array_equal(augmentation.crop(CODES, 100, 0.5), CODES[1_450:1_550])
    np.testing.assert_array_equal(augmentation.crop(CODES, 100, 1.0, 40), CODES[2_900:])
    np.testing.assert_array_equal(augmentation.crop(CODES[:50], 100, 0.3, 9), CODES[:50])
    np.testing.assert_array_equal(row(4, 90, pair=7), row(5, 90, pair=7))
    ramp = np.repeat(np.arange(4), 1_000).astype(np.uint8)
    config = augmentation.AugmentationConfig()
    starts = [
        float(augmentation.training_row(ramp, 10, config, 0, 0, pair=p, mutate=False).mean())
        for p in range(400)
    ]
    quarters = np.histogram(starts, [0, 1, 2, 3, 4])[0]
    assert quarters.min() > 60  # of 100 expected
    moved = {len(row(n, 100, pair=1, shift=20)) for n in range(20)}
    assert moved == {100}
    assert len({row(n, 100, pair=1, shift=20).tobytes() for n in range(20)}) > 10


def test_half_of_the_rows_are_read_from_the_other_strand():
    flipped = [not np.array_equal(row(n, reverse_complement=True), CODES) for n in range(200)]
    assert 70 < sum(flipped) < 130
    other = row(int(np.argmax(flipped)), reverse_complement=True)
    np.testing.assert_array_equal(other, dna.reverse_complement(CODES))


def test_substitutions_have_their_rate_and_two_thirds_are_transitions():
    new = augmentation.substituted(CODES, 0.3, 0, 0)
    changed = new != CODES
    assert changed.mean() == pytest.approx(0.3, abs=0.03)
    transitions = (new[changed] ^ CODES[changed]) == 2  # A-G and C-T
    assert transitions.mean() == pytest.approx(2 / 3, abs=0.05)
    rates = [(row(n, substitutions=0.4) != CODES).mean() for n in range(60)]
    assert max(rates) < 0.44 and np.mean(rates) == pytest.approx(0.2, abs=0.05)
    unknown = np.full(50, dna.UNKNOWN, np.uint8)
    np.testing.assert_array_equal(augmentation.substituted(unknown, 1.0, 0, 0), unknown)


@pytest.mark.parametrize(
    ('code', 'differs'), [(1, {'ATA': 'I', 'AGA': 'R'}), (2, {'ATA': 'M', 'AGA': '*'})]
)
def test_synonymous_codons_keep_the_protein(code, differs):
    letters = 'TCAG'
    codons = [a + b + c for a in letters for b in letters for c in letters]
    amino = dict(zip(codons, translation.GENETIC_CODES[code], strict=True))
    assert {codon: amino[codon] for codon in differs} == differs
    gene = ''.join(codons) * 3
    new = dna.decode(augmentation.synonymous(dna.encode(gene), 1.0, code, 0, 0))
    old_codons = [gene[i : i + 3] for i in range(0, len(gene), 3)]
    new_codons = [new[i : i + 3] for i in range(0, len(new), 3)]
    assert [amino[x] for x in new_codons] == [amino[x] for x in old_codons]
    for old, codon in zip(old_codons, new_codons, strict=True):
        alone = list(amino.values()).count(amino[old]) == 1 or amino[old] == '*'
        assert (old == codon) == alone
    with_n = dna.encode('ATNGC')
    np.testing.assert_array_equal(augmentation.synonymous(with_n, 1.0, code, 0, 0), with_n)


@pytest.mark.parametrize(
    'options', [{'substitutions': 1.5}, {'synonymous': -0.1}, {'shift': -1}, {'genetic_code': 3}]
)
def test_a_value_out_of_range_is_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        augmentation.AugmentationConfig(**options)
