"""The report's section on classification: models, baselines, ceiling, curves, leakage."""

from collections.abc import Mapping
from typing import Any

from genojax.report import comparisons, curves, html, page, plots
from genojax.tasks.classification import evaluate
from genojax.tasks.labelled import intervals
from genojax.tasks.labelled import section as labelled

HEADING = 'Classification'
TRAINED = ('model', 'fine_tuned', 'from_scratch')  # networks; all others are baselines
RUN_NAMES = {'finetune': 'fine-tuned', 'scratch': 'from scratch'}
METRICS = {
    'loss': ('Classification loss', 'nats per row'),
    'accuracy': ('Accuracy', 'share correct'),
}


def section(
    result: dict | None,
    description: dict | None,
    rows: list[dict],
    renderer: plots.Renderer,
) -> page.Section | None:
    """The section of one classification task; None if there is nothing to show.

    Args:
        result: {models {name: {auroc, auprc, macro_f1, mcc: [value, low, high], roc or by_class,
            confusion, settings, cv_auroc}}, classes, notes, without_shared, ceiling,
            differences {other: [value, low, high]}, lead, n_train, n_test, audit}, and `split`.
        description: {source, length, genomes, audit}.
        rows: {kind, step, loss, accuracy}, with `run` where runs are compared.
        renderer: draws figures.
    """
    body, cards, verdicts = [], (), ()
    if result is not None:
        body += _scores(result, renderer)
        cards, verdicts = _headline(result)
    drawn = curves.figure(rows, METRICS, renderer, _caption(rows), RUN_NAMES)
    if drawn is not None:
        body += [html.subheading('Curves'), drawn]
    verdicts += _validation_verdicts(rows)
    body += labelled.rows_read(result, description)
    if not any(body):
        return None
    return page.Section('classification', HEADING, html.join(body), cards, verdicts)


def _name(model: str) -> str:
    return evaluate.MODEL_NAMES.get(model, model)


def _name_in_a_sentence(model: str) -> str:
    return f'the same network {_name(model)}' if model == 'from_scratch' else _name(model)


def _ranked(models: Mapping[str, Any]) -> list[str]:
    """Models from the best AUROC down."""
    return sorted(models, key=lambda model: -comparisons.value_of(models[model]['auroc'] or 0))


def _lead(result: dict) -> str:
    lead = result.get('lead')
    return lead if lead in result['models'] else _ranked(result['models'])[0]


def _headline(result: dict) -> tuple[tuple[page.Card, ...], tuple[page.Verdict, ...]]:
    models, ceiling, split = result['models'], result.get('ceiling'), result.get('split', 'test')
    differences = result.get('differences') or {}
    lead, auroc = _lead(result), _area_name(result)
    limit = [f'known ceiling {_area(ceiling):.3f}'] if ceiling is not None else []
    cards = [comparisons.card(f'{auroc}, {_name(lead)}', models[lead]['auroc'], *limit)]
    baselines = {name: row['auroc'] for name, row in models.items() if name not in TRAINED}
    best = comparisons.best(baselines)
    if best is not None:
        cards.append(comparisons.card(f'{auroc}, best baseline', baselines[best], _name(best)))
    verdicts = [
        comparisons.verdict(
            f'{auroc} on {split} rows',
            (_name(lead), models[lead]['auroc']),
            (_name_in_a_sentence(other), models[other]['auroc']),
            differences.get(other),
        )
        for other in (best, *(name for name in TRAINED if name in models and name != lead))
        if other is not None
    ]
    if ceiling is not None and _area(ceiling) > 0.5:
        share = (comparisons.value_of(models[lead]['auroc']) - 0.5) / (_area(ceiling) - 0.5)
        name = _name(lead)[:1].upper() + _name(lead)[1:]
        text = f'{name} reaches {100 * share:.0f} % of the way from chance to the known ceiling.'
        verdicts.append(page.Verdict('open', text))
    return tuple(cards), tuple(verdicts)


