"""Seeds are the same on both strands, and a fixed share of all."""

import numpy as np
import pytest

from genojax import dna
from genojax.data.genomes import assemblies, interval_sets
from genojax.data.splits.homology import seeds


def _collected(codes, one_in, soft=None):
    corpus = assemblies.Corpus(
        [assemblies.Genome.from_arrays('x', ['c'], [codes], soft=None if soft is None else [soft])]
    )
    axis = interval_sets.Axis(corpus)
    pattern = seeds.PATTERNS[0][1]
    collected = seeds.collect(axis, pattern, one_in, lambda bases: None)
    rows = [collected.take(number) for number in range(seeds.BUCKETS)]
    number = np.repeat(np.arange(seeds.BUCKETS), [0 if r is None else len(r) for r in rows])
    every = np.concatenate([r for r in rows if r is not None] or [np.zeros(0, np.uint64)])
    hashes, position, flipped = seeds.Layout.of(axis).unpack(every)
    return {
        (int(b), int(h), int(p), bool(f))
        for b, h, p, f in zip(number, hashes, position, flipped, strict=True)
    }


@pytest.mark.parametrize('limit, pattern', seeds.PATTERNS)
def test_patterns_are_symmetric_and_no_seed_is_its_own_reverse_complement(limit, pattern):
    assert pattern.text == pattern.text[::-1] and pattern.text[0] == '1'
    assert pattern.span % 2 == 1 and pattern.text[pattern.span // 2] == '1'
    # Chance pairs of n searched bases are n * n / 4**weight.
    assert pattern.span <= 31 and (limit > 2**40 or limit / 4**pattern.weight <= 0.25)


def test_both_strands_have_the_same_seeds(monkeypatch):
    monkeypatch.setattr(seeds, '_PIECE', 1_000)
    codes = np.random.default_rng(0).integers(0, 4, 20_000).astype(np.uint8)
    codes[5_000:5_050] = dna.UNKNOWN
    span = seeds.PATTERNS[0][1].span
    forward, backward = (_collected(one, 4) for one in (codes, dna.reverse_complement(codes)))
    assert {(b, h, 20_000 - span - p, not f) for b, h, p, f in backward} == forward
    assert abs(len(forward) - 20_000 / 4) < 300
    assert not any(5_000 - span < p < 5_050 for _, _, p, _ in forward)


def test_masked_and_simple_sequence_has_no_seeds():
    random = np.random.default_rng(1)
    codes = random.integers(0, 4, 6_000).astype(np.uint8)
    codes[1_000:2_000] = np.resize(random.integers(0, 4, 5), 1_000)  # a unit of 5 bases
    soft = np.zeros(6_000, bool)
    soft[3_000:4_000] = True
    position = {p for _, _, p, _ in _collected(codes, 1, soft)}
    span = seeds.PATTERNS[0][1].span
    assert not position & set(range(1_000, 2_000 - span)) and len(position) > 3_900
    assert not position & set(range(3_000 - span + 1, 4_000))
