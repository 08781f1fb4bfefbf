"""Pairs of sequences that are near copies of each other, on either strand.

Two sequences are near copies if, laid side by side without gaps, at least 80 % of 50 or more
successive bases are equal (of all bases of the shorter one, if that has 30 to 49). Candidates are
pairs with an equal short k-mer, the seed. Seeds are short enough that two rows of 70 bases with at
most three substitutions always have one in common: without a substitution in some run of
ceil((70 - 3) / 4) = 17 bases. Insertions and deletions split an alignment into two.
"""

from typing import NamedTuple

import numpy as np

from genojax import dna
from genojax.data.genomes import kmers

MIN_BASES = 50  # of an alignment
MIN_SHORT = 30  # bases; shorter sequences have no near copies, only equals
MIN_IDENTITY = 0.8
MIN_K, MAX_K = 11, 17  # bases of a seed; odd, so that none is its own reverse complement
_MAX_CELLS = 4_000_000  # bases compared at a time
_MAX_NEIGHBOURS = 64  # pairs per occurrence of a seed: of a frequent one, those next in order


class Sequences:
    """Sequences joined for comparison at any offset, on both strands.

    Attributes:
        lengths, starts: of each sequence in `joined`, int64 [N].
        joined: all of them, an unknown base after each; uint8.
        row: the sequence of each base of `joined`.
    """

    def __init__(self, sequences: list[np.ndarray]):
        unknown = np.array([dna.UNKNOWN], np.uint8)
        parts = [x for codes in sequences for x in (codes, unknown)]
        self.lengths = np.array([len(codes) for codes in sequences], np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths + 1)])[:-1]
        self.joined = np.concatenate([*parts, unknown])
        self.row = np.repeat(np.arange(len(sequences) + 1), [*(self.lengths + 1), 1])

    def __len__(self) -> int:
        return len(self.lengths)

    def bases(self, row_P: np.ndarray, position_PL: np.ndarray, flip_P: np.ndarray) -> np.ndarray:
        """Bases of each row, of its reverse complement where `flip_P`; unknown outside, [P, L]."""
        length_P1 = self.lengths[row_P][:, None]
        inside_PL = (position_PL >= 0) & (position_PL < length_P1)
        position_PL = np.where(flip_P[:, None], length_P1 - 1 - position_PL, position_PL)
        position_PL = np.where(inside_PL, position_PL, length_P1)  # the unknown base after it
        codes_PL = self.joined[self.starts[row_P][:, None] + position_PL]
        return np.where(flip_P[:, None] & (codes_PL < dna.UNKNOWN), 3 - codes_PL, codes_PL)


class Diagonals(NamedTuple):
    """Candidates: base i of sequence a beside base i - offset of b, or of b's reverse complement.

    Attributes:
        a, b: numbers of the two sequences.
        offset: of b in a, negative where b begins first.
        flip: whether b is reverse-complemented.
    """

    a: np.ndarray
    b: np.ndarray
    offset: np.ndarray
    flip: np.ndarray

    def take(self, rows: np.ndarray | slice) -> 'Diagonals':
        """Some of the candidates."""
        return Diagonals(*(column[rows] for column in self))

    def unique(self) -> 'Diagonals':
        """Each candidate once."""
        if not len(self.a):
            return self
        order = np.lexsort(self)
        changes = np.zeros(len(order), bool)
        changes[0] = True
        for column in self:
            changes[1:] |= np.diff(column[order].astype(np.int64)) != 0
        return self.take(order[changes])


def seed_length(bases: int, other_bases: int) -> int:
    """A k with which chance gives at most about one seed per base, where `MAX_K` allows it."""
    k = int(np.ceil(np.log2(max(bases, other_bases, 2)) / 2)) + 1
    return int(np.clip(k | 1, MIN_K, MAX_K))