def _area(ceiling: Any) -> float:
    return comparisons.value_of(ceiling['auroc'] if isinstance(ceiling, dict) else ceiling)


def _scores(result: dict, renderer: plots.Renderer) -> list[html.Markup]:
    models, ceiling, split = result['models'], result.get('ceiling'), result.get('split', 'test')
    lead, auroc = _lead(result), _area_name(result)
    areas = {
        _name(m): {auroc: comparisons.as_interval(models[m]['auroc'])}
        for m in _ranked(models)
        if models[m]['auroc'] is not None
    }
    parts = [
        html.paragraph(f'{labelled.row_counts(result)}{_positive(result)}'),
        _roc(result, renderer),
        renderer.figure(
            plots.estimates,
            areas,
            f'{auroc} on {split} rows (higher is better)',
            ('known ceiling', _area(ceiling)) if ceiling is not None else None,
            _name(lead),
            alt=f'{auroc} of every model with its interval',
            caption=_interval_words(result),
        ),
        _models_table(models, ceiling, auroc),
    ]
    if result.get('differences'):
        named = {_name(other): value for other, value in result['differences'].items()}
        parts.append(comparisons.differences_table(_name(lead), named, auroc))
    parts += [_classes(result), _confusion(result), _without_shared(result)]
    parts += [html.note(text) for text in intervals.notes_text(result.get('notes') or {})]
    if result.get('no_baselines'):
        parts.append(html.paragraph(f'No baselines: {result["no_baselines"]}.'))
    parts.append(labelled.settings(_settings(models, result.get('classes') or [])))
    return [part for part in parts if part is not None]


def _settings(models: Mapping[str, Any], classes: list[str]) -> dict[str, dict]:
    """The models by the names that are shown, their settings with the names of classes."""
    named = {}
    for model, row in models.items():
        settings = dict(row.get('settings') or {})
        number, direction = settings.get('class'), settings.get('direction')
        if isinstance(number, int) and number < len(classes):
            settings['class'] = classes[number]
        if direction and len(classes) == 2:
            settings['direction'] = f'{direction.removesuffix(" is 1")} is {classes[1]}'
        named[_name(model)] = {**row, 'settings': settings}
    return named


def _area_name(result: dict) -> str:
    """What a model's AUROC is: of two classes, or the mean over more."""
    return 'mean one-vs-rest AUROC' if len(result.get('classes') or ()) > 2 else 'AUROC'


def _positive(result: dict) -> str:
    classes = result.get('classes') or ()
    return f' The positive class is {classes[1]}.' if len(classes) == 2 else ''


def _roc(result: dict, renderer: plots.Renderer) -> html.Markup | None:
    models, ceiling, split = result['models'], result.get('ceiling'), result.get('split', 'test')
    drawn = {
        _name(m): (row['roc']['fpr'], row['roc']['tpr'], comparisons.value_of(row['auroc']))
        for m, row in models.items()
        if row.get('roc')
    }
    if not drawn:
        return None
    dashed = None
    if isinstance(ceiling, dict) and ceiling.get('roc'):
        dashed = ceiling['roc']['fpr'], ceiling['roc']['tpr'], _area(ceiling)
    return renderer.figure(
        plots.roc,
        drawn,
        dashed,
        _name(_lead(result)),
        alt=f'ROC curves of every model on the {split} rows',
        caption=f'ROC curves on the {split} rows, with fewer points than rows; areas are exact.',
    )


def _interval_words(result: dict) -> str:
    over = intervals.over(result, result.get('audit'), result.get('split', 'test'))
    text, ceiling = f'Bars: {over}; they cover no choice of split or seed.', result.get('ceiling')
    if ceiling is None:
        return text
    return (
        f'{text} Dashed: the known ceiling, the AUROC of the log likelihood ratio of the process '
        'that generated these sequences. No classifier can expect to do better.'
    )


