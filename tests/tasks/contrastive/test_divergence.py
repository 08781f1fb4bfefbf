"""Offsets against a slow search, distances of simulated substitutions, levels of equal size."""

import numpy as np
import pytest

from genojax.tasks.contrastive import divergence
from tests.tasks.contrastive import small_genes

RNG = np.random.default_rng(4)


def test_the_best_offset_is_that_of_a_slow_search():
    a, b = RNG.integers(0, 5, 90), RNG.integers(0, 4, 70)
    b[10:60] = a[30:80]
    sequences = [a.astype(np.uint8), b.astype(np.uint8)]
    best = (-np.inf, 0.0)
    share = [np.bincount(x[x < 4], minlength=4) / (x < 4).sum() for x in (a, b)]
    chance = float(share[0] @ share[1])
    for offset in range(-89, 70):
        i = np.arange(max(0, -offset), min(90, 70 - offset))
        if len(i) < 35:
            continue
        equal = ((a[i] == b[i + offset]) & (a[i] < 4)).sum()
        surprise = (equal - len(i) * chance) / np.sqrt(len(i) * chance * (1 - chance))
        best = max(best, (surprise, equal / len(i)))
    found = divergence.Offsets(sequences).compare(np.array([0, 1]), np.array([1, 0]))
    np.testing.assert_allclose(found[0], best[0], rtol=1e-6)
    np.testing.assert_allclose(found[1], best[1], rtol=1e-6)


def test_distances_are_the_shares_of_substituted_bases():
    genes = small_genes.genes(5, length=900, rate=0.1)
    distance = divergence.species_distances(genes, np.arange(4))
    assert np.isnan(np.diag(distance)).all()
    np.testing.assert_array_equal(distance, distance.T)
    # Species n has 10 n % of other bases than the ancestor, which is species 0.
    np.testing.assert_allclose(distance[0, 1:], [0.1, 0.2, 0.3], atol=0.02)
    random = RNG.integers(0, 4, (2, 900)).astype(np.uint8)
    identity = divergence.Offsets(list(random)).compare(np.array([0]), np.array([1]))[1]
    assert 1 - identity[0] > 0.5


def test_levels_hold_equally_many_pairs():
    distance = np.full((9, 9), np.nan)
    upper = np.triu_indices(9, 1)
    distance[upper] = RNG.permutation(36) / 36
    distance.T[upper] = distance[upper]
    levels = divergence.levels(distance, 4)
    assert len(levels) == 4
    assert np.bincount(levels.level_SS[upper]).tolist() == [9, 9, 9, 9]
    assert (np.diag(levels.level_SS) == -1).all()
    for level in range(4):
        inside = distance[levels.level_SS == level]
        assert levels.edges[level] <= inside.min() <= inside.max() <= levels.edges[level + 1]


@pytest.mark.parametrize(('values', 'count'), [((), 0), ((0.3,), 1), ((0.3, 0.3, 0.3), 1)])
def test_few_or_equal_distances_are_few_levels(values, count):
    size = 2 if len(values) < 2 else 3
    distance = np.full((size, size), np.nan)
    upper = np.triu_indices(size, 1)
    distance[tuple(side[: len(values)] for side in upper)] = values
    levels = divergence.levels(distance, 4)
    assert len(levels) == count
    known = levels.level_SS[upper][: len(values)]
    assert (known == 0).all()
