"""Genes and enhancers of the ancestor, each a stretch read on its own strand.

A gene is flank, promoter (drawn from the grammar, the TSS inside), 5' UTR, coding exons cut by introns, 3' UTR. Coding
sequence is codons drawn from a usage table of our own: amino acids at rates typical of proteins, and a taste for C and G
in the third base, which gives it its period of three.
"""

import dataclasses
import itertools

import numpy as np

from genojax import dna
from genojax.simulate import background, motifs, stretch
from genojax.simulate import grammar as grammars
from genojax.simulate.stretch import Guard, Label

# Standard genetic code, codons in the order of base codes ACGT, third base fastest.
AMINO_ACIDS = 'KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF'
_PROTEIN = {
    'A': 7.0, 'R': 5.5, 'N': 4.0, 'D': 5.0, 'C': 2.2, 'Q': 4.5, 'E': 7.0, 'G': 6.5, 'H': 2.5, 'I': 4.5, 'L': 10.0,
    'K': 6.0, 'M': 2.2, 'F': 3.8, 'P': 6.0, 'S': 8.0, 'T': 5.4, 'W': 1.3, 'Y': 2.8, 'V': 6.0,
}  # fmt: skip
_THIRD_BASE = np.array(
    [0.7, 1.4, 1.3, 0.8]
)  # taste for A, C, G, T where the amino acid leaves a choice
_CPG_TASTE = 0.4  # for codons that hold CpG, rare in vertebrates
_STOPS = [codon for codon in range(64) if AMINO_ACIDS[codon] == '*']
MIN_CODING_EXON = 30  # bases of coding sequence in an exon
ENHANCER_SITES = ('ETS', 'CRE', 'Ebox', 'GC_box')  # besides AP1, which every enhancer has


def codon_usage() -> np.ndarray:
    """P(codon) inside a gene, [64], 0 for stops."""
    usage = np.zeros(64)
    for codon, amino_acid in enumerate(AMINO_ACIDS):
        if amino_acid != '*':
            has_cpg = (
                codon // 4 == 6 or codon % 16 == 6
            )  # CG followed by any base, or preceded by one
            usage[codon] = _THIRD_BASE[codon % 4] * (_CPG_TASTE if has_cpg else 1)
    for amino_acid, share in _PROTEIN.items():
        members = [codon for codon in range(64) if AMINO_ACIDS[codon] == amino_acid]
        usage[members] *= share / usage[members].sum()
    return usage / usage.sum()


