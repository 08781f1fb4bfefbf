"""The ancestor's chromosomes: genes and enhancers in site-strewn background, then repeats dropped in between."""

import numpy as np

from genojax.simulate import background, config, genes, motifs, repeats, stretch
from genojax.simulate import grammar as grammars
from genojax.simulate.stretch import Label

MARGIN = 1.02  # the ancestor is this much longer than asked, so that no species comes out shorter
_DECOY_ROW = 1_000  # bases of one row of background laid with decoys at a time
_MIN_GAP = 60  # bases of background between neighbours
_ENHANCED = 0.8  # share of genes that have an enhancer


def chromosomes(
    rng: np.random.Generator,
    settings: config.SimulationConfig,
    grammar: grammars.Grammar,
    library: tuple[repeats.Family, ...],
    repeat_fraction: float,
) -> dict[str, stretch.Stretch]:
    """name -> chromosome. Gene numbers run along the chromosomes.

    Args:
        repeat_fraction: the ancestor's own; its descendants gain a little more.
    """
    counts = _apportion(settings.genes, config.CONTIG_SHARES)
    result, first = {}, 0
    for number, (share, count) in enumerate(zip(config.CONTIG_SHARES, counts, strict=True), 1):
        length = int(np.ceil(settings.length * share * MARGIN))
        indices = range(first, first + count)
        result[f'chr{number}'] = _chromosome(
            rng, grammar, library, length, indices, repeat_fraction
        )
        first += count
    return result


def _apportion(total: int, shares: tuple[float, ...]) -> list[int]:
    """Whole numbers near total * share that add up to total; the largest remainders are rounded up."""
    exact = np.array(shares) * total
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind='stable')[: total - counts.sum()]] += 1
    return counts.tolist()


def _chromosome(rng, grammar, library, length, indices, repeat_fraction) -> stretch.Stretch:
    repeat_bases = round(length * repeat_fraction)
    elements = _elements(rng, grammar, indices)
    free = length - repeat_bases - sum(map(len, elements))
    gaps = len(elements) + 1
    if free < gaps * _MIN_GAP:
        raise ValueError(
            f'{length} bases are too few for {len(indices)} genes and {repeat_bases} bases of repeats;'
            ' ask for fewer genes or a longer genome'
        )
    pool = _background(rng, grammar, free)
    sizes = _MIN_GAP + rng.multinomial(free - gaps * _MIN_GAP, rng.dirichlet(np.full(gaps, 2.0)))
    parts, done = [], 0
    for size, element in zip(sizes.tolist(), [*elements, None], strict=True):
        parts.append(stretch.plain(pool[done : done + size]))
        done += size
        if element is not None:
            parts.append(element)
    return scatter(rng, stretch.join(parts), repeats.copies(rng, library, repeat_bases))


def _elements(rng, grammar, indices) -> list[stretch.Stretch]:
    """Genes on either strand in order, with enhancers among them up to two genes away from the one they act on."""
    placed = [(float(index), genes.gene(rng, grammar, index)) for index in indices]
    for index in indices:
        if rng.random() < _ENHANCED:
            away = float(rng.choice((-1.5, -0.5, 0.5, 1.5), p=(0.2, 0.3, 0.3, 0.2)))
            placed.append((index + away + rng.uniform(-0.1, 0.1), genes.enhancer(rng, index)))
    placed.sort(key=lambda item: item[0])
    return [stretch.flip(element) if rng.random() < 0.5 else element for _, element in placed]


def _background(rng, grammar, length: int) -> np.ndarray:
    codes = background.GENOME.sample(rng, length)
    rows = grammars.strew(grammar, rng, -(-length // _DECOY_ROW), _DECOY_ROW).reshape(-1)[:length]
    places = np.flatnonzero(rows >= 0)
    codes[places] = background.draw(rng, motifs.stacked(grammar.library)[rows[places]])
    return codes


def scatter(
    rng: np.random.Generator,
    where: stretch.Stretch,
    what: tuple[list[np.ndarray], list[str], list[str]],
) -> stretch.Stretch:
    """Insert repeat copies at random places between the rigid elements, each as a feature."""
    codes, names, strands = what
    if not codes:
        return where
    places = stretch.open_sites(where)
    if len(places) < len(codes):
        raise ValueError(f'{len(places)} places for {len(codes)} repeats: the genes leave no room')
    at = np.sort(rng.choice(places, len(codes), replace=False))
    labels = [
        Label('repeat_region', strand, -1, name)
        for name, strand in zip(names, strands, strict=True)
    ]
    return stretch.edit(
        where,
        at=at,
        inserted=np.concatenate(codes),
        lengths=np.array([len(copy) for copy in codes]),
        inserted_labels=labels,
    )
