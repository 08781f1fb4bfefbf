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

MAX_SEEDS = 200_000_000  # of all genomes together; larger genomes are sampled more thinly
MARGIN = 32  # bases by which a match continues beyond the last word that matched
_MAX_PAIRS = 100_000_000 // seeds.BUCKETS  # of anchors of one bucket of seeds
_CHECKED = 2**20  # pairs checked at a time
_MAX_SLICES, _SLICE = 64, 2**24  # parts of the axis, which are chained one after another; bases
_FLANK = 2  # words compared on either side of a seed
_MIN_SIDE = 40  # of the 64 bases on one side that must be equal ...
_MIN_BOTH = 72  # ... or of the 128 on both: 6 standard deviations above chance


def find(
    axis: interval_sets.Axis, pattern: seeds.Pattern | None = None, one_in: int | None = None
) -> tuple[relation.Matches, list[str]]:
    """The matches between all places of an axis, and sentences on what was searched.

    Args:
        pattern, one_in: of the seeds; by the number of unmasked bases by default.
    """
    with progress.stage('packing bases'):
        bases = packed_bases.PackedBases(axis)
    pattern = pattern or seeds.pattern_for(bases.unmasked)
    one_in = one_in or max(1, -(-bases.unmasked // MAX_SEEDS))
    with progress.bar('collecting seeds', float(axis.lengths.sum())) as bar:
        collected = seeds.collect(axis, pattern, one_in, bar.advance)
    slices, repeats, unused = _checked_pairs(axis, bases, collected, pattern.span)
    parts = []
    for number in progress.track(range(slices.count), 'chaining'):
        rows = slices.take(number)
        if rows is not None:
            pairs = anchors.Pairs(*rows[:, :2].T, rows[:, 2].astype(bool))
            pairs = pairs.take(~(repeats.beside(pairs.x) & repeats.beside(pairs.y)))
            chain = chains.chain(axis, pairs, pattern.span)
            parts.append(chains.extend(axis, bases, chain))
    sentences = [
        f'all sequence was compared by one seed of {pattern.weight} bases in {one_in}, which finds '
        'distant homology more rarely'
    ]
    return relation.joined(parts), sentences + unused.sentences()


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


def _checked_pairs(
    axis: interval_sets.Axis, bases: packed_bases.PackedBases, collected: buckets.Buckets, span: int
) -> tuple[buckets.Buckets, _Repeats, anchors.Unused]:
    """The pairs of places that are alike around a seed, in slices of the axis; and repeats."""
    layout, total = seeds.Layout.of(axis), int((axis.lengths + 1).sum())
    slices = buckets.Buckets(min(-(-total // _SLICE), _MAX_SLICES))
    width, repeats = -(-total // slices.count), _Repeats(total)
    common, one_in = 0, 1
    for number in progress.track(range(collected.count), 'comparing seeds'):
        rows = collected.take(number)
        if rows is None:
            continue
        rows.sort()
        rows = rows[anchors.run_sizes(layout.unpack(rows)[0]) > 1]
        pairs, unused = anchors.pairs(axis, anchors.Anchors(*layout.unpack(rows)), _MAX_PAIRS)
        repeats.add(unused.repeats)
        common, one_in = common + unused.common, max(one_in, unused.one_in)
        for first in range(0, len(pairs.x), _CHECKED):
            some = pairs.take(slice(first, first + _CHECKED))
            some = some.take(_alike(bases, some, span))
            columns = np.stack([some.x, some.y, some.same.astype(np.int64)], axis=1)
            slices.add((some.x // width).astype(np.uint8), columns)
    return slices, repeats, anchors.Unused(common, one_in, np.zeros(0, np.int64))


def _alike(bases: packed_bases.PackedBases, pairs: anchors.Pairs, span: int) -> np.ndarray:
    """Which pairs of seeds lie in sequences that are alike beside them, bool [n]."""
    diagonal = chains.diagonals(pairs, span)
    before, after = (
        sum(
            bases.equal(pairs.x + offset, diagonal, pairs.same)
            for offset in (first, first + packed_bases.WORD)
        )
        for first in (-_FLANK * packed_bases.WORD, span)
    )
    return (np.maximum(before, after) >= _MIN_SIDE) | (before + after >= _MIN_BOTH)
