"""Sampled seeds find planted homologues of 1 kb, to their ends, and nothing else."""

import numpy as np
import pytest

from genojax import dna
from genojax.data.genomes import assemblies, interval_sets
from genojax.data.splits.homology import relation, seeds, sketches

HUMAN = seeds.pattern_for(3_200_000_000), sketches.sampling(3_200_000_000)
SIZE, APART = 1_000, 3_000


def _mutated(codes, rate, random):
    hit = random.random(len(codes)) < rate
    return np.where(hit, (codes + random.integers(1, 4, len(codes))) % 4, codes).astype(np.uint8)


def _homology(codes):
    corpus = assemblies.Corpus(
        [assemblies.Genome.from_arrays(f'g{i}', ['c'], [c]) for i, c in enumerate(codes)]
    )
    axis = interval_sets.Axis(corpus)
    matches, _ = sketches.find(axis, *HUMAN)
    table = relation.both_directions(axis, matches, sketches.MARGIN)
    table = table.take(np.argsort(table.x0, kind='stable'))
    return axis, relation.Homology(axis, table, np.zeros((0, 2), int), np.zeros(0, int), ())


@pytest.fixture(scope='module')
def planted():
    """200 copies at 10 % divergence, of one genome in the other, every second one inverted."""
    random = np.random.default_rng(0)
    codes = [random.integers(0, 4, 200 * APART).astype(np.uint8) for _ in range(2)]
    for number in range(200):
        at = number * APART + 500
        copy = _mutated(codes[0][at : at + SIZE], 0.1, random)
        codes[1][at : at + SIZE] = copy if number % 2 else dna.reverse_complement(copy)
    return _homology(codes)


def test_at_least_99_in_100_homologues_of_10_percent_are_found_on_both_strands(planted):
    axis, homology = planted
    shares = []
    for number in range(200):
        at = number * APART + 500
        image = homology.of(axis.spans([0], [at], [at + SIZE]))
        copy = axis.spans([1], [at], [at + SIZE])
        shares.append(interval_sets.size(interval_sets.intersect(image, copy)) / SIZE)
    shares = np.array(shares).reshape(-1, 2)  # inverted, not inverted
    assert ((shares >= 0.5).mean(axis=0) >= 0.99).all()
    assert shares.mean() >= 0.97


def test_what_is_no_homologue_is_not_in_a_match(planted):
    axis, homology = planted
    copies = np.arange(200) * APART + 500
    margin = sketches.MARGIN + 32
    around = axis.spans(
        np.repeat([0, 1], 200), np.tile(copies, 2) - margin, np.tile(copies, 2) + SIZE + margin
    )
    matched = interval_sets.union(np.stack([homology.table.x0, homology.table.x1], axis=1))
    assert interval_sets.size(interval_sets.subtract(matched, around)) == 0


@pytest.mark.parametrize('reverse', [False, True])
def test_a_match_is_extended_across_insertions_and_deletions(reverse):
    random = np.random.default_rng(3)
    a, b = (random.integers(0, 4, 12_000).astype(np.uint8) for _ in range(2))
    copy = np.delete(a[4_000:6_000], np.arange(150, 1_900, 150))
    copy = np.insert(copy, np.arange(220, 1_700, 300), 0)
    copy = _mutated(copy, 0.05, random)
    b[3_000 : 3_000 + len(copy)] = dna.reverse_complement(copy) if reverse else copy
    axis, homology = _homology([a, b])
    image = homology.of(axis.spans([0], [4_000], [6_000]))
    there = axis.spans([1], [3_000], [3_000 + len(copy)])
    assert interval_sets.size(interval_sets.subtract(there, image)) <= 20
    assert interval_sets.size(interval_sets.subtract(image, there)) <= 2 * sketches.MARGIN + 90


def test_equal_genomes_match_from_end_to_end_and_repeats_do_not():
    random = np.random.default_rng(4)
    a = random.integers(0, 4, 9_000).astype(np.uint8)
    b = random.integers(0, 4, 40_000).astype(np.uint8)
    element = random.integers(0, 4, 300).astype(np.uint8)
    for at in range(1_000, 40_000, 3_000):
        b[at : at + 300] = element
    axis, homology = _homology([a, a, b])
    whole = homology.of(axis.spans([0], [0], [9_000]))
    assert axis.runs(whole)[:, [0, 2]].tolist() == [[1, 9_000]]
    assert (homology.table.cx != 2).all()
