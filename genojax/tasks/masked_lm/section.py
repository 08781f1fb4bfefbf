"""The report's section on masked language modelling: bits per base, curves, mixture, leakage."""

from genojax import metrics
from genojax.report import comparisons, curves, html, page, plots
from genojax.tasks.masked_lm import evaluate

HEADING = 'Masked language modelling'
_MAX_BLOCKS_SHOWN = 500
BASELINES = ('order0', 'order5', 'two_sided')
METRICS = {
    'loss': ('Cross-entropy of masked tokens', 'nats per token'),
    'accuracy': ('Accuracy on masked tokens', 'share correct'),
    'bits_per_base': ('Masked bases', 'bits per base'),
}
_CURVES = (
    'Cross-entropy and accuracy are of masked tokens. Bits per base are of masked bases in the '
    'validation windows that are scored while training. A guess costs 2 bits per base.'
)
_OTHER_WINDOWS = ' They are not the windows of the scores above: the two must not be compared.'
_REFERENCES = ' Dashed: Markov models on the same validation windows.'
# Share of a test window's k-mers that training contains: below the first it is small, above the
# second it is a warning.
_SMALL_SHARE, _LARGE_SHARE = 0.01, 0.1
_BASES = {
    'bases': 'bases',
    'train': 'training bases',
    'test': 'bases left out (validation, test)',
    'gap': 'unused bases (gaps, homologues)',
}
_WINDOWS = {
    'windows': 'training windows',
    'validation_windows': 'validation windows',
    'test_windows': 'test windows',
}


def section(
    result: dict | None,
    description: dict | None,
    rows: list[dict],
    renderer: plots.Renderer,
) -> page.Section | None:
    """The section of one masked-LM task; None if there is nothing to show.

    Args:
        result: {all, species {name}: {model, order0, order5: [bits, low, high], differences:
            {order0, order5}, n_windows, n_bases}, not_scored, ...}, and `split`.
        description: {species: rows of the mixture table with the windows of each split, split: its
            report}.
        rows: {kind, step, loss, accuracy, 'loss/species/NAME', bits_per_base, ...}.
        renderer: draws figures.
    """
    body, cards, verdicts = [], (), ()
    if result is not None:
        body.append(_scores(result, renderer))
        cards, verdicts = _headline(result)
    references = validation_references(result)
    drawn = curves.figure(
        rows,
        METRICS,
        renderer,
        _CURVES
        + (_OTHER_WINDOWS if result is not None else '')
        + (_REFERENCES if references else ''),
        references={'bits_per_base': references},
    )
    if drawn is not None:
        body += [html.subheading('Curves'), drawn]
    if description is not None:
        if description.get('species'):
            body += [html.subheading('Species mixture'), _mixture(description['species'], renderer)]
        if description.get('split'):
            body += [
                html.subheading('Splits and leakage'),
                _splits(description, result, renderer),
            ]
            verdicts += _leakage_verdicts(description['split'], result)
    if not body:
        return None
    return page.Section('masked-lm', HEADING, html.join(body), cards, verdicts)


def validation_references(result: dict | None) -> dict[str, float]:
    """Bits per base of the Markov models on the validation windows, for the training curve."""
    validation = (result or {}).get('validation') or {}
    return {
        evaluate.MODEL_NAMES[name]: comparisons.value_of(validation[name])
        for name in BASELINES
        if name in validation
    }


def _headline(result: dict) -> tuple[tuple[page.Card, ...], tuple[page.Verdict, ...]]:
    every, split = result['all'], result.get('split', 'test')
    baselines = {name: every[name] for name in BASELINES if name in every}
    best = comparisons.best(baselines, lower_is_better=True)
    details = [
        f'{evaluate.MODEL_NAMES[n]}: {comparisons.value_of(e):.3f}' for n, e in baselines.items()
    ]
    if 'n_windows' in every:
        details.append(f'{every["n_windows"]:,} windows')
    card = comparisons.card(f'Bits per base, {split} windows', every['model'], *details)
    if best is None:
        return (card,), ()
    verdict = comparisons.verdict(
        f'Bits per base on {split} windows (lower is better)',
        ('model', every['model']),
        (evaluate.MODEL_NAMES[best], every[best]),
        (every.get('differences') or {}).get(best),
        lower_is_better=True,
    )
    return (card,), (verdict,)


