"""Contacts of a split: correlation at equal distance, beside baselines and, if known, the ceiling.

Pearson's and Spearman's r are computed among the pairs of bins of all windows that lie at the same
distance, one distance after the other, and averaged with the number of known pairs as weights. So a
model that knows only how contacts decay with distance has r = 0. Intervals are bootstraps over
windows; differences are paired. The ranks of a resample are those among all windows.
"""

from typing import Any

import numpy as np
from scipy import stats

from genojax import metrics
from genojax.metrics import moments
from genojax.tasks.contacts import baselines

CEILING = 'ceiling'
# What tables and reports call the models.
MODEL_NAMES = {
    'model': 'model',
    'distance': 'distance alone',
    'insulation': 'GC and motif counts',
    'oriented': 'GC, motif counts and strands',
    CEILING: 'true rates (ceiling)',
}


def evaluate(
    task, state, datasets, split: str = 'test', limit: int | None = None, seed: int = 0
) -> dict[str, Any]:
    """Scores of the model and of baselines by distance (see `compare`), and counts.

    Baselines of the test split are fitted on all training windows, validation included, since the
    model used both.

    Args:
        limit: largest number of windows.
    """
    c = datasets.config
    predicted_NPP = predictions(task, state, datasets, split, limit)
    scored = datasets.load(datasets.windows[split][:limit])
    fit = datasets.windows['train'] + (datasets.windows['validation'] if split == 'test' else [])
    chosen = baselines.limited(len(fit), c.bins)
    train = datasets.load([fit[number] for number in chosen.tolist()])
    contents = [
        baselines.BinContents.of(rows.codes_NL, c.crop, c.bin, task.config.motif)
        for rows in (train, scored)
    ]
    fitted = baselines.fit_all(
        contents[0],
        datasets.target(train.contacts_NPP),
        train.known_NPP,
        contents[1],
        datasets.diagonals,
    )
    models = {'model': predicted_NPP}
    models |= {name: baseline.predicted_NPP for name, baseline in fitted.items()}
    if scored.rates_NPP is not None:
        models[CEILING] = datasets.target(scored.rates_NPP)
    target_NPP = datasets.target(scored.contacts_NPP)
    error_NPP = np.where(scored.known_NPP, predicted_NPP - target_NPP, 0.0)
    return {
        'split': split,
        'bin': c.bin,
        'scores': compare(target_NPP, models, scored.known_NPP, c.bin, seed),
        'squared_error': round(float((error_NPP**2).sum() / scored.known_NPP.sum()), 6),
        'variance': round(float(target_NPP[scored.known_NPP].var()), 6),
        'known': round(float(scored.known_NPP.mean()), 6),
        'windows': {'training': len(fit), 'baselines': len(chosen), 'scored': len(predicted_NPP)},
        'baselines': {
            name: {'features': one.features, 'seconds': round(one.seconds, 2)}
            for name, one in fitted.items()
        },
        'species': [source.name for source in datasets.sources],
        'limited': metrics.limited.entry(
            len(predicted_NPP), len(datasets.windows[split]), 'windows'
        ),
    }


def predictions(task, state, datasets, split: str, limit: int | None = None) -> np.ndarray:
    """Predicted log observed / expected of every window of a split, float32 [N, P, P].

    The mean of both strands where training read both.
    """
    strands = [False, True] if datasets.config.reverse_complement else [False]
    total: Any = 0
    for flip in strands:
        batches = datasets.in_order(split, state.shard(task), flip, limit)
        parts = [
            predicted[batch['weight'] > 0]
            for batch, predicted in state.scores(task.jitted_map, batches)
        ]
        one_NPP = np.concatenate(parts)
        total = total + (one_NPP[:, ::-1, ::-1] if flip else one_NPP) / len(strands)
    return np.asarray(total, np.float32)


def compare(
    truth_NPP: np.ndarray,
    models: dict[str, np.ndarray],
    known_NPP: np.ndarray,
    bin: int,
    seed: int = 0,
    lead: str = 'model',
) -> dict[str, dict]:
    """Correlations with intervals: statistic -> range of distances, or 'all' -> scores.

    Args:
        truth_NPP: log observed / expected; what unknown pairs hold has no effect.
        models: predictions by name.
        known_NPP: symmetric.
        bin: bases per bin, for the names of the ranges.
        lead: the model whose paired differences to the others are reported.

    Returns:
        Scores are {MODEL: [r, low, high], 'minus': {OTHER: difference of the lead to it}, 'pairs':
        number of known pairs}.
    """
    weight_WN = moments.resamples(len(truth_NPP), seed)
    known_NPC = by_distance(known_NPP, False)
    truth_NPC = by_distance(np.where(known_NPP, truth_NPP, 0), 0.0)
    count_C = known_NPC.sum((0, 1))
    named = {name: by_distance(x_NPP, 0.0) for name, x_NPP in models.items()}
    result = {}
    for statistic, transform in (('pearson', lambda x, known: x), ('spearman', ranks)):
        y_NPC = transform(truth_NPC, known_NPC)
        r_WC = {
            name: moments.Moments.of(transform(x_NPC, known_NPC), y_NPC, known_NPC).pearson(
                weight_WN
            )
            for name, x_NPC in named.items()
        }
        result[statistic] = {
            name: _scores(r_WC, distance_C, count_C, lead)
            for name, distance_C in ranges(count_C, bin).items()
        }
    return result


