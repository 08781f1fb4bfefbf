"""Baselines of a sequence classifier: GC content, k-mer models and a positional model.

They are tuned on training rows only. Settings are chosen by the mean AUROC of cross-validation; the
rows of a leak group (rows that share sequence) are in one fold, and each fold holds an equal share
of every class. The chosen model is then fitted to all training rows. Test rows are only scored.

A weak baseline makes the model beside it look better than it is, so each of these is tuned as far
as it goes in seconds. Cross-validated AUROC on the 3,086 training rows of 70 bp human core
promoters (report of `genojax demo`):

    GC content                                                             0.710
    one-hot, logistic regression                                           0.787
    square roots of k-mer counts at unit length, logistic regression       0.869
    Gaussian kernel over the blended spectrum (k-mers of 1 to k), SVM      0.878

With more than two classes the AUROC is the mean of each class against all others.

Labels are numbers of classes; sequences are read on the strand they are stored on.

scikit-learn is imported where it is called: its import is a third of that of all of genojax, and
most runs fit no baseline.
"""

import dataclasses
import functools
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from genojax import metrics, progress
from genojax.tasks.labelled import features, tuning

K_GRID = (3, 4, 5, 6)
_LOGISTIC_C = (1.0, 5.0, 25.0)
_POSITIONAL_C = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_SVM_C = (0.3, 1.0, 3.0)
_SVM_WIDTH = (1.0, 2.0, 4.0, 8.0)
# A kernel matrix of 6,000 rows is 288 MB and a fit takes 2 s; beyond that the SVM is linear.
_KERNEL_ROWS = 6_000


@dataclasses.dataclass(frozen=True)
class ClassifierBaseline:
    """A tuned baseline.

    Attributes:
        scores: of the test rows: [N], higher means class 1 of two is more likely; or [N, C].
        decisions: the class of every test row, int [N].
        settings: the chosen ones.
        cv_auroc: of the chosen settings, one per fold of the training rows.
        tried: every setting with its mean AUROC.
        seconds: for tuning, fitting and scoring.
    """

    name: str
    scores: np.ndarray
    decisions: np.ndarray
    settings: dict
    cv_auroc: tuple[float, ...]
    tried: tuple[dict, ...]
    seconds: float

    def summary(self) -> dict:
        """Everything but the scores and decisions, as JSON."""
        return {
            'settings': self.settings,
            'cv_auroc': float(np.mean(self.cv_auroc)),
            'cv_auroc_folds': list(self.cv_auroc),
            'tried': list(self.tried),
            'seconds': round(self.seconds, 3),
        }


@dataclasses.dataclass(frozen=True)
class _TrainingRows:
    """Training rows with their classes, and (rows to fit, rows to score) of every fold."""

    rows: Sequence[np.ndarray] | np.ndarray
    label_N: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray]]

    @property
    def classes(self) -> int:
        return int(self.label_N.max()) + 1


def fit_all(
    train: Sequence[np.ndarray] | np.ndarray,
    labels: np.ndarray,
    test: Sequence[np.ndarray] | np.ndarray,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, ClassifierBaseline]:
    """Every baseline by name; the positional one only if all sequences have one length.

    Args:
        train, test: base codes, [N, L] (4 = unknown or padding) or a list of [L_i].
        labels: number of the class of each training row.
        groups: leak group of each training row; None if no two rows share sequence.
        seed: of the folds; nothing else is random.

    Raises:
        ValueError: a class has too few rows or leak groups for two folds.
    """
    functions = [gc_only, kmer_logistic, kmer_svm]
    if np.max(labels) > 1:
        functions.insert(0, majority)
    if features.of_one_length(train, test):
        functions.append(one_hot_logistic)
    fitted = (function(train, labels, test, groups, seed) for function in functions)
    return {baseline.name: baseline for baseline in fitted}


def _baseline(fit: Callable) -> Callable:
    """A function of training and test rows as a baseline: with folds, timed, on one thread.

    `fit(training, test)` returns scores and decisions of the test rows, and the search.
    """

    @functools.wraps(fit)
    @tuning.one_thread
    def run(train, labels, test, groups=None, seed=0) -> ClassifierBaseline:
        started = time.perf_counter()
        labels_N = np.asarray(labels)
        if labels_N.shape != (len(train),) or not np.issubdtype(labels_N.dtype, np.integer):
            raise ValueError(f'labels must be {len(train)} numbers of classes')
        if len(np.unique(labels_N)) != labels_N.max() + 1 or labels_N.min() or not labels_N.max():
            raise ValueError('labels must be 0, 1 and so on, each with a row')
        folds = tuning.pairs(tuning.folds_of_classes(labels_N, groups, seed))
        training = _TrainingRows(train, labels_N.astype(int), folds)
        with progress.stage(f'fitting {fit.__name__}'):
            scores, decisions, search = fit(training, test)
        return ClassifierBaseline(
            fit.__name__,
            scores=scores,
            decisions=np.asarray(decisions, np.int64),
            settings=search.settings,
            cv_auroc=search.scores,
            tried=tuple(search.tried),
            seconds=time.perf_counter() - started,
        )

    return run


