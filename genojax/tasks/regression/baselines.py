"""Baselines of regression, tuned by cross-validation in folds of whole leak groups.

Ridge regressions on one-hot bases, on pairs of positions and on k-mer counts, and boosted trees.
Settings are chosen by the mean Pearson correlation over folds. Values that are absent are left out.
"""

import dataclasses
import time

import numpy as np

from genojax import metrics
from genojax.tasks.labelled import features, tuning

_PENALTIES = (0.1, 1.0, 10.0, 100.0, 1_000.0)
_KERNEL_ROWS = 8_000  # beyond it a solution takes more than seconds
_LEAVES = (15, 31, 63)
_TREES = 300


@dataclasses.dataclass(frozen=True)
class ValueBaseline:
    """Predictions of the test rows [N], and the settings, chosen on training rows alone."""

    scores: np.ndarray
    settings: dict
    cv_pearson: float
    seconds: float

    def summary(self) -> dict:
        """Everything but the predictions, as JSON."""
        cv = None if np.isnan(self.cv_pearson) else self.cv_pearson
        return {
            'settings': self.settings,
            'cv_pearson': cv,
            'seconds': round(self.seconds, 3),
        }


@tuning.one_thread
def fit_all(train, values: np.ndarray, test, groups: np.ndarray, seed: int = 0):
    """Every baseline by name for one column of values.

    Args:
        train, test: lists of base codes.
        values: float64 [N] of the training rows; NaN where absent.
        groups: leak group of each training row.
    """
    known = np.flatnonzero(~np.isnan(values))
    rows, value_N = [train[row] for row in known.tolist()], values[known]
    folds = tuning.pairs(tuning.folds_of_classes(np.zeros(len(known), int), groups[known], seed))
    kernels = {'kmer_ridge': [(f'1..{k}', _linear(rows, test, k)) for k in (3, 4, 5)]}
    if features.of_one_length(rows, test):
        match_NN, match_test = _matches(rows, rows), _matches(test, rows)
        kernels['one_hot_ridge'] = [('positions', (match_NN, match_test))]
        # Rows that agree at m positions agree at m (m - 1) / 2 pairs: ridge on all pairs.
        pairs = [m + m * (m - 1) / 2 for m in (match_NN, match_test)]
        kernels['pairwise_ridge'] = [('pairs of positions', pairs)]
    fitted = {}
    if len(known) <= _KERNEL_ROWS:
        for name, choices in kernels.items():
            fitted[name] = _ridge(choices, value_N, folds)
    fitted['boosted_trees'] = _trees(rows, value_N, test, folds)
    return fitted


def _linear(rows, test, k: int):
    a, b = features.kmer(rows, 1, k), features.kmer(test, 1, k)
    return (a @ a.T).toarray() * 100, (b @ a.T).toarray() * 100


def _matches(a, b) -> np.ndarray:
    """At how many positions every row of `a` has the base of every row of `b`."""
    return (features.one_hot(a) @ features.one_hot(b).T).toarray()


def _ridge(choices, value_N: np.ndarray, folds) -> ValueBaseline:
    started = time.perf_counter()
    search = tuning.Search('pearson')
    for kind, (kernel_NN, kernel_test) in choices:
        for penalty in _PENALTIES:
            scores = tuple(
                metrics.pearson(
                    value_N[scored],
                    _solve(
                        kernel_NN[np.ix_(fit, fit)],
                        value_N[fit],
                        kernel_NN[np.ix_(scored, fit)],
                        penalty,
                    ),
                )
                for fit, scored in folds
            )
            search.add({'features': kind, 'penalty': penalty}, scores, (kernel_NN, kernel_test))
    kernel_NN, kernel_test = search.extra
    predicted = _solve(kernel_NN, value_N, kernel_test, search.settings['penalty'])
    seconds = time.perf_counter() - started
    return ValueBaseline(predicted, search.settings, float(np.mean(search.scores)), seconds)


def _solve(kernel_NN, value_N, kernel_test, penalty: float) -> np.ndarray:
    """Kernel ridge regression of values about their mean."""
    from scipy import linalg

    mean = value_N.mean()
    regularised = kernel_NN + penalty * np.eye(len(value_N))
    return kernel_test @ linalg.solve(regularised, value_N - mean, assume_a='pos') + mean


def _trees(rows, value_N: np.ndarray, test, folds) -> ValueBaseline:
    """Gradient-boosted trees on the bases at each position, or else on counts of 1- to 4-mers."""
    from sklearn import ensemble

    started = time.perf_counter()
    if features.of_one_length(rows, test):
        columns, test_columns = features.one_hot(rows), features.one_hot(test)
    else:
        columns, test_columns = features.kmer(rows, 1, 4), features.kmer(test, 1, 4)
    columns, test_columns = columns.toarray(), test_columns.toarray()

    def model(leaves: int):
        return ensemble.HistGradientBoostingRegressor(
            max_leaf_nodes=leaves, max_iter=_TREES, early_stopping=False, random_state=0
        )

    search = tuning.Search('pearson')
    for leaves in _LEAVES:
        scores = tuple(
            metrics.pearson(
                value_N[scored],
                model(leaves).fit(columns[fit], value_N[fit]).predict(columns[scored]),
            )
            for fit, scored in folds
        )
        search.add({'leaves': leaves, 'trees': _TREES}, scores)
    fitted = model(search.settings['leaves']).fit(columns, value_N)
    seconds = time.perf_counter() - started
    return ValueBaseline(
        fitted.predict(test_columns), search.settings, float(np.mean(search.scores)), seconds
    )
