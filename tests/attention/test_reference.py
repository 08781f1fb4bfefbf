"""The reference against softmax in float64 numpy, row by row and with its gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import attention
from genojax.attention import patterns
from tests.attention import equality
from tests.attention.equality import Case


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

    step = jax.jit(jax.value_and_grad(loss, (0, 1, 2), has_aux=True))
    (_, (o, lse)), grads = step(q, k, v)
    empty = np.asarray(segments) == 0
    assert (np.asarray(o)[empty] == 0).all() and np.isneginf(np.asarray(lse)[empty]).all()
    for gradient in grads:
        assert np.isfinite(gradient).all() and (np.asarray(gradient)[empty] == 0).all()
        assert (np.asarray(gradient)[~empty] != 0).any()


def test_probabilities_are_the_rows_of_the_softmax():
    q, k, v = arrays()
    pattern = patterns.local(13, 4)
    rows = attention.probabilities(q, k, pattern, [0, 7])
    o = jnp.einsum('BHRM,BMHV->BRHV', rows, v)
    np.testing.assert_allclose(o, attention.attend(q, k, v, pattern)[:, [0, 7]], atol=1e-6)
    assert (np.asarray(rows)[:, :, 1][..., ~pattern.mask()[7]] == 0).all()
    with pytest.raises(IndexError, match='13'):
        attention.probabilities(q, k, pattern, [13])


def test_probabilities_with_segments_and_every_bias():
    """Against attention with values that are one-hot: its output is the probabilities."""
    q, k, _ = arrays()
    one_hot = jnp.broadcast_to(jnp.eye(13)[None, :, None], (2, 13, 3, 13))
    segments = jnp.asarray([[1] * 7 + [2] * 4 + [0] * 2, [3] * 13])
    random = np.random.default_rng(1)
    coord = jnp.asarray(random.uniform(0, 5, (2, 13)), jnp.float32)
    for bias in (
        None,
        attention.LinearBias(jnp.asarray([0.5, -1.0, 0.0]), coord, coord),
        jnp.asarray(random.standard_normal((1, 3, 13, 13)), jnp.float32),
    ):
        options = {'segments_BL': segments, 'bias': bias, 'scale': 0.3}
        rows = attention.probabilities(q, k, patterns.causal(13), [12, 3, 8], **options)
        o = attention.attend(q, k, one_hot, patterns.causal(13), **options)
        np.testing.assert_allclose(rows.swapaxes(1, 2), o[:, [12, 3, 8]], atol=1e-6)


def test_arguments_that_do_not_fit_are_refused():
    q, k, v = arrays()
    with pytest.raises(ValueError, match='13 queries'):
        attention.attend(q, k, v, patterns.full(14))
    with pytest.raises(ValueError, match='not one of'):
        attention.attend(q, k, v, patterns.full(13), implementation='fast')
    with pytest.raises(ValueError, match='as many keys as queries'):
        q, k, v = arrays(M=7)
        attention.attend(q, k, v, patterns.full(13, 7), segments_BL=jnp.ones((2, 13), jnp.int32))


CASES = [
    Case(patterns.bigbird(61, 8, per_head=2), segments='packed', bias='array', lse=True),
    Case(patterns.full(31, 47), dropout=0.3, value_width=3, segments='keys'),
    Case(patterns.bigbird(40, 8, plan='hf_eval'), bias='linear', segments='empty', lse=True),
    Case(patterns.causal(29, 43), segments='padding', dropout=0.2, lse=True),
]


@pytest.mark.parametrize('case', CASES, ids=str)
def test_values_and_gradients_are_those_of_the_formulas_in_float64(case):
    expected = equality.exact(case)
    got = equality.run(case, 'reference')
    empty = np.isneginf(expected['lse'])
    assert np.array_equal(empty, np.isneginf(got['lse']))
    got['lse'][empty] = expected['lse'][empty] = 0
    for name, x in got.items():
        scale = max(np.abs(expected[name]).max(), 0.1)
        np.testing.assert_allclose(x / scale, expected[name] / scale, atol=2e-5, err_msg=name)
