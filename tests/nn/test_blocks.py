"""Parts of a block by hand: feed-forward layers from their formulas, ALiBi as a bias written out."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax.attention import patterns
from genojax.nn import blocks, positions, self_attention


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).standard_normal(shape)


def gelu(x: np.ndarray) -> np.ndarray:
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ('kind', 'activation', 'gated', 'down_bias'),
    [
        ('gelu', gelu, False, True),
        ('gelu_tanh', gelu_tanh, False, True),
        ('geglu', gelu, True, True),
        ('swiglu', silu, True, False),
    ],
)
def test_a_feed_forward_layer_is_its_formula(kind, activation, gated, down_bias):
    x, up, gate, down, bias = (
        numbers(1, 5, 6), numbers(6, 7), numbers(6, 7) + 1, numbers(7, 6), numbers(6)
    )  # fmt: skip
    params = {'up': {'kernel': up}, 'down': {'kernel': down}}
    if gated:
        params['gate'] = {'kernel': gate}
        expected = (activation(x @ gate) * (x @ up)) @ down
    else:
        params['up']['bias'] = numbers(7)
        expected = activation(x @ up + numbers(7)) @ down
    if down_bias:
        params['down']['bias'] = bias
        expected = expected + bias
    layer = blocks.feed_forward(kind, 7, 'float32', name='mlp')
    params = jax.tree.map(jnp.float32, params)
    assert np.allclose(layer.apply({'params': params}, jnp.float32(x)), expected, atol=1e-4)
    shapes = jax.eval_shape(layer.init, jax.random.key(0), jnp.zeros((1, 5, 6)))['params']
    assert jax.tree.structure(params) == jax.tree.structure(
        shapes, is_leaf=lambda x: hasattr(x, 'names')
    )


def test_alibi_is_a_bias_that_falls_with_the_distance_on_both_sides():
    """Six heads: slopes of four, 1/4 ... 1/256, and the first and third of eight, 1/2 and 1/8."""
    slopes_H = np.array([1 / 4, 1 / 16, 1 / 64, 1 / 256, 1 / 2, 1 / 8])
    layer = self_attention.SelfAttention(6, relative='alibi', implementation='reference')
    x = jnp.float32(numbers(1, 9, 12))
    params = layer.init(jax.random.key(0), x, patterns.full(9))
    params = jax.tree.map(lambda leaf: leaf * 30, params)  # scores as large as the bias
    found = layer.apply(params, x, patterns.full(9))

    p = jax.tree.map(np.asarray, params['params'])
    q, k, v = (
        np.einsum('BLD,DHK->BLHK', x, p[name]['kernel'].value) + p[name]['bias'].value
        for name in ('query', 'key', 'value')
    )
    far_LM = np.abs(np.arange(9)[:, None] - np.arange(9))
    s_BHLM = np.einsum('BLHK,BMHK->BHLM', q, k) / math.sqrt(2)
    s_BHLM -= slopes_H[None, :, None, None] * far_LM
    e_BHLM = np.exp(s_BHLM - s_BHLM.max(-1, keepdims=True))
    o_BLHK = np.einsum('BHLM,BMHK->BLHK', e_BHLM / e_BHLM.sum(-1, keepdims=True), v)
    expected = np.einsum('BLHK,HKD->BLD', o_BLHK, p['kernel'].value) + p['bias'].value
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_rotary_keeps_its_angles_at_a_megabase():
    """Angles in f32 are 1e6 radians there, so their products would be rounded to 1/16 radian."""
    x = numbers(1, 4, 1, 32)
    far = 2**20 - np.arange(4)[None]
    angle = far[..., None] * 1e4 ** (-np.arange(16) / 16)
    cos, sin = np.cos(angle)[:, :, None], np.sin(angle)[:, :, None]
    first, second = np.split(x, 2, axis=-1)
    expected = np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    found = positions.rotary(jnp.float32(x), jnp.asarray(far))
    # The far part of the angle is at most 1024 turns, a sum of f32 roundings of 2 pi 1024 / 2^24 each.
    assert np.allclose(found, expected, atol=2e-3)
