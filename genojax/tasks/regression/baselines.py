"""Baselines of regression, tuned by cross-validation in folds of whole leak groups.

Ridge regressions on one-hot bases, on pairs of positions and on k-mer counts, and boosted trees.
Settings are chosen by the mean Pearson correlation over folds. Values that are absent are left out.
"""

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from genojax import metrics, progress
from genojax.tasks.labelled import features, tuning

_PENALTIES = (0.1, 1.0, 10.0, 100.0, 1_000.0)
_UNKNOWNS = 8_000  # columns, or else rows, of a ridge regression: more take minutes
_LEAVES = (15, 31, 63, 127)
_TREES = 300
_MANY_ROWS = 10_000  # one fold of them tells settings apart


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


@dataclasses.dataclass(frozen=True)
class _Columns:
    """Features as columns, [N, F] of training and [M, F] of test rows, sparse or dense."""

    train: Any
    test: Any

    def fit(self, fit, value_N, penalties) -> list[np.ndarray]:
        """Weights [F] per penalty, of the training rows `fit` and their values about their mean."""
        x_NF = self.train[fit]
        gram_FF, target_F = _dense(x_NF.T @ x_NF), x_NF.T @ (value_N - value_N.mean())
        return [_solved(gram_FF, target_F, penalty) for penalty in penalties]

    def scored(self, fit, scored, weight_F) -> np.ndarray:
        """Predictions, about the mean, for training rows `scored`, or the test rows for None."""
        return (self.test if scored is None else self.train[scored]) @ weight_F


@dataclasses.dataclass(frozen=True)
class _Kernel:
    """Products of the features of rows: [N, N] of training rows, [M, N] of test and training."""

    train: np.ndarray
    test: np.ndarray

    def fit(self, fit, value_N, penalties) -> list[np.ndarray]:
        """As `_Columns.fit`, with a weight per row."""
        kernel_NN = self.train[np.ix_(fit, fit)]
        return [_solved(kernel_NN, value_N - value_N.mean(), penalty) for penalty in penalties]

    def scored(self, fit, scored, weight_N) -> np.ndarray:
        """As `_Columns.scored`."""
        rows = self.test[:, fit] if scored is None else self.train[np.ix_(scored, fit)]
        return rows @ weight_N


@tuning.one_thread
def fit_all(
    train, values: np.ndarray, test, groups: np.ndarray, seed: int = 0
) -> tuple[dict[str, ValueBaseline], dict[str, str]]:
    """Every baseline by name for one column of values, and why others were not fitted.

    Args:
        train, test: lists of base codes.
        values: float64 [N] of the training rows; NaN where absent.
        groups: leak group of each training row.

    Raises:
        ValueError: there are too few leak groups for two folds.
    """
    known = np.flatnonzero(~np.isnan(values))
    rows, value_N = [train[row] for row in known.tolist()], values[known]
    folds = tuning.pairs(tuning.folds_of_classes(np.zeros(len(known), int), groups[known], seed))
    choices = {'kmer_ridge': {f'1..{k}': functools.partial(_kmers, k=k) for k in (3, 4, 5)}}
    skipped = {}
    if features.of_one_length(rows, test):
        bases = len(rows[0])
        positional = {
            'one_hot_ridge': ('positions', _one_hot, 4 * bases),
            'pairwise_ridge': ('pairs of positions', _pairs, _pair_columns(bases)),
        }
        for name, (kind, make, columns) in positional.items():
            if min(columns, len(rows)) <= _UNKNOWNS:
                choices[name] = {kind: make}
            else:
                skipped[name] = f'more than {_UNKNOWNS:,} rows, of {bases:,} bases'
    else:
        skipped |= dict.fromkeys(('one_hot_ridge', 'pairwise_ridge'), 'rows of several lengths')
    fitted = {}
    for name, parts in choices.items():
        with progress.stage(f'fitting {name}'):
            chosen = {kind: functools.partial(make, rows, test) for kind, make in parts.items()}
            fitted[name] = _ridge(chosen, value_N, folds)
    with progress.stage('fitting boosted_trees'):
        fitted['boosted_trees'] = _trees(rows, value_N, test, folds)
    return fitted, skipped


