"""Rows of a table that occur in genomes, on either strand, exactly or as near copies."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from genojax import dna, genome
from genojax.data.genomes import assemblies, kmers
from genojax.data.splits import near_copies

MIN_SEARCHED = 20  # bases; a shorter row occurs in genomes by chance
_PIECE = 2_000_000  # bases of a contig searched at a time
_MAX_CELLS = 4_000_000  # bases compared at a time


class Occurrences(NamedTuple):
    """Places where rows occur, as columns.

    Attributes:
        row: number of the row.
        species, contig: numbers of the genome and of the contig in it.
        start: first base of the row on the contig, from 0; negative where the contig begins inside
            the row.
        flip: whether the contig has the row's reverse complement.
        substitutions: bases of the row that differ.
    """

    row: np.ndarray
    species: np.ndarray
    contig: np.ndarray
    start: np.ndarray
    flip: np.ndarray
    substitutions: np.ndarray

    def take(self, rows: np.ndarray) -> 'Occurrences':
        """Some of the occurrences."""
        return Occurrences(*(column[rows] for column in self))

    def closest(self) -> 'Occurrences':
        """One occurrence per row: that with the fewest substitutions, the first of several."""
        order = np.lexsort((self.start, self.contig, self.species, self.substitutions, self.row))
        return self.take(order[np.unique(self.row[order], return_index=True)[1]])


def find(
    genomes: Iterable[assemblies.Genome], sequences: list[np.ndarray]
) -> tuple[Occurrences, np.ndarray]:
    """All places where rows occur as a whole, exactly or with at most 20 % substitutions.

    An unknown base of a row matches any base. A contig may end inside a row if
    `near_copies.MIN_BASES` of its bases are left. Rows of 20 to 29 bases are found as they are
    only. Every row of 68 or more bases with at most three substitutions is found.

    Returns:
        The occurrences; numbers of the rows that are too short, or have too many unknown bases, to
        be searched for.
    """
    genomes = list(genomes) if sequences else []
    rows = near_copies.Sequences(sequences)
    largest = max((member.total for member in genomes), default=1)
    seeds = _Seeds(rows, near_copies.seed_length(largest, len(rows.joined)))
    margin = int(rows.lengths.max(initial=0))
    parts = [Occurrences(*(np.zeros(0, np.int64) for _ in Occurrences._fields))]
    for s, member in enumerate(genomes):
        for contig, described in enumerate(member.contigs):
            for first, codes in _pieces(member, contig, margin):
                row, offset, flip = seeds.candidates(codes)
                matched, substitutions = _compare(rows, codes, row, offset, flip)
                start = first + offset
                if described.circular:
                    start %= described.length
                columns = row, np.full(len(row), s), np.full(len(row), contig), start, flip
                selected = np.stack([*columns, substitutions]).astype(np.int64)[:, matched]
                parts.append(Occurrences(*selected))
    columns = np.concatenate([np.stack(part) for part in parts], axis=1)
    columns = np.unique(columns, axis=1)  # neighbouring pieces overlap
    return Occurrences(*columns), np.setdiff1d(np.arange(len(rows)), seeds.row)


def _pieces(
    member: assemblies.Genome, contig: int, margin: int
) -> Iterator[tuple[int, np.ndarray]]:
    """(first base, base codes) of pieces that overlap by `margin`, across a circular origin too."""
    length, before = int(member.lengths[contig]), 0
    if member.contigs[contig].circular:
        before = min(margin, length)
    for at, stored in member.pieces(contig, _PIECE, margin, (length - before, length + before)):
        yield at - length, stored & genome.CODE_BITS


class _Seeds:
    """The k-mers of rows that are long enough, as a set that is searched for in genomes."""

    def __init__(self, rows: near_copies.Sequences, k: int):
        value, self._flipped = kmers.canonical(rows.joined, k)
        searched = np.concatenate([rows.lengths >= MIN_SEARCHED, [False]])
        at = np.flatnonzero((value != kmers.NONE) & searched[rows.row[: len(value)]])
        at = at[np.argsort(value[at], kind='stable')]
        self._rows, self._k, self._at, self._value = rows, k, at, value[at]
        self._members = kmers.KmerSet(self._value)
        self._first = np.searchsorted(self._value, self._members.values)
        self._last = np.searchsorted(self._value, self._members.values, side='right')

    @property
    def row(self) -> np.ndarray:
        """Numbers of the rows that are searched for; a row has as many entries as k-mers."""
        return self._rows.row[self._at]

    def candidates(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row, offset of its first base in `codes`, and strand of every place with a seed."""
        value, flipped = kmers.canonical(codes, self._k)
        position, number = self._members.find(value)
        count = self._last[number] - self._first[number]
        nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        at = self._at[np.repeat(self._first[number], count) + nth]
        position = np.repeat(position, count)
        row = self._rows.row[at]
        flip = self._flipped[at] != flipped[position]
        inside = at - self._rows.starts[row]
        inside = np.where(flip, self._rows.lengths[row] - self._k - inside, inside)
        columns = np.unique(np.stack([row, position - inside, flip]), axis=1)
        return columns[0], columns[1], columns[2].astype(bool)


def _compare(rows, codes, row_P, offset_P, flip_P) -> tuple[np.ndarray, np.ndarray]:
    """Which candidates match, bool [P], and the number of their substitutions, int64 [P]."""
    length_P = rows.lengths[row_P]
    matched, substitutions = np.zeros(len(row_P), bool), np.zeros(len(row_P), np.int64)
    padded = np.concatenate([codes, [np.uint8(dna.UNKNOWN)]])
    todo = np.argsort(length_P, kind='stable')
    while len(todo):
        size = max(1, _MAX_CELLS // int(length_P[todo[min(len(todo), _MAX_CELLS // 64) - 1]]))
        chunk, todo = todo[:size], todo[size:]
        base_L = np.arange(int(length_P[chunk].max()))
        row_PL = rows.bases(row_P[chunk], np.tile(base_L, (len(chunk), 1)), flip_P[chunk])
        at_PL = offset_P[chunk][:, None] + base_L
        inside_PL = (at_PL >= 0) & (at_PL < len(codes)) & (base_L < length_P[chunk][:, None])
        contig_PL = padded[np.where(inside_PL, at_PL, len(codes))]
        differs_PL = inside_PL & (row_PL != contig_PL) & (row_PL < dna.UNKNOWN)
        compared_P, differ_P = inside_PL.sum(1), differs_PL.sum(1)
        long_P = length_P[chunk] >= near_copies.MIN_SHORT
        most_P = np.where(long_P, (1 - near_copies.MIN_IDENTITY) * compared_P + 1e-9, 0)
        need_P = np.where(
            long_P, np.minimum(length_P[chunk], near_copies.MIN_BASES), length_P[chunk]
        )
        matched[chunk] = (compared_P >= need_P) & (differ_P <= most_P)
        substitutions[chunk] = differ_P
    return matched, substitutions
