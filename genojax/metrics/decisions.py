"""Scores of decisions for one of several classes; weights as in `ranking`.

A score that would divide by 0 is NaN: Matthews' coefficient of a constant decision, or the F1 of a
class that occurs neither among the labels nor among the decisions.
"""

import numpy as np

from genojax.metrics import weighting


def confusion(labels: np.ndarray, decisions: np.ndarray, classes: int) -> np.ndarray:
    """Rows per label (first axis) and decision, int64 [C, C]."""
    label_N, decision_N = _checked(labels, decisions)
    table_C = np.bincount(label_N * classes + decision_N, minlength=classes**2)
    return table_C.reshape(classes, classes)


def accuracy(labels: np.ndarray, decisions: np.ndarray, weights: np.ndarray | None = None):
    """Share of rows whose decision is their class."""
    label_N, decision_N = _checked(labels, decisions)
    weight_WN = weighting.checked(weights, label_N.size)
    right_WN = weight_WN * (label_N == decision_N)
    return weighting.float_if_single(weighting.ratio(right_WN.sum(-1), weight_WN.sum(-1)), weights)


def macro_f1(labels: np.ndarray, decisions: np.ndarray, weights: np.ndarray | None = None):
    """Mean F1 over the classes that occur among labels or decisions.

    F1 is 2 true positives / (rows of the class + decisions for it).
    """
    right_WC, label_WC, decision_WC, _ = _counts(labels, decisions, weights)
    f1_WC = weighting.ratio(2 * right_WC, label_WC + decision_WC)
    return weighting.float_if_single(f1_WC.mean(-1), weights)


def matthews(labels: np.ndarray, decisions: np.ndarray, weights: np.ndarray | None = None):
    """Matthews' correlation coefficient for any number of classes (Gorodkin 2004, equation 8).

    NaN where all labels or all decisions are equal.
    """
    right_WC, label_WC, decision_WC, total_W = _counts(labels, decisions, weights)
    covariance_W = right_WC.sum(-1) * total_W - (label_WC * decision_WC).sum(-1)
    spread_W = (total_W**2 - (label_WC**2).sum(-1)) * (total_W**2 - (decision_WC**2).sum(-1))
    # Weights are counts, or sums of a few floats: a spread this small is rounding.
    spread_W = np.where(spread_W > 1e-12 * total_W**4, spread_W, 0)
    return weighting.float_if_single(
        weighting.ratio(covariance_W, np.sqrt(np.maximum(spread_W, 0))), weights
    )


def _checked(labels, decisions) -> tuple[np.ndarray, np.ndarray]:
    label_N, decision_N = np.asarray(labels), np.asarray(decisions)
    if label_N.ndim != 1 or label_N.shape != decision_N.shape or not label_N.size:
        raise ValueError(f'shapes {decision_N.shape} of decisions and {label_N.shape} of labels')
    for name, values in (('labels', label_N), ('decisions', decision_N)):
        if not np.issubdtype(values.dtype, np.integer) or values.min() < 0:
            raise ValueError(f'{name} must be numbers of classes, from 0')
    return label_N.astype(np.int64), decision_N.astype(np.int64)


def _counts(labels, decisions, weights):
    """Weights of right decisions, of labels and of decisions per class, and of all rows."""
    label_N, decision_N = _checked(labels, decisions)
    weight_WN = weighting.checked(weights, label_N.size)
    one_hot_C = np.eye(int(max(label_N.max(), decision_N.max())) + 1)
    label_NC, decision_NC = one_hot_C[label_N], one_hot_C[decision_N]
    return (
        weight_WN @ (label_NC * decision_NC),
        weight_WN @ label_NC,
        weight_WN @ decision_NC,
        weight_WN.sum(-1),
    )
