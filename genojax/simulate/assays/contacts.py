"""Contacts along the genomes of a clade, as Hi-C would count them: .cool files.

Insulators, sites of a CTCF-like motif, lie between the genes. Contacts decay with distance; each
insulator between two bins lowers them by exp(-`INSULATION`), on whichever strand it is; two that
point at each other raise those between their bins by exp(`LOOP`), halved by each further one
between them. Counts are Poisson, times the visibility of both bins, whose inverse are the balancing
weights; some bins are invisible. The rates are written too, so the best possible correlation is
known.

    hic/hic.tsv              the table that `genojax hic` reads
    hic/SPECIES.cool         counts; `weight` to multiply by, and `KR`, the same to divide by,
                             without an attribute that says so, as in files converted from .hic
    hic/SPECIES.rates.cool   the rates
"""

import pathlib
from collections.abc import Mapping

import numpy as np

from genojax.data.formats.contact_files import cool
from genojax.simulate import segments

INSULATION, LOOP = 0.5, 1.5
DEPTH, TRANS = 150.0, 0.5  # contacts of two bins side by side, and of two on different chromosomes
REACH = 40  # bins: insulators further apart make no loop
_SPREAD = 0.3  # standard deviation of the logarithm of visibility
_INVISIBLE = 0.03  # share of bins
_STREAM = 5  # after those of `clade` and `signals`
_COLUMNS = ('path', 'weight', 'species', 'weights_are', 'rates')


def write(
    directory: pathlib.Path,
    seed: int,
    bin: int,
    clade: Mapping[str, Mapping[str, segments.Segment]],
) -> None:
    """Writes the folder `hic`.

    Args:
        bin: bases per bin.
    """
    folder = directory / 'hic'
    folder.mkdir(exist_ok=True)
    rows = [_COLUMNS]
    for number, (species, chromosomes) in enumerate(clade.items()):
        rng = np.random.default_rng([seed, _STREAM, number])
        rate_NN = genome_rates(chromosomes, bin)
        visible_N = np.exp(rng.normal(0, _SPREAD, len(rate_NN)))
        visible_N[rng.random(len(rate_NN)) < _INVISIBLE] = 0
        rate_NN *= visible_N[:, None] * visible_N
        row_N, column_N = np.triu_indices(len(rate_NN))
        rate_N = rate_NN[row_N, column_N]
        sizes = {name: len(chromosome) for name, chromosome in chromosomes.items()}
        bias_N = np.where(visible_N > 0, visible_N, np.nan)
        weights = {'weight': (1 / bias_N, False), 'KR': (bias_N, None)}
        files = f'{species}.cool', f'{species}.rates.cool'
        for file, value_N in zip(files, (rng.poisson(rate_N), rate_N), strict=True):
            some = value_N > 0
            pixels = cool.Pixels(row_N[some], column_N[some], value_N[some])
            cool.write(folder / file, sizes, bin, pixels, weights)
        rows.append((files[0], 'weight', species, '', files[1]))
    text = '\n'.join('\t'.join(row) for row in rows) + '\n'
    (folder / 'hic.tsv').write_text(text, encoding='ascii')


def genome_rates(chromosomes: Mapping[str, segments.Segment], bin: int) -> np.ndarray:
    """Expected contacts of visible bins of a genome, float64 [N, N], symmetric."""
    blocks = [chromosome_rates(chromosome, bin) for chromosome in chromosomes.values()]
    result_NN = np.full((sum(map(len, blocks)),) * 2, TRANS)
    first = 0
    for block_PP in blocks:
        inside = slice(first, first + len(block_PP))
        result_NN[inside, inside] = block_PP
        first += len(block_PP)
    return result_NN


def chromosome_rates(chromosome: segments.Segment, bin: int) -> np.ndarray:
    """Expected contacts of visible bins of a chromosome, float64 [P, P], symmetric."""
    bins = -(-len(chromosome) // bin)
    sites = sorted(
        ((start + end) / 2 / bin, label.strand)
        for (start, end), label in zip(chromosome.spans.tolist(), chromosome.labels, strict=True)
        if label.kind == 'insulator'
    )
    number_P = np.arange(bins)
    distance_PP = np.abs(number_P[:, None] - number_P)
    before_P = np.searchsorted([place for place, _ in sites], number_P + 0.5)
    log_PP = -np.log1p(distance_PP) - INSULATION * np.abs(before_P[:, None] - before_P)
    for first, (left, strand) in enumerate(sites):
        for second in range(first + 1, len(sites)):
            right, other = sites[second]
            if right - left > REACH:
                break
            if (strand, other) == ('+', '-'):
                rows_P = np.exp(-((number_P - int(left)) ** 2) / 2)
                columns_P = np.exp(-((number_P - int(right)) ** 2) / 2)
                loop_PP = LOOP * 0.5 ** (second - first - 1) * rows_P[:, None] * columns_P
                log_PP += np.maximum(loop_PP, loop_PP.T)
    return DEPTH * 2 * np.exp(log_PP)
