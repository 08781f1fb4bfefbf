"""Parts of a block by hand: linear maps, feed-forward layers, norms, and ALiBi as a bias."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax.core import meta

from genojax import sharding
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


class _Kernel(nn.Module):
    shape: tuple[int, ...]

    @nn.compact
    def __call__(self):
        return self.param('kernel', blocks.INIT, self.shape)


def test_dense_is_an_affine_map_with_an_axis_per_head():
    layer = blocks.dense((2, 3), ('embed', 'heads', 'head_width'), name='dense')
    x = jnp.float32(numbers(1, 5, 6))
    params = layer.init(jax.random.key(0), x)['params']
    kernel, bias = params['kernel'], params['bias']
    assert kernel.names == ('embed', 'heads', 'head_width') and bias.names == kernel.names[1:]
    assert kernel.value.shape == (6, 2, 3) and kernel.value.dtype == jnp.float32
    # flax draws a matrix and reshapes it, which gives the numbers of a kernel drawn in its own
    # shape.
    assert np.array_equal(
        kernel.value, _Kernel((6, 2, 3)).init(jax.random.key(0))['params']['kernel']
    )
    bias = jnp.float32(numbers(2, 3))
    result = layer.apply({'params': {'kernel': kernel, 'bias': bias}}, x)
    expected = np.einsum('BLD,DHK->BLHK', x, kernel.value) + np.asarray(bias)
    assert np.allclose(result, expected, atol=1e-6)
    bare = blocks.dense(4, ('embed', None), use_bias=False, dtype='bfloat16')
    params = bare.init(jax.random.key(0), x)
    assert params['params'].keys() == {'kernel'}
    assert bare.apply(params, x).dtype == jnp.bfloat16


def test_dense_is_the_same_on_a_mesh():
    layer = blocks.dense((8, 3), ('embed', 'heads', 'head_width'))
    x = jnp.float32(numbers(8, 5, 16))
    params = meta.unbox(jax.jit(layer.init)(jax.random.key(0), x))
    one = jax.jit(layer.apply)(params, x)
    mesh = sharding.make_mesh(sharding.MeshConfig(data=2, fsdp=2, tensor=2), jax.devices())
    with jax.set_mesh(mesh):
        boxed = jax.eval_shape(layer.init, jax.random.key(0), x)
        shardings = sharding.variable_shardings(boxed, mesh)
        params = jax.jit(lambda key, x: meta.unbox(layer.init(key, x)), out_shardings=shardings)(
            jax.random.key(0), x
        )
        split = jax.jit(layer.apply)(params, x)
    kernel = params['params']['kernel']
    assert kernel.sharding.spec == jax.P('fsdp', 'tensor', None)
    assert kernel.addressable_shards[0].data.shape == (8, 4, 3)
    assert np.allclose(split, one, atol=1e-6)


def test_an_id_outside_a_table_is_not_a_number():
    table = blocks.embed(5, 3, ('vocab', 'embed'), 'words')
    params = table.init(jax.random.key(0), jnp.zeros((1, 1), jnp.int32))
    assert params['params']['embedding'].names == ('vocab', 'embed')
    result = np.asarray(table.apply(params, jnp.asarray([[0, 4, 5]])))
    assert np.array_equal(result[0, :2], params['params']['embedding'].value[jnp.array([0, 4])])
    assert np.isnan(result[0, 2]).all()


def test_layer_norm_is_the_formula_and_within_a_bit_of_flax_s():
    x, scale, bias = numbers(2, 7, 24) * 3 + 1, 1 + 0.3 * numbers(24), numbers(24)
    params = {'params': {'scale': jnp.float32(scale), 'bias': jnp.float32(bias)}}
    result = blocks.LayerNorm(1e-5).apply(params, jnp.float32(x))
    centred = x - x.mean(-1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * scale + bias
    assert np.allclose(result, expected, atol=2e-6)
    theirs = nn.LayerNorm(1e-5, use_fast_variance=False).apply(params, jnp.float32(x))
    assert np.allclose(result, theirs, rtol=2.0**-22, atol=2.0**-22)


def test_alibi_is_a_bias_that_falls_with_the_distance_on_both_sides():
    """Six heads: slopes of four, 1/4 ... 1/256, and the first and third of eight, 1/2 and 1/8."""
    slopes_H = np.array([1 / 4, 1 / 16, 1 / 64, 1 / 256, 1 / 2, 1 / 8])
    layer = self_attention.SelfAttention(6, relative='alibi', implementation='reference')
    x = jnp.float32(numbers(1, 9, 12))
    pattern = patterns.full(9)
    params = jax.jit(lambda key: layer.init(key, x, pattern))(jax.random.key(0))
    params = jax.tree.map(lambda leaf: leaf * 30, params)  # scores as large as the bias
    result = jax.jit(lambda params: layer.apply(params, x, pattern))(params)

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
    assert np.allclose(result, expected, rtol=1e-4, atol=1e-4)


def test_rotary_keeps_its_angles_at_a_megabase():
    """Angles in f32 are 1e6 radians there, so their products would be rounded to 1/16 radian."""
    x = numbers(1, 4, 1, 32)
    position = 2**20 - np.arange(4)[None]
    angle = position[..., None] * 1e4 ** (-np.arange(16) / 16)
    cos, sin = np.cos(angle)[:, :, None], np.sin(angle)[:, :, None]
    first, second = np.split(x, 2, axis=-1)
    expected = np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    result = positions.rotary(jnp.float32(x), jnp.asarray(position))
    # The coarse part of the angle is at most 1024 rotations, each rounded in f32 by 2 pi 1024 /
    # 2^24.
    assert np.allclose(result, expected, atol=2e-3)
