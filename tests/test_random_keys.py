"""Keys of `random_keys` draw what JAX's own draw, to the bit, by a program without loops."""

from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import random_keys

SEEDS = (0, 1, 7, 2**31 - 1)


@pytest.mark.parametrize('seed', SEEDS)
def test_keys_are_those_of_jax(seed):
    own, jaxs = random_keys.key(seed), jax.random.key(seed)
    assert own.dtype != jaxs.dtype
    chain = [lambda key: key, lambda key: jax.random.fold_in(key, 2**31 - 2)]
    chain.append(lambda key: jax.random.split(key, (3, 2))[2, 1])
    for change in chain:
        own, jaxs = change(own), change(jaxs)
        np.testing.assert_array_equal(jax.random.key_data(own), jax.random.key_data(jaxs))


@pytest.mark.parametrize('shape', [(), (1,), (7,), (3, 5), (2, 1, 4, 3), (0, 3)])
@pytest.mark.parametrize('dtype', ['uint8', 'uint16', 'uint32'])
def test_bits_are_those_of_jax(shape, dtype):
    draw = jax.jit(lambda key: jax.random.bits(key, shape, dtype))
    own, jaxs = (draw(make(5)) for make in (random_keys.key, jax.random.key))
    np.testing.assert_array_equal(own, jaxs)


def draws(key):
    """What models and tasks draw."""
    keys = jax.random.split(key, 6)
    return [
        jax.random.normal(keys[0], (4, 3)),
        jax.random.truncated_normal(keys[1], -2.0, 2.0, (4, 3)),
        jax.random.bernoulli(keys[2], 0.3, (5, 4)),
        jax.random.randint(keys[3], (6,), 0, 4),
        jax.random.uniform(keys[4], (3,)),
        jax.vmap(lambda key: jax.random.normal(key, (3,)))(jax.random.split(keys[5], 4)),
    ]


def test_draws_are_those_of_jax():
    own, jaxs = jax.jit(draws)(random_keys.key(3)), jax.jit(draws)(jax.random.key(3))
    for x, y in zip(own, jaxs, strict=True):
        np.testing.assert_array_equal(x, y)


def test_a_draw_over_devices_is_that_of_one():
    mesh = jax.make_mesh((8,), ('data',))
    rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec('data'))
    draw = jax.jit(lambda key: jax.random.bits(key, (16, 6)), out_shardings=rows)
    compiled = draw.lower(random_keys.key(0)).compile()
    expected = jax.random.bits(jax.random.key(0), (16, 6))
    np.testing.assert_array_equal(draw(random_keys.key(0)), expected)
    assert 'all-gather' not in compiled.as_text() and 'all-reduce' not in compiled.as_text()


def test_a_draw_is_one_pass():
    """No loop, so that XLA makes one kernel of it; JAX's own has one on a CPU."""

    def loops(key):
        return jax.jit(lambda key: jax.random.bits(key, (64,))).lower(key).as_text().count('while')

    assert loops(random_keys.key(0)) == 0 < loops(jax.random.key(0))


def test_other_settings_leave_jaxs_own_key():
    device = mock.Mock(platform='tpu')
    mesh = mock.Mock(spec=jax.sharding.Mesh, devices=np.array([device]))
    assert random_keys.key(0, mesh).dtype == jax.random.key(0).dtype
    with jax.threefry_partitionable(False):
        assert random_keys.key(0).dtype == jax.random.key(0).dtype
        assert jnp.issubdtype(random_keys.key(0).dtype, jax.dtypes.prng_key)
