"""The ancestor's chromosomes: genes and enhancers in background with decoy sites, then repeats."""

import numpy as np

from genojax.simulate import background, genes, motifs, repeats, segments
from genojax.simulate import grammar as grammars

CONTIG_FRACTIONS = (0.35, 0.30, 0.22, 0.13)  # of the genome's length, chromosomes 1 to 4
LENGTH_MARGIN = 1.02  # of the ancestor, so that deletions leave no species shorter than required
_DECOY_ROW = 1_000  # bases of background per row in which decoys are placed
_MIN_GAP = 60  # bases of background between adjacent elements
_DOMAIN = 6_000  # bases of a genome per insulator
_ENHANCED_FRACTION = 0.8  # of the genes that have an enhancer


def chromosomes(
    rng: np.random.Generator,
    grammar: grammars.Grammar,
    library: tuple[repeats.RepeatFamily, ...],
    *,
    length: int,
    num_genes: int,
    repeat_fraction: float,
    insulators: np.random.Generator | None = None,
) -> dict[str, segments.Segment]:
    """Chromosomes by name. Genes are numbered along the chromosomes.

    Args:
        grammar: of the promoters.
        library: the repeat families.
        length: bases of the genome, without the margin.
        num_genes: of the genome.
        repeat_fraction: of the ancestor; its descendants gain more repeats.
        insulators: random numbers of insulators between the genes; None for none.

    Raises:
        ValueError: the genes and repeats do not fit into the length.
    """
    counts = _apportion(num_genes, CONTIG_FRACTIONS)
    result, first = {}, 0
    for number, (fraction, count) in enumerate(zip(CONTIG_FRACTIONS, counts, strict=True), 1):
        size = int(np.ceil(length * fraction * LENGTH_MARGIN))
        placed = _elements(rng, grammar, range(first, first + count))
        if insulators is not None:
            placed += _insulators(insulators, range(first, first + count), size)
        elements = _on_either_strand(rng, placed)
        repeat_bases = round(size * repeat_fraction)
        chromosome = _in_background(rng, grammar, elements, size - repeat_bases)
        copies = repeats.copies(rng, library, repeat_bases)
        result[f'chr{number}'] = insert_repeats(rng, chromosome, copies)
        first += count
    return result


def _apportion(total: int, fractions: tuple[float, ...]) -> list[int]:
    """total * fraction as integers of sum `total`; the largest remainders are rounded up."""
    exact = np.array(fractions) * total
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind='stable')[: total - counts.sum()]] += 1
    return counts.tolist()


def _in_background(rng, grammar, elements: list[segments.Segment], length: int) -> segments.Segment:
    """The elements in order, with background around them, `length` bases in total."""
    free = length - sum(map(len, elements))
    gaps = len(elements) + 1
    if free < gaps * _MIN_GAP:
        raise ValueError(
            f'{length} bases besides repeats are too few for {len(elements)} genes and enhancers; '
            'use fewer genes or a longer genome'
        )
    codes = _background(rng, grammar, free)
    sizes = _MIN_GAP + rng.multinomial(free - gaps * _MIN_GAP, rng.dirichlet(np.full(gaps, 2.0)))
    parts, done = [], 0
    for size, element in zip(sizes.tolist(), [*elements, None], strict=True):
        parts.append(segments.plain(codes[done : done + size]))
        done += size
        if element is not None:
            parts.append(element)
    return segments.join(parts)


def _elements(rng, grammar, indices: range) -> list[tuple[float, segments.Segment]]:
    """Genes in order, and enhancers up to two genes from their target, each with its rank."""
    placed = [(float(index), genes.gene(rng, grammar, index)) for index in indices]
    for index in indices:
        if rng.random() < _ENHANCED_FRACTION:
            offset = float(rng.choice((-1.5, -0.5, 0.5, 1.5), p=(0.2, 0.3, 0.3, 0.2)))
            rank = index + offset + rng.uniform(-0.1, 0.1)
            placed.append((rank, genes.enhancer(rng, index)))
    return placed


def _insulators(
    rng: np.random.Generator, indices: range, length: int
) -> list[tuple[float, segments.Segment]]:
    """Insulators anywhere between the genes, one per `_DOMAIN` bases, each with its rank."""
    return [
        (float(rng.uniform(indices[0] - 0.9, indices[-1] + 0.9)), genes.insulator(rng))
        for _ in range(max(2, length // _DOMAIN))
    ]


def _on_either_strand(rng, placed: list[tuple[float, segments.Segment]]) -> list[segments.Segment]:
    """The elements by rank, half of them reversed."""
    placed.sort(key=lambda item: item[0])
    return [
        segments.reverse_complement(element) if rng.random() < 0.5 else element
        for _, element in placed
    ]


def _background(rng, grammar, length: int) -> np.ndarray:
    """Background with decoy sites, base codes [length]."""
    codes = background.GENOME.sample(rng, length)
    count = -(-length // _DECOY_ROW)
    rows = grammars.sample_decoys(grammar, rng, count, _DECOY_ROW).reshape(-1)[:length]
    decoys = np.flatnonzero(rows >= 0)
    codes[decoys] = background.sample_bases(rng, motifs.stacked(grammar.library)[rows[decoys]])
    return codes


def insert_repeats(
    rng: np.random.Generator,
    segment: segments.Segment,
    copies: tuple[list[np.ndarray], list[str], list[str]],
) -> segments.Segment:
    """The segment with repeat copies at random positions outside rigid elements, as features.

    Args:
        copies: see `repeats.copies`.

    Raises:
        ValueError: there are fewer positions than copies.
    """
    codes, names, strands = copies
    if not codes:
        return segment
    sites = segments.insertion_sites(segment)
    if len(sites) < len(codes):
        raise ValueError(
            f'{len(codes)} repeats do not fit into {len(sites)} positions between the genes'
        )
    at = np.sort(rng.choice(sites, len(codes), replace=False))
    labels = [
        segments.FeatureLabel('repeat_region', strand, -1, name)
        for name, strand in zip(names, strands, strict=True)
    ]
    return segments.edit(
        segment,
        at=at,
        inserted=np.concatenate(codes),
        lengths=np.array([len(copy) for copy in codes]),
        inserted_labels=labels,
    )
