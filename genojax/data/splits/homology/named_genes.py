"""Genes of one name, which belong together whatever their sequence."""

import numpy as np

from genojax.data.genomes import assemblies, interval_sets

_MAX_NAMESAKES = 50  # genes of one name in one species; with more it is a word such as 'tRNA'


def spans(
    corpus: assemblies.Corpus, axis: interval_sets.Axis, limits: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Gene intervals on the axis, int64 [n, 2], and numbers of their names, without case [n].

    Args:
        limits: gets a sentence for every name that is not used.
    """
    numbers: dict[str, int] = {}
    parts, names = [interval_sets.EMPTY], []
    for species, member in enumerate(corpus):
        copies: dict[str, list] = {}
        for gene in member.genes:
            if gene.name.strip():
                copies.setdefault(gene.name.strip().casefold(), []).append(gene)
        for name, genes in copies.items():
            if len(genes) > _MAX_NAMESAKES:
                limits.append(
                    f'{len(genes)} genes of {member.name} are called {genes[0].name!r}: the '
                    'name is not used'
                )
                continue
            contigs = [axis.first[species] + gene.contig for gene in genes]
            on_axis = axis.spans(contigs, [g.start for g in genes], [g.end for g in genes])
            parts.append(on_axis)
            names += [numbers.setdefault(name, len(numbers))] * len(on_axis)
    return np.concatenate(parts), np.array(names, np.int64)