def _models_table(models: dict, ceiling: Any, auroc: str) -> html.Markup:
    blank = html.NumberText(html.DASH)
    decided = any('mcc' in row for row in models.values())
    rows = [
        [
            _name(m),
            html.interval(models[m]['auroc']),
            html.interval(models[m].get('auprc')),
            *(html.interval(models[m].get(key)) for key in ('macro_f1', 'mcc') if decided),
            html.number(models[m]['cv_auroc']) if 'cv_auroc' in models[m] else blank,
        ]
        for m in _ranked(models)
    ]
    if ceiling is not None:
        average = ceiling.get('auprc') if isinstance(ceiling, dict) else None
        area = ceiling.get('auroc') if isinstance(ceiling, dict) else ceiling
        blanks = [blank] * (3 if decided else 1)
        rows.append(['known ceiling', html.interval(area), html.interval(average), *blanks])
    columns = ['model', f'{auroc} (95 % interval)', 'average precision (95 % interval)']
    columns += ['macro-F1', "Matthews' correlation"] if decided else []
    return html.table([*columns, f'{auroc}, cross-validated on training rows'], rows)


def _classes(result: dict) -> html.Markup | None:
    """Each of several classes against all others, by the leading model."""
    by_class = result['models'][_lead(result)].get('by_class')
    if not by_class:
        return None
    rows = [
        [name, html.number(row['rows']), html.interval(row['auroc']), html.interval(row['auprc'])]
        for name, row in by_class.items()
    ]
    columns = ['class', 'rows', 'AUROC (95 % interval)', 'average precision (95 % interval)']
    title = f'Each class against all others: {_name(_lead(result))}'
    return html.join([html.subheading(title), html.table(columns, rows)])


def _confusion(result: dict) -> html.Markup | None:
    counts, names = result['models'][_lead(result)].get('confusion'), result.get('classes')
    if not counts or not names or len(names) > labelled.MAX_CLASSES:
        return None
    rows = [
        [f'class {name}', *(html.number(count) for count in row)]
        for name, row in zip(names, counts, strict=True)
    ]
    table = html.table(['rows of', *(f'called {name}' for name in names)], rows)
    return html.join([html.subheading(f'Confusion matrix: {_name(_lead(result))}'), table])


def _without_shared(result: dict) -> html.Markup | None:
    """Scores of the rows that share no sequence with rows that the models were fitted to."""
    rest = result.get('without_shared')
    if not rest:
        return None
    split = result.get('split', 'test')
    title = html.subheading(f'Without the {rest["shared"]:,} {split} rows that share sequence')
    if 'models' not in rest:
        return html.join([title, html.paragraph(intervals.no_score_text(rest))])
    text = f'{intervals.left_text(rest)} share nothing with the rows that were fitted.'
    return html.join(
        [
            title,
            html.paragraph(text),
            _models_table(rest['models'], rest.get('ceiling'), _area_name(result)),
        ]
    )


def _caption(rows: list[dict]) -> str:
    if len({row.get('run') for row in rows}) > 1:
        return 'Loss and accuracy while training; the runs differ in what they start from.'
    return 'Loss and accuracy while training.'


def _validation_verdicts(rows: list[dict]) -> tuple[page.Verdict, ...]:
    """A verdict if fine-tuning reaches a worse validation loss than training from scratch."""
    lowest = {
        run: min(
            (row['loss'] for row in rows if row.get('run') == run and _has_validation_loss(row)),
            default=None,
        )
        for run in RUN_NAMES
    }
    tuned, scratch = lowest['finetune'], lowest['scratch']
    if tuned is None or scratch is None or tuned <= scratch:
        return ()
    text = (
        f'Lowest validation loss: fine-tuned {tuned:.3f} is worse than from scratch {scratch:.3f} '
        '(one run of each).'
    )
    return (page.Verdict('bad', text),)


def _has_validation_loss(row: dict) -> bool:
    return row['kind'] == 'validation' and 'loss' in row
