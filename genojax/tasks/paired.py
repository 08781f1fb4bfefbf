"""Two runs on the same rows of a split: their scores, and the paired difference.

The errors of two models on the same rows are correlated, so two intervals that overlap do not say
that the models are alike. Here both are scored on the same resamples of the same rows.
"""

import abc
import collections
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from genojax import errors, metrics

Scores = dict[str, np.ndarray]


class PairedSplit(abc.ABC):
    """The rows of a split of a run, and how its scores are compared with those of another run.

    Args:
        task, datasets: of the run.
        limit: largest number of rows; None for all.

    Attributes:
        unit: what a row is.
        resampled: what intervals are over.
        lower_is_better: of all its scores.
        same: what makes two runs have the same rows, for the fix of an error.
        inputs, labels: of every row; rows of two runs are the same where both are equal.
        settings: what the scores depend on besides, which two runs must have in common.
    """

    unit = 'rows'
    resampled = 'groups of rows'
    lower_is_better = False
    same: str
    inputs: list[bytes]
    labels: list[bytes]
    settings: Mapping[str, str]

    @abc.abstractmethod
    def __init__(self, task, datasets, split: str, limit: int | None = None):
        pass

    @abc.abstractmethod
    def scores(self, state) -> Scores:
        """What `parts` needs of every row, by a `tasks.trained.TrainedState`: arrays [N, ...]."""

    @abc.abstractmethod
    def parts(self, scores: Scores, others: Scores) -> dict[str, dict[str, Any]]:
        """Estimates of the runs, as JSON, by part of the rows; '' is all.

        Of each part `scores` by title: {'run', 'against', 'difference': [value, low, high]}; `n`,
        `groups` (None if rows are resampled alone) and `notes`, sentences.

        Args:
            others: of the other run, in the same order of rows.
        """


def digest(values: np.ndarray) -> bytes:
    """A hash of an array, for `PairedSplit.inputs` and `labels`."""
    described = f'{values.dtype.str}{values.shape}'.encode()
    return hashlib.sha256(described + np.ascontiguousarray(values).tobytes()).digest()


def estimates(row: Mapping[str, Any]) -> dict[str, Any]:
    """A score of two runs, as `PairedSplit.parts` has it.

    Args:
        row: {'run', 'against', 'minus': {'against'}}, as evaluations compare models.
    """
    return {'run': row['run'], 'against': row['against'], 'difference': row['minus']['against']}


def order(split: PairedSplit, other: PairedSplit) -> np.ndarray:
    """The numbers of the other run's rows in the order of this run's.

    Raises:
        UsageError: the rows, their labels or what is scored differ.
    """
    for name, value in split.settings.items():
        if other.settings.get(name) != value:
            _refuse(split, f'{name}: {value} here, {other.settings.get(name)} there')
    for what in ('inputs', 'labels'):
        rows, others = (
            list(zip(one.inputs, one.labels, strict=True)) if what == 'labels' else one.inputs
            for one in (split, other)
        )
        here, there = collections.Counter(rows), collections.Counter(others)
        lost, more = (here - there).total(), (there - here).total()
        if what == 'inputs' and (lost or more):
            _refuse(
                split,
                f'{lost:,} of {len(rows):,} {split.unit} are not among those of the other run, '
                f'and {more:,} of its {len(others):,} not among these',
            )
        if lost:
            _refuse(split, f'{lost:,} of {len(rows):,} {split.unit} have another label there')
    ranked, ranked_others = (sorted(range(len(x)), key=x.__getitem__) for x in (rows, others))
    result = np.empty(len(rows), np.int64)
    result[ranked] = ranked_others
    return result


def _refuse(split: PairedSplit, problem: str) -> None:
    raise errors.UsageError(
        f'the runs are not scored on the same {split.unit}: {problem}. Fix: compare runs that '
        f'have in common {split.same}'
    )


def as_text(result: Mapping[str, Any]) -> str:
    """A comparison as a table per part, and what its intervals mean."""
    names = result['run']['name'], result['against']['name']
    better = 'below' if result['lower_is_better'] else 'above'
    lines = []
    for name, part in result['parts'].items():
        groups = '' if part['groups'] is None else f', {part["groups"]:,} {result["resampled"]}'
        title = f'{name}: ' if name else ''
        lines.append(f'{title}{part["n"]:,} {result["split"]} {result["unit"]}{groups}')
        rows = [['', *names, 'difference']]
        for score, row in part['scores'].items():
            cells = [row[key] for key in ('run', 'against', 'difference')]
            rows.append([score, *map(metrics.format_interval, cells)])
        lines += [*metrics.text_table(rows), *part['notes'], '']
    return '\n'.join(
        [
            *lines,
            f'difference: {names[0]} minus {names[1]} on the same {result["unit"]}, {better} 0: '
            f'{names[0]} is better; not settled where the interval holds 0',
            f'{metrics.intervals_over(None, result["resampled"])}, the same resamples for both; '
            'they say nothing of other seeds of the training',
        ]
    )
