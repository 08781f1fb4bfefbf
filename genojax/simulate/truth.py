"""What is known about a simulated clade: annotation rows, orthologues, repeat masks, and the model they came from."""

import dataclasses

import numpy as np

from genojax import dna
from genojax.simulate import config, evolve, motifs, phylogeny, repeats, stretch
from genojax.simulate import grammar as grammars

_SOURCE = 'genojax_simulate'
_DECOYS_TEXT = 'left to right, at each free base a decoy of motif m starts with its rate if it fits'


def gene_name(index: int) -> str:
    """The name orthologues share."""
    return f'gene{index + 1:04d}'


def repeat_mask(chromosome: stretch.Stretch) -> np.ndarray:
    """Bases inside any repeat, bool [L]."""
    spans = _spans(chromosome, 'repeat_region')
    depth = np.zeros(len(chromosome) + 1, np.int64)
    np.add.at(depth, spans[:, 0], 1)
    np.add.at(depth, spans[:, 1], -1)
    return np.cumsum(depth)[:-1] > 0


def _spans(chromosome: stretch.Stretch, kind: str) -> np.ndarray:
    return chromosome.spans[[label.kind == kind for label in chromosome.labels]]


def orthologues(clade: dict[str, dict[str, stretch.Stretch]]) -> list[tuple]:
    """Rows (gene, species, contig, start, end, strand), 0-based half-open, by gene, then in the order of the species."""
    rows = []
    for order, (species, chromosomes) in enumerate(clade.items()):
        for contig, chromosome in chromosomes.items():
            for (start, end), label in zip(
                chromosome.spans.tolist(), chromosome.labels, strict=True
            ):
                if label.kind == 'gene':
                    rows.append(
                        (
                            label.gene,
                            order,
                            gene_name(label.gene),
                            species,
                            contig,
                            start,
                            end,
                            label.strand,
                        )
                    )
    return [row[2:] for row in sorted(rows)]


def gff_lines(species: str, chromosomes: dict[str, stretch.Stretch]) -> list[str]:
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
            columns = (contig, _SOURCE, label.kind, start + 1, end, '.', label.strand, phase)
            attributes = _attributes(f'{species}_{contig}_{number}', species, label)
            lines.append('\t'.join(map(str, columns)) + '\t' + attributes)
    return lines


_RANK = {
    kind: rank
    for rank, kind in enumerate(
        (
            'CpG_island',
            'promoter',
            'gene',
            'mRNA',
            'exon',
            'CDS',
            'enhancer',
            'TF_binding_site',
            'repeat_region',
        )
    )
}


def _phases(rows: list) -> dict[tuple[int, int], int]:
    """(gene, start of a CDS row) -> bases to skip to the next codon, as GFF3 counts."""
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


def _attributes(row_id: str, species: str, label: stretch.Label) -> str:
    if label.kind == 'repeat_region':
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
    settings: config.SimulationConfig,
    grammar: grammars.Grammar,
    library: tuple[repeats.Family, ...],
    clade: dict[str, dict[str, stretch.Stretch]],
    task: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
) -> dict:
    """Everything truth.json holds, as plain JSON values."""
    root = settings.root
    first = next(iter(clade.values()))
    classes = {
        gene_name(label.gene): label.name
        for chromosome in first.values()
        for label in chromosome.labels
        if label.kind == 'promoter'
    }
    return {
        'simulated': True,
        'settings': dataclasses.asdict(settings),
        'tree': phylogeny.newick(root),
        'distances': {f'{a} {b}': round(d, 6) for (a, b), d in phylogeny.distances(root).items() if a < b},
        'species': {name: _measure(chromosomes) for name, chromosomes in clade.items()},
        'genes': dict(sorted(classes.items())),
        'grammar': _grammar(grammar),
        'evolution': {
            name.lower(): np.asarray(getattr(evolve, name)).tolist()
            for name in (
                'TRANSITION_BIAS', 'CPG_DECAY', 'EQUILIBRIUM', 'ISLAND_EQUILIBRIUM', 'ACCEPT_SLOW', 'ACCEPT_SITE',
                'ACCEPT_REPLACEMENT', 'INDELS', 'INDEL_MEAN', 'INDEL_MAX', 'REPEAT_GROWTH',
            )
        },
        'repeat_families': [
            dataclasses.asdict(family) | {'consensus': dna.decode(family.consensus)} for family in library
        ],
        'task': None if task is None else {'rows': len(task[1]), 'positives': int(task[1].sum())},
    }  # fmt: skip


def _measure(chromosomes: dict[str, stretch.Stretch]) -> dict:
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
        'negatives': {chain.name: share for chain, share in grammar.negatives},
        'decoys': {'rule': _DECOYS_TEXT, 'rates': dict(grammar.decoys)},
    }
