"""The report's section on regression: predicted against measured, baselines, curves, leakage."""

from typing import Any

from genojax.report import comparisons, curves, html, page, plots
from genojax.tasks.labelled import intervals
from genojax.tasks.labelled import section as labelled
from genojax.tasks.regression import evaluate

HEADING = 'Regression'
METRICS = {'loss': ('Squared error', 'of standardised values')}
MAX_COLUMNS = 12  # of values, drawn and tabulated one by one; the others are in the JSON file


def section(
    result: dict | None,
    description: dict | None,
    rows: list[dict],
    renderer: plots.Renderer,
) -> page.Section | None:
    """The section of one regression task; None if there is nothing to show.

    Args:
        result: of `evaluate.compare`, read back from JSON.
        description: {source, length, genomes, values, audit}.
        rows: {kind, step, loss}.
        renderer: draws figures.
    """
    body, cards, verdicts = [], (), ()
    if result is not None:
        shown = list(result['values'].items())[:MAX_COLUMNS]
        body.append(_counts(result, len(shown)))
        for name, value in shown:
            body += _scores(name, value, result, renderer)
        headlines = [_headline(name, value, result) for name, value in shown]
        cards = tuple(card for some, _ in headlines for card in some)[:4]
        verdicts = tuple(verdict for _, some in headlines for verdict in some)
    drawn = curves.figure(rows, METRICS, renderer, 'Loss while training: 1 is the mean, always.')
    if drawn is not None:
        body += [html.subheading('Curves'), drawn]
    body += labelled.rows_read(result, description)
    if not any(body):
        return None
    return page.Section('regression', HEADING, html.join(body), cards, verdicts)


def _name(model: str) -> str:
    return evaluate.MODEL_NAMES.get(model, model)


def _counts(result: dict, shown: int) -> html.Markup:
    more = len(result['values']) - shown
    rest = f' The first {shown} of {shown + more:,} columns of values are shown.' if more else ''
    return html.paragraph(f'{labelled.row_counts(result)}{rest}')


def _best(value: dict) -> str | None:
    """The baseline with the highest Pearson correlation."""
    return comparisons.best(
        {
            name: row['pearson']
            for name, row in value['models'].items()
            if name != 'model' and row['pearson'] is not None
        }
    )


def _headline(name: str, value: dict, result: dict):
    """Cards and the verdict of one column: the model beside the best baseline."""
    models, lead, best = value['models'], value['models']['model']['pearson'], _best(value)
    if lead is None:
        text = f'{name}: the predictions are constant, and a correlation is not defined.'
        return (), (page.Verdict('bad', text),)
    cards = [comparisons.card(f'Pearson, {name}: model', lead)]
    if best is None:
        return tuple(cards), ()
    other = models[best]['pearson']
    cards.append(comparisons.card(f'Pearson, {name}: best baseline', other, _name(best)))
    verdict = comparisons.verdict(
        f'{name}, Pearson correlation on {result["split"]} rows',
        ('model', lead),
        (_name(best), other),
        value['differences'].get(best),
    )
    return tuple(cards), (verdict,)


def _scores(name: str, value: dict, result: dict, renderer: plots.Renderer) -> list:
    split = result['split']
    absent = f', {value["absent"]:,} absent' if value['absent'] else ''
    parts: list[Any] = [html.subheading(f'{name}: {value["n_test"]:,} {split} rows{absent}')]
    if value['scatter']['measured']:
        count = len(value['scatter']['measured'])
        some = f' {count:,} of the rows are drawn.' if count < value['n_test'] else ''
        parts.append(
            renderer.figure(
                plots.scatter,
                value['scatter'],
                name,
                alt=f'predicted against measured {name}',
                caption=f'{name} of {split} rows, predicted by the model against measured, in the '
                f'units of the table. Dashed: equal.{some}',
            )
        )
    parts.append(_models_table(value['models']))
    parts.append(html.note(f'{intervals.over(value, result.get("audit"), split)}.'))
    if value['differences']:
        named = {_name(other): estimate for other, estimate in value['differences'].items()}
        parts.append(comparisons.differences_table('model', named, 'Pearson correlation'))
    parts.append(_without_shared(value, split))
    parts += [html.note(text) for text in intervals.notes_text(value['notes'])]
    parts += [html.note(f'No {_name(key)}: {why}.') for key, why in value['not_fitted'].items()]
    if 'no_baselines' in value:
        parts.append(html.paragraph(f'No baselines: {value["no_baselines"]}.'))
    parts.append(labelled.settings({_name(m): row for m, row in value['models'].items()}))
    return [part for part in parts if part is not None]


def _models_table(models: dict) -> html.Markup:
    blank = html.NumberText(html.DASH)
    rows = [
        [
            _name(model),
            *(html.interval(row[score]) for score in evaluate.SCORES),
            html.number(row['cv_pearson']) if row.get('cv_pearson') is not None else blank,
        ]
        for model, row in evaluate.ranked(models)
    ]
    columns = [f'{title} (95 % interval)' for title, _ in evaluate.SCORES.values()]
    return html.table(['model', *columns, 'Pearson, cross-validated on training rows'], rows)


def _without_shared(value: dict, split: str) -> html.Markup | None:
    """Scores of the rows that share no sequence with rows that the models were fitted to."""
    rest = value.get('without_shared')
    if not rest:
        return None
    title = html.subheading(f'Without the {rest["shared"]:,} {split} rows that share sequence')
    if 'models' not in rest:
        return html.join([title, html.paragraph(intervals.no_score_text(rest))])
    text = f'{intervals.left_text(rest)} share nothing with the rows that were fitted.'
    return html.join([title, html.paragraph(text), _models_table(rest['models'])])
