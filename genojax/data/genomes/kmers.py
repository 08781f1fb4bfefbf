"""k-mers as 64-bit numbers, the same for both strands: what tells whether two sequences share a stretch."""

import numpy as np

from genojax import dna

NONE = np.uint64(2**64 - 1)  # a k-mer with an unknown base
MAX_K = 31  # two bits a base, and NONE stays free


def pack(codes: np.ndarray, k: int) -> np.ndarray:
    """The k-mer that starts at each base of [L] codes as a number, uint64 [L - k + 1]; NONE with an unknown base."""
    if not 1 <= k <= MAX_K:
        raise ValueError(f'{k=} is not in 1..{MAX_K}')
    count = len(codes) - k + 1
    if count <= 0:
        return np.zeros(0, np.uint64)
    piece, width = (
        (codes & 3).astype(np.uint64),
        1,
    )  # k-mers of a power of two, doubled until k is made of them
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
        seen = np.concatenate([[0], np.cumsum(unknown)])
        packed[seen[k:] != seen[:count]] = NONE
    return packed


def canonical(codes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The smaller of each k-mer and its reverse complement, uint64 [L - k + 1], and whether that is the latter."""
    forward = pack(codes, k)
    backward = pack(dna.reverse_complement(codes), k)[::-1]
    flipped = backward < forward
    return np.where(flipped, backward, forward), flipped


class Members:
    """A set of packed k-mers that answers `find` for arrays; a table of bits first, since most answers are no."""

    _BITS = 25

    def __init__(self, values: np.ndarray):
        self.values = np.unique(values)
        if self.values.size and self.values[-1] == NONE:
            self.values = self.values[:-1]
        self._maybe = np.zeros(2**self._BITS, bool)
        self._maybe[self._slot(self.values)] = True

    def __len__(self) -> int:
        return len(self.values)

    def find(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of `values` are members, as positions in it, and the number of each among the sorted members."""
        where = np.flatnonzero(self._maybe[self._slot(values)])
        number = np.searchsorted(self.values, values[where])
        number[number == len(self.values)] = 0
        same = self.values[number] == values[where] if len(self.values) else np.zeros(0, bool)
        return where[same], number[same]

    def _slot(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(over='ignore'):
            return (values * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - self._BITS)


def connected(size: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The group of each of `size` items when a[i] and b[i] belong together, int64: the smallest item in the group."""
    group = np.arange(size)
    while True:
        low = np.minimum(group[a], group[b])
        np.minimum.at(group, group[a], low)
        np.minimum.at(group, group[b], low)
        while not np.array_equal(group, group[group]):
            group = group[group]
        if np.array_equal(group[a], group[b]):
            return group
