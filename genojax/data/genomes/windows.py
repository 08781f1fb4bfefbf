"""Windows of a genome as columns of numbers, and how they are laid over stretches of sequence."""

import dataclasses

import numpy as np

from genojax import dna
from genojax.data.genomes import assemblies, interval_sets

_MOST_UNKNOWN = 0.5  # share of N above which a window teaches nothing


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one species as columns; window i is bases start .. start+length-1 of a contig, wrapping where circular.

    `valid` counts its real bases: fewer than the window's length only on a contig that is shorter.
    `before` and `after` say how far its start may move and stay in its training block.
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
        return Windows(*(getattr(self, field.name)[rows] for field in dataclasses.fields(self)))

    def thinned(self, count: int) -> 'Windows':
        """At most `count` windows, spread evenly."""
        if count >= len(self):
            return self
        return self.take((np.arange(count) * len(self) + len(self) // 2) // max(count, 1))


def tile(axis, s: int, spans: np.ndarray, length: int, stride: int) -> Windows:
    """Windows over every stretch of a set of one species: the last of a stretch ends at its end."""
    columns = [np.zeros((5, 0), np.int64)]
    for contig, first, bases in axis.runs(spans).tolist():
        size = int(axis.lengths[contig])
        local = int(axis.local[contig])
        if size < length:
            if bases == size:  # a contig shorter than a window: one padded window
                columns.append(np.array([[local], [0], [size], [0], [0]], np.int64))
            continue
        around = bool(axis.circular[contig]) and bases == size
        offset = np.arange(0, bases if around else bases - length + 1, stride)
        if not around and len(offset) and offset[-1] + length < bases:
            offset = np.append(offset, bases - length)
        before = np.full(len(offset), size) if around else offset
        after = before if around else bases - length - offset
        rows = np.full(len(offset), local), (first + offset) % size, np.full(len(offset), length)
        columns.append(np.stack([*rows, before, after]).astype(np.int64))
    contig, start, valid, before, after = np.concatenate(columns, axis=1)
    short = [np.minimum(x, 2**31 - 1).astype(np.int32) for x in (contig, valid, before, after)]
    return Windows(short[0], start, *short[1:])


def known(member: assemblies.Genome, part: Windows, length: int) -> np.ndarray:
    """Which windows hold enough known bases, bool [n]."""
    enough = np.zeros(len(part), bool)
    for contig in np.unique(part.contig).tolist():
        codes = member.codes(contig) == dna.UNKNOWN
        codes = np.concatenate([codes, codes[: length - 1]])  # around the origin
        unknown = np.concatenate([[0], np.cumsum(codes)])
        rows = np.flatnonzero(part.contig == contig)
        start, valid = part.start[rows], part.valid[rows]
        enough[rows] = unknown[start + valid] - unknown[start] <= _MOST_UNKNOWN * valid
    return enough


def covered(axis: interval_sets.Axis, parts: dict[str, Windows]) -> np.ndarray:
    """The bases that lie in any of these windows, as a set."""
    spans = [interval_sets.EMPTY]
    for s, name in enumerate(axis.names):
        if name in parts:
            w = parts[name]
            start = w.start.astype(np.int64)
            spans.append(axis.place(axis.first[s] + w.contig, start, start + w.valid))
    return interval_sets.union(*spans)
