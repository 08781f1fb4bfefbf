"""Species-weighted batches of windows, every one a function of (seed, step).

Draw number i of a run is row i % batch of step i // batch, whatever the number of hosts. Which
species it is comes from a table of 10,000 draws (more if a weight is tiny) that holds every species
as often as its weight says, to the nearest whole draw, and spreads it evenly: no prefix is more
than one draw off per table. Which window it is comes from a permutation of the species' windows, a
new one for every pass over them, computed on the fly. So nothing has to be stored but the step, and
nothing depends on what was drawn before.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping

import numpy as np

from genojax import dna, errors
from genojax.data import order, records, weights, windows

_FOREVER = 2**50  # steps
# Purposes of random bits; one word each so that they never share a stream.
_SHUFFLE, _FLIP, _SHIFT = 1, 2, 3


@dataclasses.dataclass(frozen=True)
class MixtureConfig:
    """What a training batch is made of.

    `weights` are shares of the draws in any unit. '*' is the weight of all species not named
    together: each gets the same part of it ('equal') or a part that goes with its training bases
    ('bases'). A species may not be forgotten: it is named, covered by '*', or in `leave_out`.
    """

    weights: dict[str, float] = dataclasses.field(default_factory=lambda: {weights.REST: 1.0})
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
        corpus: records.Corpus,
        parts: Mapping[str, windows.Windows],
        config: MixtureConfig,
        seed: int,
    ):
        self.corpus, self.config, self.seed = corpus, config, seed
        bases = {name: part.bases for name, part in parts.items()}
        self.shares = weights.resolve(
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
        self._quota_S = weights.quotas(self.shares)
        self._table_P = weights.interleave(self._quota_S)
        self._nth_P = _nth(self._table_P, len(self._quota_S))
        self._number_S = np.array([corpus.species.index(n) for n in self.shares], np.int32)
        self.fingerprint = self._fingerprint(parts)

    def draw(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which species (its number among `shares`) and which of its windows each draw is, int64."""
        index = np.asarray(index, np.int64)
        table, slot = np.divmod(index, len(self._table_P))
        member = self._table_P[slot]
        nth = table * self._quota_S[member] + self._nth_P[slot]
        size = self._size_S[member]
        epoch, place = np.divmod(nth, size)
        window = order.permute(place, size, self.seed, _SHUFFLE, self._number_S[member], epoch)
        return member, window

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
        unit = math.fsum(named) + self.config.weights.get(weights.REST, 0.0)
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

    def batch(self, step: int, tokenizer, host: tuple[int, int] = (0, 1)) -> records.Batch:
        """Rows host[0], host[0] + host[1], ... of the batch of one step (0 is the first)."""
        config = self.config
        row = np.arange(host[0], config.batch_size, host[1])
        index = int(step) * config.batch_size + row
        member, window = self.draw(index)
        chosen = self._first_S[member] + window
        contig, start, valid = (
            self._columns[name][chosen] for name in ('contig', 'start', 'valid')
        )
        if config.shift:
            low = np.minimum(self._columns['before'][chosen], config.shift)
            high = np.minimum(self._columns['after'][chosen], config.shift)
            start = start + order.below(low + high + 1, self.seed, _SHIFT, index) - low
        flip = np.zeros(len(index), bool)
        if config.reverse_complement:
            flip = order.below(2, self.seed, _FLIP, index) == 1
        number = self._number_S[member]
        return assemble(self.corpus, number, contig, start, valid, flip, config.length, tokenizer)

    def dataset(self, tokenizer, host: tuple[int, int] = (0, 1)):
        """A `grain.MapDataset` whose element number `step` is this host's part of that step's batch."""
        import absl.flags
        import grain

        if host[1] < 1 or not 0 <= host[0] < host[1]:
            raise ValueError(f'{host=} is not (index, count)')
        if self.config.batch_size % host[1]:
            raise errors.InputError(
                'MX09',
                f'{self.config.batch_size} windows a step do not divide over {host[1]} hosts',
            )
        if not absl.flags.FLAGS.is_parsed():
            absl.flags.FLAGS.mark_as_parsed()  # grain asks for a flag even where no command line was parsed
        return grain.MapDataset.source(_Steps(self, tokenizer, host))

    def batches(
        self, tokenizer, host: tuple[int, int] = (0, 1), start_step: int = 0
    ) -> Iterator[records.Batch]:
        """This host's batches from `start_step` on, prepared ahead in threads: a grain iterator; close it.

        Its state is the step: `{'next_index': step}`.
        """
        import grain

        options = grain.ReadOptions(
            num_threads=self.config.threads, prefetch_buffer_size=self.config.ahead
        )
        iterator = iter(self.dataset(tokenizer, host).to_iter_dataset(options))
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


