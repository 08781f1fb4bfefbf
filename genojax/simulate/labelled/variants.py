"""Variants of a simulated species with their true effects, and labels drawn from these.

The effect of a substitution is the probability that selection rejects it: 1 at splice sites, start
and stop codons, by the weight matrix at a binding site, by the codon in coding sequence, and 0 in
background (`evolve`). In a promoter the gain of a site counts too: the grammar's log likelihood
ratio of the window, where it rises. A label is 1 with the probability of the effect, so no score
can be expected to rank variants better than the effect itself: its AUROC is the ceiling.
"""

import numpy as np

from genojax import dna
from genojax.simulate import evolve, likelihood, segments
from genojax.simulate import grammar as grammars

COLUMNS = ('contig', 'position', 'ref', 'alt', 'label', 'block', 'site', 'true_effect')
# What a variant lies in -> share of the rows; what one of them lacks, background has more.
_SHARES = {'coding': 0.35, 'fixed': 0.1, 'motif': 0.2, 'promoter': 0.1, 'background': 0.25}
_BLOCK = 10_000  # bases of a contig that are one group of rows


def sample(
    rng: np.random.Generator,
    grammar: grammars.Grammar,
    chromosomes: dict[str, segments.Segment],
    rows: int,
) -> list[tuple]:
    """Rows of `COLUMNS`, by contig and position; `position` is 1-based, as in VCF.

    `block` names a part of the contig whose rows stay together, `site` what the base is in.
    """
    places = _places(rng, chromosomes, rows)
    result = []
    for name, chromosome in chromosomes.items():
        kinds, at = places[name]
        shift = rng.integers(1, 4, len(at))
        new = ((chromosome.codes[at] + shift) % 4).astype(np.uint8)
        effect = effects(grammar, chromosome, at, new)
        label = (rng.random(len(at)) < effect).astype(int)
        for row in np.argsort(at, kind='stable').tolist():
            alleles = dna.decode(np.array([chromosome.codes[at[row]], new[row]]))
            block = f'{name}:{at[row] // _BLOCK}'
            fixed = (name, int(at[row]) + 1, *alleles, int(label[row]), block, kinds[row])
            result.append((*fixed, f'{effect[row]:.6f}'))
    return result


def vcf_lines(rows: list[tuple]) -> list[str]:
    """A VCF of these rows, in their order."""
    lines = ['##fileformat=VCFv4.2', '#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO']
    places = [f'{contig}\t{at}\t.\t{ref}\t{alt}' for contig, at, ref, alt, *_ in rows]
    return [*lines, *(f'{place}\t.\t.\t.' for place in places)]


def effects(
    grammar: grammars.Grammar, chromosome: segments.Segment, at: np.ndarray, new: np.ndarray
) -> np.ndarray:
    """The probability of an effect of substitutions, float64 [N].

    Args:
        at: positions.
        new: base codes that differ from those of the chromosome.
    """
    codon_of = np.full(len(chromosome), -1, np.int32)
    codon_of[chromosome.codons] = np.arange(len(chromosome.codons), dtype=np.int32)[:, None]
    accepted = np.array(
        [
            evolve.acceptance(chromosome, chromosome.codes, codon_of, *pair)[0]
            for pair in zip(at[:, None], new[:, None], strict=True)
        ]
    ).reshape(-1)
    return 1 - accepted * np.exp(-_gains(grammar, chromosome, at, new))


def _gains(grammar, chromosome: segments.Segment, at: np.ndarray, new: np.ndarray) -> np.ndarray:
    """How much each substitution raises the log likelihood ratio of its promoter; 0 outside."""
    gain_N = np.zeros(len(at))
    for (start, end), label in zip(chromosome.spans.tolist(), chromosome.labels, strict=True):
        inside = np.flatnonzero((at >= start) & (at < end))
        if label.kind != 'promoter' or not len(inside) or end - start != grammar.length:
            continue
        windows = np.repeat(chromosome.codes[None, start:end], len(inside) + 1, axis=0)
        windows[np.arange(1, len(windows)), at[inside] - start] = new[inside]
        if label.strand == '-':
            windows = dna.reverse_complement(windows)
        ratio = likelihood.log_likelihood_ratio(grammar, np.ascontiguousarray(windows))
        gain_N[inside] = np.maximum(ratio[1:] - ratio[0], 0)
    return gain_N


def _places(rng, chromosomes: dict[str, segments.Segment], rows: int):
    """(kinds, positions) of the rows of each chromosome, in proportion to its bases."""
    total = sum(map(len, chromosomes.values()))
    result = {}
    for name, chromosome in chromosomes.items():
        chosen_rows = round(rows * len(chromosome) / total)
        kind_L = _kinds(chromosome)
        kinds, positions = [], []
        for kind, share in _SHARES.items():
            members = np.flatnonzero(kind_L == kind)
            count = min(round(chosen_rows * share), len(members))
            positions.append(rng.choice(members, count, replace=False))
            kinds += [kind] * count
        result[name] = np.array(kinds), np.concatenate(positions)
    return result


def _kinds(chromosome: segments.Segment) -> np.ndarray:
    """What each base is in: a key of `_SHARES`; 'other' for untranslated exons and islands."""
    constraint = segments.Constraint
    kind_L = np.full(len(chromosome), 'background', '<U10')
    for (start, end), label in zip(chromosome.spans.tolist(), chromosome.labels, strict=True):
        if label.kind == 'promoter':
            kind_L[start:end] = 'promoter'
    kind_L[chromosome.constraint == constraint.SLOW] = 'other'
    island = chromosome.constraint == constraint.ISLAND
    kind_L[island & (kind_L == 'background')] = 'other'
    kind_L[chromosome.constraint == constraint.SITE] = 'motif'
    kind_L[chromosome.constraint == constraint.CODING] = 'coding'
    kind_L[chromosome.constraint == constraint.FIXED] = 'fixed'
    return kind_L
