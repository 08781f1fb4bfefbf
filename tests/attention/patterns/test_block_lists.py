"""Block lists against dense masks: content, order, transposition, counts and limits."""

import numpy as np
import pytest

from genojax.attention import patterns
from genojax.attention.patterns import block_lists
from tests.attention.patterns import tiles

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
    # pairs of pairs: the tiles of the two middle operands must not be confused
    patterns.longformer(1024, 64) | patterns.anchored(1024, 200, 128, 'columns'),
    (patterns.causal(512) & patterns.local(512, 80))
    | (patterns.bigbird(512) | patterns.local(512, 50)),
    (patterns.bigbird(512, 16) | patterns.strided(512, 29)) & patterns.anchored(512, 20, 96),
    (patterns.global_(512, 3) | patterns.random(512, 2)) | patterns.anchored(512, 20, 48),
]


@pytest.mark.parametrize('block', (7, 8, 16, 64))
@pytest.mark.parametrize('pattern', ALL, ids=lambda p: type(p).__name__)
def test_block_lists_equal_the_mask(pattern, block):
    lists = pattern.block_lists(block)
    weights = np.reshape(pattern.weights(), (pattern.heads, pattern.length, pattern.key_length))
    assert np.array_equal(tiles.dense(lists, pattern.length, pattern.key_length), weights)
    transposed = tiles.dense(lists.transposed(), pattern.key_length, pattern.length)
    assert np.array_equal(transposed, weights.swapaxes(1, 2))
    assert block_lists.pairs(pattern, block) == weights.sum(dtype=int)
    assert not any((tile == 1).all() for tile in lists.tiles), 'a full tile listed as partial'


@pytest.mark.parametrize('pattern', ALL[::3], ids=lambda p: type(p).__name__)
def test_rows_are_sorted_and_tiles_are_distinct(pattern):
    lists = pattern.block_lists(16)
    assert lists.start[0] == 0 and lists.start[-1] == len(lists.column) == len(lists.kind)
    assert lists.counts().shape == (pattern.heads, lists.num_q_blocks)
    for begin, end in zip(lists.start[:-1], lists.start[1:], strict=True):
        assert (np.diff(lists.column[begin:end]) > 0).all()
    assert lists.column.max(initial=0) < lists.num_kv_blocks
    assert len({tile.tobytes() for tile in lists.tiles}) == len(lists.tiles)
    assert set(lists.kind.tolist()) <= set(range(len(lists.tiles) + 1))


def test_transposed_twice_is_the_same():
    lists = (patterns.bigbird(203, 8, per_head=2) & patterns.causal(203)).block_lists(8)
    twice = lists.transposed().transposed()
    for name in ('start', 'column', 'kind', 'tiles', 'num_q_blocks', 'num_kv_blocks', 'heads'):
        np.testing.assert_array_equal(getattr(twice, name), getattr(lists, name))


def test_block_lists_are_cached_by_value():
    one, two = (patterns.local(333, 20).block_lists(16) for _ in range(2))
    assert one is two and one is not patterns.local(333, 21).block_lists(16)


def test_dense_patterns_of_long_sequences_are_refused_not_listed():
    with pytest.raises(ValueError, match='tiles'):
        patterns.full(2**20).block_lists(64)


def test_pairs_are_counted_with_multiplicity_and_without_padding():
    assert block_lists.pairs(patterns.full(100, 70)) == 7000
    assert block_lists.pairs(patterns.causal(100), 7) == 5050
    published = patterns.bigbird(640, plan='hf_eval')
    assert block_lists.pairs(published) == published.weights().sum(dtype=int)
    assert block_lists.pairs(published) > published.mask().sum()
