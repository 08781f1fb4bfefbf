"""Terms of the Sequence Ontology for what a variant does to a transcript, and their order."""

import enum


class Term(enum.StrEnum):
    """A consequence; the order of definition is that of Ensembl's VEP, the most severe first."""

    SPLICE_ACCEPTOR = 'splice_acceptor_variant'  # the last two bases of an intron
    SPLICE_DONOR = 'splice_donor_variant'  # the first two bases of an intron
    STOP_GAINED = 'stop_gained'
    FRAMESHIFT = 'frameshift_variant'
    STOP_LOST = 'stop_lost'
    START_LOST = 'start_lost'
    INFRAME_INSERTION = 'inframe_insertion'
    INFRAME_DELETION = 'inframe_deletion'
    MISSENSE = 'missense_variant'
    PROTEIN_ALTERING = 'protein_altering_variant'
    # Within 3 bases of an exon's end or 3 to 8 bases of an intron's.
    SPLICE_REGION = 'splice_region_variant'
    STOP_RETAINED = 'stop_retained_variant'
    SYNONYMOUS = 'synonymous_variant'
    CODING = 'coding_sequence_variant'  # coding, but what it does to the protein is not known
    UTR5 = '5_prime_UTR_variant'
    UTR3 = '3_prime_UTR_variant'
    NONCODING_EXON = 'non_coding_transcript_exon_variant'
    INTRON = 'intron_variant'
    UPSTREAM = 'upstream_gene_variant'
    DOWNSTREAM = 'downstream_gene_variant'
    INTERGENIC = 'intergenic_variant'


TERMS = tuple(Term)
SEVERITY = {term: number for number, term in enumerate(TERMS)}  # 0 is the most severe

_HIGH = {
    *(Term.SPLICE_ACCEPTOR, Term.SPLICE_DONOR, Term.STOP_GAINED),
    *(Term.FRAMESHIFT, Term.STOP_LOST, Term.START_LOST),
}
_MODERATE = {
    *(Term.INFRAME_INSERTION, Term.INFRAME_DELETION, Term.MISSENSE, Term.PROTEIN_ALTERING),
}
_PROTEIN = {
    *(Term.STOP_GAINED, Term.FRAMESHIFT, Term.STOP_LOST, Term.START_LOST, *_MODERATE),
    *(Term.STOP_RETAINED, Term.SYNONYMOUS, Term.CODING),
}


def tier(term: Term) -> int:
    """How much a consequence is expected to do, before any label is seen.

    3: VEP's impact HIGH; 2: MODERATE; 1: near a splice site; 0: all others.
    """
    if term in _HIGH:
        return 3
    return 2 if term in _MODERATE else int(term == Term.SPLICE_REGION)


def is_noncoding(term: Term) -> bool:
    """Whether the most severe consequence is none for the protein's sequence: splice sites and
    regions, UTRs, introns, and what lies outside of genes."""
    return term not in _PROTEIN


def most_severe(terms) -> Term:
    """The most severe of several terms; `INTERGENIC` of none."""
    return min(terms, key=SEVERITY.__getitem__, default=Term.INTERGENIC)
