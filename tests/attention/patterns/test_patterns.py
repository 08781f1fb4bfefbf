"""Patterns: their definitions, their block lists against their dense masks, and the published plans."""

import time
import tracemalloc

import numpy as np
import pytest

from genojax.attention import patterns
from genojax.attention.patterns import block_lists

ALL = [
    patterns.full(37, 53),
    patterns.causal(61),
    patterns.local(61, 9),
    patterns.local(61, 9, 40),
    patterns.global_(61, [0, 5, 6, 60]),
    patterns.strided(61, 7),
    patterns.random(192, 2, 16),
    patterns.bigbird(200, 8),
    patterns.bigbird(203, 8, per_head=3),
    patterns.bigbird(203, 8, mode='etc'),
    patterns.bigbird(640, 64, plan='hf_eval'),
    patterns.bigbird(1024, 64, plan='google', per_head=2),
    patterns.longformer(97, 11, 2),
    patterns.anchored(150, 5, 16),
    patterns.anchored(150, 5, 16, 'columns'),
    patterns.bigbird(203, 8) & patterns.causal(203),
    patterns.local(203, 11) | patterns.bigbird(203, 12) | patterns.strided(203, 13),
    # pairs of pairs: the tiles of the two in the middle must not be taken for each other
    patterns.longformer(1024, 64) | patterns.anchored(1024, 200, 128, 'columns'),
    (patterns.causal(512) & patterns.local(512, 80))
    | (patterns.bigbird(512) | patterns.local(512, 50)),
    (patterns.bigbird(512, 16) | patterns.strided(512, 29)) & patterns.anchored(512, 20, 96),
    (patterns.global_(512, 3) | patterns.random(512, 2)) | patterns.anchored(512, 20, 48),
]


def dense(lists, length, key_length):
    """A block list written out, uint8 [heads, L, M]."""
    b = lists.block
    out = np.zeros((lists.heads, lists.num_q_blocks * b, lists.num_kv_blocks * b), np.uint8)
    for row, column, kind in zip(lists.row_of(), lists.column, lists.kind, strict=False):
        h, r = divmod(int(row), lists.num_q_blocks)
        out[h, r * b : (r + 1) * b, column * b : (column + 1) * b] = (
            lists.tiles[kind - 1] if kind else 1
        )
    return out[:, :length, :key_length]


@pytest.mark.parametrize('block', (7, 8, 16, 64))
@pytest.mark.parametrize('pattern', ALL, ids=lambda p: type(p).__name__)
def test_block_lists_say_what_the_mask_says(pattern, block):
    lists = pattern.block_lists(block)
    weights = np.reshape(pattern.weights(), (pattern.heads, pattern.length, pattern.key_length))
    assert np.array_equal(dense(lists, pattern.length, pattern.key_length), weights)
    turned = dense(lists.transposed(), pattern.key_length, pattern.length)
    assert np.array_equal(turned, weights.swapaxes(1, 2))
    assert block_lists.pairs(pattern, block) == weights.sum(dtype=int)
    assert not any((tile == 1).all() for tile in lists.tiles), 'a full tile listed as partial'


def test_definitions_written_out():
    i, j = np.arange(60)[:, None], np.arange(60)[None]
    near = np.abs(i - j) <= 4
    same = np.testing.assert_array_equal
    same(patterns.local(60, 4).mask(), near)
    same(patterns.causal(60).mask(), j <= i)
    same(patterns.strided(60, 7).mask(), (i - j) % 7 == 0)
    same(patterns.anchored(60, 4, 16).mask(), near | ((i + j) % 16 == 0))
    same(patterns.anchored(60, 4, 16, 'columns').mask(), near | (j % 16 == 0) & (i >= 0))
    same(patterns.global_(60, [2, 50]).mask(), np.isin(i, [2, 50]) | np.isin(j, [2, 50]))
    same(patterns.longformer(60, 4).mask(), near | (i == 0) | (j == 0))
    union = patterns.local(60, 4) | patterns.strided(60, 7)
    same(union.mask(), near | ((i - j) % 7 == 0))
    same((union & patterns.causal(60)).mask(), union.mask() & (j <= i))


def test_bigbird_counts_blocks():
    lists = patterns.bigbird(64 * 32).block_lists(64)
    counts = lists.counts()[0]
    assert counts[0] == counts[-1] == 32  # global rows
    assert (counts[3:-3] == 8).all()  # 2 global + 3 window + 3 random
    for row in range(1, 31):
        columns = lists.column[lists.start[row] : lists.start[row + 1]]
        assert {0, row - 1, row, row + 1, 31} <= set(columns.tolist())
    seen = lists.transposed().counts()[0][1:-1]
    assert seen.max() <= 9  # in-degree about out-degree: the backward pass has even work
    other = patterns.bigbird(64 * 32, seed=1)
    assert not np.array_equal(other.mask(), patterns.bigbird(64 * 32).mask())
    assert np.array_equal(other.mask(), patterns.bigbird(64 * 32, seed=1).mask())


def test_published_plans():
    """What the published codes do: block 0 counts 1 + r times; random keys come from the start only."""
    hf = patterns.bigbird(1024, plan='hf_eval').weights()[::64, ::64]
    assert (hf[1:-1, 0] == 4).all() and (hf[[0, -1], 0] == 1).all()
    assert hf.max() == 4 and (hf[1:-1] > 0).sum(1).max() == 5
    google = patterns.bigbird(4096, plan='google', per_head=2).weights()[:, ::64, ::64]
    assert not np.array_equal(google[0], google[1])
    far = [
        column
        for head in google
        for row in range(1, 63)
        for column in np.flatnonzero(head[row])
        if abs(column - row) > 1 and column not in (0, 63)
    ]
    assert max(far) == 15
    short = patterns.bigbird(1024, plan='google', per_head=12).weights()[:, ::64, ::64]
    assert 0.02 < (short[:, 1:-1, -1] == 2).sum() / (12 * 14 * 3) < 0.15  # the last block, twice
    eight = patterns.bigbird(8192, plan='google').weights()[::64, ::64]
    assert max(np.flatnonzero(eight[60])[:-4]) <= 9


@pytest.mark.parametrize(
    'make',
    [
        lambda n: patterns.bigbird(n),
        lambda n: patterns.local(n, 96),
        lambda n: patterns.longformer(n, 200, 3),
        lambda n: patterns.anchored(n),
        lambda n: patterns.bigbird(n) & patterns.causal(n),
    ],
)
def test_a_million_tokens_cost_nothing_to_describe(make):
    tracemalloc.start()
    began = time.perf_counter()
    pattern = make(2**20)
    assert hash(pattern) == hash(make(2**20)) and pattern == make(2**20)
    assert time.perf_counter() - began < 1 and tracemalloc.get_traced_memory()[1] < 4e6
    tracemalloc.stop()


def test_dense_patterns_of_long_sequences_are_refused_not_listed():
    with pytest.raises(ValueError, match='tiles'):
        patterns.full(2**20).block_lists(64)


def test_bad_patterns_are_refused():
    for make in (
        lambda: patterns.full(0),
        lambda: patterns.local(8, -1),
        lambda: patterns.bigbird(640, window_blocks=2),
        lambda: patterns.bigbird(640, plan='best'),
        lambda: patterns.bigbird(650, plan='google'),
        lambda: patterns.bigbird(640, mode='both'),
        lambda: patterns.anchored(64, kind='rows'),
        lambda: patterns.global_(8, [9]),
    ):
        with pytest.raises(ValueError):
            make()
