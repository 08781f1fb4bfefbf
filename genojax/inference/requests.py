"""Stretches of sequence in a fixed order: the records of a FASTA file, or the intervals of a BED file on its contigs.

Coordinates are 0-based and half-open on the forward strand, as in BED; the bases of a stretch on the minus strand are its
reverse complement. Nothing is skipped and nothing is cut: what cannot be meant is one error that names file and line.
"""

import dataclasses
import os
from collections.abc import Mapping

import numpy as np

from genojax import dna, errors, genome
from genojax.data.formats import annotation, fasta


@dataclasses.dataclass(frozen=True, slots=True)
class Stretch:
    """One place, what the user calls it (a record's name, or the BED row's) and the line that says so, 1-based."""

    name: str
    place: genome.Interval
    line: int


def where(place: genome.Interval) -> str:
    """A place as one writes it for a genome browser, but counted from 0."""
    return f'{place.contig}:{place.start}-{place.end}'


@dataclasses.dataclass(frozen=True, eq=False)
class Stretches:
    """Stretches in the order of their file, and the contigs that they lie on, uint8 base codes by name."""

    rows: list[Stretch]
    contigs: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.rows)

    def codes(self, row: int) -> np.ndarray:
        """The bases of a row as they are read 5' to 3' on its strand, uint8 [L]."""
        place = self.rows[row].place
        codes = self.contigs[place.contig][place.start : place.end]
        return dna.reverse_complement(codes) if place.strand == '-' else codes

    def windows(self, length: int, stride: int) -> 'Stretches':
        """Every stretch longer than `length` as windows of that length, in order along the contig.

        Windows start every `stride` bases and the last one ends where the stretch ends, so every base is in one.
        Windows keep the stretch's name and strand.
        """
        if not 1 <= stride <= length:
            raise ValueError(
                f'{stride=} must be between 1 and {length=}, or bases would be left out'
            )
        cut = []
        for row in self.rows:
            start, end = row.place.start, row.place.end
            starts = list(range(start, max(end - length, start) + 1, stride))
            if starts[-1] + length < end:
                starts.append(end - length)
            for first in starts:
                place = dataclasses.replace(row.place, start=first, end=min(first + length, end))
                cut.append(dataclasses.replace(row, place=place))
        return dataclasses.replace(self, rows=cut)


def read(path: str | os.PathLike, bed: str | os.PathLike | None = None) -> Stretches:
    """Every record of a FASTA file as one stretch, or every row of a BED file (a BED12 row as a whole).

    Raises:
        errors.InputError: FA.. for the FASTA file, BD.. for BED rows: malformed, on a contig that the FASTA file does not
            have (BD09), or beyond its end (BD03).
    """
    intervals = None if bed is None else _intervals(bed)
    wanted = None if intervals is None else {feature.interval.contig for feature in intervals}
    contigs, lengths, rows = {}, {}, []
    for record in fasta.read(path):
        size = lengths[record.name] = len(record.codes)
        place = genome.Interval(record.name, 0, size, '+')
        rows.append(Stretch(record.name, place, record.stats.line))
        if wanted is None or record.name in wanted:
            contigs[record.name] = record.codes
    if intervals is not None:
        rows = [_stretch(feature, lengths, bed, path) for feature in intervals]
    return Stretches(rows, contigs)


def _intervals(path: str | os.PathLike) -> list[annotation.Feature]:
    """One feature a BED row, in the order of the file."""
    found = annotation.read(path)
    if found.format != 'bed':
        raise errors.UsageError(
            f'{os.fspath(path)} is {found.format.upper()}, not BED: write contig, start and end, counted from 0'
        )
    features = [feature for rows in found.features.values() for feature in rows]
    # The parts of a BED12 row come behind the row itself and share its line.
    features.sort(key=lambda feature: feature.line)
    return [f for i, f in enumerate(features) if i == 0 or features[i - 1].line != f.line]


def _stretch(feature: annotation.Feature, lengths: dict[str, int], bed, path) -> Stretch:
    place = feature.interval
    if place.contig not in lengths:
        raise errors.InputError(
            'BD09',
            f'the contig {place.contig!r} is not in {os.fspath(path)}',
            path=bed,
            line=feature.line,
            fix=_other_name(place.contig, lengths),
        )
    if place.end > lengths[place.contig]:
        raise errors.InputError(
            'BD03',
            f'end {place.end}, but {place.contig!r} has {lengths[place.contig]:,} bases',
            path=bed,
            line=feature.line,
            fix='give the assembly that the intervals were made on',
        )
    # A BED12 row is a transcript; the row's own name column is its gene.
    name = feature.gene if feature.id else feature.kind
    return Stretch(name or where(place), place, feature.line)


def _other_name(contig: str, lengths: dict[str, int]) -> str:
    other = contig.removeprefix('chr') if contig.startswith('chr') else f'chr{contig}'
    if other in lengths:
        return f'the FASTA file calls it {other!r}; rename one of them'
    some = ', '.join(list(lengths)[:3])
    return f'name one of its {len(lengths):,} contigs ({some}{" .." if len(lengths) > 3 else ""})'
