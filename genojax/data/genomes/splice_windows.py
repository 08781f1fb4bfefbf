"""Windows around splice sites and around every other GT or AG of the same genes, as a table.

A donor is the first base of an intron between two exons of a transcript, an acceptor the first of
its last two. Decoys are all other GT (AG) on the strand of a gene, anywhere in it: about a hundred
per site, as a scan of a gene meets them. A place that a file's own intron rows name (from RNA
reads, for example) without an exon-exon junction is neither a site nor a decoy.
"""

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from genojax import dna, errors
from genojax.data.formats import annotation
from genojax.data.store import regions

COLUMNS = ('sequence', 'label', 'split', 'species', 'contig', 'position', 'strand', 'gene')
SITES = {'donor': 'GT', 'acceptor': 'AG'}
_TEST, _VALIDATION = 0.2, 0.1  # of the sites, in whole contigs, where contigs are drawn
SiteKind = Literal['donor', 'acceptor']


@dataclasses.dataclass(frozen=True, slots=True)
class SpliceWindow:
    """One row of the table.

    Attributes:
        sequence: on the gene's strand; the two bases of the site are in its middle.
        is_site: whether it is one; else a decoy.
        position: first base of the site's two on the contig, 0-based, on the forward strand.
    """

    sequence: str
    is_site: bool
    species: str
    contig: str
    position: int
    strand: str
    gene: str


@dataclasses.dataclass(frozen=True, eq=False)
class CutWindows:
    """Windows of one species.

    Attributes:
        left_out: what is not in the table, by reason.
    """

    rows: list[SpliceWindow]
    left_out: dict[str, int]


def cut(
    contigs: Mapping[str, np.ndarray],
    source: annotation.Annotation,
    species: str,
    kind: SiteKind,
    flank: int = 40,
) -> CutWindows:
    """The windows of a species' genes.

    Args:
        contigs: base codes by name.
        source: with gene rows, and exons of transcripts.
        kind: 'donor' or 'acceptor'.
        flank: bases on either side of the site's two.

    Raises:
        InputError: BD09, no gene or no splice site lies on these contigs.
    """
    left_out: collections.Counter[str] = collections.Counter()
    rows: list[SpliceWindow] = []
    genes = 0
    for contig, codes in contigs.items():
        features = source.on(contig)
        of_contig = [row for row in features if row.kind in annotation.GENE_ROWS]
        genes += len(of_contig)
        sites, unclear = _sites([*features, *source.evidence.get(contig, ())], contig, kind)
        taken: set[tuple[int, str]] = set()
        for gene in of_contig:
            if gene.interval.end > len(codes) or gene.interval.strand == '.':
                left_out['genes without a strand or beyond their contig'] += 1
                continue
            for place in _pairs(codes, gene.interval, SITES[kind]):
                key = place, gene.interval.strand
                if key in taken:
                    continue
                taken.add(key)
                if key in unclear:
                    left_out['places of introns that are between no exons'] += 1
                    continue
                text = _window(codes, place, gene.interval.strand, flank)
                if text is None:
                    left_out['windows beyond the ends of a contig'] += 1
                    continue
                name = gene.gene or gene.id
                row = SpliceWindow(text, key in sites, species, contig, *key, name)
                rows.append(row)
        left_out[f'{kind}s that are not {SITES[kind]}, or in no gene'] += len(sites - taken)
    left_out['genes on contigs that the FASTA file does not have'] += sum(
        row.kind in annotation.GENE_ROWS
        for contig in source.contigs
        if contig not in contigs
        for row in source.on(contig)
    )
    if not any(row.is_site for row in rows):
        what = 'splice sites' if genes else 'gene rows'
        raise errors.InputError(
            'BD09',
            f'no {what} on the contigs of the FASTA file ({", ".join(list(contigs)[:3])}, ..)',
            path=source.path,
            fix='use the annotation of this assembly, with genes, transcripts and exons',
        )
    return CutWindows(rows, {reason: n for reason, n in left_out.items() if n})


def _sites(features, contig: str, kind: SiteKind):
    """(place, strand) of the sites of exon-exon junctions, and of the file's other introns."""
    joined = [row for row in features if row.kind.lower() != 'intron']
    between = {_place(intron, kind) for intron in regions.introns(joined, contig)}
    every = {_place(intron, kind) for intron in regions.introns(features, contig)}
    return between, every - between


def _place(intron, kind: SiteKind) -> tuple[int, str]:
    first = (intron.strand == '-') == (kind == 'acceptor')
    return (intron.start if first else intron.end - 2), intron.strand


def _pairs(codes: np.ndarray, interval, pair: str) -> list[int]:
    """First bases, on the forward strand, of two bases on the strand of an interval."""
    text = pair if interval.strand == '+' else dna.reverse_complement_text(pair)
    first, second = dna.encode(text)
    inside = codes[interval.start : interval.end]
    return (
        np.flatnonzero((inside[:-1] == first) & (inside[1:] == second)) + interval.start
    ).tolist()


def _window(codes: np.ndarray, place: int, strand: str, flank: int) -> str | None:
    start, end = place - flank, place + 2 + flank
    if start < 0 or end > len(codes):
        return None
    part = codes[start:end]
    return dna.decode(dna.reverse_complement(part) if strand == '-' else part)


def splits(
    rows: Sequence[SpliceWindow], test: Iterable[str] = (), validation: Iterable[str] = ()
) -> list[str]:
    """The split of every row: whole contigs of a species.

    Args:
        test, validation: names of contigs, or SPECIES:CONTIG; (): the last ones of each species
            that hold a fifth, and then a tenth, of its sites.

    Raises:
        UsageError: a name that is no contig, or a part that is empty.
    """
    named = {'test': set(test), 'validation': set(validation)}
    contigs = list(dict.fromkeys((row.species, row.contig) for row in rows))
    known = {name for pair in contigs for name in (pair[1], ':'.join(pair))}
    unknown = sorted(set.union(*named.values()) - known)
    if unknown:
        raise errors.UsageError(
            f'no contig {unknown[0]!r}; there are {", ".join(":".join(pair) for pair in contigs)}'
        )
    count = collections.Counter((row.species, row.contig) for row in rows if row.is_site)
    chosen: dict[tuple[str, str], str] = {}
    for species in dict.fromkeys(pair[0] for pair in contigs):
        free = [pair for pair in contigs if pair[0] == species]
        total = sum(count[pair] for pair in free)
        for split, share in (('test', _TEST), ('validation', _VALIDATION)):
            if named[split]:
                hits = [p for p in free if p[1] in named[split] or ':'.join(p) in named[split]]
                chosen |= dict.fromkeys(hits, split)
                continue
            rest, sites = [pair for pair in free if pair not in chosen], 0
            while len(rest) > 1 and sites < share * total:
                pair = rest.pop()
                chosen[pair] = split
                sites += count[pair]
    result = [chosen.get((row.species, row.contig), 'train') for row in rows]
    empty = [split for split in ('train', 'validation', 'test') if split not in result]
    if empty:
        raise errors.UsageError(
            f'no contig is left for {empty[0]}. Fix: name contigs with --test and --validation'
        )
    return result


def lines(rows: Sequence[SpliceWindow], parts: Sequence[str]) -> Iterator[str]:
    """The table, TAB-separated; `position` is 1-based there."""
    yield '\t'.join(COLUMNS)
    for row, split in zip(rows, parts, strict=True):
        place = (row.contig, str(row.position + 1), row.strand, row.gene or '.')
        yield '\t'.join((row.sequence, str(int(row.is_site)), split, row.species, *place))
