"""Consequences of variants: against translation of the whole protein, mirrored, and by hand."""

import collections

import numpy as np
import pytest

from genojax import dna, genome
from genojax.data.formats import annotation
from genojax.variants.consequences import annotator, terms, translation
from genojax.variants.consequences.terms import Term
from tests.variants.consequences import genes


@pytest.fixture(scope='module')
def forward(tmp_path_factory):
    return genes.annotator_of(tmp_path_factory.mktemp('forward'), mirrored=False)


@pytest.fixture(scope='module')
def mirrored(tmp_path_factory):
    return genes.annotator_of(tmp_path_factory.mktemp('mirrored'), mirrored=True)


def variant(position, reference, alternate):
    return genome.Variant('c', position, reference, alternate)


@pytest.mark.parametrize(
    ('position', 'reference', 'alternate', 'term', 'protein'),
    [
        (10, None, 'flip', Term.INTERGENIC, ''),
        (5_990, None, 'flip', Term.UPSTREAM, ''),
        (6_000, None, 'flip', Term.UTR5, ''),
        (6_010, 'A', 'G', Term.START_LOST, 'M/V'),
        (6_015, 'A', 'G', Term.SYNONYMOUS, 'K'),  # AAA AAG
        (6_013, 'A', 'T', Term.STOP_GAINED, 'K/*'),  # AAA TAA
        (6_014, 'A', 'G', Term.MISSENSE, 'K/R'),
        (6_027, 'G', 'A', Term.SPLICE_REGION, ''),  # synonymous, 3 bases from the exon's end
        (6_030, 'G', 'A', Term.SPLICE_DONOR, ''),
        (6_032, 'A', 'G', Term.SPLICE_REGION, ''),
        (6_037, 'C', 'G', Term.SPLICE_REGION, ''),
        (6_038, 'C', 'G', Term.INTRON, ''),
        (6_068, 'A', 'G', Term.SPLICE_ACCEPTOR, ''),
        (6_015, 'A', 'AC', Term.FRAMESHIFT, ''),
        (6_012, 'GAAA', 'G', Term.INFRAME_DELETION, 'K/-'),
        (6_012, 'G', 'GCCC', Term.INFRAME_INSERTION, '-/P'),
        (6_013, 'AA', 'TG', Term.STOP_GAINED, 'K/*'),
        (6_080, 'T', 'C', Term.STOP_LOST, '*/Q'),
        (6_081, 'A', 'G', Term.STOP_RETAINED, '*'),
        (6_090, None, 'flip', Term.UTR3, ''),
        (6_105, None, 'flip', Term.DOWNSTREAM, ''),
    ],
)
def test_by_hand(forward, position, reference, alternate, term, protein):
    base = dna.decode(forward.contigs['c'][position : position + 1])
    if alternate == 'flip':
        reference, alternate = base, dna.reverse_complement_text(base)
    effect = forward.effect(variant(position, reference, alternate))
    assert effect.term == term
    if protein:
        assert effect.amino_acids == protein


