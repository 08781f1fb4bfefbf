"""The simulated clade on disk: the same kinds of files as real genomes, and the truth beside them.

genomes.tsv            the genome table, chromosome 4 of every species marked held_out
SPECIES.fa             soft-masked; SPECIES.gff3: genes, promoters, enhancers, sites, repeats (1-based, as GFF is)
orthologues.tsv        gene, species, contig, start, end, strand (0-based, half-open, as BED)
promoters/promoters.tsv  sequence, label (1 promoter), log_likelihood_ratio of the generator (natural logarithm)
truth.json             grammar, tree, repeat families, classes of the genes: everything a score can be held against
"""

import json
import os
import pathlib

import numpy as np

from genojax import dna, progress
from genojax.data.formats import fasta
from genojax.simulate import (
    ancestor,
    config,
    evolve,
    likelihood,
    phylogeny,
    repeats,
    stretch,
    truth,
)
from genojax.simulate import grammar as grammars

TABLE_COLUMNS = ('species', 'fasta', 'contigs', 'annotation', 'circular', 'softmasked', 'split')
ORTHOLOGUE_COLUMNS = ('gene', 'species', 'contig', 'start', 'end', 'strand')
TASK_COLUMNS = ('sequence', 'label', 'log_likelihood_ratio')
REPEAT_TOLERANCE = 0.03  # of the bases; a clade outside it is refused, not written

Clade = dict[str, dict[str, stretch.Stretch]]  # species -> contig name -> chromosome

# The streams of random numbers: one for each part, so that changing one part leaves the others as they were.
_FAMILIES, _ANCESTOR, _BRANCH, _TASK = range(4)


def write(directory: str | os.PathLike, settings: config.SimulationConfig) -> dict:
    """Simulate a clade and write it, byte-identical for equal settings; returns what truth.json holds.

    Raises:
        ValueError: the genes leave no room for the background, or the genomes came out other than asked.
    """
    directory = pathlib.Path(directory)
    grammar = grammars.DEFAULT
    library = repeats.families(np.random.default_rng([settings.seed, _FAMILIES]))
    clade = grow(settings, grammar, library)
    task = draw_task(settings, grammar) if settings.task_rows else None
    facts = truth.describe(settings, grammar, library, clade, task)
    _check(settings, facts)
    directory.mkdir(parents=True, exist_ok=True)
    for species, chromosomes in progress.track(clade.items(), 'writing genomes', float(len(clade))):
        fasta.write(directory / f'{species}.fa', list(_records(settings, species, chromosomes)))
        _write_lines(directory / f'{species}.gff3', truth.gff_lines(species, chromosomes))
    _write_rows(directory / 'genomes.tsv', TABLE_COLUMNS, _table(settings, clade))
    _write_rows(directory / 'orthologues.tsv', ORTHOLOGUE_COLUMNS, truth.orthologues(clade))
    if task is not None:
        (directory / 'promoters').mkdir(exist_ok=True)
        rows = zip(
            map(dna.decode, task[0]), task[1].tolist(), (f'{r:.6f}' for r in task[2]), strict=True
        )
        _write_rows(directory / 'promoters' / 'promoters.tsv', TASK_COLUMNS, rows)
    _write_lines(directory / 'truth.json', [json.dumps(facts, indent=1)])
    return facts


def grow(
    settings: config.SimulationConfig,
    grammar: grammars.Grammar,
    library: tuple[repeats.Family, ...],
) -> Clade:
    """Every tip of the tree, evolved from one ancestor."""
    root = settings.root
    depth = float(np.mean(list(phylogeny.depths(root).values())))
    growth = evolve.repeat_growth(depth)
    own = settings.repeat_fraction * (1 + growth) - growth  # so that the tips have what was asked
    if own <= 0.05:
        raise ValueError(
            f'a tree {depth:.2f} deep gains more repeats than {settings.repeat_fraction=}'
        )
    rng = np.random.default_rng([settings.seed, _ANCESTOR])
    founders = ancestor.chromosomes(rng, settings, grammar, library, own)
    found: Clade = {}
    branches = iter(range(1 << 20))

    def descend(node: phylogeny.Node, above: dict[str, stretch.Stretch]) -> None:
        rng = np.random.default_rng([settings.seed, _BRANCH, next(branches)])
        here = above
        if node.branch > 0:
            here = {
                name: evolve.along(rng, chromosome, node.branch, library)
                for name, chromosome in above.items()
            }
        if not node.children:
            found[node.name] = here
        for child in node.children:
            descend(child, here)

    descend(root, founders)
    return found


def draw_task(
    settings: config.SimulationConfig, grammar: grammars.Grammar
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows [N, L], labels [N] and log likelihood ratios [N] of the promoter task, in random order.

    The promoters are fresh draws from the grammar that the genomes' promoters were drawn from, so that none was in the
    pretraining sequence.
    """
    rng = np.random.default_rng([settings.seed, _TASK])
    half = settings.task_rows // 2
    promoters = grammars.sample_promoters(grammar, rng, half).codes_NL
    negatives = grammars.sample_negatives(grammar, rng, half).codes_NL
    order = rng.permutation(2 * half)
    codes_NL = np.concatenate([promoters, negatives])[order]
    labels = np.repeat([1, 0], half)[order]
    return codes_NL, labels, likelihood.log_likelihood_ratio(grammar, codes_NL)


def _check(settings: config.SimulationConfig, facts: dict) -> None:
    for name, species in facts['species'].items():
        if species['length'] < settings.length:
            raise ValueError(
                f'{name} came out {species["length"]} bases long, less than {settings.length=}'
            )
        if abs(species['repeat_fraction'] - settings.repeat_fraction) > REPEAT_TOLERANCE:
            raise ValueError(
                f'{name} came out with {species["repeat_fraction"]:.3f} repeats, not {settings.repeat_fraction=};'
                ' the tips of the tree lie at too different depths'
            )


def _records(settings, species: str, chromosomes: dict[str, stretch.Stretch]):
    for name, chromosome in chromosomes.items():
        description = f'{species} simulated, seed {settings.seed}'
        yield fasta.Record(name, description, chromosome.codes, truth.repeat_mask(chromosome))


def _table(settings, clade: Clade):
    for species, chromosomes in clade.items():
        names = list(chromosomes)
        groups = (
            [(names[:-1], 'train'), (names[-1:], 'held_out')]
            if settings.hold_out
            else [(names, '')]
        )
        for group, split in groups:
            yield (species, f'{species}.fa', ','.join(group), f'{species}.gff3', 'no', 'yes', split)


def _write_rows(path: pathlib.Path, columns: tuple[str, ...], rows) -> None:
    _write_lines(path, ['\t'.join(columns)] + ['\t'.join(map(str, row)) for row in rows])


def _write_lines(path: pathlib.Path, lines: list[str]) -> None:
    path.write_text('\n'.join(lines) + '\n', encoding='ascii', newline='\n')
