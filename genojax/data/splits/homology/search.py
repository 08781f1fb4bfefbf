"""Which bases of a corpus are homologous, so that none trains a model that is tested on another.

There are two kinds of evidence. Sequence, on either strand, of one species or two: `exhaustive`
for small contigs, `sketches` for genomes of any size. Names: genes of the same name in the
annotation, whatever their sequence. Repeats are no evidence of descent at a position, so
soft-masked, low-complexity and many-copy k-mers start no match; `audit` measures what repeats leak.

Time is linear in the bases, and memory a quarter of a byte per base and a constant.
`Homology.limits` lists what was not searched.
"""

import numpy as np

from genojax.data.genomes import assemblies, interval_sets
from genojax.data.splits.homology import exhaustive, named_genes, relation, sketches

VERSION = 2  # of the method: another one finds other matches

EXHAUSTIVE_CONTIG = 16_000_000  # bases; contigs up to here are searched with every k-mer ...
# ... the smallest first, up to this many bases together (25 bytes each in memory)
EXHAUSTIVE_TOTAL = 16_000_000


def find(corpus: assemblies.Corpus, axis: interval_sets.Axis) -> relation.Homology:
    """Search a corpus for homology between any two places; the module says what is searched for."""
    limits: list[str] = []
    gene_spans, gene_names = named_genes.spans(corpus, axis, limits)
    by_length = np.argsort(axis.lengths, kind='stable')
    lengths = axis.lengths[by_length]
    small = by_length[(lengths <= EXHAUSTIVE_CONTIG) & (np.cumsum(lengths) <= EXHAUSTIVE_TOTAL)]
    small = np.sort(small)
    tables = [
        relation.both_directions(axis, exhaustive.find(axis, small, limits), exhaustive.MARGIN)
    ]
    if len(small) < len(axis.lengths):
        total = int(axis.lengths.sum() - axis.lengths[small].sum())
        matches, sentences = sketches.find(axis)
        limits.append(
            f'{len(axis.lengths) - len(small)} contigs ({total:,} bases) did not fit into the '
            f'search with every k-mer: {sentences[0]}'
        )
        limits += sentences[1:]
        tables.append(relation.both_directions(axis, matches, sketches.MARGIN))
    table = relation.joined(tables)
    table = table.take(np.argsort(table.x0, kind='stable'))
    return relation.Homology(axis, table, gene_spans, gene_names, tuple(limits))
