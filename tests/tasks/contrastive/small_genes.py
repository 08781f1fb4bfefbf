"""Genes of some families that evolved from one ancestor each, as a table and as genomes."""

import numpy as np

from genojax import dna
from genojax.tasks.contrastive.genes import rows

SPECIES = ('alpha', 'beta', 'gamma', 'delta')


def sequences(families: int, length: int = 120, rate: float = 0.15, seed: int = 0):
    """{family: {species: base codes}}: an ancestor per family with a share of other bases."""
    rng = np.random.default_rng(seed)
    result = {}
    for family in range(families):
        ancestor = rng.integers(0, 4, length + 10 * (family % 3)).astype(np.uint8)
        result[f'f{family}'] = {}
        for number, species in enumerate(SPECIES):
            codes = ancestor.copy()
            changed = rng.random(len(codes)) < rate * number
            codes[changed] = (codes[changed] + rng.integers(1, 4, changed.sum())) % 4
            result[f'f{family}'][species] = codes
    return result


def genes(families: int, **options) -> rows.Genes:
    """One row per family and species."""
    table = sequences(families, **options)
    return rows.build(
        [
            (family, species, str(number), codes, f'{family} of {species}')
            for number, (family, members) in enumerate(table.items())
            for species, codes in members.items()
        ],
        'made up',
    )


def write_table(path, families: int = 12, **options) -> None:
    """The same as a TSV with columns family, species, sequence."""
    lines = ['family\tspecies\tsequence']
    for family, members in sequences(families, **options).items():
        lines += [f'{family}\t{species}\t{dna.decode(x)}' for species, x in members.items()]
    path.write_text('\n'.join(lines) + '\n')
