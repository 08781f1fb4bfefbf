"""Windows of a genome as columns of numbers, and how they tile a set of bases."""

import dataclasses

import numpy as np

from genojax import dna, genome
from genojax.data.genomes import assemblies, interval_sets

_PIECE = 2**20  # bases read at a time
_MAX_UNKNOWN = 0.5  # share of unknown bases above which a window is not used


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one species as columns.

    Window i is bases start .. start+length-1 of a contig, across the origin of a circular one.

    Attributes:
        valid: real bases; fewer than the window's length only on a contig that is shorter.
        before, after: how far the start may move to either side within the run that was tiled.
    """

    contig: np.ndarray  # int32 [n]
    start: np.ndarray  # int64 [n]
    valid: np.ndarray  # int32 [n]
    before: np.ndarray  # int32 [n], bases
    after: np.ndarray  # int32 [n], bases

    def __len__(self) -> int:
        return len(self.start)

    @property
    def bases(self) -> int:
        """Real bases in all windows; those in two windows count twice."""
        return int(self.valid.sum(dtype=np.int64))

    def take(self, rows: np.ndarray) -> 'Windows':
        """These windows, in this order; of the same class."""
        columns = (getattr(self, field.name)[rows] for field in dataclasses.fields(self))
        return type(self)(*columns)

    def subsample(self, count: int) -> 'Windows':
        """At most `count` windows, spread evenly."""
        if count >= len(self):
            return self
        return self.take((np.arange(count) * len(self) + len(self) // 2) // max(count, 1))


UNKNOWN_SHARE = -1  # of `AuditedWindows.shares_kmer`: the window was not searched


@dataclasses.dataclass(frozen=True, eq=False)
class AuditedWindows(Windows):
    """Windows that are not trained on, and whether training windows contain one of their k-mers.

    Attributes:
        shares_kmer: 1 if a training window contains a k-mer of the window on either strand, else 0;
            `UNKNOWN_SHARE` where that was not searched.
    """

    shares_kmer: np.ndarray  # int8 [n]


def audited(part: Windows, shares_kmer: np.ndarray) -> AuditedWindows:
    """Windows with the result of their audit."""
    columns = (getattr(part, field.name) for field in dataclasses.fields(Windows))
    return AuditedWindows(*columns, np.asarray(shares_kmer, np.int8))


def tile(axis: interval_sets.Axis, s: int, spans: np.ndarray, length: int, stride: int) -> Windows:
    """Windows over every run of a set of one species; the last window of a run ends at its end.

    Args:
        s: number of the species, whose bases `spans` are.
        length: bases per window.
        stride: bases between starts of neighbouring windows.
    """
    columns = [np.zeros((5, 0), np.int64)]
    runs = axis.runs(spans)
    room = np.minimum(axis.lengths[runs[:, 0]], length)  # a shorter run holds no window
    for contig, first, bases in runs[runs[:, 2] >= room].tolist():
        size = int(axis.lengths[contig])
        local = int(axis.local[contig])
        if size < length:
            if bases == size:  # a contig shorter than a window: one padded window
                columns.append(np.array([[local], [0], [size], [0], [0]], np.int64))
            continue
        whole_circle = bool(axis.circular[contig]) and bases == size
        offset = np.arange(0, bases if whole_circle else bases - length + 1, stride)
        if not whole_circle and len(offset) and offset[-1] + length < bases:
            offset = np.append(offset, bases - length)
        before = np.full(len(offset), size) if whole_circle else offset
        after = before if whole_circle else bases - length - offset
        rows = np.full(len(offset), local), (first + offset) % size, np.full(len(offset), length)
        columns.append(np.stack([*rows, before, after]).astype(np.int64))
    contig, start, valid, before, after = np.concatenate(columns, axis=1)
    short = [np.minimum(x, 2**31 - 1).astype(np.int32) for x in (contig, valid, before, after)]
    return Windows(short[0], start, *short[1:])


def mostly_sequenced(member: assemblies.Genome, part: Windows, length: int) -> np.ndarray:
    """Which windows have at most half of their bases unknown, bool [n]."""
    enough = np.ones(len(part), bool)
    for contig in np.unique(part.contig).tolist():
        runs = _unknown_runs(member, contig)
        if not len(runs):
            continue
        before = np.concatenate([[0], np.cumsum(runs[:, 1] - runs[:, 0])])

        def unknown_before(points, runs=runs, before=before):
            last = np.searchsorted(runs[:, 0], points, side='right')
            return before[last] - np.maximum(runs[last - 1, 1] - points, 0) * (last > 0)

        rows = np.flatnonzero(part.contig == contig)
        start, size = part.start[rows], int(member.lengths[contig])
        end = start + part.valid[rows]
        unknown = unknown_before(np.minimum(end, size)) - unknown_before(start)
        unknown += unknown_before(np.maximum(end - size, 0))  # across the origin
        enough[rows] = unknown <= _MAX_UNKNOWN * part.valid[rows]
    return enough


def _unknown_runs(member: assemblies.Genome, contig: int) -> np.ndarray:
    """The runs of unknown bases of a contig, as a set of its bases."""
    parts = [interval_sets.EMPTY]
    for first, stored in member.pieces(contig, _PIECE):
        unknown = (stored & genome.CODE_BITS) == dna.UNKNOWN
        if unknown.any():
            edges = np.flatnonzero(np.diff(unknown, prepend=False, append=False))
            parts.append(first + edges.reshape(-1, 2))
    return interval_sets.union(*parts)


def covered(axis: interval_sets.Axis, parts: dict[str, Windows]) -> np.ndarray:
    """The bases in any of these windows, as a set."""
    spans = [interval_sets.EMPTY]
    for s, name in enumerate(axis.names):
        if name in parts:
            w = parts[name]
            start = w.start.astype(np.int64)
            spans.append(axis.spans(axis.first[s] + w.contig, start, start + w.valid))
    return interval_sets.union(*spans)
