"""Optional inputs: shape checks that name the array, segments by brute force, derived values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import attention
from genojax.attention import inputs, patterns

N = 13


def linear(heads=2, queries=N, keys=N):
    return attention.LinearBias(jnp.ones(heads), jnp.ones((1, queries)), jnp.ones((1, keys)))


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('segments_BL', {'segments_BL': jnp.ones((2, 11), jnp.int32)}),
        ('segments_BL', {'segments_BL': jnp.ones(13, jnp.int32)}),
        ('key_segments_BM', {'key_segments_BM': jnp.ones((3, 13), jnp.int32)}),
        ('bias', {'bias': jnp.zeros((1, 1, 13, 12))}),
        ('bias', {'bias': jnp.zeros((3, 1, 13, 13))}),
        ('bias', {'bias': jnp.zeros((1, 1, 1, 13))}),
        ('slopes_H', {'bias': linear(heads=3)}),
        ('slopes_H', {'bias': linear(heads=1)}),
        ('q_coord_BL', {'bias': linear(queries=1)}),
        ('k_coord_BM', {'bias': linear(keys=12)}),
    ],
)
def test_optional_inputs_must_fit(name, options):
    """Through the check itself: while tests run, jaxtyping stands in front of `attend`."""
    x = jnp.zeros((2, N, 2, 4))
    with pytest.raises(ValueError, match=f'{name} has shape'):
        inputs.check_shapes(x, x, x, patterns.full(N), attention.Modifiers(**options))


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'segments_BL': jnp.ones((1, N), jnp.int32)},
        {
            'segments_BL': jnp.ones((2, N), jnp.int32),
            'key_segments_BM': jnp.ones((1, N), jnp.int32),
        },
        {'bias': jnp.zeros((1, 1, N, N))},
        {'bias': jnp.zeros((2, 1, N, N))},
        {'bias': attention.LinearBias(jnp.ones(2), jnp.ones((1, N)), jnp.ones((2, N)))},
    ],
)
def test_leading_axes_of_one_are_allowed(options):
    x = jnp.zeros((2, N, 2, 4))
    inputs.check_shapes(x, x, x, patterns.full(N), attention.Modifiers(**options))


@pytest.mark.parametrize(
    ('k', 'v', 'pattern', 'message'),
    [
        ((2, N, 2, 4), (2, N, 2, 4), patterns.full(14), '13 queries and 13 keys'),
        ((2, 12, 2, 4), (2, 12, 2, 4), patterns.full(N), '12 keys'),
        ((2, N, 2, 4), (2, 12, 2, 4), patterns.full(N), 'do not match'),
        ((2, N, 1, 4), (2, N, 1, 4), patterns.full(N), 'do not match'),
        ((1, N, 2, 4), (1, N, 2, 4), patterns.full(N), 'do not match'),
        ((2, N, 2, 4), (2, N, 2, 4), patterns.random(N, 1, 4, per_head=3), '3 heads, but q has 2'),
    ],
)
def test_arrays_must_fit_each_other_and_the_pattern(k, v, pattern, message):
    q, k, v = (jnp.zeros(shape) for shape in ((2, N, 2, 4), k, v))
    with pytest.raises(ValueError, match=message):
        inputs.check_shapes(q, k, v, pattern, attention.Modifiers())


def test_same_segment_by_brute_force():
    random = np.random.default_rng(0)
    queries, keys = random.integers(0, 3, (2, 5)), random.integers(0, 3, (2, 7))
    got = np.asarray(inputs.same_segment(jnp.asarray(queries), jnp.asarray(keys)))
    for b, i, j in np.ndindex(2, 5, 7):
        assert got[b, i, j] == (queries[b, i] == keys[b, j] != 0)
    alone = np.asarray(inputs.same_segment(jnp.asarray(queries), None))
    for b, i, j in np.ndindex(2, 5, 5):
        assert alone[b, i, j] == (queries[b, i] == queries[b, j] != 0)
    of_keys = np.asarray(inputs.same_segment(None, jnp.asarray(keys)))
    np.testing.assert_array_equal(of_keys[:, 0], keys > 0)
    assert inputs.same_segment(None, None) is None


def test_segments_of_keys_alone_put_all_queries_in_segment_one():
    keys = jnp.asarray([[0, 4, 4], [7, 0, 2]])
    tokens = attention.Modifiers(key_segments_BM=keys).token_inputs(2, 5)
    np.testing.assert_array_equal(tokens.q_segment, np.ones((2, 5)))
    np.testing.assert_array_equal(tokens.k_segment, np.asarray(keys) > 0)
    both = attention.Modifiers(segments_BL=keys).token_inputs(2, 3)
    assert both.q_segment is keys and both.k_segment is keys
    assert attention.Modifiers().token_inputs(2, 3) == inputs.TokenInputs()


def test_which_bias_it_is():
    linear = attention.LinearBias(jnp.ones(2, jnp.bfloat16), jnp.zeros((1, 3)), jnp.zeros((1, 3)))
    array = jnp.zeros((1, 1, 3, 3))
    assert attention.Modifiers(bias=linear).linear_bias is linear
    assert attention.Modifiers(bias=linear).array_bias is None
    assert attention.Modifiers(bias=array).array_bias is array
    assert attention.Modifiers(bias=array).linear_bias is None
    assert attention.Modifiers(bias=array).bias_inputs() == inputs.TokenInputs()
    assert attention.Modifiers(bias=linear).bias_inputs().slopes.dtype == jnp.float32


def test_map_treats_queries_and_keys_apart_and_leaves_none():
    tokens = inputs.TokenInputs(q_segment=1, k_coord=2, slopes=3)
    mapped = tokens.map(lambda x: x + 10, lambda x: x + 20)
    assert mapped == inputs.TokenInputs(q_segment=11, k_coord=22, slopes=3)


def test_modifiers_pass_through_jit_and_keep_the_rate_static():
    dropout = attention.Dropout(0.25, jax.random.key(0))
    modifiers = attention.Modifiers(segments_BL=jnp.ones((1, 3)), dropout=dropout)

    @jax.jit
    def f(m):
        assert isinstance(m.dropout_rate, float) and m.dropout_rate == 0.25
        return m.key_segments.sum()

    assert f(modifiers) == 3
    assert attention.Modifiers().dropout_rate == 0.0
    with pytest.raises(ValueError, match='in \\[0, 1\\)'):
        attention.Dropout(1.0, jax.random.key(0))
