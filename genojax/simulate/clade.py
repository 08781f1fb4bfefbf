"""Simulates a clade and writes it: the same kinds of files as for real genomes, and the truth.

genomes.tsv              the genome table; chromosome 4 of every species is marked test
SPECIES.fa               soft-masked sequence
SPECIES.gff3             genes, promoters, enhancers, binding sites and repeats
orthologues.tsv          gene, species, contig, start, end, strand (0-based, half-open, as in BED)
promoters/promoters.tsv  sequence, label (1 promoter), log_likelihood_ratio of the generator (nats)
hic/                     with `hic`: contacts between bins of the genomes, and their table
signals/                 with `signals`: open chromatin and transcript starts, and their table
variants/variants.tsv    substitutions of the first species with their true effects and labels
variants/variants.vcf    the same without effects and labels, for `genojax score`
truth.json               grammar, tree, repeat families and classes of the genes
"""

import dataclasses
import json
import os
import pathlib

import numpy as np

from genojax import dna, output_files, progress
from genojax.data.formats import fasta, sequence_record
from genojax.simulate import (
    ancestor,
    evolve,
    likelihood,
    phylogeny,
    repeats,
    segments,
    signals,
    truth,
)
from genojax.simulate import grammar as grammars
from genojax.simulate.assays import contacts
from genojax.simulate.labelled import variants

TABLE_COLUMNS = ('species', 'fasta', 'contigs', 'annotation', 'circular', 'softmasked', 'split')
ORTHOLOGUE_COLUMNS = ('gene', 'species', 'contig', 'start', 'end', 'strand')
TASK_COLUMNS = ('sequence', 'label', 'log_likelihood_ratio')
MAX_HIC_BINS = 8_000  # the rates of a genome are in memory, a square of them
REPEAT_TOLERANCE = 0.03  # maximum error of a species' repeat fraction

Clade = dict[str, dict[str, segments.Segment]]  # species -> contig name -> chromosome

# Streams of random numbers, one per part, so that a change of one part leaves the others unchanged.
_FAMILIES, _ANCESTOR, _BRANCH, _TASK, _VARIANTS = range(5)
_INSULATORS = 6


@dataclasses.dataclass(frozen=True)
class SimulationConfig:
    """Size and shape of a simulated clade. The files are a function of these fields, byte for byte.

    Raises:
        ValueError: a field is out of range, or the tree has another number of species.
    """

    seed: int = 0
    species: int = 5
    length: int = 300_000  # minimum number of bases per genome
    genes: int = 64  # per species; every gene has one orthologue in every species
    # Newick, branch lengths in substitutions per neutral base; '': a default tree of `species` tips
    tree: str = ''
    repeat_fraction: float = 0.45  # of the bases of a genome, soft-masked
    # Mark chromosome 4 as test data in genomes.tsv. It is homologous only to the other species'
    # chromosome 4.
    hold_out: bool = True
    task_rows: int = 5_500  # of promoters/promoters.tsv, half of them promoters; 0 writes no task
    signals: bool = False  # write bedGraph files of open chromatin and reads; see `signals`
    # of variants/variants.tsv: substitutions of the first species; 0 writes none
    variant_rows: int = 0
    # Bases per bin of a Hi-C matrix of every species; the genomes then have insulators. 0: none
    hic: int = 0

    def __post_init__(self):
        chromosomes = len(ancestor.CONTIG_FRACTIONS)
        if self.seed < 0:
            raise ValueError(f'{self.seed=} must not be negative')
        if not 2 <= self.species <= len(phylogeny.GREEK):
            raise ValueError(f'{self.species=} must be from 2 to {len(phylogeny.GREEK)}')
        if self.genes < 2 * chromosomes:
            raise ValueError(
                f'{self.genes=} must be at least {2 * chromosomes}, two per chromosome'
            )
        if self.length < 4_000 * self.genes:
            raise ValueError(
                f'{self.length=} must be at least 4,000 bases per gene, here {4_000 * self.genes}'
            )
        if not 0.2 <= self.repeat_fraction <= 0.5:
            raise ValueError(f'{self.repeat_fraction=} must be from 0.2 to 0.5')
        if self.task_rows < 0 or self.task_rows % 2:
            raise ValueError(f'{self.task_rows=} must be even and not negative')
        if self.variant_rows < 0:
            raise ValueError(f'{self.variant_rows=} must not be negative')
        if self.hic < 0 or self.hic and not 10 <= self.length // self.hic <= MAX_HIC_BINS:
            raise ValueError(
                f'{self.hic=} must be 0, or give 10 to {MAX_HIC_BINS:,} bins per genome'
            )
        tips = phylogeny.tips(self.root)
        if len(tips) != self.species:
            raise ValueError(f'{self.species=}, but the tree has {len(tips)} tips: {tips}')

    @property
    def root(self) -> phylogeny.TreeNode:
        """The root of the tree."""
        return phylogeny.parse(self.tree) if self.tree else phylogeny.default(self.species)


