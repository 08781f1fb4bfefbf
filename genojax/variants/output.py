"""Scored records as text: VCF lines with more INFO, or a table with one row per ALT."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence

import genojax
from genojax.data.formats.variant_files import vcf
from genojax.variants.alleles import AlleleState
from genojax.variants.records import PlannedRecord
from genojax.variants.windows import AllelePair

# `bcftools +split-vep` refuses a string without a field named Consequence.
FORMAT = ('Allele', 'State', 'Consequence', 'Window')
_TABLE = ('contig', 'position', 'id', 'ref', 'alt', 'state', 'kind', 'window')


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class ScoredAllele:
    """One ALT with its state, its windows (None if it has none) and its scores by column."""

    alternate: str
    state: AlleleState
    pair: AllelePair | None
    values: Mapping[str, float]

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
    """

    tag: str
    columns: Mapping[str, str]
    metadata: Mapping[str, object]

    @property
    def keys(self) -> list[str]:
        """The INFO keys that are added."""
        return [self.tag, *(f'{self.tag}_{name}' for name in self.columns)]

    def header(self, lines: Sequence[bytes]) -> bytes:
        """The header with the added lines before #CHROM."""
        source = {'Source': 'genojax', 'Version': genojax.__version__}
        states = ', '.join(AlleleState)
        about = (
            f'State of each ALT allele ({states}); Consequence: the kind of change, a term of the '
            f'Sequence Ontology; Window: bases that were read. '
            f'Format: {"|".join(FORMAT)}'
        )
        status = {'ID': self.tag, 'Number': '.', 'Type': 'String'}
        added = [vcf.info_line(status, {'Description': about} | source)]
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
        parts = ['|'.join((vcf.escape(a.alternate), a.state, a.kind, a.window)) for a in scored]
        info = [f'{self.tag}={",".join(parts)}']
        for name in self.columns:
            values = [_number(allele.values.get(name, math.nan)) for allele in scored]
            if set(values) != {'.'}:
                info.append(f'{self.tag}_{name}={",".join(values)}')
        return record.with_changes(';'.join(info), planned.new_reference)


@dataclasses.dataclass(frozen=True)
class TableText:
    """Writes a table: TAB-separated, one row per ALT; the first line is metadata after '#'."""

    columns: Mapping[str, str]
    metadata: Mapping[str, object]

    def header(self, lines: Sequence[bytes]) -> bytes:
        del lines  # a table has no header of the VCF
        names = '\t'.join((*_TABLE, *(name.lower() for name in self.columns)))
        return f'# {json.dumps(self.metadata, sort_keys=True)}\n{names}\n'.encode()

    def record(self, planned: PlannedRecord, scored: Sequence[ScoredAllele]) -> bytes:
        """One row per ALT."""
        record = planned.record
        reference = planned.new_reference or (record.reference if record.fields else '')
        rows = []
        for allele in scored:
            place = (record.contig, record.fields[1], record.id, reference, allele.alternate)
            values = (_number(allele.values.get(name, math.nan)) for name in self.columns)
            rows.append('\t'.join((*place, allele.state, allele.kind, allele.window, *values)))
        return ''.join(f'{row}\n' for row in rows).encode('latin-1')


def _number(value: float) -> str:
    """Six significant digits, as htslib prints a Float; '.' for NaN."""
    return '.' if math.isnan(value) else f'{value + 0.0:.6g}'
