"""Search of small contigs with every k-mer: several that two places share on one diagonal.

One such anchor happens by chance, several on a diagonal do not. Soft-masked, low-complexity and
many-copy k-mers are no anchors.
"""

import numpy as np

from genojax.data.genomes import interval_sets, kmers
from genojax.data.splits.homology import anchors, relation

MARGIN = 100  # bases by which a match continues beyond its last anchor
_MAX_PAIRS = 20_000_000  # of anchors
_BAND = 64  # bases by which insertions may move a diagonal within one match
_MAX_GAP = 1_000  # bases between neighbouring anchors of one match
_MIN_COVER = 30  # bases under the anchors of a match
_PIECE = 4_000_000  # bases indexed at a time


def find(axis: interval_sets.Axis, contigs: np.ndarray, limits: list[str]) -> relation.Matches:
    """The matches between these contigs; memory is 25 bytes per base.

    Args:
        limits: gets sentences on what was not searched.
    """
    total = int(axis.lengths[contigs].sum())
    # About one random k-mer in 16 then has a partner by chance, so chance never outnumbers the
    # genome; odd, so that no k-mer is its own reverse complement. Below 13 even three in a row on a
    # diagonal happen by chance.
    k = max(13, int(np.ceil(np.log2(max(total, 2)) / 2)) + 2) | 1
    pairs, unused = anchors.pairs(axis, _anchors(axis, contigs, k), _MAX_PAIRS)
    limits += unused.sentences()
    return relation.joined([_clusters(axis, pairs, k, phase) for phase in (0, _BAND // 2)])


def _anchors(axis: interval_sets.Axis, contigs: np.ndarray, k: int) -> anchors.Anchors:
    """The k-mers of these contigs that may be anchors."""
    parts = [(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, bool))]
    for contig in contigs.tolist():
        member = axis.corpus[axis.names[axis.species[contig]]]
        local = int(axis.local[contig])
        codes, soft = member.codes(local), member.soft(local)
        codes = np.where(soft, np.uint8(4), codes)
        if axis.circular[contig] and len(codes) >= k:
            codes = np.concatenate([codes, codes[: k - 1]])
        for first in range(0, max(1, len(codes) - k + 1), _PIECE):
            piece = codes[first : first + _PIECE + k - 1]
            value, flipped = kmers.canonical(piece, k)
            at = np.flatnonzero((value != kmers.NONE) & ~_simple(piece, k))
            parts.append((value[at], axis.starts[contig] + first + at, flipped[at]))
    return anchors.Anchors(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _simple(codes: np.ndarray, k: int) -> np.ndarray:
    """Whether each k-mer is nearly a repeat of a unit of 1 to 6 bases, bool [L - k + 1]."""
    simple = np.zeros(max(0, len(codes) - k + 1), bool)
    for period in range(1, 7):
        equal = np.concatenate([[0], np.cumsum(codes[period:] == codes[:-period], dtype=np.int32)])
        span = k - period
        simple |= (equal[span:] - equal[:-span])[: len(simple)] >= 0.8 * span
    return simple


def _clusters(axis, pairs: anchors.Pairs, k: int, phase: int) -> relation.Matches:
    """Runs of anchors in a band of diagonals."""
    x, y, same = pairs
    diagonal = np.where(same, y - x, x + y + k - 1)
    by_band = np.lexsort((x, (diagonal + phase) // _BAND, same))
    x, y, same, diagonal = x[by_band], y[by_band], same[by_band], diagonal[by_band]
    cx, cy = axis.contig_of(x), axis.contig_of(y)
    if not len(x):
        return relation.no_matches()
    band = (diagonal + phase) // _BAND
    new = (np.diff(x) > _MAX_GAP) | (np.diff(x) < 0)
    for key in (same, band, cx, cy):
        new |= key[1:] != key[:-1]
    first = np.concatenate([[0], np.flatnonzero(new) + 1])
    last = np.concatenate([first[1:], [len(x)]]) - 1
    step = np.full(len(x), k)
    step[:-1][~new] = np.minimum(np.diff(x), k)[~new]
    keep = np.add.reduceat(step, first) >= max(_MIN_COVER, 2 * k + 1)
    low, high = np.minimum.reduceat(diagonal, first), np.maximum.reduceat(diagonal, first)
    matches = relation.Matches(
        x[first], x[last] + k, low, high, same=same[first], cx=cx[first], cy=cy[first]
    )
    return matches.take(keep)
