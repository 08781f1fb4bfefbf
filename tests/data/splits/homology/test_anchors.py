"""Pairs of anchors are those of a slow double loop; k-mers with many copies are in none."""

import numpy as np

from genojax.data.genomes import assemblies, interval_sets
from genojax.data.splits.homology import anchors


def _axis(species):
    members = [
        assemblies.Genome.from_arrays(f's{s}', ['c'], [np.zeros(999, np.uint8)])
        for s in range(species)
    ]
    return interval_sets.Axis(assemblies.Corpus(members))


def _anchors(values, positions, seed=0):
    flipped = np.random.default_rng(seed).random(len(values)) < 0.5
    return anchors.Anchors(np.array(values, np.uint64), np.array(positions), flipped)


def test_pairs_are_those_of_a_double_loop_without_repeats():
    random = np.random.default_rng(1)
    one = _anchors(random.integers(0, 40, 120), random.permutation(1_999)[:120])
    pairs, unused = anchors.pairs(_axis(2), one, 10**6)
    place = list(zip(*one, strict=True))
    copies = {
        (v, s): sum(w == v and p // 1_000 == s for w, p, _ in place)
        for v in range(40)
        for s in (0, 1)
    }
    few = [a for a in place if copies[int(a[0]), int(a[1]) // 1_000] <= anchors.MAX_COPIES]
    expected = {(int(p), int(q), f == g) for v, p, f in few for w, q, g in few if v == w and p < q}
    assert set(zip(*(column.tolist() for column in pairs), strict=True)) == expected
    many = {int(p) for v, p, _ in place} - {int(p) for _, p, _ in few}
    assert set(unused.repeats.tolist()) == many and len(many) > 0
    assert unused.sentences() == []


def test_common_kmers_are_left_out_and_those_of_many_species_sampled():
    species = anchors.MAX_OCCURRENCES + 1
    axis = _axis(species)
    everywhere = np.arange(species) * 1_000
    some = np.concatenate([everywhere[:20] + 10 * k for k in range(1, 50)])
    values = [0] * species + [k for k in range(1, 50) for _ in range(20)]
    pairs, unused = anchors.pairs(axis, _anchors(values, [*everywhere, *some]), 100)
    assert unused.common == 1 and unused.one_in == -(-49 * 20 * 19 // 2 // 100)
    assert len(pairs.x) % 190 == 0 and len(pairs.x) < 49 * 190
    assert len(unused.sentences()) == 2 and '1 k-mers occur more than 64' in unused.sentences()[0]
