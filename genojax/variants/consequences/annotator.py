"""What a variant does to the transcripts that it lies in: `ConsequenceAnnotator`.

A variant is described as it is written, without the bases that both alleles share at their ends;
it is not shifted. Splice sites are those of every intron of the transcript, whatever its bases.
"""

import dataclasses
import os
import pathlib
import tempfile
from collections.abc import Iterable, Mapping

import numpy as np

from genojax import dna, genome
from genojax.data.formats import annotation
from genojax.variants import alleles, reference
from genojax.variants.consequences import terms, transcripts, translation
from genojax.variants.consequences.terms import Term
from genojax.variants.consequences.transcripts import Transcript

_NEARBY = 5_000  # bases up- and downstream of a transcript that are named after it, as in VEP
_EXON_REGION, _INTRON_REGION = 3, 8  # bases of a splice region on either side
_SITE = 2  # bases of a splice site: GT, AG


@dataclasses.dataclass(frozen=True, slots=True)
class TranscriptEffect:
    """What a variant does to one transcript.

    Attributes:
        term: the most severe consequence; every: all of them, the most severe first.
        transcript, gene: names; '' for an intergenic variant.
        amino_acids: 'R/C', one letter per codon that changes; one letter where it stays; '' outside
            of the coding sequence.
        codons: of both alleles, as 'CGT/TGT'.
        protein_position: number of the first of them, from 1; 0 outside.
        splice_distance: bases to the nearest exon boundary that is a splice site, from 1: above 0
            in an exon, below 0 in an intron; 0 where there is none.
    """

    term: Term
    every: tuple[Term, ...] = ()
    transcript: str = ''
    gene: str = ''
    amino_acids: str = ''
    codons: str = ''
    protein_position: int = 0
    splice_distance: int = 0


INTERGENIC = TranscriptEffect(Term.INTERGENIC, (Term.INTERGENIC,))


class ConsequenceAnnotator:
    """Consequences of variants by an annotation and its genome.

        annotator = genojax.ConsequenceAnnotator('genes.gtf', 'genome.fa')
        annotator.effect(genojax.Variant('chr17', 43_082_403, 'C', 'T')).term

    Args:
        source: GTF, GFF3 or BED12, or an `Annotation` that was read.
        contigs: the FASTA file, or base codes by contig.
        only: ids of the transcripts to use; (): all.
        genetic_code: NCBI's number: 1, 2, 4, 5 or 11.

    Attributes:
        transcripts: `TranscriptSet`; its notes say what of the annotation was not used.

    Raises:
        InputError: GF.., FA.. for the files, GF07 where they do not fit each other.
        UsageError: another genetic code.
    """

    def __init__(
        self,
        source: str | os.PathLike | annotation.Annotation,
        contigs: str | os.PathLike | Mapping[str, reference.Bases],
        only: Iterable[str] = (),
        genetic_code: int = 1,
    ):
        translation.amino_acids(genetic_code)
        if not isinstance(contigs, Mapping):
            with tempfile.TemporaryDirectory() as folder:
                read = reference.read(contigs, pathlib.Path(folder))
                contigs = {name: read[name][0 : len(read[name])] for name in read}
        if not isinstance(source, annotation.Annotation):
            source = annotation.read(source)
        self.contigs, self.genetic_code = contigs, genetic_code
        self.transcripts = transcripts.build(source, contigs, only=only, genetic_code=genetic_code)

    def effect(self, variant: genome.Variant) -> TranscriptEffect:
        """The most severe effect over transcripts; at a tie that of the first coding one.

        Raises:
            ValueError: the reference allele is not what the genome has, or has N.
        """
        return self.most_severe(
            variant.contig, variant.position, variant.reference, variant.alternate
        )

    def effects(self, variant: genome.Variant) -> list[TranscriptEffect]:
        """The effect on every transcript within 5,000 bases; on none `INTERGENIC`.

        Raises:
            ValueError: as `effect`.
        """
        return self._effects(variant.contig, variant.position, variant.reference, variant.alternate)

    def most_severe(
        self, contig: str, position: int, reference_text: str, alternate: str
    ) -> TranscriptEffect:
        """`effect` of alleles of which one may be empty.

        Args:
            position: 0-based; upper-case alleles that differ.

        Raises:
            ValueError: as `effect`.
        """
        return min(
            self._effects(contig, position, reference_text, alternate),
            key=lambda effect: (terms.SEVERITY[effect.term], not effect.protein_position),
        )

    def _effects(self, contig: str, position: int, reference_text: str, alternate: str):
        bases = self.contigs.get(contig)
        true = ''
        if bases is not None:
            true = dna.decode(np.asarray(bases[position : position + len(reference_text)]))
        if true != reference_text:
            shown = true or 'not in the genome'
            raise ValueError(f'{contig}:{position + 1} is {shown}, not {reference_text}')
        edit = alleles.trimmed(position, reference_text, alternate)
        low = max(edit.position - _NEARBY - 1, 0)
        rows = self.transcripts.near(contig, low, edit.end + _NEARBY + 1)
        return [self._on(row, edit) for row in rows] or [INTERGENIC]

    def _on(self, transcript: Transcript, edit: alleles.Edit) -> TranscriptEffect:
        collected, protein = _splicing(transcript, edit), {}
        inside = _overlaps(edit, transcript.start, transcript.end)
        if not inside:
            before = _lies_before(edit, transcript.start)
            upstream = before == (transcript.strand == '+')
            collected = {Term.UPSTREAM if upstream else Term.DOWNSTREAM}
        else:
            exonic = [part for part in transcript.exons if _overlaps(edit, *part)]
            if exonic:
                more, protein = self._exonic(transcript, edit)
                collected |= more
            if any(_overlaps(edit, *gap) for gap in transcript.introns):
                collected.add(Term.INTRON)
        if not collected:  # an insertion between two exons that touch
            collected = {Term.CODING if transcript.coding else Term.NONCODING_EXON}
        every = tuple(sorted(collected, key=terms.SEVERITY.__getitem__))
        return TranscriptEffect(
            every[0],
            every,
            transcript.name,
            transcript.gene,
            splice_distance=_splice_distance(transcript, edit),
            **protein,
        )

    def _exonic(self, transcript: Transcript, edit) -> tuple[set[Term], dict]:
        """Consequences of an edit that touches an exon, and what becomes of the protein."""
        if not transcript.coding:
            return {Term.NONCODING_EXON}, {}
        if any(_overlaps(edit, *part) for part in transcript.coding):
            term, protein = self._coding(transcript, edit)
            return {term}, protein
        before = _lies_before(edit, transcript.coding[0][0])
        return {Term.UTR5 if before == (transcript.strand == '+') else Term.UTR3}, {}

    def _coding(self, transcript: Transcript, edit) -> tuple[Term, dict]:
        first, last = edit.position, max(edit.end - 1, edit.position)
        if not edit.reference:  # an insertion lies between two bases
            first, last = edit.position - 1, edit.position
        offsets = [transcript.coding_offset(place) for place in (first, last)]
        if None in offsets or transcript.frame is None:
            return Term.CODING, {}
        if abs(offsets[1] - offsets[0]) != last - first:  # spans an intron
            return Term.CODING, {}
        start = min(offsets) + (not edit.reference)
        alternate = edit.alternate
        if transcript.strand == '-':
            alternate = dna.reverse_complement_text(alternate)
        return self._codons(transcript, start, len(edit.reference), alternate)

    def _codons(self, transcript: Transcript, start: int, size: int, alternate: str):
        """The consequence of replacing `size` coding bases from `start` on."""
        bases, frame = transcript.bases, transcript.frame
        number = (start - frame) // 3
        first = frame + 3 * number
        if first < 0:
            return Term.CODING, {}
        end = start + size
        whole = end + (frame - end) % 3 if size else max(start + (frame - start) % 3, first)
        old = bases[first:whole]
        new = bases[first:start] + alternate + bases[end:whole]
        if len(old) % 3:
            return Term.CODING, {}  # the last codon is not whole
        protein = {'protein_position': number + 1, 'codons': f'{old or "-"}/{new or "-"}'}
        if (len(alternate) - size) % 3:
            lost = number == 0 and transcript.has_start
            return Term.START_LOST if lost else Term.FRAMESHIFT, protein
        before, after = (translation.translate(part, self.genetic_code) for part in (old, new))
        changed = f'{before or "-"}/{after or "-"}' if before != after else before
        term = _protein_term(before, after, number == 0 and transcript.has_start)
        return term, {**protein, 'amino_acids': changed}


