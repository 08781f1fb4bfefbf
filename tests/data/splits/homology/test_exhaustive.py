"""The search with every k-mer finds what sampled seeds find, and more distant homologues."""

import numpy as np

from genojax.data.genomes import assemblies, interval_sets
from genojax.data.splits.homology import exhaustive, relation, sketches


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