def by_distance(x_NPP: np.ndarray, fill: float | bool) -> np.ndarray:
    """The upper triangle with distance as the last axis: [n, i, d] is the pair (i, i + d).

    Args:
        fill: where there is no bin i + d.
    """
    bins = x_NPP.shape[1]
    row_P1 = np.arange(bins)[:, None]
    column_PC = row_P1 + np.arange(bins)
    values_NPC = x_NPP[:, row_P1, np.minimum(column_PC, bins - 1)]
    return np.where(column_PC < bins, values_NPC, fill)


def ranks(x_NPC: np.ndarray, known_NPC: np.ndarray) -> np.ndarray:
    """Ranks of known values among those at the same distance, ties at their mean; others 0."""
    result_NPC = np.zeros(x_NPC.shape)
    for distance in range(x_NPC.shape[2]):
        known_NP = known_NPC[..., distance]
        result_NPC[..., distance][known_NP] = stats.rankdata(x_NPC[..., distance][known_NP])
    return result_NPC


def ranges(count_C: np.ndarray, bin: int) -> dict[str, np.ndarray]:
    """'all' and ranges of distances that double, with the distances that have known pairs."""
    distance_C = np.flatnonzero(count_C > 2)
    result = {'all': distance_C}
    low = 1
    while low < len(count_C):
        inside = distance_C[(distance_C >= low) & (distance_C < 2 * low)]
        if len(inside):
            result[f'{low * bin / 1000:g}-{2 * low * bin / 1000:g} kb'] = inside
        low *= 2
    return result


def _scores(
    r_WC: dict[str, np.ndarray], distance_C: np.ndarray, count_C: np.ndarray, lead: str
) -> dict:
    mean_W = {}
    for name, r in r_WC.items():
        weight_C = np.where(np.isfinite(r[:, distance_C]), count_C[distance_C], 0)
        total_W = np.where(weight_C > 0, r[:, distance_C], 0) * weight_C
        mean_W[name] = total_W.sum(1) / np.maximum(weight_C.sum(1), 1)
    return {
        **{name: moments.interval(r_W) for name, r_W in mean_W.items()},
        'minus': {
            name: moments.interval(mean_W[lead] - r_W)
            for name, r_W in mean_W.items()
            if name not in (lead, CEILING)
        },
        'pairs': int(count_C[distance_C].sum()),
    }


def as_text(result: dict) -> str:
    """Correlations by range of distances, a table per statistic."""
    windows = result['windows']
    lines = [
        f'{", ".join(result["species"])}: correlation at equal distance, {windows["scored"]:,} '
        f'{result["split"]} windows, bins of {result["bin"]:,} bp, {result["known"]:.1%} of their '
        'pairs known'
    ]
    for statistic, groups in result['scores'].items():
        titles = [f'{name} ({row["pairs"]:,})' for name, row in groups.items()]
        table = [[statistic, *titles]]
        models = [name for name in groups['all'] if name not in ('minus', 'pairs')]
        rows = [
            (MODEL_NAMES.get(name, name), [row[name] for row in groups.values()]) for name in models
        ]
        rows += [
            (f'- {MODEL_NAMES.get(name, name)}', [row['minus'][name] for row in groups.values()])
            for name in groups['all']['minus']
        ]
        for title, estimates in rows:
            table.append([title, *map(metrics.format_interval, estimates)])
        lines += metrics.text_table(table)
    lines.append(
        f'mean squared error {result["squared_error"]:.4f}, variance of the target '
        f'{result["variance"]:.4f}'
    )
    if CEILING in result['scores']['pearson']['all']:
        lines.append('the true rates are those that the simulated counts were drawn from')
    lines.append(
        f'{metrics.intervals_over(windows["scored"], "windows")}; "- NAME" is the model minus that '
        'baseline; the number of pairs is in brackets'
    )
    return '\n'.join(lines)
