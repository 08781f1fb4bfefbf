"""Scores with bootstrap intervals: exact with ties, vectorised over resamples, numpy only.

Every score takes `weights`, non-negative [..., N], one row per resample; None counts every row
once. A bootstrap is one call with a matrix of counts instead of a thousand calls. An undefined
score (one class only, NaN among the scores) raises ValueError, because any number would look like a
result.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

_MAX_WEIGHTS = 4_000_000  # in memory at a time during a bootstrap: 32 MB


class MetricState(NamedTuple):
    """A running mean as (total, count), merged over steps, batches and hosts in any order.

    A tuple, hence a JAX pytree, of numpy, jax or float leaves; this module does not import jax.
    """

    total: Any
    count: Any

    @classmethod
    def empty(cls) -> 'MetricState':
        """The state of no values."""
        return cls(0.0, 0.0)

    @classmethod
    def of(cls, values: Any, weights: Any = None) -> 'MetricState':
        """The state of an array of values, weighted by `weights` of the same shape."""
        if weights is None:
            return cls(values.sum(), float(values.size))
        return cls((values * weights).sum(), weights.sum())

    def merge(self, other: 'MetricState') -> 'MetricState':
        """The state of the values of both."""
        return MetricState(self.total + other.total, self.count + other.count)

    def compute(self) -> Any:
        """The mean; NaN of no values."""
        if isinstance(self.count, int | float | np.ndarray | np.generic):
            with np.errstate(invalid='ignore', divide='ignore'):
                return np.divide(self.total, self.count)
        return self.total / self.count


class Estimate(NamedTuple):
    """A score and the ends of its interval, as JSON: [value, low, high]."""

    value: float
    low: float
    high: float


def auroc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None):
    """Area under the ROC curve.

    The probability that a random positive scores above a random negative; a tie counts one half.

    Args:
        labels: [N] of 0 and 1 (or bool); both occur.
        scores: [N]; higher means more likely 1.
        weights: [..., N] or None.
    Returns:
        A float, or with weights floats [...], NaN for a resample that lacks a class.

    Raises:
        ValueError: labels other than 0 and 1, only one class, or NaN among the scores.
    """
    positive_WT, negative_WT = _by_threshold(labels, scores, weights)
    # Thresholds decrease: a positive scores above the negatives of all later thresholds and ties
    # with those of its own.
    below_WT = negative_WT.sum(-1, keepdims=True) - np.cumsum(negative_WT, -1) + negative_WT / 2
    area = _ratio((positive_WT * below_WT).sum(-1), positive_WT.sum(-1) * negative_WT.sum(-1))
    return _float_if_single(area, weights)


def auprc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None):
    """Average precision: precision at each distinct threshold, weighted by its gain in recall.

    Points are not interpolated: a straight line is too optimistic (Davis & Goadrich 2006). The
    expectation of a random score is the fraction of positives, not 0.5. Arguments, results and
    errors as for `auroc`.
    """
    positive_WT, negative_WT = _by_threshold(labels, scores, weights)
    true_WT, false_WT = np.cumsum(positive_WT, -1), np.cumsum(negative_WT, -1)
    called_WT = true_WT + false_WT
    precision_WT = np.divide(true_WT, called_WT, out=np.zeros_like(true_WT), where=called_WT > 0)
    average = _ratio((positive_WT * precision_WT).sum(-1), true_WT[..., -1])
    return _float_if_single(average, weights)


def roc_curve(
    labels: np.ndarray, scores: np.ndarray, points: int = 200
) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates from (0, 0) to (1, 1), for plotting; two arrays of <= `points`.

    Points on a straight line are dropped, and the rest is subsampled evenly along the curve, so a
    plotted value is wrong by at most 2 / points. For the area, use `auroc`.

    Raises:
        ValueError: `points` is below 2, or see `auroc`.
    """
    if points < 2:
        raise ValueError(f'{points=} must be at least 2')
    positive_T, negative_T = _by_threshold(labels, scores, None)
    tpr = np.concatenate([[0], np.cumsum(positive_T)]) / positive_T.sum()
    fpr = np.concatenate([[0], np.cumsum(negative_T)]) / negative_T.sum()
    step_x, step_y = np.diff(fpr), np.diff(tpr)
    bends = ~np.isclose(step_x[1:] * step_y[:-1], step_x[:-1] * step_y[1:], rtol=1e-9, atol=1e-15)
    selected = np.concatenate([[True], bends, [True]])
    fpr, tpr = fpr[selected], tpr[selected]
    if fpr.size > points:
        length = fpr + tpr
        indices = np.searchsorted(length, np.linspace(0, length[-1], points))
        indices[[0, -1]] = 0, fpr.size - 1
        indices = np.unique(indices)
        fpr, tpr = fpr[indices], tpr[indices]
    return fpr, tpr


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

    Raises:
        ValueError: the score of the data or of a resample is undefined, `level` is out of range, or
            `stratified` with continuous labels.
    """
    value = float(metric(labels, scores))
    draws = _resamples(labels, n, seed, stratified, clusters)
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
) -> Estimate:
    """metric(scores) - metric(other_scores) with its interval, both on the same resamples.

    The errors of two models on the same rows are correlated, so comparing separate intervals misses
    real differences. Arguments and errors as for `bootstrap_interval`.
    """
    value = float(metric(labels, scores)) - float(metric(labels, other_scores))
    draws = _resamples(labels, n, seed, stratified, clusters)
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
    values_W = np.concatenate([_ratio(w_WN @ numerator_N, w_WN @ denominator_N) for w_WN in draws])
    return Estimate(float(numerator_N.sum() / denominator_N.sum()), *_percentiles(values_W, level))


def _resamples(labels, n, seed, stratified, clusters) -> Iterator[np.ndarray]:
    """Draws of each row per resample: parts [W, N] that fit in memory, n resamples in all."""
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    if clusters is not None:
        strata = None
        _, unit_N = np.unique(np.asarray(clusters), return_inverse=True)
        if unit_N.shape != labels.shape:
            raise ValueError(f'{unit_N.shape} cluster ids for {labels.shape} labels')
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


def _members(strata: np.ndarray) -> list[np.ndarray]:
    """The rows of each stratum."""
    return [np.flatnonzero(strata == stratum) for stratum in range(strata.max() + 1)]


def _percentiles(values_W: np.ndarray, level: float) -> tuple[float, float]:
    if not 0 < level < 1:
        raise ValueError(f'{level=} must be between 0 and 1')
    if np.isnan(values_W).any():
        raise ValueError('the score of a resample is undefined (one class only): too few rows')
    tail = (1 - level) / 2
    low, high = np.quantile(values_W, [tail, 1 - tail])
    return float(low), float(high)


def _by_threshold(labels, scores, weights) -> tuple[np.ndarray, np.ndarray]:
    """Weights of positives and of negatives at each distinct score, highest first, [..., T]."""
    label_N = _binary(labels, 'labels')
    score_N = np.asarray(scores, float)
    if score_N.shape != label_N.shape:
        raise ValueError(f'shapes {score_N.shape} of scores and {label_N.shape} of labels differ')
    if np.isnan(score_N).any():
        raise ValueError(f'{int(np.isnan(score_N).sum())} of {score_N.size} scores are NaN')
    if label_N.all() or not label_N.any():
        raise ValueError('labels are of one class only')
    order = np.argsort(-score_N, kind='stable')
    sorted_N = score_N[order]
    starts = np.flatnonzero(np.concatenate([[True], sorted_N[1:] != sorted_N[:-1]]))
    weight_WN = np.ones(label_N.size) if weights is None else np.asarray(weights, float)
    positive_WN = (weight_WN * label_N)[..., order]
    negative_WN = (weight_WN * ~label_N)[..., order]
    return np.add.reduceat(positive_WN, starts, -1), np.add.reduceat(negative_WN, starts, -1)


def _binary(values, name: str) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 1 or not values.size:
        raise ValueError(
            f'{name} must be a vector of at least one entry, not of shape {values.shape}'
        )
    if not np.isin(values, (0, 1)).all():
        raise ValueError(f'{name} must be 0 or 1')
    return values.astype(bool)


def _ratio(over, under):
    """Quotient of two arrays, NaN where the denominator is not positive."""
    over, under = np.asarray(over, float), np.asarray(under, float)
    return np.divide(over, under, out=np.full_like(under, np.nan), where=under > 0)


def _float_if_single(value, weights):
    return float(value) if weights is None else value


def format_interval(estimate, digits: int = 3) -> str:
    """`0.912 (0.890 to 0.931)` for [value, low, high]."""
    value, low, high = (f'{float(number):.{digits}f}' for number in estimate)
    return f'{value} ({low} to {high})'
