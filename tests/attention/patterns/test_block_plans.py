"""BigBird's block plans: counts, in-degrees, the published rules, and what is refused."""

import numpy as np
import pytest

from genojax.attention import patterns
from genojax.attention.patterns import block_plans


def block_rows(pattern, block=64):
    """Multiplicities of blocks, [(heads,) num_q_blocks, num_kv_blocks]."""
    return pattern.rows(np.arange(0, pattern.length, block))[..., ::block]


def test_bigbird_counts_blocks():
    lists = patterns.bigbird(64 * 32).block_lists(64)
    counts = lists.counts()[0]
    assert counts[0] == counts[-1] == 32  # global rows
    assert (counts[3:-3] == 8).all()  # 2 global + 3 window + 3 random
    for row in range(1, 31):
        columns = lists.column[lists.start[row] : lists.start[row + 1]]
        assert {0, row - 1, row, row + 1, 31} <= set(columns.tolist())
    attended = lists.transposed().counts()[0][1:-1]
    assert attended.max() <= 9  # in-degree about out-degree: the backward pass has even work
    other = patterns.bigbird(64 * 32, seed=1)
    assert not np.array_equal(other.mask(), patterns.bigbird(64 * 32).mask())
    assert np.array_equal(other.mask(), patterns.bigbird(64 * 32, seed=1).mask())


@pytest.mark.parametrize('count', [5, 9, 40])
def test_random_blocks_are_neither_fixed_nor_repeated(count):
    fixed = block_rows(patterns.bigbird(count * 4, 4, random_blocks=0), 4)
    for seed in range(4):
        drawn = block_rows(patterns.bigbird(count * 4, 4, random_blocks=2, seed=seed), 4) - fixed
        assert drawn.min() >= 0 and drawn.max() <= 1
        free = (fixed == 0).sum(1)
        np.testing.assert_array_equal(drawn.sum(1), np.minimum(free, 2))


def test_random_alone_has_even_in_degrees():
    weights = block_rows(patterns.random(64 * 50, 3), 64)
    assert (weights.sum(1) == 3).all()
    assert weights.sum(0).min() >= 2 and weights.sum(0).max() <= 4


def test_published_plans():
    """In the published codes block 0 counts 1 + r times; random keys come from the start only."""
    hf = block_rows(patterns.bigbird(1024, plan='hf_eval'))
    assert (hf[1:-1, 0] == 4).all() and (hf[[0, -1], 0] == 1).all()
    assert hf.max() == 4 and (hf[1:-1] > 0).sum(1).max() == 5
    google = block_rows(patterns.bigbird(4096, plan='google', per_head=2))
    assert not np.array_equal(google[0], google[1])
    random_columns = [
        column
        for head in google
        for row in range(1, 63)
        for column in np.flatnonzero(head[row])
        if abs(column - row) > 1 and column not in (0, 63)
    ]
    assert max(random_columns) == 15
    short = block_rows(patterns.bigbird(1024, plan='google', per_head=12))
    assert 0.02 < (short[:, 1:-1, -1] == 2).sum() / (12 * 14 * 3) < 0.15  # the last block, twice
    eight = block_rows(patterns.bigbird(8192, plan='google'))
    assert max(np.flatnonzero(eight[60])[:-4]) <= 9


def test_google_draws_are_those_of_the_numpy_stream():
    """Rows of a plan for 12 blocks: one permutation of blocks per row, in the order of the rows."""
    pattern = patterns.bigbird(64 * 12, random_blocks=3, seed=7, plan='google')
    (columns,) = block_plans.google_columns(pattern)
    stream = np.random.RandomState(7)  # noqa: NPY002  (what the published code draws from)
    for row, drawn in zip(range(1, 11), columns, strict=True):
        end = 11 if 2 * 3 + 5 < 12 else 12
        order = stream.permutation(end)
        banned = {row - 1, row, row + 1, 0, end - 1}
        banned |= {end - 2} if row == 1 else set()
        banned |= {1} if row == end - 2 else set()
        np.testing.assert_array_equal(drawn, [x for x in order if x not in banned][:3])


@pytest.mark.parametrize(
    'options',
    [
        {'length': 640, 'window_blocks': 2},
        {'length': 640, 'plan': 'best'},
        {'length': 650, 'plan': 'google'},
        {'length': 704, 'plan': 'google'},
        {'length': 1024, 'plan': 'google', 'window_blocks': 5},
        {'length': 1024, 'plan': 'hf_eval', 'mode': 'etc'},
        {'length': 256, 'plan': 'hf_eval'},
        {'length': 640, 'mode': 'both'},
        {'length': 640, 'block': 0},
        {'length': 640, 'random_blocks': -1},
        {'length': 640, 'global_blocks': -1},
        {'length': 640, 'seed': -1},
        {'length': 640, 'per_head': 0},
    ],
    ids=str,
)
def test_plans_that_cannot_be_drawn_are_refused(options):
    with pytest.raises(ValueError):
        patterns.bigbird(**options)
