"""Genes and enhancers of the ancestor, as segments on the forward strand.

A gene is a flank, a promoter sampled from the grammar (which contains the TSS), a 5' UTR, coding
exons separated by introns, and a 3' UTR. Codons are sampled from a usage table of this project:
amino acids at frequencies typical of proteins, with a preference for C and G in the third base,
which gives coding sequence a period of three.
"""

import dataclasses
import itertools

import numpy as np

from genojax import dna
from genojax.simulate import background, motifs, segments
from genojax.simulate import grammar as grammars

# Standard genetic code, codons in the order of base codes ACGT, third base fastest.
AMINO_ACIDS = 'KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF'
# Relative frequencies of the amino acids.
_PROTEIN = {
    'A': 7.0, 'R': 5.5, 'N': 4.0, 'D': 5.0, 'C': 2.2, 'Q': 4.5, 'E': 7.0, 'G': 6.5, 'H': 2.5,
    'I': 4.5, 'L': 10.0, 'K': 6.0, 'M': 2.2, 'F': 3.8, 'P': 6.0, 'S': 8.0, 'T': 5.4, 'W': 1.3,
    'Y': 2.8, 'V': 6.0,
}  # fmt: skip
_THIRD_BASE = np.array([0.7, 1.4, 1.3, 0.8])  # relative weight of A, C, G, T in synonymous codons
_CPG_WEIGHT = 0.4  # relative weight of codons that contain CpG, which is rare in vertebrates
_STOPS = [codon for codon in range(64) if AMINO_ACIDS[codon] == '*']
MIN_CODING_EXON = 30  # bases of coding sequence per exon
ENHANCER_SITES = ('ETS', 'CRE', 'Ebox', 'GC_box')  # besides AP1, which every enhancer has


def codon_usage() -> np.ndarray:
    """P(codon) inside a gene, [64]; 0 for stop codons."""
    usage = np.zeros(64)
    for codon, amino_acid in enumerate(AMINO_ACIDS):
        if amino_acid != '*':
            has_cpg = codon // 4 == 6 or codon % 16 == 6  # CGN or NCG
            usage[codon] = _THIRD_BASE[codon % 4] * (_CPG_WEIGHT if has_cpg else 1)
    for amino_acid, frequency in _PROTEIN.items():
        members = [codon for codon in range(64) if AMINO_ACIDS[codon] == amino_acid]
        usage[members] *= frequency / usage[members].sum()
    return usage / usage.sum()


