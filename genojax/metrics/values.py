"""Scores of predicted numbers; weights as in `ranking`.

Rows whose truth is NaN count for nothing. A score is NaN where it is undefined: of fewer than two
rows, or of rows whose truths (or predictions) are all equal. Rounding does not make such rows
differ.
"""

import numpy as np

from genojax.metrics import weighting

_EQUAL = 1e-12  # a variance below this share of the mean square is rounding


def pearson(truth: np.ndarray, values: np.ndarray, weights: np.ndarray | None = None):
    """Pearson's correlation.

    Args:
        truth: [N], NaN where it is absent.
        values: [N], finite.
        weights: [..., N] or None.
    Returns:
        A float, or with weights floats [...].

    Raises:
        ValueError: shapes differ, values are not finite, or weights as in `weighting.checked`.
    """
    truth_N, value_N, weight_WN = _known(truth, values, weights)
    return weighting.float_if_single(_correlation(truth_N, value_N, weight_WN), weights)


def spearman(truth: np.ndarray, values: np.ndarray, weights: np.ndarray | None = None):
    """Pearson's correlation of ranks, ties at their mean; otherwise as `pearson`.

    The ranks of a resample are those within it.
    """
    truth_N, value_N, weight_WN = _known(truth, values, weights)
    ranks = (_ranks(x_N, weight_WN) for x_N in (truth_N, value_N))
    return weighting.float_if_single(_correlation(*ranks, weight_WN), weights)


def _ranks(x_N: np.ndarray, weight_WN: np.ndarray) -> np.ndarray:
    """Rank of every row among rows counted by their weights, ties at their mean, [..., N]."""
    if not x_N.size:
        return weight_WN
    order = np.argsort(x_N, kind='stable')
    sorted_N = x_N[order]
    starts = np.flatnonzero(np.concatenate([[True], sorted_N[1:] != sorted_N[:-1]]))
    count_WU = np.add.reduceat(weight_WN[..., order], starts, -1)
    rank_WU = np.cumsum(count_WU, -1) - (count_WU - 1) / 2
    unit_N = np.empty(len(x_N), np.int64)
    unit_N[order] = np.repeat(np.arange(len(starts)), np.diff([*starts, len(x_N)]))
    return rank_WU[..., unit_N]


def determination(truth: np.ndarray, values: np.ndarray, weights: np.ndarray | None = None):
    """R2: 1 - sum of squared errors / sum of squares about the mean truth; else as `pearson`."""
    truth_N, value_N, weight_WN = _known(truth, values, weights)
    errors_W = weight_WN @ (truth_N - value_N) ** 2
    ratio_W = weighting.ratio(errors_W, _squares(truth_N, truth_N, weight_WN))
    return weighting.float_if_single(1 - ratio_W, weights)


def _known(truth, values, weights) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth_N, value_N = np.asarray(truth, float), np.asarray(values, float)
    if truth_N.ndim != 1 or truth_N.shape != value_N.shape:
        raise ValueError(f'shapes {truth_N.shape} of truth and {value_N.shape} of values')
    weight_WN = weighting.checked(weights, truth_N.size)
    known_N = ~np.isnan(truth_N)
    if not np.isfinite(truth_N[known_N]).all() or not np.isfinite(value_N[known_N]).all():
        raise ValueError('truths and values must be finite')
    return truth_N[known_N], value_N[known_N], weight_WN[..., known_N]


def _squares(a_WN: np.ndarray, b_WN: np.ndarray, weight_WN: np.ndarray) -> np.ndarray:
    """Weighted sums of products about the means, [W]; 0 where only rounding differs from 0.

    Args:
        a_WN, b_WN: [N], or [W, N].
    """
    if not weight_WN.shape[-1]:
        return np.zeros(weight_WN.shape[:-1])
    # First about the mean of all rows: against cancellation.
    a_WN, b_WN = (x_WN - x_WN.mean(-1, keepdims=True) for x_WN in (a_WN, b_WN))
    total_W = weight_WN.sum(-1)
    product_W = (weight_WN * a_WN * b_WN).sum(-1)
    means = weighting.ratio((weight_WN * a_WN).sum(-1) * (weight_WN * b_WN).sum(-1), total_W)
    sum_W = product_W - means
    scale_W = (weight_WN * np.abs(a_WN * b_WN)).sum(-1)
    return np.where(np.abs(sum_W) > _EQUAL * scale_W, sum_W, 0.0)


def _correlation(a_WN: np.ndarray, b_WN: np.ndarray, weight_WN: np.ndarray) -> np.ndarray:
    spread_W = _squares(a_WN, a_WN, weight_WN) * _squares(b_WN, b_WN, weight_WN)
    return weighting.ratio(_squares(a_WN, b_WN, weight_WN), np.sqrt(spread_W))
