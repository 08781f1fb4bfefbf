"""The truth of a simulated clade: annotation, orthologues, repeat masks and model parameters."""

import dataclasses

import numpy as np

from genojax import dna
from genojax.simulate import evolve, motifs, phylogeny, repeats, segments
from genojax.simulate import grammar as grammars

_SOURCE = 'genojax_simulate'
_DECOYS_RULE = 'left to right, at each free base a decoy of motif m starts with its rate if it fits'


def gene_name(index: int) -> str:
    """The name that orthologues share."""
    return f'gene{index + 1:04d}'


def repeat_mask(chromosome: segments.Segment) -> np.ndarray:
    """Whether each base is in a repeat, bool [L]."""
    spans = _spans(chromosome, 'repeat_region')
    depth = np.zeros(len(chromosome) + 1, np.int64)
    np.add.at(depth, spans[:, 0], 1)
    np.add.at(depth, spans[:, 1], -1)
    return np.cumsum(depth)[:-1] > 0


def _spans(chromosome: segments.Segment, kind: str) -> np.ndarray:
    """Spans of the features of one kind, [F, 2]."""
    return chromosome.spans[[label.kind == kind for label in chromosome.labels]]


def orthologues(clade: dict[str, dict[str, segments.Segment]]) -> list[tuple]:
    """Rows (gene, species, contig, start, end, strand), 0-based half-open, by gene and species."""
    rows = []
    for order, (species, chromosomes) in enumerate(clade.items()):
        for contig, chromosome in chromosomes.items():
            spans = chromosome.spans.tolist()
            for (start, end), label in zip(spans, chromosome.labels, strict=True):
                if label.kind == 'gene':
                    name = gene_name(label.gene)
                    row = (name, species, contig, start, end, label.strand)
                    rows.append(((label.gene, order), row))
    return [row for _, row in sorted(rows)]


def gff_lines(species: str, chromosomes: dict[str, segments.Segment]) -> list[str]:
    """The features of a species as lines of GFF3."""
    lines = ['##gff-version 3']
    lines += [
        f'##sequence-region {name} 1 {len(chromosome)}' for name, chromosome in chromosomes.items()
    ]
    for contig, chromosome in chromosomes.items():
        rows = zip(chromosome.spans.tolist(), chromosome.labels, strict=True)
        ordered = sorted(rows, key=lambda row: (row[0][0], -row[0][1], _RANK[row[1].kind]))
        phases = _phases(ordered)
        for number, ((start, end), label) in enumerate(ordered, 1):
            phase = phases.get((label.gene, start), '.') if label.kind == 'CDS' else '.'
            # GFF3 is 1-based and includes the end.
            columns = (contig, _SOURCE, label.kind, start + 1, end, '.', label.strand, phase)
            attributes = _attributes(f'{species}_{contig}_{number}', species, label)
            lines.append('\t'.join(map(str, columns)) + '\t' + attributes)
    return lines


# Order of features that start and end together.
_KINDS = (
    'CpG_island', 'promoter', 'gene', 'mRNA', 'exon', 'CDS', 'enhancer', 'TF_binding_site',
    'insulator', 'repeat_region',
)  # fmt: skip
_RANK = {kind: rank for rank, kind in enumerate(_KINDS)}
# Constants of `evolve` in truth.json, in lower case.
_EVOLUTION = (
    'TRANSITION_BIAS', 'CPG_DECAY', 'EQUILIBRIUM', 'ISLAND_EQUILIBRIUM', 'ACCEPT_SLOW',
    'ACCEPT_SITE', 'ACCEPT_REPLACEMENT', 'INDELS', 'INDEL_MEAN', 'INDEL_MAX', 'REPEAT_GROWTH',
)  # fmt: skip


def _phases(rows: list) -> dict[tuple[int, int], int]:
    """GFF3 phase, the bases before the next codon, per (gene, start of a CDS row)."""
    parts: dict[int, list] = {}
    for (start, end), label in rows:
        if label.kind == 'CDS':
            parts.setdefault(label.gene, []).append((start, end, label.strand))
    phases = {}
    for gene, coding in parts.items():
        done = 0
        for start, end, _ in sorted(coding, reverse=coding[0][2] == '-'):
            phases[gene, start] = -done % 3
            done += end - start
    return phases


