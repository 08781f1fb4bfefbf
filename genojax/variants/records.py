"""VCF records before they are scored: every ALT gets a state; REF is compared with the FASTA."""

import collections
import dataclasses
import os
from collections.abc import Mapping

from genojax import dna, errors
from genojax.data.formats.variant_files import vcf
from genojax.variants import alleles, reference
from genojax.variants.alleles import AlleleState
from genojax.variants.scorer import PlannedAllele, VariantScorer

_IUPAC = frozenset(dna.IUPAC)


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class PlannedRecord:
    """A record and its alleles.

    Attributes:
        alleles: one per ALT, in order; empty for a line that is no record.
        new_reference: REF as it is to be written; empty: as it is.
        left_out: whether the record is left out of the output (--check-ref=x).
    """

    record: vcf.VcfRecord
    alleles: list[PlannedAllele]
    new_reference: str = ''
    left_out: bool = False


class RecordPlanner:
    """Plans the records of one file.

    Attributes:
        missing_contigs: records by contig that the FASTA file does not have.
        references_set: records whose REF was replaced (--check-ref=s).
        swapped: records of --check-ref=s in which an ALT is the reference.
    """

    def __init__(self, scorer: VariantScorer, contigs: Mapping, path: str | os.PathLike):
        self.scorer, self.contigs, self.path = scorer, contigs, path
        self.missing_contigs: collections.Counter[str] = collections.Counter()
        self.references_set = self.swapped = 0

    def plan(self, record: vcf.VcfRecord) -> PlannedRecord:
        """The states of one record's alleles, and the windows of those that can be scored.

        Raises:
            InputError: VC05, REF differs from the FASTA file and check_ref is 'e'.
        """
        if not record.fields:
            return PlannedRecord(record, [])
        letters, position = record.reference.upper(), record.position
        if position is None or not letters or not _IUPAC.issuperset(letters):
            return _all(record, AlleleState.MALFORMED)
        states = alleles.text_states(letters, record.alternates)
        contig = self.contigs.get(record.contig)
        if contig is None:
            self.missing_contigs[record.contig] += 1
            return _all(record, AlleleState.NO_CONTIG, states)
        start = position - 1
        if start < 0 or start + len(letters) > len(contig):
            return _all(record, AlleleState.CONTIG_EDGE, states)
        true = dna.decode(contig[start : start + len(letters)])
        if _differ(true, letters):
            return self._mismatch(record, letters, true)
        return self._scored(record, letters, states)

    def _scored(self, record, letters: str, states, new_reference: str = '') -> PlannedRecord:
        contig, start = self.contigs[record.contig], record.position - 1
        planned = []
        for state, alternate in zip(states, record.alternates, strict=True):
            if state == AlleleState.SCORED:
                planned.append(self.scorer.plan(contig, start, letters, alternate.upper()))
            else:
                planned.append(PlannedAllele(state))
        return PlannedRecord(record, planned, new_reference)

    def _mismatch(self, record: vcf.VcfRecord, letters: str, true: str) -> PlannedRecord:
        mode = self.scorer.config.check_ref
        states = alleles.text_states(letters, record.alternates)
        if mode == 'e':
            shown = [text if len(text) <= 20 else f'{text[:20]}...' for text in (letters, true)]
            raise errors.InputError(
                'VC05',
                f'REF is {shown[0]}, but the FASTA file has {shown[1]} there',
                path=self.path,
                line=record.line,
                record=record.contig,
                position=record.position,
                fix='use the assembly of the VCF, or --check-ref=w (no score), x (leave the record '
                'out) or s (set REF)',
            )
        if mode == 'x':
            return dataclasses.replace(_all(record, AlleleState.REF_MISMATCH), left_out=True)
        if mode == 's' and 'N' not in true:
            if true not in (alternate.upper() for alternate in record.alternates):
                self.references_set += 1
                states = alleles.text_states(true, record.alternates)
                return self._scored(record, true, states, new_reference=true)
            self.swapped += 1
        return _all(record, AlleleState.REF_MISMATCH, states)

    def notes(self) -> list[str]:
        """What a user should know of the file, one line each."""
        lines = []
        for contig, count in self.missing_contigs.most_common(5):
            other = reference.similar_name(contig, self.contigs)
            hint = '.'
            if other:
                hint = (
                    f', which calls it {other!r}. Fix: echo "{contig} {other}" > names.txt; '
                    'bcftools annotate --rename-chrs names.txt'
                )
            lines.append(f'{count:,} records on {contig!r}: no such contig in the FASTA file{hint}')
        if len(self.missing_contigs) > 5:
            others = len(self.missing_contigs) - 5
            lines.append(f'and on {others:,} other contigs that the FASTA file does not have')
        if self.references_set:
            count = self.references_set
            lines.append(f'REF of {count:,} records set to the bases of the FASTA file')
        if self.swapped:
            lines.append(
                f'{self.swapped:,} records have the reference as an ALT and are unchanged: '
                'bcftools norm --check-ref=s swaps alleles and genotypes'
            )
        return lines


def _differ(true: str, letters: str) -> bool:
    """Whether two texts have different bases where both are known."""
    known = zip(true, letters, strict=True)
    return true != letters and any(a != b for a, b in known if a in 'ACGT' and b in 'ACGT')


def _all(record, state: AlleleState, states=None) -> PlannedRecord:
    """A record of which no allele is scored: `state` where the text does not tell another."""
    states = states or [AlleleState.SCORED] * len(record.alternates)
    chosen = [state if own == AlleleState.SCORED else own for own in states]
    return PlannedRecord(record, [PlannedAllele(own) for own in chosen])
