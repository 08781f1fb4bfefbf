"""Alleles of VCF records: which can be scored, and why the others cannot.

Every ALT of every record has one of the twelve states of `AlleleState`. An allele that can be
scored becomes an `Edit`: the bases that change, without those that the two alleles share, shifted
to the left as far as the contig allows (Tan, Abecasis & Kang 2015, Bioinformatics 31:2202), so that
two spellings of one variant have one score.
"""

import dataclasses
import enum
import re

from genojax import dna
from genojax.variants.reference import Bases

_MAX_SHIFT = 10_000  # bases that an insertion or deletion is shifted to the left at most
_IUPAC = frozenset(dna.IUPAC)
_ACGT = frozenset(dna.ALPHABET)
_SYMBOLIC = re.compile(r'<[^<>]*>|.*[\[\]].*|\.[A-Za-z]+|[A-Za-z]+\.')


class AlleleState(enum.StrEnum):
    """What became of an ALT allele; only `SCORED` ones have scores."""

    SCORED = 'scored'
    REF_MISMATCH = 'ref_mismatch'  # REF is not what the FASTA file has there
    NO_CONTIG = 'no_contig'  # the FASTA file has no such contig
    CONTIG_EDGE = 'contig_edge'  # outside the contig, or the contig is shorter than a window
    SYMBOLIC = 'symbolic'  # <DEL>, breakends, <*>, <NON_REF>
    STAR = 'overlapping_deletion'  # '*'
    MISSING = 'missing'  # '.': no alternate allele
    TOO_LONG = 'too_long'  # an allele longer than half a window, or more tokens than a row has
    NON_ACGT = 'non_acgt'  # N or another ambiguous code in an allele, or no known token covers it
    DUPLICATE = 'duplicate'  # an ALT that the record lists twice
    SAME_AS_REF = 'same_as_ref'
    MALFORMED = 'malformed'  # POS, REF or ALT is not what VCF allows


class VariantKind(enum.StrEnum):
    """The kind of a change after the bases that both alleles share are removed; terms of the
    Sequence Ontology."""

    SNV = 'SNV'
    MNV = 'MNV'
    INSERTION = 'insertion'
    DELETION = 'deletion'
    DELINS = 'delins'  # several bases become several others, of another number


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """Bases `reference` from `position` (0-based) on become `alternate`; one of them may be ''."""

    position: int
    reference: str
    alternate: str

    @property
    def end(self) -> int:
        return self.position + len(self.reference)

    @property
    def is_substitution(self) -> bool:
        """Whether the number of bases stays the same."""
        return len(self.reference) == len(self.alternate)

    @property
    def kind(self) -> VariantKind:
        if self.is_substitution:
            return VariantKind.SNV if len(self.reference) == 1 else VariantKind.MNV
        if not self.reference:
            return VariantKind.INSERTION
        return VariantKind.DELETION if not self.alternate else VariantKind.DELINS


def text_states(
    reference: str, alternates: tuple[str, ...], *, vep_alleles: bool = False
) -> list[AlleleState]:
    """The state of each ALT as far as the text of the record tells; `SCORED` where nothing speaks
    against it.

    Args:
        vep_alleles: '-' is an empty allele.
    """
    upper = reference.upper()
    seen: set[str] = set()
    states = []
    for alternate in alternates:
        state = _text_state(upper, alternate)
        if vep_alleles and state == AlleleState.MALFORMED and '-' in (upper, alternate):
            state = _vep_state(upper, alternate)
        if state == AlleleState.SCORED and alternate.upper() in seen:
            state = AlleleState.DUPLICATE
        seen.add(alternate.upper())
        states.append(state)
    return states


def _text_state(reference: str, alternate: str) -> AlleleState:
    if alternate == '.':
        return AlleleState.MISSING
    if alternate == '*':
        return AlleleState.STAR
    if _SYMBOLIC.fullmatch(alternate):
        return AlleleState.SYMBOLIC
    letters = alternate.upper()
    if not letters or not reference or not _IUPAC.issuperset(letters + reference):
        return AlleleState.MALFORMED
    if not _ACGT.issuperset(letters + reference):
        return AlleleState.NON_ACGT
    return AlleleState.SAME_AS_REF if letters == reference else AlleleState.SCORED


def _vep_state(reference: str, alternate: str) -> AlleleState:
    if reference == alternate:
        return AlleleState.SAME_AS_REF
    # The base stands for the one that VCF would have written before both alleles.
    texts = ['A' + text.replace('-', '') for text in (reference, alternate)]
    return _text_state(*texts)


def trimmed(position: int, reference: str, alternate: str) -> Edit:
    """The edit without the bases that both alleles end or begin with.

    Args:
        position: 0-based; reference, alternate: upper case, different.
    """
    size = min(len(reference), len(alternate))
    back = 0
    while back < size and reference[-1 - back] == alternate[-1 - back]:
        back += 1
    size -= back
    front = 0
    while front < size and reference[front] == alternate[front]:
        front += 1
    return Edit(
        position + front,
        reference[front : len(reference) - back],
        alternate[front : len(alternate) - back],
    )


def shifted_left(edit: Edit, contig: Bases) -> Edit:
    """An insertion or deletion at its leftmost position on a contig."""
    kind = edit.kind
    if kind not in (VariantKind.INSERTION, VariantKind.DELETION):
        return edit
    bases = edit.reference or edit.alternate
    size, start = len(bases), edit.position
    first = max(start - _MAX_SHIFT, 0)
    before = dna.decode(contig[first:start])
    # The last base of the unit is compared with the base before it; the unit rotates as it moves.
    steps = 0
    while steps < len(before) and before[-1 - steps] == bases[(size - 1 - steps) % size]:
        steps += 1
    rotation = steps % size
    rotated = bases[size - rotation :] + bases[: size - rotation]
    reference, alternate = (rotated, '') if edit.reference else ('', rotated)
    return Edit(start - steps, reference, alternate)
