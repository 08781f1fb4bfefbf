"""How well an annotation fits its sequence.

Introns read GT..AG, and CDS begin at a start codon. An annotation that is off by one agrees only
when it is moved.
"""

import collections
from collections.abc import Iterable

import numpy as np

from genojax import dna, genome
from genojax.data.formats import annotation

_A, _C, _G, _T = range(4)  # base codes
_START_CODONS = ('ATG', 'GTG', 'TTG', 'CTG', 'ATA', 'ATC', 'ATT')
_IS_START = np.zeros((5, 5, 5), bool)  # by the base codes of a codon
for _codon in _START_CODONS:
    _IS_START[tuple(dna.encode(_codon))] = True


def splice_agreement(
    codes: np.ndarray, intervals: Iterable[genome.Interval], shift: int = 0
) -> tuple[int, int]:
    """How many introns read GT..AG or GC..AG on their strand, and how many were compared.

    Args:
        codes: base codes of the contig.
        intervals: its introns.
        shift: bases by which they are moved first; an annotation that is off by one agrees only
            when shifted.
    """
    return splice_agreements(codes, intervals, (shift,))[0]


def splice_agreements(
    codes: np.ndarray, intervals: Iterable[genome.Interval], shifts: Iterable[int]
) -> list[tuple[int, int]]:
    """`splice_agreement` for several shifts."""
    places = _places([place for place in intervals if place.strand != '.' and len(place) >= 4])
    results = []
    for shift in shifts:
        first, last = _ends(places, shift, len(codes))
        bases = [_bases(codes, *end) for end in ((first, 0), (first, 1), (last, -1), (last, 0))]
        g, t_or_c, a, last_g = bases
        agree = (g == _G) & ((t_or_c == _T) | (t_or_c == _C)) & (a == _A) & (last_g == _G)
        results.append((int(agree.sum()), len(agree)))
    return results


def start_codon_agreement(
    codes: np.ndarray, features: Iterable[annotation.Feature], shift: int = 0
) -> tuple[int, int]:
    """How many CDS of one row begin with a start codon of any genetic code, and of how many.

    One codon in nine does so by chance. It shows an annotation that is off by one where there are
    no introns.

    Args:
        codes: base codes of the contig.
        features: its features.
        shift: bases by which they are moved first.
    """
    return start_codon_agreements(codes, features, (shift,))[0]


def start_codon_agreements(
    codes: np.ndarray, features: Iterable[annotation.Feature], shifts: Iterable[int]
) -> list[tuple[int, int]]:
    """`start_codon_agreement` for several shifts."""
    rows = [row for row in features if row.kind == 'CDS' and row.interval.strand != '.']
    number = collections.Counter((row.id, row.parents) for row in rows)
    rows = [row for row in rows if len(row.interval) % 3 == 0 and number[row.id, row.parents] == 1]
    places = _places([row.interval for row in rows])
    results = []
    for shift in shifts:
        first, _ = _ends(places, shift, len(codes))
        a, b, c = (_bases(codes, first, step).astype(np.intp) for step in range(3))
        results.append((int(_IS_START[a, b, c].sum()), len(a)))
    return results


def _places(intervals: list[genome.Interval]) -> np.ndarray:
    """Start, end, and -1 for the reverse strand or 1, of intervals N: int64 [3, N]."""
    rows = [(place.start, place.end, -1 if place.strand == '-' else 1) for place in intervals]
    return np.array(rows, np.int64).reshape(-1, 3).T


def _ends(places: np.ndarray, shift: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last base on their strand of the moved places that are inside the contig.

    Returns:
        Two int64 [2, N]: a position, and the direction in which the strand is read.
    """
    start, end, direction = places
    start, end = start + shift, end + shift
    inside = (start >= 0) & (end <= length)
    start, end, direction = start[inside], end[inside], direction[inside]
    first = np.where(direction > 0, start, end - 1)
    last = np.where(direction > 0, end - 1, start)
    return np.stack([first, direction]), np.stack([last, direction])


def _bases(codes: np.ndarray, end: np.ndarray, step: int) -> np.ndarray:
    """Base codes on their strand, `step` bases downstream of ends [2, N]: uint8 [N]."""
    position, direction = end
    bases = codes[position + step * direction]
    return np.where(direction > 0, bases, dna.complement(bases))
