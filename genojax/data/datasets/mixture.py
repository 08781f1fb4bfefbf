"""Species-weighted batches of windows, each a function of (seed, step).

Draw number i of a run is row i % batch_size of step i // batch_size, for any number of hosts. Its
species comes from a table of 10,000 draws (more if a weight is tiny). The table holds every species
in proportion to its weight, rounded to whole draws and spread evenly: no prefix is off by more than
one draw per table. Its window comes from a permutation of the species' windows, a new one for every
epoch, computed on the fly. So a checkpoint stores only the step, and no draw depends on earlier
ones.
"""

import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Callable, Mapping

import numpy as np

from genojax import config, errors
from genojax.data.datasets import base, species_weights, window_batches
from genojax.data.genomes import assemblies, windows
from genojax.tokenizers.base import Tokenizer
from genojax.typing import Batch

_SOURCE_STEPS = 2**50  # length that the endless source reports to grain
# Small batches are mostly overhead, so that windows of several steps are drawn at a time.
_BLOCK_WINDOWS, _BLOCK_BASES = 1024, 2**20
_STREAMS = {'shuffle': 1, 'flip': 2, 'shift': 3}  # numbers of streams of random bits


@dataclasses.dataclass(frozen=True)
class MixtureConfig:
    """What a training batch is made of.

    `weights` are shares of the draws in any unit. '*' is the weight of all species not named
    together; each has the same part of it ('equal') or a part in proportion to its training bases
    ('bases'). Every species must be named, covered by '*', or in `leave_out`.
    """

    weights: dict[str, float] = dataclasses.field(
        default_factory=lambda: {species_weights.REST: 1.0}
    )
    rest: str = 'equal'  # or 'bases'
    leave_out: tuple[str, ...] = ()
    length: int = 512  # bases per window
    batch_size: int = 32  # windows per step, over all hosts
    shift: int = 0  # bases by which a window may start earlier or later, inside its training block
    reverse_complement: bool = True  # read half of the windows, at random, from the reverse strand
    threads: int = dataclasses.field(default=2, metadata=config.FREE)  # that prepare batches
    ahead: int = dataclasses.field(default=4, metadata=config.FREE)  # batches prepared ahead

    def __post_init__(self):
        if not self.weights:
            raise ValueError("weights is empty: {'*': 1.0} gives all species the same weight")
        if self.rest not in ('equal', 'bases'):
            raise ValueError(f"{self.rest=} is not 'equal' or 'bases'")
        for name in ('length', 'batch_size', 'threads', 'ahead'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
        if self.shift < 0:
            raise ValueError(f'{self.shift=} must not be negative')


class Mixture:
    """The training data of a run: an endless sequence of draws, cut into steps.

    Attributes:
        shares: species -> its share of the draws; they sum to 1.
        fingerprint: hash of what determines the draws. A checkpoint's step means the same batches
            only under the same fingerprint.

    Args:
        parts: training windows of every species.

    Raises:
        InputError: MX01 .. MX04, MX06 .. MX08, an invalid weight; MX05, a species with a weight and
            no window.
    """

    def __init__(
        self,
        corpus: assemblies.Corpus,
        parts: Mapping[str, windows.Windows],
        config: MixtureConfig,
        seed: int,
    ):
        self.corpus, self.config, self.seed = corpus, config, seed
        self._order = base.RowOrder(seed, **_STREAMS)
        bases = {name: part.bases for name, part in parts.items()}
        self.shares = species_weights.resolve(
            config.weights, corpus.species, config.leave_out, config.rest, bases
        )
        for name in self.shares:
            if name not in parts or not len(parts[name]):
                raise errors.InputError(
                    'MX05',
                    f'{name} has a weight and no training window of {config.length} bases',
                    fix=f'{species_weights.leaving_out([name], config.weights, config.leave_out)} '
                    'leaves it out; or change the split',
                )
        self._parts = [parts[name] for name in self.shares]
        self._size_S = np.array([len(part) for part in self._parts], np.int64)
        self._first_S = np.cumsum(self._size_S) - self._size_S
        self._columns = {
            field.name: np.concatenate([getattr(part, field.name) for part in self._parts])
            for field in dataclasses.fields(windows.Windows)
        }
        self._quota_S = species_weights.quotas(self.shares)
        self._table_P = species_weights.interleave(self._quota_S)
        self._earlier_P = earlier_draws(self._table_P, len(self._quota_S))
        self._number_S = np.array([corpus.species.index(n) for n in self.shares], np.int32)
        self.fingerprint = self._fingerprint()
        # A draw costs 0.3 us among a thousand and 4 us among 32.
        self._cached_rows = functools.lru_cache(maxsize=4)(self._block_rows)

    def draw(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The species (its number among `shares`) and the window of each draw, int64."""
        index = np.asarray(index, np.int64)
        table, slot = np.divmod(index, len(self._table_P))
        member = self._table_P[slot]
        nth = table * self._quota_S[member] + self._earlier_P[slot]
        size = self._size_S[member]
        return member, self._order.rows(nth, size, self._number_S[member])

    def drawn(self, draws: int) -> dict[str, int]:
        """Species -> its number of draws among the first `draws`."""
        tables, rest = divmod(draws, len(self._table_P))
        counts = np.bincount(self._table_P[:rest], minlength=len(self._quota_S))
        counts = counts + tables * self._quota_S
        return dict(zip(self.shares, counts.tolist(), strict=True))

    def table(self, draws: int) -> list[dict]:
        """Per species, for a report: its weight as configured (for '*' its part) and draws."""
        counts = self.drawn(draws)
        named = [self.config.weights[name] for name in self.shares if name in self.config.weights]
        unit = math.fsum(named) + self.config.weights.get(species_weights.REST, 0.0)
        return [
            {
                'species': name,
                'given': float(self.config.weights.get(name, share * unit)),
                'named': name in self.config.weights,
                'weight': share,
                'drawn': counts[name],
                'expected': share * draws,
                'windows': len(part),
            }
            for (name, share), part in zip(self.shares.items(), self._parts, strict=True)
        ]

    def batch(self, step: int, tokenizer: Tokenizer, shard: base.Shard = base.ONE_HOST) -> Batch:
        """One host's rows of the batch of a step; the first step is 0."""
        count, steps = self._block_size(shard)
        block, position = divmod(int(step), steps)
        rows = self._cached_rows(block, steps, shard)
        rows = rows.take(slice(position * count, (position + 1) * count))
        return window_batches.assemble(self.corpus, rows, self.config.length, tokenizer)

    def steps(self, block: int, tokenizer: Tokenizer, shard: base.Shard) -> Batch:
        """One host's rows of all steps of a block, concatenated."""
        rows = self._cached_rows(block, self._block_size(shard)[1], shard)
        return window_batches.assemble(self.corpus, rows, self.config.length, tokenizer)

    def _block_size(self, shard: base.Shard) -> tuple[int, int]:
        """A host's rows per step, and steps per block."""
        rows = len(shard.rows(self.config.batch_size))
        max_windows = min(_BLOCK_WINDOWS, _BLOCK_BASES // self.config.length)
        return rows, max(1, max_windows // max(rows, 1))

    def _block_rows(self, block: int, steps: int, shard: base.Shard) -> window_batches.WindowRows:
        """A host's rows of a block of steps."""
        config = self.config
        row = shard.rows(config.batch_size)
        step = block * steps + np.arange(steps)
        index = (step[:, None] * config.batch_size + row).reshape(-1)
        member, window = self.draw(index)
        chosen = self._first_S[member] + window
        contig, start, valid = (
            self._columns[name][chosen] for name in ('contig', 'start', 'valid')
        )
        if config.shift:
            low = np.minimum(self._columns['before'][chosen], config.shift)
            high = np.minimum(self._columns['after'][chosen], config.shift)
            start = start + self._order.shifts(index, low, high)
        flip = np.zeros(len(index), bool)
        if config.reverse_complement:
            flip = self._order.flips(index)
        return window_batches.WindowRows(self._number_S[member], contig, start, valid, flip)

    def batches(
        self, tokenizer: Tokenizer, shard: base.Shard = base.ONE_HOST, start_step: int = 0
    ) -> 'BatchIterator':
        """This host's batches from `start_step` on, prepared ahead in threads; close it after use.

        Its state is the step: `{'next_index': step}`.
        """
        import grain

        steps = self._block_size(shard)[1]
        options = grain.ReadOptions(
            num_threads=self.config.threads,
            prefetch_buffer_size=max(self.config.threads, -(-self.config.ahead // steps)),
        )
        blocks = self._grain_dataset(lambda block: self.steps(block, tokenizer, shard))
        iterator = BatchIterator(iter(blocks.to_iter_dataset(options)), steps)
        iterator.set_state({'next_index': int(start_step)})
        return iterator

    def _grain_dataset(self, element: Callable[[int], Batch]):
        """An endless `grain.MapDataset` of `element(0)`, `element(1)`, ..."""
        import absl.flags
        import grain

        if not absl.flags.FLAGS.is_parsed():
            absl.flags.FLAGS.mark_as_parsed()  # grain reads a flag even without a command line
        return grain.MapDataset.source(_EndlessSource(element, self.fingerprint))

    def _fingerprint(self) -> str:
        """A hash of everything that determines which windows are drawn and how they are read."""
        config = base.hashed_fields(self.config)
        for name in ('threads', 'ahead'):  # change when a batch is prepared, not what is in it
            config.pop(name)
        config['weights'] = self.shares
        sha256 = hashlib.sha256()
        head = ('mixture 1', self.seed, config, self.corpus.species, self.corpus.fingerprint)
        sha256.update(json.dumps(head, sort_keys=False).encode())
        for part in self._parts:
            for field in dataclasses.fields(part):
                sha256.update(np.ascontiguousarray(getattr(part, field.name)))
        return sha256.hexdigest()


class _EndlessSource:
    """A random-access source for grain."""

    def __init__(self, element: Callable[[int], Batch], name: str):
        self.element, self.name = element, name

    def __len__(self) -> int:
        return _SOURCE_STEPS

    def __getitem__(self, number) -> Batch:
        return self.element(int(number))

    def __repr__(self) -> str:
        return f'genojax.Mixture({self.name[:16]})'


class BatchIterator:
    """Batches of one step each, cut from grain's elements, which are blocks of steps.

    An element costs grain 50 to 105 us whatever its size: with one step per element and 32 windows
    per step this would be 3 us per window.
    """

    def __init__(self, blocks, steps: int):
        self._blocks, self._steps = blocks, steps
        self._step, self._block = 0, None

    def __iter__(self) -> 'BatchIterator':
        return self

    def __next__(self) -> Batch:
        position = self._step % self._steps
        if position == 0 or self._block is None:
            self._block = next(self._blocks)
        self._step += 1
        if self._steps == 1:
            return self._block
        count = len(self._block['tokens']) // self._steps
        rows = slice(position * count, (position + 1) * count)
        return {name: array[rows] for name, array in self._block.items()}

    def get_state(self) -> dict[str, int]:
        return {'next_index': self._step}

    def set_state(self, state: dict[str, int]) -> None:
        self._step, self._block = state['next_index'], None
        self._blocks.set_state({'next_index': self._step // self._steps})

    def close(self) -> None:
        self._blocks.close()


def earlier_draws(table_P: np.ndarray, count: int) -> np.ndarray:
    """For every draw of a table the number of earlier draws of its species, int64 [P]."""
    earlier_P = np.empty(len(table_P), np.int64)
    for s in range(count):
        rows = np.flatnonzero(table_P == s)
        earlier_P[rows] = np.arange(len(rows))
    return earlier_P
