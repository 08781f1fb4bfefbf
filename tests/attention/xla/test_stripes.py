"""Stripes without the window: pairs, gradients, and the merge of two parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import attention
from genojax.attention import patterns, reference
from genojax.attention.patterns import elementary
from genojax.attention.xla import anchored, stripes

N, WINDOW, PERIOD = 90, 4, 12


def inputs_of(n=N, keys=N, heads=2):
    random = np.random.default_rng(0)
    shapes = ((2, n, heads, 4), (2, keys, heads, 4), (2, keys, heads, 3))
    return tuple(jnp.asarray(random.standard_normal(s), jnp.float32) for s in shapes)


def dense(q, k, v, mask):
    """Attention over the pairs of a mask, by the reference's own softmax."""
    s = reference.scores(
        q, k, weights_LM=jnp.asarray(mask, jnp.uint8), scale=0.5, segment_mask_BLM=None, bias=None
    )
    p, lse = reference.softmax(s)
    return jnp.einsum('BHLM,BMHV->BLHV', p, v), lse.swapaxes(1, 2)


def parts(a):
    window, residue = elementary.Local(N, N, WINDOW), elementary.Residue(N, N, a, 1, PERIOD)
    return stripes.StripesSpec(window, residue, 0.5, 2, 0.0), residue.mask() & ~window.mask()


def empty_inputs():
    tokens = attention.Modifiers().token_inputs(2, N)
    return stripes.StripesInputs(tokens=tokens, dropout_words=None, origin=jnp.int32(0))


@pytest.mark.parametrize('a', [0, 1])
def test_stripes_are_what_the_window_leaves(a):
    spec, mask = parts(a)
    q, k, v = inputs_of()

    def loss(attend, arrays):
        o, lse = attend(*arrays)
        return (o * jnp.cos(o)).sum() + jnp.where(jnp.isfinite(lse), lse, 0.0).sum(), (o, lse)

    def striped(q, k, v):
        return stripes.attend(spec, q, k, v, empty_inputs())

    def masked(q, k, v):
        return dense(q, k, v, mask)

    got, expected = (
        jax.jit(jax.value_and_grad(lambda x, f=f: loss(f, x), has_aux=True))((q, k, v))
        for f in (striped, masked)
    )
    for x, y in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-5)
    empty = ~mask.any(1)
    assert np.isneginf(np.asarray(got[0][1][1])[:, empty]).all()
    assert not np.asarray(got[0][1][0])[:, empty].any()


def test_merged_parts_are_attention_over_both():
    q, k, v = inputs_of()
    i, j = np.arange(N)[:, None], np.arange(N)[None]
    one, two = (j % 3 == 0) & (i > 5), (j % 3 == 1) & (i < 80)
    o, lse = anchored.merge(dense(q, k, v, one), dense(q, k, v, two))
    expected_o, expected_lse = dense(q, k, v, one | two)
    np.testing.assert_allclose(o, expected_o, atol=2e-6)
    np.testing.assert_allclose(lse, expected_lse, atol=2e-6)


def test_merging_nothing_changes_nothing():
    q, k, v = inputs_of()
    some = dense(q, k, v, np.eye(N, dtype=bool))
    none = dense(q, k, v, np.zeros((N, N), bool))
    for pair in ((some, none), (none, some)):
        o, lse = anchored.merge(*pair)
        np.testing.assert_array_equal(o, some[0])
        np.testing.assert_array_equal(lse, some[1])
    o, lse = anchored.merge(none, none)
    assert not o.any() and np.isneginf(np.asarray(lse)).all()


def test_which_patterns_are_anchored():
    window, stripe = patterns.local(64, 3), elementary.Residue(64, 64, 1, 1, 8)
    assert anchored.match(patterns.anchored(64, 3, 8)) == (window, stripe)
    assert anchored.match(stripe | window) == (window, stripe)
    columns = patterns.anchored(64, 3, 8, 'columns')
    assert anchored.match(columns)[1].a == 0
    for other in (
        window,
        stripe,
        window & stripe,
        window | patterns.strided(64, 8),
        patterns.anchored(64, 3, 8) | patterns.causal(64),
        patterns.causal(64) | stripe,
    ):
        assert anchored.match(other) is None


def test_the_groups_of_a_call_follow_from_its_spec():
    spec, _ = parts(1)
    assert spec.groups.groups == PERIOD and spec.groups.keys == -(-N // PERIOD)
    columns, _ = parts(0)
    assert columns.groups.groups == 1 and hash(columns) != hash(spec)