def _area(labels_N: np.ndarray, scores: np.ndarray) -> float:
    """AUROC of two classes, or the mean over more classes of each against all others."""
    return (metrics.auroc if np.ndim(scores) == 1 else metrics.macro_auroc)(labels_N, scores)


@_baseline
def majority(training: _TrainingRows, test):
    """The most frequent class of the training rows, always."""
    share_C = np.bincount(training.label_N) / len(training.label_N)
    search = tuning.Search('auroc')
    search.add({'class': int(share_C.argmax())}, (0.5,) * len(training.folds))
    return np.tile(share_C, (len(test), 1)), np.full(len(test), share_C.argmax()), search


@_baseline
def gc_only(training: _TrainingRows, test):
    """The share of G and C among known bases, with the sign that fits the training rows.

    With more than two classes: a logistic regression on that share and its square.
    """
    search = tuning.Search('auroc')
    gc_N, test_gc, label_N = features.gc(training.rows), features.gc(test), training.label_N
    if training.classes > 2:
        columns, test_columns = (np.stack([x, x**2], axis=1) for x in (gc_N, test_gc))
        model = _logistic(1e3)
        search.add({'C': 1e3}, _cross_validate(model, columns, training))
        fitted = model().fit(columns, label_N)
        return fitted.decision_function(test_columns), fitted.predict(test_columns), search

    def sign_of(rows) -> float:
        return 1.0 if metrics.auroc(label_N[rows], gc_N[rows]) >= 0.5 else -1.0

    scores = tuple(
        metrics.auroc(label_N[scored], sign_of(fit) * gc_N[scored])
        for fit, scored in training.folds
    )
    sign = sign_of(np.arange(len(label_N)))
    search.add({'direction': 'more GC is 1' if sign > 0 else 'less GC is 1'}, scores)
    threshold = _threshold(label_N, sign * gc_N)
    return sign * test_gc, sign * test_gc >= threshold, search


def _threshold(label_N: np.ndarray, score_N: np.ndarray) -> float:
    """The score from which on rows are called 1, with the largest mean recall of both classes."""
    candidates = np.unique(score_N)
    above = np.array([score_N >= candidate for candidate in candidates])
    recall = (above & (label_N == 1)).sum(1) / (label_N == 1).sum()
    false = (above & (label_N == 0)).sum(1) / (label_N == 0).sum()
    return float(candidates[np.argmax(recall - false)])


@_baseline
def kmer_logistic(training: _TrainingRows, test):
    """Logistic regression with an L2 penalty on k-mer counts (square roots, unit length).

    Tuned: k in 3 to 6, C, and (for two classes) whether shorter k-mers are features too ('1..k').
    """
    search = tuning.Search('auroc')
    for k in K_GRID:
        for shortest in (1, k) if training.classes == 2 else (1,):
            counts = features.kmer(training.rows, shortest, k)
            for penalty in _LOGISTIC_C:
                settings = {'k': k, 'kmers': f'{shortest}..{k}' if shortest < k else str(k)}
                settings |= {'C': penalty}
                scores = _cross_validate(_logistic(penalty), counts, training)
                search.add(settings, scores, shortest)
    k, shortest = search.settings['k'], search.extra
    model = _logistic(search.settings['C'])()
    model.fit(features.kmer(training.rows, shortest, k), training.label_N)
    counts = features.kmer(test, shortest, k)
    return model.decision_function(counts), model.predict(counts), search


