"""One contig with its region labels and counts, before any training.

A figure that was not measured is None, never 0: a genome that is not soft-masked has unknown
repeats, and an annotation without enhancer rows says nothing about enhancers.
"""

import dataclasses
import os
from collections.abc import Iterator

import numpy as np

from genojax import genome
from genojax.data.formats import annotation, genome_table, sequence_record
from genojax.data.store import regions


@dataclasses.dataclass(frozen=True)
class ContigSummary:
    """Counts of one contig.

    Attributes:
        counts: A, C, G, T and unknown bases.
        soft_masked: bases in lower case, None where lower case has no meaning.
        regions: bases per region kind, None for a kind that neither annotation nor soft mask has.
        genes: number of named genes, None without an annotation.
        introns: (introns that read GT..AG or GC..AG, introns with a strand).
    """

    species: str
    contig: str
    length: int
    circular: bool
    counts: tuple[int, int, int, int, int]
    soft_masked: int | None
    regions: dict[str, int | None]
    genes: int | None
    introns: tuple[int, int]
    digest: str

    @property
    def gc(self) -> float | None:
        """Share of G and C among the known bases; None where none is known."""
        return gc(self.counts)

    @property
    def unknown(self) -> int:
        """Number of unknown bases."""
        return self.counts[4]


@dataclasses.dataclass(frozen=True)
class LabelledContig:
    """A contig with its labels.

    Attributes:
        bits: `genome.Region` bits, uint8 [L].
        genes: named genes in order of start.
        notes: remarks on unusual content.
    """

    summary: ContigSummary
    bits: np.ndarray
    genes: list[tuple[str, genome.Interval]]
    notes: tuple[str, ...]


def label(
    row: genome_table.GenomeRow,
    record: sequence_record.Record,
    annotated: annotation.Annotation | None,
    promoter_span: tuple[int, int] = regions.PROMOTER_SPAN,
) -> LabelledContig:
    """Label the bases of one contig by its row of the table, and count them."""
    features = annotated.on(record.name) if annotated else []
    length = len(record.codes)
    bits = regions.region_bits(
        features,
        record.name,
        length,
        promoter_span=promoter_span,
        soft_mask=record.soft_masked if row.softmasked else None,
        circular=row.circular,
        path=os.fspath(row.annotation) if row.annotation else None,
    )
    annotated_kinds = regions.kinds_of(annotated) if annotated else genome.Region(0)
    if row.softmasked:
        annotated_kinds |= genome.Region.REPEAT
    count = {
        kind: int(np.count_nonzero(bits & np.uint8(kind))) if kind in annotated_kinds else None
        for kind in genome.REGIONS
    }
    introns = regions.introns(features, record.name)
    agree = regions.splice_agreement(record.codes, introns)
    genes = regions.genes(features, record.name)
    summary = ContigSummary(
        species=row.species,
        contig=record.name,
        length=length,
        circular=row.circular,
        counts=record.stats.counts,
        soft_masked=record.stats.soft_masked if row.softmasked else None,
        regions={kind.name.lower(): bases for kind, bases in count.items()},
        genes=len(genes) if annotated else None,
        introns=agree,
        digest=record.stats.digest,
    )
    return LabelledContig(summary, bits, genes, tuple(_remarks(row, record, introns, agree)))


def _remarks(row, record, introns, agree: tuple[int, int]) -> Iterator[str]:
    contig = f'{row.species} {record.name}'
    lower, length = record.stats.soft_masked, len(record.codes)
    if lower and not row.softmasked:
        yield f'{contig}: {lower / length:.1%} is lower case, which the table calls meaningless'
    if row.softmasked and not lower:
        yield f'{contig}: no lower case, though the table calls it soft-masked'
    # An annotation off by one moves every splice site: of real introns 95 in 100 agree.
    if agree[1] >= 20 and agree[0] < 0.5 * agree[1]:
        shifted = {s: regions.splice_agreement(record.codes, introns, s)[0] for s in (-1, 1)}
        best = max(shifted, key=shifted.get)
        line = f'{contig}: only {agree[0]} of {agree[1]} introns read GT..AG'
        if shifted[best] > 0.5 * agree[1]:
            line += f', but {shifted[best]} when moved by {best:+d}: the annotation is off by one'
        yield line


def gc(counts: tuple[int, ...]) -> float | None:
    """Share of G and C among the known bases of (A, C, G, T, ...) counts; None without any."""
    known = sum(counts[:4])
    return (counts[1] + counts[2]) / known if known else None
