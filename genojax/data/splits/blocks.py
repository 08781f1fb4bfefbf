"""Choice of the bases of a corpus that are test sequence, in blocks.

The genome table's `split` column decides where it says something. Elsewhere blocks of at least
eight windows are chosen, with a gap of one window on either side. A block excludes from training
everything homologous to it (`homology`): no base of a training window matches a test block, or is
in a gene whose same-named gene, in any species, overlaps one. Bases that are homologous to a test
block and not in one themselves are used for nothing ('gap').

Blocks are drawn at random, the species with the least sequence first. A block within bases that
training has already lost is taken before a new one is drawn: so homologous blocks become test
blocks in every species.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from genojax import errors, progress
from genojax.data.genomes import interval_sets
from genojax.data.splits.homology import relation as homology_relation

BLOCK_WINDOWS = 8
_MAX_BLOCKS = 32  # per species; larger genomes get larger blocks, so that gaps do not use them up
_MAX_RUNS = 64  # of bases that training has lost: more become test blocks at once
_MAX_DRAWS = 24  # random positions tried for a block
# A block that leaves some species less than this share of its bases is taken only if no other draw
# is better.
_MIN_TRAIN_SHARE = 0.5

FIX = (
    "use shorter windows, add sequence, or fill in the genome table's split column ('train': no "
    "block is cut from the contig; 'test': all of it is test sequence)"
)
# Where windows are so long that each has a homologue.
HOMOLOGY_FIX = f'{FIX}; or skip the search, --config.tasks.TASK.data.homology=False'


class BlockPlan:
    """The test bases chosen so far, and what training loses by them.

    Args:
        axis: the contigs of the corpus.
        relation: homology between its species; None where it was not searched.
        length: bases per window.
        fraction: share of each species' bases that `fill` chooses.
        random: source of the random positions.
        excluded: bases that training may not use whatever the blocks are.

    Attributes:
        test: the test bases, a set on the axis.
        excluded: bases that training may not use: test bases, their gaps and their homologues.

    Raises:
        InputError: SP03, a contig whose split is not 'train', 'test' or ''.
    """

    def __init__(
        self,
        axis: interval_sets.Axis,
        relation: homology_relation.Homology | None,
        length: int,
        fraction: float,
        random: np.random.Generator,
        excluded: np.ndarray = interval_sets.EMPTY,
    ):
        self.axis, self.relation, self.length, self.random = axis, relation, length, random
        self.fraction = fraction
        self.split = np.array([contig.split for contig in axis.contigs])
        for contig in axis.contigs:
            if contig.split not in ('', 'train', 'test'):
                raise errors.InputError(
                    'SP03',
                    f'split {contig.split!r} is not train, test or empty',
                    record=contig.name,
                    fix='correct the split column of the genome table',
                )
        self.whole = axis.whole(np.arange(len(axis.contigs)))
        self.bases = axis.per_species(self.whole)
        self._members = np.split(np.arange(len(axis.contigs)), axis.first[1:])
        self._species_bases = [axis.whole(contigs) for contigs in self._members]
        self._test_only = np.array([self.marked(s) == {'test'} for s in range(len(axis.names))])
        self.test = axis.whole(np.flatnonzero(self.split == 'test'))
        self.excluded = interval_sets.union(self.excluded_by(self.test), excluded)

    def of_species(self, s: int) -> np.ndarray:
        """All bases of a species, as a set."""
        return self._species_bases[s]

    def marked(self, s: int) -> set[str]:
        """The words that the genome table has for the contigs of a species."""
        return set(self.split[self._members[s]].tolist())

    def unmarked_contigs(self, s: int) -> np.ndarray:
        """Contigs of a species that the table leaves to blocks."""
        return self._members[s][self.split[self._members[s]] == '']

    def excluded_by(self, spans: np.ndarray) -> np.ndarray:
        """What training loses when these bases are test sequence, as a set that includes them."""
        with_gaps = self.axis.widen(spans, self.length)
        if self.relation is None:
            return with_gaps
        return interval_sets.union(with_gaps, self.relation.of(spans))

    def train_shares(self, excluded: np.ndarray) -> np.ndarray:
        """Share of each species' bases left for training, [S]; 1 for a species that is all test."""
        left = 1.0 - self.axis.per_species(excluded) / np.maximum(self.bases, 1)
        return np.where(self._test_only, 1.0, left)

    def fill(self) -> None:
        """Choose blocks until every species has its share, the species with least sequence first.

        Raises:
            InputError: SP01, a species has no room for a block.
        """
        order = np.argsort(self.bases, kind='stable')
        for s in progress.track(order.tolist(), 'choosing test blocks', float(len(order))):
            if len(self.unmarked_contigs(s)):
                self._fill_species(s)

    def _fill_species(self, s: int) -> None:
        quota = self.fraction * self.bases[s]
        while True:
            chosen = interval_sets.size(interval_sets.intersect(self.test, self.of_species(s)))
            if chosen and chosen + BLOCK_WINDOWS * self.length / 2 > quota:
                return
            block = self._next_block(s, quota - chosen, chosen > 0)
            if block is None and chosen:
                return  # the report shows what was reached
            if block is None:
                longest = max(self.axis.contigs[c].length for c in self.unmarked_contigs(s))
                shorter = max(longest // (4 * BLOCK_WINDOWS), 1)
                raise errors.InputError(
                    'SP01',
                    f'{self.axis.names[s]} is too small for a test block of {BLOCK_WINDOWS} '
                    f'windows of {self.length} bases ({BLOCK_WINDOWS * self.length:,} bases) with '
                    'its gaps and anything left for training',
                    fix=f'--config.tasks.TASK.data.mixture.length={shorter}, or {FIX}',
                )
            self.test = interval_sets.union(self.test, block)
            self.excluded = interval_sets.union(self.excluded, self.excluded_by(block))

    def _next_block(self, s: int, missing: float, has_block: bool) -> np.ndarray | None:
        """The next block of a species, or None if there is no room for one.

        Args:
            missing: bases to its quota.
            has_block: whether the species has test bases already.
        """
        contigs = self.axis.whole(self.unmarked_contigs(s))
        unused = interval_sets.subtract(interval_sets.intersect(self.excluded, contigs), self.test)
        runs = self.axis.runs(unused)
        long_runs = runs[runs[:, 2] >= BLOCK_WINDOWS * self.length]
        if len(long_runs) > _MAX_RUNS:
            block = self._cheapest([self._longest_runs(long_runs, missing)])
            if block is not None and len(block):
                return block
        if len(long_runs):
            return self._cheapest(self._blocks_within(runs[np.argmax(runs[:, 2])], missing))
        if len(runs) and not has_block:
            block = self._cheapest(self._blocks_overlapping(runs))
            if block is not None:
                return block
        return self._random_block(s, missing)

    def _longest_runs(self, runs: np.ndarray, missing: float) -> np.ndarray:
        """The longest of many runs that training has lost already, as one block of whole windows.

        In large genomes the homologues of a block lie in thousands of places.
        """
        contig, start, bases = runs[np.argsort(-runs[:, 2], kind='stable')].T
        size = bases // self.length * self.length
        count = int(np.searchsorted(np.cumsum(size), missing, side='right'))
        return self.axis.spans(contig[:count], start[:count], (start + size)[:count])

    def _blocks_within(self, run: np.ndarray, missing: float) -> list[np.ndarray]:
        """Blocks inside a run of bases that training has lost already."""
        count = max(BLOCK_WINDOWS, int(np.ceil(missing / self.length)))
        size = min(count, int(run[2]) // self.length) * self.length
        offsets = np.unique(np.linspace(0, int(run[2]) - size, 9).astype(np.int64))
        return [self.axis.spans([run[0]], [run[1] + o], [run[1] + o + size]) for o in offsets]

    def _blocks_overlapping(self, runs: np.ndarray) -> list[np.ndarray]:
        """Blocks that overlap a run that training has lost already but is too short for a block."""
        size = BLOCK_WINDOWS * self.length
        blocks = []
        for contig, start, bases in runs[np.argsort(-runs[:, 2], kind='stable')][:8].tolist():
            for first in np.unique(np.linspace(start - size + bases, start, 9).astype(np.int64)):
                block = self.axis.spans([contig], [first], [first + size])
                if interval_sets.size(block) == size:
                    blocks.append(block)
        return blocks

    def _cheapest(self, blocks: list[np.ndarray]) -> np.ndarray | None:
        """The block that excludes the fewest bases of all species from training.

        None if each of them leaves some species without a training window.
        """
        cheapest, least = None, None
        for block in blocks:
            excluded = interval_sets.union(self.excluded, self.excluded_by(block))
            if self._empties_a_species(excluded) or self._overlaps_test(block):
                continue
            cost = interval_sets.size(excluded)
            if least is None or cost < least:
                cheapest, least = block, cost
        return cheapest

    def _random_block(self, s: int, missing: float) -> np.ndarray | None:
        """The first random block that takes too much from no species, else the mildest of some.

        Too much is what leaves a species below half of its bases. Taking the cheapest block instead
        would prefer sequence without genes or relatives, and the test score would be of that.
        """
        mildest, least = None, None
        before = np.minimum(self.train_shares(self.excluded), _MIN_TRAIN_SHARE)
        for block in itertools.islice(self._random_blocks(s, missing), _MAX_DRAWS):
            if self._overlaps_test(block):
                continue
            excluded = interval_sets.union(self.excluded, self.excluded_by(block))
            deficit = float((before - self.train_shares(excluded)).max())
            if self._empties_a_species(excluded) or (least is not None and deficit >= least):
                continue
            mildest, least = block, deficit
            if deficit <= 0:
                break
        return mildest

    def _random_blocks(self, s: int, missing: float) -> Iterator[np.ndarray]:
        """Blocks at random: a contig in proportion to its length, then a position in it.

        A contig that is too short for a block is taken whole.
        """
        contigs = self.unmarked_contigs(s)
        lengths = self.axis.lengths[contigs]
        share = self.fraction * self.bases[s] / _MAX_BLOCKS / self.length
        count = max(BLOCK_WINDOWS, int(np.ceil(share)))
        size = min(count, max(BLOCK_WINDOWS, int(np.ceil(missing / self.length)))) * self.length
        # Relatives need room for eight windows in what matches this block, some of which may have
        # been deleted there.
        with_room = size + self.length
        if not lengths.sum():
            return
        while True:
            contig = self.random.choice(contigs, p=lengths / lengths.sum())
            length, circular = int(self.axis.lengths[contig]), bool(self.axis.circular[contig])
            block = next((b for b in (with_room, size) if length >= b + 3 * self.length), length)
            start = int(self.random.integers(length if circular else length - block + 1))
            yield self.axis.spans([contig], [start], [start + block])

    def _overlaps_test(self, block: np.ndarray) -> bool:
        return bool(interval_sets.size(interval_sets.intersect(block, self.test)))

    def _empties_a_species(self, excluded: np.ndarray) -> bool:
        """Whether some species that has a training window now would have none."""
        before, after = self._longest_run(self.excluded), self._longest_run(excluded)
        return bool(((after < 1) & (before >= 1)).any())

    def _longest_run(self, excluded: np.ndarray) -> np.ndarray:
        """Windows in the longest training run of each species, [S]; a whole short contig is 1."""
        runs = self.axis.runs(interval_sets.subtract(self.whole, excluded))
        longest = np.zeros(len(self.axis.names))
        window = np.minimum(self.length, self.axis.lengths[runs[:, 0]])
        np.maximum.at(longest, self.axis.species[runs[:, 0]], runs[:, 2] / np.maximum(window, 1))
        return longest
