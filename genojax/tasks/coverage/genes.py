"""Expression: correlation of predicted and measured reads at the starts of genes.

The value of a gene in a track is log(1 + reads) in the bin of its first base and its neighbours. It
is read in the direction of the gene: for a gene on the reverse strand, from the other track of a
strand pair. Genes of which a bin is not known have no value in that track.

Across genes: Pearson's r of the genes, per track. Across tracks: of a gene's values over tracks,
each track centred on its mean over genes, so that it says which samples read a gene more than
others do. Intervals are bootstraps over genes; a baseline or model is compared on the same genes.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from genojax import metrics
from genojax.data.formats.track_files import track_windows

REACH = 1  # bins to either side of the one with the first base
MIN_GENES = 10  # fewer have no scores
_MIN_TRACKS = 3  # across tracks
_DRAWS = 1_000
_LEVEL = 0.95


def values(
    reads_NPC: np.ndarray,
    known_NPC: np.ndarray,
    centres: Sequence,
    organism: track_windows.Organism,
) -> tuple[list[track_windows.GeneStart], np.ndarray]:
    """The genes whose bins lie in the windows, and their values [genes, C], NaN where not known.

    Args:
        reads_NPC: of the windows' bins.
        centres: where these bins lie.
    """
    genes, rows = [], []
    width = organism.bin
    by_contig: dict[str, list[int]] = {}
    for number, centre in enumerate(centres):
        by_contig.setdefault(centre.contig, []).append(number)
    for gene in organism.genes:
        for number in by_contig.get(gene.contig, ()):
            middle = (gene.position - centres[number].start) // width
            if not REACH <= middle < reads_NPC.shape[1] - REACH:
                continue
            bins = slice(middle - REACH, middle + REACH + 1)
            total_C = reads_NPC[number, bins].sum(0)
            row_C = np.where(
                known_NPC[number, bins].all(0), np.log1p(np.maximum(total_C, 0)), np.nan
            )
            genes.append(gene)
            rows.append(row_C if gene.strand == '+' else row_C[organism.pairs])
            break
    return genes, np.array(rows).reshape(len(rows), reads_NPC.shape[2])


def compare(
    truth_GC: np.ndarray,
    models: Mapping[str, np.ndarray],
    names: Sequence[str],
    seed: int = 0,
) -> dict | None:
    """Scores across genes and across tracks; None for fewer than `MIN_GENES` genes.

    Args:
        truth_GC: values of the genes that are scored, only of the tracks `names`.
        models: values by name, same shape.

    Returns:
        `genes`: their number; `across_genes`: {track: {model: [r, low, high]}}, and 'all', the mean
        over tracks; `across_tracks`: {model: [r, low, high]}, the mean over genes, or None.
    """
    if len(truth_GC) < MIN_GENES:
        return None
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(truth_GC), size=(_DRAWS, len(truth_GC)))
    weight_WG = np.stack([np.bincount(row, minlength=len(truth_GC)) for row in drawn])
    weight_WG = np.concatenate([np.ones((1, len(truth_GC))), weight_WG])
    chosen = [c for c in range(len(names)) if _varies(truth_GC[:, c])]
    if not chosen:
        return None
    # 0 for a prediction that is constant.
    r_WC = {
        model: np.nan_to_num(
            np.stack(
                [metrics.pearson(truth_GC[:, c], value_GC[:, c], weight_WG) for c in chosen], -1
            )
        )
        for model, value_GC in models.items()
    }
    across = {
        names[c]: {model: _interval(r_WC[model][:, i]) for model in models}
        for i, c in enumerate(chosen)
    }
    across['all'] = {model: _interval(r.mean(1)) for model, r in r_WC.items()}
    return {
        'genes': len(truth_GC),
        'across_genes': across,
        'across_tracks': _across_tracks(truth_GC, models, weight_WG),
    }


def _across_tracks(
    truth_GC: np.ndarray, models: Mapping[str, np.ndarray], weight_WG
) -> dict | None:
    known_GC = np.isfinite(truth_GC)
    row_G = known_GC.all(1)
    if truth_GC.shape[1] < _MIN_TRACKS or row_G.sum() < MIN_GENES:
        return None
    truth = truth_GC[row_G] - truth_GC[row_G].mean(0)
    result = {}
    for model, value_GC in models.items():
        value = value_GC[row_G] - value_GC[row_G].mean(0)
        x, y = (z - z.mean(1, keepdims=True) for z in (value, truth))
        norm_G = np.sqrt((x * x).sum(1) * (y * y).sum(1))
        r_G = np.divide((x * y).sum(1), norm_G, out=np.zeros_like(norm_G), where=norm_G > 1e-12)
        weight = weight_WG[:, row_G]
        result[model] = _interval(weight @ r_G / np.maximum(weight.sum(1), 1))
    return result


def _varies(truth_G: np.ndarray) -> bool:
    """Whether enough genes have a value, and not all the same."""
    known = truth_G[np.isfinite(truth_G)]
    return len(known) >= MIN_GENES and bool(known.max() > known.min())


def _interval(value_W: np.ndarray) -> list[float]:
    """[value of all genes, low, high]."""
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(value_W[1:], [tail, 1 - tail])
    return [round(float(value), 4) for value in (value_W[0], low, high)]


def as_text(result: dict | None, names: Mapping[str, str]) -> list[str]:
    """The scores in two lines, the models by the names that are shown."""
    if not result:
        return []
    parts = [('across genes, mean over tracks', result['across_genes']['all'])]
    if result['across_tracks']:
        parts.append(('across tracks, mean over genes', result['across_tracks']))
    return [
        f'  {what}, {metrics.intervals_over(result["genes"], "genes")}: '
        + ', '.join(f'{names.get(m, m)} {metrics.format_interval(r)}' for m, r in scores.items())
        for what, scores in parts
    ]
