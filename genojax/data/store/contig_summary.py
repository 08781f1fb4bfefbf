"""One contig with its region labels and counts, before any training.

A figure that was not measured is None, never 0: a genome that is not soft-masked has unknown
repeats, and an annotation without enhancer rows says nothing about enhancers.
"""

import collections
import dataclasses
import os
from collections.abc import Iterable, Iterator

import numpy as np

from genojax import genome
from genojax.data.formats import annotation, genome_table, sequence_record
from genojax.data.store import agreement, regions

_KINDS_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class ContigSummary:
    """Counts of one contig.

    Attributes:
        counts: A, C, G, T and unknown bases.
        soft_masked: bases in lower case, None where lower case has no meaning.
        regions: bases per region kind, None for a kind that neither annotation nor soft mask has.
        genes: number of named genes, None without an annotation.
        introns: (introns that read GT..AG or GC..AG, introns with a strand).
        shifts: how many introns read GT..AG, and how many CDS begin with a start codon, if the
            annotation is moved by -1, 0 and 1 bases, and how many were compared.
        promoters: 'annotated', 'inferred' (from transcript starts) or None.
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
    shifts: dict[str, tuple[int, int, int, int]] = dataclasses.field(default_factory=dict)
    promoters: str | None = None

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
    # A contig that the file does not mention is not annotated, whatever the reason.
    annotated = annotated if annotated and annotated.covers(record.name) else None
    features = annotated.on(record.name) if annotated else []
    length = len(record.codes)
    introns = regions.introns(features, record.name)
    bits = regions.region_bits(
        features,
        record.name,
        length,
        promoter_span=promoter_span,
        soft_mask=record.soft_masked if row.softmasked else None,
        circular=row.circular,
        path=os.fspath(row.annotation) if row.annotation else None,
        spliced=introns,
    )
    annotated_kinds = regions.kinds_of(annotated) if annotated else genome.Region(0)
    if row.softmasked:
        annotated_kinds |= genome.Region.REPEAT
    count = {
        kind: int(np.count_nonzero(bits & np.uint8(kind))) if kind in annotated_kinds else None
        for kind in genome.REGIONS
    }
    shifts = _shifts(record.codes, features, introns)
    agree = (shifts['introns'][1], shifts['introns'][3])
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
        shifts=shifts,
        promoters=_promoters(features, annotated_kinds),
    )
    return LabelledContig(summary, bits, genes, tuple(_remarks(row, record)))


def _shifts(codes: np.ndarray, features, introns) -> dict[str, tuple[int, int, int, int]]:
    """`ContigSummary.shifts` of a contig."""
    moved = {
        'introns': agreement.splice_agreements(codes, introns, (-1, 0, 1)),
        'starts': agreement.start_codon_agreements(codes, features, (-1, 0, 1)),
    }
    return {name: (*(number for number, _ in agree), agree[1][1]) for name, agree in moved.items()}


def _promoters(features, annotated_kinds: genome.Region) -> str | None:
    if genome.Region.PROMOTER not in annotated_kinds:
        return None
    return 'annotated' if regions.has_promoter_rows(features) else 'inferred'


def _remarks(row, record) -> Iterator[str]:
    contig = f'{row.species} {record.name}'
    lower, length = record.stats.soft_masked, len(record.codes)
    if lower and not row.softmasked:
        yield f'{contig}: {lower / length:.1%} is lower case, which the table calls meaningless'
    if row.softmasked and not lower:
        yield f'{contig}: no lower case, though the table calls it soft-masked'


def shift_notes(name: str, contigs: Iterable[ContigSummary]) -> list[str]:
    """Remarks on an annotation that fits its sequence better when it is moved by one base.

    Of real introns 95 in 100 read GT..AG, of shifted ones 1 in 100.

    Args:
        name: of the species, for the note.
        contigs: of the species.
    """
    lines, contigs = [], list(contigs)
    for key, what, fewest in (
        ('introns', 'introns read GT..AG', 3),
        ('starts', 'CDS begin with a start codon', 10),
    ):
        columns = zip(*(contig.shifts.get(key, (0, 0, 0, 0)) for contig in contigs), strict=True)
        before, agree, after, total = map(sum, columns)
        best, shift = max((before, -1), (after, 1))
        if total >= fewest and agree < 0.5 * total and best > max(0.5 * total, 2 * agree):
            lines.append(
                f'{name}: only {agree:,} of {total:,} {what}, but {best:,} when moved by '
                f'{shift:+d}: the annotation is off by one'
            )
        elif key == 'introns' and total >= 20 and agree < 0.5 * total:
            lines.append(f'{name}: only {agree:,} of {total:,} {what}')
    return lines


def annotation_notes(
    annotated: annotation.Annotation, span: tuple[int, int] = regions.PROMOTER_SPAN
) -> list[str]:
    """Remarks on what was inferred from a file (introns, promoters), and on rows without use."""
    lines, derived, both_strands, starts, own_rows = [], 0, 0, 0, False
    for contig, features in annotated.features.items():
        exons, others = regions.parts_of_transcripts(features)
        derived += sum(
            bool(regions.gaps(parts, regions.SHORTEST_INTRON)) for parts in others.values()
        )
        both_strands += sum(len({part.strand for part in parts}) > 1 for parts in exons.values())
        starts += len(regions.promoters(features, contig, span))
        own_rows |= regions.has_promoter_rows(features)
    if derived:
        lines.append(
            f'introns of {derived:,} transcripts without exon rows are inferred from the gaps '
            'between their CDS and UTR rows'
        )
    if both_strands:
        lines.append(
            f'{both_strands:,} transcripts have exons on both strands: no introns between them'
        )
    if starts:
        lines.append(
            f'promoters are {"partly " if own_rows else ""}inferred, not annotated: {span[0]:,} '
            f'bases before and {span[1]:,} after {starts:,} transcript starts'
        )
    return lines + _disagreeing_introns(annotated) + _unused_rows(annotated)


def _disagreeing_introns(annotated: annotation.Annotation) -> list[str]:
    """A note on intron rows of transcripts with exons that are not between two of these."""
    total = other = 0
    for features in annotated.features.values():
        rows = [row for row in features if row.parents and row.kind.lower() == 'intron']
        exons = regions.parts_of_transcripts(features)[0] if rows else {}
        between = {
            name: regions.gaps(exons[name], 1)
            for name in {name for row in rows for name in row.parents if name in exons}
        }
        for row in rows:
            listed = [between[name] for name in row.parents if name in between]
            total += bool(listed)
            other += bool(listed) and not any(row.interval in gaps for gaps in listed)
    if not other:
        return []
    return [f'{other:,} of {total:,} intron rows of transcripts are not between two of their exons']


def _unused_rows(annotated: annotation.Annotation) -> list[str]:
    """A note on rows that label no base: of unknown kinds, and neither gene nor transcript."""
    parents = {
        parent for rows in annotated.features.values() for row in rows for parent in row.parents
    }
    kinds = collections.Counter(
        row.kind
        for rows in annotated.features.values()
        for row in rows
        if row.kind.lower() not in regions.BITS_OF_KIND
        and row.kind not in annotation.GENE_ROWS
        and row.kind not in annotation.TRANSCRIPT_ROWS
        and row.id not in parents
    )
    if not kinds:
        return []
    total = sum(map(len, (*annotated.features.values(), *annotated.evidence.values())))
    listed = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    shown = ', '.join(f'{kind or "no name"} {count:,}' for kind, count in listed[:_KINDS_SHOWN])
    more = f' and {len(listed) - _KINDS_SHOWN:,} more' if len(listed) > _KINDS_SHOWN else ''
    return [f'{kinds.total():,} of {total:,} rows are of kinds that label nothing ({shown}{more})']


def gc(counts: tuple[int, ...]) -> float | None:
    """Share of G and C among the known bases of (A, C, G, T, ...) counts; None without any."""
    known = sum(counts[:4])
    return (counts[1] + counts[2]) / known if known else None
