"""The report's section on contacts: correlation by distance, the ceiling, curves, windows."""

from genojax import metrics
from genojax.report import comparisons, curves, html, page, plots
from genojax.tasks.contacts import evaluate

HEADING = 'Contacts'
STATISTICS = {'pearson': 'Pearson r', 'spearman': 'Spearman r'}
METRICS = {'loss': ('Squared error', 'per pair of bins')}


def section(
    result: dict | None,
    description: dict | None,
    rows: list[dict],
    renderer: plots.Renderer,
) -> page.Section | None:
    """The section of one task on contacts; None if there is nothing to show.

    Args:
        result: of `evaluate.evaluate`, read back from JSON.
        description: {length, crop, bin, diagonals, species, windows {split: count}}.
        rows: {kind, step, loss}.
        renderer: draws figures.
    """
    body, cards, verdicts = [], (), ()
    if result is not None:
        body += _scores(result, renderer)
        cards, verdicts = _headline(result)
    drawn = curves.figure(rows, METRICS, renderer, 'Training and validation loss.')
    if drawn is not None:
        body += [html.subheading('Curves'), drawn]
    if description:
        body += [html.subheading('Windows'), _windows(description)]
    if not body:
        return None
    return page.Section('contacts', HEADING, html.join(body), cards, verdicts)


def _name(model: str) -> str:
    return evaluate.MODEL_NAMES.get(model, html.label(model))


def _models(group: dict) -> dict:
    return {name: value for name, value in group.items() if name not in ('minus', 'pairs')}


def _headline(result: dict) -> tuple[tuple[page.Card, ...], tuple[page.Verdict, ...]]:
    group = result['scores']['pearson']['all']
    models = _models(group)
    ceiling = models.pop(evaluate.CEILING, None)
    best = comparisons.best({name: value for name, value in models.items() if name != 'model'})
    details = [f'{_name(best)}: {comparisons.value_of(models[best]):.3f}']
    if ceiling is not None:
        details.append(f'{_name(evaluate.CEILING)}: {comparisons.value_of(ceiling):.3f}')
    card = comparisons.card('Pearson r at equal distance', models['model'], *details)
    verdict = comparisons.verdict(
        f'Pearson r at equal distance, {result["split"]} windows',
        ('model', models['model']),
        (_name(best), models[best]),
        group['minus'].get(best),
    )
    return (card,), (verdict,)


def _scores(result: dict, renderer: plots.Renderer) -> list[html.Markup]:
    """Picture by range of distances, both tables and the paired differences."""
    groups, windows = result['scores']['pearson'], result['windows']
    models = list(_models(groups['all']))
    picture = renderer.figure(
        plots.estimates,
        {
            name: {_name(m): comparisons.as_interval(row[m]) for m in models}
            for name, row in groups.items()
        },
        f'Pearson r at equal distance, {result["split"]} windows (higher is better)',
        alt='correlation of the model and of baselines by range of distances, with intervals',
        caption='Pearson r of predicted and measured log observed / expected among the pairs of '
        f'bins at the same distance, averaged over distances; bars: '
        f'{metrics.intervals_over(windows["scored"], "windows")}. '
        'Decay with distance earns nothing.',
    )
    rows = [
        [STATISTICS[statistic], name, html.number(row['pairs'])]
        + [html.interval(row[m]) for m in models]
        for statistic, by_range in result['scores'].items()
        for name, row in by_range.items()
    ]
    table = html.table(['statistic', 'distance', 'pairs', *map(_name, models)], rows)
    differences = {_name(name): value for name, value in groups['all']['minus'].items()}
    return [
        html.paragraph(
            f'{windows["training"]:,} training windows, bins of {result["bin"]:,} bp; '
            f'{result["known"]:.1%} of the pairs of the scored windows are known, and the others '
            'count neither in the loss nor in a score.'
        ),
        picture,
        table,
        html.folded(
            'Paired differences', comparisons.differences_table('model', differences, 'Pearson r')
        ),
    ]


def _windows(description: dict) -> html.Markup:
    row = [
        ', '.join(description['species']),
        *(html.number(count) for count in description['windows'].values()),
        html.number(description['length']),
        html.number(description['crop']),
        html.number(description['bin']),
        html.number(description['diagonals']),
    ]
    columns = ['species', *(f'{split} windows' for split in description['windows'])]
    columns += ['bases per window', 'bases of flank', 'bases per bin', 'first distance in bins']
    return html.table(columns, [row])
