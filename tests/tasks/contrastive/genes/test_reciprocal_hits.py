"""Reciprocal best hits: both ways, without repeats, none by chance."""

import numpy as np

from genojax.tasks.contrastive.genes import reciprocal_hits

RNG = np.random.default_rng(3)


def random_codes(length):
    return RNG.integers(0, 4, length).astype(np.uint8)


def near(codes, rate):
    changed = RNG.random(len(codes)) < rate
    return np.where(changed, (codes + 1) % 4, codes).astype(np.uint8)


def test_a_pair_is_the_best_both_ways():
    gene, other = random_codes(300), random_codes(300)
    paralogue = near(gene, 0.1)  # of the second species, further away
    sequences = [gene, other, near(gene, 0.02), paralogue, near(other, 0.05)]
    family, pairs = reciprocal_hits.families(sequences, np.array([0, 0, 1, 1, 1]))
    assert pairs == 2
    assert family.tolist() == [0, 1, 0, 3, 1]


def test_genes_of_one_species_and_random_genes_are_no_pairs():
    gene = random_codes(200)
    sequences = [gene, gene.copy(), random_codes(200), random_codes(200)]
    family, pairs = reciprocal_hits.families(sequences, np.array([0, 0, 1, 1]))
    assert pairs == 0 and family.tolist() == [0, 1, 2, 3]


def test_a_repeat_joins_nothing():
    repeat = random_codes(100)
    sequences = [np.concatenate([random_codes(150), repeat]) for _ in range(12)]
    _, pairs = reciprocal_hits.families(sequences, np.repeat([0, 1], 6))
    assert pairs == 0
