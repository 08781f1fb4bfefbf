"""All bases of a corpus in memory, two bits each, compared 32 at a time at any two places.

A genome of 3 Gb takes 0.8 GB. Unknown bases are random ones here, so that they match nothing.
"""

import numpy as np

from genojax.data import counter_random
from genojax.data.genomes import interval_sets, kmers

WORD = 32  # bases per 64-bit number, the first one in its lowest bits
LOW_BITS = np.uint64(0x5555555555555555)  # one bit per base
_PAD = 64  # words before the first base and after the last one
_PIECE = 2**18  # bases packed at a time; multiples of this fit into a processor's cache
_KNOWN = 4  # stored bases below this are known and not soft-masked


class PackedBases:
    """The bases of an axis.

    Attributes:
        unmasked: number of bases that are known and not soft-masked.
    """

    def __init__(self, axis: interval_sets.Axis):
        total = int((axis.lengths + 1).sum())
        self._words = np.zeros(total // WORD + 2 * _PAD, np.uint64)
        self.unmasked = 0
        for contig in range(len(axis.lengths)):
            member = axis.corpus[axis.names[axis.species[contig]]]
            for first, stored in member.pieces(int(axis.local[contig]), _PIECE):
                self.unmasked += int(np.count_nonzero(stored < _KNOWN))
                self._write(int(axis.starts[contig]) + first, stored)

    def _write(self, start: int, stored: np.ndarray) -> None:
        """Packs bases in place; those of neighbouring pieces may share a byte."""
        before = start % 4
        codes = np.zeros(-(-(before + len(stored)) // 4) * 4, np.uint8)
        np.bitwise_and(stored, 3, out=codes[before : before + len(stored)])
        unknown = np.flatnonzero(stored & 4)
        if len(unknown):
            codes[before + unknown] = counter_random.random_bits(start + unknown) & np.uint64(3)
        four = codes.view('<u4')
        packed = (four | four >> 6 | four >> 12 | four >> 18).astype(np.uint8)
        first = _PAD * 8 + start // 4
        self._words.view(np.uint8)[first : first + len(packed)] |= packed

    def words(self, position: np.ndarray) -> np.ndarray:
        """The 32 bases from each position of the axis on, uint64; any bases outside it."""
        at = np.clip((position >> 5) + _PAD, 0, len(self._words) - 2)
        shift = ((position & 31) << 1).astype(np.uint64)
        high = (self._words[at + 1] << np.uint64(1)) << (np.uint64(63) - shift)
        return self._words[at] >> shift | high

    def equal(self, x: np.ndarray, diagonal: np.ndarray, same: np.ndarray) -> np.ndarray:
        """How many of the 32 bases from x on equal those on a diagonal, int64 [n].

        Args:
            diagonal: y - x of partners on the same strand, y + x on the other strand.
            same: whether they are on the same strand.
        """
        y = np.where(same, x + diagonal, diagonal - x - (WORD - 1))
        there = self.words(y)
        there = np.where(same, there, kmers.reverse_complement(there, WORD))
        return WORD - differences(self.words(x) ^ there)


def differences(changed: np.ndarray) -> np.ndarray:
    """How many bases of each number, two bits each, are not 0, int64 [n]."""
    return np.bitwise_count((changed | changed >> np.uint64(1)) & LOW_BITS).astype(np.int64)
