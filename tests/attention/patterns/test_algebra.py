"""Unions and intersections: the laws of sets, multiplicities, heads and refusals."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from genojax.attention import patterns
from genojax.attention.patterns import algebra
from tests.attention.patterns import tiles

N = 45


SIMPLE = [
    patterns.full(N),
    patterns.causal(N),
    patterns.local(N, 5),
    patterns.strided(N, 7),
    patterns.global_(N, [3, 40]),
    patterns.bigbird(N, 5, seed=1),
    patterns.bigbird(N, 9, plan='hf_eval'),
    patterns.random(N, 2, 4, per_head=2),
]
ONE = st.integers(0, len(SIMPLE) - 1).map(SIMPLE.__getitem__)
THREE = (ONE, ONE, ONE)
FEW = hypothesis.settings(max_examples=40, deadline=None, derandomize=True)


def by_head(pattern, heads=2):
    """Multiplicities for each of `heads` heads."""
    weights = np.reshape(pattern.weights(), (pattern.heads, N, N))
    return np.broadcast_to(weights, (heads, N, N))


@FEW
@hypothesis.given(*THREE)
def test_masks_are_sets(a, b, c):
    x, y, z = (by_head(p) > 0 for p in (a, b, c))
    same = np.testing.assert_array_equal
    same(by_head(a | b) > 0, x | y)
    same(by_head(a & b) > 0, x & y)
    same(by_head((a | b) & c) > 0, (x | y) & z)
    same(by_head((a & b) | c) > 0, (x & y) | z)


@FEW
@hypothesis.given(*THREE)
def test_order_does_not_matter(a, b, c):
    same = np.testing.assert_array_equal
    same(by_head(a | b), by_head(b | a))
    same(by_head(a & b), by_head(b & a))
    same(by_head((a | b) | c), by_head(a | (b | c)))
    same(by_head((a & b) & c), by_head(a & (b & c)))


@FEW
@hypothesis.given(*THREE)
def test_multiplicities_are_the_larger_one_and_the_product(a, b, c):
    x, y, z = (by_head(p).astype(int) for p in (a, b, c))
    same = np.testing.assert_array_equal
    same(by_head(a | b), np.maximum(x, y))
    same(by_head(a & b & c), x * y * z)


def test_a_mask_restricts_and_does_not_reweight():
    published = patterns.bigbird(64 * 8, plan='hf_eval')
    masked = (published & patterns.causal(512)).weights()
    attended = patterns.causal(512).mask()
    np.testing.assert_array_equal(masked[attended], published.weights()[attended])
    assert not masked[~attended].any()


@FEW
@hypothesis.given(*THREE, st.sampled_from([1, 4, 5, 8, 9, 45, 64]))
def test_tiles_of_combinations_are_those_of_the_mask(a, b, c, block):
    tiles.check((a | b) & c, block)
    tiles.check((a & b) | c, block)


def test_equal_tiles_of_the_two_middle_operands_differ():
    """Of pairs of pairs: sums of multiples would give both middle operands the same factor."""
    outer, one = patterns.full(64) & patterns.local(64, 0), patterns.strided(64, 9)
    other = patterns.strided(64, 11)
    tiles.check((outer | one) | (other | outer), 8)
    tiles.check((one | other) | (other | one), 8)
    tiles.check((outer & one) | (other & outer), 8)


def test_patterns_are_values():
    def make():
        return (patterns.local(N, 3) | patterns.strided(N, 5)) & patterns.causal(N)

    assert make() == make() and hash(make()) == hash(make())
    assert make() != make() | patterns.causal(N)
    assert isinstance(make(), algebra.Both) and isinstance(make().left, algebra.Either)


def test_the_natural_block_is_that_of_the_block_pattern():
    assert (patterns.local(64, 3) | patterns.bigbird(64, 8)).natural_block == 8
    assert (patterns.bigbird(64, 8) & patterns.causal(64)).natural_block == 8
    assert (patterns.local(64, 3) | patterns.causal(64)).natural_block is None


def test_heads_of_a_combination():
    two = patterns.random(N, 2, 4, per_head=2)
    both = two | patterns.local(N, 1)
    assert both.heads == 2 and both.weights().shape == (2, N, N)
    for head in range(2):
        expected = two.weights()[head] | patterns.local(N, 1).weights()
        np.testing.assert_array_equal(both.weights()[head], expected)


@pytest.mark.parametrize(
    ('left', 'right', 'message'),
    [
        (patterns.full(3), patterns.full(4), 'different shapes'),
        (patterns.full(3, 4), patterns.full(3), 'different shapes'),
        (
            patterns.random(64, 1, 8, per_head=2),
            patterns.random(64, 1, 8, per_head=3),
            'numbers of heads',
        ),
    ],
)
def test_what_cannot_be_combined_is_refused(left, right, message):
    for combine in (left.__or__, left.__and__):
        with pytest.raises(ValueError, match=message):
            combine(right)
