"""Genes of one name have one number, whatever their case; words that many genes share have none."""

import numpy as np

from genojax import genome
from genojax.data.genomes import assemblies, interval_sets
from genojax.data.splits.homology import named_genes


def test_names_are_numbered_without_case_and_common_words_are_left_out():
    common = [genome.Gene('tRNA', 0, i, i + 70) for i in range(0, 5_100, 100)]
    members = [
        assemblies.Genome.from_arrays(name, ['c'], [np.zeros(6_000, np.uint8)], genes=genes)
        for name, genes in (
            ('a', [genome.Gene('Abc', 0, 10, 50), genome.Gene(' ', 0, 60, 70), *common]),
            ('b', [genome.Gene('other', 0, 5, 9), genome.Gene('aBC', 0, 100, 200)]),
        )
    ]
    corpus, limits = assemblies.Corpus(members), []
    spans, names = named_genes.spans(corpus, interval_sets.Axis(corpus), limits)
    assert spans.tolist() == [[10, 50], [6_006, 6_010], [6_101, 6_201]]
    assert names[0] == names[2] != names[1]
    assert limits == ["51 genes of a are called 'tRNA': the name is not used"]
