"""Labelled rows of a split as two runs are compared on them."""

import abc
from typing import Any

import numpy as np

from genojax import errors
from genojax.tasks import paired
from genojax.tasks.labelled import intervals

WITHOUT_SHARED = 'without rows that share sequence with rows that were fitted'


class RowPairedSplit(paired.PairedSplit):
    """Rows of a table: their groups are resampled, as in the evaluation.

    Args:
        task, datasets: of a run.

    Raises:
        UsageError: a limit, as every row is scored.
    """

    same = 'the table, its split (or data.split_seed, test, keep_together) and data.trim'

    def __init__(self, task, datasets, split: str, limit: int | None):
        if limit is not None:
            raise errors.UsageError(
                f'task {task.name!r}: a limit does not apply to labelled rows, all rows of the '
                'split are scored. Fix: leave --limit out'
            )
        self.task, self.datasets, self.split = task, datasets, split
        self.rows = datasets.rows(split)
        self.truth = datasets.table.labels[self.rows]
        self.groups = datasets.row_split.groups[self.rows]
        self.inputs = [codes.tobytes() for codes in datasets.sequences(self.rows)]
        self.labels = [np.asarray(label).tobytes() for label in self.truth]
        self.resampled = datasets.row_split.report['units']
        self.settings = {'the labels': ', '.join(datasets.table.names)}

    @abc.abstractmethod
    def row_scores(self, state) -> np.ndarray:
        """Scores of the rows, [N] or [N, C]."""

    @abc.abstractmethod
    def columns(self, score_N: np.ndarray, other_N: np.ndarray) -> dict[str, tuple]:
        """(rows with a label, their truth, strata or None, [(title, metric, scores, others)]).

        By name of the value; '' where a row has one label.
        """

    def scores(self, state) -> paired.Scores:
        return {
            'scores': self.row_scores(state),
            'groups': self.groups,
            'shared': self.datasets.row_split.shared[self.rows],
        }

    def parts(self, scores, others) -> dict[str, dict[str, Any]]:
        shared_N, result = scores['shared'] | others['shared'], {}
        note = []
        if not _same_partition(scores['groups'], others['groups']):
            note = ['The runs have other groups of rows: those of the first are resampled.']
        for name, (known, truth_N, strata, entries) in self.columns(
            scores['scores'], others['scores']
        ).items():
            result[name] = self._part(known, truth_N, strata, entries, note)
            rest = known[~shared_N[known]]
            if len(rest) == len(known):
                continue
            title = f'{name}, {WITHOUT_SHARED}' if name else WITHOUT_SHARED
            left = intervals.rows_left(self.groups[rest])
            if strata is not None and len(np.unique(strata[rest])) < len(np.unique(strata)):
                left.setdefault('no_score', f'a class has no row: {intervals.left_text(left)}')
            result[title] = self._part(rest, truth_N, strata, entries, note)
            if 'no_score' in left:
                result[title] |= {'scores': {}, 'notes': [intervals.no_score_text(left)]}
        return result

    def _part(self, chosen, truth_N, strata, entries, note) -> dict[str, Any]:
        groups = self.groups[chosen]
        part: dict[str, Any] = {'n': len(chosen), 'groups': len(np.unique(groups)), 'scores': {}}
        if not len(chosen):
            return {**part, 'notes': note}
        truth_C = truth_N[chosen]
        estimator = intervals.Intervals(
            truth_C, groups, None if strata is None else strata[chosen], 0
        )
        for title, metric, x_N, y_N in entries:
            part['scores'][title] = {
                'run': estimator.of(title, metric, x_N[chosen]),
                'against': estimator.of(title, metric, y_N[chosen]),
                'difference': estimator.difference(title, metric, x_N[chosen], y_N[chosen]),
            }
        return {**part, 'notes': [*intervals.notes_text(estimator.notes), *note]}


def _same_partition(a_N: np.ndarray, b_N: np.ndarray) -> bool:
    """Whether two numberings put the same rows together."""
    pairs = set(zip(a_N.tolist(), b_N.tolist(), strict=True))
    return len(pairs) == len(np.unique(a_N)) == len(np.unique(b_N))
