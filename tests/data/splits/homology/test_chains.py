"""Pairs on one diagonal are one match, others are not."""

import numpy as np

from genojax.data.genomes import assemblies, interval_sets
from genojax.data.splits.homology import anchors, chains


def test_chains_break_at_gaps_contigs_and_strands():
    corpus = assemblies.Corpus(
        [assemblies.Genome.from_arrays(n, ['c'], [np.zeros(9_000, np.uint8)]) for n in 'ab']
    )
    axis = interval_sets.Axis(corpus)
    x = np.array([100, 300, 2_000, 2_100, 2_200])
    y = np.array([9_101, 9_303, 11_001, 2_500, 2_600])
    pairs = anchors.Pairs(x, y, np.array([True, True, True, True, False]))
    matches = chains.chain(axis, pairs, 31).matches
    rows = sorted(zip(matches.x0.tolist(), matches.x1.tolist(), matches.cy.tolist(), strict=True))
    assert rows == [(100, 331, 1), (2_000, 2_031, 1), (2_100, 2_131, 0), (2_200, 2_231, 0)]
    empty = anchors.Pairs(x[:0], y[:0], pairs.same[:0])
    assert len(chains.chain(axis, empty, 31).matches.x0) == 0
