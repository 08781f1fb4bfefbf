"""An adapted kernel is W + (alpha / rank) A B, for every shape of a linear map."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import errors
from genojax.nn import blocks
from genojax.optim import lora

# Logical axes and shape of a kernel -> (inputs, outputs) of its linear map.
KERNELS = {
    ('embed', 'mlp'): ((6, 10), (6, 10)),
    ('layers', 'embed', 'mlp'): ((3, 6, 10), (6, 10)),
    ('layers', 'embed', 'heads', 'head_width'): ((3, 6, 2, 4), (6, 8)),
    ('layers', 'heads', 'head_width', 'embed'): ((3, 2, 4, 6), (8, 6)),
    (None, 'embed', 'mlp'): ((5, 4, 7), (20, 7)),  # a convolution
}


def make(names, shape, rank=2):
    rng = np.random.default_rng(0)
    kernel = jnp.asarray(rng.normal(size=shape), jnp.float32)
    box = nn.LogicallyPartitioned(kernel, names)
    factors = lora.init({('kernel',): box}, rank, jax.random.key(0))
    a = factors['kernel', lora.A]
    b = factors['kernel', lora.B]
    noise = jnp.asarray(rng.normal(size=b.value.shape), jnp.float32)
    return kernel, a, b, noise


@pytest.mark.parametrize('names', KERNELS)
def test_a_kernel_with_an_adapter_is_the_sum_with_a_matrix_of_its_rank(names):
    shape, (inputs, outputs) = KERNELS[names]
    kernel, a, b, noise = make(names, shape)
    assert len(a.names) == a.value.ndim and len(b.names) == b.value.ndim
    assert a.names[-1] == 'rank' and set(a.names + b.names) == {*names, 'rank'}
    assert not b.value.any()
    summed = np.asarray(lora.AdaptedKernel(kernel, a.value, noise, 1.5).unbox())
    delta = (summed - kernel).reshape(-1, inputs, outputs)
    expected = 1.5 * (
        np.asarray(a.value).reshape(len(delta), inputs, 2)
        @ np.asarray(noise).reshape(len(delta), 2, outputs)
    )
    np.testing.assert_allclose(delta, expected, atol=1e-5)
    host = lora.merge_on_host(*map(np.asarray, (kernel, a.value, noise)), 1.5)
    np.testing.assert_allclose(summed, host, atol=1e-6)
    start = lora.AdaptedKernel(kernel, a.value, b.value, 1.5).unbox()
    np.testing.assert_array_equal(start, kernel)


def test_a_scan_over_layers_reads_the_summed_kernels():
    """The box passes through flax's scan, and a module gets one layer's kernel."""
    stack = nn.scan(
        _Layer, variable_axes={'params': 0}, split_rngs={'params': True}, length=3,
        metadata_params={nn.PARTITION_NAME: 'layers'},
    )()  # fmt: skip
    x = jnp.ones((2, 4))
    boxed = jax.eval_shape(stack.init, jax.random.key(0), x)['params']['map']['kernel']
    assert boxed.names == ('layers', 'embed', 'embed')
    kernel, a, _, noise = make(boxed.names, (3, 4, 4))
    box = lora.AdaptedKernel(kernel, a.value, noise, 0.5)

    @jax.jit
    def run(value):
        return stack.apply({'params': {'map': {'kernel': value}}}, x)[0]

    np.testing.assert_allclose(run(box), run(box.unbox()), rtol=1e-6)


class _Layer(nn.Module):
    @nn.compact
    def __call__(self, x):
        return blocks.dense(4, ('embed', 'embed'), use_bias=False, name='map')(x), None


def test_a_rank_above_that_of_the_map_is_refused():
    with pytest.raises(errors.UsageError, match=r'rank=7 is more than 6, .* map kernel. Fix: .*=6'):
        make(('embed', 'mlp'), (6, 10), rank=7)
