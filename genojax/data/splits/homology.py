"""Which bases of a corpus are homologous, so that none trains a model that is tested on another.

There are two kinds of evidence. Sequence: k-mers that two places share, of one species or two, on
either strand, and that lie on one diagonal (one such anchor happens by chance, several on a
diagonal do not). Names: genes of the same name in the annotation, whatever their sequence. Repeats
are no evidence of descent at a position, so soft-masked, low-complexity and many-copy k-mers are no
anchors; `audit` measures what repeats leak.

Time and memory are bounded for genomes of any size. Small contigs are searched with every k-mer,
with k just long enough for the sequence searched; if some contigs are left, all are searched once
more with a sample of 25-mers, which finds close relatives only. `Homology.limits` lists what was
not searched.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from genojax.data import counter_random
from genojax.data.genomes import assemblies, interval_sets, kmers

EXHAUSTIVE_CONTIG = 16_000_000  # bases; contigs up to here are searched with every k-mer ...
# ... the smallest first, up to this many bases together (25 bytes each in memory)
EXHAUSTIVE_TOTAL = 16_000_000
SAMPLED_K = 25
_MAX_COPIES = 4  # of a k-mer in one species; more make it a repeat
_MAX_OCCURRENCES = 64  # of a k-mer in all species together: pairs grow with the square
_FEW_SPECIES = 8  # k-mers of more species are sampled where there are too many pairs
_MAX_PAIRS = 20_000_000  # of anchors
_MAX_NAMESAKES = 50  # genes of one name in one species; with more it is a word such as 'tRNA'
_BAND = 64  # bases by which insertions may move a diagonal within one match
_MAX_GAP = 1_000  # bases between neighbouring anchors of one match
_MIN_COVER = 30  # bases under the anchors of a match
_MARGIN = 100  # bases by which a match continues beyond its last anchor
_PIECE = 4_000_000  # bases indexed at a time


@dataclasses.dataclass(frozen=True)
class Homology:
    """The relation: `of(bases)` is everything homologous to any of them.

    Matches are stored in both directions, sorted by x0. Bases x0 .. x1-1 match those at x + d (same
    strand) or at d - x (other strand), for d between low and high.

    Attributes:
        y0, y1: ends of the contig that the matching bases lie on.
        gene_spans: named genes on the axis, int64 [n, 2], and `gene_names` the numbers of their
            names.
        limits: sentences on what was not searched.
    """

    axis: interval_sets.Axis
    x0: np.ndarray
    x1: np.ndarray
    low: np.ndarray
    high: np.ndarray
    same: np.ndarray  # bool: same strand
    y0: np.ndarray
    y1: np.ndarray
    gene_spans: np.ndarray
    gene_names: np.ndarray
    limits: tuple[str, ...]

    @property
    def matches(self) -> int:
        """Number of matches, each counted once."""
        return len(self.x0) // 2

    def of(self, spans: np.ndarray) -> np.ndarray:
        """The bases that match these, or of genes named like one that these overlap."""
        parts = [interval_sets.EMPTY]
        longest = int((self.x1 - self.x0).max()) if len(self.x0) else 0
        for start, end in spans.tolist():
            first = np.searchsorted(self.x0, start - longest)
            rows = first + np.flatnonzero(self.x1[first : np.searchsorted(self.x0, end)] > start)
            parts.append(self._image(rows, start, end))
        return interval_sets.union(*parts, self._namesakes(spans))

    def _image(self, rows: np.ndarray, start: int, end: int) -> np.ndarray:
        a, b = np.maximum(self.x0[rows], start), np.minimum(self.x1[rows], end)
        same, low, high = self.same[rows], self.low[rows], self.high[rows]
        y0 = np.where(same, a + low, low - b + 1)
        y1 = np.where(same, b + high, high - a + 1)
        return np.stack([np.maximum(y0, self.y0[rows]), np.minimum(y1, self.y1[rows])], axis=1)

    def _namesakes(self, spans: np.ndarray) -> np.ndarray:
        if not len(spans) or not len(self.gene_spans):
            return interval_sets.EMPTY
        starts, ends = self.gene_spans.T
        last = (
            np.searchsorted(spans[:, 0], ends) - 1
        )  # the last interval to start before the gene ends
        overlaps = (last >= 0) & (spans[np.maximum(last, 0), 1] > starts)
        return self.gene_spans[np.isin(self.gene_names, self.gene_names[overlaps])]


def find(corpus: assemblies.Corpus, axis: interval_sets.Axis) -> Homology:
    """Search a corpus for homology between any two places; the module says what is searched for."""
    limits: list[str] = []
    gene_spans, gene_names = _genes(corpus, axis, limits)
    by_length = np.argsort(axis.lengths, kind='stable')
    lengths = axis.lengths[by_length]
    small = by_length[(lengths <= EXHAUSTIVE_CONTIG) & (np.cumsum(lengths) <= EXHAUSTIVE_TOTAL)]
    small = np.sort(small)
    total = int(axis.lengths[small].sum())
    # About one random k-mer in 16 then has a partner by chance, so chance never outnumbers the
    # genome; odd, so that no k-mer is its own reverse complement. Below 13 even three in a row on a
    # diagonal happen by chance.
    k = max(13, int(np.ceil(np.log2(max(total, 2)) / 2)) + 2) | 1
    matches = [_matches(axis, small, k, 1, limits)]
    if len(small) < len(axis.lengths):
        everything = int(axis.lengths.sum())
        one_in = -(-everything // EXHAUSTIVE_TOTAL)
        limits.append(
            f'{len(axis.lengths) - len(small)} contigs ({everything - total:,} bases) did not fit '
            f'into the full search: they were compared by one {SAMPLED_K}-mer in {one_in} and by '
            'gene names, which does not find distant homology'
        )
        matches.append(_matches(axis, np.arange(len(axis.lengths)), SAMPLED_K, one_in, limits))
    columns = [np.concatenate(parts) for parts in zip(*matches, strict=True)]
    by_start = np.argsort(columns[0], kind='stable')
    return Homology(axis, *(c[by_start] for c in columns), gene_spans, gene_names, tuple(limits))


def _genes(corpus, axis, limits) -> tuple[np.ndarray, np.ndarray]:
    """Gene intervals on the axis, and numbers of their names, compared without case."""
    numbers: dict[str, int] = {}
    spans, names = [interval_sets.EMPTY], []
    for species, member in enumerate(corpus):
        copies: dict[str, list] = {}
        for gene in member.genes:
            if gene.name.strip():
                copies.setdefault(gene.name.strip().casefold(), []).append(gene)
        for name, genes in copies.items():
            if len(genes) > _MAX_NAMESAKES:
                limits.append(
                    f'{len(genes)} genes of {member.name} are called {genes[0].name!r}: the '
                    'name is not used'
                )
                continue
            contigs = [axis.first[species] + gene.contig for gene in genes]
            on_axis = axis.spans(contigs, [g.start for g in genes], [g.end for g in genes])
            spans.append(on_axis)
            names += [numbers.setdefault(name, len(numbers))] * len(on_axis)
    return np.concatenate(spans), np.array(names, np.int64)


class _Anchors(NamedTuple):
    """Canonical k-mers, where they start on the axis, and whether they are on the other strand."""

    value: np.ndarray  # uint64
    position: np.ndarray  # int64
    flipped: np.ndarray  # bool

    def take(self, rows: np.ndarray) -> '_Anchors':
        return _Anchors(*(column[rows] for column in self))


class _Pairs(NamedTuple):
    """Positions x < y of one k-mer, and whether it is on the same strand at both."""

    x: np.ndarray
    y: np.ndarray
    same: np.ndarray


def _matches(axis, contigs, k, one_in, limits) -> tuple[np.ndarray, ...]:
    """Columns x0 x1 low high same y0 y1 of the matches between these contigs, both directions."""
    pairs = _pairs(axis, _anchors(axis, contigs, k, one_in), limits)
    # A sample has its anchors further apart.
    max_gap = max(_MAX_GAP, 4 * k * one_in)
    rows = [_clusters(axis, pairs, k, max_gap, phase) for phase in (0, _BAND // 2)]
    x0, x1, low, high, same, cx, cy = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    start, end = axis.starts, axis.starts + axis.lengths
    # Read from the other side, y = x + d is x = y - d, and y = d - x is x = d - y.
    there0 = np.where(same, x0 + low, low - x1 + 1)
    there1 = np.where(same, x1 + high, high - x0 + 1)
    here = [np.maximum(x0 - _MARGIN, start[cx]), np.minimum(x1 + _MARGIN, end[cx])]
    there = [np.maximum(there0 - _MARGIN, start[cy]), np.minimum(there1 + _MARGIN, end[cy])]
    back = np.where(same, -high, low), np.where(same, -low, high)
    return tuple(
        np.concatenate(both)
        for both in (
            (here[0], there[0]), (here[1], there[1]), (low, back[0]), (high, back[1]),
            (same, same), (start[cy], start[cx]), (end[cy], end[cx]),
        )
    )  # fmt: skip


def _anchors(axis, contigs, k, one_in) -> _Anchors:
    """The k-mers of these contigs that may be anchors, one in `one_in` of them."""
    anchors = [(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, bool))]
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
            keep = (value != kmers.NONE) & ~_simple(piece, k)
            if one_in > 1:
                keep &= counter_random.randint(one_in, value.view(np.int64)) == 0
            at = np.flatnonzero(keep)
            anchors.append((value[at], axis.starts[contig] + first + at, flipped[at]))
    return _Anchors(*(np.concatenate(parts) for parts in zip(*anchors, strict=True)))


def _simple(codes: np.ndarray, k: int) -> np.ndarray:
    """Whether each k-mer is nearly a repeat of a unit of 1 to 6 bases, bool [L - k + 1]."""
    simple = np.zeros(max(0, len(codes) - k + 1), bool)
    for period in range(1, 7):
        equal = np.concatenate([[0], np.cumsum(codes[period:] == codes[:-period], dtype=np.int32)])
        span = k - period
        simple |= (equal[span:] - equal[:-span])[: len(simple)] >= 0.8 * span
    return simple


def _pairs(axis, anchors: _Anchors, limits: list[str]) -> _Pairs:
    """All pairs of places with equal k-mers, for k-mers that are not repeats."""
    anchors = anchors.take(np.lexsort((anchors.position, anchors.value)))
    species = axis.species[axis.contig_of(anchors.position)]
    few = _run_sizes(anchors.value, species) <= _MAX_COPIES
    anchors, species = anchors.take(few), species[few]
    common = _run_sizes(anchors.value) > _MAX_OCCURRENCES
    if common.any():
        limits.append(
            f'{len(np.unique(anchors.value[common])):,} k-mers occur more than {_MAX_OCCURRENCES} '
            'times in all species together and were not used as anchors'
        )
        anchors, species = anchors.take(~common), species[~common]
    size = _run_sizes(anchors.value)
    one_in = -(-int((size - 1).sum() // 2) // _MAX_PAIRS)
    if one_in > 1:
        # Only k-mers of many species are sampled: those of few are the evidence of distant
        # homology.
        sampled = counter_random.randint(one_in, anchors.value.view(np.int64)) == 0
        keep = (size <= _FEW_SPECIES) | sampled
        anchors, species = anchors.take(keep), species[keep]
        limits.append(
            f'of k-mers in more than {_FEW_SPECIES} species one in {one_in} was used as an anchor'
        )
    value, position, flipped = anchors
    pairs = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool))]
    for apart in range(1, _MAX_OCCURRENCES):
        first = np.flatnonzero(value[apart:] == value[:-apart]) if apart < len(value) else []
        if not len(first):
            break
        other = first + apart
        pairs.append((position[first], position[other], flipped[first] == flipped[other]))
    return _Pairs(*(np.concatenate(parts) for parts in zip(*pairs, strict=True)))


def _run_sizes(*keys: np.ndarray) -> np.ndarray:
    """For each item of sorted keys, how many items have the same keys."""
    if not len(keys[0]):
        return np.zeros(0, np.int64)
    change = np.zeros(len(keys[0]) - 1, bool)
    for key in keys:
        change |= key[1:] != key[:-1]
    edges = np.concatenate([[0], np.flatnonzero(change) + 1, [len(keys[0])]])
    sizes = np.diff(edges)
    return np.repeat(sizes, sizes)


def _clusters(axis, pairs: _Pairs, k, max_gap, phase) -> tuple[np.ndarray, ...]:
    """Columns x0 x1 low high same contig_x contig_y of runs of anchors in a band of diagonals."""
    x, y, same = pairs
    diagonal = np.where(same, y - x, x + y + k - 1)
    by_band = np.lexsort((x, (diagonal + phase) // _BAND, same))
    x, y, same, diagonal = x[by_band], y[by_band], same[by_band], diagonal[by_band]
    cx, cy = axis.contig_of(x), axis.contig_of(y)
    if not len(x):
        nothing = np.zeros(0, np.int64)
        return (nothing,) * 4 + (np.zeros(0, bool), nothing, nothing)
    band = (diagonal + phase) // _BAND
    new = (np.diff(x) > max_gap) | (np.diff(x) < 0)
    for key in (same, band, cx, cy):
        new |= key[1:] != key[:-1]
    first = np.concatenate([[0], np.flatnonzero(new) + 1])
    last = np.concatenate([first[1:], [len(x)]]) - 1
    step = np.full(len(x), k)
    step[:-1][~new] = np.minimum(np.diff(x), k)[~new]
    keep = np.add.reduceat(step, first) >= max(_MIN_COVER, 2 * k + 1)
    low, high = np.minimum.reduceat(diagonal, first), np.maximum.reduceat(diagonal, first)
    return (
        x[first][keep], x[last][keep] + k, low[keep], high[keep],
        same[first][keep], cx[first][keep], cy[first][keep],
    )  # fmt: skip
