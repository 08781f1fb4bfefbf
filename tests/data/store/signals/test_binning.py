"""Bins of values: statistics by hand, and which bins are known."""

import numpy as np
import pytest

from genojax.data.store.signals import binning

NAN = np.nan
VALUES = np.array([1, 2, 3, 6, NAN, 0, 0, 4, NAN, NAN, NAN, NAN, 5, 5, 5, 5], float)
USABLE = np.array([1] * 12 + [1, 0, 1, 1], bool)


def test_intervals_become_values_of_bases():
    intervals = np.array([12, 15, 19]), np.array([14, 19, 20]), np.array([1.5, 0.0, NAN])
    value_L = binning.per_base(intervals, 10, 21)
    expected = [NAN, NAN, 1.5, 1.5, NAN, 0, 0, 0, 0, NAN, NAN]
    np.testing.assert_array_equal(value_L, expected)
    covered = binning.covered(intervals, 10, 21)
    np.testing.assert_array_equal(covered, [0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0])
    empty = (np.zeros(0, np.int64),) * 3
    assert np.isnan(binning.per_base(empty, 3, 9)).tolist() == [True] * 6


@pytest.mark.parametrize(
    ('statistic', 'expected'),
    [
        ('sum', [12, 4 / 3 * 4, 0, 20]),
        ('mean', [3, 4 / 3, 0, 5]),
        ('max', [6, 4, 0, 5]),
    ],
)
def test_statistics_are_of_the_usable_bases(statistic, expected):
    value_P, known_P = binning.bins(VALUES, USABLE, 4, statistic, 0.75)
    np.testing.assert_allclose(value_P, expected, rtol=1e-6)
    assert known_P.tolist() == [True, True, False, True] and value_P.dtype == np.float32


def test_by_default_one_unusable_base_makes_a_bin_unknown():
    for statistic in ('sum', 'mean', 'max'):
        value_P, known_P = binning.bins(VALUES, USABLE, 4, statistic, 1.0)
        assert known_P.tolist() == [True, False, False, False]
        assert value_P[1:].tolist() == [0, 0, 0]


def test_a_bin_without_a_usable_base_is_never_known():
    assert not binning.known_bins(np.zeros(8, bool), 4, 1e-9).any()


def test_another_statistic_is_refused():
    with pytest.raises(ValueError, match='median'):
        binning.bins(VALUES, USABLE, 4, 'median', 1.0)