def bases_of(codons: np.ndarray) -> np.ndarray:
    """Codon numbers [C] to base codes [C, 3]."""
    return np.stack([codons // 16, codons // 4 % 4, codons % 4], axis=-1).astype(np.uint8)


def gene(rng: np.random.Generator, grammar: grammars.Grammar, index: int) -> stretch.Stretch:
    """One gene on the forward strand, with the free DNA its island needs before it."""
    promoter, class_name = _promoter(rng, grammar, index)
    island = class_name == 'CpG_island'
    home, guard = (background.ISLAND, Guard.ISLAND) if island else (background.GENOME, Guard.SLOW)
    flank = stretch.plain(home.sample(rng, int(rng.integers(150, 260))), guard) if island else None
    leader = stretch.plain(home.sample(rng, int(rng.integers(20, 60))), guard, rigid=True)
    coding, chunks = _coding(rng, index)
    trailer = stretch.plain(
        background.GENOME.sample(rng, int(rng.integers(80, 200))), Guard.SLOW, rigid=True
    )
    body = stretch.join([promoter, leader, coding, trailer])
    whole = body if flank is None else stretch.join([flank, body])
    tss = len(whole) - len(body) + grammar.upstream
    coding_start = len(whole) - len(trailer) - len(coding)
    end = len(whole)
    features = [(tss, end, Label('gene', '+', index)), (tss, end, Label('mRNA', '+', index))]
    for number, (first, last) in enumerate(chunks):
        first, last = first + coding_start, last + coding_start
        exon = (tss if number == 0 else first, end if number == len(chunks) - 1 else last)
        features += [(*exon, Label('exon', '+', index)), (first, last, Label('CDS', '+', index))]
    if island:
        features.append((0, coding_start, Label('CpG_island', '+', index)))
    return stretch.label(whole, features)


def _promoter(rng, grammar, index: int) -> tuple[stretch.Stretch, str]:
    draw = grammars.sample_promoters(grammar, rng, 1)
    rows = draw.rows_NL[0]
    promoter_class = grammar.classes[int(draw.kind_N[0])]
    island = promoter_class.background is background.ISLAND
    # Rigid: the grammar is about distances, so no indel may change them.
    result = stretch.plain(draw.codes_NL[0], Guard.ISLAND if island else Guard.FREE, rigid=True)
    result.guard[rows >= 0] = Guard.SITE
    result.rows[:] = rows
    features = [(0, grammar.length, Label('promoter', '+', index, promoter_class.name))]
    for slot in promoter_class.slots:
        found = np.flatnonzero(rows == stretch.FIRST_ROW[slot.motif])
        for start in found.tolist():
            end = start + grammar.motif(slot.motif).width
            features.append((start, end, Label('TF_binding_site', '+', index, slot.motif)))
    return stretch.label(result, features), promoter_class.name


def _coding(rng, index: int) -> tuple[stretch.Stretch, list[tuple[int, int]]]:
    """Coding sequence with its introns, and where its exons' coding parts lie."""
    inner = bases_of(rng.choice(64, int(rng.integers(70, 150)), p=codon_usage())).reshape(-1)
    codes = np.concatenate([dna.encode('ATG'), inner, bases_of(rng.choice(_STOPS, 1))[0]])
    guard = np.full(len(codes), Guard.CODING, np.uint8)
    guard[:3] = guard[-3:] = Guard.FIXED
    exons = int(rng.integers(2, 6))
    spare = len(codes) - exons * MIN_CODING_EXON
    sizes = MIN_CODING_EXON + rng.multinomial(spare, rng.dirichlet(np.full(exons, 3.0)))
    cuts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    parts, chunks, places, done = [], [], [], 0
    for number, (first, last) in enumerate(itertools.pairwise(cuts)):
        if number:
            parts.append(_intron(rng))
            done += len(parts[-1])
        parts.append(stretch.plain(codes[first:last], rigid=True))
        parts[-1].guard[:] = guard[first:last]
        chunks.append((done, done + last - first))
        places.append(np.arange(*chunks[-1]))
        done += last - first
    codons = np.concatenate(places)[3:-3].reshape(-1, 3)
    whole = dataclasses.replace(
        stretch.join(parts), codons=codons, minus=np.zeros(len(codons), bool)
    )
    return whole, chunks


def _intron(rng) -> stretch.Stretch:
    donor, acceptor = (_site(rng, motif) for motif in motifs.SPLICE)
    for site, fixed, letters in ((donor, slice(0, 2), 'GT'), (acceptor, slice(-2, None), 'AG')):
        site.codes[fixed] = dna.encode(letters)
        site.guard[fixed] = Guard.FIXED
    inside = stretch.plain(background.GENOME.sample(rng, int(rng.integers(90, 400))))
    return stretch.join([donor, inside, acceptor])


def enhancer(rng: np.random.Generator, gene_index: int) -> stretch.Stretch:
    """A cluster of four to seven sites, two or more of them AP-1-type, on either strand, in DNA without indels."""
    count = int(rng.integers(4, 8))
    names = ['AP1', 'AP1', *rng.choice(('AP1', *ENHANCER_SITES), count - 2).tolist()]
    parts, features, done = [], [], 0
    for name in rng.permutation(names).tolist():
        site = _site(rng, next(motif for motif in motifs.MOTIFS if motif.name == name))
        strand = '+' if rng.random() < 0.5 else '-'
        site = site if strand == '+' else stretch.flip(site)
        spacer = background.GENOME.sample(rng, int(rng.integers(10, 30)))
        parts += [stretch.plain(spacer, rigid=True), site]
        done += len(spacer) + len(site)
        features.append(
            (done - len(site), done, Label('TF_binding_site', strand, gene_index, name))
        )
    parts.append(stretch.plain(background.GENOME.sample(rng, 15), rigid=True))
    whole = stretch.join(parts)
    return stretch.label(whole, [(0, len(whole), Label('enhancer', '.', gene_index)), *features])


def _site(rng, motif: motifs.Motif) -> stretch.Stretch:
    site = stretch.plain(background.draw(rng, motif.matrix_W4), Guard.SITE, rigid=True)
    site.rows[:] = stretch.FIRST_ROW[motif.name] + np.arange(motif.width)
    return site
