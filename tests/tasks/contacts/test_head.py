"""The head over pairs of bins: symmetric to the last bit, reversed with its bins, zero at first."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.core import meta

from genojax import errors
from genojax.tasks.contacts import head


def test_maps_are_symmetric_and_reverse_with_the_bins():
    module = head.ContactHead(8, 16)
    x = jax.random.normal(jax.random.key(0), (2, 7, 5))
    params = jax.jit(module.init)(jax.random.key(1), x)
    apply = jax.jit(module.apply)
    assert (apply(params, x) == 0).all()
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    leaves = [leaf + jax.random.normal(k, leaf.shape) for leaf, k in zip(leaves, keys, strict=True)]
    params = jax.tree.unflatten(tree, leaves)
    y = np.asarray(apply(params, x))
    assert y.std() > 0.1
    np.testing.assert_array_equal(y, y.swapaxes(1, 2))
    np.testing.assert_allclose(apply(params, x[:, ::-1]), y[:, ::-1, ::-1], rtol=1e-4, atol=1e-4)


def test_vectors_are_averaged_over_the_bins_of_the_centre():
    x = jnp.arange(24.0).reshape(1, 12, 2)
    np.testing.assert_array_equal(head.pool(x, 8, 4)[0, :, 0], [5, 9, 13, 17])
    np.testing.assert_array_equal(head.pool(x, 12, 3)[0, :, 1], [4, 12, 20])
    for centre, bins in ((8, 3), (7.5, 4), (14, 7), (7, 7), (0.25, 1)):
        with pytest.raises(errors.UsageError, match='whole number'):
            head.pool(x, centre, bins)


@pytest.mark.slow
def test_planted_insulation_and_loops_are_learned_from_the_bins_contents():
    """A map of boundaries between bins and of loops between convergent sites, by gradients."""
    rng = np.random.default_rng(0)
    plus, minus = rng.binomial(1, 0.3, (2, 80, 9)).astype(np.float32)
    total = np.cumsum(plus + minus, 1) - (plus + minus) / 2
    target = -0.5 * np.abs(total[:, :, None] - total[:, None])
    loop = np.triu(plus[:, :, None] * minus[:, None], 1)
    target += 1.5 * (loop + loop.swapaxes(1, 2))
    x = jnp.asarray(np.stack([plus, minus, rng.random((80, 9), np.float32)], -1))
    module, far = head.ContactHead(8, 16), np.abs(np.subtract.outer(np.arange(9), np.arange(9))) > 1
    optimizer = optax.adam(0.02)

    def loss(params, rows):
        error = (module.apply(params, x[rows]) - target[rows]) * far[None]
        return (error**2).sum() / (far.sum() * len(error))

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params, slice(0, 64)), state)
        return (optax.apply_updates(params, updates), state), None

    @jax.jit
    def train(key):
        params = meta.unbox(module.init(key, x))
        (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), length=300)
        return loss(params, slice(64, 80))

    variance = target[64:][:, far].var()
    assert train(jax.random.key(0)) < 0.25 * variance
