"""The kernels alone: the minimum distance, partial outputs, and rows without keys."""

import jax.numpy as jnp
import numpy as np
import pytest

from genojax import attention
from genojax.attention import inputs, patterns
from genojax.attention.tpu import kernels

N = 40


def arrays(dtype=jnp.float32):
    random = np.random.default_rng(0)
    return tuple(jnp.asarray(random.standard_normal((1, N, 2, 8)), dtype) for _ in range(3))


def dense(q, k, v, mask):
    """Softmax attention in float64 numpy; rows without keys are zero."""
    q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
    e = np.exp(np.einsum('blhk,bmhk->bhlm', q, k) * 0.5) * mask
    total = e.sum(-1, keepdims=True)
    return np.einsum('bhlm,bmhv->blhv', e / np.where(total > 0, total, 1), v)


def test_pairs_that_are_too_close_are_masked():
    q, k, v = arrays()
    position = jnp.asarray(np.random.default_rng(1).permutation(3 * N)[:N])[None]
    spec = kernels.KernelSpec(patterns.full(N), 16, 0.5, min_distance=30)
    o, lse = kernels.attend(
        spec, q, k, v, kernels.KernelInputs(q_position=position, k_position=position)
    )
    mask = np.abs(position[0, :, None] - position[0, None]) > 30
    np.testing.assert_allclose(o, dense(q, k, v, np.asarray(mask)), atol=2e-5)
    assert np.isfinite(np.asarray(lse)).all()


@pytest.mark.parametrize('partial', [False, True])
def test_a_partial_output_stays_float32(partial):
    q, k, v = arrays(jnp.bfloat16)
    spec = kernels.KernelSpec(patterns.causal(N), 16, 0.5, partial=partial)
    o, lse = kernels.attend(spec, q, k, v, kernels.KernelInputs())
    assert o.dtype == (jnp.float32 if partial else jnp.bfloat16) and lse.dtype == jnp.float32
    tolerance = 1e-2 if partial else 2e-2
    expected = dense(q, k, v, np.tri(N))
    np.testing.assert_allclose(np.asarray(o, np.float64), expected, atol=tolerance)


def test_rows_without_keys_are_zero():
    q, k, v = arrays()
    segments = jnp.asarray([[1] * 20 + [0] * 12 + [2] * 8])
    tokens = inputs.TokenInputs(q_segment=segments, k_segment=segments)
    spec = kernels.KernelSpec(patterns.local(N, 3), 16, 0.5)
    o, lse = kernels.attend(spec, q, k, v, kernels.KernelInputs(tokens=tokens))
    padding = np.asarray(segments[0] == 0)
    assert not np.asarray(o)[:, padding].any() and np.isneginf(np.asarray(lse)[:, padding]).all()
    assert np.asarray(o)[:, ~padding].all() and np.isfinite(np.asarray(lse)[:, ~padding]).all()
    by_name = attention.attend(
        q, k, v, patterns.local(N, 3), segments_BL=segments, scale=0.5, implementation='pallas_tpu'
    )
    np.testing.assert_allclose(o, by_name, atol=1e-6)
