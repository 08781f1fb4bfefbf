"""Packed bases are compared at any two places as base by base."""

import numpy as np

from genojax import dna
from genojax.data.genomes import assemblies, interval_sets
from genojax.data.splits.homology import packed_bases


def _axis(random, lengths):
    codes = [random.integers(0, 4, length).astype(np.uint8) for length in lengths]
    soft = [random.random(length) < 0.3 for length in lengths]
    codes[1][40:60] = dna.UNKNOWN
    genomes = [
        assemblies.Genome.from_arrays(f'g{i}', ['c'], [code], soft=[mask])
        for i, (code, mask) in enumerate(zip(codes, soft, strict=True))
    ]
    return interval_sets.Axis(assemblies.Corpus(genomes)), codes, soft


def test_equal_bases_are_those_counted_one_by_one(monkeypatch):
    monkeypatch.setattr(packed_bases, '_PIECE', 61)  # pieces share bytes
    random = np.random.default_rng(0)
    axis, codes, soft = _axis(random, [301, 203, 150])
    bases = packed_bases.PackedBases(axis)
    known = [mask | (code == dna.UNKNOWN) for code, mask in zip(codes, soft, strict=True)]
    assert bases.unmasked == sum(int((~mask).sum()) for mask in known)
    flat = np.concatenate([np.append(code, 9) for code in codes])
    word = packed_bases.WORD
    places = [
        int(axis.starts[c]) + at
        for c in range(3)
        for at in range(int(axis.lengths[c]) - word)
        if not (flat[int(axis.starts[c]) + at :][:word] == dna.UNKNOWN).any()
    ]
    x, y = (random.choice(places, 400) for _ in range(2))
    same = random.random(400) < 0.5
    diagonal = np.where(same, y - x, x + y + word - 1)
    actual = bases.equal(x, diagonal, same)
    for row in range(400):
        here, there = flat[x[row] :][:word], flat[y[row] :][:word]
        there = there if same[row] else dna.reverse_complement(there)
        assert actual[row] == (here == there).sum()


def test_unknown_bases_match_nothing():
    unknown = np.full(40_000, dna.UNKNOWN, np.uint8)
    corpus = assemblies.Corpus([assemblies.Genome.from_arrays('x', ['c', 'd'], [unknown] * 2)])
    bases = packed_bases.PackedBases(interval_sets.Axis(corpus))
    x = np.arange(0, 39_000, packed_bases.WORD)
    equal = bases.equal(x, np.full(len(x), 40_001), np.ones(len(x), bool))
    assert equal.mean() < 10 and bases.unmasked == 0
