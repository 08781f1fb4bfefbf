"""Pairs of alike places joined along their diagonals, and extended to where likeness ends."""

from typing import NamedTuple

import numpy as np

from genojax.data.genomes import interval_sets
from genojax.data.splits.homology import anchors, packed_bases, relation

_BAND = 64  # bases by which insertions may move a diagonal within one chain
_MAX_GAP = 1_000  # bases between neighbouring pairs of one chain
_MAX_STEPS = 32  # words by which an end is extended; beyond them is another seed, or repeats
_MIN_EQUAL = 18  # of the 32 bases of a word that must be equal; 8 are by chance
_MAX_INDEL = 12  # bases inserted or deleted at one place that an extension crosses
_MIN_AFTER = 22  # of the 32 bases of the word after that with an insertion or deletion


class Chain(NamedTuple):
    """Matches, and the diagonals of their first and last pairs, int64 [n] each."""

    matches: relation.Matches
    first: np.ndarray
    last: np.ndarray


def diagonals(pairs: anchors.Pairs, span: int) -> np.ndarray:
    """y - x of partners on the same strand, y + x of the bases that pair on the other strand."""
    return np.where(pairs.same, pairs.y - pairs.x, pairs.x + pairs.y + span - 1)


def chain(axis: interval_sets.Axis, pairs: anchors.Pairs, span: int) -> Chain:
    """Runs of pairs in a band of diagonals of two contigs."""
    diagonal = diagonals(pairs, span)
    band = diagonal // _BAND
    order = np.lexsort((pairs.x, band, pairs.same))
    (x, y, same), diagonal, band = pairs.take(order), diagonal[order], band[order]
    cx, cy = axis.contig_of(x), axis.contig_of(y)
    new = (np.diff(x) > _MAX_GAP) | (np.diff(x) < 0)
    for key in (same, band, cx, cy):
        new |= key[1:] != key[:-1]
    first = np.concatenate([[0], np.flatnonzero(new) + 1]) if len(x) else np.zeros(0, np.int64)
    last = np.concatenate([first[1:], [len(x)]]).astype(np.int64)[: len(first)] - 1
    matches = relation.Matches(
        x0=x[first],
        x1=x[last] + span,
        low=np.minimum.reduceat(diagonal, first) if len(x) else diagonal,
        high=np.maximum.reduceat(diagonal, first) if len(x) else diagonal,
        same=same[first],
        cx=cx[first],
        cy=cy[first],
    )
    return Chain(matches, diagonal[first], diagonal[last])


def extend(
    axis: interval_sets.Axis, bases: packed_bases.PackedBases, chained: Chain
) -> relation.Matches:
    """Both ends of every chain moved to where fewer bases are equal than in homologues."""
    matches = chained.matches
    left, left_diagonal = _Walk(axis, bases, matches, -1).run(matches.x0, chained.first)
    right, right_diagonal = _Walk(axis, bases, matches, 1).run(matches.x1, chained.last)
    return matches._replace(
        x0=left,
        x1=right,
        low=np.minimum(matches.low, np.minimum(left_diagonal, right_diagonal)),
        high=np.maximum(matches.high, np.maximum(left_diagonal, right_diagonal)),
    )


class _Walk:
    """Extension of matches in one direction, all at the same time.

    Args:
        step: 1 towards the end of the axis, -1 towards its start.
    """

    def __init__(self, axis, bases, matches: relation.Matches, step: int):
        self.bases, self.same, self.step = bases, matches.same, step
        end = axis.starts + axis.lengths
        self.low, self.high = axis.starts[matches.cx], end[matches.cx]
        self.low_y, self.high_y = axis.starts[matches.cy], end[matches.cy]

    def run(self, edge: np.ndarray, diagonal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The new edges of matches with these edges and diagonals, and their last diagonals."""
        edge, diagonal = edge.copy(), diagonal.copy()
        active = np.arange(len(edge))
        for _ in range(_MAX_STEPS):
            if not len(active):
                break
            equal = self._equal(active, edge[active], diagonal[active])
            stopped = active[equal < _MIN_EQUAL]
            shift = self._shift(stopped, edge[stopped], diagonal[stopped])
            diagonal[stopped] += shift
            active = np.concatenate([active[equal >= _MIN_EQUAL], stopped[shift != 0]])
            edge[active] += self.step * packed_bases.WORD
        return edge, diagonal

    def _equal(self, rows: np.ndarray, edge: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
        """Equal bases of the word beyond each edge, int64 [n]; -1 beyond the end of a contig."""
        x = edge if self.step > 0 else edge - packed_bases.WORD
        same = self.same[rows]
        y = np.where(same, x + diagonal, diagonal - x - (packed_bases.WORD - 1))
        inside = (x >= self.low[rows]) & (x + packed_bases.WORD <= self.high[rows])
        inside &= (y >= self.low_y[rows]) & (y + packed_bases.WORD <= self.high_y[rows])
        return np.where(inside, self.bases.equal(x, diagonal, same), -1)

    def _shift(self, rows: np.ndarray, edge: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
        """By how much each diagonal moves at an insertion or deletion, 0 where there is none.

        It lies somewhere in the word beyond the edge, so the word after that is compared.
        """
        best, shift = np.full(len(rows), _MIN_AFTER - 1), np.zeros(len(rows), np.int64)
        if not len(rows):
            return shift
        after = edge + self.step * packed_bases.WORD
        for by in (*range(-_MAX_INDEL, 0), *range(1, _MAX_INDEL + 1)):
            equal = self._equal(rows, after, diagonal + by)
            better = equal > best
            best, shift = np.where(better, equal, best), np.where(better, by, shift)
        return shift
