"""Introns of the whole worm, seen in RNA, as a genome of its own for training windows.

A record is an intron with 50 bases of the exon on either side. Records are joined to contigs, and
windows are cut from these as from the worm's own, so no window tells its label by its length. Every
second record begins behind its donor, on average: its AG ends no whole intron, wherever in a window
it lies. Most introns are short and alike in length, so without such records an AG far enough from
the window's start would be right without a look at its donor.
"""

import gzip
import pathlib
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from genojax import dna

SHARED = 24  # bases in a row, on either strand, that a record must not share with tested contigs
PER_CONTIG = 50  # records
CUT = 0.5  # share of the records that begin behind their donor
SITES = 8, 20  # bases of an intron that the sites of donor and acceptor take


class Record(NamedTuple):
    """Bases of an intron and of the exons beside it, and its gene's id in the annotation."""

    left: str
    intron: str
    right: str
    gene: str


def read(path: pathlib.Path) -> list[Record]:
    """Records of a table: exon, intron, exon, reads, gene."""
    with gzip.open(path, 'rt') as file:
        rows = [line.split() for line in file]
    return [Record(left, intron, right, gene) for left, intron, right, _, gene in rows]


def elsewhere(
    records: Sequence[Record], genes: Collection[str], contigs: Iterable[np.ndarray]
) -> tuple[list[Record], dict[str, int]]:
    """Records of other genes that share no `SHARED` bases with contigs, and counts of all."""
    words: set[str] = set()
    for codes in contigs:
        for strand in (codes, dna.reverse_complement(codes)):
            words.update(_words(dna.decode(strand)))
    others = [record for record in records if record.gene not in genes]
    chosen = [record for record in others if words.isdisjoint(_words(''.join(record[:3])))]
    counts = {
        'records': len(chosen),
        'records of tested genes': len(records) - len(others),
        'other records with tested bases': len(others) - len(chosen),
    }
    return chosen, counts


def _words(text: str) -> Iterable[str]:
    return (text[first : first + SHARED] for first in range(len(text) - SHARED + 1))


def write(records: Sequence[Record], stem: pathlib.Path, seed: int) -> tuple[str, str]:
    """Writes joined records as STEM.fa, and their whole introns as STEM.gff3; returns the paths."""
    rng = np.random.default_rng(seed)
    paths = f'{stem}.fa', f'{stem}.gff3'
    with open(paths[0], 'w') as bases, open(paths[1], 'w') as rows:
        for first in range(0, len(records), PER_CONTIG):
            text, introns = _join(records[first : first + PER_CONTIG], rng)
            name = f'records{first}'
            bases.write(f'>{name}\n{text}\n')
            rows.write(f'{name}\t.\tgene\t1\t{len(text)}\t.\t+\t.\tID={name}\n')
            for start, end in introns:
                rows.write(f'{name}\t.\tintron\t{start + 1}\t{end}\t.\t+\t.\tParent={name}\n')
    return paths


def _join(records: Sequence[Record], rng: np.random.Generator) -> tuple[str, list]:
    """Records one behind the other, and the places of the whole introns."""
    text, introns = '', []
    for left, intron, right, _ in records:
        if rng.random() < CUT:
            text += intron[rng.integers(SITES[0], len(intron) - SITES[1] + 1) :] + right
        else:
            start = len(text) + len(left)
            introns.append((start, start + len(intron)))
            text += left + intron + right
    return text, introns
