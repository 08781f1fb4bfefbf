"""The report's section on coverage tracks: correlation with measured reads, leakage, curves."""

from genojax import metrics
from genojax.report import comparisons, curves, html, page, plots
from genojax.tasks.coverage import evaluate

HEADING = 'Coverage tracks'
METRICS = {'loss': ('Poisson loss', 'per bin and track')}
_NOT_MODELS = ('minus', 'tracks')  # fields beside the models in a group of tracks
SCALES = {'reads': 'reads', 'log': 'log(1 + reads)'}
_LARGE_SHARE = 0.1  # of a test window's k-mers in training windows: worth a warning


def section(
    result: dict | None,
    description: dict | None,
    rows: list[dict],
    renderer: plots.Renderer,
) -> page.Section | None:
    """The section of one task on coverage tracks; None if there is nothing to show.

    Args:
        result: {soft_clip, organisms {name: {scales {scale: {group: {model: [r, low, high], ...,
            minus: {other: difference}, tracks: count}}}, tracks: [...], windows, leaks}}}, and
            `split`.
        description: {organisms {name: {windows {split: count}, rows_per_window, length, tracks,
            inputs}}}.
        rows: {kind, step, loss, 'loss/organism/NAME'}.
        renderer: draws figures.
    """
    body, cards, verdicts = [], (), ()
    if result is not None:
        for organism, scores in result['organisms'].items():
            body += _organism(organism, scores, result, renderer)
            more_cards, more_verdicts = _headline(organism, scores, result)
            cards, verdicts = (*cards, *more_cards), (*verdicts, *more_verdicts)
    drawn = curves.figure(rows, METRICS, renderer, 'Training and validation loss.')
    if drawn is not None:
        body += [html.subheading('Curves'), drawn]
    if result is not None:
        leaks = {name: o['leaks'] for name, o in result['organisms'].items() if o.get('leaks')}
        if leaks:
            body += [html.subheading('Splits and leakage'), _splits(leaks)]
    if description:
        body += [html.subheading('Windows and tracks'), _data(description['organisms'])]
    if not body:
        return None
    return page.Section('coverage', HEADING, html.join(body), cards, verdicts)


def _name(model: str) -> str:
    return evaluate.MODEL_NAMES.get(model, html.label(model))


def _models(group: dict) -> dict:
    return {name: value for name, value in group.items() if name not in _NOT_MODELS}


def _headline(
    organism: str, scores: dict, result: dict
) -> tuple[tuple[page.Card, ...], tuple[page.Verdict, ...]]:
    group = scores['scales']['reads']['all']
    models = _models(group)
    lead = comparisons.card(f'Pearson r, {organism}', models['model'], digits=3)
    best = comparisons.best({name: value for name, value in models.items() if name != 'model'})
    if best is None:
        return (lead,), ()
    lead = comparisons.card(
        f'Pearson r, {organism}',
        models['model'],
        f'{_name(best)}: {comparisons.value_of(models[best]):.3f}',
    )
    verdict = comparisons.verdict(
        f'{organism}, mean Pearson r over {_tracks_text(group)}, {result.get("split", "test")} '
        'windows',
        ('model', models['model']),
        (_name(best), models[best]),
        (group.get('minus') or {}).get(best),
    )
    return (lead,), (verdict,)


def _tracks_text(group: dict) -> str:
    return f'{group["tracks"]:,} {"track" if group["tracks"] == 1 else "tracks"}'


def _organism(
    organism: str, scores: dict, result: dict, renderer: plots.Renderer
) -> list[html.Markup]:
    """Picture and table by assay, the paired differences, and every track folded."""
    groups = scores['scales']['reads']
    models = list(_models(groups['all']))
    windows, split = scores['windows'], result.get('split', 'test')
    picture = renderer.figure(
        plots.estimates,
        {
            f'{group} ({_tracks_text(row)})': {
                _name(m): comparisons.as_interval(row[m]) for m in models
            }
            for group, row in groups.items()
        },
        f'mean Pearson r over tracks, {split} windows (higher is better)',
        alt=f'{organism}: correlation of the model and of baselines by assay, with intervals',
        caption='Pearson r of predicted and measured reads over the known bins of '
        f'the windows, averaged over tracks; bars: '
        f'{metrics.intervals_over(windows["scored"], "windows")}.{_clip_words(result)}',
    )
    differences = {_name(name): value for name, value in (groups['all'].get('minus') or {}).items()}
    parts = [
        html.subheading(organism),
        html.paragraph(
            f'{scores["n_tracks"]:,} tracks, {windows["training"]:,} training windows.',
            _known(scores),
            _inputs(scores),
        ),
        picture,
        _groups_table(scores['scales'], models),
    ]
    if differences:
        table = comparisons.differences_table('model', differences, 'mean Pearson r')
        parts.append(html.folded(f'Paired differences, {organism}', table))
    if scores.get('genes'):
        parts += [html.subheading(f'Genes, {organism}'), _genes(scores['genes'], models)]
    tracks = scores.get('tracks') or []
    if tracks:
        parts.append(
            html.folded(f'Every track ({len(tracks):,})', _tracks(tracks, models, renderer))
        )
    return parts


