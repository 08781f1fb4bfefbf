"""The report's section on contrastive learning: retrieval beside k-mers, by divergence; leakage."""

from typing import Any

from genojax.report import comparisons, curves, html, page, plots
from genojax.tasks.contrastive import evaluate
from genojax.tasks.contrastive.genes import families

HEADING = 'Retrieval of orthologues'
BASELINES = ('kmer_spectrum', 'binned_spectrum', 'minhash', 'untrained_unprojected')
METRICS = {
    'loss': ('InfoNCE', 'nats per row'),
    'accuracy': ('Partner nearest in the batch', 'share of rows'),
    'temperature': ('Temperature', ''),
}
_DRAWN = (
    *('untrained_unprojected', 'kmer_spectrum', 'binned_spectrum', 'minhash', 'alignment'),
    'chance',
)


def section(
    result: dict | None, description: dict | None, rows: list[dict], renderer: plots.Renderer
) -> page.Section | None:
    """The section of one contrastive task; None if there is nothing to show.

    Args:
        result: of `evaluate.compare`.
        description: of the datasets.
        rows: {kind, step, loss, accuracy, temperature}.
        renderer: draws figures.
    """
    body: list[Any] = []
    cards, verdicts = (), ()
    if result is not None:
        body += _scores(result, renderer)
        cards, verdicts = _headline(result)
    drawn = curves.figure(rows, METRICS, renderer, 'Logged while training.')
    if drawn is not None:
        body += [html.subheading('Curves'), drawn]
    if description is not None:
        body += _data(description)
    if not any(body):
        return None
    return page.Section('contrastive', HEADING, html.join(body), cards, verdicts)


def _name(model: str) -> str:
    return evaluate.MODEL_NAMES.get(model, model)


def _headline(result: dict):
    """Cards and verdicts: the model beside each of the baselines that it has to beat."""
    models, split, name_of_lead = result['models'], result['split'], _name(result['lead'])
    lead = models[result['lead']]['overall']['recall_at_1']
    cards = [comparisons.card(f'Recall@1, {name_of_lead}', lead)]
    best = comparisons.best(
        {name: models[name]['overall']['recall_at_1'] for name in BASELINES if name in models}
    )
    if best is not None:
        value = models[best]['overall']['recall_at_1']
        cards.append(comparisons.card('Recall@1, best baseline', value, _name(best)))
    verdicts = [
        comparisons.verdict(
            f'Recall@1 on {split} families',
            (name_of_lead, lead),
            (_name(name), models[name]['overall']['recall_at_1']),
            result['differences'][name]['overall'],
        )
        for name in BASELINES
        if name in models
    ]
    return tuple(cards), tuple(verdicts)


def _scores(result: dict, renderer: plots.Renderer) -> list[html.Markup]:
    models = evaluate.ranked(result['models'])
    columns = [f'{title} (95 % interval)' for title in evaluate.SCORES.values()]
    table = html.table(
        ['model', *columns],
        [
            [_name(m), *(html.interval(row['overall'][s]) for s in evaluate.SCORES)]
            for m, row in models
        ],
    )
    parts = [html.paragraph(text) for text in evaluate.counts_text(result)]
    parts += [table, *_by_level(result, models, renderer)]
    named = {_name(other): one['overall'] for other, one in result['differences'].items()}
    parts.append(comparisons.differences_table(_name(result['lead']), named, 'recall@1'))
    settings = [
        [_name(m), ', '.join(f'{html.label(k)} {v}' for k, v in row['settings'].items())]
        for m, row in models
        if row.get('settings')
    ]
    tuned = result['tuned_on']
    parts.append(
        html.folded(
            f'Settings of the baselines, chosen by MAP on {tuned["items"]:,} rankings of '
            f'{tuned["split"]} families',
            html.table(['baseline', 'settings'], settings),
        )
    )
    return parts


def _by_level(result: dict, models, renderer: plots.Renderer) -> list[html.Markup]:
    """Recall at 1 by how far apart the species are: a picture and a table."""
    levels = result['levels']
    if not levels:
        return []
    heads = [f'{one["low"]:.3f} to {one["high"]:.3f}' for one in levels]
    lines = {
        _name(m): [row['recall_at_1'] for row in result['models'][m]['levels']]
        for m in (result['lead'], *_DRAWN)
        if m in result['models']
    }
    picture = renderer.figure(
        plots.intervals_by_level,
        lines,
        heads,
        ('distance of the two species', 'recall@1'),
        alt='recall at 1 of every model by the distance of the species',
        caption='Share of queries whose nearest gene in the other species is an orthologue. '
        'Distance: share of differing bases in alignments without gaps, median over shared '
        'families. Bars: 95 % intervals over the families of each level.',
    )
    rows = [
        [_name(m), *(html.interval(one['recall_at_1']) for one in row['levels'])]
        for m, row in models
    ]
    pairs = ['pairs of species', *(html.number(one['species_pairs']) for one in levels)]
    ranked = ['rankings', *(html.number(one['items']) for one in levels)]
    return [
        html.subheading('By divergence, recall@1'),
        picture,
        html.table(['distance', *heads], [*rows, pairs, ranked]),
    ]


def _data(description: dict) -> list[html.Markup]:
    split = description['split']
    parts = families.SPLITS
    shares = ', '.join(
        f'{100 * share:.0f} % {name}' for name, share in description['pair_types'].items() if share
    )
    crop = ''
    if description['longer']:
        crop = (
            f' {description["longer"]:,} rows have more than {description["length"]:,} bases and '
            f'are cropped ({100 * description["share_not_read"]:.1f} % of all bases are not read '
            'at a time).'
        )
    text = (
        f'{description["genes"]:,} rows in {description["families"]:,} families of '
        f'{len(description["species"]):,} species. Pairs: {shares}.{crop}'
    )
    blank = html.NumberText(html.DASH)
    table = html.table(
        ['split', 'families', 'rows', 'families with training rows', 'rows sharing 30 bases'],
        [
            [
                name,
                html.number(split['families'][name]),
                html.number(split['rows'][name]),
                *(
                    html.number(split[kind][name]) if name in split[kind] else blank
                    for kind in ('families_in_train', 'rows_sharing')
                ),
            ]
            for name in parts
        ],
    )
    columns = ['species', 'drawn', *parts]
    species = [
        [row['species'], *(html.number(row[name]) for name in columns[1:])]
        for row in description['species']
    ]
    return [
        html.subheading('Families and leakage'),
        html.paragraph(text),
        *(html.paragraph(f'{note}.') for note in description['notes']),
        table,
        html.note(
            'The last column counts rows that share 30 bases, on either strand, with a training '
            'row of another family.'
        ),
        html.folded(
            f'Species ({len(species):,}): first rows among 10,000 pairs, and genes per split',
            html.table(columns, species),
        ),
    ]
