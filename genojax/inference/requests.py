"""Regions of sequence in a fixed order: records of a FASTA file, or intervals of a BED file.

Coordinates are 0-based and half-open on the forward strand, as in BED; the bases of a region on the
minus strand are its reverse complement. Nothing is skipped and nothing is cut: a region that cannot
be read is one error that names file and line.
"""

import dataclasses
import os
from collections.abc import Mapping

import numpy as np

from genojax import dna, errors, genome
from genojax.data.formats import annotation, fasta


@dataclasses.dataclass(frozen=True, slots=True)
class SequenceRegion:
    """An interval, its name (a record's, or the BED row's) and its line in the file, from 1."""

    name: str
    interval: genome.Interval
    line: int


def text(interval: genome.Interval) -> str:
    """`contig:start-end` as a genome browser writes it, but counted from 0."""
    return f'{interval.contig}:{interval.start}-{interval.end}'


@dataclasses.dataclass(frozen=True, eq=False)
class Regions:
    """Regions in the order of their file, and the contigs that they lie on: base codes by name."""

    rows: list[SequenceRegion]
    contigs: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.rows)

    def codes(self, row: int) -> np.ndarray:
        """The bases of a row 5' to 3' on its strand, uint8 [L]."""
        interval = self.rows[row].interval
        codes = self.contigs[interval.contig][interval.start : interval.end]
        return dna.reverse_complement(codes) if interval.strand == '-' else codes

    def windows(self, length: int, stride: int) -> 'Regions':
        """Every region longer than `length` as windows of that length, in order along the contig.

        Windows start every `stride` bases and the last one ends where the region ends, so every
        base is in one. Windows keep the region's name and strand.
        """
        if not 1 <= stride <= length:
            raise ValueError(
                f'{stride=} must be between 1 and {length=}, or bases would be left out'
            )
        cut = []
        for row in self.rows:
            start, end = row.interval.start, row.interval.end
            starts = list(range(start, max(end - length, start) + 1, stride))
            if starts[-1] + length < end:
                starts.append(end - length)
            for first in starts:
                last = min(first + length, end)
                interval = dataclasses.replace(row.interval, start=first, end=last)
                cut.append(dataclasses.replace(row, interval=interval))
        return dataclasses.replace(self, rows=cut)


def read(
    path: str | os.PathLike,
    bed: str | os.PathLike | None = None,
    *,
    rna: bool = False,
    full_names: bool = False,
    numbered: bool = False,
) -> Regions:
    """Every record of a FASTA file as a region, or every row of a BED file (BED12: whole rows).

    Args:
        rna, full_names, numbered: see `fasta.FastaReader`.

    Raises:
        InputError: FA.. for the FASTA file; BD.. for BED rows: malformed, on a contig that the
            FASTA file does not have (BD09), or beyond its end (BD03).
    """
    intervals = None if bed is None else _intervals(bed)
    needed = None if intervals is None else {feature.interval.contig for feature in intervals}
    contigs, lengths, rows = {}, {}, []
    options = {'rna': rna, 'full_names': full_names, 'numbered': numbered}
    for record in fasta.read(path, **options):
        size = lengths[record.name] = len(record.codes)
        interval = genome.Interval(record.name, 0, size, '+')
        rows.append(SequenceRegion(record.name, interval, record.stats.line))
        if needed is None or record.name in needed:
            contigs[record.name] = record.codes
    if intervals is not None:
        rows = [_region(feature, lengths, bed, path) for feature in intervals]
    return Regions(rows, contigs)


def _intervals(path: str | os.PathLike) -> list[annotation.Feature]:
    """One feature per BED row, in the order of the file."""
    content = annotation.read(path)
    if content.format != 'bed':
        raise errors.UsageError(
            f'{os.fspath(path)} is {content.format.upper()}, not BED. Fix: write contig, start and '
            'end, counted from 0'
        )
    features = [feature for rows in content.features.values() for feature in rows]
    # The parts of a BED12 row follow the row itself and share its line.
    features.sort(key=lambda feature: feature.line)
    return [f for i, f in enumerate(features) if i == 0 or features[i - 1].line != f.line]


def _region(feature: annotation.Feature, lengths: dict[str, int], bed, path) -> SequenceRegion:
    interval = feature.interval
    if interval.contig not in lengths:
        raise errors.InputError(
            'BD09',
            f'the contig {interval.contig!r} is not in {os.fspath(path)}',
            path=bed,
            line=feature.line,
            fix=_other_name(interval.contig, lengths),
        )
    if interval.end > lengths[interval.contig]:
        raise errors.InputError(
            'BD03',
            f'end {interval.end}, but {interval.contig!r} has {lengths[interval.contig]:,} bases',
            path=bed,
            line=feature.line,
            fix='use the assembly that the intervals were made on',
        )
    # A BED12 row is a transcript; the row's own name column is its gene.
    name = feature.gene if feature.id else feature.kind
    return SequenceRegion(name or text(interval), interval, feature.line)


def _other_name(contig: str, lengths: dict[str, int]) -> str:
    other = contig.removeprefix('chr') if contig.startswith('chr') else f'chr{contig}'
    if other in lengths:
        return f'the FASTA file calls it {other!r}; rename one of them'
    some = ', '.join(list(lengths)[:3])
    return f'name one of its {len(lengths):,} contigs ({some}{" .." if len(lengths) > 3 else ""})'
