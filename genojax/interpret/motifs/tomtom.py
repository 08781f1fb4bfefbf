"""Similarity of motifs with p-values, by Tomtom's method (Gupta et al. 2007, Genome Biology 8:R24).

Columns are compared by their Euclidean distance. For each query column its scores against all
columns of all targets are the null distribution; scores are whole numbers, so the sum over the
columns of an alignment has an exact distribution, by convolution. The p-value of the best of the K
alignments of a pair (offsets and strands) is 1 - (1 - p)^K; q-values of one query's targets are
Benjamini and Hochberg's.

Unlike later versions of Tomtom, columns that do not overlap count nothing, so p-values of short
overlaps are larger; `min_overlap` bounds them.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from genojax.interpret.motifs import meme

_BINS = 100  # whole numbers that a column's score takes


@dataclasses.dataclass(frozen=True)
class Match:
    """A target that a query resembles.

    Attributes:
        query, target: names.
        offset: column of the target under the query's first column.
        strand: of the target, '+' or '-'.
        overlap: columns of the alignment.
        p_value: of the best alignment, corrected for their number.
        q_value: least false discovery rate among the query's targets at which it is reported.
    """

    query: str
    target: str
    offset: int
    strand: str
    overlap: int
    p_value: float
    q_value: float


def matches(
    query: meme.MotifMatrix, targets: Sequence[meme.MotifMatrix], min_overlap: int = 5
) -> list[Match]:
    """All targets, best first.

    Args:
        min_overlap: columns of the shortest alignment; of shorter motifs, all of their columns.
    """
    both = [(target, target.reverse_complement()) for target in targets]
    columns_N4 = np.concatenate([strand.p_W4 for pair in both for strand in pair])
    scores_WN = column_scores(query.p_W4, columns_N4)
    tails = _Tails(scores_WN)
    results, start = [], 0
    for pair in both:
        best, count = (1.1, 0, '+', 0), 0
        least = min(min_overlap, len(query), len(pair[0]))
        for strand, target in zip('+-', pair, strict=True):
            part_WN = scores_WN[:, start : start + len(target)]
            start += len(target)
            for offset in range(least - len(query), len(target) - least + 1):
                first, last = max(0, -offset), min(len(query), len(target) - offset)
                if last - first < least:
                    continue
                rows = np.arange(first, last)
                p_value = tails.p_value(first, last, int(part_WN[rows, rows + offset].sum()))
                best = min(best, (p_value, offset, strand, last - first))
                count += 1
        p_value = float(-np.expm1(count * np.log1p(-min(best[0], 1.0)))) if best[0] < 1 else 1.0
        results.append(Match(query.name, pair[0].name, *best[1:], p_value, 1.0))
    return _with_q_values(results)


def column_scores(query_W4: np.ndarray, columns_N4: np.ndarray) -> np.ndarray:
    """Similarity of columns as whole numbers 0 .. 100: 100 where they are equal, [W, N]."""
    distance_WN = np.sqrt(((query_W4[:, None] - columns_N4[None]) ** 2).sum(-1))
    return np.rint(_BINS * (1 - distance_WN / np.sqrt(2))).astype(np.int64)


class _Tails:
    """Exact p-values of sums of the scores of consecutive query columns under the null."""

    def __init__(self, scores_WN: np.ndarray):
        self.p_WB = np.stack(
            [np.bincount(row, minlength=_BINS + 1) / len(row) for row in scores_WN]
        )
        self._tails: dict[tuple[int, int], np.ndarray] = {}

    def p_value(self, first: int, last: int, score: int) -> float:
        """P(sum over columns first .. last - 1 >= score)."""
        key = first, last
        if key not in self._tails:
            total = np.ones(1)
            for p_B in self.p_WB[first:last]:
                total = np.convolve(total, p_B)
            self._tails[key] = np.cumsum(total[::-1])[::-1]
        return float(min(self._tails[key][score], 1.0))


def _with_q_values(results: list[Match]) -> list[Match]:
    """Sorted by p-value, with Benjamini and Hochberg's q-values."""
    ordered = sorted(results, key=lambda match: (match.p_value, match.target))
    raw = [match.p_value * len(ordered) / rank for rank, match in enumerate(ordered, start=1)]
    q_values = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0).tolist()
    return [
        dataclasses.replace(match, q_value=q_value)
        for match, q_value in zip(ordered, q_values, strict=True)
    ]
