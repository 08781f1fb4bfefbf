"""FLOPs by shapes equal those counted by hand, in every kind of equation that has an inside."""

import jax
import jax.numpy as jnp
import numpy as np

from genojax.hardware import flops

F32 = jnp.float32
X, W = jax.ShapeDtypeStruct((8, 16), F32), jax.ShapeDtypeStruct((16, 16), F32)
PRODUCT = 2 * 8 * 16 * 16


def test_a_product_and_its_gradient():
    def loss(w, x):
        return (x @ w).sum()

    assert flops.of_function(loss, W, X) == PRODUCT
    # Two gradients, one product each; the value itself is not needed and still in the jaxpr.
    both = flops.of_function(jax.grad(loss, argnums=(0, 1)), W, X)
    assert both == 3 * PRODUCT


def test_a_scan_counts_its_length_and_recomputation_counts():
    def layers(x, w):
        return jax.lax.scan(lambda x, _: (jnp.tanh(x @ w), None), x, length=5)[0].sum()

    assert flops.of_function(layers, X, W) == 5 * PRODUCT

    def block(x, w):
        return jnp.tanh(jnp.tanh(x @ w) @ w)

    def loss(function):
        return jax.grad(lambda x, w: function(x, w).sum(), argnums=(0, 1))

    plain = flops.of_function(loss(block), X, W)
    assert plain == 6 * PRODUCT
    again = flops.of_function(loss(jax.checkpoint(block)), X, W)
    assert again > plain


def test_a_convolution():
    x, kernel = jax.ShapeDtypeStruct((2, 32, 3), F32), jax.ShapeDtypeStruct((5, 3, 7), F32)

    def convolve(x, kernel):
        return jax.lax.conv_general_dilated(
            x, kernel, (1,), 'SAME', dimension_numbers=('NWC', 'WIO', 'NWC')
        )

    assert flops.of_function(convolve, x, kernel) == 2 * (2 * 32 * 7) * (5 * 3)


def test_the_most_expensive_branch_counts():
    def either(x, w):
        return jax.lax.cond(x.sum() > 0, lambda: x @ w, lambda: x @ w @ w)

    assert flops.of_function(either, X, W) == 2 * PRODUCT


def test_the_devices_of_a_shard_map_count():
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:4]), ('rows',))
    rows = jax.P('rows')
    sharded = jax.shard_map(lambda x, w: x @ w, mesh=mesh, in_specs=(rows, jax.P()), out_specs=rows)
    assert flops.of_function(sharded, X, W) == PRODUCT