def write(directory: str | os.PathLike, settings: SimulationConfig) -> dict:
    """Simulates a clade and writes it, byte-identical for equal settings.

    Returns:
        The content of truth.json.

    Raises:
        ValueError: the genes leave no room for the background, or a genome has another length or
            repeat fraction than the settings require.
        UsageError: the files cannot be written; none of them is left.
    """
    directory = pathlib.Path(directory)
    grammar = grammars.DEFAULT
    library = repeats.families(np.random.default_rng([settings.seed, _FAMILIES]))
    clade = evolve_clade(settings, grammar, library)
    task = sample_task(settings, grammar) if settings.task_rows else None
    facts = {
        'simulated': True,
        'settings': dataclasses.asdict(settings),
        **truth.describe(settings.root, grammar, library, clade),
        'task': None if task is None else {'rows': len(task[1]), 'positives': int(task[1].sum())},
    }
    _check(settings, facts['species'])
    with output_files.new_folder(directory):
        _write(directory, settings, grammar, clade, task)
        _write_lines(directory / 'truth.json', [json.dumps(facts, indent=1)])
    return facts


def _write(
    directory: pathlib.Path,
    settings: SimulationConfig,
    grammar: grammars.Grammar,
    clade: Clade,
    task: tuple | None,
) -> None:
    """Writes all files but truth.json."""
    directory.mkdir(parents=True, exist_ok=True)
    for species, chromosomes in progress.track(clade.items(), 'writing genomes', float(len(clade))):
        fasta.write(directory / f'{species}.fa', list(_records(settings, species, chromosomes)))
        _write_lines(directory / f'{species}.gff3', truth.gff_lines(species, chromosomes))
    _write_rows(directory / 'genomes.tsv', TABLE_COLUMNS, _table(settings, clade))
    _write_rows(directory / 'orthologues.tsv', ORTHOLOGUE_COLUMNS, truth.orthologues(clade))
    if task is not None:
        (directory / 'promoters').mkdir(exist_ok=True)
        texts = map(dna.decode, task[0]), task[1].tolist(), (f'{r:.6f}' for r in task[2])
        rows = zip(*texts, strict=True)
        _write_rows(directory / 'promoters' / 'promoters.tsv', TASK_COLUMNS, rows)
    if settings.signals:
        signals.write(directory, settings.seed, clade)
    if settings.hic:
        contacts.write(directory, settings.seed, settings.hic, clade)
    if settings.variant_rows:
        (directory / 'variants').mkdir(exist_ok=True)
        rng = np.random.default_rng([settings.seed, _VARIANTS])
        rows = variants.sample(rng, grammar, next(iter(clade.values())), settings.variant_rows)
        _write_rows(directory / 'variants' / 'variants.tsv', variants.COLUMNS, rows)
        _write_lines(directory / 'variants' / 'variants.vcf', variants.vcf_lines(rows))


