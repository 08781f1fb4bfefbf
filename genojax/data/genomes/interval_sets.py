"""Sets of bases on the contigs of a corpus, as sorted intervals on one axis.

All contigs are one after another on the axis, with one position between neighbours that belongs to
none. So a set is one int64 array [n, 2] of disjoint, sorted [start, end), and no interval crosses
the end of a contig.
"""

import numpy as np

from genojax.data.genomes import assemblies

EMPTY = np.zeros((0, 2), np.int64)


def merge(spans: np.ndarray) -> np.ndarray:
    """Intervals [n, 2] in any order, overlapping or not, as a set; those that touch become one."""
    spans = np.asarray(spans, np.int64).reshape(-1, 2)
    spans = spans[spans[:, 0] < spans[:, 1]]
    if not len(spans):
        return EMPTY
    spans = spans[np.argsort(spans[:, 0], kind='stable')]
    reach = np.maximum.accumulate(spans[:, 1])
    first = np.flatnonzero(np.concatenate([[True], spans[1:, 0] > reach[:-1]]))
    last = np.concatenate([first[1:], [len(spans)]]) - 1
    return np.stack([spans[first, 0], reach[last]], axis=1)


def union(*sets: np.ndarray) -> np.ndarray:
    """The bases of any of these sets."""
    return merge(np.concatenate([EMPTY, *sets]))


def subtract(these: np.ndarray, those: np.ndarray) -> np.ndarray:
    """The bases of one set that are not in the other."""
    return _combine(these, those, False)


def intersect(these: np.ndarray, those: np.ndarray) -> np.ndarray:
    """The bases of both sets."""
    return _combine(these, those, True)


def size(spans: np.ndarray) -> int:
    """Number of bases."""
    return int((spans[:, 1] - spans[:, 0]).sum())


def _combine(these: np.ndarray, those: np.ndarray, both: bool) -> np.ndarray:
    edges = np.sort(np.concatenate([these.ravel(), those.ravel()]))
    if edges.size < 2:
        return EMPTY
    edges = edges[np.append(True, edges[1:] != edges[:-1])]
    keep = _inside(these, edges[:-1]) & (_inside(those, edges[:-1]) == both)
    return merge(np.stack([edges[:-1], edges[1:]], axis=1)[keep])


def _inside(spans: np.ndarray, points: np.ndarray) -> np.ndarray:
    if not len(spans):
        return np.zeros(points.shape, bool)
    last = np.searchsorted(spans[:, 0], points, side='right') - 1  # the last span to start
    return (last >= 0) & (points < spans[np.maximum(last, 0), 1])


class Axis:
    """The position of every contig of a corpus; they are numbered over all species, in its order.

    Attributes:
        names: the species [S].
        species: the species number of each contig, int64 [n].
        local: each contig's number in its genome, int64 [n].
        contigs, lengths, circular: of each contig.
        starts: first position of each contig on the axis, int64 [n].
        first: number of each species' first contig, int64 [S].
    """

    def __init__(self, corpus: assemblies.Corpus):
        self.corpus = corpus
        self.names = corpus.species
        contigs = [(s, i, c) for s, g in enumerate(corpus) for i, c in enumerate(g.contigs)]
        self.species = np.array([s for s, _, _ in contigs], np.int64)
        self.local = np.array([i for _, i, _ in contigs], np.int64)
        self.contigs = [contig for _, _, contig in contigs]
        self.lengths = np.array([c.length for c in self.contigs], np.int64)
        self.circular = np.array([c.circular for c in self.contigs], bool)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths + 1)])[:-1]
        self.first = np.searchsorted(self.species, np.arange(len(self.names)))

    def whole(self, contigs: np.ndarray) -> np.ndarray:
        """All bases of these contigs, as a set."""
        contigs = np.asarray(contigs, np.int64)
        return merge(
            np.stack([self.starts[contigs], self.starts[contigs] + self.lengths[contigs]], 1)
        )

    def spans(
        self, contigs: np.ndarray | list, start: np.ndarray | list, end: np.ndarray | list
    ) -> np.ndarray:
        """Bases start .. end-1 of contigs as a set: clipped at the ends, wrapped where circular."""
        contigs, start, end = (np.asarray(x, np.int64).reshape(-1) for x in (contigs, start, end))
        length, base, circular = self.lengths[contigs], self.starts[contigs], self.circular[contigs]
        whole = circular & (end - start >= length)
        start, end = np.where(whole, 0, start), np.where(whole, length, end)
        parts = [np.stack([base + np.maximum(start, 0), base + np.minimum(end, length)], 1)]
        for side in (-1, 1):  # bases before 0 or past the last
            low = np.maximum(start + side * length, 0)
            high = np.minimum(end + side * length, length)
            parts.append(np.stack([base + low, base + np.maximum(low, high)], 1)[circular])
        return merge(np.concatenate(parts))

    def widen(self, spans: np.ndarray, by: int) -> np.ndarray:
        """A set with `by` more bases on either side of each interval, across origins too."""
        contig = self.contig_of(spans[:, 0])
        offset = self.starts[contig]
        return self.spans(contig, spans[:, 0] - offset - by, spans[:, 1] - offset + by)

    def contig_of(self, points: np.ndarray) -> np.ndarray:
        """Number of the contig of each position, int64."""
        return np.searchsorted(self.starts, points, side='right') - 1

    def per_species(self, spans: np.ndarray) -> np.ndarray:
        """Bases of a set in each species, int64 [S]."""
        species = self.species[self.contig_of(spans[:, 0])]
        sizes = (spans[:, 1] - spans[:, 0]).astype(np.float64)  # exact below 2^53 bases
        return np.bincount(species, sizes, len(self.names)).astype(np.int64)

    def runs(self, spans: np.ndarray) -> np.ndarray:
        """The runs of a set as rows (contig, start, bases), int64 [n, 3].

        A run across the origin of a circular contig is one row.
        """
        contig = self.contig_of(spans[:, 0])
        start = spans[:, 0] - self.starts[contig]
        end = spans[:, 1] - self.starts[contig]
        rows = np.stack([contig, start, end - start], axis=1)
        head = (start == 0) & self.circular[contig]
        tail = (end == self.lengths[contig]) & self.circular[contig]
        drop = np.zeros(len(rows), bool)
        for first in np.flatnonzero(head & ~tail).tolist():
            last = np.flatnonzero(tail & (contig == contig[first]))
            if last.size:
                rows[last[0], 2] += rows[first, 2]
                drop[first] = True
        return rows[~drop]

    def describe(self, run: np.ndarray) -> dict[str, str | int]:
        """One row of `runs` by name, half-open from 0; across an origin `end` passes the length."""
        contig, start, bases = (int(x) for x in run)
        return {
            'species': self.names[int(self.species[contig])],
            'contig': self.contigs[contig].name,
            'start': start,
            'end': start + bases,
        }
