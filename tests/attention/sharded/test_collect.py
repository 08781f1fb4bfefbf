"""Collectives on four devices: key blocks arrive in the plan's order, and regrouping is undone."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax.attention import patterns
from genojax.attention.sharded import collect, exchange

N, AXIS = 4, 'sequence'


def on_devices(f, x):
    """f on each device's part of the tokens; results side by side."""
    grid = jax.make_mesh((N,), (AXIS,), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.P(None, AXIS)
    with jax.set_mesh(grid):
        mapped = jax.shard_map(f, in_specs=spec, out_specs=spec, check_vma=False)
        return np.asarray(jax.jit(mapped)(x))


def numbers(n, block=1):
    """Block numbers, one per token, [1, n, 1]."""
    return jnp.arange(n)[None, :, None] // block


@pytest.mark.parametrize('rounds', [1, 2])
@pytest.mark.parametrize('name', ['bigbird', 'local'])
def test_key_blocks_arrive_in_the_order_of_the_plan(name, rounds):
    block = 4
    pattern = {'bigbird': patterns.bigbird(256, block), 'local': patterns.local(256, 9)}[name]
    plan = exchange.plan(pattern, N, block, rounds)
    for round_index in range(rounds):
        f = functools.partial(
            collect.collect_keys, plan, AXIS, block=block, round_index=round_index
        )
        got = on_devices(lambda x, f=f: f(x), numbers(256, block))
        got = got.reshape(N, -1, block)
        np.testing.assert_array_equal(got[:, :, 0], plan.key_blocks[:, round_index])
        assert (got == got[:, :, :1]).all(), 'blocks stay whole'


def test_dense_rows_are_those_of_all_devices():
    block = 4
    pattern = patterns.longformer(256, 3, [0, 130, 131, 255])
    plan = exchange.plan(pattern, N, block)
    got = on_devices(lambda x: collect.gather_dense_rows(plan, AXIS, x, block), numbers(256, block))
    rows = got.reshape(N, -1, block)[:, :, 0]
    np.testing.assert_array_equal(rows, [[0, 32, 63]] * N)


def test_residues_are_whole_on_a_device_and_come_back():
    period, x = 8, numbers(96)
    grouped = on_devices(lambda x: collect.by_residue(N, period, AXIS, x), x).reshape(N, -1)
    for device, tokens in enumerate(grouped):
        residue = tokens % period
        assert set(residue.tolist()) == {2 * device, 2 * device + 1}
        np.testing.assert_array_equal(residue, np.tile([2 * device, 2 * device + 1], 12))
        assert (np.diff(tokens[::2]) == period).all()

    def there_and_back(x):
        return collect.by_token(N, period, AXIS, collect.by_residue(N, period, AXIS, x))

    np.testing.assert_array_equal(on_devices(there_and_back, x), x)


def test_anchor_keys_are_those_of_the_whole_sequence():
    got = on_devices(lambda x: collect.anchor_keys(8, AXIS, x), numbers(96)).reshape(N, -1)
    np.testing.assert_array_equal(got, [np.arange(0, 96, 8)] * N)


def test_blocks_by_number():
    x = jnp.arange(24)[None, :, None]
    taken = collect.take_blocks(x, jnp.asarray([[2, 0], [1, 1]]), 8)
    assert taken.shape == (1, 2, 2, 8, 1)
    np.testing.assert_array_equal(taken[0, :, :, 0, 0], [[16, 0], [8, 8]])
