"""Signals of bases as values of bins, and which bins are known.

A base is usable if it has a value and no mask covers it. A bin is known if enough of its bases are
usable, all of them by default; then its value is the statistic of the usable ones, a sum being
scaled to the whole bin. An unknown bin holds 0, which is no measurement.
"""

import numpy as np


def per_base(
    intervals: tuple[np.ndarray, np.ndarray, np.ndarray], start: int, end: int
) -> np.ndarray:
    """The value of every base from `start` to `end` - 1, float64; NaN where no interval is.

    Args:
        intervals: starts, ends and values, within start .. end, none overlapping.
    """
    start_N, end_N, value_N = intervals
    length_N = end_N - start_N
    value_L = np.full(end - start, np.nan)
    before_N = np.cumsum(length_N) - length_N
    position = np.arange(int(length_N.sum())) + np.repeat(start_N - start - before_N, length_N)
    value_L[position] = np.repeat(value_N, length_N)
    return value_L


def covered(intervals: tuple[np.ndarray, ...], start: int, end: int) -> np.ndarray:
    """Which bases from `start` to `end` - 1 any interval contains, bool."""
    depth_L = np.zeros(end - start + 1, np.int64)
    np.add.at(depth_L, np.clip(intervals[0] - start, 0, end - start), 1)
    np.add.at(depth_L, np.clip(intervals[1] - start, 0, end - start), -1)
    return np.cumsum(depth_L)[:-1] > 0


def known_bins(usable_L: np.ndarray, width: int, min_known: float) -> np.ndarray:
    """Which bins of `width` bases are known, bool [P].

    Args:
        min_known: smallest share of usable bases; a bin needs at least one.
    """
    count_P = usable_L.reshape(-1, width).sum(1)
    return (count_P >= min_known * width) & (count_P > 0)


def bins(
    value_L: np.ndarray, usable_L: np.ndarray, width: int, statistic: str, min_known: float
) -> tuple[np.ndarray, np.ndarray]:
    """The value of every bin of `width` bases, float32 [P], and whether it is known, bool [P].

    Args:
        value_L: of every base; NaN where there is none.
        usable_L: which bases no mask covers.
        statistic: 'sum', 'mean' or 'max'.

    Raises:
        ValueError: another statistic.
    """
    usable_L = usable_L & ~np.isnan(value_L)
    known_P = known_bins(usable_L, width, min_known)
    usable_PW, value_PW = (x.reshape(-1, width) for x in (usable_L, value_L))
    if statistic == 'max':
        result_P = np.where(usable_PW, value_PW, -np.inf).max(1)
    elif statistic in ('sum', 'mean'):
        count_P = np.maximum(usable_PW.sum(1), 1)
        result_P = np.where(usable_PW, value_PW, 0).sum(1) / count_P
        result_P = result_P * width if statistic == 'sum' else result_P
    else:
        raise ValueError(f'{statistic=} is not sum, mean or max')
    return np.where(known_P, result_P, 0).astype(np.float32), known_P
