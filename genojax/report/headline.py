"""The top of the report: four numbers and, in plain words, whether each comparison was won."""

from genojax.report import files, page, parts


def write(run: files.Run) -> tuple[str, page.Html]:
    """The page's title and its header."""
    told = _read(run, 'run.json')
    title = _text(told.get('title')) or f'Run {run.path.resolve().name}'
    cards, verdicts = [], []
    for part in (_promoters, _held_out, _genomes, _time):
        try:
            part_cards, part_verdicts = part(run)
        except files.Missing as gap:
            part_cards, part_verdicts = [], [('open', f'{gap.name} {gap.problem}.')]
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            part_cards, part_verdicts = (
                [],
                [('open', f'{part.__name__[1:]}: not as this version writes it.')],
            )
        cards += part_cards
        verdicts += part_verdicts
    header = page.join(
        [
            page.tag('p', 'genojax report', class_='kicker'),
            page.tag('h1', title),
            page.tag('p', _text(told.get('source')) or 'Data source not recorded.', class_='lead'),
            page.tag('div', *cards, class_='cards') if cards else None,
            page.tag(
                'ul',
                *(page.tag('li', words, class_=kind) for kind, words in verdicts),
                class_='verdicts',
            ),
        ]
    )
    return title, header


def _card(what: str, value: str, *more: str) -> page.Html:
    return page.tag(
        'div',
        page.tag('div', what, class_='what'),
        page.tag('b', value),
        *(page.tag('div', line, class_='more') for line in more),
        class_='card',
    )


def _promoters(run: files.Run):
    content = run.mapping('promoters.json')
    models, ceiling = content['models'], content.get('ceiling')
    ranked = parts.ranked(models)
    lead = parts.FINE_TUNED if parts.FINE_TUNED in models else ranked[0]
    area = models[lead]['auroc']
    known = (
        f'known ceiling {parts.area_of(ceiling):.3f}' if ceiling is not None else 'no known ceiling'
    )
    cards = [_card(f'AUROC, {parts.shown(lead)}', f'{area[0]:.3f}', _range(area), known)]
    rivals = [m for m in ranked if m not in (lead, parts.SCRATCH)]
    verdicts = []
    if rivals:
        best = models[rivals[0]]['auroc']
        cards.append(
            _card('AUROC, best baseline', f'{best[0]:.3f}', _range(best), parts.shown(rivals[0]))
        )
        verdicts.append(_compare(lead, area, rivals[0], best, content.get('differences') or {}))
    if parts.SCRATCH in models and lead != parts.SCRATCH:
        other = models[parts.SCRATCH]['auroc']
        verdicts.append(
            _compare(lead, area, parts.SCRATCH, other, content.get('differences') or {})
        )
    if ceiling is not None:
        share = (area[0] - 0.5) / (parts.area_of(ceiling) - 0.5)
        kind = 'good' if share >= 0.9 else 'bad'
        words = f'{parts.shown(lead).capitalize()} reaches {share:.0%} of the way from chance to the known ceiling.'
        verdicts.append((kind, words))
    return cards, verdicts


def _compare(lead: str, area, other: str, against, differences: dict) -> tuple[str, str]:
    """Won or lost by the value; sure or not by the paired interval where there is one."""
    won = area[0] > against[0]
    paired = differences.get(other)
    sure = ''
    if paired:
        sure = '; the paired 95 % interval ' + (
            'leaves out zero'
            if paired[1] > 0 or paired[2] < 0
            else 'includes zero: not settled by this test set'
        )
    words = (
        f'Promoters: {parts.shown(lead)} {area[0]:.3f} is {"above" if won else "not above"} '
        f'{parts.shown(other)} {against[0]:.3f}{sure}.'
    )
    unsettled = paired and paired[1] <= 0 <= paired[2]
    return ('open' if unsettled else 'good' if won else 'bad'), words


def _held_out(run: files.Run):
    every = run.mapping('held_out.json')['all']
    model, order0 = every['model'], every['order0']
    card = _card(
        'Held-out bits per base', f'{model[0]:.3f}', _range(model), f'order 0: {order0[0]:.3f}'
    )
    won = model[2] < order0[0]
    words = (
        f'Held-out sequence: {model[0]:.3f} bits per base; the interval is {"below" if won else "not below"} the '
        f'order-0 entropy {order0[0]:.3f}'
    )
    if 'order5' in every:
        beats = model[0] < every['order5'][0]
        words += f' and the value is {"below" if beats else "not below"} the order-5 Markov model ({every["order5"][0]:.3f})'
    return [card], [('good' if won else 'bad', words + '.')]


def _genomes(run: files.Run):
    rows = run.mapping('check.json')['species']
    bases = sum(row['length'] for row in rows)
    contigs = sum(len(row['contigs']) for row in rows)
    size = f'{bases / 1e6:,.2f} Mb' if bases >= 1e5 else f'{bases:,} bases'
    return [_card('Genomes', size, f'{len(rows)} species', f'{contigs:,} contigs')], []


def _time(run: files.Run):
    seconds = _read(run, 'run.json').get('seconds')
    if not seconds:
        return [], []
    total = sum(seconds.values())
    longest = max(seconds, key=seconds.get)
    value = f'{total / 60:.1f} min' if total >= 90 else f'{total:.0f} s'
    return [_card('Time', value, f'longest: {longest}', f'{seconds[longest]:.0f} s')], []


def _range(estimate) -> str:
    if not isinstance(estimate, list | tuple):
        raise TypeError('an estimate is [value, low, high]')
    return f'95 % {estimate[1]:.3f} {page.DASH} {estimate[2]:.3f}'


def _read(run: files.Run, name: str) -> dict:
    try:
        return run.mapping(name)
    except files.Missing:
        return {}


def _text(value) -> str:
    return value if isinstance(value, str) else ''
