"""A table of promoters and of other pieces of the same genome, from FASTA and annotation.

A promoter is the span around a transcript's first base, in the direction of the gene. A negative is
a piece of the same length that lies away from every transcript start, on either strand, of the same
contig where that has room; it is the free candidate with the most similar GC content, so GC alone
tells little. Both are real sequence: nothing is shuffled or replaced.

Rows of one block of a contig have the same `group`, for `group_column` of a task, which keeps the
two sides of a split apart by place as well.
"""

import dataclasses
import os
import pathlib

import numpy as np

from genojax import dna, errors, genome, output_files
from genojax.data.formats import annotation, fasta, genome_table
from genojax.data.store import contig_names, regions

COLUMNS = ('sequence', 'label', 'species', 'contig', 'start', 'end', 'strand', 'gc', 'group')
_BLOCK = 100_000  # bases of a contig with one group
_CANDIDATES = 20  # pieces drawn per negative, of which the one with the nearest GC is taken


@dataclasses.dataclass(frozen=True)
class PromoterSettings:
    """What a row is.

    Raises:
        UsageError: spans or numbers below what they must be.
    """

    upstream: int = 200  # bases before a transcript's first base
    downstream: int = 50  # bases from it on
    distance: int = 1_000  # bases that a negative keeps from every transcript start
    negatives: int = 1  # per promoter
    seed: int = 0
    rna: bool = False  # read U as T

    def __post_init__(self):
        if min(self.upstream, self.downstream, self.distance, self.seed) < 0 or self.negatives < 1:
            raise errors.UsageError(
                'upstream, downstream, distance and seed must be at least 0, negatives at least 1'
            )
        if self.length < 1:
            raise errors.UsageError('--upstream and --downstream together must be at least 1')

    @property
    def length(self) -> int:
        """Bases per row."""
        return self.upstream + self.downstream


@dataclasses.dataclass
class PromoterTable:
    """The rows, and what was left out, by reason."""

    rows: list[tuple]
    left_out: dict[str, int]
    notes: list[str] = dataclasses.field(default_factory=list)

    def count(self, label: str) -> int:
        """Rows of a label."""
        return sum(row[1] == label for row in self.rows)


def read(genomes: str | os.PathLike, settings: PromoterSettings | None = None) -> PromoterTable:
    """The rows of all genomes of a genome table that have annotation.

    Raises:
        InputError: GT.., FA.., GF.., BD.. of the files; BD08, no transcript start is annotated.
    """
    settings = settings or PromoterSettings()
    table = genome_table.read(genomes)
    rng = np.random.default_rng([settings.seed, settings.upstream, settings.downstream])
    result = PromoterTable([], {})
    read_files: dict[pathlib.Path, annotation.Annotation] = {}
    lengths_of: dict[pathlib.Path, dict[str, int]] = {}
    names: list[str] = []
    for row in table.rows:
        if row.annotation is None:
            continue
        if row.annotation not in read_files:
            read_files[row.annotation] = annotation.read(row.annotation)
        annotated = read_files[row.annotation]
        lengths = lengths_of.setdefault(row.annotation, {})
        for record in fasta.FastaReader(row.fasta, rna=settings.rna):
            names.append(record.name)
            if row.contigs and record.name not in row.contigs:
                continue
            lengths[record.name] = len(record.codes)
            starts = regions.transcript_starts(annotated.on(record.name), record.name)
            _add_contig(result, row.species, record, starts, settings, rng)
    for path, annotated in read_files.items():
        result.notes += contig_names.notes(annotated, lengths_of[path], names)
    if not result.count('promoter'):
        raise errors.InputError(
            'BD08',
            'no transcript start is annotated',
            path=table.path,
            fix='name GFF3 or GTF files with genes or transcripts in the column annotation',
        )
    return result


def write(path: str | os.PathLike, table: PromoterTable) -> None:
    """Writes a table with TABs, in one step.

    Raises:
        UsageError: the file cannot be written.
    """
    lines = ['\t'.join(COLUMNS), *('\t'.join(map(str, row)) for row in table.rows)]
    with output_files.replaced(path) as partial:
        partial.write_text('\n'.join(lines) + '\n', encoding='ascii')


