"""The search with every k-mer finds what sampled seeds find, and more distant homologues."""

import numpy as np

from genojax.data.genomes import assemblies, interval_sets
from genojax.data.splits.homology import exhaustive, named_genes, relation, sketches


def test_both_searches_agree_on_close_homologues():
    random = np.random.default_rng(0)
    a, b = (random.integers(0, 4, 60_000).astype(np.uint8) for _ in range(2))
    for at, rate in ((5_000, 0.05), (25_000, 0.08), (45_000, 0.3)):
        hit = random.random(2_000) < rate
        b[at : at + 2_000] = np.where(hit, (a[at : at + 2_000] + 1) % 4, a[at : at + 2_000])
    corpus = assemblies.Corpus(
        [assemblies.Genome.from_arrays(n, ['c'], [c]) for n, c in zip('ab', (a, b), strict=True)]
    )
    axis = interval_sets.Axis(corpus)
    every = relation.widened(axis, exhaustive.find(axis, np.arange(2), []), exhaustive.MARGIN)
    sampled = relation.widened(axis, sketches.find(axis)[0], sketches.MARGIN)
    sets = [interval_sets.union(np.stack([m.x0, m.x1], axis=1)) for m in (every, sampled)]
    for at in (5_000, 25_000):
        copy = axis.spans([0], [at], [at + 2_000])
        for matched in sets:
            assert interval_sets.size(interval_sets.subtract(copy, matched)) == 0
    assert named_genes.spans(corpus, axis, [])[0].shape == (0, 2)


def test_a_relation_read_backwards_is_itself():
    corpus = assemblies.Corpus(
        [assemblies.Genome.from_arrays(n, ['c'], [np.zeros(500, np.uint8)]) for n in 'ab']
    )
    axis = interval_sets.Axis(corpus)
    matches = relation.Matches(
        x0=np.array([100, 20]), x1=np.array([180, 90]), low=np.array([501, 800]),
        high=np.array([501, 800]), same=np.array([True, False]), cx=np.array([0, 0]),
        cy=np.array([1, 1]),
    )  # fmt: skip
    back = relation.reversed_matches(axis, relation.reversed_matches(axis, matches))
    for column, again in zip(matches, back, strict=True):
        assert np.array_equal(column, again)
