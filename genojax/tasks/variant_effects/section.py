"""The report's section on variants: every method by label and set of variants, curves, data."""

from genojax import metrics
from genojax.report import comparisons, curves, html, page, plots
from genojax.tasks.labelled import dataset as labelled_dataset
from genojax.tasks.labelled import intervals
from genojax.tasks.variant_effects import dataset, evaluate, methods

HEADING = 'Variant effects'
METRICS = {
    'loss': ('Loss', 'nats per variant'),
    'accuracy': ('Accuracy', 'share correct'),
}


def section(
    result: dict | None,
    description: dict | None,
    rows: list[dict],
    renderer: plots.Renderer,
) -> page.Section | None:
    """The section of one task; None if there is nothing to show.

    Args:
        result: of `evaluate.compare`, read back from JSON.
        description: of the datasets.
        rows: {kind, step, loss, accuracy}.
        renderer: draws figures.
    """
    body, cards, verdicts = [], (), ()
    if result is not None:
        for label, tables in result['labels'].items():
            body += _label(label, tables, result, renderer)
        cards, verdicts = _headline(result)
    drawn = curves.figure(rows, METRICS, renderer, 'Loss and accuracy while training.')
    if drawn is not None:
        body += [html.subheading('Curves'), drawn]
    body += _data(description)
    if not any(body):
        return None
    return page.Section('variant-effects', HEADING, html.join(body), cards, verdicts)


def _label(label: str, tables: dict, result: dict, renderer) -> list:
    parts = []
    groups, split = result['left_out_in_turn'], result['split']
    for where, sets in (('sets', tables['sets']), (split, tables[split])):
        for name, table in sets.items():
            title = f'{label}: {name}, {split} groups {", ".join(result["split_groups"][:6])}'
            if where == 'sets':
                title = f'{label}: {name}, {len(groups)} groups left out in turn'
            parts += [html.subheading(title), *_table(table, renderer, where == 'sets')]
    return parts


def _table(table: dict, renderer, drawn: bool) -> list:
    models = table['models']
    ranked = sorted(models, key=lambda name: -comparisons.value_of(models[name]['auroc'] or 0))
    text = (
        f'{table["rows"]:,} variants, {table["positives"]:,} positive; the majority is right for '
        f'{table["majority"]:.3f}.'
    )
    blank = html.NumberText(html.DASH)
    rows = [
        [
            name,
            html.interval(models[name]['auroc']),
            html.interval(models[name]['auprc']),
            html.interval(models[name]['accuracy']) if 'accuracy' in models[name] else blank,
            blank
            if name == table['lead']
            else html.interval(table['differences'][name]['auroc'], signed=True),
        ]
        for name in ranked
    ]
    if table['ceiling']:
        best = [html.interval(table['ceiling'][key]) for key in ('auroc', 'auprc', 'accuracy')]
        rows.insert(0, [evaluate.CEILING, *best, blank])
    columns = ['method', 'AUROC (95 % interval)', 'average precision', 'accuracy']
    columns.append(f'{table["lead"]} minus this, AUROC')
    parts = [html.paragraph(text)]
    areas = {
        name: {'AUROC': comparisons.as_interval(models[name]['auroc'])}
        for name in ranked
        if models[name]['auroc'] is not None
    }
    if drawn and areas:
        caption = f'Bars: {metrics.intervals_over(table.get("sites"), "sites")}.'
        parts.append(
            renderer.figure(
                plots.estimates,
                areas,
                'AUROC (higher is better)',
                _ceiling(table),
                table['lead'],
                alt='AUROC of every method with its interval',
                caption=caption,
            )
        )
    parts.append(html.table(columns, rows))
    return parts + [html.note(text) for text in intervals.notes_text(table['notes'])]


def _ceiling(table: dict) -> tuple[str, float] | None:
    if not table['ceiling'] or not table['ceiling']['auroc']:
        return None
    return evaluate.CEILING, table['ceiling']['auroc'][0]


def _headline(result: dict):
    label, tables = next(iter(result['labels'].items()))
    sets = tables['sets'] or tables[result['split']]
    if 'all' not in sets:
        return (), ()
    table = sets['all']
    lead, models = table['lead'], table['models']
    details = [lead]
    if table['ceiling']:
        best_possible = comparisons.value_of(table['ceiling']['auroc'])
        details.append(f'{evaluate.CEILING} {html.decimal(best_possible)}')
    cards = (comparisons.card(f'Variants {label}, AUROC', models[lead]['auroc'], *details),)
    own = (*evaluate.LEADS, methods.PROBE_BY_CLASS, evaluate.HEAD)
    others = {name: row['auroc'] for name, row in models.items() if name not in own}
    best = comparisons.best({name: area for name, area in others.items() if area is not None})
    if best is None:
        return cards, ()
    verdict = comparisons.verdict(
        f'AUROC of variants {label}',
        (lead, models[lead]['auroc']),
        (best, models[best]['auroc']),
        table['differences'][best]['auroc'],
    )
    return (*cards, comparisons.card('Variants, best baseline', models[best]['auroc'], best)), (
        verdict,
    )


def _data(description: dict | None) -> list:
    if not description:
        return []
    rows = [[name, html.number(count)] for name, count in description['rows'].items()]
    parts = [html.subheading('Variants'), html.table(['split', 'variants'], rows)]
    if description['consequences']:
        listed = sorted(description['consequences'].items(), key=lambda item: -item[1])
        rows = [[name, html.number(count)] for name, count in listed]
        parts.append(html.table(['most severe consequence', 'variants'], rows))
    notes = [*description['annotation_notes']]
    notes += [f'{count:,} rows left out: {why}' for why, count in description['left_out'].items()]
    counts = description.get('conflicting_rows') or {}  # earlier versions do not count them
    if conflicts := labelled_dataset.conflicts(counts, dataset.CONFLICT):
        notes.append(f'{conflicts}.')
    near = description['test_rows_near_training']
    notes.append(f'{near:,} test windows overlap windows of other splits.')
    return [*parts, *(html.note(text) for text in notes)]
