"""Schedules against dense matrices: every pair once, dense rows in consecutive pieces."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from genojax.attention import patterns
from genojax.attention.xla import schedule

PATTERNS = [
    patterns.full(70, 45),
    patterns.causal(200),
    patterns.local(150, 11),
    patterns.local(60, 9, 33),
    patterns.bigbird(16 * 30, 16),
    patterns.bigbird(200, 8, per_head=2),
    patterns.bigbird(64 * 8, plan='hf_eval'),
    patterns.longformer(300, 7, [0, 150, 299]),
    patterns.strided(97, 13) & patterns.causal(97),
    patterns.anchored(160, 5, 16),
    patterns.global_(200, [3], 200) & patterns.causal(200),
]


def written_out(plan, length, key_length):
    """exp of all biases, [heads, L, M], summed over all slots."""
    b = plan.block
    out = np.zeros((plan.heads, (plan.num_q_blocks + 1) * b, plan.num_kv_blocks * b))
    for table in plan.tables:
        for head, s, g, r, n in np.ndindex(*table.slot_bias.shape):
            tile = 0 if table.tile is None else table.tile[head, s, g, r, n]
            content = np.exp(table.slot_bias[head, s, g, r, n] + plan.tiles[tile])
            row, column = table.rows[s, g, r] * b, table.columns[head, s, g, n] * b
            out[head, row : row + b, column : column + b] += content
    assert not out[:, plan.num_q_blocks * b :].any(), 'a slot without a row holds something'
    return out[:, :length, :key_length]


@pytest.mark.parametrize('block', [8, 16])
@pytest.mark.parametrize('pattern', PATTERNS, ids=lambda p: type(p).__name__)
def test_a_schedule_is_the_pattern(pattern, block):
    weights = np.reshape(pattern.weights(), (pattern.heads, pattern.length, pattern.key_length))
    plan = schedule.make(pattern, block, 3)
    got = written_out(plan, pattern.length, pattern.key_length)
    np.testing.assert_allclose(got, weights, atol=1e-6)


@pytest.mark.parametrize('pattern', PATTERNS, ids=lambda p: type(p).__name__)
def test_every_row_block_is_computed_in_one_table(pattern):
    plan = schedule.make(pattern, 8, 4)
    tables = [set(table.rows.ravel().tolist()) - {plan.num_q_blocks} for table in plan.tables]
    filled = np.flatnonzero(pattern.block_lists(8).counts().max(0))
    assert sum(len(rows) for rows in tables) == len(filled)
    assert set().union(*tables) == set(filled.tolist())


@pytest.mark.parametrize('pattern', PATTERNS, ids=lambda p: type(p).__name__)
def test_the_pieces_of_a_dense_row_follow_each_other(pattern):
    for table in schedule.make(pattern, 8, 4).tables:
        assert table.rows.dtype == table.columns.dtype == np.int32
        if table.first is None:
            rows = table.rows[table.rows < -(-pattern.length // 8)]
            assert len(np.unique(rows)) == rows.size
            continue
        groups = np.cumsum(table.first) - 1
        assert table.first[0]
        for group in range(groups[-1] + 1):
            rows = table.rows[groups == group]
            assert (rows == rows[0]).all(), 'a group changes its rows'
        starts = table.rows[table.first][:, 0, 0]
        assert len(np.unique(starts)) == len(starts), 'a group comes back'


def test_bigbird_has_sparse_rows_of_eight_blocks_and_dense_global_rows():
    plan = schedule.make(patterns.bigbird(64 * 64), 64, 4)
    sparse, dense = plan.tables
    assert sparse.columns.shape == (1, -(-62 // 4), 4, 8) and sparse.first is None
    assert dense.rows.shape[1:] == (1, schedule.DENSE_GROUP_ROWS)
    assert set(dense.rows.ravel().tolist()) == {0, 63}
    assert dense.columns.shape[-1] == schedule.PIECE_BLOCKS and dense.first.sum() == 1
    assert sparse.tile is None and dense.tile is None, 'whole blocks need no tiles'


def test_a_uniform_multiplicity_is_a_bias_not_a_tile():
    plan = schedule.make(patterns.bigbird(64 * 8, plan='hf_eval'), 64, 4)
    assert len(plan.tiles) == 1
    biases = {x for table in plan.tables for x in table.slot_bias[:, :, 0].ravel().tolist()}
    assert np.float32(np.log(4)) in np.array(sorted(biases), np.float32)


@hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
@hypothesis.given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.integers(1, 60))
def test_the_number_of_slots_costs_least(counts, columns):
    counts = np.array(counts)

    def cost(slots):
        whole = -(-columns // schedule.PIECE_BLOCKS) * schedule.PIECE_BLOCKS
        sparse = ((counts > 0) & (counts <= slots)).sum() * slots
        return sparse + (counts > slots).sum() * whole * 1.05

    chosen = schedule._num_slots(counts, columns)
    assert chosen <= schedule.MAX_SLOTS
    assert cost(chosen) <= min(cost(n) for n in range(schedule.MAX_SLOTS + 1)) + 1e-9
