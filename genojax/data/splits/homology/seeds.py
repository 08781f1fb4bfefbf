"""Spaced seeds of genomes: a sample that is the same wherever a sequence occurs, on both strands.

A seed is a k-mer of which only some bases count (Ma, Tromp & Li 2002, PatternHunter): seeds at
neighbouring positions then fail at different substitutions, so that a diverged homologue has one
more often than it has a k-mer of as many bases. Patterns are symmetric, so that a seed and its
reverse complement are one. The sample is by hash (FracMinHash; Hera, Pierce-Ward & Koslicki 2023):
both copies of a seed are in it or neither.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from genojax import dna
from genojax.data import counter_random
from genojax.data.genomes import interval_sets, kmers
from genojax.data.splits.homology import buckets, packed_bases

_PIECE = 2**16  # bases indexed at a time: their numbers fit into a processor's cache
_FLUSHED = 2**20  # seeds collected before they are divided into buckets
BUCKETS = 64  # of seeds, by the highest bits of their hashes
_BUCKET_SHIFT = np.uint64(64 - 6)
_MAX_PERIOD = 6  # bases of a unit whose repeats are low complexity
_MAX_SIMPLE = 0.8  # share of bases that equal those one unit further on


@dataclasses.dataclass(frozen=True)
class SeedPattern:
    """Which bases of a seed count: '1' those that do, '0' those that do not."""

    text: str

    @property
    def span(self) -> int:
        """Bases from the first to the last."""
        return len(self.text)

    @property
    def weight(self) -> int:
        """Bases that count."""
        return self.text.count('1')

    @functools.cached_property
    def mask(self) -> np.uint64:
        """Ones where the bases of a packed k-mer of `span` bases count."""
        return np.uint64(int(''.join('11' if one == '1' else '00' for one in self.text), 2))


# Up to so many bases: a seed has a partner by chance less often than every fourth. Of random
# symmetric patterns these find the most copies of 1 kb at 20 % divergence with one seed in 16.
PATTERNS = (
    (4_000_000_000, SeedPattern('101011001011111110100110101')),
    (64_000_000_000, SeedPattern('111011101011010110101110111')),
    (2**62, SeedPattern('101111011011111110110111101')),
)


def pattern_for(bases: int) -> SeedPattern:
    """The pattern for so many bases that are searched: chance pairs stay fewer than seeds."""
    return next(pattern for limit, pattern in PATTERNS if bases <= limit)


class Layout(NamedTuple):
    """How a seed is one 64-bit number: hash, position on the axis, strand, from high bits to low.

    Numbers of one hash are next to each other when they are sorted, in order of position.

    Attributes:
        bits: of a position.
    """

    bits: int

    @classmethod
    def of(cls, axis: interval_sets.Axis) -> 'Layout':
        """The layout for the positions of an axis."""
        return cls(int((axis.lengths + 1).sum()).bit_length())

    def pack(self, hashes: np.ndarray, position: np.ndarray, flipped: np.ndarray) -> np.ndarray:
        """The numbers, uint64 [n]; of each hash as many of its low bits as there is room for."""
        position = position.astype(np.uint64) << np.uint64(1)
        return hashes << np.uint64(self.bits + 1) | position | flipped.astype(np.uint64)

    def unpack(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Hash, position and strand, [n] each."""
        position = (numbers >> np.uint64(1)) & np.uint64(2**self.bits - 1)
        flipped = (numbers & np.uint64(1)).astype(bool)
        return numbers >> np.uint64(self.bits + 1), position.astype(np.int64), flipped


def collect(
    axis: interval_sets.Axis,
    pattern: SeedPattern,
    one_in: int,
    advance: Callable[[float], None],
) -> buckets.Buckets:
    """One seed in `one_in` of all unmasked sequence, as numbers of `Layout` in `BUCKETS` buckets.

    Args:
        advance: called with the number of bases that were read.
    """
    result, layout = buckets.Buckets(BUCKETS), Layout.of(axis)
    waiting, count = [], 0
    for contig in range(len(axis.lengths)):
        for first, codes in _unmasked_pieces(axis, contig, pattern.span):
            hashes, at, flipped = _sampled(codes, pattern, one_in)
            waiting.append((hashes, int(axis.starts[contig]) + first + at, flipped))
            count += len(hashes)
            if count >= _FLUSHED:
                _divide(result, layout, waiting)
                waiting, count = [], 0
        advance(float(axis.lengths[contig]))
    _divide(result, layout, waiting)
    return result


def _divide(result: buckets.Buckets, layout: Layout, waiting: list[tuple]) -> None:
    if waiting:
        hashes, position, flipped = (np.concatenate(c) for c in zip(*waiting, strict=True))
        number = (hashes >> _BUCKET_SHIFT).astype(np.uint8)
        result.add(number, layout.pack(hashes, position, flipped))


def _unmasked_pieces(
    axis: interval_sets.Axis, contig: int, span: int
) -> Iterator[tuple[int, np.ndarray]]:
    """(first base, base codes) of pieces of a contig in which soft-masked bases are unknown."""
    member = axis.corpus[axis.names[axis.species[contig]]]
    local, length = int(axis.local[contig]), int(axis.lengths[contig])
    wraps = span - 1 if axis.circular[contig] and length >= span else 0
    for first, stored in member.pieces(local, _PIECE, span - 1, (0, length + wraps)):
        if stored.min() < dna.UNKNOWN:
            yield first, np.minimum(stored, np.uint8(dna.UNKNOWN))


def _sampled(
    codes: np.ndarray, pattern: SeedPattern, one_in: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hash (uint64), first base and strand of the sampled seeds of a sequence, [n] each."""
    forward = kmers.pack(codes, pattern.span)
    backward = kmers.reverse_complement(forward, pattern.span)
    smaller = np.minimum(forward & pattern.mask, backward & pattern.mask)
    chosen = forward != kmers.NONE
    if one_in > 1:
        chosen &= kmers.scramble(smaller) < np.uint64(2**64 // one_in)
    at = np.flatnonzero(chosen)
    word = forward[at]
    flipped = (backward[at] & pattern.mask) < (word & pattern.mask)
    keep = ~_simple(word, pattern.span)
    hashes = counter_random.random_bits(smaller[at].view(np.int64))
    return hashes[keep], at[keep], flipped[keep]


def _simple(words: np.ndarray, span: int) -> np.ndarray:
    """Whether each packed sequence of `span` bases is nearly a repeat of a short unit, bool [n]."""
    simple = np.zeros(len(words), bool)
    for period in range(1, _MAX_PERIOD + 1):
        compared = span - period
        mask = np.uint64(2 ** (2 * compared) - 1)
        changed = (words ^ words >> np.uint64(2 * period)) & mask
        simple |= compared - packed_bases.differences(changed) >= _MAX_SIMPLE * compared
    return simple
