"""Scores of two whole windows: pseudo-log-likelihood, embedding distance, difference of tracks.

Both windows hold the same number of bases, so that no score counts the length of an allele as
evidence: a deletion brings as many new bases into the window as it takes out.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from genojax import variants
from genojax.inference import likelihood, model
from genojax.variants.windows import AllelePair

_WINDOWS_AT_ONCE = 16  # of predicted tracks in memory, pairs that share a reference included


def default_groups(source: model.Model) -> int:
    """n such that hiding every n-th base (or token, where they do not overlap) masks 15 %."""
    tokenizer = source.tokenizer
    tokens_per_base = tokenizer.bases_per_token if tokenizer.overlapping else 1
    return int(np.ceil(tokens_per_base / variants.MASKED_SHARE))


def pseudo_log_likelihood(
    source: model.Model, pairs: Sequence[AllelePair], groups: int | None
) -> np.ndarray:
    """The pseudo-log-likelihood of the alternate window minus that of the reference, bits.

    Each is the mean log2 p per scored base (Salazar et al. 2020), times the scored bases of the
    reference window: N in the context takes no part. NaN where a window cannot be scored.

    Args:
        groups: hide every n-th base together; None hides one at a time.

    Returns:
        float64 [N].
    """
    numbers, windows = _distinct(pairs)
    scored = likelihood.score(source, windows, groups)
    with np.errstate(invalid='ignore', divide='ignore'):
        mean = scored.total_N / scored.scored_N
    alternate, reference = numbers.T
    return (mean[alternate] - mean[reference]) * scored.scored_N[reference]


def embedding_distance(source: model.Model, pairs: Sequence[AllelePair]) -> np.ndarray:
    """Euclidean distance of the pooled vectors of the two windows, float64 [N]."""
    numbers, windows = _distinct(pairs)
    vectors: list = [None] * len(windows)
    for number, vector, _ in source.features(windows, 'pooled'):
        vectors[number] = vector.astype(np.float64)
    distances = [np.linalg.norm(vectors[a] - vectors[r]) for a, r in numbers.tolist()]
    return np.array(distances, np.float64)


def track_differences(
    source: model.Model, pairs: Sequence[AllelePair]
) -> tuple[np.ndarray, np.ndarray]:
    """How predicted coverage changes, over all tracks of all organisms of the model.

    Returns:
        Two float64 [N]. The mean over tracks of log2((1 + alternate) / (1 + reference)) of the
        coverage summed over the bins of the window; and the mean over tracks of the Euclidean
        norm over bins of log2(1 + alternate) - log2(1 + reference) (Linder et al. 2025, Nature
        Genetics 57:949, the score L2 of Borzoi).
    """
    ratio, norm = np.full(len(pairs), np.nan), np.full(len(pairs), np.nan)
    for chosen in _batched(range(len(pairs)), _WINDOWS_AT_ONCE // 2):
        numbers, windows = _distinct([pairs[i] for i in chosen])
        tracks: list = [None] * len(windows)
        for number, values, _ in source.features(windows, 'tracks'):
            bins_PC = np.concatenate([values[name] for name in sorted(values)], axis=1)
            tracks[number] = bins_PC.astype(np.float64)
        for pair, (alternate, reference) in zip(chosen, numbers.tolist(), strict=True):
            sums = [np.log2(1 + tracks[i].sum(0)) for i in (alternate, reference)]
            logs = [np.log2(1 + tracks[i]) for i in (alternate, reference)]
            ratio[pair] = (sums[0] - sums[1]).mean()
            norm[pair] = np.sqrt(((logs[0] - logs[1]) ** 2).sum(0)).mean()
    return ratio, norm


def _distinct(pairs: Sequence[AllelePair]) -> tuple[np.ndarray, list[np.ndarray]]:
    """The windows without repetitions, and the numbers of (alternate, reference), int [N, 2]."""
    numbers: dict[bytes, int] = {}
    windows: list[np.ndarray] = []
    indices = []
    for pair in pairs:
        for codes_L in (pair.alternate_L, pair.reference_L):
            number = numbers.setdefault(codes_L.tobytes(), len(windows))
            if number == len(windows):
                windows.append(codes_L)
            indices.append(number)
    return np.array(indices, np.int64).reshape(-1, 2), windows


def _batched(items: Sequence[int], size: int) -> Iterator[list[int]]:
    iterator = iter(items)
    while part := list(itertools.islice(iterator, size)):
        yield part
