"""Search of genomes of any size: sampled spaced seeds, checked base by base, chained and extended.

Every pair of places that share a sampled seed is compared over the 64 bases on either side, which
chance does not pass; so one seed is evidence enough, and a sample finds short and diverged
homologues. Pairs on one diagonal are chained, and the ends of chains are extended base by base.
`experiments/benchmarks/homology.py` measures the sensitivity.

Memory: two bits per base, 8 bytes per seed of at most `MAX_SEEDS`, 24 bytes per pair.
"""

import numpy as np

from genojax import progress
from genojax.data.genomes import interval_sets
from genojax.data.splits.homology import (
    anchors,
    buckets,
    chains,
    packed_bases,
    relation,
    seeds,
)

MAX_SEEDS = 300_000_000  # of all genomes together; larger genomes are sampled more thinly
_MIN_ONE_IN = 4  # of the seeds of smaller genomes
MARGIN = 32  # bases by which a match continues beyond the last word that matched
_MAX_PAIRS = 100_000_000 // seeds.BUCKETS  # of anchors of one bucket of seeds
_CHECKED = 2**20  # pairs checked at a time
_MAX_SLICES, _SLICE = 64, 2**24  # parts of the axis, which are chained one after another; bases
# Equal bases beside a seed that make a pair: 24 of the next 32 on one side, 40 of the next 64, or
# 72 of the 128 on both sides. All are 6 standard deviations or more above chance.
_MIN_NEAREST, _MIN_SIDE, _MIN_BOTH = 24, 40, 72


def find(
    axis: interval_sets.Axis,
    pattern: seeds.SeedPattern | None = None,
    one_in: int | None = None,
) -> tuple[relation.Matches, list[str]]:
    """The matches between all places of an axis, and sentences on what was searched.

    Args:
        pattern, one_in: of the seeds; by the number of unmasked bases by default.
    """
    with progress.stage('packing bases'):
        bases = packed_bases.PackedBases(axis)
    pattern = pattern or seeds.pattern_for(bases.unmasked)
    one_in = one_in or sampling(bases.unmasked)
    search = _PairSearch(axis, bases, pattern)
    with progress.bar('collecting seeds', float(axis.lengths.sum())) as bar:
        collected = seeds.collect(axis, pattern, one_in, bar.advance)
    search.add_pairs(collected)
    sentences = [
        f'all sequence was compared by one seed of {pattern.weight} bases in {one_in}, '
        'which finds distant homology more rarely'
    ]
    unused = anchors.Unused(search.common, search.one_in, np.zeros(0, np.int64))
    return search.matches(), sentences + unused.sentences()


def sampling(bases: int) -> int:
    """One in how many seeds of so many unmasked bases are searched."""
    return max(_MIN_ONE_IN, -(-bases // MAX_SEEDS))


class _PairSearch:
    """Pairs of places that are alike around a seed, in slices of the axis, and where repeats are.

    Attributes:
        common, one_in: as `anchors.Unused`.
    """

    def __init__(
        self, axis: interval_sets.Axis, bases: packed_bases.PackedBases, pattern: seeds.SeedPattern
    ):
        self.axis, self.bases, self.span = axis, bases, pattern.span
        total = int((axis.lengths + 1).sum())
        self._layout, self._repeats = seeds.Layout.of(axis), _Repeats(total)
        self._slices = buckets.Buckets(min(-(-total // _SLICE), _MAX_SLICES))
        self._width = -(-total // self._slices.count)
        self.common, self.one_in = 0, 1

    def add_pairs(self, collected: buckets.Buckets) -> None:
        """Adds the pairs of these seeds."""
        for number in progress.track(range(collected.count), 'comparing seeds'):
            rows = collected.take(number)
            if rows is None:
                continue
            rows.sort()
            rows = rows[anchors.run_sizes(self._layout.unpack(rows)[0]) > 1]
            shared = anchors.Anchors(*self._layout.unpack(rows))
            pairs, unused = anchors.pairs(self.axis, shared, _MAX_PAIRS)
            self._repeats.add(unused.repeats)
            self.common += unused.common
            self.one_in = max(self.one_in, unused.one_in)
            for first in range(0, len(pairs.x), _CHECKED):
                some = pairs.take(slice(first, first + _CHECKED))
                some = some.take(_alike(self.bases, some, self.span))
                columns = np.stack([some.x, some.y, some.same.astype(np.int64)], axis=1)
                self._slices.add((some.x // self._width).astype(np.uint8), columns)

    def matches(self) -> relation.Matches:
        """The pairs that are not in repeats, chained and extended."""
        parts, beside = [], self._repeats.beside
        for number in progress.track(range(self._slices.count), 'chaining'):
            rows = self._slices.take(number)
            if rows is not None:
                pairs = anchors.Pairs(*rows[:, :2].T, rows[:, 2].astype(bool))
                pairs = pairs.take(~(beside(pairs.x) & beside(pairs.y)))
                chain = chains.chain(self.axis, pairs, self.span)
                parts.append(chains.extend(self.axis, self.bases, chain))
        return relation.joined(parts)


class _Repeats:
    """Where seeds with many copies lie: a repeat also has seeds that few of its copies share."""

    _SHIFT = 6  # blocks of 64 bases

    def __init__(self, total: int):
        self._blocks = np.zeros((total >> self._SHIFT) + 3, bool)

    def add(self, position: np.ndarray) -> None:
        self._blocks[(position >> self._SHIFT) + 1] = True

    def beside(self, position: np.ndarray) -> np.ndarray:
        """Whether such a seed lies in the block of a position or in one beside it, bool [n]."""
        block = (position >> self._SHIFT) + 1
        return self._blocks[block - 1] | self._blocks[block] | self._blocks[block + 1]


def _alike(bases: packed_bases.PackedBases, pairs: anchors.Pairs, span: int) -> np.ndarray:
    """Which pairs of seeds lie in sequences that are alike beside them, bool [n]."""
    diagonal = chains.diagonals(pairs, span)
    far_before, before, after, far_after = (
        bases.equal(pairs.x + offset, diagonal, pairs.same)
        for offset in (-2 * packed_bases.WORD, -packed_bases.WORD, span, span + packed_bases.WORD)
    )
    nearest = np.maximum(before, after)
    side = np.maximum(far_before + before, after + far_after)
    both = far_before + before + after + far_after
    return (nearest >= _MIN_NEAREST) | (side >= _MIN_SIDE) | (both >= _MIN_BOTH)
