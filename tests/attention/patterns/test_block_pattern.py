"""Block patterns: whole tiles, and tiles of any other size against brute force."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from genojax.attention import patterns
from genojax.attention.patterns import block_pattern
from tests.attention.patterns import tiles

OPTIONS = st.fixed_dictionaries(
    {
        'length': st.integers(1, 90),
        'block': st.sampled_from([3, 4, 8]),
        'window_blocks': st.sampled_from([0, 1, 3]),
        'global_blocks': st.integers(0, 3),
        'random_blocks': st.integers(0, 3),
        'seed': st.integers(0, 3),
        'per_head': st.integers(1, 2),
        'mode': st.sampled_from(['itc', 'etc']),
    }
)


@hypothesis.settings(max_examples=40, deadline=None, derandomize=True)
@hypothesis.given(OPTIONS, st.integers(1, 20))
def test_tiles_of_any_size_are_those_of_the_mask(options, block):
    pattern = patterns.bigbird(**options)
    hypothesis.assume(len(pattern.tile_counts(0)[0]))
    tiles.check(pattern, block)


def test_its_own_blocks_are_whole_tiles():
    pattern = patterns.bigbird(203, 8, per_head=2)
    lists = pattern.block_lists(pattern.natural_block)
    assert (lists.kind == 0).all() and len(lists.tiles) == 0


def test_tile_counts_are_the_block_matrix():
    pattern = patterns.bigbird(64 * 8, 64, plan='hf_eval')
    numbers, counts = pattern.tile_counts(0)
    matrix = np.zeros(64, np.uint8)
    matrix[numbers] = counts
    np.testing.assert_array_equal(matrix.reshape(8, 8), pattern.weights()[::64, ::64])


def test_heads_draw_their_own_blocks():
    pattern = patterns.bigbird(64 * 16, per_head=3)
    first, second, third = pattern.weights()[:, ::64, ::64]
    assert not np.array_equal(first, second) and not np.array_equal(second, third)
    shared = patterns.bigbird(64 * 16)
    np.testing.assert_array_equal(shared.weights()[::64, ::64], first)
    assert isinstance(shared, block_pattern.BlockPattern) and shared.heads == 1


@pytest.mark.parametrize('mode', ['itc', 'etc'])
def test_where_the_global_blocks_are(mode):
    weights = patterns.bigbird(
        80, 8, window_blocks=1, global_blocks=3, random_blocks=0, mode=mode
    ).weights()[::8, ::8]
    expected = [0, 1, 9] if mode == 'itc' else [0, 1, 2]
    np.testing.assert_array_equal(np.flatnonzero(weights.all(1)), expected)
    np.testing.assert_array_equal(np.flatnonzero(weights.all(0)), expected)
