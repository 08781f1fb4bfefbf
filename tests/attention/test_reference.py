"""The reference against softmax written out in numpy: it is what every other implementation is held to."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import attention
from genojax.attention import inputs, patterns


def arrays(B=2, L=13, H=3, K=8, M=13, V=5, seed=0, dtype=jnp.float32):
    random = np.random.default_rng(seed)
    shapes = ((B, L, H, K), (B, M, H, K), (B, M, H, V))
    return [jnp.asarray(random.standard_normal(s), dtype) for s in shapes]


def by_hand(q, k, v, weights, scale):
    """Softmax attention in float64 numpy, one row at a time."""
    q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
    out = np.zeros(q.shape[:3] + v.shape[-1:])
    for b, i, h in np.ndindex(q.shape[:3]):
        e = weights[b, i] * np.exp(k[b, :, h] @ q[b, i, h] * scale)
        if e.sum() > 0:
            out[b, i, h] = (e / e.sum()) @ v[b, :, h]
    return out


@pytest.mark.parametrize(
    'pattern',
    [
        patterns.full(13),
        patterns.causal(13),
        patterns.local(13, 2),
        patterns.local(13, 0) | patterns.causal(13) & patterns.local(13, 5),
    ],
)
def test_values_are_softmax(pattern):
    q, k, v = arrays()
    segments = jnp.asarray([[1] * 7 + [2] * 4 + [0] * 2, [3] * 13])
    same = np.asarray(segments)[:, :, None] == np.asarray(segments)[:, None, :]
    weights = pattern.weights() * same * (np.asarray(segments)[:, None, :] > 0)
    got = attention.attend(q, k, v, pattern, segments_BL=segments, scale=0.3)
    np.testing.assert_allclose(got, by_hand(q, k, v, weights, 0.3), atol=2e-6)


def test_fully_masked_rows_are_zero_with_zero_gradients():
    q, k, v = arrays()
    segments = jnp.asarray([[1] * 8 + [0] * 5, [0] * 13])

    def loss(q, k, v):
        o, lse = attention.attend(
            q, k, v, patterns.local(13, 3), segments_BL=segments, return_lse=True
        )
        return (o**2).sum(), (o, lse)

    (_, (o, lse)), grads = jax.value_and_grad(loss, (0, 1, 2), has_aux=True)(q, k, v)
    empty = np.asarray(segments) == 0
    assert (np.asarray(o)[empty] == 0).all() and np.isneginf(np.asarray(lse)[empty]).all()
    for gradient in grads:
        assert np.isfinite(gradient).all() and (np.asarray(gradient)[empty] == 0).all()
        assert (np.asarray(gradient)[~empty] != 0).any()


def test_linear_bias_is_minus_slope_times_distance():
    q, k, v = arrays()
    position = jnp.arange(13)[None]
    slopes = jnp.asarray([0.5, 0.25, 0.125])
    linear = attention.LinearBias(slopes, position, position)
    dense = -slopes[None, :, None, None] * jnp.abs(position[0, :, None] - position)[None, None]
    pattern = patterns.full(13)
    got = attention.attend(q, k, v, pattern, bias=linear)
    np.testing.assert_allclose(got, attention.attend(q, k, v, pattern, bias=dense), atol=1e-6)


def test_dropout_keeps_the_mean_and_the_rate():
    q, k, v = arrays(L=64, M=257, V=8)
    dropout = attention.Dropout(0.25, jax.random.key(3))
    kept = dropout.keep(
        jnp.arange(6)[:, None, None], jnp.arange(64)[None, :, None], jnp.arange(257)[None, None]
    )
    n = kept.size
    assert abs(float(kept.mean()) - 0.75) < 4 * np.sqrt(0.75 * 0.25 / n)
    # neighbours in any of the three indices are independent
    for axis in range(3):
        pair = (kept & jnp.roll(kept, 1, axis)).mean()
        assert abs(float(pair) - 0.5625) < 5 * np.sqrt(0.5625 * 0.4375 / n)
    ones = jnp.ones_like(v)
    got = attention.attend(q, k, ones, patterns.full(64, 257), dropout=dropout)
    assert abs(float(got.mean()) - 1) < 0.01 and float(got.std()) > 0.01


def test_probabilities_are_the_rows_of_the_softmax():
    q, k, v = arrays()
    pattern = patterns.local(13, 4)
    rows = attention.probabilities(q, k, pattern, [0, 7])
    o = jnp.einsum('BHRM,BMHV->BRHV', rows, v)
    np.testing.assert_allclose(o, attention.attend(q, k, v, pattern)[:, [0, 7]], atol=1e-6)
    assert (np.asarray(rows)[:, :, 1][..., ~pattern.mask()[7]] == 0).all()
    with pytest.raises(IndexError, match='13'):
        attention.probabilities(q, k, pattern, [13])


def test_what_does_not_fit_is_refused():
    q, k, v = arrays()
    with pytest.raises(ValueError, match='13 queries'):
        attention.attend(q, k, v, patterns.full(14))
    with pytest.raises(ValueError, match='not one of'):
        attention.attend(q, k, v, patterns.full(13), implementation='fast')
    with pytest.raises(ValueError, match='different shapes'):
        patterns.full(3) | patterns.full(4)
    with pytest.raises(ValueError, match='>= 1'):
        patterns.full(8, 0)


@pytest.mark.parametrize(
    ('name', 'more'),
    [
        ('segments_BL', {'segments_BL': jnp.ones((2, 11), jnp.int32)}),
        ('key_segments_BM', {'key_segments_BM': jnp.ones((3, 13), jnp.int32)}),
        ('bias', {'bias': jnp.zeros((1, 1, 13, 12))}),
        ('bias', {'bias': jnp.zeros((3, 1, 13, 13))}),
        ('slopes_H', {'bias': attention.LinearBias(jnp.ones(3), jnp.ones((1, 13)), jnp.ones((1, 13)))}),
        ('k_coord_BM', {'bias': attention.LinearBias(jnp.ones(2), jnp.ones((1, 13)), jnp.ones((1, 12)))}),
    ],
)  # fmt: skip
def test_what_comes_with_the_arrays_must_fit_too(name, more):
    """Asked of the door's own check: while tests run, jaxtyping stands in front of it."""
    x = jnp.zeros((2, 13, 2, 4))
    with pytest.raises(ValueError, match=f'{name} has shape'):
        inputs.check_shapes(x, x, x, patterns.full(13), attention.Modifiers(**more))