@_baseline
def kmer_svm(training: _TrainingRows, test):
    """A support vector machine with a Gaussian kernel over all k-mers of 1 to k bases.

    The kernel is exp(-width * |x - y|^2) of square roots of counts at unit length (the blended
    spectrum). To stay within seconds k, the width and C are tuned one after the other. With more
    than 6,000 training rows it is a linear SVM on the same counts, since the kernel matrix grows
    with the square of the rows; `settings['kernel']` names the kernel.
    """
    if training.label_N.size <= _KERNEL_ROWS:
        search, squares_NN = _search_kernel(training)
        width = search.settings['width']
        model = _support(search.settings['C'])
        model.fit(np.exp(-width * squares_NN), training.label_N)
        k = search.settings['k']
        *_, (_, squares_test) = features.spectrum_distances(test, training.rows, k)
        columns = np.exp(-width * squares_test)
    else:
        search = _search_linear(training)
        model = _linear_support(search.settings['C'])()
        model.fit(features.kmer(training.rows, 1, search.settings['k']), training.label_N)
        columns = features.kmer(test, 1, search.settings['k'])
    return model.decision_function(columns), model.predict(columns), search


@_baseline
def one_hot_logistic(training: _TrainingRows, test):
    """Logistic regression on the base at each position, for signals at a fixed position.

    Raises:
        ValueError: the sequences have more than one length.
    """
    if not features.of_one_length(training.rows, test):
        lengths = sorted({len(row) for part in (training.rows, test) for row in part})
        raise ValueError(f'one_hot_logistic needs sequences of one length, not {lengths[:5]}')
    hot_NF, hot_test = features.one_hot(training.rows), features.one_hot(test)
    search = tuning.Search('auroc')
    for penalty in _POSITIONAL_C:
        scores = _cross_validate(_logistic(penalty), hot_NF, training)
        search.add({'C': penalty}, scores)
    model = _logistic(search.settings['C'])().fit(hot_NF, training.label_N)
    return model.decision_function(hot_test), model.predict(hot_test), search


def _search_kernel(training: _TrainingRows) -> tuple[tuning.Search, np.ndarray]:
    """The search, and the squared distances of the training rows for the chosen k."""
    label_N = training.label_N

    def score(squares_NN, settings):
        kernel = np.exp(-settings['width'] * squares_NN)
        scores = []
        for fit, scored in training.folds:
            model = _support(settings['C']).fit(kernel[np.ix_(fit, fit)], label_N[fit])
            decisions = model.decision_function(kernel[np.ix_(scored, fit)])
            scores.append(_area(label_N[scored], decisions))
        return tuple(scores)

    search = tuning.Search('auroc')
    for k, squares_NN in features.spectrum_distances(training.rows, training.rows, max(K_GRID)):
        if k not in K_GRID:
            continue
        settings = {'kernel': 'gaussian', 'k': k, 'kmers': f'1..{k}', 'C': 1.0, 'width': 2.0}
        search.add(settings, score(squares_NN, settings), squares_NN)
    squares_NN = search.extra
    for name, values in (('width', _SVM_WIDTH), ('C', _SVM_C)):
        middle = search.settings
        for value in values:
            if value != middle[name]:
                settings = {**middle, name: value}
                search.add(settings, score(squares_NN, settings))
    return search, squares_NN


def _search_linear(training: _TrainingRows) -> tuning.Search:
    search = tuning.Search('auroc')
    for k in K_GRID:
        counts = features.kmer(training.rows, 1, k)
        for penalty in _SVM_C:
            settings = {'kernel': 'linear', 'k': k, 'kmers': f'1..{k}', 'C': penalty}
            search.add(settings, _cross_validate(_linear_support(penalty), counts, training))
    return search


def _cross_validate(make: Callable, columns, training: _TrainingRows) -> tuple[float, ...]:
    label_N = training.label_N
    return tuple(
        _area(
            label_N[scored],
            make().fit(columns[fit], label_N[fit]).decision_function(columns[scored]),
        )
        for fit, scored in training.folds
    )


def _logistic(penalty: float) -> Callable:
    from sklearn import linear_model

    return lambda: _Converged(linear_model.LogisticRegression(C=penalty, max_iter=2_000, tol=1e-4))


def _support(penalty: float):
    from sklearn import svm

    return svm.SVC(C=penalty, kernel='precomputed', tol=1e-2, cache_size=300)


def _linear_support(penalty: float) -> Callable:
    from sklearn import svm

    return lambda: _Converged(svm.LinearSVC(C=penalty, dual=True, max_iter=20_000, random_state=0))


class _Converged:
    """A scikit-learn model whose `fit` raises, instead of warns, if it does not converge."""

    def __init__(self, model):
        self.model = model

    def fit(self, columns, labels):
        from sklearn import exceptions

        with warnings.catch_warnings():
            warnings.simplefilter('error', exceptions.ConvergenceWarning)
            self.model.fit(columns, labels)
        return self

    def decision_function(self, columns) -> np.ndarray:
        return self.model.decision_function(columns)

    def predict(self, columns) -> np.ndarray:
        return self.model.predict(columns)
