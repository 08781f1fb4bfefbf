"""The homology relation of a corpus: which bases match which, and which genes share a name."""

import dataclasses
from typing import NamedTuple

import numpy as np

from genojax.data.genomes import interval_sets

COLUMNS = ('x0', 'x1', 'low', 'high', 'same', 'cx', 'cy')


class Matches(NamedTuple):
    """Matches as columns, each in one direction.

    Bases x0 .. x1-1 of the axis match those at x + d (same strand) or at d - x (other strand), for
    d between low and high.

    Attributes:
        same: bool, same strand.
        cx, cy: numbers of the contigs on which the bases and their partners lie.
    """

    x0: np.ndarray
    x1: np.ndarray
    low: np.ndarray
    high: np.ndarray
    same: np.ndarray
    cx: np.ndarray
    cy: np.ndarray

    def take(self, rows: np.ndarray) -> 'Matches':
        """Some of the matches."""
        return Matches(*(column[rows] for column in self))


def no_matches() -> Matches:
    """A table without rows."""
    nothing = np.zeros(0, np.int64)
    return Matches(*(nothing,) * 4, np.zeros(0, bool), nothing, nothing)


def joined(parts: list[Matches]) -> Matches:
    """All rows of these tables."""
    columns = zip(*(no_matches(), *parts), strict=True)
    return Matches(*(np.concatenate(column) for column in columns))


def widened(axis: interval_sets.Axis, matches: Matches, margin: int) -> Matches:
    """Matches that continue by `margin` bases on either side, within their contigs."""
    start, end = axis.starts[matches.cx], (axis.starts + axis.lengths)[matches.cx]
    return matches._replace(
        x0=np.maximum(matches.x0 - margin, start), x1=np.minimum(matches.x1 + margin, end)
    )


def reversed_matches(axis: interval_sets.Axis, matches: Matches) -> Matches:
    """The same matches from the side of the partners."""
    x0, x1, low, high, same, cx, cy = matches
    # Read from the other side, y = x + d is x = y - d, and y = d - x is x = d - y.
    y0 = np.where(same, x0 + low, low - x1 + 1)
    y1 = np.where(same, x1 + high, high - x0 + 1)
    return Matches(
        x0=np.maximum(y0, axis.starts[cy]),
        x1=np.minimum(y1, (axis.starts + axis.lengths)[cy]),
        low=np.where(same, -high, low),
        high=np.where(same, -low, high),
        same=same,
        cx=cy,
        cy=cx,
    )


@dataclasses.dataclass(frozen=True)
class Homology:
    """The relation: `of(bases)` is everything homologous to any of them.

    Attributes:
        table: the matches in both directions, sorted by x0.
        gene_spans: named genes on the axis, int64 [n, 2], and `gene_names` the numbers of their
            names.
        limits: sentences on what was not searched.
    """

    axis: interval_sets.Axis
    table: Matches
    gene_spans: np.ndarray
    gene_names: np.ndarray
    limits: tuple[str, ...]

    @property
    def matches(self) -> int:
        """Number of matches, each counted once."""
        return len(self.table.x0) // 2

    def of(self, spans: np.ndarray) -> np.ndarray:
        """The bases that match these, or of genes named like one that these overlap."""
        parts = [interval_sets.EMPTY]
        x0, x1 = self.table.x0, self.table.x1
        longest = int((x1 - x0).max()) if len(x0) else 0
        for start, end in spans.tolist():
            first = np.searchsorted(x0, start - longest)
            rows = first + np.flatnonzero(x1[first : np.searchsorted(x0, end)] > start)
            parts.append(self._image(self.table.take(rows), start, end))
        return interval_sets.union(*parts, self._namesakes(spans))

    def _image(self, rows: Matches, start: int, end: int) -> np.ndarray:
        inside = rows._replace(x0=np.maximum(rows.x0, start), x1=np.minimum(rows.x1, end))
        image = reversed_matches(self.axis, inside)
        return np.stack([image.x0, image.x1], axis=1)

    def _namesakes(self, spans: np.ndarray) -> np.ndarray:
        if not len(spans) or not len(self.gene_spans):
            return interval_sets.EMPTY
        starts, ends = self.gene_spans.T
        last = (
            np.searchsorted(spans[:, 0], ends) - 1
        )  # the last interval to start before the gene ends
        overlaps = (last >= 0) & (spans[np.maximum(last, 0), 1] > starts)
        return self.gene_spans[np.isin(self.gene_names, self.gene_names[overlaps])]


def both_directions(axis: interval_sets.Axis, matches: Matches, margin: int) -> Matches:
    """Matches and their reverses, each with `margin` more bases on either side."""
    return widened(axis, joined([matches, reversed_matches(axis, matches)]), margin)
