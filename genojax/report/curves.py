"""Curves from the rows of metrics.jsonl: one panel per metric, one line per split and run.

A row is `{kind: 'train' | 'validation', step, metric: value, ...}`. A metric named
`loss/species/human` is the value of `loss` for one member of a group. In a report of several runs
each row also has `run`, its run's name.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from genojax.report import html, plots

SPLIT_NAMES = {'train': 'training', 'validation': 'validation'}
_NOT_METRICS = ('kind', 'step', 'run')
Rows = Sequence[Mapping[str, Any]]
# What a metric is called and its unit.
Words = Mapping[str, tuple[str, str]]


def task_rows(rows: Rows, task: str) -> list[dict]:
    """The rows that hold metrics of a task, without the task's name in front of them."""
    prefix = f'{task}/'
    result = []
    for row in rows:
        metrics = {k.removeprefix(prefix): v for k, v in row.items() if k.startswith(prefix)}
        if metrics:
            result.append({k: row[k] for k in _NOT_METRICS if k in row} | metrics)
    return result


def line(rows: Rows, metric: str) -> plots.Line:
    """Steps and values of a metric; values that are not finite are left out."""
    points = [(row['step'], row[metric]) for row in rows if _is_finite(row.get(metric))]
    return [step for step, _ in points], [value for _, value in points]


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def lines(rows: Rows, metric: str, run_names: Mapping[str, str] | None = None) -> dict:
    """Lines of a metric by run and split, such as 'training' or 'from scratch, validation'."""
    result = {}
    for run in dict.fromkeys(row.get('run') for row in rows):
        for kind, split in SPLIT_NAMES.items():
            part = [row for row in rows if row['kind'] == kind and row.get('run') == run]
            points = line(part, metric)
            if points[0]:
                name = (run_names or {}).get(run, run)
                result[f'{name}, {split}' if name else split] = points
    return result


def _panel(title: str, unit: str, drawn: dict[str, plots.Line]) -> plots.Panel:
    """A panel; a split that all lines are of is named on the y axis, not in the legend."""
    for split in SPLIT_NAMES.values():
        if all(name.endswith(split) for name in drawn):
            shorter = {name.removesuffix(f', {split}'): points for name, points in drawn.items()}
            return plots.Panel(title, f'{unit}, {split}' if unit else split, shorter)
    return plots.Panel(title, unit, drawn)


def groups(rows: Rows, metric: str) -> dict[str, dict[str, plots.Line]]:
    """Training lines by group and member, {'species': {'human': line}}; the mean as 'all'."""
    train = [row for row in rows if row['kind'] == 'train']
    prefix = f'{metric}/'
    result: dict[str, dict[str, plots.Line]] = {}
    for key in dict.fromkeys(key for row in train for key in row if key.startswith(prefix)):
        group, _, member = key.removeprefix(prefix).partition('/')
        points = line(train, key)
        if member and points[0]:
            result.setdefault(group, {'all': line(train, metric)})[member] = points
    return result


def panels(
    rows: Rows,
    words: Words,
    run_names: Mapping[str, str] | None = None,
    references: Mapping[str, Mapping[str, float]] | None = None,
) -> list:
    """A panel per metric, those of `words` first; members of groups are not among them."""
    known = dict.fromkeys(key for row in rows for key in row if '/' not in key)
    names = [name for name in words if name in known]
    names += [name for name in known if name not in words and name not in _NOT_METRICS]
    result = []
    for name in names:
        title, unit = words.get(name, (html.label(name), ''))
        drawn = lines(rows, name, run_names)
        if drawn:
            panel = _panel(title, unit, drawn)
            lines_across = (references or {}).get(name) or {}
            result.append(dataclasses.replace(panel, references=lines_across))
    return result


def group_panels(rows: Rows, metric: str, title: str, unit: str) -> tuple[list, str]:
    """A panel of training curves per group, and a sentence if some lines are left out."""
    result, sentence = [], ''
    if len({row.get('run') for row in rows}) > 1:
        return result, sentence  # too many lines to read: each run's own report has them
    for group, members in groups(rows, metric).items():
        drawn, left_out = plots.limited(members.items())
        if len(members) > 2:
            result.append(plots.Panel(f'{title} by {html.label(group)}', unit, dict(drawn)))
            sentence = sentence or left_out
    return result, sentence


def figure(
    rows: Rows,
    words: Words,
    renderer: plots.Renderer,
    caption: object = '',
    run_names: Mapping[str, str] | None = None,
    references: Mapping[str, Mapping[str, float]] | None = None,
) -> html.Markup | None:
    """The curves of a task: each metric, then its loss by group; None without a row.

    Args:
        words: title and unit of the metrics that have better words than their name.
        caption: first words below the picture.
        references: metric -> name and value of horizontal lines, of the same rows as the curve.
    """
    drawn = panels(rows, words, run_names, references)
    title, unit = words.get('loss', ('loss', ''))
    by_group, left_out = group_panels(rows, 'loss', title, unit)
    if not drawn and not by_group:
        return None
    alt = '; '.join(panel.title for panel in (*drawn, *by_group))
    parts = html.join([caption, ' ' if caption else None, left_out or None])
    pictures = [
        renderer.figure(plots.curves, part, alt=f'{alt}, by training step', caption=words_below)
        for part, words_below in ((drawn, parts if not by_group else ''), (by_group, parts))
        if part
    ]
    return html.join(pictures)
