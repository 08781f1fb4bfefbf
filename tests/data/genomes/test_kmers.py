"""Packed k-mers: the same number for both strands, none over an unknown base."""

import numpy as np
import pytest

from genojax import dna
from genojax.data.genomes import kmers


@pytest.mark.parametrize('k', [1, 2, 3, 7, 8, 13, 24, 30, 31])
def test_pack_reads_a_kmer_as_a_number(k):
    codes = np.random.default_rng(k).integers(0, 5, 80).astype(np.uint8)
    codes[10:50] %= 4
    for start, value in enumerate(kmers.pack(codes, k).tolist()):
        word = codes[start : start + k].tolist()
        number = sum(base * 4 ** (k - 1 - i) for i, base in enumerate(word))
        assert value == (int(kmers.NONE) if 4 in word else number)
    assert len(kmers.pack(codes[: k - 1], k)) == 0


@pytest.mark.parametrize('k', [5, 24, 31])
def test_canonical_is_the_same_on_both_strands(k):
    codes = np.random.default_rng(k).integers(0, 4, 300).astype(np.uint8)
    value, flipped = kmers.canonical(codes, k)
    other, other_flipped = kmers.canonical(dna.reverse_complement(codes), k)
    assert np.array_equal(value, other[::-1])
    if k % 2:  # no odd k-mer is its own reverse complement
        assert np.array_equal(flipped, ~other_flipped[::-1])


def test_members_finds_what_is_there_and_nothing_else():
    random = np.random.default_rng(0)
    values = random.integers(0, 2**62, 5000).astype(np.uint64)
    members = kmers.KmerSet(np.concatenate([values[:2000], [kmers.NONE]]))
    where, number = members.find(np.concatenate([values, [kmers.NONE]]))
    assert np.array_equal(where, np.arange(2000))
    assert np.array_equal(members.values[number], values[:2000])
    assert len(kmers.KmerSet(values[:0]).find(values)[0]) == 0


def test_connected_joins_chains():
    random = np.random.default_rng(1)
    a, b = random.integers(0, 300, (2, 180))
    group = list(range(300))
    for x, y in zip(a.tolist(), b.tolist(), strict=True):  # the slow way
        low, high = sorted((group[x], group[y]))
        group = [low if g == high else g for g in group]
    assert kmers.connected_components(300, a, b).tolist() == group
    chain = np.arange(9_999)
    assert (kmers.connected_components(10_000, chain, chain + 1) == 0).all()


def test_k_out_of_range_is_refused():
    with pytest.raises(ValueError, match='k='):
        kmers.pack(np.zeros(40, np.uint8), 32)
