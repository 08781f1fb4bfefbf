"""Models that are fitted to annotation or to vectors of an encoder: forest, logistic, probe.

Each is a function of rows: it is fitted to some and scores others, and is tuned on the rows that it
is fitted to, in folds of whole groups. Scores are log odds, so that those of fits to different
consequence classes have one scale. scikit-learn is imported where it is called.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from genojax import metrics
from genojax.tasks.labelled import tuning

_TREES = 300
_TUNING_TREES = 60
_LEAVES = (2, 5, 12)  # fewest rows of a leaf
_SHARES = ('sqrt', 0.5)  # columns that a split may choose from
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C of logistic regression
_FOLDS = 3
_FLAT = 1e-4  # probabilities are kept this far from 0 and 1


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
    """Scores of test rows, and what was chosen for them.

    Attributes:
        log_odds_N: of a positive label.
        settings: chosen on the training rows.
    """

    log_odds_N: np.ndarray
    settings: dict


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingVariants:
    """What a model is fitted to.

    Attributes:
        label_N: 0 or 1.
        group_N: folds of tuning keep these whole.
    """

    label_N: np.ndarray
    group_N: np.ndarray

    def folds(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(rows to fit, rows to score), by whole groups where there are enough, else by row."""
        for groups in (self.group_N, None):
            for count in (_FOLDS, 2):
                try:
                    fold_N = tuning.grouped_folds(self.label_N, groups, count)
                    return tuning.pairs(fold_N)
                except ValueError:
                    continue
        return []


@tuning.one_thread
def forest(x_NF: np.ndarray, training: TrainingVariants, test_NF: np.ndarray, seed: int = 0) -> Fit:
    """A random forest; absent numbers are the median of the training rows."""
    from sklearn import ensemble

    def make(settings, trees):
        return ensemble.RandomForestClassifier(
            n_estimators=trees, random_state=seed, n_jobs=1, **settings
        )

    grid = [{'min_samples_leaf': n, 'max_features': share} for n in _LEAVES for share in _SHARES]
    train_NF, test_NF = _filled(x_NF, x_NF), _filled(test_NF, x_NF)
    return _tuned(make, grid, training, (train_NF, test_NF))


@tuning.one_thread
def logistic(x_NF: np.ndarray, training: TrainingVariants, test_NF: np.ndarray) -> Fit:
    """Logistic regression with an L2 penalty on standardised columns."""
    from sklearn import linear_model

    def make(settings, trees):
        del trees
        return linear_model.LogisticRegression(max_iter=300, **settings)

    train_NF, test_NF = _filled(x_NF, x_NF), _filled(test_NF, x_NF)
    mean_F, sd_F = train_NF.mean(0), train_NF.std(0)
    scale_F = np.where(sd_F > 1e-9, sd_F, 1)
    scaled = [np.clip((part - mean_F) / scale_F, -6, 6) for part in (train_NF, test_NF)]
    return _tuned(make, [{'C': c} for c in _PENALTIES], training, scaled)


def by_class(
    fit: Callable, x_NF, training: TrainingVariants, test_NF, *, pooled: Fit, classes, fewest: int
) -> Fit:
    """`fit` to each class with enough rows of both labels; `pooled` for the others.

    Args:
        fit: `forest` or `logistic`.
        pooled: `fit` to all rows.
        classes: names of the class of every training row and of every test row.
        fewest: positive and negative training rows that a class needs.
    """
    class_N, test_class_N = classes
    log_odds_N, own = pooled.log_odds_N.copy(), []
    for name in np.unique(test_class_N):
        rows, test_rows = class_N == name, test_class_N == name
        counts = np.bincount(training.label_N[rows], minlength=2)
        if counts.min() < fewest:
            continue
        part = TrainingVariants(training.label_N[rows], training.group_N[rows])
        log_odds_N[test_rows] = fit(x_NF[rows], part, test_NF[test_rows]).log_odds_N
        own.append(str(name))
    return Fit(log_odds_N, {**pooled.settings, 'own fits': ', '.join(own) or 'none'})


def crossed(fit: Callable, x_NF, training: TrainingVariants) -> np.ndarray:
    """Log odds of the training rows themselves, each by a fit to other folds, [N]."""
    log_odds_N = np.zeros(len(training.label_N))
    for fit_rows, rows in training.folds():
        part = TrainingVariants(training.label_N[fit_rows], training.group_N[fit_rows])
        log_odds_N[rows] = fit(x_NF[fit_rows], part, x_NF[rows]).log_odds_N
    return log_odds_N


def _tuned(make: Callable, grid: list[dict], training: TrainingVariants, columns) -> Fit:
    """The setting with the highest mean AUROC over folds, fitted to all training rows."""
    train_NF, test_NF = columns
    search, folds = tuning.Search('auroc'), training.folds()
    for settings in grid if folds else grid[:1]:
        scores = []
        for fit_rows, rows in folds:
            model = make(settings, _TUNING_TREES)
            model.fit(train_NF[fit_rows], training.label_N[fit_rows])
            scores.append(metrics.auroc(training.label_N[rows], _log_odds(model, train_NF[rows])))
        search.add(settings, tuple(scores) or (np.nan,))
    model = make(search.settings, _TREES).fit(train_NF, training.label_N)
    return Fit(_log_odds(model, test_NF), search.settings)


def _log_odds(model, x_NF: np.ndarray) -> np.ndarray:
    p_N = np.clip(model.predict_proba(x_NF)[:, 1], _FLAT, 1 - _FLAT)
    return np.log(p_N / (1 - p_N))


def _filled(x_NF: np.ndarray, train_NF: np.ndarray) -> np.ndarray:
    """Columns with the median of the training rows in place of absent numbers; 0 without any."""
    known_F = ~np.isnan(train_NF).all(0)
    median_F = np.zeros(train_NF.shape[1])
    median_F[known_F] = np.nanmedian(train_NF[:, known_F], axis=0)
    return np.where(np.isnan(x_NF), median_F, x_NF)