def bases_of(codons: np.ndarray) -> np.ndarray:
    """Base codes uint8 [C, 3] of codon numbers [C], in the order of `AMINO_ACIDS`."""
    return np.stack([codons // 16, codons // 4 % 4, codons % 4], axis=-1).astype(np.uint8)


def gene(rng: np.random.Generator, grammar: grammars.Grammar, index: int) -> segments.Segment:
    """Gene number `index`; a CpG island promoter is preceded by a flank of island DNA."""
    promoter, class_name = _promoter(rng, grammar, index)
    island = class_name == 'CpG_island'
    chain, constraint = background.GENOME, segments.Constraint.SLOW
    if island:
        chain, constraint = background.ISLAND, segments.Constraint.ISLAND
    flank = []
    if island:
        flank = [segments.plain(chain.sample(rng, int(rng.integers(150, 260))), constraint)]
    leader = chain.sample(rng, int(rng.integers(20, 60)))
    coding, exon_spans = _coding(rng)
    trailer = background.GENOME.sample(rng, int(rng.integers(80, 200)))
    leader = segments.plain(leader, constraint, rigid=True)
    trailer = segments.plain(trailer, segments.Constraint.SLOW, rigid=True)
    segment = segments.join([*flank, promoter, leader, coding, trailer])
    tss = sum(map(len, flank)) + grammar.upstream
    coding_start = len(segment) - len(trailer) - len(coding)
    features = _gene_features(index, tss, len(segment), coding_start, exon_spans)
    if island:
        label = segments.FeatureLabel('CpG_island', '+', index)
        features.append((0, coding_start, label))
    return segments.add_features(segment, features)


def _gene_features(index, tss, end, coding_start, exon_spans) -> list:
    """Gene, transcript, exons and CDS parts as (start, end, label)."""

    def feature(start, end, kind):
        return start, end, segments.FeatureLabel(kind, '+', index)

    features = [feature(tss, end, 'gene'), feature(tss, end, 'mRNA')]
    for number, (start, stop) in enumerate(exon_spans):
        start, stop = start + coding_start, stop + coding_start
        exon_start = tss if number == 0 else start
        exon_end = end if number == len(exon_spans) - 1 else stop
        features.append(feature(exon_start, exon_end, 'exon'))
        features.append(feature(start, stop, 'CDS'))
    return features


def _promoter(rng, grammar, index: int) -> tuple[segments.Segment, str]:
    """A promoter with its binding sites, and the name of its class."""
    sampled = grammars.sample_promoters(grammar, rng, 1)
    rows = sampled.rows_NL[0]
    promoter_class = grammar.classes[int(sampled.component_N[0])]
    island = promoter_class.background is background.ISLAND
    constraint = segments.Constraint.ISLAND if island else segments.Constraint.FREE
    # Rigid: the grammar is about distances, so indels must not change them.
    result = segments.plain(sampled.codes_NL[0], constraint, rigid=True)
    result.constraint[rows >= 0] = segments.Constraint.SITE
    result.matrix_rows[:] = rows
    label = segments.FeatureLabel('promoter', '+', index, promoter_class.name)
    features = [(0, grammar.length, label)]
    for slot in promoter_class.slots:
        label = segments.FeatureLabel('TF_binding_site', '+', index, slot.motif)
        width = grammar.motif(slot.motif).width
        starts = np.flatnonzero(rows == segments.FIRST_ROW[slot.motif])
        features += [(start, start + width, label) for start in starts.tolist()]
    return segments.add_features(result, features), promoter_class.name


def _coding(rng) -> tuple[segments.Segment, list[tuple[int, int]]]:
    """Coding sequence with its introns, and the (start, end) of the coding part of each exon."""
    inner = bases_of(rng.choice(64, int(rng.integers(70, 150)), p=codon_usage())).reshape(-1)
    codes = np.concatenate([dna.encode('ATG'), inner, bases_of(rng.choice(_STOPS, 1))[0]])
    constraint = np.full(len(codes), segments.Constraint.CODING, np.uint8)
    constraint[:3] = constraint[-3:] = segments.Constraint.FIXED
    exons = int(rng.integers(2, 6))
    spare = len(codes) - exons * MIN_CODING_EXON
    sizes = MIN_CODING_EXON + rng.multinomial(spare, rng.dirichlet(np.full(exons, 3.0)))
    cuts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    parts, exon_spans, done = [], [], 0
    for number, (start, stop) in enumerate(itertools.pairwise(cuts)):
        if number:
            parts.append(_intron(rng))
            done += len(parts[-1])
        parts.append(segments.plain(codes[start:stop], rigid=True))
        parts[-1].constraint[:] = constraint[start:stop]
        exon_spans.append((done, done + stop - start))
        done += stop - start
    positions = np.concatenate([np.arange(start, stop) for start, stop in exon_spans])
    codons = positions[3:-3].reshape(-1, 3)
    on_minus = np.zeros(len(codons), bool)
    return dataclasses.replace(segments.join(parts), codons=codons, on_minus=on_minus), exon_spans


def _intron(rng) -> segments.Segment:
    donor, acceptor = (_site(rng, motif) for motif in motifs.SPLICE)
    for site, fixed, letters in ((donor, slice(0, 2), 'GT'), (acceptor, slice(-2, None), 'AG')):
        site.codes[fixed] = dna.encode(letters)
        site.constraint[fixed] = segments.Constraint.FIXED
    inside = segments.plain(background.GENOME.sample(rng, int(rng.integers(90, 400))))
    return segments.join([donor, inside, acceptor])


def enhancer(rng: np.random.Generator, gene_index: int) -> segments.Segment:
    """Four to seven sites on either strand, at least two of them AP1, in DNA without indels."""
    count = int(rng.integers(4, 8))
    names = ['AP1', 'AP1', *rng.choice(('AP1', *ENHANCER_SITES), count - 2).tolist()]
    parts, features, done = [], [], 0
    for name in rng.permutation(names).tolist():
        site = _site(rng, next(motif for motif in motifs.MOTIFS if motif.name == name))
        strand = '+' if rng.random() < 0.5 else '-'
        site = site if strand == '+' else segments.reverse_complement(site)
        spacer = background.GENOME.sample(rng, int(rng.integers(10, 30)))
        parts += [segments.plain(spacer, rigid=True), site]
        done += len(spacer) + len(site)
        label = segments.FeatureLabel('TF_binding_site', strand, gene_index, name)
        features.append((done - len(site), done, label))
    parts.append(segments.plain(background.GENOME.sample(rng, 15), rigid=True))
    segment = segments.join(parts)
    label = segments.FeatureLabel('enhancer', '.', gene_index)
    return segments.add_features(segment, [(0, len(segment), label), *features])


def insulator(rng: np.random.Generator) -> segments.Segment:
    """One site of the insulator motif in DNA without indels."""
    spacers = [
        segments.plain(background.GENOME.sample(rng, int(rng.integers(10, 30))), rigid=True)
        for _ in range(2)
    ]
    site = _site(rng, motifs.INSULATOR)
    label = segments.FeatureLabel('insulator', '+', -1, motifs.INSULATOR.name)
    site = segments.add_features(site, [(0, len(site), label)])
    return segments.join([spacers[0], site, spacers[1]])


def _site(rng, motif: motifs.Motif) -> segments.Segment:
    """One site of a motif, sampled from its matrix."""
    codes = background.sample_bases(rng, motif.matrix_W4)
    site = segments.plain(codes, segments.Constraint.SITE, rigid=True)
    site.matrix_rows[:] = segments.FIRST_ROW[motif.name] + np.arange(motif.width)
    return site
