"""Cross-validation of baselines: folds that keep leak groups whole, and the best setting so far."""

from typing import Any

import numpy as np
import threadpoolctl

# On matrices this small, and a busy machine, several threads of BLAS took three times as long.
one_thread = threadpoolctl.threadpool_limits.wrap(limits=1)

FOLDS = 5
_FEWER = (3, 2)  # folds, where a class has too few leak groups


class Search:
    """The best of the settings tried; at a tie the first one.

    Attributes:
        settings, scores, extra: of the best; `scores` are one per fold.
        tried: every setting with its mean score.
    """

    def __init__(self, score_name: str):
        self.score_name = score_name
        self.settings: dict[str, Any] = {}
        self.scores: tuple[float, ...] = ()
        self.extra: Any = None
        self.tried: list[dict] = []

    def add(self, settings: dict[str, Any], scores: tuple[float, ...], extra: Any = None) -> None:
        """Compares settings with the best so far; a score that is NaN is the worst."""
        mean = float(np.mean(scores))
        self.tried.append({**settings, self.score_name: mean})
        best = float(np.mean(self.scores)) if self.scores else np.nan
        if not self.settings or mean > best or (np.isnan(best) and not np.isnan(mean)):
            self.settings, self.scores, self.extra = settings, scores, extra


def pairs(fold_N: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(rows to fit, rows to score) of every fold."""
    return [
        (np.flatnonzero(fold_N != fold), np.flatnonzero(fold_N == fold))
        for fold in range(int(fold_N.max()) + 1)
    ]


def folds_of_classes(labels: np.ndarray, groups: np.ndarray | None, seed: int) -> np.ndarray:
    """`grouped_folds` of `FOLDS` folds, or of fewer where a class has too few groups.

    Raises:
        ValueError: two folds are too many.
    """
    for count in (FOLDS, *_FEWER[:-1]):
        try:
            return grouped_folds(labels, groups, count, seed)
        except ValueError:
            continue
    return grouped_folds(labels, groups, _FEWER[-1], seed)


def grouped_folds(
    labels: np.ndarray, groups: np.ndarray | None, folds: int = FOLDS, seed: int = 0
) -> np.ndarray:
    """Fold of each row, int [N]: groups stay whole, and folds have equal shares of every class.

    Groups are assigned from the largest to the smallest, ties in random order, each to the fold
    with the fewest rows of its classes.

    Raises:
        ValueError: there are too few groups for every class in every fold.
    """
    labels_N = np.asarray(labels).astype(int)
    groups = np.arange(labels_N.size) if groups is None else np.asarray(groups)
    if groups.shape != labels_N.shape:
        raise ValueError(f'{groups.shape=} and {labels_N.shape=} differ')
    _, group_N = np.unique(groups, return_inverse=True)
    rows_GC = np.zeros((group_N.max() + 1, labels_N.max() + 1))
    np.add.at(rows_GC, (group_N, labels_N), 1)
    order = np.random.default_rng(seed).permutation(len(rows_GC))
    order = order[np.argsort(-rows_GC[order].sum(1), kind='stable')]
    fold_rows, fold_G = np.zeros((folds, rows_GC.shape[1])), np.zeros(len(rows_GC), int)
    for group in order:
        fold_G[group] = np.argmin(fold_rows @ rows_GC[group])
        fold_rows[fold_G[group]] += rows_GC[group]
    if not fold_rows.all():
        raise ValueError(
            f'{len(rows_GC)} leak groups cannot fill {folds} folds with every class; '
            f'rows per fold and class: {fold_rows.astype(int).tolist()}'
        )
    return fold_G[group_N]
