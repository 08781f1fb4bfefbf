"""Leak groups: rows that share sequence stay together."""

import numpy as np
import pytest

from genojax import dna, errors
from genojax.data.splits import duplicates


def _random(seed, bases):
    return np.random.default_rng(seed).integers(0, 4, bases).astype(np.uint8)


def test_a_shared_30mer_on_either_strand_makes_a_group():
    rows = [_random(seed, 80) for seed in range(7)]
    rows[1][20:50] = rows[0][40:70]  # 30 bases
    rows[3][10:39] = rows[2][10:39]  # 29 bases
    rows[3][39] = 3 - rows[2][39]
    rows[3][9] = 3 - rows[2][9]
    rows[5][5:35] = dna.reverse_complement(rows[4][50:80])
    rows[6][0:30] = rows[5][50:80]  # related to row 4 through row 5 only
    assert duplicates.groups(rows).tolist() == [0, 0, 2, 3, 4, 4, 4]


def test_groups_equal_the_slow_way():
    random = np.random.default_rng(0)
    genome = _random(1, 3_000)
    rows = []
    for _ in range(120):
        start = random.integers(0, 2_950)
        row = genome[start : start + random.integers(8, 50)]
        rows.append(dna.reverse_complement(row) if random.random() < 0.5 else row)
    k = 12
    words = []
    for row in rows:
        both = (dna.decode(row), dna.decode(dna.reverse_complement(row)))
        words.append({w[i : i + k] for w in both for i in range(len(w) - k + 1)} or set(both))
    group = list(range(len(rows)))
    for i in range(len(rows)):
        for j in range(i):
            if words[i] & words[j]:
                low, high = sorted((group[i], group[j]))
                group = [low if g == high else g for g in group]
    assert duplicates.groups(rows, k).tolist() == group
    assert 5 < len(set(group)) < 115


def test_short_and_unknown_rows_group_with_equals_only():
    short = dna.encode('ACGTTG')
    unknown = dna.encode('N' * 60)
    rows = [short, dna.reverse_complement(short), dna.encode('ACGTTT'), unknown, unknown.copy()]
    assert duplicates.groups(rows).tolist() == [0, 0, 2, 3, 3]


@pytest.mark.parametrize('seed', range(4))
def test_assign_groups_keeps_groups_whole_and_classes_in_proportion(seed):
    random = np.random.default_rng(seed)
    group = np.concatenate([np.arange(900), random.integers(900, 960, 300)])
    label = random.integers(0, 3, 1_200)
    side = duplicates.assign_groups(group, label, (0.7, 0.1, 0.2), seed)
    for g in np.unique(group[900:]):
        assert len(set(side[group == g].tolist())) == 1
    for c in range(3):
        share = np.bincount(side[label == c], minlength=3) / (label == c).sum()
        assert np.abs(share - [0.7, 0.1, 0.2]).max() < 0.01
    # Groups are not swept to one side: each side's share of grouped rows is its share of rows.
    grouped = np.bincount(side[900:], minlength=3) / 300
    assert np.abs(grouped - [0.7, 0.1, 0.2]).max() < 0.2
    assert np.array_equal(side, duplicates.assign_groups(group, label, (0.7, 0.1, 0.2), seed))


def test_folds_respect_groups_and_partition():
    random = np.random.default_rng(2)
    group = np.concatenate([np.arange(200), np.repeat(np.arange(200, 220), 5)])
    label = random.integers(0, 2, 300)
    parts = duplicates.folds(group, label, 5)
    assert np.array_equal(np.sort(np.concatenate([score for _, score in parts])), np.arange(300))
    for fit, score in parts:
        assert not set(group[fit].tolist()) & set(group[score].tolist())
        assert abs(label[score].mean() - label.mean()) < 0.1
    with pytest.raises(errors.InputError, match='LB10'):
        duplicates.folds(np.arange(6), np.array([0, 0, 0, 0, 0, 1]), 3)


def _substituted(codes, places):
    copy = codes.copy()
    copy[places] = (copy[places] + 1) % 4
    return copy


def test_near_copies_with_three_substitutions_in_70_bases_are_always_grouped():
    """Evenly spread ones too, which leave no run longer than 17 bases."""
    random = np.random.default_rng(3)
    rows, expected = [], []
    for number in range(60):
        row = _random(100 + number, 70)
        places = ([17, 35, 53], [16, 34, 52], random.choice(70, 3, replace=False))[number % 3]
        copy = _substituted(row, places)
        expected += [2 * number] * 2
        rows += [row, dna.reverse_complement(copy) if number % 2 else copy]
    assert duplicates.groups(rows).tolist() == expected
    assert duplicates.groups(rows[::2]).tolist() == list(range(60))
    assert duplicates.related(rows[::2][:30], rows[1::2]).all()
    assert not duplicates.related(rows[:2], rows[2:]).any()
    spread = [row for number, row in enumerate(rows) if number // 2 % 3 < 2]
    assert not duplicates.shared(spread[::2], spread[1::2]).any()  # no 30 bases in common


def test_rows_that_were_compared_are_not_compared_again_and_changed_ones_are(monkeypatch):
    monkeypatch.setattr(duplicates, '_remembered', {})
    compared, compare = [], duplicates._compare

    def counted(*arguments):
        compared.append(arguments)
        return compare(*arguments)

    monkeypatch.setattr(duplicates, '_compare', counted)
    rows = list(np.random.default_rng(5).integers(0, 4, (9, 60)).astype(np.uint8))
    those = [*rows[4:], rows[0][10:]]
    first = duplicates.related(rows[:4], those)
    assert first.tolist() == [True, False, False, False]
    first[:] = True  # a caller's own array
    again = duplicates.related([codes.copy() for codes in rows[:4]], those)
    assert again.tolist() == [True, False, False, False] and len(compared) == 1
    one = [rows[0], rows[4]]  # the same bases, in other rows or with another k
    assert duplicates.related(one, those).tolist() == [True, True]
    assert not duplicates.related([np.concatenate(one)[:8]], those, k=9).any()
    changed = [*those[:-1], those[-1][:20]]
    assert not duplicates.related(rows[:4], changed).any() and len(compared) == 4
    for n in range(10):
        duplicates.related(rows[:1], rows[1 : 2 + n % 8], k=20 + n)
    assert len(duplicates._remembered) == duplicates._MAX_REMEMBERED
