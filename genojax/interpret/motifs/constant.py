"""Motifs that are a constant part of the rows, such as an adapter, a barcode or a plasmid's end.

A column of the rows, counted from their starts or from their ends, is constant if nearly all rows
hold one base there. A site of a motif is constant if its informative bases are those of constant
columns. Rows that all share a base are not told apart by it, whatever their labels; attributions
are high there because the shuffled sequences that they start from lack it.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from genojax.inference import requests
from genojax.interpret.motifs import discovery

MIN_ROWS = 10  # fewer rows say nothing: chance makes columns of few rows alike
MIN_ROW_SHARE = 0.95  # of the rows, with one base in a constant column
MIN_BITS = 0.9  # of a motif's information, in constant columns: of a constant site
MIN_SITES = 0.5  # of a motif's sites that are constant: of a constant motif


@dataclasses.dataclass(frozen=True)
class ConstantPart:
    """Where the rows are constant, and how much of a motif lies there.

    Attributes:
        sites, all_sites: of the motif: those that are constant, and all.
        start, end: columns of most of them, 0-based, half-open.
        from_end: whether columns are counted backwards from the ends of the rows.
        row_share: least share of the rows that hold the same base in one of these columns.
        rows: that were read.
    """

    sites: int
    all_sites: int
    start: int
    end: int
    from_end: bool
    row_share: float
    rows: int

    @property
    def place(self) -> str:
        """The columns in words."""
        return f'bases {self.start:,} to {self.end:,}' + ' before the end' * self.from_end

    def __str__(self) -> str:
        return (
            f'{self.sites:,} of {self.all_sites:,} sites hold bases that nearly all rows hold in '
            f'the same place; most lie at {self.place} (0-based, half-open), where each column has '
            f'its base in {100 * self.row_share:.4g} % of {self.rows:,} rows or more'
        )


class ConstantColumns:
    """The constant columns of some rows.

    Args:
        rows: base codes of the rows, whole.
        places: of each sequence that seqlets are taken from, the length of its whole row and its
            first base there; None if sequences are whole rows.
    """

    def __init__(self, rows: Sequence[np.ndarray], places: Sequence[tuple[int, int]] | None = None):
        self.rows = len(rows)
        self._places = places
        self._sides = {False: _columns(rows)}
        if len({len(codes_L) for codes_L in rows}) > 1:
            self._sides[True] = _columns([codes_L[::-1] for codes_L in rows])

    @property
    def counts(self) -> tuple[int, int]:
        """Constant columns, counted from the starts or the ends of rows, and those of all."""
        shares = [share_L for _, share_L in self._sides.values()]
        return max(int(self._are_constant(share_L).sum()) for share_L in shares), len(shares[0])

    def _are_constant(self, share_L: np.ndarray) -> np.ndarray:
        return (share_L >= MIN_ROW_SHARE) & (self.rows >= MIN_ROWS)

    def parts(
        self, clusters: Sequence[discovery.Cluster], sequences: Sequence[np.ndarray]
    ) -> dict[str, ConstantPart]:
        """The motifs that are constant parts, by name.

        Args:
            sequences: that seqlets were taken from.
        """
        every = {one.motif.name: self.part(one, sequences) for one in clusters}
        return {name: part for name, part in every.items() if part}

    def part(
        self, cluster: discovery.Cluster, sequences: Sequence[np.ndarray]
    ) -> ConstantPart | None:
        """The constant part that a motif is; None if it is none."""
        results = [self._side(cluster, sequences, from_end) for from_end in self._sides]
        best = max(results, key=lambda part: part.sites)
        return best if best.sites >= MIN_SITES * best.all_sites else None

    def _side(self, cluster, sequences, from_end: bool) -> ConstantPart:
        code_L, share_L = self._sides[from_end]
        constant_L, bits_W = self._are_constant(share_L), cluster.motif.bits
        spans, sites = [], len(cluster.start_N)
        arrays = cluster.sequence_N, cluster.start_N, cluster.reverse_N
        for number, first, reverse in zip(*(x_N.tolist() for x_N in arrays), strict=True):
            at_W = first + np.arange(len(bits_W))
            inside_W = (at_W >= 0) & (at_W < len(sequences[number]))
            codes = sequences[number][at_W[inside_W]]
            length, offset = (len(sequences[number]), 0)
            if self._places is not None:
                length, offset = self._places[number]
            column = at_W[inside_W] + offset
            if from_end:
                column = length - 1 - column
            same = constant_L[column] & (code_L[column] == codes)
            bits = (bits_W[::-1] if reverse else bits_W)[inside_W]
            if same.any() and (bits * same).sum() >= MIN_BITS * bits.sum():
                spans.append((int(column[same].min()), int(column[same].max()) + 1))
        if not spans:
            return ConstantPart(0, sites, 0, 0, from_end, 0.0, self.rows)
        start, end = max(sorted(set(spans)), key=spans.count)
        share = float(share_L[start:end][constant_L[start:end]].min())
        return ConstantPart(len(spans), sites, start, end, from_end, share, self.rows)


def _columns(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent base of every column, and the share of all rows that hold it."""
    if len(rows) < MIN_ROWS:  # none is constant, and a few rows may be whole chromosomes
        length = max(map(len, rows))
        return np.zeros(length, np.uint8), np.zeros(length, np.float32)
    count_4L = np.zeros((4, max(map(len, rows))), np.int32)
    for codes_L in rows:
        for base in range(4):
            count_4L[base, : len(codes_L)] += codes_L == base
    return count_4L.argmax(0), count_4L.max(0) / len(rows)


def of_regions(regions: requests.Regions, intervals: bool) -> ConstantColumns:
    """Columns of what regions are of: of the records, as --window cuts them; of intervals alone.

    Args:
        intervals: regions are intervals of longer records, which have no columns in common.
    """
    if intervals:
        return ConstantColumns([regions.codes(number) for number in range(len(regions))])
    every = [row.interval for row in regions.rows]
    names = list(dict.fromkeys(interval.contig for interval in every))
    places = [(len(regions.contigs[one.contig]), one.start) for one in every]
    return ConstantColumns([regions.contigs[name] for name in names], places)


def words(parts: Mapping[str, ConstantPart], columns: ConstantColumns) -> list[str]:
    """Sentences: which motifs are constant parts, what that means and what to do; none of none."""
    if not parts:
        return []
    constant, every = columns.counts
    return [
        *(f'{name} is a constant part of the rows: {part}.' for name, part in parts.items()),
        f'{constant:,} of {every:,} columns of the rows are constant. What all rows have tells '
        'none apart: leave these motifs out, or, if rows of one class alone were read, read all '
        'classes. To train without constant ends of labelled rows, set data.trim.',
    ]
