"""Motifs from attributions: seqlets, clusters of them, probability matrices.

Seqlets are windows whose summed attribution is beyond what shuffled attributions reach: within each
sequence the attributions are permuted, and the threshold is the score at which the permuted windows
are `false_discovery` of the observed ones. Seqlets are compared by normalised correlation over all
offsets and both strands, and joined by average linkage. Compared is what every base would add in
its place, less the mean of the four: then sites of one motif are alike where it allows several
letters. Where only the bases that are there are known, it is attribution times one-hot, which
divides such motifs. A cluster's seqlets are aligned to the one most like the others; columns of
little information at the ends are cut off. The steps are those of TF-MoDISco (Shrikumar et al.
2018, arXiv 1811.00416, with its hypothetical contributions), in a short form of our own.

The control is the same model trained on shuffled labels; see `control`.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.cluster import hierarchy
from scipy.spatial import distance

from genojax import dna
from genojax.interpret.motifs import meme

PSEUDOCOUNT = 0.5  # of each base in a column


@dataclasses.dataclass(frozen=True)
class MotifConfig:
    """How motifs are made from attributions.

    Attributes:
        core: bases whose attributions are summed.
        flank: bases added at each side of a core.
        false_discovery: share of the seqlets that shuffled attributions would also give.
        similarity: least mean similarity of the seqlets of a cluster, -1 to 1; lower values join
            motifs that share a few bases. None: 0.6, and 0.7 where only the bases that are there
            are known.
        min_seqlets: of the smallest cluster that is reported.
        max_seqlets: the strongest ones are clustered; the rest is counted.
        min_information: bits of a column at the end of a motif.
        seed: of the permutations.
    """

    core: int = 9
    flank: int = 4
    false_discovery: float = 0.05
    similarity: float | None = None
    min_seqlets: int = 10
    max_seqlets: int = 3000
    min_information: float = 0.3
    seed: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Seqlets:
    """Windows of sequences with their attributions.

    Attributes:
        sequence_N, start_N: where they are: the number of the sequence, and the first base.
        codes_NL: base codes.
        values_NL: attributions.
        effect_NL4: what each base would add in its place, less the mean of the four; if that is
            not known, attribution times one-hot.
        every_base: whether it is known.
        score_N: summed attribution of the core.
        threshold: least score.
        total: windows beyond the threshold, those beyond `max_seqlets` included.
    """

    sequence_N: np.ndarray
    start_N: np.ndarray
    codes_NL: np.ndarray
    values_NL: np.ndarray
    effect_NL4: np.ndarray
    every_base: bool
    score_N: np.ndarray
    threshold: float
    total: int

    def __len__(self) -> int:
        return len(self.score_N)


def find_seqlets(
    sequences: Sequence[np.ndarray],
    values: Sequence[np.ndarray],
    config: MotifConfig = MotifConfig(),
    threshold: float | None = None,
    bases: Sequence[np.ndarray] | None = None,
) -> Seqlets:
    """Windows of high attribution that do not overlap, strongest first.

    A core lies inside its sequence; flanks beyond its ends are unknown bases of attribution 0.

    Args:
        sequences: base codes.
        values: attributions of each base; NaN counts as 0.
        threshold: of the score; by default the one of `config.false_discovery`. For a control, that
            of the model.
        bases: what each base would add in each place, [L, 4], of `attribution.Attribution`: with
            it, seqlets are alike that have other letters of one motif.
    """
    values = [np.nan_to_num(values_L).astype(np.float64) for values_L in values]
    scores = [_window_sums(values_L, config.core) for values_L in values]
    if threshold is None:
        rng = np.random.default_rng(config.seed)
        null = [_window_sums(rng.permutation(values_L), config.core) for values_L in values]
        threshold = threshold_of(
            np.concatenate(scores), np.concatenate(null), config.false_discovery
        )
    size, width = config.flank, config.core + 2 * config.flank
    places: list[tuple[float, int, int]] = []
    for number, score_P in enumerate(scores):
        free_P = np.ones(len(score_P), bool)
        for start in np.argsort(-score_P, kind='stable').tolist():
            if score_P[start] < threshold:
                break
            if free_P[start]:
                places.append((float(score_P[start]), number, start - size))
                free_P[max(0, start - config.core + 1) : start + config.core] = False
    places.sort(key=lambda place: (-place[0], place[1:]))
    chosen = places[: config.max_seqlets]
    if bases is None:
        pairs = zip(sequences, values, strict=True)
        effects = [dna.one_hot(codes_L) * values_L[:, None] for codes_L, values_L in pairs]
    else:
        effects = [np.nan_to_num(x_L4 - x_L4.mean(1, keepdims=True)) for x_L4 in bases]
    sequence_N, start_N = (np.array([place[i] for place in chosen], np.int64) for i in (1, 2))

    def cut(arrays, fill, shape) -> np.ndarray:
        parts = zip(sequence_N.tolist(), start_N.tolist(), strict=True)
        return np.array([_cut(arrays[n], s, width, fill) for n, s in parts]).reshape(shape)

    return Seqlets(
        sequence_N=sequence_N,
        start_N=start_N,
        codes_NL=cut(sequences, dna.UNKNOWN, (-1, width)).astype(np.uint8),
        values_NL=cut(values, 0, (-1, width)),
        effect_NL4=cut(effects, 0, (-1, width, 4)),
        every_base=bases is not None,
        score_N=np.array([score for score, _, _ in chosen]),
        threshold=float(threshold),
        total=len(places),
    )


def _cut(array_L: np.ndarray, start: int, width: int, fill) -> np.ndarray:
    """Positions start .. start + width - 1, `fill` beyond the ends."""
    result = np.full((width, *array_L.shape[1:]), fill, array_L.dtype)
    first, last = max(start, 0), min(start + width, len(array_L))
    result[first - start : last - start] = array_L[first:last]
    return result


def _window_sums(values_L: np.ndarray, width: int) -> np.ndarray:
    return np.convolve(values_L, np.ones(width), 'valid') if len(values_L) >= width else np.zeros(0)


def threshold_of(scores_N: np.ndarray, null_N: np.ndarray, false_discovery: float) -> float:
    """The least positive score at which (null scores above) / (scores above) is at most a rate.

    Infinite if there is none. Both have the same number of windows.
    """
    ordered = np.sort(scores_N)[::-1]
    above = np.arange(1, len(ordered) + 1)
    null_above = len(null_N) - np.searchsorted(np.sort(null_N), ordered, side='left')
    good = np.flatnonzero((null_above <= false_discovery * above) & (ordered > 0))
    return float(ordered[good[-1]]) if len(good) else np.inf


@dataclasses.dataclass(frozen=True, eq=False)
class Cluster:
    """A motif, and its columns in the sequences that its seqlets were taken from.

    Attributes:
        sequence_N, start_N: the number of the sequence, and the base of the motif's first column on
            the sequence's own strand; columns may lie beyond its ends.
        reverse_N: whether the sequence holds the reverse complement.
    """

    motif: meme.MotifMatrix
    sequence_N: np.ndarray
    start_N: np.ndarray
    reverse_N: np.ndarray


def cluster(seqlets: Seqlets, config: MotifConfig = MotifConfig()) -> list[meme.MotifMatrix]:
    """Motifs of the clusters of seqlets, largest first; named by number and consensus."""
    return [one.motif for one in clusters(seqlets, config)]


def clusters(seqlets: Seqlets, config: MotifConfig = MotifConfig()) -> list[Cluster]:
    """As `cluster`, with the places of every motif."""
    if len(seqlets) < max(config.min_seqlets, 2):
        return []
    least = config.similarity
    if least is None:
        least = 0.6 if seqlets.every_base else 0.7
    similarity_NN, offset_NN, strand_NN = similarities(seqlets.effect_NL4, config.core)
    tree = hierarchy.linkage(
        distance.squareform(np.maximum(1 - similarity_NN, 0), checks=False), 'average'
    )
    label_N = hierarchy.fcluster(tree, 1 - least, 'distance')
    result = []
    for label in np.unique(label_N):
        members = np.flatnonzero(label_N == label)
        if len(members) < config.min_seqlets:
            continue
        medoid = members[similarity_NN[np.ix_(members, members)].sum(1).argmax()]
        aligned = [
            _shifted(seqlets.codes_NL[n], int(offset_NN[medoid, n]), bool(strand_NN[medoid, n]))
            for n in members.tolist()
        ]
        p_L4 = _probabilities(np.array(aligned))
        columns = _trimmed(p_L4, config.min_information)
        if columns.stop - columns.start >= 4:
            offset_N, reverse_N = offset_NN[medoid, members], strand_NN[medoid, members]
            start_N = seqlets.start_N[members] + np.where(
                reverse_N, len(p_L4) - columns.stop + offset_N, columns.start - offset_N
            )
            motif = meme.MotifMatrix('', p_L4[columns], len(members))
            result.append(Cluster(motif, seqlets.sequence_N[members], start_N, reverse_N))
    result.sort(key=lambda one: -one.motif.sites)
    return [
        dataclasses.replace(
            one,
            motif=dataclasses.replace(one.motif, name=f'motif{n:02}_{one.motif.consensus}'),
        )
        for n, one in enumerate(result, start=1)
    ]


def similarities(
    contributions_NL4: np.ndarray, core: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best normalised correlation of each pair of seqlets, its offset, and its strand.

    Args:
        contributions_NL4: of each base, as `Seqlets.effect_NL4`.
        core: bases that an alignment overlaps at least.

    Returns:
        Similarity [N, N]; the shift of the second seqlet to the right; whether it is the reverse
        complement that is shifted.
    """
    N, L, _ = contributions_NL4.shape
    scale_N = np.sqrt((contributions_NL4**2).sum((1, 2)))
    x_NL4 = (contributions_NL4 / np.maximum(scale_N, 1e-12)[:, None, None]).astype(np.float32)
    best_NN = np.full((N, N), -np.inf, np.float32)
    offset_NN, strand_NN = np.zeros((N, N), np.int16), np.zeros((N, N), bool)
    for reverse in (False, True):
        other_NL4 = x_NL4[:, ::-1, ::-1] if reverse else x_NL4
        for offset in range(core - L, L - core + 1):
            left, right = max(offset, 0), min(L, L + offset)
            score_NN = (
                x_NL4[:, left:right].reshape(N, -1)
                @ other_NL4[:, left - offset : right - offset].reshape(N, -1).T
            )
            better = score_NN > best_NN
            best_NN[better] = score_NN[better]
            offset_NN[better], strand_NN[better] = offset, reverse
    best_NN = np.maximum(best_NN, best_NN.T)
    np.fill_diagonal(best_NN, 1)
    return best_NN.astype(np.float64), offset_NN, strand_NN


def _shifted(codes_L: np.ndarray, offset: int, reverse: bool) -> np.ndarray:
    """A seqlet moved to the right, on its strand; unknown bases where it has none."""
    codes_L = dna.reverse_complement(codes_L) if reverse else codes_L
    result = np.full_like(codes_L, dna.UNKNOWN)
    left, right = max(offset, 0), min(len(codes_L), len(codes_L) + offset)
    result[left:right] = codes_L[left - offset : right - offset]
    return result


def _probabilities(codes_NL: np.ndarray) -> np.ndarray:
    counts_L4 = dna.one_hot(codes_NL).sum(0).astype(np.float64) + PSEUDOCOUNT
    return counts_L4 / counts_L4.sum(1, keepdims=True)


def _trimmed(p_L4: np.ndarray, least: float) -> slice:
    """Without the ends whose columns have less than `least` bits."""
    informative = np.flatnonzero(meme.information(p_L4) >= least)
    return slice(int(informative[0]), int(informative[-1]) + 1) if len(informative) else slice(0, 0)
