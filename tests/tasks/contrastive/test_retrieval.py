"""Ranks against a slow count, chance against many random orders, ties without a favourite."""

import numpy as np
import pytest

from genojax.tasks.contrastive import retrieval

RNG = np.random.default_rng(2)
FAMILY = np.array([0, 1, 2, 0, 1, 2, 2, 0, 0, 3, 1, 3])
SPECIES = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 0])
EVERY = np.arange(12)


def test_scores_are_those_of_a_slow_count():
    similarity = RNG.normal(size=(12, 12))
    queries = np.array([0, 1, 2, 4, 7, 9])
    one = retrieval.Retrieval(FAMILY, SPECIES, queries, EVERY)
    ranks = one.rank(lambda q, c: similarity[np.ix_(q, c)])
    items = list(zip(one.items.query.tolist(), one.items.species.tolist(), strict=True))
    assert len(items) == len(set(items)) == 10  # family 2 has none in species 2, 3 none in 1
    for number, (query, species) in enumerate(items):
        others = np.flatnonzero(SPECIES == species)
        order = others[np.argsort(-similarity[query, others])]
        places = 1 + np.flatnonzero(FAMILY[order] == FAMILY[query])
        precision = np.mean([(i + 1) / place for i, place in enumerate(places)])
        assert ranks.recall[number].tolist() == [places[0] <= 1, places[0] <= 10]
        assert ranks.precision[number] == pytest.approx(precision)
        assert one.items.candidates[number] == len(others)
        assert one.items.relevant[number] == len(places)


def test_chance_is_the_mean_of_random_orders():
    family, species = np.repeat(np.arange(7), 4), np.tile([0, 1, 1, 1], 7)
    family[1] = 5  # so that the families differ in size
    every = np.arange(28)
    one = retrieval.Retrieval(family, species, every, every)
    many = [one.rank(lambda q, c: RNG.normal(size=(len(q), len(c)))) for _ in range(3_000)]
    chance = one.by_chance()
    recall = np.mean([ranks.recall for ranks in many], axis=0)
    precision = np.mean([ranks.precision for ranks in many], axis=0)
    np.testing.assert_allclose(chance.recall, recall, atol=0.05)
    np.testing.assert_allclose(chance.precision, precision, atol=0.03)
    assert np.abs(chance.precision - precision).mean() < 0.006


def test_ties_are_broken_as_by_chance_and_alike_for_all():
    family, species = np.tile(np.arange(50), 2), np.repeat([0, 1], 50)
    every = np.arange(100)
    seeds = [retrieval.Retrieval(family, species, every, every, seed) for seed in range(20)]
    constant = [one.rank(lambda q, c: np.zeros((len(q), len(c)))) for one in seeds]
    recall = np.mean([ranks.recall[:, 1].mean() for ranks in constant])
    assert recall == pytest.approx(0.2, abs=0.03)
    again = seeds[0].rank(lambda q, c: np.ones((len(q), len(c))))
    np.testing.assert_array_equal(again.precision, constant[0].precision)


def test_cosines_about_a_centre():
    x, centre = RNG.normal(size=(6, 3)), RNG.normal(size=3)
    rows = np.arange(6)
    y = x - centre
    expected = (y @ y.T) / np.outer(np.linalg.norm(y, axis=1), np.linalg.norm(y, axis=1))
    np.testing.assert_allclose(retrieval.cosine(x, centre)(rows, rows), expected)
    assert np.isfinite(retrieval.cosine(np.zeros((2, 3)))(rows[:2], rows[:2])).all()