class _Steps:
    """A random-access source for grain: one element a step, without end."""

    def __init__(self, mixture: Mixture, tokenizer, host: tuple[int, int]):
        self.mixture, self.tokenizer, self.host = mixture, tokenizer, host

    def __len__(self) -> int:
        return _FOREVER

    def __getitem__(self, step) -> records.Batch:
        return self.mixture.batch(int(step), self.tokenizer, self.host)

    def __repr__(self) -> str:
        return f'genojax.Mixture({self.mixture.fingerprint[:16]})'


def _nth(table_P: np.ndarray, count: int) -> np.ndarray:
    """For every draw of a table, how many draws of its species came before it, int64 [P]."""
    nth_P = np.empty(len(table_P), np.int64)
    for s in range(count):
        rows = np.flatnonzero(table_P == s)
        nth_P[rows] = np.arange(len(rows))
    return nth_P


def assemble(
    corpus: records.Corpus,
    species_B: np.ndarray,
    contig_B: np.ndarray,
    start_B: np.ndarray,
    valid_B: np.ndarray,
    flip_B: np.ndarray,
    length: int,
    tokenizer,
) -> records.Batch:
    """A batch of windows.

    `tokens` int32 [B, T] with [CLS] and [SEP], `bases` uint8 [B, L] (4 past the end of a short
    contig), `regions` uint8 [B, L], `species` int32 [B] (number in the corpus), `valid` int32 [B]
    (real bases). Where `flip_B`, the other strand, with its regions in its own order; real bases
    stay in front.
    """
    bases_BL = np.empty((len(species_B), length), np.uint8)
    regions_BL = np.empty((len(species_B), length), np.uint8)
    for s in np.unique(species_B).tolist():
        rows = np.flatnonzero(species_B == s)
        member = corpus[corpus.species[s]]
        start = (
            start_B[rows] % member.lengths[contig_B[rows]]
        )  # a shift may lead over a circular origin
        bases_BL[rows], regions_BL[rows], _ = member.read(contig_B[rows], start, length)
    short_B = valid_B < length
    if short_B.any():
        past_BL = np.arange(length) >= valid_B[:, None]
        bases_BL[past_BL], regions_BL[past_BL] = dna.UNKNOWN, 0
    turn = np.flatnonzero(flip_B & ~short_B)
    bases_BL[turn] = dna.reverse_complement(bases_BL[turn])
    regions_BL[turn] = regions_BL[turn][:, ::-1]
    for row in np.flatnonzero(flip_B & short_B).tolist():
        n = int(valid_B[row])
        bases_BL[row, :n] = dna.reverse_complement(bases_BL[row, :n])
        regions_BL[row, :n] = regions_BL[row, :n][::-1].copy()
    valid = valid_B.astype(np.int64) if short_B.any() else None
    return {
        'tokens': tokenizer.encode(bases_BL, special=True, valid=valid),
        'bases': bases_BL,
        'regions': regions_BL,
        'species': species_B.astype(np.int32),
        'valid': valid_B.astype(np.int32),
    }


def eval_batches(
    corpus: records.Corpus, parts: Mapping[str, windows.Windows], config: MixtureConfig, tokenizer
) -> Iterator[records.Batch]:
    """All windows once, in corpus order, as they stand on the forward strand.

    `weight` float32 [B] is 1, and 0 for the rows that fill up the last batch (copies of its last
    window).
    """
    columns = []
    for number, name in enumerate(corpus.species):
        if name in parts:
            part = parts[name]
            columns.append(
                np.stack(
                    [
                        np.full(len(part), number),
                        part.contig.astype(np.int64),
                        part.start,
                        part.valid.astype(np.int64),
                    ]
                )
            )
    rows = np.concatenate([np.zeros((4, 0), np.int64), *columns], axis=1)
    for first in range(0, rows.shape[1], config.batch_size):
        piece = rows[:, first : first + config.batch_size]
        filler = config.batch_size - piece.shape[1]
        weight = np.ones(config.batch_size, np.float32)
        if filler:
            weight[-filler:] = 0.0
            piece = np.concatenate([piece, np.repeat(piece[:, -1:], filler, axis=1)], axis=1)
        flip = np.zeros(config.batch_size, bool)
        batch = assemble(corpus, *piece, flip, config.length, tokenizer)
        yield {**batch, 'weight': weight}