def pairs(sequences: Sequences, group_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of sequences that are near copies, two int64 arrays.

    Args:
        group_N: sequences of one group are related already and are not compared.
    """
    total = len(sequences.joined)
    k = seed_length(total, total)
    value, flipped = kmers.canonical(sequences.joined, k)
    at = np.flatnonzero(value != kmers.NONE)
    at = at[np.argsort(value[at], kind='stable')]
    value, flipped, row = value[at], flipped[at], sequences.row[at]
    a, b = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    left, shifts = np.arange(len(at)), 1
    while len(left := left[left < len(at) - shifts]) and shifts <= _MAX_NEIGHBOURS:
        left = left[value[left] == value[left + shifts]]
        first, second = left, left + shifts
        shifts += 1
        apart = group_N[row[first]] != group_N[row[second]]
        if not apart.any():
            continue
        candidates = _diagonals(sequences, at, flipped, first[apart], second[apart], k)
        near = candidates.take(are_near_copies(sequences, sequences, candidates))
        a.append(near.a)
        b.append(near.b)
    return np.concatenate(a), np.concatenate(b)


def _diagonals(sequences, at, flipped, first, second, k) -> Diagonals:
    """The diagonals on which pairs of occurrences of a seed lie."""
    a, b = sequences.row[at[first]], sequences.row[at[second]]
    flip = flipped[first] != flipped[second]
    i = at[first] - sequences.starts[a]
    j = at[second] - sequences.starts[b]
    j = np.where(flip, sequences.lengths[b] - k - j, j)
    return Diagonals(a, b, i - j, flip).unique()


def are_near_copies(
    these: Sequences, those: Sequences, diagonals: Diagonals, *, whole: bool = False
) -> np.ndarray:
    """Which candidates are near copies, bool [P].

    Args:
        these, those: the sequences that `a` and `b` of the diagonals number.
        whole: whether every base of `b` that lies beside `a` must count, and not the best part.
    """
    low = np.maximum(diagonals.offset, 0)
    high = np.minimum(these.lengths[diagonals.a], those.lengths[diagonals.b] + diagonals.offset)
    shorter = np.minimum(these.lengths[diagonals.a], those.lengths[diagonals.b])
    need = np.minimum(MIN_BASES, shorter)
    candidates = np.flatnonzero((shorter >= MIN_SHORT) & (high - low >= need))
    near = np.zeros(len(low), bool)
    candidates = candidates[np.argsort((high - low)[candidates], kind='stable')]
    while len(candidates):
        width = max(1, int((high - low)[candidates[min(len(candidates), 4096) - 1]]))
        count = max(1, min(len(candidates), 4096, _MAX_CELLS // width))
        chunk, candidates = candidates[:count], candidates[count:]
        one = diagonals.take(chunk)
        position = low[chunk][:, None] + np.arange(int((high - low)[chunk].max()))
        a_PL = these.bases(one.a, position, np.zeros(len(chunk), bool))
        b_PL = those.bases(one.b, position - one.offset[:, None], one.flip)
        equal_PL = (a_PL == b_PL) & (a_PL < dna.UNKNOWN)
        inside_PL = position < high[chunk][:, None]
        near[chunk] = _similar(equal_PL, inside_PL, need[chunk], whole)
    return near


def _similar(equal_PL, inside_PL, need_P, whole: bool) -> np.ndarray:
    """Whether some run of `need_P` or more bases has the identity, or all bases together do.

    A base that is equal counts 1 - MIN_IDENTITY and another one -MIN_IDENTITY: a run has the
    identity if its sum is not negative.
    """
    # In units of a fifth of a base, so that sums are exact.
    unit = round(1 / (1 - MIN_IDENTITY))
    score_PL = np.where(equal_PL, 1, 1 - unit) * inside_PL
    if whole:
        return (score_PL.sum(1) >= 0) & (inside_PL.sum(1) >= need_P)
    sum_PL = np.cumsum(np.pad(score_PL, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
    lowest_PL = np.minimum.accumulate(sum_PL, axis=1)
    similar = np.zeros(len(need_P), bool)
    for need in np.unique(need_P).tolist():
        rows = np.flatnonzero(need_P == need)
        gain = sum_PL[rows, need:] - lowest_PL[rows, : sum_PL.shape[1] - need]
        # Past the end the sum stays, so that a run may only be cut short there: no gain is false.
        inside = np.pad(inside_PL[rows], ((0, 0), (1, 0)), constant_values=True)[:, need:]
        similar[rows] = (inside & (gain >= 0)).any(axis=1)
    return similar