def _clip_words(result: dict) -> str:
    if not result.get('soft_clip'):
        return ''
    return " Reads above each track's clip_soft are compressed by a square root, as in training."


def _known(scores: dict) -> str | None:
    """What the scores and the baselines leave out."""
    windows, sentences = scores['windows'], []
    if scores.get('known', 1) < 1:
        sentences.append(
            f' {scores["known"]:.1%} of the bins of all tracks are known; the others count neither '
            'in the loss nor in a score.'
        )
    if windows.get('baselines', windows['training']) < windows['training']:
        sentences.append(
            f' Baselines are fitted on {windows["baselines"]:,} of the training windows, evenly '
            'spread.'
        )
    return ''.join(sentences) or None


def _inputs(scores: dict) -> str | None:
    inputs = scores.get('inputs')
    return f' The model also reads {", ".join(inputs)}.' if inputs else None


def _groups_table(scales: dict, models: list[str]) -> html.Markup:
    rows = [
        [SCALES.get(scale, scale), group, html.number(row['tracks'])]
        + [html.interval(row[m]) for m in models]
        for scale, groups in scales.items()
        for group, row in groups.items()
    ]
    return html.table(['scale', 'assay', 'tracks', *(_name(m) for m in models)], rows)


def _genes(scores: dict, models: list[str]) -> html.Markup:
    """Correlations across genes per track and as means, and across tracks."""
    rows = [
        ['mean over tracks' if name == 'all' else name, *(html.interval(row[m]) for m in models)]
        for name, row in scores['across_genes'].items()
    ]
    if scores['across_tracks']:
        cells = (html.interval(scores['across_tracks'][m]) for m in models)
        rows.append(['across tracks, mean over genes', *cells])
    sentence = html.paragraph(
        f'Pearson r of log(1 + reads) at the first bases of genes in these windows, in the '
        f'direction of the gene; {metrics.intervals_over(scores["genes"], "genes")}.'
    )
    return html.join([sentence, html.table(['track', *map(_name, models)], rows)])


def _tracks(tracks: list[dict], models: list[str], renderer: plots.Renderer) -> html.Markup:
    drawn, left_out = plots.limited(tracks)
    picture = renderer.figure(
        plots.heat_map,
        {
            track['identifier']: {_name(m): comparisons.value_of(track[m]) for m in models}
            for track in drawn
        },
        'Pearson r',
        alt='Correlation of every model with every track',
        caption=f'Pearson r by track and model.{left_out}',
    )
    rows = [
        [track['identifier'], track.get('description', '')]
        + [html.interval(track[m]) for m in models]
        for track in tracks
    ]
    table = html.table(['track', 'description', *(_name(m) for m in models)], rows)
    return html.join([picture, table])


def _data(organisms: dict[str, dict]) -> html.Markup:
    """Windows of every split and the tracks, per organism."""
    splits = list(next(iter(organisms.values()))['windows'])
    rows = [
        [
            name,
            *(html.number(row['windows'][split]) for split in splits),
            html.number(row['rows_per_window']),
            html.number(row['length']),
            html.number(row['tracks']),
            ', '.join(row['inputs']) or 'none',
        ]
        for name, row in organisms.items()
    ]
    columns = ['organism', *(f'{split} windows' for split in splits), 'rows per window']
    return html.table([*columns, 'bases per row', 'tracks', 'input tracks'], rows)


def _splits(leaks: dict[str, dict]) -> html.Markup:
    """A verdict on the leakage of each organism, and the counts."""
    rows = [
        [
            organism,
            html.number(leak['windows']),
            html.number(leak['windows_whose_flanks_overlap_training']),
            html.percent(leak['kmer_share'], 2),
            html.percent(leak['kmer_share_of_the_worst_window'], 2),
        ]
        for organism, leak in leaks.items()
    ]
    k = next(iter(leaks.values()))['k']
    columns = ['organism', 'test windows', 'of them with flanks that overlap training']
    columns += [f'{k}-mers that occur in training', 'the same, worst window']
    sentences = [
        html.paragraph(f'{organism}: {_judgement(leak)}') for organism, leak in leaks.items()
    ]
    return html.join([*sentences, html.table(columns, rows)])


def _judgement(leak: dict) -> str:
    share, flanks = leak['kmer_share'], leak['windows_whose_flanks_overlap_training']
    if share == 0 and not flanks:
        return f'no leakage; no test window overlaps training or shares a {leak["k"]}-mer with it.'
    size = 'much' if share >= _LARGE_SHARE else 'little' if share < _LARGE_SHARE / 10 else 'some'
    text = (
        f'{size} leakage; {100 * share:.2g} % of the {leak["k"]}-mers of test windows occur in '
        'training windows'
    )
    return text + (f', and {flanks:,} windows overlap training in their flanks.' if flanks else '.')
