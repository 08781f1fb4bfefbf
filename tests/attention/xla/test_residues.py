"""Regrouping by residue: inverse functions, transposes, and groups whose pairs are the stripes."""

import hypothesis
import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import pytest

from genojax.attention.patterns import elementary
from genojax.attention.xla import residues

CASES = [
    (1, 50, 50, 7),
    (1, 64, 64, 16),
    (1, 40, 61, 8),
    (0, 50, 50, 7),
    (0, 61, 40, 8),
    (1, 9, 9, 20),
]


def numbers(n, start=1):
    """Token numbers from `start`, [1, n, 1]; padding is 0."""
    return jnp.arange(start, start + n)[None, :, None]


@pytest.mark.parametrize(('a', 'length', 'keys', 'period'), CASES)
def test_regrouping_is_undone(a, length, keys, period):
    groups = residues.sizes(elementary.Residue(length, keys, a, 1, period))
    x = jnp.asarray(np.random.default_rng(0).standard_normal((2, length, 3)), jnp.float32)
    grouped = residues.group_queries(x, groups)
    assert grouped.shape == (2, groups.steps, groups.groups_per_step, groups.chunk, 3)
    np.testing.assert_array_equal(residues.ungroup_queries(grouped, groups, length), x)


@pytest.mark.parametrize(('a', 'length', 'keys', 'period'), CASES)
def test_ungrouped_keys_are_the_transpose(a, length, keys, period):
    groups = residues.sizes(elementary.Residue(length, keys, a, 1, period))
    random = np.random.default_rng(0)
    x = jnp.asarray(random.standard_normal((2, keys, 3)), jnp.float32)
    grouped = residues.group_keys(x, groups)
    y = jnp.asarray(random.standard_normal(grouped.shape), jnp.float32)
    back = residues.ungroup_keys(y, groups, keys)
    assert back.shape == x.shape
    np.testing.assert_allclose((grouped * y).sum(), (x * back).sum(), rtol=1e-4)


@pytest.mark.parametrize(('a', 'length', 'keys', 'period'), CASES)
def test_the_pairs_of_the_groups_are_the_stripes(a, length, keys, period):
    stripes = elementary.Residue(length, keys, a, 1, period)
    groups = residues.sizes(stripes)
    queries = np.asarray(residues.group_queries(numbers(length), groups))[0, ..., 0]
    queries = queries.reshape(-1, groups.chunks, groups.groups_per_step, groups.chunk)
    squares = queries.swapaxes(1, 2).reshape(groups.groups, groups.queries)
    grouped_keys = np.asarray(residues.group_keys(numbers(keys), groups))[0, ..., 0]
    grouped_keys = grouped_keys.reshape(groups.groups, groups.keys)
    count = np.zeros((length + 1, keys + 1), int)
    for query, key in zip(squares, grouped_keys, strict=True):
        np.add.at(count, (query[:, None], key[None]), 1)
    np.testing.assert_array_equal(count[1:, 1:], stripes.weights())


@hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
@hypothesis.given(
    st.integers(0, 1), st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 600)
)
def test_sizes_cover_all_tokens_in_steps_of_bounded_size(a, length, keys, period):
    groups = residues.sizes(elementary.Residue(length, keys, a, 1, period))
    assert groups.groups * groups.queries >= length and groups.keys * period >= keys
    assert groups.queries % groups.chunk == 0 and groups.chunk <= residues.QUERY_CHUNK
    assert groups.groups % groups.groups_per_step == 0
    scores = groups.groups_per_step * groups.chunk * groups.keys
    assert scores <= residues.STEP_SCORES or groups.groups_per_step == 1


def test_heads_first_and_last_are_inverse():
    x = jnp.asarray(np.random.default_rng(0).standard_normal((2, 4, 3, 5, 6, 7)), jnp.float32)
    first = residues.heads_first(x)
    assert first.shape == (2 * 6 * 4, 3, 5, 7)
    np.testing.assert_array_equal(residues.heads_last(first, 2, 6), x)
    np.testing.assert_array_equal(first[1 * 24 + 5 * 4 + 2], x[1, 2, :, :, 5])


def test_shards_hold_whole_residues():
    stripes = elementary.Residue(4096, 4096, 1, 1, 64)
    whole, shard = residues.sizes(stripes), residues.sizes(stripes, shards=4)
    assert (shard.groups, shard.keys, shard.keys_grouped) == (16, whole.keys, True)
    assert whole.groups == 64 and not whole.keys_grouped
