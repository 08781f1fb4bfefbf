"""Near copies: 80 % of 50 or more successive bases, on either strand, and nothing that is less."""

import numpy as np
import pytest

from genojax import dna
from genojax.data.splits import near_copies


def _random(seed, bases):
    return np.random.default_rng(seed).integers(0, 4, bases).astype(np.uint8)


def _are_pairs(rows):
    sequences = near_copies.Sequences(rows)
    a, b = near_copies.pairs(sequences, np.arange(len(rows)))
    return {tuple(sorted(pair)) for pair in zip(a.tolist(), b.tolist(), strict=True)}


def _slowly(one, other, k):
    """Whether an ungapped alignment has a seed and a run of the length and identity; brute force."""
    need = min(near_copies.MIN_BASES, len(one), len(other))
    if min(len(one), len(other)) < near_copies.MIN_SHORT:
        return False
    for codes in (other, dna.reverse_complement(other)):
        for offset in range(need - len(codes), len(one) - need + 1):
            low, high = max(offset, 0), min(len(one), len(codes) + offset)
            equal = one[low:high] == codes[low - offset : high - offset]
            equal &= one[low:high] < dna.UNKNOWN
            total = np.concatenate([[0], np.cumsum(equal)])
            if len(equal) < k or (total[k:] - total[:-k]).max() < k:
                continue
            for size in range(need, len(equal) + 1):
                if (total[size:] - total[:-size] >= near_copies.MIN_IDENTITY * size - 1e-9).any():
                    return True
    return False


@pytest.mark.parametrize('seed', range(4))
def test_pairs_equal_brute_force(seed):
    """Copies of 30 to 90 bases with 0 to 25 % substitutions, cut anywhere, with unknown bases."""
    random = np.random.default_rng(seed)
    source = _random(1000 + seed, 160)
    rows = []
    for _ in range(14):
        start, size = random.integers(0, 70), random.integers(25, 90)
        row = source[start : start + size].copy()
        hit = random.random(size) < random.choice([0, 0.05, 0.15, 0.25])
        row[hit] = (row[hit] + random.integers(1, 4, int(hit.sum()))) % 4
        row[random.random(size) < 0.02] = dna.UNKNOWN
        rows.append(dna.reverse_complement(row) if random.random() < 0.5 else row)
    k = near_copies.seed_length(*[len(near_copies.Sequences(rows).joined)] * 2)
    expected = {(i, j) for j in range(14) for i in range(j) if _slowly(rows[i], rows[j], k)}
    assert _are_pairs(rows) == expected
    assert 0 < len(expected) < 14 * 13 / 2


def test_runs_of_50_bases_and_80_percent_are_the_limit():
    row = _random(5, 100)
    other = _random(6, 100)
    inside = other.copy()
    inside[20:70] = row[20:70]
    apart = (row + 1) % 4  # differs everywhere
    apart[20:70] = row[20:70]
    apart[[25, 40, 45, 50, 55, 60, 62, 64, 66, 68]] += 1  # 10 of 50
    apart %= 4
    assert _are_pairs([row, inside]) == _are_pairs([row, apart]) == {(0, 1)}
    apart[20] = (apart[20] + 1) % 4  # 11 of 50
    assert _are_pairs([row, apart]) == set()
    assert _are_pairs([row[:29], row[:29]]) == set()  # equals only, which `duplicates` groups


def test_rows_of_one_group_are_not_compared():
    row = _random(7, 80)
    sequences = near_copies.Sequences([row, row, row])
    a, b = near_copies.pairs(sequences, np.array([0, 0, 2]))
    assert {tuple(sorted(p)) for p in zip(a.tolist(), b.tolist(), strict=True)} == {(0, 2), (1, 2)}


def test_chance_makes_no_pair():
    rows = [_random(seed, 80) for seed in range(3_000)]
    assert _are_pairs(rows) == set()
