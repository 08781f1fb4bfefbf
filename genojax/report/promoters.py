"""The promoter task: the fine-tuned model against the same from scratch, baselines and the ceiling."""

from genojax.report import files, page, parts, pictures


def promoters(run: files.Run, paint: parts.Painter) -> page.Html:
    """The task: fine-tuned, from scratch and baselines on one leak-free split, with the known ceiling."""
    return page.join(parts.attempt(part, run, paint) for part in (_results, _tuning_curves))


def _results(run: files.Run, paint: parts.Painter) -> page.Html:
    content = run.mapping('promoters.json')
    models, ceiling = content['models'], content.get('ceiling')
    lead = parts.FINE_TUNED if parts.FINE_TUNED in models else None
    body = [
        page.paragraph(
            f'{page.number(content.get("n_train"))} training and {page.number(content.get("n_test"))} test sequences; '
            'sequences that share a 30-mer on either strand stay on one side. Every model sees the same split.'
        ),
        _roc(paint, models, ceiling, lead),
        paint.figure(
            pictures.estimates,
            {
                parts.shown(m): {'AUROC': parts.triple(models[m]['auroc'])}
                for m in parts.ranked(models)
            },
            'AUROC on the test part (higher is better)',
            ('known ceiling', parts.area_of(ceiling)) if ceiling is not None else None,
            parts.shown(lead) if lead else None,
            alt='AUROC of every model with its interval',
            caption=_ceiling_words(ceiling),
        ),
        _models_table(models, ceiling),
        _differences(content.get('differences')),
        _settings(models),
    ]
    return page.join(body)


def _roc(paint: parts.Painter, models: dict, ceiling, lead: str | None) -> page.Html:
    drawn = {
        parts.shown(m): (row['roc']['fpr'], row['roc']['tpr'], parts.value_of(row['auroc']))
        for m, row in models.items()
        if row.get('roc')
    }
    if not drawn:
        return page.missing('promoters.json holds no ROC curve (models: NAME: roc).')
    dashed = None
    if isinstance(ceiling, dict) and ceiling.get('roc'):
        dashed = ceiling['roc']['fpr'], ceiling['roc']['tpr'], parts.area_of(ceiling)
    without = [parts.shown(m) for m in models if parts.shown(m) not in drawn]
    return paint.figure(
        pictures.roc,
        drawn,
        dashed,
        parts.shown(lead) if lead else None,
        alt='ROC curves of every model on the test part',
        caption='ROC curves on the test part, thinned for drawing; areas are exact.'
        + (f' No curve recorded for: {", ".join(without)}.' if without else ''),
    )


def _ceiling_words(ceiling) -> str:
    words = 'Bars are 95 % bootstrap intervals over test sequences; they do not cover the choice of split or seed. '
    if ceiling is None:
        return words + 'Real data: no ceiling is known.'
    return words + (
        'Dashed: the known ceiling, the AUROC of the log likelihood ratio of the process that generated these very '
        'sequences. No classifier can expect to do better.'
    )


def _models_table(models: dict, ceiling) -> page.Html:
    rows = [
        [
            parts.shown(m),
            page.interval(models[m]['auroc']),
            page.interval(models[m].get('auprc')),
            page.number(
                models[m]['cv_auroc'] if 'cv_auroc' in models[m] else page.Figure(page.DASH)
            ),
        ]
        for m in parts.ranked(models)
    ]
    if ceiling is not None:
        auprc = ceiling.get('auprc') if isinstance(ceiling, dict) else None
        area = ceiling.get('auroc') if isinstance(ceiling, dict) else ceiling
        rows.append(
            ['known ceiling', page.interval(area), page.interval(auprc), page.Figure(page.DASH)]
        )
    columns = [
        'model',
        'AUROC (95 % interval)',
        'average precision',
        'CV AUROC, training part',
    ]
    return page.table(columns, rows)


def _differences(differences: dict | None) -> page.Html | None:
    if not differences:
        return None
    rows = [
        [parts.shown(other), page.interval(estimate), 'yes' if estimate[1] > 0 else 'no']
        for other, estimate in differences.items()
    ]
    return page.join(
        [
            page.tag('h3', 'Fine-tuned minus each other model, paired'),
            page.table(['other model', 'difference in AUROC', 'interval above zero'], rows),
            page.note(
                'Both models are scored on the same resamples, which separate intervals cannot show.'
            ),
        ]
    )


def _settings(models: dict) -> page.Html | None:
    rows = [
        [parts.shown(m), ', '.join(f'{key} {value}' for key, value in row['settings'].items())]
        for m, row in models.items()
        if row.get('settings')
    ]
    if not rows:
        return None
    return page.join(
        [
            page.tag('h3', 'Settings chosen by cross-validation'),
            page.table(['baseline', 'settings'], rows),
        ]
    )


def _tuning_curves(run: files.Run, paint: parts.Painter) -> page.Html:
    losses, gaps = {}, []
    for folder, word in (('finetune', 'fine-tuned'), ('scratch', 'from scratch')):
        try:
            rows = run.rows(f'{folder}/metrics.jsonl')
        except files.Missing as gap:
            gaps.append(parts.gap_of(gap))
            continue
        for kind, part in (('train', 'training'), ('eval', 'validation')):
            points = parts.line([row for row in rows if row['kind'] == kind], 'loss')
            if points[0]:
                losses[f'{word}, {part}'] = points
    body = [page.tag('h3', 'Loss while training the classifier'), *gaps]
    if losses:
        body.append(
            paint.figure(
                pictures.curves,
                [('Classification loss', 'nats per sequence', losses)],
                alt='Classification loss of the fine-tuned model and of the one trained from scratch',
                caption='The same network and steps, from pretrained weights and from random ones.',
            )
        )
    elif not gaps:
        body.append(page.missing('finetune/ and scratch/metrics.jsonl hold no row with a loss.'))
    return page.join(body)
