"""One species on its way into shards: its contigs, labelled one at a time and cut into chunks."""

import dataclasses
import pathlib

import numpy as np

from genojax import genome
from genojax.data.formats import annotation, genome_table
from genojax.data.store import fasta_cache, regions, summary

CHUNK = 65_536  # bases of a record


def pack(bases: np.ndarray) -> np.ndarray:
    """Two 4-bit bases a byte, the first in the high half; an odd last one stands alone."""
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
class Part:
    """The contigs that one row of the table gives to a species, and the spool they lie in."""

    row: genome_table.Row
    spool: pathlib.Path
    contigs: tuple[str, ...]


class Species:
    """The contigs of one species, labelled when they are first asked for; one is held at a time."""

    def __init__(self, parts: list[Part], span: tuple[int, int]):
        self.span = span
        self.spools = {part.spool: fasta_cache.load(part.spool) for part in parts}
        self.annotated = {
            part.row.annotation: annotation.read(part.row.annotation)
            for part in parts
            if part.row.annotation
        }
        self.places = [(part, name) for part in parts for name in part.contigs]
        self.summaries: dict[int, summary.ContigSummary] = {}
        self.genes: list[tuple] = []
        self.notes: list[str] = []
        self._held: tuple[int, np.ndarray, np.ndarray] | None = None
        for path, what in self.annotated.items():
            self.notes += [f'{path.name}: {note}' for note in what.notes]
        for part in parts:
            if part.row.annotation:
                entries = self.spools[part.spool].entries
                lengths = {name: entries[name].length for name in part.contigs}
                regions.check_fits(self.annotated[part.row.annotation], lengths)

    def length(self, number: int) -> int:
        part, name = self.places[number]
        return self.spools[part.spool].entries[name].length

    def chunks(self) -> list[tuple[int, int]]:
        return [
            (number, start)
            for number in range(len(self.places))
            for start in range(0, self.length(number), CHUNK)
        ]

    def chunk_at(self, number: int, start: int) -> dict:
        if self._held is None or self._held[0] != number:
            self._held = None  # free the last contig before the next is read
            self._held = (number, *self._label(number))
        _, bases, bits = self._held
        return {
            'contig': self.places[number][1],
            'start': start,
            'bases': pack(bases[start : start + CHUNK]),
            'regions': bits[start : start + CHUNK],
        }

    def _label(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        part, name = self.places[number]
        record = self.spools[part.spool].record(name)
        described = summary.describe(
            part.row, record, self.annotated.get(part.row.annotation), self.span
        )
        if number not in self.summaries:
            self.genes += [(gene, number, at.start, at.end) for gene, at in described.genes]
            self.notes += described.notes
        self.summaries[number] = described.summary
        soft = record.soft_masked.view(np.uint8) << genome.SOFT_SHIFT
        # Lower case that the table calls meaningless is no soft mask.
        return record.codes | soft if part.row.softmasked else record.codes, described.bits
