"""Baselines of a sequence classifier: GC content, k-mer models and a positional model.

They are tuned on training rows only. Settings are chosen by the mean AUROC of cross-validation; the
rows of a leak group (rows that share sequence) are in one fold, and each fold holds an equal share
of both classes. The chosen model is then fitted to all training rows. Test rows are only scored.

A weak baseline makes the model beside it look better than it is, so each of these is tuned as far
as it goes in seconds. Cross-validated AUROC on the 3,086 training rows of 70 bp human core
promoters (report of `genojax demo`):

    GC content                                                             0.710
    one-hot, logistic regression                                           0.787
    square roots of k-mer counts at unit length, logistic regression       0.869
    Gaussian kernel over the blended spectrum (k-mers of 1 to k), SVM      0.878

Labels are 0 or 1; sequences are read on the strand they are stored on.

scikit-learn is imported where it is called: a third of the import of all of genojax is its own.
"""

import dataclasses
import time
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import threadpoolctl
from scipy import sparse

from genojax import dna, metrics

# On matrices this small, and a busy machine, several threads of BLAS took three times as long.
_one_thread = threadpoolctl.threadpool_limits.wrap(limits=1)

FOLDS = 5
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
        scores: of the test rows, [N]; higher means class 1 is more likely.
        settings: the chosen ones.
        cv_auroc: of the chosen settings, one per fold of the training rows.
        tried: every setting with its mean AUROC.
        seconds: for tuning, fitting and scoring.
    """

    name: str
    scores: np.ndarray
    settings: dict
    cv_auroc: tuple[float, ...]
    tried: tuple[dict, ...]
    seconds: float

    def summary(self) -> dict:
        """Everything but the scores, as JSON."""
        return {
            'settings': self.settings,
            'cv_auroc': float(np.mean(self.cv_auroc)),
            'cv_auroc_folds': list(self.cv_auroc),
            'tried': list(self.tried),
            'seconds': round(self.seconds, 3),
        }


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
        labels: 0 or 1 for each training row.
        groups: leak group of each training row; None if no two rows share sequence.
        seed: of the folds; nothing else is random.
    """
    functions = [gc_only, kmer_logistic, kmer_svm]
    if len({len(row) for part in (train, test) for row in part}) == 1:
        functions.append(one_hot_logistic)
    fitted = (function(train, labels, test, groups, seed) for function in functions)
    return {baseline.name: baseline for baseline in fitted}


def gc_only(train, labels, test, groups=None, seed=0) -> ClassifierBaseline:
    """The share of G and C among known bases, with the sign that fits the training rows."""
    started = time.perf_counter()
    labels_N, folds = _folds(train, labels, groups, seed)
    gc_N, test_gc = _gc(train), _gc(test)
    sign_N = [1.0 if metrics.auroc(labels_N[fit], gc_N[fit]) >= 0.5 else -1.0 for fit, _ in folds]
    scores = tuple(
        metrics.auroc(labels_N[scored], sign * gc_N[scored])
        for sign, (_, scored) in zip(sign_N, folds, strict=True)
    )
    sign = 1.0 if metrics.auroc(labels_N, gc_N) >= 0.5 else -1.0
    settings = {'direction': 'more GC is 1' if sign > 0 else 'less GC is 1'}
    tried = ({**settings, 'auroc': float(np.mean(scores))},)
    return ClassifierBaseline(
        'gc_only',
        scores=sign * test_gc,
        settings=settings,
        cv_auroc=scores,
        tried=tried,
        seconds=time.perf_counter() - started,
    )


@_one_thread
def kmer_logistic(train, labels, test, groups=None, seed=0) -> ClassifierBaseline:
    """Logistic regression with an L2 penalty on k-mer counts (square roots, unit length).

    Tuned: k in 3 to 6, C, and whether shorter k-mers are features too ('1..k').
    """
    started = time.perf_counter()
    labels_N, folds = _folds(train, labels, groups, seed)
    tried, best = [], None
    for k in K_GRID:
        for shortest in (1, k):
            counts = _kmer_features(train, shortest, k)
            for penalty in _LOGISTIC_C:
                settings = {'k': k, 'kmers': f'{shortest}..{k}' if shortest < k else str(k)}
                settings |= {'C': penalty}
                scores = _cross_validate(_logistic(penalty), counts, labels_N, folds)
                best = _better(best, settings, scores, tried, shortest)
    settings, scores, shortest = best
    model = _logistic(settings['C'])().fit(_kmer_features(train, shortest, settings['k']), labels_N)
    test_scores = model.decision_function(_kmer_features(test, shortest, settings['k']))
    return ClassifierBaseline(
        'kmer_logistic',
        scores=test_scores,
        settings=settings,
        cv_auroc=scores,
        tried=tuple(tried),
        seconds=time.perf_counter() - started,
    )


