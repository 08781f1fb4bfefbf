"""One species as records of shards: its contigs, labelled one at a time and cut into chunks."""

import dataclasses
import pathlib

import numpy as np

from genojax import genome
from genojax.data.formats import annotation, genome_table
from genojax.data.store import contig_names, contig_summary, fasta_cache, regions

CHUNK = 65_536  # bases per record


def pack(bases: np.ndarray) -> np.ndarray:
    """Two 4-bit bases per byte, the first in the high half; an odd last one is padded with 0."""
    if len(bases) % 2:
        bases = np.append(bases, np.uint8(0))
    return bases[0::2] << 4 | bases[1::2]


def unpack(packed: np.ndarray, length: int) -> np.ndarray:
    """The inverse of `pack`."""
    bases = np.empty(2 * len(packed), np.uint8)
    bases[0::2] = packed >> 4
    bases[1::2] = packed & 15
    return bases[:length]


@dataclasses.dataclass(frozen=True)
class RowContigs:
    """The contigs of one row of the genome table, and the FASTA cache that holds them.

    Attributes:
        elsewhere: contigs of other FASTA files that the row's annotation also describes.
    """

    row: genome_table.GenomeRow
    cache: pathlib.Path
    contigs: tuple[str, ...]
    elsewhere: tuple[str, ...] = ()


class SpeciesBuilder:
    """The contigs of one species, each labelled on first use; one is in memory at a time.

    Args:
        parts: the rows of the species.
        promoter_span: see `regions.promoters`.

    Attributes:
        contigs: (part, name) of every contig, in order.
        summaries: counts of the contigs labelled so far, by number.
        genes: (name, contig, start, end) of their named genes.
        notes: remarks on unusual content.
        names: of each annotation, the contigs that it does not share with the sequence.
        annotations: by path.

    Raises:
        errors.InputError: an annotation that does not fit its contigs (`regions.check_fits`).
    """

    def __init__(self, parts: list[RowContigs], promoter_span: tuple[int, int]):
        self.promoter_span = promoter_span
        self.caches = {part.cache: fasta_cache.load(part.cache) for part in parts}
        self.annotations = {
            part.row.annotation: annotation.read(part.row.annotation)
            for part in parts
            if part.row.annotation
        }
        self.contigs = [(part, name) for part in parts for name in part.contigs]
        self.summaries: dict[int, contig_summary.ContigSummary] = {}
        self.genes: list[tuple] = []
        self.notes: list[str] = []
        self._current: tuple[int, np.ndarray, np.ndarray] | None = None  # number, bases, regions
        for path, annotated in self.annotations.items():
            remarks = (*annotated.notes, *contig_summary.annotation_notes(annotated, promoter_span))
            self.notes += [f'{path.name}: {note}' for note in remarks]
        for part in parts:
            if part.row.annotation:
                entries = self.caches[part.cache].entries
                lengths = {name: entries[name].length for name in part.contigs}
                regions.check_fits(self.annotations[part.row.annotation], lengths)
        self.names = self._compare_names(parts)
        self.notes = [note for one in self.names for note in one.notes()] + self.notes

    def _compare_names(self, parts: list[RowContigs]) -> list[contig_names.NameComparison]:
        """Every annotation beside all contigs of the species that it is to label.

        A feature is on an unknown contig if no FASTA file of these rows has it.
        """
        compared = []
        for path, annotated in self.annotations.items():
            rows = [part for part in parts if part.row.annotation == path]
            lengths = {
                name: self.caches[part.cache].entries[name].length
                for part in rows
                for name in part.contigs
            }
            in_files = [
                name for part in rows for name in (*self.caches[part.cache].names, *part.elsewhere)
            ]
            compared.append(contig_names.compare(annotated, path.name, lengths, in_files))
        return compared

    def length(self, number: int) -> int:
        """Bases of a contig."""
        part, name = self.contigs[number]
        return self.caches[part.cache].entries[name].length

    def chunks(self) -> list[tuple[int, int]]:
        """(contig number, start) of every record, in order."""
        return [
            (number, start)
            for number in range(len(self.contigs))
            for start in range(0, self.length(number), CHUNK)
        ]

    def chunk_at(self, number: int, start: int) -> dict:
        """One record: contig, start, packed bases and region bits."""
        if self._current is None or self._current[0] != number:
            self._current = None  # free the last contig before the next is read
            self._current = (number, *self._label(number))
        _, bases, bits = self._current
        return {
            'contig': self.contigs[number][1],
            'start': start,
            'bases': pack(bases[start : start + CHUNK]),
            'regions': bits[start : start + CHUNK],
        }

    def _label(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Stored bases and region bits of a contig, uint8 [L] each."""
        part, name = self.contigs[number]
        record = self.caches[part.cache].record(name)
        labelled = contig_summary.label(
            part.row, record, self.annotations.get(part.row.annotation), self.promoter_span
        )
        if number not in self.summaries:
            self.genes += [(gene, number, at.start, at.end) for gene, at in labelled.genes]
            self.notes += labelled.notes
        self.summaries[number] = labelled.summary
        soft = record.soft_masked.view(np.uint8) << genome.SOFT_SHIFT
        # Lower case without a meaning (softmasked = no) is not a soft mask.
        return record.codes | soft if part.row.softmasked else record.codes, labelled.bits
