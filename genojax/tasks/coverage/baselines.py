"""What a model of coverage tracks has to beat: the mean window, and ridge regressions on base composition.

All are fitted to the training windows alone. A ridge's penalty, and whether it predicts reads or log(1 + reads), are chosen for
each track by the correlation of its out-of-fold predictions; folds keep windows that share bases together. Training
windows count twice, once on each strand, and predictions are means of both strands', as the model's are. A prediction of the
mean of the other tracks at the same bin would need the held-out measurements, so it is no baseline; `position_mean` is
what remains of 'the mean track'.

    position_mean   each track's mean over the training windows, on both strands, at each bin of the window
    composition     dinucleotides of the bin and around it, 0.1 to 16 kb wide, and their squares: GC content, CpG islands
    kmers           the same, with the 4-mers of the bin and of the five bins around it
    accessibility   the input tracks in the bin, its neighbours and around it
    kmers_accessibility   both
"""

import dataclasses
import time

import numpy as np
import threadpoolctl

from genojax import dna
from genojax.data.datasets import order
from genojax.data.formats import track_windows
from genojax.data.splits import track_overlap
from genojax.tasks.coverage import rows as row_cutting

_one_thread = threadpoolctl.threadpool_limits.wrap(limits=1)

FOLDS = 5
PENALTIES = tuple(10.0**power for power in range(1, 7))
_WIDTHS = (1, 5, 17, 65, 129)  # bins averaged over, odd
_NEIGHBOURS = (-4, -3, -2, -1, 1, 2, 3, 4)
_SCALES = ('reads', 'log')


@dataclasses.dataclass(frozen=True, eq=False)
class Baseline:
    """Predicted reads of the held-out windows [N, P, C], and how the predictor was chosen."""

    name: str
    predicted_NPC: np.ndarray
    settings: dict
    seconds: float


def fit_all(
    source: row_cutting.OrganismRows,
    held: track_windows.Windows,
    train: track_windows.Windows,
    seed: int = 0,
) -> dict[str, Baseline]:
    """Every baseline by name; those with accessibility only where the source has inputs.

    Args:
        held: the windows to predict.
        train: the windows to fit and tune on.
    """
    groups = track_overlap.overlap_groups(train, source.organism.crop)
    no, yes = np.zeros(len(train), bool), np.ones(len(train), bool)
    still = np.zeros(len(train), np.int64)
    views = [source.rows(train, flip, still) for flip in (no, yes)]
    still = np.zeros(len(held), np.int64)
    held_views = [source.rows(held, np.full(len(held), flip), still) for flip in (False, True)]
    found = {'position_mean': _position_mean(views, len(held))}
    blocks = {'composition': ('composition',), 'kmers': ('composition', 'kmers')}
    if len(source.inputs):
        blocks['accessibility'] = ('accessibility',)
        blocks['kmers_accessibility'] = ('composition', 'kmers', 'accessibility')
    for name, parts in blocks.items():
        found[name] = ridge(name, parts, source, views, held_views, groups, seed)
    return found


def _position_mean(views, count: int) -> Baseline:
    started = time.perf_counter()
    mean_PC = np.mean([target.mean(0) for _, target, _ in views], 0)
    predicted = np.broadcast_to(mean_PC, (count, *mean_PC.shape))
    return Baseline('position_mean', predicted, {}, time.perf_counter() - started)


