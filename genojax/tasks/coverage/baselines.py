"""Baselines of coverage tracks: the mean window, and ridge regressions on base composition.

All are fitted to training windows only. The penalty of a ridge regression, and whether it predicts
reads or log(1 + reads), are chosen per track by the correlation of its out-of-fold predictions;
windows that share bases are in one fold. Every training window is used on both strands, and
predictions are means over both strands, as the model's are. The mean of the other tracks in the
same bin is no baseline, since it needs measurements of the scored windows.

    position_mean   each track's mean over the training windows at each bin, both strands
    composition     dinucleotides of the bin and around it, 0.1 to 16 kb wide, and their squares:
                    GC content, CpG islands
    kmers           the same, and the 4-mers of the bin and of five bins around it
    accessibility   the input tracks in the bin, its neighbours and around it
    kmers_accessibility   kmers and accessibility
"""

import dataclasses
import hashlib
import time
from typing import NamedTuple

import numpy as np
import threadpoolctl

from genojax import dna, progress
from genojax.data.datasets import order
from genojax.data.formats.track_files import track_windows
from genojax.data.splits import track_overlap
from genojax.tasks.coverage import rows as row_cutting

_one_thread = threadpoolctl.threadpool_limits.wrap(limits=1)

FOLDS = 5
PENALTIES = tuple(10.0**power for power in range(1, 7))
_WIDTHS = (1, 5, 17, 65, 129)  # bins averaged over, odd
_NEIGHBOURS = (-4, -3, -2, -1, 1, 2, 3, 4)
_SCALES = ('reads', 'log')
_FOLD_STREAM = 41  # number of a stream of random bits
MAX_FLOATS = 1 << 28  # of features and predictions of the windows that baselines are fitted on


@dataclasses.dataclass(frozen=True, eq=False)
class CoverageBaseline:
    """Predictions of a baseline.

    Attributes:
        predicted_NPC: expected reads of the scored windows, float32.
        settings: how the predictor was chosen.
        seconds: for tuning, fitting and predicting.
    """

    name: str
    predicted_NPC: np.ndarray
    settings: dict
    seconds: float


