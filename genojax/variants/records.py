"""VCF records before they are scored: every ALT gets a state; REF is compared with the FASTA."""

import collections
import dataclasses
import os
import shlex
from collections.abc import Collection, Iterable, Mapping

from genojax import dna, errors
from genojax.data.formats.variant_files import vcf
from genojax.variants import alleles, reference
from genojax.variants.alleles import AlleleState
from genojax.variants.scorer import PlannedAllele, VariantScorer

_IUPAC = frozenset(dna.IUPAC)
# A file with more records whose REF differs is of another assembly; of fewer records one is left
# to chance. Half of the first thousand end the work early: bases differ at 3 of 4 other places.
_MAX_MISMATCHES = 0.1
_FEWEST, _EARLY, _FEWEST_WRONG = 100, 1000, 4
_SHOWN = 3  # names of contigs
_RENAMING = (
    'rename its contigs with bcftools annotate --rename-chrs MAP, where a line of MAP is a name in '
    'the VCF and that in the FASTA file'
)
# Codes of errors after which nothing that was written for the VCF is of use.
REFUSALS = ('VC07', 'VC10')
_MAX_RENAMED = 30  # names of contigs in a command that is printed


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
        missing_contigs, present_contigs: records by contig that the FASTA file does not have, and
            that it has.
        references_set: records whose REF was replaced (--check-ref=s).
        swapped: records of --check-ref=s in which an ALT is the reference.
        compared, mismatched: records whose REF was compared with the FASTA file, and differs.
        alternates_match: those of them of which an ALT is what the FASTA file has.
        dashes: records with an allele '-', which VCF does not have.
        beyond: records that lie beyond the end of their contig, in whole or in part.
        first_mismatch, first_dash, first_beyond: where the first of each is.

    Args:
        header: of the file, for the contigs that it declares.
    """

    def __init__(
        self,
        scorer: VariantScorer,
        contigs: Mapping,
        path: str | os.PathLike,
        header: Iterable[bytes] = (),
    ):
        self.scorer, self.contigs, self.path = scorer, contigs, path
        self.declared = vcf.contigs(header)
        self.missing_contigs: collections.Counter[str] = collections.Counter()
        self.present_contigs: collections.Counter[str] = collections.Counter()
        self.references_set = self.swapped = 0
        self.compared = self.mismatched = self.alternates_match = self.dashes = self.beyond = 0
        self.first_mismatch = self.first_dash = self.first_beyond = ''

    _COUNTERS = ('missing_contigs', 'present_contigs')
    _COUNTS = (
        *('references_set', 'swapped', 'compared', 'mismatched', 'alternates_match', 'dashes'),
        *('beyond', 'first_mismatch', 'first_dash', 'first_beyond'),
    )

    def counts(self) -> dict[str, int | str | dict[str, int]]:
        """What was counted, for `restore`."""
        counters = {name: dict(getattr(self, name)) for name in self._COUNTERS}
        return {name: getattr(self, name) for name in self._COUNTS} | counters

    def restore(self, counts: Mapping[str, int | str | dict[str, int]]) -> None:
        """Continues from the counts of an earlier call."""
        for name in self._COUNTS:
            setattr(self, name, counts[name])
        for name in self._COUNTERS:
            setattr(self, name, collections.Counter(counts[name]))

    def plan(self, record: vcf.VcfRecord) -> PlannedRecord:
        """The states of one record's alleles, and the windows of those that can be scored.

        Raises:
            InputError: VC05, REF differs from the FASTA file and check_ref is 'e'.
        """
        if not record.fields:
            return PlannedRecord(record, [])
        letters, position = record.reference.upper(), record.position
        contig = self.contigs.get(record.contig)
        counter = self.missing_contigs if contig is None else self.present_contigs
        counter[record.contig] += 1
        if '-' in (letters, *record.alternates):
            self.dashes += 1
            self.first_dash = self.first_dash or f'line {record.line}'
        if self.scorer.config.vep_alleles and letters == '-':
            letters = ''
        elif not letters:
            return _all(record, AlleleState.MALFORMED)
        if position is None or not _IUPAC.issuperset(letters):
            return _all(record, AlleleState.MALFORMED)
        states = self._states(letters, record)
        if contig is None:
            return _all(record, AlleleState.NO_CONTIG, states)
        start = position - 1
        if start < 0 or start + len(letters) > len(contig):
            self._count_beyond(record, len(contig))
            return _all(record, AlleleState.CONTIG_EDGE, states)
        true = dna.decode(contig[start : start + len(letters)])
        self.compared += 1
        if _differ(true, letters):
            self._count_mismatch(record, letters, true)
            return self._mismatch(record, letters, true)
        return self._scored(record, letters, states)

    def _scored(self, record, letters: str, states, new_reference: str = '') -> PlannedRecord:
        contig, start = self.contigs[record.contig], record.position - 1
        planned = []
        for state, alternate in zip(states, record.alternates, strict=True):
            if state == AlleleState.SCORED:
                text = alternate.upper().replace('-', '')
                planned.append(self.scorer.plan(contig, start, letters, text))
            else:
                planned.append(PlannedAllele(state))
        return PlannedRecord(record, planned, new_reference)

    def _mismatch(self, record: vcf.VcfRecord, letters: str, true: str) -> PlannedRecord:
        mode = self.scorer.config.check_ref
        states = self._states(letters, record)
        if mode == 'e':
            shown = [text if len(text) <= 20 else f'{text[:20]}...' for text in (letters, true)]
            raise errors.InputError(
                'VC05',
                f'REF is {shown[0]}, but the FASTA file has {shown[1]} there',
                path=self.path,
                line=record.line,
                record=record.contig,
                position=record.position,
                fix='use the assembly of the VCF, or --check-ref=w (no score), --check-ref=x '
                '(leave the record out) or --check-ref=s (set REF)',
            )
        if mode == 'x':
            return dataclasses.replace(_all(record, AlleleState.REF_MISMATCH), left_out=True)
        if mode == 's' and 'N' not in true:
            if true not in (alternate.upper() for alternate in record.alternates):
                self.references_set += 1
                states = self._states(true, record)
                return self._scored(record, true, states, new_reference=true)
            self.swapped += 1
        return _all(record, AlleleState.REF_MISMATCH, states)

    def _states(self, letters: str, record: vcf.VcfRecord) -> list[AlleleState]:
        vep = self.scorer.config.vep_alleles
        return alleles.text_states(letters or '-', record.alternates, vep_alleles=vep)

    def _count_mismatch(self, record: vcf.VcfRecord, letters: str, true: str) -> None:
        self.mismatched += 1
        self.alternates_match += true in (alternate.upper() for alternate in record.alternates)
        if not self.first_mismatch:
            self.first_mismatch = (
                f'line {record.line}, {record.contig}:{record.position}, REF {letters[:20]}, FASTA '
                f'{true[:20]}'
            )

    def _count_beyond(self, record: vcf.VcfRecord, length: int) -> None:
        if record.position > 0:  # POS 0 is the telomere
            self.beyond += 1
            place = f'line {record.line}, {record.contig}:{record.position}'
            self.first_beyond = self.first_beyond or f'{place} of {length:,} bases'

    def check_contigs(self, code: str = 'VC10') -> None:
        """Refuses a file of which no record is on a contig of the FASTA file.

        Args:
            code: of the error.

        Raises:
            InputError: VC10.
        """
        if not self.missing_contigs or self.present_contigs:
            return
        similar = self._similar()
        pairs = _listed([f'{name} = {other}' for name, other in similar.items()])
        alike = f'; names that look alike: {pairs}' if similar else ''
        raise errors.InputError(
            code,
            f'none of its {sum(self.missing_contigs.values()):,} records is on a contig of the '
            f'FASTA file: they are on {_listed(self.missing_contigs)}, the FASTA file has '
            f'{_listed(self.contigs)}{alike}',
            path=self.path,
            fix=self._renaming(similar)
            if similar
            else f'use the FASTA file of the assembly of the VCF, or {_RENAMING}',
        )

    def check_assembly(self, at_end: bool) -> None:
        """Refuses a VCF of another assembly, unless its records are to be left out or set.

        Raises:
            InputError: VC07, REF differs in more than a tenth of at least 100 records, or in more
                than half of at least 4.
        """
        limit, fewest = (_MAX_MISMATCHES, _FEWEST) if at_end else (0.5, _EARLY)
        if self.scorer.config.check_ref != 'w':
            return
        if at_end and self.compared < fewest:
            limit, fewest = 0.5, _FEWEST_WRONG
        if self.compared >= fewest and self.mismatched > limit * self.compared:
            raise errors.InputError(
                'VC07',
                f'REF of {self.mismatched:,} of {self.compared:,} records differs from the FASTA '
                f'file (first: {self.first_mismatch}): likely another assembly',
                path=self.path,
                fix='use the FASTA file of the assembly of the VCF, or --check-ref=x, which leaves '
                'such records out',
            )

    def notes(self) -> list[str]:
        """What a user should know of the file, one line each."""
        lines = []
        similar = self._similar()
        for contig, count in self.missing_contigs.most_common(5):
            hint = ''
            if contig in similar:
                hint = f', which calls it {similar[contig]!r}'
            lines.append(f'{count:,} records on {contig!r}: no such contig in the FASTA file{hint}')
        if len(self.missing_contigs) > 5:
            others = len(self.missing_contigs) - 5
            lines.append(f'and on {others:,} other contigs that the FASTA file does not have')
        if self.mismatched and self.scorer.config.check_ref != 's':
            swapped = ''
            if self.alternates_match:
                swapped = f'; an ALT of {self.alternates_match:,} is: alleles swapped?'
            lines.append(
                f'REF of {self.mismatched:,} of {self.compared:,} records is not what the FASTA '
                f'file has there (first: {self.first_mismatch}){swapped}'
            )
        if self.dashes and not self.scorer.config.vep_alleles:
            lines.append(
                f"{self.dashes:,} records have an allele '-' (first: {self.first_dash}), which VCF "
                'does not have. Fix: --vep-alleles, or write both alleles with the base before'
            )
        if similar:
            lines.append(f'names of contigs. Fix: {self._renaming(similar)}')
        if self.beyond:
            lines.append(
                f'{self.beyond:,} records lie beyond the end of their contig (first: '
                f'{self.first_beyond}): is it another assembly?'
            )
        if self.references_set:
            count = self.references_set
            lines.append(f'REF of {count:,} records set to the bases of the FASTA file')
        if self.swapped:
            lines.append(
                f'{self.swapped:,} records have the reference as an ALT and are unchanged: '
                f'bcftools norm --check-ref=s --fasta-ref={shlex.quote(str(self.contigs.source))} '
                f'{shlex.quote(str(self.path))} swaps alleles and genotypes'
            )
        return lines

    def _similar(self) -> dict[str, str]:
        """Contigs that the FASTA file does not have -> what it seems to call them."""
        lengths = {name: self.declared.get(name, 0) for name in self.missing_contigs}
        return reference.similar_names(lengths, self.contigs)

    def _renaming(self, similar: Mapping[str, str]) -> str:
        """The commands that write the VCF with the FASTA file's names of contigs."""
        # bcftools renames the contigs of the header, and stops at a record on any other.
        every = (*self.missing_contigs, *self.present_contigs)
        undeclared = [name for name in every if name not in self.declared]
        if max(len(similar), len(undeclared)) > _MAX_RENAMED or self.path == vcf.STANDARD_INPUT:
            return _RENAMING
        pairs = shlex.join(f'{name} {other}' for name, other in similar.items())
        old, new = shlex.quote(str(self.path)), errors.new_name(self.path)
        table, declare, header = f'{new}.names', '', ''
        if undeclared:
            header = f'-h {new}.contigs '
            declare = f"printf '##contig=<ID=%s>\\n' {shlex.join(undeclared)} > {new}.contigs && "
        return (
            f"printf '%s\\n' {pairs} > {table} && {declare}bcftools annotate {header}"
            f'--rename-chrs {table} {old} -o {new}, and name {new}'
        )


def _listed(names: Collection[str]) -> str:
    """The first names, and how many there are besides."""
    shown = ', '.join(list(names)[:_SHOWN])
    return f'{shown} and {len(names) - _SHOWN:,} more' if len(names) > _SHOWN else shown


def _differ(true: str, letters: str) -> bool:
    """Whether two texts have different bases where both are known."""
    known = zip(true, letters, strict=True)
    return true != letters and any(a != b for a, b in known if a in 'ACGT' and b in 'ACGT')


def _all(record, state: AlleleState, states=None) -> PlannedRecord:
    """A record of which no allele is scored: `state` where the text does not tell another."""
    states = states or [AlleleState.SCORED] * len(record.alternates)
    chosen = [state if own == AlleleState.SCORED else own for own in states]
    return PlannedRecord(record, [PlannedAllele(own) for own in chosen])
