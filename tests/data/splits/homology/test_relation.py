"""The relation holds in both directions."""

import numpy as np

from genojax.data.genomes import assemblies, interval_sets
from genojax.data.splits.homology import relation


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
