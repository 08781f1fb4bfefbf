"""Scores and how sure they are: exact with ties, vectorised over bootstrap resamples, numpy only.

Every score takes `weights`: [..., N] non-negative, one row a resample, None for every row once. A bootstrap is then one
call with a matrix of counts, not a thousand calls. A score that is not defined (one class only, a constant input,
a NaN among the scores) raises ValueError: a number in its place would look like a result.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

_CELLS = 4_000_000  # weights held at a time in a bootstrap: 32 MB


class MetricState(NamedTuple):
    """A running mean as (total, count); `merge` is associative, so it holds across steps, hosts and batches.

    A plain tuple, hence a JAX pytree with numpy, jax or float leaves; nothing here imports jax.
    """

    total: Any
    count: Any

    @classmethod
    def empty(cls) -> 'MetricState':
        return cls(0.0, 0.0)

    @classmethod
    def of(cls, values: Any, weights: Any = None) -> 'MetricState':
        """The state of an array of values; `weights` (same shape) 0 leaves a value out."""
        if weights is None:
            return cls(values.sum(), float(values.size))
        return cls((values * weights).sum(), weights.sum())

    def merge(self, other: 'MetricState') -> 'MetricState':
        return MetricState(self.total + other.total, self.count + other.count)

    def compute(self) -> Any:
        """The mean; NaN if nothing was counted."""
        if isinstance(self.count, int | float | np.ndarray | np.generic):
            with np.errstate(invalid='ignore', divide='ignore'):
                return np.divide(self.total, self.count)
        return self.total / self.count


class Estimate(NamedTuple):
    """A score with the ends of its interval; serialises to JSON as [value, low, high]."""

    value: float
    low: float
    high: float


def auroc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None):
    """The chance that a random positive scores above a random negative; a tie counts one half.

    Args:
        labels: [N] of 0 and 1 (or bool), both present.
        scores: [N], higher means more likely 1.
        weights: [..., N] or None.
    Returns:
        A float, or [...] floats with weights; NaN for a resample without both classes.
    """
    positive_WT, negative_WT = _by_threshold(labels, scores, weights)
    # Thresholds fall: a positive beats the negatives of all later thresholds and ties with those of its own.
    beaten_WT = negative_WT.sum(-1, keepdims=True) - np.cumsum(negative_WT, -1) + negative_WT / 2
    area = _ratio((positive_WT * beaten_WT).sum(-1), positive_WT.sum(-1) * negative_WT.sum(-1))
    return _float_if_single(area, weights)


def auprc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None):
    """Average precision: precision at each distinct threshold, weighted by the recall gained there.

    No interpolation between points (Davis & Goadrich 2006 show that a straight line is too optimistic). A random
    score gets the share of positives, not 0.5. Arguments as for `auroc`.
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
    """False and true positive rate from (0, 0) to (1, 1), at most `points` long; for drawing.

    Points on a straight line are dropped; what is still too long is thinned evenly along the path, so the drawn
    curve is off by at most 2 / points. Take the area from `auroc`, never from these.
    """
    if points < 2:
        raise ValueError(f'{points=} must be at least 2')
    positive_T, negative_T = _by_threshold(labels, scores, None)
    tpr = np.concatenate([[0], np.cumsum(positive_T)]) / positive_T.sum()
    fpr = np.concatenate([[0], np.cumsum(negative_T)]) / negative_T.sum()
    step_x, step_y = np.diff(fpr), np.diff(tpr)
    turns = ~np.isclose(step_x[1:] * step_y[:-1], step_x[:-1] * step_y[1:], rtol=1e-9, atol=1e-15)
    keep = np.concatenate([[True], turns, [True]])
    fpr, tpr = fpr[keep], tpr[keep]
    if fpr.size > points:
        path = fpr + tpr
        chosen = np.searchsorted(path, np.linspace(0, path[-1], points))
        chosen[[0, -1]] = 0, fpr.size - 1
        chosen = np.unique(chosen)
        fpr, tpr = fpr[chosen], tpr[chosen]
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

    It says how the score would vary with another test set of this size, the model being fixed; it does not cover
    the choice of training set or seed.

    Args:
        metric: `auroc`, `auprc`, or any function (labels, scores, weights_WN) -> [W].
        stratified: resample within each class, so that every resample has the classes in the proportion seen (right
            for AUROC, and it keeps a small test set defined). Needs discrete labels.
        clusters: [N] ids; whole clusters are drawn (plain, not stratified) where rows are not independent.
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
    """metric(scores) - metric(other_scores) with its interval, both scored on the same resamples.

    Two models tested on the same rows err together; comparing their separate intervals hides real differences.
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
    """Sum of numerators over sum of denominators, with a bootstrap interval over the [N] units.

    For bits per base: bits and hidden bases of each window. A ratio of sums, so a window counts by its bases.
    """
    over_N, under_N = np.asarray(numerators, float), np.asarray(denominators, float)
    if over_N.shape != under_N.shape or over_N.ndim != 1:
        raise ValueError(f'{over_N.shape=} and {under_N.shape=} must be one vector length')
    if not np.isfinite(over_N).all() or not (under_N >= 0).all() or not under_N.sum() > 0:
        raise ValueError('numerators must be finite, denominators >= 0 and not all 0')
    draws = _resamples(over_N, n, seed, False, clusters)
    values_W = np.concatenate([_ratio(w_WN @ over_N, w_WN @ under_N) for w_WN in draws])
    return Estimate(float(over_N.sum() / under_N.sum()), *_percentiles(values_W, level))


def _resamples(labels, n, seed, stratified, clusters) -> Iterator[np.ndarray]:
    """Counts [W, N] of how often each row was drawn, in pieces that fit in memory; n resamples in all."""
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    if clusters is not None:
        strata = None
        _, unit_N = np.unique(np.asarray(clusters), return_inverse=True)
        if unit_N.shape != labels.shape:
            raise ValueError(f'{unit_N.shape=} clusters for {labels.shape=} rows')
    else:
        unit_N = np.arange(labels.size)
        strata = np.unique(labels, return_inverse=True)[1] if stratified else None
        if strata is not None and strata.max() + 1 > max(2, labels.size // 2):
            raise ValueError('stratified needs labels of a few classes; pass stratified=False')
    units = int(unit_N.max()) + 1
    parts = [np.arange(units)] if strata is None else _members(strata)
    step = max(1, _CELLS // labels.size)
    for first in range(0, n, step):
        rows = min(step, n - first)
        count_WU = np.zeros((rows, units))
        for part in parts:
            drawn = rng.integers(part.size, size=(rows, part.size))
            flat = (drawn + np.arange(rows)[:, None] * part.size).ravel()
            count_WU[:, part] = np.bincount(flat, minlength=rows * part.size).reshape(rows, -1)
        yield count_WU[:, unit_N]


def _members(strata: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(strata == stratum) for stratum in range(strata.max() + 1)]


def _percentiles(values_W: np.ndarray, level: float) -> tuple[float, float]:
    if not 0 < level < 1:
        raise ValueError(f'{level=} must lie between 0 and 1')
    if np.isnan(values_W).any():
        raise ValueError('a resample has no score (one class or no variation): too few rows')
    tail = (1 - level) / 2
    low, high = np.quantile(values_W, [tail, 1 - tail])
    return float(low), float(high)


def _by_threshold(labels, scores, weights) -> tuple[np.ndarray, np.ndarray]:
    """Weight of positives and of negatives at each distinct score, falling: two arrays [..., T]."""
    label_N = _binary(labels, 'labels')
    score_N = np.asarray(scores, float)
    if score_N.shape != label_N.shape:
        raise ValueError(f'{score_N.shape=} and {label_N.shape=} differ')
    if np.isnan(score_N).any():
        raise ValueError(f'{int(np.isnan(score_N).sum())} of {score_N.size} scores are NaN')
    if label_N.all() or not label_N.any():
        raise ValueError('labels hold one class only')
    order = np.argsort(-score_N, kind='stable')
    falling = score_N[order]
    starts = np.flatnonzero(np.concatenate([[True], falling[1:] != falling[:-1]]))
    weight_WN = np.ones(label_N.size) if weights is None else np.asarray(weights, float)
    positive_WN = (weight_WN * label_N)[..., order]
    negative_WN = (weight_WN * ~label_N)[..., order]
    return np.add.reduceat(positive_WN, starts, -1), np.add.reduceat(negative_WN, starts, -1)


def _binary(values, name: str) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 1 or not values.size:
        raise ValueError(f'{name} must be a vector with at least one entry, not {values.shape}')
    if not np.isin(values, (0, 1)).all():
        raise ValueError(f'{name} must be 0 or 1')
    return values.astype(bool)


def _ratio(over, under):
    over, under = np.asarray(over, float), np.asarray(under, float)
    return np.divide(over, under, out=np.full_like(under, np.nan), where=under > 0)


def _float_if_single(value, weights):
    return float(value) if weights is None else value