def _scores(result: dict, renderer: plots.Renderer) -> html.Markup:
    """Bits per base of the model and the baselines, over all windows and per species."""
    split = result.get('split', 'test')
    scored = {'all': result['all']}
    if result.get('without_training_kmer'):
        scored[evaluate.WITHOUT_KMER] = result['without_training_kmer']
    scored |= result.get('species') or {}
    columns = {key: words for key, words in evaluate.MODEL_NAMES.items() if key in result['all']}
    drawn, left_out = plots.limited(scored.items())
    picture = renderer.figure(
        plots.estimates,
        {
            name: {words: comparisons.as_interval(row[key]) for key, words in columns.items()}
            for name, row in drawn
        },
        f'bits per masked base, {split} windows (lower is better)',
        None,
        'all',
        alt='Bits per base of the model and of Markov models, by species, with intervals',
        caption=f'Points are ratios of sums over windows, bars '
        f'{metrics.intervals_over(result["all"].get("n_windows"), "windows")}, of a part over its '
        'own. All models are scored on the same masked bases, and none reads them. Order 5 reads '
        'up to five bases to the left of a masked one, two-sided Markov up to five on either side, '
        f'the model the whole window.{left_out}',
    )
    table = html.table(
        ['species', *columns.values(), 'windows', 'masked bases'],
        [
            [
                name,
                *(html.interval(row[key]) for key in columns),
                html.number(row.get('n_windows')),
                html.number(row.get('n_bases')),
            ]
            for name, row in scored.items()
        ],
    )
    parts = [picture, table, *_remarks(result)]
    differences = result['all'].get('differences')
    if differences:
        named = {evaluate.MODEL_NAMES.get(name, name): value for name, value in differences.items()}
        parts.append(
            comparisons.differences_table('model', named, 'bits per base', lower_is_better=True)
        )
    return html.join(parts)


def _remarks(result: dict) -> list[html.Markup]:
    remarks = []
    if result.get('not_scored'):
        remarks.append(f'Not scored (no window in this split): {", ".join(result["not_scored"])}.')
    if result.get('test_only'):
        names = ', '.join(result['test_only'])
        remarks.append(
            f'No window of {names} was trained on; the Markov models of all species together '
            'score it.'
        )
    if result.get('bases_left_out'):
        remarks.append(
            f'{result["bases_left_out"]:,} bases had no room in rows of tokens; no model is '
            'scored on them.'
        )
    return [html.note(remark) for remark in remarks]


def _mixture(rows: list[dict], renderer: plots.Renderer) -> html.Markup:
    """Weights as configured and normalised, beside the windows drawn."""
    total = sum(row['drawn'] for row in rows)
    weights = sum(row['weight'] for row in rows)
    drawn, left_out = plots.limited(rows)
    picture = renderer.figure(
        plots.bars,
        {
            row['species']: {
                'weight': 100 * row['weight'] / weights,
                'drawn': 100 * row['drawn'] / max(total, 1),
            }
            for row in drawn
        },
        'share of training windows, %',
        alt='Weight and drawn share of training windows by species',
        caption='Share of training windows by species: the weights, and the first '
        f'{total:,} windows drawn.{left_out}',
    )
    columns = ['species', 'weight in config', 'normalised', 'training windows']
    columns += ['windows drawn', 'expected', 'difference']
    cells = [
        [
            row['species'],
            html.number(row['given']),
            html.number(row['weight'], 4),
            html.number(row.get('windows')),
            html.number(row['drawn']),
            html.number(float(row['expected']), 1),
            html.NumberText(f'{row["drawn"] - row["expected"]:+,.1f}'),
        ]
        for row in rows
    ]
    largest = max(abs(row['drawn'] - row['expected']) for row in rows)
    note = (
        f'Of the first {total:,} windows drawn; the largest difference is {largest:.1f}, '
        f'{largest * 10_000 / max(total, 1):.2f} per 10,000 draws.'
    )
    return html.join([picture, html.table(columns, cells), html.note(note)])


def _splits(description: dict, result: dict | None, renderer: plots.Renderer) -> html.Markup:
    """A verdict on leakage, then the bases, windows and shared k-mers of each split.

    Args:
        description, result: as for `section`.
    """
    split = description['split']
    audit = split.get('audit') or {}
    counts = {row['species']: row for row in description.get('species') or []}
    header = ['species', *_BASES.values(), *_WINDOWS.values()]
    cells = [
        [name, *(html.number(row[key]) for key in _BASES), *_window_counts(counts.get(name, {}))]
        for name, row in split['species'].items()
    ]
    parts = [
        html.paragraph(_judgement(split, result)),
        _splits_figure(split, renderer),
        html.table(header, cells),
        *(html.note(remark) for remark in _split_remarks(split)),
    ]
    if audit:
        parts.append(_audit_table(audit))
    if split.get('limits'):
        parts.append(html.note('Limits of the search: ', '; '.join(split['limits']), '.'))
    blocks = [
        [name, block['contig'], html.number(block['start']), html.number(block['end'])]
        for name, row in split['species'].items()
        for block in row.get('blocks', ())
    ]
    if blocks:
        table = html.table(['species', 'contig', 'start', 'end'], blocks[:_MAX_BLOCKS_SHOWN])
        shown = f', the first {_MAX_BLOCKS_SHOWN}' if len(blocks) > _MAX_BLOCKS_SHOWN else ''
        parts.append(html.folded(f'Blocks left out of training ({len(blocks):,}{shown})', table))
    details = {k: v for k, v in split.items() if k not in ('audit', 'species', 'groups')}
    parts.append(html.folded('How the split was made', html.record(details)))
    return html.join(parts)