@_one_thread
def kmer_svm(train, labels, test, groups=None, seed=0) -> ClassifierBaseline:
    """A support vector machine with a Gaussian kernel over all k-mers of 1 to k bases.

    The kernel is exp(-width * |x - y|^2) of square roots of counts at unit length (the blended
    spectrum). To stay within seconds k, the width and C are tuned one after the other. With more
    than 6,000 training rows it is a linear SVM on the same counts, since the kernel matrix grows
    with the square of the rows; `settings['kernel']` names the kernel.
    """
    started = time.perf_counter()
    labels_N, folds = _folds(train, labels, groups, seed)
    if labels_N.size <= _KERNEL_ROWS:
        settings, scores, tried, squares_NN = _search_kernel(train, labels_N, folds)
        model = _support(settings['C']).fit(np.exp(-settings['width'] * squares_NN), labels_N)
        *_, (_, squares_test) = _spectrum_distances(test, train, settings['k'])
        test_scores = model.decision_function(np.exp(-settings['width'] * squares_test))
    else:
        settings, scores, tried = _search_linear(train, labels_N, folds)
        model = _linear_support(settings['C'])().fit(
            _kmer_features(train, 1, settings['k']), labels_N
        )
        test_scores = model.decision_function(_kmer_features(test, 1, settings['k']))
    return ClassifierBaseline(
        'kmer_svm',
        scores=test_scores,
        settings=settings,
        cv_auroc=scores,
        tried=tuple(tried),
        seconds=time.perf_counter() - started,
    )


@_one_thread
def one_hot_logistic(train, labels, test, groups=None, seed=0) -> ClassifierBaseline:
    """Logistic regression on the base at each position, for signals at a fixed position.

    Raises:
        ValueError: the sequences have more than one length.
    """
    started = time.perf_counter()
    lengths = {len(row) for part in (train, test) for row in part}
    if len(lengths) != 1:
        raise ValueError(
            f'one_hot_logistic needs sequences of one length, not {sorted(lengths)[:5]}'
        )
    labels_N, folds = _folds(train, labels, groups, seed)
    hot_NF, hot_test = (
        sparse.csr_matrix(dna.one_hot(_padded(part)).reshape(len(part), -1), dtype=np.float64)
        for part in (train, test)
    )
    tried, best = [], None
    for penalty in _POSITIONAL_C:
        scores = _cross_validate(_logistic(penalty), hot_NF, labels_N, folds)
        best = _better(best, {'C': penalty}, scores, tried)
    settings, scores, _ = best
    test_scores = _logistic(settings['C'])().fit(hot_NF, labels_N).decision_function(hot_test)
    return ClassifierBaseline(
        'one_hot_logistic',
        scores=test_scores,
        settings=settings,
        cv_auroc=scores,
        tried=tuple(tried),
        seconds=time.perf_counter() - started,
    )


def grouped_folds(
    labels: np.ndarray, groups: np.ndarray | None, folds: int = FOLDS, seed: int = 0
) -> np.ndarray:
    """Fold of each row, int [N]: groups stay whole, and folds have equal shares of both classes.

    Groups are assigned from the largest to the smallest, ties in random order, each to the fold
    with the fewest rows of its classes.

    Raises:
        ValueError: there are too few groups for both classes in every fold.
    """
    labels_N = np.asarray(labels).astype(int)
    groups = np.arange(labels_N.size) if groups is None else np.asarray(groups)
    if groups.shape != labels_N.shape:
        raise ValueError(f'{groups.shape=} and {labels_N.shape=} differ')
    _, group_N = np.unique(groups, return_inverse=True)
    rows_G2 = np.zeros((group_N.max() + 1, 2))
    np.add.at(rows_G2, (group_N, labels_N), 1)
    order = np.random.default_rng(seed).permutation(len(rows_G2))
    order = order[np.argsort(-rows_G2[order].sum(1), kind='stable')]
    fold_rows, fold_G = np.zeros((folds, 2)), np.zeros(len(rows_G2), int)
    for group in order:
        fold_G[group] = np.argmin(fold_rows @ rows_G2[group])
        fold_rows[fold_G[group]] += rows_G2[group]
    if not fold_rows.all():
        raise ValueError(
            f'{len(rows_G2)} leak groups cannot fill {folds} folds with both classes; '
            f'rows per fold and class: {fold_rows.astype(int).tolist()}'
        )
    return fold_G[group_N]


def _folds(rows, labels, groups, seed) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    labels_N = np.asarray(labels)
    if labels_N.shape != (len(rows),) or not np.isin(labels_N, (0, 1)).all():
        raise ValueError(f'labels must be {len(rows)} of 0 or 1')
    fold_N = grouped_folds(labels_N, groups, FOLDS, seed)
    pairs = [(np.flatnonzero(fold_N != f), np.flatnonzero(fold_N == f)) for f in range(FOLDS)]
    return labels_N.astype(int), pairs


