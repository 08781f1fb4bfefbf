"""Coverage of a split: correlation of predicted and measured reads per track, beside baselines.

Pearson's r of a track runs over all bins with known coverage of all windows of the split. Intervals
are bootstraps over windows, since neighbouring bins are not independent; differences are paired.
"""

import dataclasses
from typing import Any

import numpy as np

from genojax import errors, metrics
from genojax.data.splits import track_overlap
from genojax.tasks.coverage import baselines

DRAWS = 1000
_LEVEL = 0.95


@dataclasses.dataclass(frozen=True, eq=False)
class Moments:
    """Sums over bins per window and track, from which r follows for any resample of windows.

    Attributes:
        bins: per window.
        sums_5NC: sums of x, y, xx, yy, xy; x is predicted and y measured, both standardised over
            all windows.
    """

    bins: int
    sums_5NC: np.ndarray

    @classmethod
    def of(cls, predicted_NPC: np.ndarray, truth_NPC: np.ndarray) -> 'Moments':
        """The sums of predicted and measured reads; a constant track is centred, not scaled."""
        x, y = (np.asarray(z, np.float64) for z in (predicted_NPC, truth_NPC))
        x, y = (z - z.mean((0, 1)) for z in (x, y))
        x, y = (z / np.where(z.std((0, 1)) > 1e-12, z.std((0, 1)), 1) for z in (x, y))
        sums = np.stack([z.sum(1) for z in (x, y, x * x, y * y, x * y)])
        return cls(predicted_NPC.shape[1], sums)

    def pearson(self, weight_WN: np.ndarray) -> np.ndarray:
        """r per resample and track, [W, C]: 0 if a prediction is constant, NaN if the truth is."""
        count_W1 = weight_WN.sum(1, keepdims=True) * self.bins
        x, y, xx, yy, xy = (weight_WN @ sums_NC / count_W1 for sums_NC in self.sums_5NC)
        var_x, var_y = xx - x * x, yy - y * y
        tiny = 1e-9  # of a variance that is 1 over all windows
        norm = np.sqrt(np.maximum(var_x, 0) * np.maximum(var_y, 0))
        r = np.divide(
            xy - x * y, norm, out=np.zeros_like(norm), where=(var_x > tiny) & (var_y > tiny)
        )
        return np.where(var_y > tiny, r, np.nan)


def evaluate(
    task, state, datasets, split: str = 'test', limit: int | None = None, seed: int = 0
) -> dict:
    """Every organism's tables (see `compare`) for the model and the baselines, and the leak audit.

    Baselines of the test split are fitted on all training windows, validation included, since the
    model used both.

    Raises:
        UsageError: `limit` is set: every window is scored.
    """
    if limit is not None:
        raise errors.UsageError(
            f'task {task.name!r}: a limit does not apply to coverage, all windows of the split are '
            'scored. Fix: leave --limit out'
        )
    predicted = predictions(task, state, datasets, split)
    organisms = {
        name: _evaluate_organism(datasets, number, predicted[name], split, seed)
        for number, name in enumerate(datasets.species)
    }
    return {'split': split, 'soft_clip': datasets.config.soft_clip, 'organisms': organisms}


