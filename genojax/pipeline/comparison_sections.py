"""What comparisons of a run with others (`genojax evaluate --against`) add to its report."""

import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from genojax import json_files
from genojax.pipeline import comparison, evaluation
from genojax.report import comparisons, html, page, plots

_ALL = ('', 'all')  # names of the part that is all rows
_NUMBER_OF_VERDICTS = 4


def sections(directory: pathlib.Path) -> dict[str, Callable[[plots.Renderer], page.Section]]:
    """Functions that draw the comparisons that a run has, by the name of their file."""
    files = sorted((directory / evaluation.FOLDER / comparison.FOLDER).glob('*.json'))
    return {
        path.relative_to(directory).as_posix(): functools.partial(_drawn, path) for path in files
    }


def _drawn(path: pathlib.Path, renderer: plots.Renderer) -> page.Section:
    task, _, _ = path.name.partition('.')
    return section(task, path.stem, json_files.read_hashed(path))


def section(task: str, anchor: str, result: Mapping[str, Any]) -> page.Section:
    """A table per part of the rows, and a verdict on the first score of all rows, or of each part.

    Args:
        result: of `comparison.compare_runs`.
    """
    run, other, below = result['run'], result['against'], result['lower_is_better']
    names = run['name'], other['name']
    body = [
        html.paragraph(
            f'{names[0]} at step {run["step"]:,} and {names[1]} at step {other["step"]:,} on the '
            f'same {result["split"]} {result["unit"]}. The difference is the first minus the '
            f'second, {"below" if below else "above"} 0 the first is better. Both are scored on '
            'the same bootstrap resamples, so a difference can be clear of zero although the '
            'separate intervals overlap. Intervals say nothing of other seeds of the training.'
        )
    ]
    for name, part in result['parts'].items():
        groups = '' if part['groups'] is None else f', {part["groups"]:,} {result["resampled"]}'
        body.append(html.subheading(f'{name or "All"}: {part["n"]:,} {result["unit"]}{groups}'))
        body.append(_table(part['scores'], names, below))
        body += [html.note(note) for note in part['notes']]
    subject = ', '.join([task, *_of_what(result)])
    parts = result['parts']
    chosen = [name for name in _ALL if name in parts] or list(parts)
    verdicts = [
        comparisons.verdict(
            ', '.join(filter(None, [subject, name if len(chosen) > 1 else '', title])),
            (names[0], row['run']),
            (names[1], row['against']),
            row['difference'],
            lower_is_better=below,
        )
        for name in chosen[:_NUMBER_OF_VERDICTS]
        for title, row in list(parts[name]['scores'].items())[:1]
    ]
    heading = f'{subject}, beside {names[1]}'
    return page.Section(f'against-{anchor}', heading, html.join(body), (), tuple(verdicts))


def _of_what(result: Mapping[str, Any]) -> list[str]:
    """The split and the limit, where they are not the usual ones."""
    split = [f'{result["split"]} split'] if result['split'] != 'test' else []
    limit = result['limit']
    return split + ([] if limit is None else [f'at most {limit:,} {result["unit"]} (--limit)'])


def _table(scores: Mapping[str, Any], names: tuple[str, str], below: bool) -> html.Markup:
    words = {'good': 'better', 'bad': 'worse', 'open': 'not distinguishable'}
    rows = []
    for title, row in scores.items():
        outcome = words[comparisons.outcome(row['difference'], below)]
        cells = html.interval(row['run']), html.interval(row['against'])
        difference = html.interval(row['difference'], signed=True)
        rows.append([title, *cells, difference, outcome])
    return html.table(['', *names, 'difference', 'the first at the 95 % level'], rows)
