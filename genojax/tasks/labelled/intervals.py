"""Intervals of scores on rows that are not independent, defined also where a class is rare."""

from typing import Any

import numpy as np

from genojax import metrics

FEW_GROUPS = 20  # groups below which an interval is flagged
# Below either, a part of the test rows has no score: three rows give any correlation.
MIN_ROWS = 20
MIN_GROUPS = 5


class Intervals:
    """Bootstrap intervals over groups of rows; everything unusual is in `notes`.

    Where resamples lack a class, groups with the same classes are resampled among themselves
    ('stratified'); where that does not help, there is no interval ('no interval'). An undefined
    score is None.

    Args:
        truth: labels of the rows, [N].
        groups: of every row (of related rows, sites); rows of a group are drawn together.
        strata: classes of the rows, [N]; None where rows have none.
    """

    def __init__(
        self, truth: np.ndarray, groups: np.ndarray, strata: np.ndarray | None, seed: int = 0
    ):
        self.truth, self.strata = truth, strata
        self.groups, self.seed = groups, seed
        self._options = {'seed': seed, 'stratified': False, 'clusters': groups}
        self.notes: dict[str, list[str]] = {}
        self._groups = count = len(np.unique(groups))
        if count < FEW_GROUPS:
            ending = '' if count == 1 else 's'
            self.notes['few groups'] = [f'only {count} group{ending} of rows to resample']

    def of(self, name: str, metric, scores) -> list[float] | list[float | None] | None:
        """[value, low, high] of a score; [value, None, None] without an interval.

        Args:
            name: of the score, for the notes.
        """
        return self._estimate(name, metrics.bootstrap_interval, metric, (scores,))

    def difference(self, name: str, metric, scores, others) -> list | None:
        """[value, low, high] of a paired difference; None where a score is undefined."""
        return self._estimate(name, metrics.paired_difference, metric, (scores, others))

    def _estimate(self, name: str, function, metric, scores):
        values = [metric(self.truth, part) for part in scores]
        if np.isnan(values).any():
            self._note('undefined', name)
            return None
        alike = self.strata is not None and len(np.unique(self.strata)) < 2
        if alike or self._groups < 2:  # every resample would be the rows themselves
            self._note('no interval', name)
            return [float(values[0] - sum(values[1:])), None, None]
        for note, strata in ((None, None), ('stratified', self.strata)):
            if note and strata is None:
                break
            try:
                result = function(
                    metric, self.truth, *scores, cluster_strata=strata, **self._options
                )
            except metrics.UndefinedScoreError:
                continue
            if note:
                self._note(note, name)
            return list(result)
        self._note('no interval', name)
        return [float(values[0] - sum(values[1:])), None, None]

    def _note(self, kind: str, name: str) -> None:
        names = self.notes.setdefault(kind, [])
        if name not in names:
            names.append(name)


def rows_left(groups: np.ndarray) -> dict[str, Any]:
    """Counts of the rows that are left of a split, as JSON; `no_score` says that they are too few.

    Args:
        groups: group of every row that is left.
    """
    left: dict[str, Any] = {'n_test': len(groups), 'test_groups': len(np.unique(groups))}
    if left['n_test'] < MIN_ROWS or left['test_groups'] < MIN_GROUPS:
        left['no_score'] = f'too few rows are left for a score: {left_text(left)}'
    return left


def over(scores: dict[str, Any], audit: dict[str, Any] | None, split: str) -> str:
    """What was resampled: `95 % intervals over 97 groups of related rows (150 test rows)`.

    Args:
        scores: with the counts `test_groups` and `n_test`.
        audit: of the datasets; those of earlier versions do not say what the groups are.
    """
    units = ((audit or {}).get('split') or {}).get('units', 'groups of rows')
    rows = f' ({scores["n_test"]:,} {split} rows)' if 'n_test' in scores else ''
    return f'{metrics.intervals_over(scores.get("test_groups"), units)}{rows}'


def no_score_text(left: dict[str, Any]) -> str:
    """Why rows that are left have no score; results of earlier versions do not say it."""
    return f'Without them {left.get("no_score", "too few rows are left for a score")}.'


def left_text(left: dict[str, Any]) -> str:
    """`3 rows in 2 groups`, of the counts of `rows_left`."""
    rows, groups = left['n_test'], left['test_groups']
    return f'{rows:,} row{"s" * (rows != 1)} in {groups:,} group{"s" * (groups != 1)}'


def notes_text(notes: dict[str, list[str]]) -> list[str]:
    """Sentences for the notes of intervals."""
    words = {
        'stratified': 'Classes are rare: intervals are of resamples within classes for',
        'no interval': 'Too few rows or groups for an interval of',
        'undefined': 'Undefined (constant scores or decisions):',
        'few groups': 'Intervals are rough:',
    }
    return [f'{words[kind]} {", ".join(names)}.' for kind, names in notes.items()]
