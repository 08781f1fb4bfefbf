"""Arrays by block: layouts that are inverse to each other, padding, and what is static."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import attention
from genojax.attention import patterns
from genojax.attention.xla import operands

B, L, H, K = 2, 13, 3, 4


def spec_of(pattern, modifiers, **options):
    x = jnp.zeros((B, pattern.length, H, K))
    return operands.make_spec(pattern, x, modifiers, scale=0.5, block=5, **options)


def test_blocks_split_and_joined_are_the_same():
    x = np.random.default_rng(0).standard_normal((B, L, H, K)).astype(np.float32)
    blocks = operands.split_blocks(jnp.asarray(x), 3, 5, fill=7.0)
    assert blocks.shape == (B * H * 3, 5, K)
    np.testing.assert_array_equal(operands.join_blocks(blocks, B, H, L), x)
    whole = np.asarray(blocks).reshape(B, H, 15, K)
    assert (whole[:, :, L:] == 7).all(), 'the padding is the fill'
    np.testing.assert_array_equal(whole[1, 2, :L], x[1, :, 2])


def test_segments_are_padded_with_padding():
    segments = jnp.asarray([[1] * 6 + [2] * 7, [3] * 13])
    modifiers = attention.Modifiers(segments_BL=segments)
    inputs = operands.make_inputs(spec_of(patterns.full(L), modifiers), modifiers)
    for blocks in (inputs.tokens.q_segment, inputs.tokens.k_segment):
        rows = np.asarray(blocks).reshape(B, 15)
        np.testing.assert_array_equal(rows[:, :L], segments)
        assert not rows[:, L:].any()
    assert inputs.array_bias is inputs.dropout_words is inputs.position is None


def test_keys_beyond_the_length_are_masked_without_segments_too():
    modifiers = attention.Modifiers()
    inputs = operands.make_inputs(spec_of(patterns.full(L), modifiers), modifiers)
    assert inputs.tokens.q_segment is None
    expected = np.arange(15) < L
    np.testing.assert_array_equal(
        np.asarray(inputs.tokens.k_segment).reshape(B, 15), [expected] * B
    )
    whole = operands.make_inputs(spec_of(patterns.full(10), modifiers), modifiers)
    assert whole.tokens.k_segment is None


def test_segments_of_keys_alone_say_which_keys_count():
    keys = jnp.asarray([[0] * 3 + [5] * 10, [2] * 13])
    modifiers = attention.Modifiers(key_segments_BM=keys)
    inputs = operands.make_inputs(spec_of(patterns.full(L), modifiers), modifiers)
    rows = np.asarray(inputs.tokens.k_segment).reshape(B, 15)[:, :L]
    np.testing.assert_array_equal(rows, np.asarray(keys) > 0)
    assert inputs.tokens.q_segment is None


def test_a_linear_bias_is_by_block_and_float32():
    coord = jnp.arange(L, dtype=jnp.int32)[None]
    bias = attention.LinearBias(jnp.ones(H, jnp.bfloat16), coord, coord + 1)
    modifiers = attention.Modifiers(bias=bias)
    tokens = operands.make_inputs(spec_of(patterns.full(L), modifiers), modifiers).tokens
    for x in (tokens.slopes, tokens.q_coord, tokens.k_coord):
        assert x.dtype == jnp.float32
    rows = np.asarray(tokens.k_coord).reshape(B, 15)[:, :L]
    np.testing.assert_array_equal(rows, [np.arange(1, L + 1)] * B)


@pytest.mark.parametrize('shape', [(1, 1), (B, 1), (1, H), (B, H)])
def test_an_array_bias_is_by_tile(shape):
    bias = np.random.default_rng(0).standard_normal((*shape, L, 8)).astype(np.float32)
    pattern = patterns.full(L, 8)
    modifiers = attention.Modifiers(bias=jnp.asarray(bias))
    tiles = operands.make_inputs(spec_of(pattern, modifiers), modifiers).array_bias
    assert tiles.shape == (*shape, 3, 2, 5, 5)
    joined = np.asarray(tiles).swapaxes(3, 4).reshape(*shape, 15, 10)
    np.testing.assert_array_equal(joined[:, :, :L, :8], bias)
    assert not joined[:, :, L:].any() and not joined[..., 8:].any()


def test_a_position_is_there_only_where_dropout_needs_it():
    rows = jnp.arange(B * H)
    without = attention.Modifiers(row_ids=rows)
    assert operands.make_inputs(spec_of(patterns.full(L), without), without).position is None
    dropped = attention.Modifiers(dropout=attention.Dropout(0.5, jax.random.key(0)), row_ids=rows)
    spec = spec_of(patterns.full(L), dropped)
    inputs = operands.make_inputs(spec, dropped)
    assert spec.dropout_rate == 0.5 and len(inputs.dropout_words) == 2
    np.testing.assert_array_equal(inputs.position.row_ids, rows)
    np.testing.assert_array_equal(inputs.position.q_blocks, [0, 1, 2])


def test_the_spec_is_hashable_and_knows_its_schedule():
    modifiers = attention.Modifiers()
    one, two = (spec_of(patterns.local(L, 2), modifiers, chunk=2) for _ in range(2))
    assert one == two and hash(one) == hash(two) and one.schedule() is two.schedule()
    assert (one.batch, one.heads, one.chunk, one.partial) == (B, H, 2, False)
    assert spec_of(patterns.local(L, 2), modifiers).chunk == operands.default_chunk()


def test_zero_cotangents_have_the_dtype_that_jax_wants():
    assert operands.zero_cotangent(jnp.ones(3)).dtype == jnp.float32
    assert operands.zero_cotangent(jnp.ones(3, jnp.int32)).dtype == jax.dtypes.float0
