"""k-mers as 64-bit numbers, the same on both strands, which tell whether sequences share bases."""

import numpy as np

from genojax import dna

NONE = np.uint64(2**64 - 1)  # a k-mer with an unknown base
MAX_K = 31  # two bits per base, and NONE stays free
_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio (Knuth, TAOCP vol. 3, 6.4)

_PAIRS, _NIBBLES = np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)


def pack(codes: np.ndarray, k: int) -> np.ndarray:
    """The k-mer that starts at each base as a number, first base most significant.

    Args:
        codes: base codes [L].

    Returns:
        uint64 [L - k + 1], NONE where a base is unknown; length 0 if L < k.
    """
    if not 1 <= k <= MAX_K:
        raise ValueError(f'{k=} is not in 1..{MAX_K}')
    count = len(codes) - k + 1
    if count <= 0:
        return np.zeros(0, np.uint64)
    # `piece` holds k-mers of a power of two (`width`), doubled until they add up to k in `packed`.
    piece, width = (codes & 3).astype(np.uint64), 1
    packed, done = np.zeros(len(codes), np.uint64), 0
    while done < k:
        if k & width:  # the bases already packed go in front of this piece
            packed = packed[: len(piece) - done] << np.uint64(2 * width) | piece[done:]
            done += width
        if done < k:
            piece = piece[:-width] << np.uint64(2 * width) | piece[width:]
            width *= 2
    packed = packed[:count]
    unknown = codes == dna.UNKNOWN
    if unknown.any():
        before = np.concatenate([[0], np.cumsum(unknown)])
        packed[before[k:] != before[:count]] = NONE
    return packed


def canonical(codes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The smaller of each k-mer and its reverse complement.

    Returns:
        uint64 [L - k + 1]; where that is the reverse complement, bool [L - k + 1].
    """
    forward = pack(codes, k)
    backward = reverse_complement(forward, k)
    flipped = (backward < forward) & (forward != NONE)
    return np.where(flipped, backward, forward), flipped


def reverse_complement(values: np.ndarray, k: int) -> np.ndarray:
    """The packed k-mers on the other strand, uint64; of NONE any number."""
    # Bases are swapped in pairs, pairs in bytes, then bytes.
    values = (values >> np.uint64(2) & _PAIRS) | (values & _PAIRS) << np.uint64(2)
    values = (values >> np.uint64(4) & _NIBBLES) | (values & _NIBBLES) << np.uint64(4)
    return ~values.byteswap() >> np.uint64(64 - 2 * k)


def scramble(values: np.ndarray) -> np.ndarray:
    """A hash of packed k-mers whose high bits depend on all bases, uint64."""
    with np.errstate(over='ignore'):
        return values * _HASH_FACTOR


def unique(values: np.ndarray) -> np.ndarray:
    """Each number once, in order: `np.unique`, several times as fast for integers."""
    values = np.sort(values)
    return values[np.append(True, values[1:] != values[:-1])] if len(values) else values


class KmerSet:
    """A set of packed k-mers that is searched for many at once.

    A table of bits answers first, because most k-mers that are looked for are not in the set. Two
    bits are set per member (Bloom 1970); the second one is read only where the first one is set.
    """

    _MAX_BITS = 30  # the table has 2**bits, 32 to 64 per member
    _FACTORS = (_HASH_FACTOR, np.uint64(0xD6E8FEB86659FD93))

    def __init__(self, values: np.ndarray):
        self.values = unique(values)
        if self.values.size and self.values[-1] == NONE:
            self.values = self.values[:-1]
        self._bits = int(np.clip((32 * len(self.values)).bit_length(), 10, self._MAX_BITS))
        self._table = np.zeros(2 ** (self._bits - 3), np.uint8)
        for factor in self._FACTORS:
            byte, bit = self._place(self.values, factor)
            np.bitwise_or.at(self._table, byte, np.uint8(1) << bit)

    def __len__(self) -> int:
        return len(self.values)

    def find(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions in `values` of the members, and the number of each in the sorted set."""
        index = self.candidates(values)
        number = np.searchsorted(self.values, values[index])
        number[number == len(self.values)] = 0
        same = self.values[number] == values[index] if len(self.values) else np.zeros(0, bool)
        return index[same], number[same]

    def candidates(self, values: np.ndarray) -> np.ndarray:
        """Positions in `values` of the members and of few others, fast."""
        first, second = self._FACTORS
        index = np.flatnonzero(self._is_set(values, first))
        return index[self._is_set(values[index], second)]

    def _is_set(self, values: np.ndarray, factor: np.uint64) -> np.ndarray:
        """Whether the bit of each k-mer is set, bool [n]."""
        byte, bit = self._place(values, factor)
        return ((self._table[byte] >> bit) & np.uint8(1)).view(bool)

    def _place(self, values: np.ndarray, factor: np.uint64) -> tuple[np.ndarray, np.ndarray]:
        """Byte and bit of the table for each k-mer."""
        with np.errstate(over='ignore'):
            slot = values * factor >> np.uint64(64 - self._bits)
        return (slot >> np.uint64(3)).view(np.int64), (slot & np.uint64(7)).astype(np.uint8)


def connected_components(size: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The component of each of `size` nodes with edges a[i] - b[i], int64: its smallest node."""
    group = np.arange(size)
    while True:
        low = np.minimum(group[a], group[b])
        np.minimum.at(group, group[a], low)
        np.minimum.at(group, group[b], low)
        while not np.array_equal(group, group[group]):
            group = group[group]
        if np.array_equal(group[a], group[b]):
            return group
