"""A plan as an HTML page: memory of a device, time by resource, communication, the search."""

import pathlib
from collections.abc import Sequence

from genojax.plan import figures, search
from genojax.plan import plan as plans
from genojax.report import html, page, plots


def write(
    path: pathlib.Path, plan: plans.Plan, candidates: Sequence[search.Candidate] = ()
) -> pathlib.Path:
    """Writes the page of a plan.

    Args:
        candidates: of a search, or none.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return page.write(path, lambda renderer: _page(plan, candidates, renderer))


def _page(plan, candidates, renderer: plots.Renderer) -> page.Page:
    sections = [_memory(plan, renderer), _figures(plan)]
    if plan.times is not None:
        sections.insert(1, _time(plan, renderer))
    if plan.collectives:
        sections.append(_communication(plan))
    if candidates:
        sections.append(_search(candidates))
    lead = (
        'Compiled ahead of time from the config alone; nothing was executed. Times are those of '
        'each resource at its peak rate: a real step takes longer.'
    )
    if plan.traffic is None:
        lead += f' Compiled by {figures.OTHER_COMPILER}.'
    return page.Page(
        title=f'Plan for {plan.topology}',
        lead=lead,
        sections=tuple(sections),
    )


def _memory(plan: plans.Plan, renderer: plots.Renderer) -> page.Section:
    memory = plan.memory
    batch = max(memory.arguments - memory.params - memory.optimizer, 0.0)
    parts = {
        'parameters': memory.params,
        'optimizer': memory.optimizer,
        'batch': batch,
        'temporaries': memory.temporaries,
        'program': memory.code,
    }
    if memory.device:
        parts['free'] = max(memory.device - memory.peak, 0.0)
    figure = renderer.figure(
        plots.bars,
        {name: {'GiB': value} for name, value in parts.items()},
        'GiB of one device',
        alt='GiB of one device by use',
        caption='Temporaries are activations, gradients and copies at the peak of a step.',
    )
    cards = []
    for label, gib in (('in a step', memory.peak), ('while validating', memory.validation)):
        share = f'{gib / memory.device:.1%} of {memory.device:.0f} GiB' if memory.device else ''
        cards.append(
            page.Card(f'peak per device {label}, GiB', f'{gib:.2f}', (share,) if share else ())
        )
    if plan.process is not None:
        cards.append(page.Card('resident set of the process, GiB', f'{plan.process.peak:.2f}'))
    return page.Section('memory', 'Memory', figure, cards=tuple(cards))


def _time(plan: plans.Plan, renderer: plots.Renderer) -> page.Section:
    times = plan.times
    parts, alone = times.known, times.memory is None
    longest = 'A step takes at least the longest of them, and their sum if nothing overlaps.'
    figure = renderer.figure(
        plots.bars,
        {name: {'ms': 1e3 * value} for name, value in parts.items()},
        'ms per step',
        alt='least milliseconds of a step by resource',
        caption='Compute alone: the others need a program for this chip.' if alone else longest,
    )
    cards = [page.Card('seconds per step, at least', f'{times.overlapped:.3g}', (times.bound,))]
    if not alone:
        cards.append(page.Card('MFU, at most', f'{plan.utilization:.1%}'))
    return page.Section('time', 'Time', figure, cards=tuple(cards))


def _figures(plan: plans.Plan) -> page.Section:
    table = html.table(['figure', 'value'], [list(row) for row in figures.rows(plan)])
    return page.Section('figures', 'Figures', table)


def _communication(plan: plans.Plan) -> page.Section:
    columns = ['kind', 'devices', 'per step', 'MB per step', 'largest, MB', 'of']
    rows = [
        [row.kind, row.group, row.count, row.bytes / 1e6, row.largest / 1e6, row.origin]
        for row in plan.collectives
    ]
    return page.Section('communication', 'Communication', html.table(columns, rows))


def _search(candidates: Sequence[search.Candidate]) -> page.Section:
    best = search.front(list(candidates))
    columns = ['change', 'GiB at peak', 's per step, at least', 'no other is better']
    rows = []
    for candidate in candidates:
        plan = candidate.plan
        if plan is None:
            rows.append([candidate.flags, 'too large', '', ''])
            continue
        seconds = f'{plan.times.overlapped:.3g}' if plan.times else 'not known'
        row = [candidate.flags, f'{plan.memory.highest:.2f}', seconds]
        rows.append([*row, 'yes' if candidate in best else ''])
    return page.Section('search', 'Search', html.table(columns, rows))
