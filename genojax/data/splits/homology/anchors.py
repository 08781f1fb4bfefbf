"""Anchors: k-mers or spaced seeds with their places, and the pairs of places that share one.

Repeats are no evidence of descent at a position, so a k-mer with many copies is no anchor.
"""

from typing import NamedTuple

import numpy as np

from genojax.data import counter_random
from genojax.data.genomes import interval_sets

MAX_COPIES = 4  # of a k-mer in one species; more make it a repeat
MAX_OCCURRENCES = 64  # of a k-mer in all species together: pairs grow with the square
FEW_SPECIES = 8  # k-mers of more species are sampled where there are too many pairs


class Anchors(NamedTuple):
    """Canonical k-mers, where they start on the axis, and whether they are on the other strand."""

    value: np.ndarray  # uint64
    position: np.ndarray  # int64
    flipped: np.ndarray  # bool

    def take(self, rows: np.ndarray) -> 'Anchors':
        """Some of the anchors."""
        return Anchors(*(column[rows] for column in self))


class Pairs(NamedTuple):
    """Positions x < y of one k-mer, and whether it is on the same strand at both."""

    x: np.ndarray
    y: np.ndarray
    same: np.ndarray

    def take(self, rows: np.ndarray | slice) -> 'Pairs':
        """Some of the pairs."""
        return Pairs(*(column[rows] for column in self))


class Unused(NamedTuple):
    """Anchors that were not paired.

    Attributes:
        common: number of k-mers with more than `MAX_OCCURRENCES` places.
        one_in: of k-mers in more than `FEW_SPECIES` species one in so many was paired.
        repeats: positions of the k-mers with many copies, int64 [n].
    """

    common: int
    one_in: int
    repeats: np.ndarray

    def sentences(self) -> list[str]:
        """What a report says of them."""
        lines = []
        if self.common:
            lines.append(
                f'{self.common:,} k-mers occur more than {MAX_OCCURRENCES} times in all species '
                'together and were not used as anchors'
            )
        if self.one_in > 1:
            lines.append(
                f'of k-mers in more than {FEW_SPECIES} species one in {self.one_in} was used as an '
                'anchor'
            )
        return lines


def pairs(axis: interval_sets.Axis, anchors: Anchors, max_pairs: int) -> tuple[Pairs, Unused]:
    """All pairs of places with equal k-mers, for k-mers that are not repeats."""
    anchors = anchors.take(np.lexsort((anchors.position, anchors.value)))
    anchors = anchors.take(run_sizes(anchors.value) > 1)
    species = axis.species[axis.contig_of(anchors.position)]
    few = run_sizes(anchors.value, species) <= MAX_COPIES
    repeats = anchors.position[~few]
    anchors = anchors.take(few)
    common = run_sizes(anchors.value) > MAX_OCCURRENCES
    repeats = np.concatenate([repeats, anchors.position[common]])
    number_common = len(np.unique(anchors.value[common]))
    anchors = anchors.take(~common)
    size = run_sizes(anchors.value)
    one_in = max(1, -(-int((size - 1).sum() // 2) // max_pairs))
    if one_in > 1:
        # Only k-mers of many species are sampled: those of few are the evidence of distant
        # homology.
        sampled = counter_random.randint(one_in, anchors.value.view(np.int64)) == 0
        anchors = anchors.take((size <= FEW_SPECIES) | sampled)
    return _all_pairs(anchors), Unused(number_common, one_in, repeats)


def _all_pairs(anchors: Anchors) -> Pairs:
    """Each pair of places with equal k-mers, from anchors in order of k-mer and place."""
    value, position, flipped = anchors
    parts = [Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool))]
    for apart in range(1, MAX_OCCURRENCES):
        first = np.flatnonzero(value[apart:] == value[:-apart]) if apart < len(value) else []
        if not len(first):
            break
        other = first + apart
        parts.append(Pairs(position[first], position[other], flipped[first] == flipped[other]))
    return Pairs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def run_sizes(*keys: np.ndarray) -> np.ndarray:
    """For each item of sorted keys, how many items have the same keys."""
    if not len(keys[0]):
        return np.zeros(0, np.int64)
    change = np.zeros(len(keys[0]) - 1, bool)
    for key in keys:
        change |= key[1:] != key[:-1]
    edges = np.concatenate([[0], np.flatnonzero(change) + 1, [len(keys[0])]])
    sizes = np.diff(edges)
    return np.repeat(sizes, sizes)