def _linear(train, test) -> _Columns | _Kernel:
    """Features as columns, or their products where rows are fewer."""
    if train.shape[1] <= train.shape[0]:
        return _Columns(train, test)
    return _Kernel((train @ train.T).toarray(), (test @ train.T).toarray())


def _kmers(rows, test, k: int) -> _Columns | _Kernel:
    # Counts have unit length; times ten, the penalties of the other features suit them.
    return _linear(features.kmer(rows, 1, k) * 10, features.kmer(test, 1, k) * 10)


def _one_hot(rows, test) -> _Columns | _Kernel:
    return _linear(features.one_hot(rows), features.one_hot(test))


def _pair_columns(bases: int) -> int:
    return 4 * bases + 8 * bases * (bases - 1)


def _pairs(rows, test) -> _Columns | _Kernel:
    """Bases at each position and at each pair of positions."""
    if _pair_columns(len(rows[0])) <= len(rows):
        return _Columns(_pairs_of_positions(rows), _pairs_of_positions(test))
    # Rows that agree at m positions agree at m (m - 1) / 2 pairs.
    return _Kernel(*(m + m * (m - 1) / 2 for m in (_matches(rows, rows), _matches(test, rows))))


def _pairs_of_positions(rows) -> sparse.csr_matrix:
    hot_NF = features.one_hot(rows)
    parts = [hot_NF]
    for left in range(len(rows[0]) - 1):
        others_NF = hot_NF[:, 4 * (left + 1) :]
        parts += [hot_NF[:, 4 * left + base].multiply(others_NF) for base in range(4)]
    return sparse.hstack(parts, format='csr')


def _matches(a, b) -> np.ndarray:
    """At how many positions every row of `a` has the base of every row of `b`."""
    return (features.one_hot(a) @ features.one_hot(b).T).toarray()


def _ridge(choices: dict[str, Callable], value_N: np.ndarray, folds) -> ValueBaseline:
    """Ridge regression of values about their mean.

    Args:
        choices: name -> function that makes the features, to choose from.
    """
    started = time.perf_counter()
    search = tuning.Search('pearson')
    for kind, make in choices.items():
        x, scores = make(), []
        for fit, scored in folds:
            weights = x.fit(fit, value_N[fit], _PENALTIES)
            predicted = [x.scored(fit, scored, weight) for weight in weights]
            scores.append([metrics.pearson(value_N[scored], one_N) for one_N in predicted])
        for penalty, of_folds in zip(_PENALTIES, zip(*scores, strict=True), strict=True):
            search.add({'features': kind, 'penalty': penalty}, of_folds, x)
    every, penalty = np.arange(len(value_N)), search.settings['penalty']
    (weight,) = search.extra.fit(every, value_N, (penalty,))
    predicted = search.extra.scored(every, None, weight) + value_N.mean()
    seconds = time.perf_counter() - started
    return ValueBaseline(predicted, search.settings, float(np.mean(search.scores)), seconds)


def _solved(matrix, target, penalty: float) -> np.ndarray:
    from scipy import linalg

    return linalg.solve(matrix + penalty * np.eye(len(matrix)), target, assume_a='pos')


def _dense(matrix) -> np.ndarray:
    return matrix.toarray() if sparse.issparse(matrix) else matrix


def _trees(rows, value_N: np.ndarray, test, folds) -> ValueBaseline:
    """Gradient-boosted trees on the bases at each position, or else on counts of 1- to 4-mers.

    The number of leaves is chosen by all folds, or by the first one where rows are many.
    """
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
    if len(rows) > _MANY_ROWS:
        folds = folds[:1]
    for leaves in _LEAVES:
        scores = tuple(
            metrics.pearson(
                value_N[scored],
                model(leaves).fit(columns[fit], value_N[fit]).predict(columns[scored]),
            )
            for fit, scored in folds
        )
        search.add({'leaves': leaves, 'trees': _TREES, 'folds': len(folds)}, scores)
    fitted = model(search.settings['leaves']).fit(columns, value_N)
    seconds = time.perf_counter() - started
    return ValueBaseline(
        fitted.predict(test_columns), search.settings, float(np.mean(search.scores)), seconds
    )