def _evaluate_organism(datasets, number: int, predicted_NPC, split: str, seed: int) -> dict:
    source = datasets.sources[number].whole
    scored = datasets.windows(number, split)
    no_shift = np.zeros(len(scored), np.int64)
    truth_NPC = source.rows(scored, no_shift.astype(bool), no_shift)[1]
    fit = source.organism.parts['train']
    if split == 'validation':
        fit = datasets.windows(number, 'train')
    fitted = baselines.fit_all(source, scored, fit, seed)
    models = {'model': predicted_NPC}
    models |= {title: baseline.predicted_NPC for title, baseline in fitted.items()}
    truth_NPC = centre(truth_NPC, predicted_NPC.shape[1])
    models = {title: centre(x, truth_NPC.shape[1]) for title, x in models.items()}
    result = compare(truth_NPC, models, source.organism.tracks, source.target_C, seed=seed)
    result['baselines'] = {
        title: {**baseline.settings, 'seconds': round(baseline.seconds, 2)}
        for title, baseline in fitted.items()
    }
    result['windows'] = {'training': len(fit), 'scored': len(scored)}
    result['inputs'] = [source.organism.tracks[n].description for n in source.inputs]
    result['leaks'] = track_overlap.leaks(source.organism)
    return result


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
) -> dict:
    """Correlations on two scales, reads and log(1 + reads), with intervals.

    Args:
        models: predictions [N, P, C] by name.
        table: the tracks.
        target_C: which of them are scored; inputs are not.
        lead: the model whose paired differences to the others are reported.

    Returns:
        `tracks`: one row per track, {'identifier', 'description', MODEL: [r, low, high], 'minus':
        {OTHER: difference of the lead to it}}. `scales`: scale -> assay, or 'all' -> the same as
        means over the tracks, and their number 'tracks'. A track without reads in the windows has
        no r and is left out; `n_tracks` counts the others.
    """
    weight_WN = resamples(len(truth_NPC), seed)
    chosen = np.flatnonzero(target_C & (truth_NPC.std((0, 1)) > 0))
    groups = {'all': chosen}
    for number in chosen.tolist():
        groups.setdefault(table[number].assay or 'other', []).append(number)
    scales, rows = {}, []
    for scale, transform in (('reads', np.asarray), ('log', _log)):
        r_WC = {
            name: Moments.of(transform(x_NPC), transform(truth_NPC)).pearson(weight_WN)
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
        **{name: _interval(r) for name, r in r_W.items()},
        'minus': {name: _interval(r_W[lead] - r) for name, r in r_W.items() if name != lead},
    }


def resamples(count: int, seed: int = 0, draws: int = DRAWS) -> np.ndarray:
    """How often each window is drawn, float64 [1 + draws, N]; in the first row each is once."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(count, size=(draws, count))
    weight_WN = np.stack([np.bincount(row, minlength=count) for row in drawn])
    return np.concatenate([np.ones((1, count)), weight_WN]).astype(np.float64)


def _means(r_WC: dict[str, np.ndarray], lead: str) -> dict:
    """Means over the tracks that are defined in a resample, and the lead's differences."""
    mean_W = {}
    for name, r in r_WC.items():
        defined = np.isfinite(r).sum(1)
        total = np.where(defined, np.nansum(r, 1), np.nan)
        mean_W[name] = total / np.maximum(defined, 1)
    return {
        **{name: _interval(mean) for name, mean in mean_W.items()},
        'minus': {n: _interval(mean_W[lead] - mean) for n, mean in mean_W.items() if n != lead},
        'tracks': next(iter(r_WC.values())).shape[1],
    }


def _interval(value_W: np.ndarray) -> list[float]:
    """[value on all windows, low, high] from the value and its resamples."""
    tail = (1 - _LEVEL) / 2
    low, high = np.nanquantile(value_W[1:], [tail, 1 - tail])
    return [round(float(value), 4) for value in (value_W[0], low, high)]


def _log(reads: np.ndarray) -> np.ndarray:
    return np.log1p(np.maximum(reads, 0))


def as_text(result: dict) -> str:
    """Mean correlations by assay, as one table per organism."""
    lines = []
    for organism, one in result['organisms'].items():
        groups = one['scales']['reads']
        models = [name for name in groups['all'] if name not in ('minus', 'tracks')]
        inputs = f', inputs {", ".join(one["inputs"])}' if one['inputs'] else ''
        lines.append(
            f'{organism}: Pearson r, mean over tracks, {one["windows"]["scored"]} '
            f'{result["split"]} windows{inputs}'
        )
        titles = [f'{group} ({row["tracks"]})' for group, row in groups.items()]
        lines.append(f'{"":<22}' + ''.join(f'{title:>26}' for title in titles))
        rows = [(name, [row[name] for row in groups.values()]) for name in models]
        rows += [
            (f'- {name}', [row['minus'][name] for row in groups.values()]) for name in models[1:]
        ]
        for title, estimates in rows:
            cells = ''.join(f'{metrics.format_interval(estimate):>26}' for estimate in estimates)
            lines.append(f'{title:<22}{cells}')
        leaks = one['leaks']
        overlapping = leaks['windows_whose_flanks_overlap_training']
        lines.append(
            f'  {leaks["kmer_share"]:.1%} of the test {leaks["k"]}-mers occur in training windows; '
            f'{overlapping} windows overlap training in their flanks'
        )
    lines.append('95 % bootstrap intervals over windows; "- name" is the model minus that baseline')
    if result['soft_clip']:
        lines.append("sums above each track's clip_soft are compressed, as in training (soft_clip)")
    return '\n'.join(lines)