def test_every_substitution_in_the_coding_sequence_is_what_the_whole_protein_says(forward):
    (transcript,) = forward.transcripts.by_contig['c']
    old = translation.translate(transcript.bases)
    assert old.startswith('M') and old.endswith('*')
    counts = collections.Counter()
    for start, end in transcript.coding:
        for position in range(start, end):
            base = dna.decode(forward.contigs['c'][position : position + 1])
            for other in dna.ALPHABET.replace(base, ''):
                at = transcript.coding_offset(position)
                new = translation.translate(
                    transcript.bases[:at] + other + transcript.bases[at + 1 :]
                )
                effect = forward.effect(variant(position, base, other))
                expected = _term(old, new, at // 3)
                assert expected in effect.every
                counts[expected] += 1
                if old != new:
                    (place,) = np.flatnonzero([a != b for a, b in zip(old, new, strict=True)])
                    assert effect.protein_position == place + 1
                    assert effect.amino_acids == f'{old[place]}/{new[place]}'
    assert len(counts) == 6


def _term(old: str, new: str, codon: int) -> Term:
    if old == new:
        return Term.STOP_RETAINED if codon == len(old) - 1 else Term.SYNONYMOUS
    if old[0] != new[0]:
        return Term.START_LOST
    if old[-1] != new[-1]:
        return Term.STOP_LOST
    return Term.STOP_GAINED if '*' in new[:-1] else Term.MISSENSE


def test_a_gene_on_the_other_strand_has_the_same_consequences(forward, mirrored):
    rng = np.random.default_rng(0)
    size, seen = len(forward.contigs['c']), collections.Counter()
    for _ in range(1_500):
        position, length = int(rng.integers(5_980, 6_110)), int(rng.integers(1, 5))
        reference = dna.decode(forward.contigs['c'][position : position + length])
        alternate = dna.decode(rng.integers(0, 4, int(rng.integers(1, 5))).astype(np.uint8))
        if rng.random() < 0.3:  # an insertion or deletion behind the first base
            alternate = reference[0] if length > 1 else reference + alternate
        longer = max(reference, alternate, key=len)
        anchored = reference[0] == alternate[0] and min(len(reference), len(alternate)) == 1
        if (
            longer[-1] == reference[0]
            or not anchored
            and (reference[0] == alternate[0] or reference[-1] == alternate[-1])
        ):
            continue  # in a repeat, or with shared ends: the place is a convention
        here = forward.effect(variant(position, reference, alternate))
        texts = [dna.reverse_complement_text(text) for text in (reference, alternate)]
        there = mirrored.effect(variant(size - position - length, *texts))
        assert here.every == there.every
        assert here.splice_distance == there.splice_distance
        seen[here.term] += 1
    assert len(seen) > 12


def test_a_reference_that_the_genome_does_not_have_is_refused(forward):
    base = dna.decode(forward.contigs['c'][6_014:6_015])
    other = 'A' if base != 'A' else 'C'
    with pytest.raises(ValueError, match=f'c:6015 is {base}, not {other}'):
        forward.effect(variant(6_014, other, 'G'))


def test_terms_are_in_the_order_of_severity():
    assert terms.most_severe([Term.INTRON, Term.MISSENSE, Term.SYNONYMOUS]) == Term.MISSENSE
    assert terms.most_severe([]) == Term.INTERGENIC
    order = [terms.tier(term) for term in (Term.STOP_GAINED, Term.MISSENSE, Term.SPLICE_REGION)]
    assert order == [3, 2, 1]
    assert not terms.is_noncoding(Term.SYNONYMOUS) and terms.is_noncoding(Term.SPLICE_DONOR)


SGE = {  # the names of the saturation editing file -> terms of the Sequence Ontology
    'Missense': {Term.MISSENSE},
    'Nonsense': {Term.STOP_GAINED},
    'Synonymous': {Term.SYNONYMOUS},
    'Canonical splice': {Term.SPLICE_DONOR, Term.SPLICE_ACCEPTOR},
    'Splice region': {Term.SPLICE_REGION},
    'Intronic': {Term.INTRON},
    "5' UTR": {Term.UTR5},
}


@pytest.mark.real
def test_consequences_of_brca1_are_those_of_the_saturation_editing_file(real_data):
    """All 2,104 agree but the start codon, which the file calls missense."""
    finder, rows = genes.brca1(real_data / 'variants_brca1')
    table, differing = collections.Counter(), []
    for row in rows:
        effect = finder.effect(row.variant)
        table[row.consequence, effect.term] += 1
        if effect.term not in SGE[row.consequence]:
            differing.append((row.name, row.consequence, effect.term))
    assert len(rows) == 2_104
    print(table)
    assert {(known, term) for _, known, term in differing} == {('Missense', Term.START_LOST)}
    assert all(name.startswith(('c.1A', 'c.2T', 'c.3G')) for name, _, _ in differing)


@pytest.mark.real
def test_every_intron_of_worm_and_arabidopsis_has_splice_sites_and_genes_translate(real_data):
    folder = real_data / 'embed_default'
    for name, coding in (('celegans', 200), ('athaliana', 250)):
        finder = annotator.ConsequenceAnnotator(
            annotation.read(folder / f'{name}_1pct.gff3.gz'), folder / f'{name}_1pct.fa.gz'
        )
        rows = [row for rows in finder.transcripts.by_contig.values() for row in rows]
        translated = [row for row in rows if row.coding]
        assert len(translated) > coding
        whole = [
            translation.translate(row.bases)
            for row in translated
            if row.has_start and row.frame == 0
        ]
        assert len(whole) > 0.98 * len(translated)
        assert sum(text.endswith('*') and '*' not in text[:-1] for text in whole) > 0.98 * len(
            whole
        )