def _splits_figure(split: dict, renderer: plots.Renderer) -> html.Markup:
    """Shares of each species' bases by what they are used for, and of k-mers that are shared."""
    audited = (split.get('audit') or {}).get('species') or {}
    drawn, left_out = plots.limited(split['species'].items())
    rows = {
        name: {
            'left out (validation, test)': 100 * row['test'] / max(row['bases'], 1),
            'unused (gaps, homologues)': 100 * row['gap'] / max(row['bases'], 1),
            'k-mers shared with training': 100 * audited.get(name, {}).get('kmer_fraction', 0),
        }
        for name, row in drawn
    }
    return renderer.figure(
        plots.bars,
        rows,
        'per cent',
        alt='Share of the bases left out of training, of unused bases, and of shared k-mers, by '
        'species',
        caption='Of the bases of each species: left out for validation and test, and used for '
        'nothing because they lie beside or match what is left out. Of the k-mers of the windows '
        f'left out: the share that training windows contain all the same.{left_out}',
    )


def _split_remarks(split: dict) -> list[str]:
    remarks = []
    rows = split.get('label_rows') or {}
    if rows.get('source'):
        remarks.append(
            f'{rows["occurring"]:,} of {rows["rows"]:,} test rows of {rows["source"]} occur in '
            f'these genomes; their {rows["places"]:,} places ({rows["bases"]:,} bases) are in no '
            'training window.'
        )
    if split.get('validates_on_test_contigs'):
        remarks.append(
            'The validation windows are on contigs that the genome table marks as test sequence: '
            'nothing else is left out of training.'
        )
    return remarks


def _window_counts(row: dict) -> list[html.NumberText]:
    blank = html.NumberText(html.DASH)
    return [html.number(row[key]) if key in row else blank for key in _WINDOWS]


def _audit_table(audit: dict) -> html.Markup:
    k = audit['k']
    columns = ['species', 'windows searched', f'of them with a training {k}-mer', f'{k}-mers']
    rows = [
        [
            name,
            html.number(row['windows_audited']),
            html.percent(row['window_fraction']),
            html.number(row['kmers']),
            html.percent(row['kmer_fraction'], 2),
        ]
        for name, row in {**(audit.get('species') or {}), 'all': audit}.items()
    ]
    total = rows.pop() if len(rows) > 1 else None
    table = html.table([*columns, 'of them in training'], rows, total)
    return html.folded('Shared sequence by species', table)


def _judgement(split: dict, result: dict | None) -> str:
    """How much is shared, in words; with scores, that those without it stand beside them."""
    audit = split.get('audit')
    if not audit:
        return 'Leakage was not measured.'
    k, kmers, windows = audit['k'], audit['kmer_fraction'], audit['window_fraction']
    if kmers == 0:
        return (
            f'None of the {k}-mers of the windows left out occurs in training windows, on either '
            'strand.'
        )
    scores = ''
    if result is not None and result.get('without_training_kmer'):
        scores = '; the scores of the windows without a shared k-mer stand beside those of all'
    size = 'Little' if kmers < _SMALL_SHARE else 'Some' if kmers < _LARGE_SHARE else 'Much'
    return (
        f'{size} is shared: {100 * kmers:.2g} % of the {k}-mers of the windows left out also occur '
        'in training windows, on either strand; '
        f'{100 * windows:.2g} % of the windows contain at least one. Repeats and conserved '
        f'sequence are shared even between unrelated windows{scores}.'
    )


def _leakage_verdicts(split: dict, result: dict | None) -> tuple[page.Verdict, ...]:
    audit = split.get('audit') or {}
    if audit.get('kmer_fraction', 0) < _LARGE_SHARE:
        return ()
    text = f'{_judgement(split, result)} Scores on these windows are better than on new sequence.'
    return (page.Verdict('bad', text),)
