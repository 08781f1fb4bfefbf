"""Linear bias and dropout: values, gradients of slopes from sums, and rates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import attention
from genojax.attention import bias as biases
from genojax.attention import patterns


def arrays(L=13, M=13, H=3, K=8):
    random = np.random.default_rng(0)
    shapes = ((2, L, H, K), (2, M, H, K), (2, M, H, K))
    return [jnp.asarray(random.standard_normal(s), jnp.float32) for s in shapes]


def test_a_linear_bias_is_minus_slope_times_distance():
    q, k, v = arrays()
    position = jnp.arange(13)[None]
    slopes = jnp.asarray([0.5, 0.25, 0.125])
    linear = attention.LinearBias(slopes, position, position)
    dense = -slopes[None, :, None, None] * jnp.abs(position[0, :, None] - position)[None, None]
    np.testing.assert_array_equal(linear.dense(), dense)
    pattern = patterns.full(13)
    got = attention.attend(q, k, v, pattern, bias=linear)
    np.testing.assert_allclose(got, attention.attend(q, k, v, pattern, bias=dense), atol=1e-6)


def test_alibi_does_not_depend_on_where_the_coordinate_starts():
    q, k, v = arrays()
    slopes, position = jnp.asarray([0.5, 0.25, 0.125]), jnp.arange(13.0)[None]
    one, two = (
        attention.attend(q, k, v, patterns.local(13, 4), bias=attention.LinearBias(slopes, x, x))
        for x in (position, position + 1000)
    )
    np.testing.assert_array_equal(one, two)


def test_coordinates_have_no_gradient():
    def loss(coord):
        return attention.LinearBias(jnp.ones(2), coord, coord).dense().sum()

    assert not jax.grad(loss)(jnp.arange(5.0)[None]).any()


@pytest.mark.parametrize('blocks', [1, 3])
def test_the_gradient_of_slopes_from_sums_is_that_of_the_dense_bias(blocks):
    """Sums of blocks of keys add up, and ds of a row sums to the cotangent of its log-sum-exp."""
    random = np.random.default_rng(0)
    s, do, dlse = (random.standard_normal(x) for x in ((2, 4, 6), (2, 4, 6), (2, 4, 1)))
    p = np.exp(s) / np.exp(s).sum(-1, keepdims=True)
    ds = p * (do - (p * do).sum(-1, keepdims=True) + dlse)
    distance = random.uniform(0, 9, (2, 4, 6))
    cut = [np.split(x, blocks, axis=-1) for x in (ds, p, distance)]
    sums = sum(biases.slope_sums(*map(jnp.asarray, block)) for block in zip(*cut, strict=True))
    got = biases.slope_gradient(sums[:, :, None], jnp.asarray(dlse))
    np.testing.assert_allclose(got, [-(ds * distance).sum()], rtol=1e-5)


def test_what_rounding_leaves_is_taken_off_at_the_mean_distance():
    """Where the ds of a row sum to an error instead of 0, a large distance must not multiply it."""
    p = jnp.asarray([[[0.25, 0.75]]])
    distance = jnp.asarray([[[1e6, 1e6 + 1]]])
    ds = jnp.asarray([[[0.5 + 1e-3, -0.5]]])
    sums = biases.slope_sums(ds, p, distance)[:, :, None]
    corrected = biases.slope_gradient(sums, jnp.zeros((1, 1, 1)))
    assert abs(float(corrected[0]) - 0.5) < 0.2, 'the exact value for ds = (0.5, -0.5) is 0.5'
    assert abs(float(biases.slope_gradient(sums, None)[0])) > 500


def test_dropout_has_its_rate_and_independent_neighbours():
    q, k, v = arrays(L=64, M=257)
    dropout = attention.Dropout(0.25, jax.random.key(3))
    keep = jax.jit(dropout.keep)(*np.ogrid[:6, :64, :257])
    assert abs(float(keep.mean()) - 0.75) < 4 * np.sqrt(0.75 * 0.25 / keep.size)
    for axis in range(3):
        pair = (keep & jnp.roll(keep, 1, axis)).mean()
        assert abs(float(pair) - 0.5625) < 5 * np.sqrt(0.5625 * 0.4375 / keep.size)
    ones = jnp.ones_like(v)
    got = attention.attend(q, k, ones, patterns.full(64, 257), dropout=dropout)
    assert abs(float(got.mean()) - 1) < 0.01 and float(got.std()) > 0.01


def dropout_mask(seed, rate, row, i, j):
    """Which pairs are not dropped, as numpy."""
    dropout = attention.Dropout(rate, jax.random.key(seed))
    return np.asarray(jax.jit(dropout.keep)(row, i, j))


def test_dropout_is_a_function_of_key_and_pair():
    row, i, j = np.ogrid[:2, :30, :40]
    one, again, other = (dropout_mask(seed, 0.5, row, i, j) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(dropout_mask(1, 0.5, row[1:], i[:, 7:9], j)[0], one[1, 7:9])
    assert 0.4 < (one == other).mean() < 0.6
    assert dropout_mask(1, 0.0, row, i, j).all()