def _search_kernel(train, labels_N, folds):
    def score(squares_NN, settings):
        kernel = np.exp(-settings['width'] * squares_NN)
        scores = []
        for fit, scored in folds:
            model = _support(settings['C']).fit(kernel[np.ix_(fit, fit)], labels_N[fit])
            decisions = model.decision_function(kernel[np.ix_(scored, fit)])
            scores.append(metrics.auroc(labels_N[scored], decisions))
        return tuple(scores)

    tried, best = [], None
    for k, squares_NN in _spectrum_distances(train, train, max(K_GRID)):
        if k not in K_GRID:
            continue
        settings = {'kernel': 'gaussian', 'k': k, 'kmers': f'1..{k}', 'C': 1.0, 'width': 2.0}
        best = _better(best, settings, score(squares_NN, settings), tried, squares_NN)
    squares_NN = best[2]
    for name, values in (('width', _SVM_WIDTH), ('C', _SVM_C)):
        middle = best[0]
        for value in values:
            if value != middle[name]:
                settings = {**middle, name: value}
                best = _better(best, settings, score(squares_NN, settings), tried)
    return best[0], best[1], tried, squares_NN


def _search_linear(train, labels_N, folds):
    tried, best = [], None
    for k in K_GRID:
        counts = _kmer_features(train, 1, k)
        for penalty in _SVM_C:
            settings = {'kernel': 'linear', 'k': k, 'kmers': f'1..{k}', 'C': penalty}
            scores = _cross_validate(_linear_support(penalty), counts, labels_N, folds)
            best = _better(best, settings, scores, tried)
    return best[0], best[1], tried


def _cross_validate(make: Callable, features, labels_N, folds) -> tuple[float, ...]:
    return tuple(
        metrics.auroc(
            labels_N[scored],
            make().fit(features[fit], labels_N[fit]).decision_function(features[scored]),
        )
        for fit, scored in folds
    )


def _better(best, settings: dict, scores: tuple[float, ...], tried: list, extra=None):
    """The better of `best` and these settings, at a tie `best`; adds the settings to `tried`."""
    tried.append({**settings, 'auroc': float(np.mean(scores))})
    if best is None or np.mean(scores) > np.mean(best[1]):
        return settings, scores, extra
    return best


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

    def fit(self, features, labels):
        from sklearn import exceptions

        with warnings.catch_warnings():
            warnings.simplefilter('error', exceptions.ConvergenceWarning)
            self.model.fit(features, labels)
        return self

    def decision_function(self, features) -> np.ndarray:
        return self.model.decision_function(features)


def _kmer_features(rows, shortest: int, longest: int) -> sparse.csr_matrix:
    """Square roots of k-mer counts, k = shortest .. longest: unit length, equal shares per k."""
    codes_NL = _padded(rows)
    parts = []
    for k in range(shortest, longest + 1):
        index = dna.kmer_indices(codes_NL, k)
        row, _ = np.nonzero(index >= 0)
        ones = np.ones(row.size)
        counts = sparse.csr_matrix((ones, (row, index[index >= 0])), (len(codes_NL), 4**k))
        counts.sum_duplicates()
        # The distance of two rows is then the Hellinger distance of their k-mer spectra.
        squared = np.asarray(counts.sum(1)).ravel()
        scale = sparse.diags(1 / np.sqrt(np.maximum(squared, 1) * (longest - shortest + 1)))
        parts.append(scale @ counts.sqrt())
    return sparse.hstack(parts, format='csr')


def _spectrum_distances(a, b, longest: int) -> Iterator[tuple[int, np.ndarray]]:
    """For k = 1 .. longest: k, and squared distances of the rows' spectra of 1 to k bases.

    Distances are float64, one row per row of `a` and one column per row of `b`.
    """
    product, norm_a, norm_b = 0.0, 0.0, 0.0
    for k in range(1, longest + 1):
        part_a, part_b = _kmer_features(a, k, k), _kmer_features(b, k, k)
        # Up to 256 columns are mostly filled, and a dense product is ten times faster.
        if k <= 4:
            product = product + part_a.toarray() @ part_b.toarray().T
        else:
            product = product + (part_a @ part_b.T).toarray()
        norm_a, norm_b = (
            norm + np.asarray(part.multiply(part).sum(1)).ravel()
            for norm, part in ((norm_a, part_a), (norm_b, part_b))
        )
        yield k, np.maximum(norm_a[:, None] + norm_b - 2 * product, 0) / k


def _gc(rows) -> np.ndarray:
    codes_NL = _padded(rows)
    known = (codes_NL < dna.UNKNOWN).sum(1)
    if not known.all():
        raise ValueError(f'sequence {int(np.argmin(known)) + 1} has no known base')
    return ((codes_NL == 1) | (codes_NL == 2)).sum(1) / known


def _padded(rows) -> np.ndarray:
    """Base codes [N, L], shorter rows padded with unknown bases, which are in no k-mer."""
    if isinstance(rows, np.ndarray) and rows.ndim == 2:
        return rows.astype(np.uint8)
    codes_NL = np.full((len(rows), max(map(len, rows))), dna.UNKNOWN, np.uint8)
    for target, row in zip(codes_NL, rows, strict=True):
        target[: len(row)] = row
    return codes_NL
