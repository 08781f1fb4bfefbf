"""Scores of rankings: area under the ROC curve, average precision; exact with ties.

Every score takes `weights`, non-negative [..., N], one row per resample; None counts every row
once. A bootstrap is one call with a matrix of counts instead of a thousand calls. An undefined
score (one class only, NaN among the scores) raises ValueError, because any number would look like a
result; of a resample it is NaN.
"""

import numpy as np

from genojax.metrics import weighting


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
        ValueError: labels other than 0 and 1, only one class, NaN among the scores, or weights of
            another shape, negative or not finite.
    """
    positive_WT, negative_WT = _by_threshold(labels, scores, weights)
    # Thresholds decrease: a positive scores above the negatives of all later thresholds and ties
    # with those of its own.
    below_WT = negative_WT.sum(-1, keepdims=True) - np.cumsum(negative_WT, -1) + negative_WT / 2
    area = weighting.ratio(
        (positive_WT * below_WT).sum(-1), positive_WT.sum(-1) * negative_WT.sum(-1)
    )
    return weighting.float_if_single(area, weights)


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
    average = weighting.ratio((positive_WT * precision_WT).sum(-1), true_WT[..., -1])
    return weighting.float_if_single(average, weights)


def macro_auroc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None):
    """Mean over classes of the AUROC of each class against all others.

    Args:
        labels: [N], numbers of classes; every class occurs.
        scores: [N, C]; higher means more likely that class.
        weights: [..., N] or None.
    Returns:
        A float, or with weights floats [...], NaN for a resample that lacks a class.

    Raises:
        ValueError: as `auroc`, for any class.
    """
    return _macro(auroc, labels, scores, weights)


def macro_auprc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None):
    """Mean over classes of the average precision of each; otherwise as `macro_auroc`."""
    return _macro(auprc, labels, scores, weights)


def _macro(metric, labels, scores, weights):
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    if scores.ndim != 2 or len(scores) != len(labels):
        raise ValueError(f'scores of shape {scores.shape} for {len(labels)} rows of classes')
    return (
        sum(
            metric(labels == number, scores[:, number], weights)
            for number in range(scores.shape[1])
        )
        / scores.shape[1]
    )


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


def _by_threshold(labels, scores, weights) -> tuple[np.ndarray, np.ndarray]:
    """Weights of positives and of negatives at each distinct score, highest first, [..., T]."""
    label_N = weighting.binary(labels, 'labels')
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
    weight_WN = weighting.checked(weights, label_N.size)
    positive_WN = (weight_WN * label_N)[..., order]
    negative_WN = (weight_WN * ~label_N)[..., order]
    return np.add.reduceat(positive_WN, starts, -1), np.add.reduceat(negative_WN, starts, -1)