def evolve_clade(
    settings: SimulationConfig,
    grammar: grammars.Grammar,
    library: tuple[repeats.RepeatFamily, ...],
) -> Clade:
    """Every tip of the tree, evolved from one ancestor.

    Raises:
        ValueError: the genes do not fit, or the tree is so deep that new repeats alone exceed
            `settings.repeat_fraction`.
    """
    root = settings.root
    depth = float(np.mean(list(phylogeny.depths(root).values())))
    growth = evolve.repeat_growth(depth)
    # of the ancestor, so that the tips have `settings.repeat_fraction`
    repeat_fraction = settings.repeat_fraction * (1 + growth) - growth
    if repeat_fraction <= 0.05:
        raise ValueError(
            f'a tree of depth {depth:.2f} gains more repeats than {settings.repeat_fraction=}'
        )
    founders = ancestor.chromosomes(
        np.random.default_rng([settings.seed, _ANCESTOR]),
        grammar,
        library,
        length=settings.length,
        num_genes=settings.genes,
        repeat_fraction=repeat_fraction,
        insulators=np.random.default_rng([settings.seed, _INSULATORS]) if settings.hic else None,
    )
    result: Clade = {}
    branches = iter(range(1 << 20))

    def descend(node: phylogeny.TreeNode, chromosomes: dict[str, segments.Segment]) -> None:
        rng = np.random.default_rng([settings.seed, _BRANCH, next(branches)])
        if node.branch > 0:
            chromosomes = {
                name: evolve.evolve_branch(rng, chromosome, node.branch, library)
                for name, chromosome in chromosomes.items()
            }
        if not node.children:
            result[node.name] = chromosomes
        for child in node.children:
            descend(child, chromosomes)

    descend(root, founders)
    return result


def sample_task(
    settings: SimulationConfig, grammar: grammars.Grammar
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The promoter task: windows [N, L], labels [N] and log likelihood ratios [N], in random order.

    The promoters are new samples of the grammar, so none of them occurs in the genomes.
    """
    rng = np.random.default_rng([settings.seed, _TASK])
    half = settings.task_rows // 2
    promoters = grammars.sample_promoters(grammar, rng, half).codes_NL
    negatives = grammars.sample_negatives(grammar, rng, half).codes_NL
    order = rng.permutation(2 * half)
    codes_NL = np.concatenate([promoters, negatives])[order]
    labels = np.repeat([1, 0], half)[order]
    return codes_NL, labels, likelihood.log_likelihood_ratio(grammar, codes_NL)


def _check(settings: SimulationConfig, statistics: dict[str, dict]) -> None:
    for name, species in statistics.items():
        if species['length'] < settings.length:
            raise ValueError(f'{name} has {species["length"]} bases, fewer than {settings.length=}')
        if abs(species['repeat_fraction'] - settings.repeat_fraction) > REPEAT_TOLERANCE:
            raise ValueError(
                f'{name} has a repeat fraction of {species["repeat_fraction"]:.3f}, not '
                f'{settings.repeat_fraction=}; the depths of the tips of the tree differ too much'
            )


def _records(settings, species: str, chromosomes: dict[str, segments.Segment]):
    for name, chromosome in chromosomes.items():
        description = f'{species} simulated, seed {settings.seed}'
        yield sequence_record.Record(
            name, description, chromosome.codes, truth.repeat_mask(chromosome)
        )


def _table(settings, clade: Clade):
    """Rows of the genome table."""
    for species, chromosomes in clade.items():
        names = list(chromosomes)
        groups = [(names, '')]
        if settings.hold_out:
            groups = [(names[:-1], 'train'), (names[-1:], 'test')]
        for group, split in groups:
            yield (species, f'{species}.fa', ','.join(group), f'{species}.gff3', 'no', 'yes', split)


def _write_rows(path: pathlib.Path, columns: tuple[str, ...], rows) -> None:
    _write_lines(path, ['\t'.join(columns)] + ['\t'.join(map(str, row)) for row in rows])


def _write_lines(path: pathlib.Path, lines: list[str]) -> None:
    path.write_text('\n'.join(lines) + '\n', encoding='ascii', newline='\n')
