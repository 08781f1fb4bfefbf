"""Percentile bootstrap intervals of scores, over rows or over clusters of rows."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from genojax.metrics import weighting

_MAX_WEIGHTS = 4_000_000  # in memory at a time during a bootstrap: 32 MB


class Estimate(NamedTuple):
    """A score and the ends of its interval, as JSON: [value, low, high]."""

    value: float
    low: float
    high: float


class UndefinedScoreError(ValueError):
    """The score of a resample is undefined, so there is no interval."""


def bootstrap_interval(
    metric: Callable,
    labels: np.ndarray,
    scores: np.ndarray,
    n: int = 1000,
    seed: int = 0,
    *,
    level: float = 0.95,
    stratified: bool = True,
    clusters: np.ndarray | None = None,
    cluster_strata: np.ndarray | None = None,
) -> Estimate:
    """A score with its percentile bootstrap interval over rows.

    The interval covers the choice of test rows for a fixed model, not the choice of training set or
    seed.

    Args:
        metric: `auroc`, `auprc`, or any function (labels, scores, weights_WN) -> [W].
        labels, scores: [N].
        n: number of resamples.
        seed: of the resamples.
        level: coverage of the interval, between 0 and 1.
        stratified: resample within each class, so that every resample has the class proportions of
            the data, which keeps scores of a small test set defined. Needs discrete labels.
        clusters: [N] ids; clusters are resampled instead of rows, without stratification. For rows
            that are not independent.
        cluster_strata: [N] classes; clusters that hold the same classes are resampled among
            themselves, so that every resample has rows of every class.

    Raises:
        UndefinedScoreError: the score of a resample is undefined.
        ValueError: the score of the data is undefined, `level` is out of range, or `stratified`
            with continuous labels.
    """
    value = float(metric(labels, scores))
    draws = _resamples(labels, n, seed, stratified, clusters, cluster_strata)
    values_W = np.concatenate([metric(labels, scores, weight_WN) for weight_WN in draws])
    return Estimate(value, *_percentiles(values_W, level))


def paired_difference(
    metric: Callable,
    labels: np.ndarray,
    scores: np.ndarray,
    other_scores: np.ndarray,
    n: int = 1000,
    seed: int = 0,
    *,
    level: float = 0.95,
    stratified: bool = True,
    clusters: np.ndarray | None = None,
    cluster_strata: np.ndarray | None = None,
) -> Estimate:
    """metric(scores) - metric(other_scores) with its interval, both on the same resamples.

    The errors of two models on the same rows are correlated, so comparing separate intervals misses
    real differences. Arguments and errors as for `bootstrap_interval`.
    """
    value = float(metric(labels, scores)) - float(metric(labels, other_scores))
    draws = _resamples(labels, n, seed, stratified, clusters, cluster_strata)
    values_W = np.concatenate(
        [metric(labels, scores, w_WN) - metric(labels, other_scores, w_WN) for w_WN in draws]
    )
    return Estimate(value, *_percentiles(values_W, level))


def ratio_interval(
    numerators: np.ndarray,
    denominators: np.ndarray,
    n: int = 1000,
    seed: int = 0,
    *,
    level: float = 0.95,
    clusters: np.ndarray | None = None,
) -> Estimate:
    """Sum of numerators over sum of denominators, with its bootstrap interval over [N] units.

    For bits per base: the bits and the number of masked bases of each window, so that a window
    counts in proportion to its bases. Other arguments as for `bootstrap_interval`.

    Raises:
        ValueError: shapes differ, a numerator is not finite, or a denominator is negative or all
            are 0.
    """
    numerator_N, denominator_N = np.asarray(numerators, float), np.asarray(denominators, float)
    if numerator_N.shape != denominator_N.shape or numerator_N.ndim != 1:
        raise ValueError(
            f'{numerator_N.shape=} and {denominator_N.shape=} must be of vectors of equal length'
        )
    if (
        not np.isfinite(numerator_N).all()
        or not (denominator_N >= 0).all()
        or not denominator_N.sum() > 0
    ):
        raise ValueError('numerators must be finite, and denominators >= 0 and not all 0')
    draws = _resamples(numerator_N, n, seed, False, clusters)
    values_W = np.concatenate(
        [weighting.ratio(w_WN @ numerator_N, w_WN @ denominator_N) for w_WN in draws]
    )
    return Estimate(float(numerator_N.sum() / denominator_N.sum()), *_percentiles(values_W, level))


def ratio_difference(
    numerators: np.ndarray,
    denominators: np.ndarray,
    other_numerators: np.ndarray,
    other_denominators: np.ndarray,
    n: int = 1000,
    seed: int = 0,
    *,
    level: float = 0.95,
) -> Estimate:
    """The ratio of `ratio_interval` minus that of other numerators and denominators of the same
    [N] units, on the same resamples."""
    sides = [
        (np.asarray(top, float), np.asarray(bottom, float))
        for top, bottom in (
            (numerators, denominators),
            (other_numerators, other_denominators),
        )
    ]
    values = [top.sum() / bottom.sum() for top, bottom in sides]
    parts = []
    for w_WN in _resamples(sides[0][0], n, seed, False, None):
        first, second = (weighting.ratio(w_WN @ top, w_WN @ bottom) for top, bottom in sides)
        parts.append(first - second)
    return Estimate(float(values[0] - values[1]), *_percentiles(np.concatenate(parts), level))


def _resamples(labels, n, seed, stratified, clusters, cluster_strata=None) -> Iterator[np.ndarray]:
    """Draws of each row per resample: parts [W, N] that fit in memory, n resamples in all."""
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    if clusters is not None:
        _, unit_N = np.unique(np.asarray(clusters), return_inverse=True)
        if unit_N.shape != labels.shape:
            raise ValueError(f'{unit_N.shape} cluster ids for {labels.shape} labels')
        strata = None if cluster_strata is None else _strata_of_clusters(unit_N, cluster_strata)
    else:
        unit_N = np.arange(labels.size)
        strata = np.unique(labels, return_inverse=True)[1] if stratified else None
        if strata is not None and strata.max() + 1 > max(2, labels.size // 2):
            raise ValueError('stratified resampling needs discrete labels; pass stratified=False')
    units = int(unit_N.max()) + 1
    parts = [np.arange(units)] if strata is None else _members(strata)
    step = max(1, _MAX_WEIGHTS // labels.size)
    for first in range(0, n, step):
        rows = min(step, n - first)
        count_WU = np.zeros((rows, units))
        for part in parts:
            drawn = rng.integers(part.size, size=(rows, part.size))
            flat = (drawn + np.arange(rows)[:, None] * part.size).ravel()
            count_WU[:, part] = np.bincount(flat, minlength=rows * part.size).reshape(rows, -1)
        yield count_WU[:, unit_N]


def _strata_of_clusters(unit_N: np.ndarray, class_N: np.ndarray) -> np.ndarray:
    """The stratum of every cluster, [U]: clusters that hold the same classes are in one."""
    _, class_N = np.unique(np.asarray(class_N), return_inverse=True)
    holds_UC = np.zeros((unit_N.max() + 1, class_N.max() + 1), bool)
    holds_UC[unit_N, class_N] = True
    return np.unique(holds_UC, axis=0, return_inverse=True)[1].reshape(-1)


def _members(strata: np.ndarray) -> list[np.ndarray]:
    """The rows of each stratum."""
    return [np.flatnonzero(strata == stratum) for stratum in range(strata.max() + 1)]


def _percentiles(values_W: np.ndarray, level: float) -> tuple[float, float]:
    if not 0 < level < 1:
        raise ValueError(f'{level=} must be between 0 and 1')
    if np.isnan(values_W).any():
        raise UndefinedScoreError(
            'the score of a resample is undefined (one class only, or equal scores): too few rows'
        )
    tail = (1 - level) / 2
    low, high = np.quantile(values_W, [tail, 1 - tail])
    return float(low), float(high)


def intervals_over(count: int | None, units: str) -> str:
    """What was resampled, as in `95 % intervals over 43 windows`: the words of every table.

    Args:
        count: None where a result of an earlier version does not say it.
        units: in the plural.
    """
    if count is None:
        return f'95 % intervals over {units}'
    return f'95 % intervals over {count:,} {units.removesuffix("s") if count == 1 else units}'


def format_interval(estimate, digits: int = 3) -> str:
    """`0.912 (0.890 to 0.931)` for [value, low, high].

    `0.912 (no interval)` without its ends, and `undefined` for None.
    """
    if estimate is None:
        return 'undefined'
    value, *ends = ('' if part is None else f'{float(part):.{digits}f}' for part in estimate)
    return f'{value} ({ends[0]} to {ends[1]})' if all(ends) else f'{value} (no interval)'
