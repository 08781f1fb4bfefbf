"""Removed attention heads, against heads whose output is zero for another reason."""

import dataclasses

import jax
import numpy as np
import pytest

from genojax import errors
from genojax.interpret import knockout
from tests.interpret import conftest


def test_a_removed_head_is_a_head_whose_output_is_zero(kmers):
    """The reference has values of 0 in these heads, so that their sums over tokens are 0."""
    heads = [(0, 1), (1, 0)]
    removed = knockout.without_heads(kmers.params, heads, (2, 2))
    value = jax.tree.map(np.array, kmers.params['layers']['block']['attention']['value'])
    for layer, head in heads:
        value['kernel'][layer, :, head] = 0
        value['bias'][layer, head] = 0
    params = jax.tree.map(lambda leaf: leaf, kmers.params)
    params['layers']['block']['attention']['value'] = value
    sequences = ['ACGTTGCAACGGATTACA', 'GGGTACCATTTACG']
    fast = knockout.with_params(kmers, removed).embed(sequences)
    np.testing.assert_allclose(
        fast, knockout.with_params(kmers, params).embed(sequences), atol=1e-6
    )
    assert np.abs(fast - kmers.embed(sequences)).max() > 1e-3
    whole = knockout.without_heads(kmers.params, [], (2, 2))
    assert (knockout.with_params(kmers, whole).embed(sequences) == kmers.embed(sequences)).all()


def test_random_sets_are_other_heads_and_different():
    sets = knockout.random_sets([(0, 0)], (3, 4), 20)
    assert len(sets) == 11
    assert ((0, 0),) not in sets
    pairs = knockout.random_sets([(0, 0), (2, 1)], (3, 4), 20, seed=3)
    assert len({frozenset(heads) for heads in pairs}) == 20
    assert not {(0, 0), (2, 1)} & {head for heads in pairs for head in heads}
    few = knockout.random_sets([(0, 0), (0, 1)], (1, 3), 20)
    assert sorted(few) == [((0, 0), (0, 2)), ((0, 1), (0, 2))]


def test_costs_are_paired_differences_of_the_same_rows(kmers):
    toy = conftest.head_of(kmers)
    column = dataclasses.replace(
        toy, names=('y',), compute=lambda *inputs: toy.compute(*inputs)[:, 1:2]
    )
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 4, 30).astype(np.uint8) for _ in range(24)]
    labels = rng.random(24) < 0.5
    done = []
    result = knockout.knock_out(kmers, column, rows, labels, [(1, 1)], draws=9, advance=done.append)
    assert result.rows == 24
    assert sorted(result.draws) == [((0, 0),), ((0, 1),), ((1, 0),)]
    assert result.cost.value == pytest.approx(result.whole.value - result.without.value)
    assert result.excess.value == pytest.approx(result.cost.value - result.draw_costs.mean())
    assert result.p_value == (1 + (result.draw_costs >= result.cost.value).sum()) / 4
    assert sum(done) == 24 * 5
    with pytest.raises(errors.UsageError, match='no head 2 in layer 0'):
        knockout.without_heads(kmers.params, [(0, 2)], (2, 2))
    with pytest.raises(errors.UsageError, match='one label'):
        knockout.knock_out(kmers, column, rows, labels | True, [(1, 1)])
