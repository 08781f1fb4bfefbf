"""Scored records as text: VCF lines with more INFO, or a table with one row per ALT."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence

import genojax
from genojax.data.formats.variant_files import variant_table, vcf
from genojax.variants.alleles import AlleleState
from genojax.variants.consequences.annotator import TranscriptEffect
from genojax.variants.records import PlannedRecord
from genojax.variants.windows import AllelePair

# `bcftools +split-vep` refuses a string without a field named Consequence.
FORMAT = ('Allele', 'State', 'Consequence', 'Window')
# With an annotation, Consequence is what the variant does to a transcript, and these follow.
ANNOTATED = ('Gene', 'Feature', 'Amino_acids', 'Codons', 'Protein_position', 'Kind')
ABSENT = '.'  # a cell of a table without a value
_TABLE = ('contig', 'position', 'id', 'ref', 'alt', 'state', 'kind', 'window')


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class ScoredAllele:
    """One ALT with its state, its windows (None if it has none) and its scores by column.

    `effect` is its consequence; None without an annotation, or where REF is not known to be right.
    """

    alternate: str
    state: AlleleState
    pair: AllelePair | None
    values: Mapping[str, float]
    effect: TranscriptEffect | None = None

    @property
    def effect_texts(self) -> tuple[str, ...]:
        """Consequence terms joined by &, gene, transcript, amino acids, codons, position."""
        if self.effect is None:
            return ('',) * 6
        effect = self.effect
        return (
            '&'.join(effect.every),
            effect.gene,
            effect.transcript,
            effect.amino_acids,
            effect.codons,
            str(effect.protein_position or ''),
        )

    @property
    def kind(self) -> str:
        return str(self.pair.edit.kind) if self.pair else ''

    @property
    def window(self) -> str:
        """First and last base of the reference window, 1-based."""
        if self.pair is None:
            return ''
        return f'{self.pair.start + 1}-{self.pair.start + len(self.pair.reference_L)}'


@dataclasses.dataclass(frozen=True)
class VcfText:
    """Writes VCF.

    Attributes:
        tag: the INFO key of the states; those of scores begin with it.
        columns: score column -> description.
        metadata: what is written in the header line ##genojax_score.
        annotated: whether consequences are written.
    """

    tag: str
    columns: Mapping[str, str]
    metadata: Mapping[str, object]
    annotated: bool = False

    @property
    def keys(self) -> list[str]:
        """The INFO keys that are added."""
        return [self.tag, *(f'{self.tag}_{name}' for name in self.columns)]

    def header(self, lines: Sequence[bytes], lengths: Mapping[str, int]) -> bytes:
        """The header with the added lines before #CHROM.

        Args:
            lengths: of the contigs of the FASTA file, which are added where the header has none:
                bcftools wants them.
        """
        source = {'Source': 'genojax', 'Version': genojax.__version__}
        states = ', '.join(AlleleState)
        meaning, fields = 'the kind of change, a term', FORMAT
        if self.annotated:
            meaning = 'what it does to the transcript where that is most severe, terms'
            fields = (*FORMAT, *ANNOTATED)
        about = (
            f'State of each ALT allele ({states}); Consequence: {meaning} of the '
            f'Sequence Ontology; Window: bases that were read. '
            f'Format: {"|".join(fields)}'
        )
        status = {'ID': self.tag, 'Number': '.', 'Type': 'String'}
        added = [] if vcf.contigs(lines) else vcf.contig_lines(lengths)
        added.append(vcf.info_line(status, {'Description': about} | source))
        for name, text in self.columns.items():
            fields = {'ID': f'{self.tag}_{name}', 'Number': 'A', 'Type': 'Float'}
            added.append(vcf.info_line(fields, {'Description': text} | source))
        metadata = json.dumps(self.metadata, sort_keys=True)
        added.append(f'##{self.tag}_score={metadata}\n'.encode())
        return b''.join((*lines[:-1], *added, lines[-1]))

    def record(self, planned: PlannedRecord, scored: Sequence[ScoredAllele]) -> bytes:
        """One line; all but INFO is as it was read."""
        record = planned.record
        if not record.fields:
            return record.text + record.end
        parts = ['|'.join(self._fields(allele)) for allele in scored]
        info = [f'{self.tag}={",".join(parts)}']
        for name in self.columns:
            values = [_number(allele.values.get(name, math.nan)) for allele in scored]
            if set(values) != {'.'}:
                info.append(f'{self.tag}_{name}={",".join(values)}')
        return record.with_changes(';'.join(info), planned.new_reference)

    def _fields(self, allele: ScoredAllele) -> tuple[str, ...]:
        first = vcf.escape(allele.alternate), allele.state
        if not self.annotated:
            return (*first, allele.kind, allele.window)
        consequence, *others = [_utf8(vcf.escape(text)) for text in allele.effect_texts]
        return (*first, consequence, allele.window, *others, allele.kind)


@dataclasses.dataclass(frozen=True)
class TableText:
    """Writes a table: TAB-separated, one row per ALT; the first line is metadata after '#'.

    A cell without a value has `ABSENT`.
    """

    columns: Mapping[str, str]
    metadata: Mapping[str, object]
    annotated: bool = False

    def header(self, lines: Sequence[bytes], lengths: Mapping[str, int]) -> bytes:
        del lines, lengths  # a table has no header of the VCF
        more = variant_table.ANNOTATION_COLUMNS if self.annotated else ()
        names = '\t'.join((*_TABLE, *more, *(name.lower() for name in self.columns)))
        return f'# {json.dumps(self.metadata, sort_keys=True)}\n{names}\n'.encode()

    def record(self, planned: PlannedRecord, scored: Sequence[ScoredAllele]) -> bytes:
        """One row per ALT."""
        record = planned.record
        reference = planned.new_reference or (record.reference if record.fields else '')
        rows = []
        for allele in scored:
            place = (record.contig, record.fields[1], record.id, reference, allele.alternate)
            values = (_number(allele.values.get(name, math.nan)) for name in self.columns)
            more = map(_utf8, allele.effect_texts) if self.annotated else ()
            cells = (*place, allele.state, allele.kind, allele.window, *more, *values)
            rows.append('\t'.join(cell or ABSENT for cell in cells))
        return ''.join(f'{row}\n' for row in rows).encode('latin-1')


def _utf8(text: str) -> str:
    """A text whose bytes in Latin-1, as the lines of a VCF file are read here, are UTF-8."""
    return text.encode().decode('latin-1')


def _number(value: float) -> str:
    """Six significant digits, as htslib prints a Float; '.' for NaN."""
    return ABSENT if math.isnan(value) else f'{value + 0.0:.6g}'