def _protein_term(before: str, after: str, is_start: bool) -> Term:
    """The consequence of some codons, as amino acids, becoming others."""
    if translation.UNKNOWN in before + after:
        return Term.CODING
    if is_start and before[:1] != after[:1]:
        return Term.START_LOST
    if '*' in before:
        return Term.STOP_RETAINED if '*' in after else Term.STOP_LOST
    if '*' in after:
        return Term.STOP_GAINED
    if before == after:
        return Term.SYNONYMOUS
    if len(before) == len(after):
        return Term.MISSENSE
    longer, shorter = (after, before) if len(after) > len(before) else (before, after)
    if longer.startswith(shorter) or longer.endswith(shorter):
        return Term.INFRAME_INSERTION if longer is after else Term.INFRAME_DELETION
    return Term.PROTEIN_ALTERING


def _overlaps(edit: alleles.Edit, start: int, end: int) -> bool:
    """Whether an edit changes bases start .. end - 1, or inserts between two of them."""
    if edit.reference:
        return edit.position < end and start < edit.end
    return start < edit.position < end


def _lies_before(edit: alleles.Edit, position: int) -> bool:
    """Whether an edit begins before a base, or inserts right before it."""
    return edit.position < position + (not edit.reference)


def _sites(transcript: Transcript) -> list[tuple[int, int, bool]]:
    """(exon boundary, side of the intron: 1 behind it, -1 before it, whether a donor)."""
    sites = []
    for start, end in transcript.introns:
        if end - start >= transcripts.SHORTEST_INTRON:
            forward = transcript.strand == '+'
            sites += [(start, 1, forward), (end, -1, not forward)]
    return sites


def _splicing(transcript: Transcript, edit: alleles.Edit) -> set[Term]:
    """Splice terms of an edit."""
    collected = set()
    for boundary, side, donor in _sites(transcript):
        site = sorted((boundary, boundary + side * _SITE))
        region = sorted((boundary - side * _EXON_REGION, boundary + side * _INTRON_REGION))
        if _overlaps(edit, *site):
            collected.add(Term.SPLICE_DONOR if donor else Term.SPLICE_ACCEPTOR)
        elif _overlaps(edit, *region):
            collected.add(Term.SPLICE_REGION)
    return collected


def _splice_distance(transcript: Transcript, edit: alleles.Edit) -> int:
    distances = []
    for boundary, side, _ in _sites(transcript):
        # An insertion lies between two bases.
        first, last = edit.position - (not edit.reference), max(edit.end - 1, edit.position)
        if first < boundary <= last:
            distances.append(-1)
            continue
        near = min((first, last), key=lambda place: abs(2 * place + 1 - 2 * boundary))
        inside = (near >= boundary) == (side > 0)  # of the intron
        size = near - boundary + 1 if near >= boundary else boundary - near
        distances.append(-size if inside else size)
    return min(distances, key=abs, default=0)