def limited(windows: track_windows.WindowSet, bins: int, tracks: int) -> track_windows.TrackWindows:
    """All windows in memory, or evenly spread ones for which `MAX_FLOATS` numbers suffice.

    Args:
        bins, tracks: per window.
    """
    per_bin = 1_400 + 2 * (1 + len(PENALTIES)) * tracks  # on two strands
    count = min(len(windows), max(1, MAX_FLOATS // (bins * per_bin)))
    return windows.take(np.arange(count) * len(windows) // count).load()


def fit_all(
    source: row_cutting.OrganismRows,
    scored: track_windows.TrackWindows,
    train: track_windows.TrackWindows,
    seed: int = 0,
) -> dict[str, CoverageBaseline]:
    """Every baseline by name; those with accessibility only if the source has inputs.

    Args:
        scored: the windows to predict.
        train: the windows to fit and tune on.
    """
    groups = track_overlap.overlap_groups(train, source.organism.crop)
    views, scored_views = _both_views(source, train), _both_views(source, scored)
    fitted = {'position_mean': _position_mean(views, len(scored))}
    blocks = {'composition': ('composition',), 'kmers': ('composition', 'kmers')}
    if len(source.inputs):
        blocks['accessibility'] = ('accessibility',)
        blocks['kmers_accessibility'] = ('composition', 'kmers', 'accessibility')
    for name, parts in blocks.items():
        with progress.stage(f'fitting {name}'):
            fitted[name] = ridge(name, parts, source, views, scored_views, groups=groups, seed=seed)
    return fitted


def _both_views(
    source: row_cutting.OrganismRows, windows: track_windows.TrackWindows
) -> list[row_cutting.CutRows]:
    """The windows on each strand."""
    no_shift = np.zeros(len(windows), np.int64)
    return [source.rows(windows, np.full(len(windows), flip), no_shift) for flip in (False, True)]


def _position_mean(views, count: int) -> CoverageBaseline:
    started = time.perf_counter()
    total_PC = sum(view.target_BPC.sum(0, dtype=np.float64) for view in views)  # unknown ones are 0
    known_PC = sum(view.known_BPC.sum(0) for view in views)
    mean_C = total_PC.sum(0) / np.maximum(known_PC.sum(0), 1)
    mean_PC = np.where(known_PC > 0, total_PC / np.maximum(known_PC, 1), mean_C)
    predicted = np.broadcast_to(mean_PC, (count, *mean_PC.shape))
    return CoverageBaseline('position_mean', predicted, {}, time.perf_counter() - started)


@_one_thread
def ridge(
    name: str, parts, source, views, scored_views, *, groups: np.ndarray, seed: int = 0
) -> CoverageBaseline:
    """Ridge regression of every track on the named blocks of features.

    Args:
        parts: names of the blocks.
        views: the training windows on each strand; unknown bins are left out.
        scored_views: the same of the windows to predict.
        groups: windows of one group are in one fold.
    """
    started = time.perf_counter()
    x_NPF = [features(view.codes_BL, view.inputs_BPA, source, parts) for view in views]
    y_NPC = [view.target_BPC for view in views]
    known_NPC = [view.known_BPC for view in views]
    centre_F = np.mean([x.mean((0, 1)) for x in x_NPF], 0)
    spread_F = np.sqrt(np.mean([x.var((0, 1)) for x in x_NPF], 0)) + 1e-6
    x_NPF = [_standardized(x, centre_F, spread_F) for x in x_NPF]
    train = TuningRows(source, x_NPF, y_NPC, known_NPC, _folds(groups, seed))
    tuned = [_tune(train, scale) for scale in _SCALES]
    r_JC = np.concatenate([r for r, _ in tuned])  # J: scales x penalties
    best_C = r_JC.argmax(0)
    scale_C, penalty_C = np.divmod(best_C, len(PENALTIES))
    strands = []
    for view in scored_views:
        x = _standardized(
            features(view.codes_BL, view.inputs_BPA, source, parts), centre_F, spread_F
        )
        strands.append(np.empty(view.target_BPC.shape, np.float32))
        for number, (scale, (_, weights)) in enumerate(zip(_SCALES, tuned, strict=True)):
            for choice, weight_FC in enumerate(weights):
                track_C = (scale_C == number) & (penalty_C == choice)
                strands[-1][..., track_C] = _reads(x @ weight_FC[:, track_C], scale)
    settings = {
        'features': int(x_NPF[0].shape[-1]),
        'penalty': [PENALTIES[choice] for choice in penalty_C.tolist()],
        'scale': [_SCALES[number] for number in scale_C.tolist()],
        'cross_validated': np.round(r_JC.max(0), 4).tolist(),
    }
    seconds = time.perf_counter() - started
    return CoverageBaseline(name, _both_strands(source, strands), settings, seconds)


class TuningRows(NamedTuple):
    """The training windows of a ridge regression, on each strand.

    Attributes:
        x_NPF, y_NPC, known_NPC: features, targets and mask of each strand.
        fold_N: the fold of each window.
    """

    source: row_cutting.OrganismRows
    x_NPF: list[np.ndarray]
    y_NPC: list[np.ndarray]
    known_NPC: list[np.ndarray]
    fold_N: np.ndarray


def _tune(train: TuningRows, scale: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """For every penalty: r of out-of-fold predictions [J, C], and weights [F, C] of all windows."""
    z_NPC = [_scaled(y, scale) for y in train.y_NPC]
    count = z_NPC[0].shape[-1]
    out = [np.zeros((len(PENALTIES), *z_NPC[0].shape), np.float32) for _ in z_NPC]
    final = [np.zeros((train.x_NPF[0].shape[-1], count), np.float32) for _ in PENALTIES]
    for track_C in _equal_masks(train.known_NPC):
        known_NP = [known[..., track_C[0]] for known in train.known_NPC]
        folds = np.unique(train.fold_N)
        sums = [_gram(train, z_NPC, known_NP, track_C, train.fold_N == fold) for fold in folds]
        total = [sum(part) for part in zip(*sums, strict=True)]
        for fold, fold_sums in zip(folds, sums, strict=True):
            rest = [whole - part for whole, part in zip(total, fold_sums, strict=True)]
            row_N = train.fold_N == fold
            for choice, weight_FC in enumerate(_solve(*rest)):
                for strand, x in zip(out, train.x_NPF, strict=True):
                    strand[choice][np.ix_(row_N, range(x.shape[1]), track_C)] = _reads(
                        x[row_N] @ weight_FC, scale
                    )
        for choice, weight_FC in enumerate(_solve(*total)):
            final[choice][:, track_C] = weight_FC
    both = [_both_strands(train.source, [strand[j] for strand in out]) for j in range(len(out[0]))]
    r_JC = np.array([correlation(x, train.y_NPC[0], train.known_NPC[0]) for x in both])
    return r_JC, final


def _equal_masks(known_NPC: list[np.ndarray]) -> list[np.ndarray]:
    """Numbers of the tracks, int64, in groups that are known in the same bins on both strands."""
    groups: dict[bytes, list[int]] = {}
    for number in range(known_NPC[0].shape[-1]):
        masks = b''.join(np.packbits(known[..., number]).tobytes() for known in known_NPC)
        groups.setdefault(hashlib.sha256(masks).digest(), []).append(number)
    return [np.array(group, np.int64) for group in groups.values()]


def _both_strands(source: row_cutting.OrganismRows, strands) -> np.ndarray:
    """The mean of predictions on the stored strand and on the reverse strand."""
    return (strands[0] + source.flipped(strands[1])) / 2


def features(codes_NL, input_NPA, source: row_cutting.OrganismRows, parts) -> np.ndarray:
    """Features of the bins with known coverage, [N, P, F] float32; the last one is 1."""
    width, flank = source.organism.bin, max(source.flank, 0)
    blocks = []
    if 'composition' in parts:
        pairs_NQF = _counts(codes_NL, 2, width)
        around = [smooth(pairs_NQF, bins) for bins in _WIDTHS]
        blocks += [block for x in around for block in (x, x * x)]
    if 'kmers' in parts:
        words_NQF = _counts(codes_NL, 4, width)
        blocks += [words_NQF, smooth(words_NQF, 5)]
    inside = slice(flank, codes_NL.shape[1] // width - flank)
    blocks = [x[:, inside] for x in blocks]
    if 'accessibility' in parts:
        log_NPA = np.log1p(input_NPA)
        blocks += [input_NPA, log_NPA]
        blocks += [smooth(x, bins) for x in (input_NPA, log_NPA) for bins in _WIDTHS[1:]]
        blocks += [_neighbour(log_NPA, offset) for offset in _NEIGHBOURS]
    blocks.append(np.ones((*blocks[0].shape[:2], 1), np.float32))
    return np.concatenate(blocks, -1, dtype=np.float32)


def smooth(x_NQF: np.ndarray, bins: int) -> np.ndarray:
    """The mean over `bins` bins centred on each bin; at the ends over fewer."""
    if bins == 1:
        return x_NQF
    reach, count = bins // 2, x_NQF.shape[1]
    total = np.concatenate([np.zeros_like(x_NQF[:, :1]), np.cumsum(x_NQF, 1, dtype=np.float64)], 1)
    bin_Q = np.arange(count)
    first, last = np.maximum(bin_Q - reach, 0), np.minimum(bin_Q + reach + 1, count)
    return ((total[:, last] - total[:, first]) / (last - first)[:, None]).astype(np.float32)


def correlation(
    predicted: np.ndarray, truth: np.ndarray, known: np.ndarray | None = None
) -> np.ndarray:
    """Pearson per track over windows and bins of [N, P, C]; 0 for a constant.

    Args:
        known: bins that count, bool; None: all.
    """
    x, y = (np.asarray(z, np.float64).reshape(-1, z.shape[-1]) for z in (predicted, truth))
    if known is None or known.all():
        x, y = x - x.mean(0), y - y.mean(0)
    else:
        known = known.reshape(x.shape)
        count_C = np.maximum(known.sum(0), 1)
        x, y = (np.where(known, z, 0) for z in (x, y))
        x, y = (np.where(known, z - z.sum(0) / count_C, 0) for z in (x, y))
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


def _neighbour(x_NPF: np.ndarray, offset: int) -> np.ndarray:
    """The value `offset` bins to the right, clipped to the row."""
    bin_P = np.clip(np.arange(x_NPF.shape[1]) + offset, 0, x_NPF.shape[1] - 1)
    return x_NPF[:, bin_P]


def _standardized(x_NPF, centre_F, spread_F) -> np.ndarray:
    x = (x_NPF - centre_F) / spread_F
    x[..., -1] = 1
    return x.astype(np.float32)


def _folds(groups: np.ndarray, seed: int) -> np.ndarray:
    _, number_N = np.unique(groups, return_inverse=True)
    count = int(number_N.max()) + 1
    return order.permute(number_N, count, seed, _FOLD_STREAM) % min(FOLDS, count)


def _gram(
    train: TuningRows, z_NPC, known_NP, track_C: np.ndarray, row_N: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Sums over known bins of some windows on both strands: x^T x, x^T z, and their number.

    Args:
        known_NP: the mask of the tracks `track_C` on each strand.
        row_N: which windows.
    """
    x, z = [], []
    for view_NPF, target_NPC, known in zip(train.x_NPF, z_NPC, known_NP, strict=True):
        chosen = row_N[:, None] & known
        x.append(view_NPF[chosen])
        z.append(target_NPC[chosen][:, track_C])
    x, z = np.concatenate(x), np.concatenate(z)
    return (x.T @ x).astype(np.float64), (x.T @ z).astype(np.float64), float(len(x))


def _solve(xx_FF: np.ndarray, xz_FC: np.ndarray, rows: float) -> list[np.ndarray]:
    """Weights [F, C] for every penalty; the last feature is the constant and is not penalised."""
    # Without the constant this is a ridge regression on centred data.
    rows = max(rows, 1.0)
    mean_F, mean_C = xx_FF[-1, :-1] / rows, xz_FC[-1] / rows
    xx = xx_FF[:-1, :-1] - rows * np.outer(mean_F, mean_F)
    xz = xz_FC[:-1] - rows * np.outer(mean_F, mean_C)
    value_F, vector_FF = np.linalg.eigh(xx)
    rotated_FC = vector_FF.T @ xz
    weights = []
    for penalty in PENALTIES:
        weight_FC = vector_FF @ (rotated_FC / (np.maximum(value_F, 0) + penalty)[:, None])
        constant_C = mean_C - mean_F @ weight_FC
        weights.append(np.concatenate([weight_FC, constant_C[None]]).astype(np.float32))
    return weights


def _scaled(reads, scale: str):
    return np.log1p(reads) if scale == 'log' else reads


def _reads(predicted, scale: str):
    """Reads from the prediction on a scale; negative ones are 0."""
    return np.maximum(np.expm1(np.minimum(predicted, 10)) if scale == 'log' else predicted, 0)
