"""Species-weighted batches of windows, every one a function of (seed, step).

Draw number i of a run is row i % batch of step i // batch, whatever the number of hosts. Which
species it is comes from a table of 10,000 draws (more if a weight is tiny) that holds every species
as often as its weight says, to the nearest whole draw, and spreads it evenly: no prefix is more
than one draw off per table. Which window it is comes from a permutation of the species' windows, a
new one for every pass over them, computed on the fly. So nothing has to be stored but the step, and
nothing depends on what was drawn before.
"""

import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from genojax import dna, errors
from genojax.data.datasets import base, species_weights
from genojax.data.genomes import assemblies, windows
from genojax.typing import Batch

_FOREVER = 2**50  # steps
_BLOCK_WINDOWS, _BLOCK_BASES = 1024, 2**20  # made at a time where steps are smaller
_PIECE = 2**18  # bases assembled at a time: what a core's cache holds
_STREAMS = {'shuffle': 1, 'flip': 2, 'shift': 3}  # numbers of streams of random bits


@dataclasses.dataclass(frozen=True)
class MixtureConfig:
    """What a training batch is made of.

    `weights` are shares of the draws in any unit. '*' is the weight of all species not named
    together: each gets the same part of it ('equal') or a part that goes with its training bases
    ('bases'). A species may not be forgotten: it is named, covered by '*', or in `leave_out`.
    """

    weights: dict[str, float] = dataclasses.field(
        default_factory=lambda: {species_weights.REST: 1.0}
    )
    rest: str = 'equal'  # or 'bases'
    leave_out: tuple[str, ...] = ()
    length: int = 512  # bases a window
    batch_size: int = 32  # windows a step, over all hosts
    shift: int = 0  # bases by which a window may start earlier or later, inside its training block
    reverse_complement: bool = (
        True  # half of the windows, at random, are read from the other strand
    )
    threads: int = 2  # that prepare batches ahead
    ahead: int = 4  # batches

    def __post_init__(self):
        if not self.weights:
            raise ValueError("weights is empty: {'*': 1.0} weighs all species the same")
        if self.rest not in ('equal', 'bases'):
            raise ValueError(f"{self.rest=} is not 'equal' or 'bases'")
        for name in ('length', 'batch_size', 'threads', 'ahead'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
        if self.shift < 0:
            raise ValueError(f'{self.shift=} must not be negative')


class Mixture:
    """The training data of a run: an endless sequence of draws, cut into steps.

    `shares` are the normalised weights and `fingerprint` names the sequence: a checkpoint's step
    means the same batches only under the same fingerprint.

    Args:
        parts: training windows of every species.

    Raises:
        InputError: what `weights` refuses; MX05 a species with a weight and no window.
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
                    fix='name it in leave_out, or change the split',
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
        self._nth_P = _nth(self._table_P, len(self._quota_S))
        self._number_S = np.array([corpus.species.index(n) for n in self.shares], np.int32)
        self.fingerprint = self._fingerprint(parts)
        # A draw costs 0.3 us among a thousand and 4 us among 32.
        self._drawn = functools.lru_cache(maxsize=4)(self._draw_block)

    def draw(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which species (its number among `shares`) and which of its windows each draw is, int64."""
        index = np.asarray(index, np.int64)
        table, slot = np.divmod(index, len(self._table_P))
        member = self._table_P[slot]
        nth = table * self._quota_S[member] + self._nth_P[slot]
        size = self._size_S[member]
        return member, self._order.rows(nth, size, self._number_S[member])

    def drawn(self, draws: int) -> dict[str, int]:
        """How many of the first `draws` draws each species has."""
        tables, rest = divmod(draws, len(self._table_P))
        counts = np.bincount(self._table_P[:rest], minlength=len(self._quota_S))
        counts = counts + tables * self._quota_S
        return dict(zip(self.shares, counts.tolist(), strict=True))

    def table(self, draws: int) -> list[dict]:
        """For a report, per species: the weight given (of '*', its part), its share, draws made and expected."""
        counts = self.drawn(draws)
        named = [self.config.weights[name] for name in self.shares if name in self.config.weights]
        unit = math.fsum(named) + self.config.weights.get(species_weights.REST, 0.0)
        rows = []
        for (name, share), part in zip(self.shares.items(), self._parts, strict=True):
            rows.append(
                {
                    'species': name,
                    'given': float(self.config.weights.get(name, share * unit)),
                    'named': name in self.config.weights,
                    'weight': share,
                    'drawn': counts[name],
                    'expected': share * draws,
                    'windows': len(part),
                }
            )
        return rows

    def batch(self, step: int, tokenizer, shard: base.Shard = base.ONE_HOST) -> Batch:
        """One host's rows of the batch of a step; the first step is 0."""
        rows, steps = self._block(shard)
        block, place = divmod(int(step), steps)
        mine = slice(place * rows, (place + 1) * rows)
        drawn = (column[mine] for column in self._drawn(block, steps, shard))
        return assemble(self.corpus, *drawn, self.config.length, tokenizer)

    def _block(self, shard: base.Shard) -> tuple[int, int]:
        """A host's rows in a step, and how many steps are made at a time: small batches are mostly overhead."""
        rows = len(shard.rows(self.config.batch_size))
        most = min(_BLOCK_WINDOWS, _BLOCK_BASES // self.config.length)
        return rows, max(1, most // max(rows, 1))

    def steps(self, block: int, tokenizer, shard: base.Shard) -> Batch:
        """The batches of a block of steps, one behind the other."""
        drawn = self._drawn(block, self._block(shard)[1], shard)
        return assemble(self.corpus, *drawn, self.config.length, tokenizer)

    def _draw_block(self, block: int, steps: int, shard: base.Shard) -> tuple[np.ndarray, ...]:
        """Species, contig, start, real bases and strand of a host's rows in a block of steps."""
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
        return self._number_S[member], contig, start, valid, flip

    def _dataset(self, element: Callable[[int], Batch]):
        import absl.flags
        import grain

        if not absl.flags.FLAGS.is_parsed():
            absl.flags.FLAGS.mark_as_parsed()  # grain reads a flag even without a command line
        return grain.MapDataset.source(_Elements(element, self.fingerprint))

    def batches(
        self, tokenizer, shard: base.Shard = base.ONE_HOST, start_step: int = 0
    ) -> 'Batches':
        """This host's batches from `start_step` on, prepared ahead in threads; close it.

        Its state is the step: `{'next_index': step}`.
        """
        import grain

        steps = self._block(shard)[1]
        options = grain.ReadOptions(
            num_threads=self.config.threads,
            prefetch_buffer_size=max(self.config.threads, -(-self.config.ahead // steps)),
        )
        blocks = self._dataset(lambda block: self.steps(block, tokenizer, shard))
        iterator = Batches(iter(blocks.to_iter_dataset(options)), steps)
        iterator.set_state({'next_index': int(start_step)})
        return iterator

    def _fingerprint(self, parts: Mapping[str, windows.Windows]) -> str:
        """A hash of everything that decides which window is drawn when, and how it is read."""
        config = dataclasses.asdict(self.config)
        for name in ('threads', 'ahead'):  # decide when a batch is prepared, not what it is
            config.pop(name)
        config['weights'] = self.shares
        sha256 = hashlib.sha256()
        words = ('mixture 1', self.seed, config, self.corpus.species, self.corpus.fingerprint)
        sha256.update(json.dumps(words, sort_keys=False).encode())
        for part in self._parts:
            for field in dataclasses.fields(part):
                sha256.update(np.ascontiguousarray(getattr(part, field.name)))
        return sha256.hexdigest()


class _Elements:
    """A random-access source for grain, without end."""

    def __init__(self, element: Callable[[int], Batch], name: str):
        self.element, self.name = element, name

    def __len__(self) -> int:
        return _FOREVER

    def __getitem__(self, number) -> Batch:
        return self.element(int(number))

    def __repr__(self) -> str:
        return f'genojax.Mixture({self.name[:16]})'


class Batches:
    """Batches of one step each, cut from grain's elements, which are blocks of steps.

    An element costs grain 50 to 105 us whatever it holds: 3 us a window in a batch of 32, were a step an element.
    """

    def __init__(self, blocks, steps: int):
        self._blocks, self._steps = blocks, steps
        self._step, self._held = 0, None

    def __iter__(self) -> 'Batches':
        return self

    def __next__(self) -> Batch:
        place = self._step % self._steps
        if place == 0 or self._held is None:
            self._held = next(self._blocks)
        self._step += 1
        if self._steps == 1:
            return self._held
        rows = len(self._held['tokens']) // self._steps
        mine = slice(place * rows, (place + 1) * rows)
        return {name: array[mine] for name, array in self._held.items()}

    def get_state(self) -> dict[str, int]:
        return {'next_index': self._step}

    def set_state(self, state: dict[str, int]) -> None:
        self._step, self._held = state['next_index'], None
        self._blocks.set_state({'next_index': self._step // self._steps})

    def close(self) -> None:
        self._blocks.close()


def _nth(table_P: np.ndarray, count: int) -> np.ndarray:
    """For every draw of a table, how many draws of its species came before it, int64 [P]."""
    nth_P = np.empty(len(table_P), np.int64)
    for s in range(count):
        rows = np.flatnonzero(table_P == s)
        nth_P[rows] = np.arange(len(rows))
    return nth_P


def assemble(
    corpus: assemblies.Corpus,
    species_B: np.ndarray,
    contig_B: np.ndarray,
    start_B: np.ndarray,
    valid_B: np.ndarray,
    flip_B: np.ndarray,
    length: int,
    tokenizer,
) -> Batch:
    """A batch of windows.

    `tokens` int32 [B, T] with [CLS] and [SEP], `bases` uint8 [B, L] (4 past the end of a short
    contig), `regions` uint8 [B, L], `species` int32 [B] (number in the corpus), `valid` int32 [B]
    (real bases) and what else the tokenizer says (`Tokenizer.batch_entries`). Where `flip_B`, the other
    strand, with its regions in its own order; real bases stay in front.
    """
    bases_BL = np.empty((len(species_B), length), np.uint8)
    regions_BL = np.empty((len(species_B), length), np.uint8)
    start_B = corpus.wrap(species_B, contig_B, start_B)
    rows = max(1, _PIECE // length)
    for first in range(0, len(species_B), rows):
        some = slice(first, first + rows)
        where = species_B[some], contig_B[some], start_B[some]
        corpus.read_into(bases_BL[some], regions_BL[some], *where)
        _turn(bases_BL[some], regions_BL[some], valid_B[some], flip_B[some])
    entries = tokenizer.batch_entries(bases_BL, valid_B)
    return {
        'bases': bases_BL,
        'regions': regions_BL,
        'species': species_B.astype(np.int32),
        **entries,
    }


def _turn(
    bases_BL: np.ndarray, regions_BL: np.ndarray, valid_B: np.ndarray, flip_B: np.ndarray
) -> None:
    """Unknown past the real bases, and the other strand where `flip_B`, in place."""
    length = bases_BL.shape[1]
    short_B = valid_B < length
    if short_B.any():
        past_BL = np.arange(length) >= valid_B[:, None]
        bases_BL[past_BL], regions_BL[past_BL] = dna.UNKNOWN, 0
    turn = np.flatnonzero(flip_B & ~short_B)
    bases_BL[turn] = _mirrored(dna.complement(bases_BL[turn]))
    regions_BL[turn] = _mirrored(regions_BL[turn])
    for row in np.flatnonzero(flip_B & short_B).tolist():
        n = int(valid_B[row])
        bases_BL[row, :n] = dna.reverse_complement(bases_BL[row, :n])
        regions_BL[row, :n] = regions_BL[row, :n][::-1].copy()


def _mirrored(x_BL: np.ndarray) -> np.ndarray:
    """Rows of bytes read backwards, eight at a time where rows are made of eights: three times as fast."""
    if x_BL.shape[1] % 8:
        return x_BL[:, ::-1]
    return x_BL.view(np.uint64)[:, ::-1].byteswap().view(np.uint8)


def in_order(
    corpus: assemblies.Corpus,
    parts: Mapping[str, windows.Windows],
    config: MixtureConfig,
    tokenizer,
    shard: base.Shard = base.ONE_HOST,
) -> Iterator[Batch]:
    """All windows once, in corpus order, from the forward strand.

    `weight` float32 [B] is 1, and 0 for the filler rows of the last batch.
    """
    columns = [
        np.stack([np.full(len(part), number), part.contig, part.start, part.valid]).astype(np.int64)
        for number, part in (
            (n, parts[name]) for n, name in enumerate(corpus.species) if name in parts
        )
    ]
    window_4N = np.concatenate([np.zeros((4, 0), np.int64), *columns], axis=1)
    for row_B, weight_B in base.in_order(window_4N.shape[1], config.batch_size, shard):
        flip_B = np.zeros(len(row_B), bool)
        batch = assemble(corpus, *window_4N[:, row_B], flip_B, config.length, tokenizer)
        yield {**batch, 'weight': weight_B}