@_one_thread
def ridge(name: str, parts, source, views, held_views, groups, seed: int = 0) -> Baseline:
    """Ridge regression of every track on the named blocks of features.

    Args:
        views: (codes, targets, inputs) of the training windows on each strand; held_views of those to predict.
        groups: windows of one group are in one fold.
    """
    started = time.perf_counter()
    x_NPF = [features(codes, given, source, parts) for codes, _, given in views]
    y_NPC = [target for _, target, _ in views]
    centre_F = np.mean([x.mean((0, 1)) for x in x_NPF], 0)
    spread_F = np.sqrt(np.mean([x.var((0, 1)) for x in x_NPF], 0)) + 1e-6
    x_NPF = [_standard(x, centre_F, spread_F) for x in x_NPF]
    fold_N = _folds(groups, seed)
    folds = np.unique(fold_N)
    count = y_NPC[0].shape[-1]
    score_SAC = np.full((len(_SCALES), len(PENALTIES), count), -np.inf)
    weights = {}
    for s, scale in enumerate(_SCALES):
        z_NPC = [_scaled(y, scale) for y in y_NPC]
        grams = [_gram(x_NPF, z_NPC, fold_N == fold) for fold in folds]
        whole = [sum(part) for part in zip(*grams, strict=True)]
        out_ANPC = np.zeros((len(PENALTIES), *y_NPC[0].shape), np.float32)
        for fold, gram in zip(folds, grams, strict=True):
            rest = [all_ - part for all_, part in zip(whole, gram, strict=True)]
            mine = fold_N == fold
            for a, weight_FC in enumerate(_solve(*rest)):
                strands = [_reads(x[mine] @ weight_FC, scale) for x in x_NPF]
                out_ANPC[a, mine] = _both_strands(source, strands)
        score_SAC[s] = [correlation(out, y_NPC[0]) for out in out_ANPC]
        weights[scale] = _solve(*whole)
    best_C = score_SAC.reshape(-1, count).argmax(0)
    scale_C, penalty_C = np.divmod(best_C, len(PENALTIES))
    strands = []
    for codes, target, given in held_views:
        x = _standard(features(codes, given, source, parts), centre_F, spread_F)
        strands.append(np.empty(target.shape, np.float32))
        for s, scale in enumerate(_SCALES):
            for a, weight_FC in enumerate(weights[scale]):
                mine = (scale_C == s) & (penalty_C == a)
                strands[-1][..., mine] = _reads(x @ weight_FC[:, mine], scale)
    predicted = _both_strands(source, strands)
    settings = {
        'features': int(x_NPF[0].shape[-1]),
        'penalty': [PENALTIES[a] for a in penalty_C.tolist()],
        'scale': [_SCALES[s] for s in scale_C.tolist()],
        'cross_validated': np.round(score_SAC.reshape(-1, count).max(0), 4).tolist(),
    }
    return Baseline(name, predicted, settings, time.perf_counter() - started)


def _both_strands(source: row_cutting.OrganismRows, strands) -> np.ndarray:
    """The mean of predictions made on the strand as stored and on the other one."""
    return (strands[0] + source.flipped(strands[1])) / 2


