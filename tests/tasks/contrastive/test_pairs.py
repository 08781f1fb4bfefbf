"""Pairs: types by weight, species by share, partners of the family, negatives that are alike."""

import dataclasses

import numpy as np
import pytest

from genojax.tasks.contrastive import pairs
from genojax.tasks.contrastive.genes import rows
from tests.tasks.contrastive import small_genes

GENES = small_genes.genes(10)
EQUAL = dict.fromkeys(small_genes.SPECIES, 0.25)


def sampler(genes=GENES, shares=EQUAL, length=400, chosen=None, **weights):
    chosen = np.arange(len(genes)) if chosen is None else chosen
    weights = pairs.PairWeights(**{'orthologue': 0.0, 'splice': 0.0, **weights})
    return pairs.PairSampler(genes, chosen, shares, weights, length, 0)


def test_orthologues_are_of_one_family_and_two_species():
    first, second, kind = sampler(orthologue=1.0).draw(np.arange(500))
    assert set(kind) == {0}
    assert (GENES.family_N[first] == GENES.family_N[second]).all()
    assert (GENES.species_N[first] != GENES.species_N[second]).all()
    assert len(set(zip(first.tolist(), second.tolist(), strict=True))) > 90  # of 120


def test_first_rows_follow_the_shares_to_the_draw_and_visit_every_gene_once_per_epoch():
    shares = {'alpha': 0.5, 'beta': 0.3, 'gamma': 0.2, 'delta': 0.0}
    one = sampler(shares=shares, orthologue=1.0)
    first, second, _ = one.draw(np.arange(10_000))
    np.testing.assert_allclose(np.bincount(GENES.species_N[first]), [5_000, 3_000, 2_000], atol=1)
    assert set(GENES.species_N[second]) == {0, 1, 2}  # a species without a share is no partner
    alpha = first[GENES.species_N[first] == 0]
    assert all(len(set(alpha[i : i + 10])) == 10 for i in range(0, 100, 10))


def test_types_are_drawn_by_weight_among_those_that_a_gene_has():
    table = [
        (family, species, '', GENES.sequences[0], '')
        for family, species in (('x', 'a'), ('x', 'a'), ('x', 'b'), ('y', 'a'), ('z', 'b'))
    ]
    genes = rows.build(table, '')
    equal = {'a': 0.5, 'b': 0.5}
    one = sampler(genes, equal, orthologue=2.0, splice=1.0, self=1.0)
    first, second, kind = one.draw(np.arange(8_000))
    of_first = kind[first == 0]
    assert np.bincount(of_first) / len(of_first) == pytest.approx([0.5, 0.25, 0.25], abs=0.05)
    assert set(second[(first == 0) & (kind == 1)]) == {1}  # its other transcript
    assert (second[kind == 2] == first[kind == 2]).all()
    assert set(kind[first == 3]) == {2}  # no orthologue and no other transcript
    drawn = np.bincount(kind) / len(kind)
    expected = one.expected_types()
    assert list(expected) == list(pairs.TYPES)
    assert drawn == pytest.approx(list(expected.values()), abs=0.02)


def test_rows_without_a_partner_begin_no_pair():
    chosen = np.array([0, 1, 2, 3, 4, 9])  # one family whole, one row each of two others
    one = sampler(chosen=chosen, orthologue=1.0)
    assert one.anchors.tolist() == [0, 1, 2, 3]
    one = sampler(shares=EQUAL, chosen=np.array([0, 1, 6]), orthologue=1.0)
    assert one.left_out == ['gamma', 'delta']


def test_matched_negatives_are_of_other_families_and_alike():
    rng = np.random.default_rng(1)
    table = []
    for family in range(40):
        gc, length = rng.uniform(0.2, 0.8), rng.integers(100, 900)
        for species in 'ab':
            codes = rng.choice(4, length, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2])
            table.append((str(family), species, '', codes.astype(np.uint8), ''))
    genes = rows.build([(*row[:2], str(n), *row[3:]) for n, row in enumerate(table)], '')
    one = sampler(genes, {'a': 0.5, 'b': 0.5}, 1_000, orthologue=1.0)
    anchors = np.repeat(np.arange(80), 5)
    negatives = one.matched(np.arange(400), anchors)
    assert (genes.family_N[negatives] != genes.family_N[anchors]).all()
    gc = pairs.gc_shares(genes)
    random = rng.permutation(negatives)
    for value in (gc, np.log(genes.lengths)):
        apart = np.abs(value[negatives] - value[anchors]).mean()
        assert apart < 0.5 * np.abs(value[random] - value[anchors]).mean()
    assert len(set(negatives[:5])) > 1


def test_draws_depend_on_the_number_alone():
    one = sampler(orthologue=1.0, self=0.5)
    whole = one.draw(np.arange(300))
    np.testing.assert_equal(one.draw(np.arange(200, 210)), [x[200:210] for x in whole])


@pytest.mark.parametrize('values', [(0.0, 0.0, 0.0), (-1.0, 1.0, 1.0), (np.nan, 1.0, 1.0)])
def test_weights_are_numbers(values):
    with pytest.raises(ValueError, match='not all 0'):
        dataclasses.replace(pairs.PairWeights(), **dict(zip(pairs.TYPES, values, strict=True)))
