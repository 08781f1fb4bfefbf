"""The size and shape of a simulated clade. Everything written is a function of these fields, byte for byte."""

import dataclasses

from genojax.simulate import phylogeny

CONTIG_SHARES = (0.35, 0.30, 0.22, 0.13)  # of the genome's length, chromosome 1 to 4


@dataclasses.dataclass(frozen=True)
class SimulationConfig:
    seed: int = 0
    species: int = 5
    length: int = 300_000  # bases of the shortest genome, at least
    genes: int = 64  # a species; every gene has one orthologue in every species
    tree: str = ''  # Newick with branch lengths in substitutions a neutral base; '' names and places `species` tips
    repeat_fraction: float = 0.45  # of the bases of a genome, soft-masked
    hold_out: bool = (
        True  # genomes.tsv marks chromosome 4 as held out: homologous only to the other species' 4
    )
    task_rows: int = 5_500  # of promoters/promoters.tsv, half of them promoters; 0 writes no task

    def __post_init__(self):
        if self.seed < 0:
            raise ValueError(f'{self.seed=} must not be negative')
        if not 2 <= self.species <= len(phylogeny.GREEK):
            raise ValueError(f'{self.species=} must lie in 2 .. {len(phylogeny.GREEK)}')
        if self.genes < 2 * len(CONTIG_SHARES):
            raise ValueError(
                f'{self.genes=} must be at least {2 * len(CONTIG_SHARES)}, two a chromosome'
            )
        if self.length < 4_000 * self.genes:
            raise ValueError(
                f'{self.length=} must be at least 4,000 bases a gene, here {4_000 * self.genes}'
            )
        if not 0.2 <= self.repeat_fraction <= 0.5:
            raise ValueError(f'{self.repeat_fraction=} must lie in 0.2 .. 0.5')
        if self.task_rows < 0 or self.task_rows % 2:
            raise ValueError(f'{self.task_rows=} must be even and not negative')
        tips = phylogeny.tips(self.root)
        if len(tips) != self.species:
            raise ValueError(f'{self.species=} but the tree has {len(tips)} tips: {tips}')

    @property
    def root(self) -> phylogeny.Node:
        return phylogeny.parse(self.tree) if self.tree else phylogeny.default(self.species)