def features(codes_NL, given_NPA, source: row_cutting.OrganismRows, parts) -> np.ndarray:
    """Features of the bins with known coverage, [N, P, F] float32; the last one is 1."""
    width, flank = source.organism.bin, max(source.flank, 0)
    made = []
    if 'composition' in parts:
        pairs_NQF = _counts(codes_NL, 2, width)
        around = [smooth(pairs_NQF, bins) for bins in _WIDTHS]
        made += [block for x in around for block in (x, x * x)]
    if 'kmers' in parts:
        words_NQF = _counts(codes_NL, 4, width)
        made += [words_NQF, smooth(words_NQF, 5)]
    inside = slice(flank, codes_NL.shape[1] // width - flank)
    made = [x[:, inside] for x in made]
    if 'accessibility' in parts:
        log_NPA = np.log1p(given_NPA)
        made += [given_NPA, log_NPA]
        made += [smooth(x, bins) for x in (given_NPA, log_NPA) for bins in _WIDTHS[1:]]
        made += [_moved(log_NPA, by) for by in _NEIGHBOURS]
    made.append(np.ones((*made[0].shape[:2], 1), np.float32))
    return np.concatenate(made, -1, dtype=np.float32)


def smooth(x_NQF: np.ndarray, bins: int) -> np.ndarray:
    """The mean over `bins` bins around each, fewer at the ends."""
    if bins == 1:
        return x_NQF
    reach, count = bins // 2, x_NQF.shape[1]
    total = np.concatenate([np.zeros_like(x_NQF[:, :1]), np.cumsum(x_NQF, 1, dtype=np.float64)], 1)
    place = np.arange(count)
    first, last = np.maximum(place - reach, 0), np.minimum(place + reach + 1, count)
    return ((total[:, last] - total[:, first]) / (last - first)[:, None]).astype(np.float32)


def correlation(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Pearson per track over windows and bins of [N, P, C]; 0 for a constant."""
    x, y = (np.asarray(z, np.float64).reshape(-1, z.shape[-1]) for z in (predicted, truth))
    x, y = x - x.mean(0), y - y.mean(0)
    norm = np.sqrt((x * x).sum(0) * (y * y).sum(0))
    return np.divide((x * y).sum(0), norm, out=np.zeros_like(norm), where=norm > 0)


def _counts(codes_NL: np.ndarray, k: int, width: int) -> np.ndarray:
    """How often each k-mer begins in each bin, float32 [N, L / width, 4^k]."""
    count, length = codes_NL.shape
    index = np.full((count, length), -1, np.int64)
    index[:, : length - k + 1] = dna.kmer_indices(codes_NL, k)
    bins = np.arange(count * length).reshape(count, length) // width
    real = index >= 0
    flat = np.bincount(bins[real] * 4**k + index[real], minlength=count * length // width * 4**k)
    return flat.reshape(count, length // width, 4**k).astype(np.float32)


def _moved(x_NPF: np.ndarray, by: int) -> np.ndarray:
    """The value `by` bins to the right; that of the last bin beyond the end."""
    place = np.clip(np.arange(x_NPF.shape[1]) + by, 0, x_NPF.shape[1] - 1)
    return x_NPF[:, place]


def _standard(x_NPF, centre_F, spread_F) -> np.ndarray:
    x = (x_NPF - centre_F) / spread_F
    x[..., -1] = 1
    return x.astype(np.float32)


def _folds(groups: np.ndarray, seed: int) -> np.ndarray:
    _, number_N = np.unique(groups, return_inverse=True)
    count = int(number_N.max()) + 1
    return order.permute(number_N, count, seed, 41) % min(FOLDS, count)


def _gram(x_NPF, z_NPC, rows) -> tuple[np.ndarray, np.ndarray, float]:
    """Sums over some windows of both strands: x x, x z, and the number of rows."""
    x = np.concatenate([view[rows].reshape(-1, view.shape[-1]) for view in x_NPF])
    z = np.concatenate([view[rows].reshape(-1, view.shape[-1]) for view in z_NPC])
    return (x.T @ x).astype(np.float64), (x.T @ z).astype(np.float64), float(len(x))


def _solve(xx_FF: np.ndarray, xz_FC: np.ndarray, rows: float) -> list[np.ndarray]:
    """Weights [F, C] for every penalty, which does not hold for the constant: its feature is not shrunk."""
    # The constant is taken out first, so the rest is a ridge on centred data.
    mean_F, mean_C = xx_FF[-1, :-1] / rows, xz_FC[-1] / rows
    xx = xx_FF[:-1, :-1] - rows * np.outer(mean_F, mean_F)
    xz = xz_FC[:-1] - rows * np.outer(mean_F, mean_C)
    value_E, vector_FE = np.linalg.eigh(xx)
    turned_EC = vector_FE.T @ xz
    found = []
    for penalty in PENALTIES:
        weight_FC = vector_FE @ (turned_EC / (np.maximum(value_E, 0) + penalty)[:, None])
        found.append(
            np.concatenate([weight_FC, (mean_C - mean_F @ weight_FC)[None]]).astype(np.float32)
        )
    return found


def _scaled(reads, scale: str):
    return np.log1p(reads) if scale == 'log' else reads


def _reads(predicted, scale: str):
    """Back to reads, none negative."""
    return np.maximum(np.expm1(np.minimum(predicted, 10)) if scale == 'log' else predicted, 0)
