"""The language model: how pretraining went, and what it is worth on held-out sequence."""

from genojax.report import files, page, parts, pictures

_MARKOV = {'order0': 'order-0 Markov', 'order5': 'order-5 Markov'}


def pretraining(run: files.Run, paint: parts.Painter) -> page.Html:
    """Loss by species and region, bits per base on held-out sequence as training went."""
    rows = run.rows('pretrain/metrics.jsonl')
    train = [row for row in rows if row['kind'] == 'train']
    by_species, words = parts.first(parts.lines_of(train, 'loss/species/').items())
    species = {'all': parts.line(train, 'loss'), **dict(by_species)}
    regions = parts.lines_of(train, 'loss/region/')
    panels = [('Training loss by species', 'nats per token', parts.drawn_only(species))]
    if parts.drawn_only(regions):
        panels.append(('Training loss by region', 'nats per token', parts.drawn_only(regions)))
    body = [
        paint.figure(
            pictures.curves,
            panels,
            alt='Training loss by species and region',
            caption='Cross-entropy of hidden tokens while training; “all” is the mean over every species.'
            + words,
        )
        if panels[0][2]
        else page.missing(
            'pretrain/metrics.jsonl has no row with a loss: was the run stopped before its first log?'
        )
    ]
    held_out = parts.line([row for row in rows if row['kind'] == 'eval'], 'bits_per_base')
    if held_out[0]:
        body.append(_held_out_curve(run, paint, held_out))
    else:
        body.append(
            page.missing('No evaluation on held-out sequence is logged in pretrain/metrics.jsonl.')
        )
    body.append(_last_row(train))
    return page.join(body)


def _held_out_curve(run: files.Run, paint: parts.Painter, held_out) -> page.Html:
    lines = {}
    try:
        every = run.mapping('held_out.json')['all']
        lines = {word: parts.value_of(every[key]) for key, word in _MARKOV.items() if key in every}
    except (files.Missing, KeyError, TypeError, ValueError):
        pass  # the held-out section says that it is missing
    return paint.figure(
        pictures.curves,
        [('Held-out sequence', 'bits per base', {'all': held_out})],
        lines,
        alt='Bits per base on held-out sequence by step',
        caption='Curve: hidden bases of those held-out windows that are scored while training. Dashed: Markov models on '
        'the hidden bases of all held-out windows, so read distances of a hundredth of a bit in the table. '
        'A guess costs 2 bits.',
    )


def _last_row(train: list[dict]) -> page.Html | None:
    if not train:
        return None
    words = {
        'step': 'last step logged',
        'loss': 'loss, nats per token',
        'grad_norm': 'gradient norm',
        'tokens_per_s': 'tokens per second',
        'bases_per_s': 'bases per second',
    }
    row = train[-1]
    return page.table(
        list(words.values()),
        [[page.number(row.get(key), 0 if key.endswith('_s') else 3) for key in words]],
    )


def held_out(run: files.Run, paint: parts.Painter) -> page.Html:
    """Bits per base on sequence never trained on, against Markov models, with intervals."""
    content = run.mapping('held_out.json')
    rows = {'all': content['all'], **content.get('species', {})}
    words = {'model': 'model', **_MARKOV}
    drawn, limit = parts.first(rows.items())
    picture = paint.figure(
        pictures.estimates,
        {
            name: {word: parts.triple(row[key]) for key, word in words.items() if key in row}
            for name, row in drawn
        },
        'bits per hidden base, held-out windows (lower is better)',
        None,
        'all',
        alt='Bits per base of the model and two Markov models, by species, with intervals',
        caption='Points are ratios of sums over held-out windows, bars 95 % bootstrap intervals over windows. All three '
        'are scored on the same hidden bases. Order 5 reads the five bases to the left, hidden ones too; the model '
        'reads both sides of what is visible.' + limit,
    )
    table = page.table(
        ['species', 'model', 'order 0', 'order 5', 'windows', 'hidden bases'],
        [
            [
                name,
                *(page.interval(row.get(key)) for key in words),
                page.number(row.get('n_windows')),
                page.number(row.get('n_bases')),
            ]
            for name, row in rows.items()
        ],
    )
    return page.join([picture, table])
