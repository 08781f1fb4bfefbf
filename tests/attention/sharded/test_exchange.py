"""Exchange tables without devices: rows get the keys they need, and each pair is computed once."""

import numpy as np
import pytest

from genojax import errors
from genojax.attention import patterns
from genojax.attention.sharded import exchange
from tests.attention.patterns import tiles

CASES = {
    'bigbird': (patterns.bigbird(16 * 64, 16), 8, 16, 4),
    'bigbird_heads': (patterns.bigbird(8 * 32, 8, per_head=2), 4, 8, 2),
    'local': (patterns.local(1024, 100), 8, 16, 1),
    'longformer': (patterns.longformer(1024, 40, [0, 700]), 4, 16, 1),
    'causal_window': (patterns.causal(512) & patterns.local(512, 60), 4, 16, 1),
    'random': (patterns.random(512, 2, 16), 4, 16, 2),
}


def received(plan, device, round_index):
    """The numbers of the key blocks that arrive on a device, by the routes that `collect` takes."""
    own, n = plan.own_blocks, plan.devices
    blocks = [np.arange(n * own).reshape(n, own)[d % n] for d in range(device - 1, device + 2)]
    arrived = [blocks[1], blocks[0][own - plan.halo :], blocks[2][: plan.halo]]
    arrived += [plan.gathered[owner] + owner * own for owner in range(n)]
    arrived += [plan.sent[owner, round_index, device] + owner * own for owner in range(n)]
    return np.concatenate(arrived)


def written_out(plan, lists, rows_of, keys_of):
    """Block lists of all devices and rounds as one matrix, [heads, q blocks, kv blocks]."""
    heads = lists.heads
    tables = plan.devices * plan.round_rows.shape[1]
    per_table = heads // tables
    whole = np.zeros(
        (per_table, plan.devices * plan.own_blocks, plan.devices * plan.own_blocks), int
    )
    for row, column in zip(lists.row_of(), lists.column, strict=True):
        table_head, r = divmod(int(row), lists.num_q_blocks)
        table, head = divmod(table_head, per_table)
        device, round_index = divmod(table, plan.round_rows.shape[1])
        whole[head, rows_of(device, round_index)[r], keys_of(device, round_index)[column]] += 1
    return whole


def expected_tiles(pattern, block):
    lists = pattern.block_lists(block)
    head, row = np.divmod(lists.row_of(), lists.num_q_blocks)
    whole = np.zeros((pattern.heads, lists.num_q_blocks, lists.num_kv_blocks), int)
    whole[head, row, lists.column] = 1
    return whole


@pytest.mark.parametrize('name', CASES)
def test_key_blocks_are_what_arrives(name):
    pattern, n, block, rounds = CASES[name]
    plan = exchange.plan(pattern, n, block, rounds)
    for device in range(n):
        for round_index in range(rounds):
            arrived = received(plan, device, round_index)
            np.testing.assert_array_equal(plan.key_blocks[device, round_index], arrived)


@pytest.mark.parametrize('name', CASES)
def test_sparse_and_dense_rows_are_the_pattern(name):
    pattern, n, block, rounds = CASES[name]
    plan = exchange.plan(pattern, n, block, rounds)
    sparse = written_out(
        plan,
        plan.sparse_lists,
        lambda d, r: plan.round_rows[d, r] + d * plan.own_blocks,
        lambda d, r: plan.key_blocks[d, r],
    )
    expected = expected_tiles(pattern, block)
    dense_rows = np.flatnonzero(expected.sum(2).max(0) > 16)
    assert not sparse[:, dense_rows].any()
    sparse[:, dense_rows] = 0
    if plan.dense_lists is None:
        assert not len(dense_rows)
    else:
        one_round = exchange.plan(pattern, n, block)
        sparse += written_out(
            one_round,
            one_round.dense_lists,
            lambda d, r: dense_rows,
            lambda d, r: np.arange(plan.own_blocks) + d * plan.own_blocks,
        )
    np.testing.assert_array_equal(sparse, expected)


@pytest.mark.parametrize('name', CASES)
def test_every_own_row_is_in_one_round(name):
    pattern, n, block, rounds = CASES[name]
    plan = exchange.plan(pattern, n, block, rounds)
    for rows in plan.round_rows:
        np.testing.assert_array_equal(np.sort(rows.ravel()), np.arange(plan.own_blocks))


def test_dense_rows_are_gathered_and_go_home():
    pattern, n, block, _ = CASES['longformer']
    plan = exchange.plan(pattern, n, block)
    gathered = np.concatenate([plan.dense_rows[d] + d * plan.own_blocks for d in range(n)])
    dense = gathered[plan.dense_index]
    np.testing.assert_array_equal(dense, [0, 700 // block])
    for device, home in enumerate(plan.dense_home):
        owned = dense // plan.own_blocks == device
        np.testing.assert_array_equal(home[owned], dense[owned] % plan.own_blocks)
        assert (home[~owned] == plan.own_blocks).all()


def test_a_window_needs_its_halo_only():
    plan = exchange.plan(patterns.local(1024, 100), 8, 16)
    assert plan.halo == -(-100 // 16) and not plan.gathered.size and not plan.sent.size
    assert plan.dense_lists is None


def test_the_ring_is_the_whole_pattern_step_by_step():
    n, block = 4, 16
    pattern = patterns.causal(256) & patterns.strided(256, 5)
    lists = exchange.ring(pattern, n, block)
    own = 256 // block // n
    dense = tiles.dense(lists, own * block, own * block)
    weights, size = pattern.weights(), own * block
    for step, device in np.ndindex(n, n):
        owner = (device - step) % n
        part = weights[device * size : (device + 1) * size, owner * size : (owner + 1) * size]
        np.testing.assert_array_equal(dense[step * n + device], part)


def test_which_patterns_go_round_the_ring():
    assert exchange.needs_ring(patterns.causal(1024), 4, 16)
    assert exchange.needs_ring(patterns.full(2**20), 8, 64)
    assert not exchange.needs_ring(patterns.bigbird(1024, 16), 4, 16)
    assert not exchange.needs_ring(patterns.local(1024, 100), 4, 16)


def test_a_long_dense_pattern_goes_round_in_larger_tiles():
    assert exchange.ring_block(patterns.causal(1024), 4, 64) == 64
    assert exchange.ring_block(patterns.full(2**20), 8, 64) == 512


def test_a_shard_stands_in_for_the_pattern():
    pattern, n, block, rounds = CASES['bigbird']
    plan = exchange.plan(pattern, n, block, rounds)
    sparse = exchange.ShardPattern(pattern, n, block, 'sparse', rounds)
    assert sparse.block_lists(block) is plan.sparse_lists
    assert sparse.length == plan.own_blocks // rounds * block
    assert sparse.key_length == plan.key_blocks.shape[2] * block
    dense = exchange.ShardPattern(pattern, n, block, 'dense')
    assert (dense.length, dense.key_length) == (2 * block, plan.own_blocks * block)


def test_what_does_not_make_whole_blocks_is_refused():
    exchange.check(patterns.local(512, 3), 4, 64)
    with pytest.raises(errors.UsageError, match='rows of 512 tokens'):
        exchange.check(patterns.local(500, 3), 8, 64)
    with pytest.raises(NotImplementedError, match='as many keys'):
        exchange.check(patterns.full(512, 1024), 4, 64)
