"""The results of a sweep: `results.csv`, and tables with the spread over seeds.

A row of the CSV is one metric of one run. It holds nothing that depends on when or how often a run
was interrupted, but for the CPU seconds.
"""

import csv
import difflib
import fnmatch
import io
import math
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from genojax import config, errors, json_files
from genojax import experiment as experiments
from genojax.pipeline import evaluation
from genojax.pipeline.sweep import folder as folders
from genojax.pipeline.sweep import spec

FILE = 'results.csv'
_LEVEL = 0.95


class ResultRow(NamedTuple):
    """One metric of one run; `low` and `high` are None where the task gives no interval."""

    run: spec.SweepRun
    metric: str
    value: float
    low: float | None
    high: float | None
    step: int
    record: Mapping[str, Any]


def experiments_by_arm(runs: Sequence[spec.SweepRun]) -> dict[str, experiments.Experiment]:
    """One experiment per arm, in the order of the arms: that of its first seed."""
    first: dict[str, experiments.Experiment] = {}
    for run in runs:
        first.setdefault(run.arm, run.experiment)
    return first


def varying(runs: Sequence[spec.SweepRun]) -> list[str]:
    """The fields of the configs, apart from the seed, that are not the same in all arms."""
    first, *others = experiments_by_arm(runs).values()
    fields: dict[str, None] = {}
    for other in others:
        fields |= dict.fromkeys(config.changed(config.to_dict(first), config.to_dict(other)))
    return sorted(fields.keys() - {'seed'})


def collect(
    runs: Sequence[spec.SweepRun],
    folder: folders.SweepFolder,
    patterns: Sequence[str],
    limit: int | None = None,
) -> list[ResultRow]:
    """The metrics of all runs that are done, in the order of the runs and of the patterns.

    Args:
        limit: of the windows that were scored.

    Raises:
        UsageError: a pattern matches no metric of a run.
        DamageError: an evaluation was changed.
    """
    rows = []
    for run in runs:
        record = folder.record(run)
        if record['status'] != folders.DONE:
            continue
        results = {
            name: json_files.read_hashed(
                _evaluation_path(folder.workdir(run), name, limit), required=False
            )
            for name in run.experiment.tasks
        }
        values = dict(_estimates(results, ''))
        for name in _matching(patterns, list(values), run.name):
            step = results[name.partition('/')[0]]['step']
            rows.append(ResultRow(run, name, *values[name], step, record))
    return rows


def _evaluation_path(workdir: pathlib.Path, task: str, limit: int | None) -> pathlib.Path:
    """The scores of a run; earlier versions kept those of a part of the windows as those of all."""
    path = evaluation.path_of(workdir, task, limit=limit)
    return path if path.exists() else evaluation.path_of(workdir, task)


def _estimates(values: Any, path: str) -> Iterator[tuple[str, tuple]]:
    """(path, (value, low, high)) of every number, and of every [value, low, high], of a result."""
    if isinstance(values, Mapping):
        for name, item in values.items():
            yield from _estimates(item, f'{path}/{name}' if path else name)
    elif _is_number(values):
        yield path, (values, None, None)
    elif isinstance(values, list) and len(values) == 3 and _is_number(values[0]):
        if all(part is None or _is_number(part) for part in values[1:]):
            yield path, tuple(values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _matching(patterns: Sequence[str], names: list[str], run: str) -> list[str]:
    chosen: dict[str, None] = {}
    for pattern in patterns:
        matches = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
        if not matches:
            near = difflib.get_close_matches(pattern, names, n=3) or names[:5]
            raise errors.UsageError(
                f'no metric {pattern!r} in the evaluation of run {run}. Fix: one of '
                f'{", ".join(near)}'
            )
        chosen |= dict.fromkeys(matches)
    return list(chosen)


def as_csv(rows: Sequence[ResultRow], fields: Sequence[str]) -> str:
    """The text of `results.csv`.

    Args:
        fields: of the configs, a column each.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(
        [
            *('run', 'arm', 'seed', *fields, 'metric', 'value', 'low', 'high'),
            *('steps', 'best_step', 'commit', 'cpu_seconds'),
        ]
    )
    for row in rows:
        values = config.to_dict(row.run.experiment)
        numbers = ['' if number is None else repr(number) for number in row[2:5]]
        writer.writerow(
            [
                *(row.run.name, row.run.arm, row.run.seed),
                *(_field(values, name) for name in fields),
                *(row.metric, *numbers, row.run.experiment.steps, row.step),
                *(row.record['commit'], row.record['cpu_seconds']),
            ]
        )
    return text.getvalue()


def _field(values: Mapping[str, Any], path: str) -> Any:
    """The value at a path of a config; '' where a config has no such field."""
    node: Any = values
    parts = path.split('.')
    for number, name in enumerate(parts):
        if not isinstance(node, Mapping):
            return ''
        if name not in node:  # names of species may hold points
            return node.get('.'.join(parts[number:]), '')
        node = node[name]
    return node


def write(
    sweep: spec.Sweep, runs: Sequence[spec.SweepRun], folder: folders.SweepFolder
) -> list[ResultRow]:
    """Writes `results.csv` of all runs that are done; returns its rows."""
    with folder.lock('results', wait=True):
        rows = collect(runs, folder, sweep.metrics, sweep.limit)
        json_files.replace(folder.path / FILE, as_csv(rows, varying(runs)))
    return rows


def as_text(sweep: spec.Sweep, rows: Sequence[ResultRow]) -> str:
    """A table per metric, in Markdown: mean and spread over seeds, and paired differences."""
    blocks = []
    for metric in dict.fromkeys(row.metric for row in rows):
        by_arm: dict[str, dict[int, float]] = {}
        for row in rows:
            if row.metric == metric:
                by_arm.setdefault(row.run.arm, {})[row.run.seed] = row.value
        blocks.append('\n'.join(_table(sweep, metric, by_arm)))
    return '\n\n'.join(blocks)


def _table(sweep: spec.Sweep, metric: str, by_arm: dict[str, dict[int, float]]) -> list[str]:
    reference = by_arm.get(sweep.reference_arm, {})
    lines = [
        f'| {metric} | seeds | mean | sd | minus {sweep.reference_arm}, same seed |',
        '|---|---|---|---|---|',
    ]
    for arm in (name for name in sweep.arms if name in by_arm):
        values = by_arm[arm]
        mean, sd, _ = moments(list(values.values()))
        difference = ''
        shared = [seed for seed in values if seed in reference]
        if arm != sweep.reference_arm and shared:
            difference = _interval([values[seed] - reference[seed] for seed in shared])
        lines.append(f'| {arm} | {len(values)} | {mean:.4f} | {_decimal(sd)} | {difference} |')
    return lines


def moments(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, standard deviation, and half of Student's 95 % interval; NaN of a single value."""
    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return mean, math.nan, math.nan
    sd = float(np.std(values, ddof=1))
    quantile = float(special.stdtrit(count - 1, (1 + _LEVEL) / 2))
    return mean, sd, quantile * sd / math.sqrt(count)


def _interval(values: Sequence[float]) -> str:
    mean, _, half = moments(values)
    if math.isnan(half):
        return f'{mean:+.4f}'
    return f'{mean:+.4f} ({mean - half:+.4f} to {mean + half:+.4f})'


def _decimal(value: float) -> str:
    return '' if math.isnan(value) else f'{value:.4f}'
