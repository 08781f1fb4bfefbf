"""Windows of genes with their introns, and the GT..AG pairs that look like introns but are not."""

import collections
import dataclasses
from collections.abc import Mapping

import numpy as np

from genojax import dna, errors, genome
from genojax.data.formats import annotation
from genojax.data.store import regions

_G, _T, _A = dna.ALPHABET.index('G'), dna.ALPHABET.index('T'), dna.ALPHABET.index('A')


@dataclasses.dataclass(frozen=True, eq=False)
class GeneWindow:
    """A gene, or a part of one that a model can read.

    Attributes:
        gene: its name and place; windows of one gene share it.
        interval: of the window, on the gene's strand.
        codes_L: base codes, 5' to 3'.
        introns_N2: first base of the donor's GT and of the acceptor's AG, counted in the window:
            the positives.
        excluded: other annotated introns inside the window, as (donor, acceptor): neither positives
            nor decoys.
    """

    gene: str
    interval: genome.Interval
    codes_L: np.ndarray
    introns_N2: np.ndarray
    excluded: frozenset[tuple[int, int]] = frozenset()


def windows(
    contigs: Mapping[str, np.ndarray],
    source: annotation.Annotation,
    length: int,
    seed: int = 0,
) -> tuple[list[GeneWindow], dict[str, int]]:
    """Windows of all genes that have introns.

    A gene of at most `length` bases is one window, and all of its introns are positives. A longer
    gene has one window per intron that fits, at a random place around it and inside the gene, and
    this intron is its only positive.

    Args:
        contigs: base codes by name.
        source: with gene rows, and introns or exons of transcripts.
        length: bases that the model reads.
        seed: of the places.

    Returns:
        The windows in the order of the contigs, and counts of what was left out, by reason.

    Raises:
        InputError: BD09: the annotation has no gene on these contigs.
    """
    result: list[GeneWindow] = []
    left_out: dict[str, int] = collections.Counter()
    rng = np.random.default_rng(seed)
    genes = 0
    for contig, codes in contigs.items():
        features = source.on(contig)
        introns = regions.introns(features, contig)
        rows = [row for row in features if row.kind in annotation.GENE_ROWS]
        genes += len(rows)
        for row in rows:
            if row.interval.end > len(codes):
                left_out['genes beyond the end of their contig'] += 1
                continue
            result += _of_gene(row, introns, codes, length, rng, left_out)
    elsewhere = sum(
        row.kind in annotation.GENE_ROWS
        for contig in source.contigs
        if contig not in contigs
        for row in source.on(contig)
    )
    if elsewhere:
        left_out['genes on contigs that the FASTA file does not have'] = elsewhere
    if not genes:
        raise errors.InputError(
            'BD09',
            f'no gene rows on the contigs of the FASTA file ({", ".join(list(contigs)[:3])}, ...)',
            path=source.path,
            fix='use the annotation of this assembly, with rows of kind gene',
        )
    return result, dict(left_out)


def _of_gene(row, introns, codes, length: int, rng, left_out) -> list[GeneWindow]:
    gene = row.interval
    inside = [
        intron
        for intron in introns
        if intron.strand == gene.strand and gene.start < intron.start and intron.end < gene.end
    ]
    chosen = []
    for intron in inside:
        if not _is_canonical(codes, intron):
            left_out['introns that are not GT..AG'] += 1
        elif len(intron) + 4 > length:
            left_out['introns longer than a window'] += 1
        else:
            chosen.append(intron)
    if not chosen:
        return []
    name = row.gene or row.id or f'{gene.contig}:{gene.start}-{gene.end}'
    if len(gene) <= length:
        return [_window(name, gene, codes, chosen, inside)]
    result = []
    for intron in chosen:
        low = max(gene.start, intron.end + 2 - length)
        high = min(gene.end - length, intron.start - 2)
        start = int(rng.integers(low, high + 1)) if high >= low else max(low, 0)
        interval = dataclasses.replace(gene, start=start, end=min(start + length, gene.end))
        result.append(_window(name, interval, codes, [intron], inside))
    return result


def _window(name, interval, codes, positives, introns) -> GeneWindow:
    codes_L = codes[interval.start : interval.end]
    if interval.strand == '-':
        codes_L = dna.reverse_complement(codes_L)
    places = [_places(intron, interval) for intron in positives]
    others = {
        _places(intron, interval)
        for intron in introns
        if interval.start <= intron.start and intron.end <= interval.end
    }
    return GeneWindow(
        name,
        interval,
        np.ascontiguousarray(codes_L),
        np.array(sorted(set(places)), np.int64).reshape(-1, 2),
        frozenset(others - set(places)),
    )


def _places(intron: genome.Interval, window: genome.Interval) -> tuple[int, int]:
    """First base of GT and of AG, counted from the window's 5' end."""
    if window.strand == '-':
        return window.end - intron.end, window.end - intron.start - 2
    return intron.start - window.start, intron.end - window.start - 2


def _is_canonical(codes: np.ndarray, intron: genome.Interval) -> bool:
    codes_L = codes[intron.start : intron.end]
    if intron.strand == '-':
        codes_L = dna.reverse_complement(codes_L)
    ends = codes_L[[0, 1, -2, -1]].tolist() if len(codes_L) >= 4 else []
    return ends == [_G, _T, _A, _G]


@dataclasses.dataclass(frozen=True, eq=False)
class SplicePairs:
    """All GT..AG pairs of a window that could be introns.

    Attributes:
        donor_N, acceptor_N: first base of GT and of AG.
        label_N: whether the pair is one of the window's introns.
    """

    donor_N: np.ndarray
    acceptor_N: np.ndarray
    label_N: np.ndarray

    @property
    def length_N(self) -> np.ndarray:
        """Bases of each pair's intron."""
        return self.acceptor_N + 2 - self.donor_N


def pairs(window: GeneWindow, shortest: int = 30) -> SplicePairs:
    """Every GT with every AG behind it.

    Args:
        shortest: bases of the shortest decoy; introns count whatever their length.
    """
    codes_L = window.codes_L
    donors = np.flatnonzero((codes_L[:-1] == _G) & (codes_L[1:] == _T))
    acceptors = np.flatnonzero((codes_L[:-1] == _A) & (codes_L[1:] == _G))
    donor_N, acceptor_N = (x.ravel() for x in np.meshgrid(donors, acceptors, indexing='ij'))
    size = len(codes_L)
    key_N = donor_N * size + acceptor_N
    true = window.introns_N2[:, 0] * size + window.introns_N2[:, 1]
    excluded = [donor * size + acceptor for donor, acceptor in window.excluded]
    label_N = np.isin(key_N, true)
    chosen = label_N | (acceptor_N + 2 - donor_N >= shortest) & ~np.isin(key_N, excluded)
    return SplicePairs(donor_N[chosen], acceptor_N[chosen], label_N[chosen])
