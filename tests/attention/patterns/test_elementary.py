"""Patterns of one rule: definitions written out, and their tiles against brute force."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from genojax.attention import patterns
from genojax.attention.patterns import elementary
from tests.attention.patterns import tiles

SIZES = st.integers(1, 70)
KINDS = {
    'full': lambda n, m, a, b: elementary.Full(n, m),
    'causal': lambda n, m, a, b: elementary.Causal(n, m),
    'local': lambda n, m, a, b: elementary.Local(n, m, a),
    'stripes': lambda n, m, a, b: elementary.Residue(n, m, 1, 1, b),
    'columns': lambda n, m, a, b: elementary.Residue(n, m, 0, 1, b),
    'strided': lambda n, m, a, b: elementary.Residue(n, m, 1, -1, b),
    'slanted': lambda n, m, a, b: elementary.Residue(n, m, 2, -3, b),
    'global': lambda n, m, a, b: elementary.Global(n, m, ((0, 1), (a, a + b))),
    'attending': lambda n, m, a, b: elementary.Global(n, m, ((a, a + b),), attended=False),
    'attended': lambda n, m, a, b: elementary.Global(n, m, ((a, a + b),), attends=False),
}


def test_definitions_written_out():
    i, j = np.arange(60)[:, None], np.arange(60)[None]
    window = np.abs(i - j) <= 4
    same = np.testing.assert_array_equal
    same(patterns.full(60).mask(), np.ones((60, 60), bool))
    same(patterns.local(60, 4).mask(), window)
    same(patterns.causal(60).mask(), j <= i)
    same(patterns.strided(60, 7).mask(), (i - j) % 7 == 0)
    same(patterns.anchored(60, 4, 16).mask(), window | ((i + j) % 16 == 0))
    same(patterns.anchored(60, 4, 16, 'columns').mask(), window | (j % 16 == 0) & (i >= 0))
    same(patterns.global_(60, [2, 50]).mask(), np.isin(i, [2, 50]) | np.isin(j, [2, 50]))
    same(patterns.longformer(60, 4).mask(), window | (i == 0) | (j == 0))


def test_definitions_with_more_or_fewer_keys():
    i, j = np.arange(20)[:, None], np.arange(33)[None]
    same = np.testing.assert_array_equal
    same(patterns.causal(20, 33).mask(), j <= i)
    same(patterns.causal(33, 20).mask(), i.T <= j.T)
    same(patterns.local(20, 3, 33).mask(), np.abs(i - j) <= 3)
    same(patterns.strided(20, 5, 33).mask(), (i - j) % 5 == 0)
    same(patterns.global_(20, [19, 30], 33).mask(), (i == 19) | np.isin(j, [19, 30]))


@pytest.mark.parametrize('kind', KINDS)
@hypothesis.settings(max_examples=25, deadline=None, derandomize=True)
@hypothesis.given(SIZES, SIZES, st.integers(0, 30), st.integers(1, 30), st.integers(1, 20))
def test_tiles_are_those_of_the_mask(kind, n, m, a, b, block):
    tiles.check(KINDS[kind](n, m, a, b), block)


def test_a_global_token_attends_and_is_attended_by_choice():
    both, attends, attended = (
        elementary.Global(9, 9, ((4, 6),), *flags).mask()
        for flags in ((True, True), (True, False), (False, True))
    )
    assert attends[4:6].all() and not attends[[0, 8]].any()
    assert attended[:, 4:6].all() and not attended[:, [0, 8]].any()
    np.testing.assert_array_equal(both, attends | attended)


def test_global_tokens_are_stored_as_spans():
    assert patterns.global_(61, [0, 5, 6, 60]).spans == ((0, 1), (5, 7), (60, 61))
    assert patterns.global_(61, 3) == patterns.global_(61, [2, 1, 0, 1])


def test_rows_are_rows_of_the_matrix():
    pattern = patterns.local(40, 3) | patterns.strided(40, 9)
    np.testing.assert_array_equal(pattern.rows([5, 39, 5]), pattern.weights()[[5, 39, 5]])
    assert pattern.rows(np.array([], int)).shape == (0, 40)


def test_a_window_is_counted_without_listing_the_square():
    pattern = patterns.local(2**20, 100)
    assert pattern.candidate_count(64) == 2**14 * 5
    rows, columns = pattern.candidates(64)
    assert len(rows) <= 2**14 * 5 and np.abs(rows - columns).max() == 2


@pytest.mark.parametrize(
    'make',
    [
        lambda: patterns.full(0),
        lambda: patterns.full(8, 0),
        lambda: patterns.local(8, -1),
        lambda: patterns.strided(8, 0),
        lambda: patterns.anchored(64, kind='rows'),
        lambda: patterns.global_(8, [9]),
        lambda: patterns.global_(8, [-1]),
        lambda: patterns.global_(8, []),
    ],
)
def test_bad_sizes_are_refused(make):
    with pytest.raises(ValueError):
        make()