def _attributes(row_id: str, species: str, label: segments.FeatureLabel) -> str:
    """Column 9 of a row."""
    if label.kind in ('repeat_region', 'insulator'):
        return f'ID={row_id};Name={label.name}'
    gene = gene_name(label.gene)
    gene_id = f'{species}_{gene}'
    match label.kind:
        case 'gene':
            return f'ID={gene_id};Name={gene};gene={gene};gene_biotype=protein_coding'
        case 'mRNA':
            return f'ID={gene_id}.t1;Parent={gene_id};gene={gene}'
        case 'exon':
            return f'ID={row_id};Parent={gene_id}.t1;gene={gene}'
        case 'CDS':
            return f'ID={gene_id}.cds;Parent={gene_id}.t1;gene={gene}'
        case 'promoter':
            return f'ID={row_id};gene={gene};promoter_class={label.name}'
        case 'TF_binding_site':
            return f'ID={row_id};Name={label.name};gene={gene}'
        case _:
            return f'ID={row_id};gene={gene}'


def describe(
    root: phylogeny.TreeNode,
    grammar: grammars.Grammar,
    library: tuple[repeats.RepeatFamily, ...],
    clade: dict[str, dict[str, segments.Segment]],
) -> dict:
    """The model behind a clade and statistics of its species, as JSON values for truth.json."""
    first = next(iter(clade.values()))
    classes = {
        gene_name(label.gene): label.name
        for chromosome in first.values()
        for label in chromosome.labels
        if label.kind == 'promoter'
    }
    distances = phylogeny.distances(root).items()
    return {
        'tree': phylogeny.newick(root),
        'distances': {f'{a} {b}': round(d, 6) for (a, b), d in distances if a < b},
        'species': {name: _measure(chromosomes) for name, chromosomes in clade.items()},
        'genes': dict(sorted(classes.items())),
        'grammar': _grammar(grammar),
        'evolution': {
            name.lower(): np.asarray(getattr(evolve, name)).tolist() for name in _EVOLUTION
        },
        'repeat_families': [
            dataclasses.asdict(family) | {'consensus': dna.decode(family.consensus)}
            for family in library
        ],
    }


def _measure(chromosomes: dict[str, segments.Segment]) -> dict:
    """Statistics of one species."""
    counts = sum(np.bincount(chromosome.codes, minlength=4) for chromosome in chromosomes.values())
    masked = sum(int(repeat_mask(chromosome).sum()) for chromosome in chromosomes.values())
    labels = [label.kind for chromosome in chromosomes.values() for label in chromosome.labels]
    length = int(counts.sum())
    return {
        'length': length,
        'gc': round(float(counts[1] + counts[2]) / length, 6),
        'repeat_fraction': round(masked / length, 6),
        'genes': labels.count('gene'),
        'enhancers': labels.count('enhancer'),
    }


def _grammar(grammar: grammars.Grammar) -> dict:
    chains = {chain.name: chain for chain, _ in grammar.negatives}
    chains |= {c.background.name: c.background for c in grammar.classes}
    return {
        'window': {'upstream_of_tss': grammar.upstream, 'length': grammar.length},
        'motifs': {
            motif.name: {
                'consensus': motif.consensus,
                'matrix_ACGT': motif.matrix_W4.round(6).tolist(),
            }
            for motif in grammar.library + motifs.SPLICE
        },
        'backgrounds': {
            name: {
                'first': chain.first.tolist(),
                'second': chain.second.tolist(),
                'third': chain.third.tolist(),
            }
            for name, chain in sorted(chains.items())
        },
        'classes': [
            {
                'name': c.name,
                'weight': c.weight,
                'background': c.background.name,
                'sites': [dataclasses.asdict(slot) for slot in c.slots],
            }
            for c in grammar.classes
        ],
        'negatives': {chain.name: fraction for chain, fraction in grammar.negatives},
        'decoys': {'rule': _DECOYS_RULE, 'rates': dict(grammar.decoys)},
    }
