"""Coverage of a split: correlation of predicted and measured reads per track, beside baselines.

Pearson's r of a track runs over all bins with known coverage of all windows of the split. Intervals
are bootstraps over windows, since neighbouring bins are not independent; differences are paired.
"""

import dataclasses
from typing import Any

import numpy as np

from genojax import errors, metrics
from genojax.data.splits import track_overlap
from genojax.metrics import moments
from genojax.tasks.coverage import baselines, genes

# What tables and reports call the models.
MODEL_NAMES = {
    'model': 'model',
    'position_mean': 'mean per position',
    'composition': 'base composition',
    'kmers': 'composition and k-mers',
    'accessibility': 'accessibility',
    'kmers_accessibility': 'composition, k-mers and accessibility',
}


def evaluate(
    task, state, datasets, split: str = 'test', limit: int | None = None, seed: int = 0
) -> dict:
    """Every organism's tables (see `compare`) for the model and the baselines, and the leak audit.

    Baselines of the test split are fitted on all training windows, validation included, since the
    model used both. The windows of the split are in memory, and as many training windows as
    `baselines.limited` allows.

    Raises:
        UsageError: `limit` is set: every window is scored.
    """
    refuse_limit(task, limit)
    predicted = predictions(task, state, datasets, split)
    organisms = {
        name: _evaluate_organism(datasets, number, predicted[name], split, seed)
        for number, name in enumerate(datasets.species)
    }
    clipped = any(np.isfinite(t.clip_soft) for s in datasets.sources for t in s.organism.tracks)
    soft_clip = datasets.config.soft_clip and clipped
    return {'split': split, 'soft_clip': soft_clip, 'organisms': organisms}


def refuse_limit(task, limit: int | None) -> None:
    """Every window is scored, whose correlations run over all of them.

    Raises:
        UsageError: a limit is set.
    """
    if limit is not None:
        raise errors.UsageError(
            f'task {task.name!r}: a limit does not apply to coverage, all windows of the split are '
            'scored. Fix: leave --limit out'
        )


def measured(source, windows) -> tuple[np.ndarray, np.ndarray]:
    """Scaled sums of reads per bin of windows in memory, float32 [N, P, C], and which are known.

    Args:
        source: `rows.OrganismRows` with one row per window.
    """
    no_shift = np.zeros(len(windows), np.int64)
    cut = source.rows(windows, no_shift.astype(bool), no_shift)
    return cut.target_BPC, cut.known_BPC


def _evaluate_organism(datasets, number: int, predicted_NPC, split: str, seed: int) -> dict:
    source = datasets.sources[number].whole
    scored = datasets.windows(number, split).load()
    every = source.organism.parts['train']
    if split == 'validation':
        every = datasets.windows(number, 'train')
    truth_NPC, known_NPC = measured(source, scored)
    fit = baselines.limited(every, *truth_NPC.shape[1:])
    fitted = baselines.fit_all(source, scored, fit, seed)
    models = {'model': predicted_NPC}
    models |= {title: baseline.predicted_NPC for title, baseline in fitted.items()}
    truth_NPC, known_NPC = (centre(x, predicted_NPC.shape[1]) for x in (truth_NPC, known_NPC))
    models = {title: centre(x, truth_NPC.shape[1]) for title, x in models.items()}
    result = compare(
        truth_NPC,
        models,
        source.organism.tracks,
        source.target_C,
        seed=seed,
        known_NPC=known_NPC,
    )
    result['baselines'] = {
        title: {**baseline.settings, 'seconds': round(baseline.seconds, 2)}
        for title, baseline in fitted.items()
    }
    result['windows'] = {'training': len(every), 'baselines': len(fit), 'scored': len(scored)}
    result['known'] = round(float(known_NPC[..., source.target_C].mean()), 6)
    result['genes'] = _across_genes(source, scored, models, known_NPC, truth_NPC, seed)
    result['inputs'] = [source.organism.tracks[n].description for n in source.inputs]
    result['leaks'] = track_overlap.leaks(source.organism)
    return result


