"""What comparisons of a run with others (`genojax evaluate --against`) add to its report."""

import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from genojax import json_files
from genojax.pipeline import comparison, evaluation
from genojax.report import comparisons, html, page, plots


def sections(directory: pathlib.Path) -> dict[str, Callable[[plots.Renderer], page.Section]]:
    """Functions that draw the comparisons that a run has, by the name of their file."""
    files = sorted((directory / evaluation.FOLDER / comparison.FOLDER).glob('*.json'))
    return {
        path.relative_to(directory).as_posix(): functools.partial(_drawn, path) for path in files
    }


def _drawn(path: pathlib.Path, renderer: plots.Renderer) -> page.Section:
    task, split, *_ = path.name.split('.')
    return section(task, path.stem, json_files.read_hashed(path))


def section(task: str, anchor: str, result: Mapping[str, Any]) -> page.Section:
    """A table per part of the rows, and a verdict on the first score of all of them.

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
    if result['limit'] is not None:
        body.append(html.note(f'At most {result["limit"]:,} {result["unit"]} (--limit).'))
    for name, part in result['parts'].items():
        groups = '' if part['groups'] is None else f', {part["groups"]:,} {result["resampled"]}'
        body.append(html.subheading(f'{name or "All"}: {part["n"]:,} {result["unit"]}{groups}'))
        body.append(_table(part['scores'], names, below))
        body += [html.note(note) for note in part['notes']]
    verdicts = []
    every = result['parts'].get('', next(iter(result['parts'].values()), None))
    for title, row in list(every['scores'].items())[:1] if every else ():
        verdicts.append(
            comparisons.verdict(
                f'{task}, {title}',
                (names[0], row['run']),
                (names[1], row['against']),
                row['difference'],
                lower_is_better=below,
            )
        )
    heading = f'{task} beside {pathlib.PurePath(names[1]).name}'
    return page.Section(f'against-{anchor}', heading, html.join(body), (), tuple(verdicts))


def _table(scores: Mapping[str, Any], names: tuple[str, str], below: bool) -> html.Markup:
    words = {'good': 'better', 'bad': 'worse', 'open': 'not distinguishable'}
    rows = []
    for title, row in scores.items():
        outcome = words[comparisons.outcome(row['difference'], below)]
        cells = html.interval(row['run']), html.interval(row['against'])
        difference = html.interval(row['difference'], signed=True)
        rows.append([title, *cells, difference, outcome])
    return html.table(['', *names, 'difference', 'the first at the 95 % level'], rows)