@dataclasses.dataclass
class _FreePieces:
    """Free pieces of one contig, by their first base.

    Attributes:
        free_N: first bases of pieces away from transcript starts and without N.
        strong_L: number of C and G before each base.
        used_L: first bases of pieces that overlap one that was taken.
    """

    free_N: np.ndarray
    strong_L: np.ndarray
    used_L: np.ndarray
    length: int

    def gc(self, first_N: np.ndarray) -> np.ndarray:
        """Share of C and G of pieces by their first base."""
        return (self.strong_L[first_N + self.length] - self.strong_L[first_N]) / self.length

    def take(self, gc: float, rng: np.random.Generator) -> int | None:
        """The first base of the piece with the nearest GC content of some; None without room."""
        if not len(self.free_N):
            return None
        for _ in range(5):
            drawn = rng.choice(self.free_N, _CANDIDATES)
            drawn = drawn[~self.used_L[drawn]]
            if len(drawn):
                first = int(drawn[np.abs(self.gc(drawn) - gc).argmin()])
                self.used_L[max(first - self.length + 1, 0) : first + self.length] = True
                return first
        return None


def _pieces(codes_L: np.ndarray, starts, settings: PromoterSettings) -> _FreePieces:
    length = settings.length
    free_L = np.ones(max(len(codes_L) - length + 1, 0), bool)
    for first, _ in starts:
        free_L[max(first - settings.distance - length, 0) : first + settings.distance + 1] = False
    unknown_L = np.concatenate([[0], np.cumsum(codes_L == dna.UNKNOWN)])
    free_L &= unknown_L[length:] == unknown_L[: len(free_L)]
    strong_L = np.concatenate([[0], np.cumsum((codes_L == 1) | (codes_L == 2))])
    return _FreePieces(np.flatnonzero(free_L), strong_L, np.zeros(len(codes_L), bool), length)


def _add_contig(result: PromoterTable, species: str, record, starts, settings, rng) -> None:
    """The promoters of one contig, each followed by its negatives."""
    pieces, last = _pieces(record.codes, starts, settings), {}
    for first, strand in starts:
        low = first - settings.upstream if strand == '+' else first + 1 - settings.downstream
        interval = genome.Interval(record.name, max(low, 0), low + settings.length, strand)
        reason = ''
        if low < 0 or interval.end > len(record.codes):
            reason = 'promoters beyond the end of a contig'
        elif (record.codes[low : interval.end] == dna.UNKNOWN).any():
            reason = 'promoters with N'
        elif low - last.get(strand, -settings.length) < settings.length / 2:
            reason = 'promoters within half a row of another'
        if reason:
            result.left_out[reason] = result.left_out.get(reason, 0) + 1
            continue
        last[strand] = low
        gc = float(pieces.gc(np.array([low]))[0])
        result.rows.append(_row(species, record.codes, interval, 'promoter', gc))
        for _ in range(settings.negatives):
            low_other = pieces.take(gc, rng)
            if low_other is None:
                reason = 'negatives for which the contig has no room'
                result.left_out[reason] = result.left_out.get(reason, 0) + 1
                continue
            other = genome.Interval(
                record.name, low_other, low_other + settings.length, '+-'[rng.integers(2)]
            )
            share = float(pieces.gc(np.array([low_other]))[0])
            result.rows.append(_row(species, record.codes, other, 'other', share))


def _row(
    species: str, codes_L: np.ndarray, interval: genome.Interval, label: str, gc: float
) -> tuple:
    piece = codes_L[interval.start : interval.end]
    piece = dna.reverse_complement(piece) if interval.strand == '-' else piece
    group = f'{species}:{interval.contig}:{interval.start // _BLOCK}'
    where = (interval.contig, interval.start, interval.end, interval.strand)
    return dna.decode(piece), label, species, *where, f'{gc:.4f}', group