def _across_genes(source, scored, models, known_NPC, truth_NPC, seed: int) -> dict | None:
    """Scores at the starts of genes (see `genes.compare`); None where the data name no genes."""
    organism, spare = source.organism, scored.target_NPC.shape[1] - truth_NPC.shape[1]
    moved = spare // 2 * organism.bin
    centres = [
        dataclasses.replace(centre, start=centre.start + moved, end=centre.end - moved)
        for centre in scored.centres
    ]
    chosen = np.flatnonzero(source.target_C)
    known = np.ones(known_NPC.shape, bool)
    _, truth_GC = genes.values(truth_NPC, known_NPC, centres, organism)
    values = {
        name: genes.values(x_NPC, known, centres, organism)[1][:, chosen]
        for name, x_NPC in models.items()
    }
    names = [organism.tracks[c].identifier for c in chosen.tolist()]
    return genes.compare(truth_GC[:, chosen], values, names, seed)


def predictions(task, state, datasets, split: str = 'test') -> dict[str, np.ndarray]:
    """The model's expected reads of every window of a split, by organism: [N, P, C].

    Bins of known coverage only; the mean of both strands where training read both.
    """
    strands = [False, True] if datasets.config.reverse_complement else [False]
    total: dict[str, np.ndarray] = {}
    for flip in strands:
        rows: dict[str, list[np.ndarray]] = {name: [] for name in datasets.species}
        batches = datasets.in_order(split, state.shard(task), flip)
        for batch, predicted in state.scores(task.jitted_predict, batches):
            source = datasets.sources[int(batch['organism'][0])]
            name = datasets.species[source.number]
            bins = batch['known'].shape[1] - 2 * max(source.flank, 0)
            one_BPC = centre(predicted[name], min(bins, predicted[name].shape[1]))
            one_BPC = one_BPC[batch['weight'] > 0]
            rows[name].append(source.flipped(one_BPC) if flip else one_BPC)
        for name, parts in rows.items():
            source = datasets.sources[datasets.species.index(name)]
            rows_RPC = np.concatenate(parts) / len(strands)
            whole = rows_RPC.reshape(len(rows_RPC) // source.pieces, -1, rows_RPC.shape[2])
            total[name] = total[name] + whole if name in total else whole
    return total


def centre(x_BPC: Any, count: int) -> Any:
    """The middle `count` bins of a numpy or JAX array."""
    first = (x_BPC.shape[1] - count) // 2
    return x_BPC[:, first : first + count]


def compare(
    truth_NPC: np.ndarray,
    models: dict[str, np.ndarray],
    table: tuple,
    target_C: np.ndarray,
    seed: int = 0,
    lead: str = 'model',
    known_NPC: np.ndarray | None = None,
) -> dict:
    """Correlations on two scales, reads and log(1 + reads), with intervals.

    Args:
        models: predictions [N, P, C] by name.
        table: the tracks.
        target_C: which of them are scored; inputs are not.
        lead: the model whose paired differences to the others are reported.
        known_NPC: bins that count, bool; all by default.

    Returns:
        `tracks`: one row per track, {'identifier', 'description', MODEL: [r, low, high], 'minus':
        {OTHER: difference of the lead to it}}. `scales`: scale -> assay, or 'all' -> the same as
        means over the tracks, and their number 'tracks'. A track without reads in the windows has
        no r and is left out; `n_tracks` counts the others.
    """
    weight_WN = moments.resamples(len(truth_NPC), seed)
    if known_NPC is None:
        known_NPC = np.ones(truth_NPC.shape, bool)
    low_C, high_C = (
        extreme(np.where(known_NPC, truth_NPC, empty), (0, 1))
        for extreme, empty in ((np.min, np.inf), (np.max, -np.inf))
    )
    chosen = np.flatnonzero(target_C & (high_C > low_C))
    groups = {'all': chosen}
    for number in chosen.tolist():
        groups.setdefault(table[number].assay or 'other', []).append(number)
    if groups.keys() == {'all', 'other'}:  # no track names its assay
        del groups['other']
    scales, rows = {}, []
    for scale, transform in (('reads', np.asarray), ('log', _log)):
        r_WC = {
            name: moments.Moments.of(transform(x_NPC), transform(truth_NPC), known_NPC).pearson(
                weight_WN
            )
            for name, x_NPC in models.items()
        }
        scales[scale] = {
            group: _means({name: r[:, list(members)] for name, r in r_WC.items()}, lead)
            for group, members in groups.items()
        }
        if scale == 'reads':
            rows = [_track_row(table[c], c, r_WC, lead) for c in chosen.tolist()]
    return {'scales': scales, 'tracks': rows, 'n_tracks': len(chosen)}


def _track_row(track, number: int, r_WC: dict[str, np.ndarray], lead: str) -> dict:
    """One track's correlations by model, and the lead's differences."""
    r_W = {name: r[:, number] for name, r in r_WC.items()}
    return {
        'identifier': track.identifier,
        'description': track.description,
        **{name: moments.interval(r) for name, r in r_W.items()},
        'minus': {name: moments.interval(r_W[lead] - r) for name, r in r_W.items() if name != lead},
    }


def _means(r_WC: dict[str, np.ndarray], lead: str) -> dict:
    """Means over the tracks that are defined in a resample, and the lead's differences."""
    mean_W = {}
    for name, r in r_WC.items():
        defined = np.isfinite(r).sum(1)
        total = np.where(defined, np.nansum(r, 1), np.nan)
        mean_W[name] = total / np.maximum(defined, 1)
    return {
        **{name: moments.interval(mean) for name, mean in mean_W.items()},
        'minus': {
            n: moments.interval(mean_W[lead] - mean) for n, mean in mean_W.items() if n != lead
        },
        'tracks': next(iter(r_WC.values())).shape[1],
    }


def _log(reads: np.ndarray) -> np.ndarray:
    return np.log1p(np.maximum(reads, 0))


def _name(model: str) -> str:
    return MODEL_NAMES.get(model, model)


def as_text(result: dict) -> str:
    """Mean correlations by assay, as one table per organism."""
    lines = []
    for organism, one in result['organisms'].items():
        groups = one['scales']['reads']
        models = [name for name in groups['all'] if name not in ('minus', 'tracks')]
        inputs = f', inputs {", ".join(one["inputs"])}' if one['inputs'] else ''
        known = f', {one["known"]:.1%} of their bins known' if one['known'] < 1 else ''
        lines.append(
            f'{organism}: Pearson r, mean over tracks, '
            + metrics.intervals_over(one['windows']['scored'], f'{result["split"]} windows')
            + f'{known}{inputs}'
        )
        titles = [f'{group} ({row["tracks"]})' for group, row in groups.items()]
        table = [['', *titles]]
        rows = [(_name(name), [row[name] for row in groups.values()]) for name in models]
        rows += [
            (f'- {_name(name)}', [row['minus'][name] for row in groups.values()])
            for name in models[1:]
        ]
        for title, estimates in rows:
            table.append([title, *map(metrics.format_interval, estimates)])
        lines += metrics.text_table(table)
        lines += genes.as_text(one['genes'], MODEL_NAMES)
        windows, leaks = one['windows'], one['leaks']
        if windows['baselines'] < windows['training']:
            lines.append(
                f'  baselines are fitted on {windows["baselines"]:,} of {windows["training"]:,} '
                'training windows, evenly spread'
            )
        overlapping = leaks['windows_whose_flanks_overlap_training']
        lines.append(
            f'  {leaks["kmer_share"]:.1%} of the test {leaks["k"]}-mers occur in training windows; '
            f'{overlapping} windows overlap training in their flanks'
        )
    lines.append('"- NAME" is the model minus that baseline')
    if result['soft_clip']:
        lines.append("sums above each track's clip_soft are compressed, as in training (soft_clip)")
    return '\n'.join(lines)
