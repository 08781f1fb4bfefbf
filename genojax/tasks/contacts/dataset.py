"""Windows with Hi-C contacts between their bins, of one or several species, in three splits.

`genojax hic` writes the windows and names training and test windows. A share of the training
windows, in whole blocks, is the validation split, which selects the checkpoint. A batch holds

    tokens    int32 [B, L]       nucleotide ids of a window with its flanks, no special tokens
    contacts  float32 [B, P, P]  log of observed / expected between the bins of its centre
    known     bool [B, P, P]     False for bins that are masked and for pairs near the diagonal
    weight    float32 [B]        0 for filler rows
    valid     int32 [B]          known bases of a row
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from genojax import dna, errors
from genojax.data.datasets import base, order
from genojax.data.store.contacts import shards
from genojax.tokenizers.base import Tokenizer
from genojax.typing import Batch

_STREAMS = {'shuffle': 81, 'flip': 82, 'shift': 83}  # numbers of streams of random bits
_VALIDATION_STREAM = 84


@dataclasses.dataclass(frozen=True)
class ContactsDataConfig:
    """A directory that `genojax hic` wrote, and how its values are read."""

    path: str = ''  # the directory
    species: tuple[str, ...] = ()  # of it; (): all
    batch_size: int = 4
    length: int = 0  # bp of a window, as prepared; 0: as the directory says
    crop: int = 0  # bp at either end without contacts, as prepared; read where length is 0
    bin: int = 0  # bp, as prepared; read where length is 0
    validation: float = 0.15  # share of the blocks of training windows
    split_seed: int = 0
    reverse_complement: bool = True  # read half of the training rows from the other strand
    shift: int = 3  # largest shift of a training row's DNA to either side, in bp
    # Targets are log((observed / expected + pseudo) / (1 + pseudo)), cut at +- clip: a pair without
    # contacts is a measurement, and its logarithm must be finite.
    pseudo: float = shards.PSEUDO
    clip: float = shards.CLIP  # largest absolute value of a target

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f'{self.batch_size=} must be at least 1')
        if min(self.length, self.crop, self.bin, self.shift) < 0:
            raise ValueError('length, crop, bin and shift must not be negative')
        if not 0 < self.validation < 1:
            raise ValueError(f'{self.validation=} must be in (0, 1)')
        if not (self.pseudo > 0 and self.clip > 0):
            raise ValueError(f'{self.pseudo=} and {self.clip=} must be above 0')
        if self.length and (not self.bin or self.centre < 2 * self.bin or self.centre % self.bin):
            raise ValueError(
                f'{self.length=} without {self.crop=} at both ends is not several whole bins of '
                f'{self.bin} bp'
            )

    @property
    def centre(self) -> int:
        """Bases of a window that contacts are between."""
        return self.length - 2 * self.crop

    @property
    def bins(self) -> int:
        """Bins of a window that contacts are between."""
        return self.centre // self.bin


class WindowPosition(NamedTuple):
    """A window: number of its species, part and row in it."""

    species: int
    part: str
    row: int


class ContactsDatasets(base.TaskDatasets):
    """Windows of every species.

    Attributes:
        config: with the sizes of the directory.
        sources: the species.
        diagonals: pairs of bins nearer than this are not predicted.
        windows: split -> its windows.
    """

    def __init__(self, config: ContactsDataConfig, seed: int, tokenizer: Tokenizer):
        if not config.path:
            raise errors.UsageError(
                'data.path is empty. Fix: --config.tasks.TASK.data.path=DIR, a directory that '
                '`genojax hic` wrote'
            )
        value = shards.read_value(config.path)
        self.config = with_sizes(config, value['settings'])
        self.diagonals = value['settings']['diagonals']
        self.tokenizer, self.seed = tokenizer, seed
        names = config.species or tuple(value['species'])
        self.sources = [shards.open_contacts(config.path, name) for name in names]
        self.windows: dict[str, list[WindowPosition]] = {split: [] for split in base.SPLITS}
        for number, source in enumerate(self.sources):
            for split, positions in _divide(source, number, config).items():
                self.windows[split] += positions
        parts = [base.hashed_fields(self.config) | {'path': '', 'seed': seed}]
        parts += [source.digest for source in self.sources]
        self.fingerprint = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        self._order = base.RowOrder(seed, **_STREAMS)

    @property
    def description(self) -> dict:
        """Sizes and counts; what predictions need."""
        c = self.config
        return {
            'length': c.length,
            'crop': c.crop,
            'bin': c.bin,
            'diagonals': self.diagonals,
            'species': [source.name for source in self.sources],
            'windows': {split: len(self.windows[split]) for split in base.SPLITS},
        }

    @property
    def has_rates(self) -> bool:
        """Whether the true rates of a simulation are there, for every species."""
        return all(source.rates_AE is not None for source in self.sources)

    @property
    def summary(self) -> list[str]:
        row = self.description
        counts = ', '.join(f'{count:,} {split}' for split, count in row['windows'].items())
        return [
            f'  {", ".join(row["species"])}: windows {counts}; {row["length"]:,} bp, of which '
            f'{self.config.bins} bins of {row["bin"]:,} bp have contacts'
        ]

    def train(self, start_step: int = 0, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        shard.rows(self.config.batch_size)  # refuses a batch that does not divide at once
        return self._train(start_step, shard)

    def _train(self, step: int, shard: base.Shard) -> Iterator[Batch]:
        size, config, windows = self.config.batch_size, self.config, self.windows['train']
        while True:
            draw_B = step * size + shard.rows(size)
            row_B = self._order.rows(draw_B, len(windows))
            flip_B = self._order.flips(draw_B) & config.reverse_complement
            shift_B = self._order.shifts(draw_B, config.shift, config.shift)
            positions = [windows[row] for row in row_B.tolist()]
            yield self.batch(positions, flip_B, shift_B, np.ones(len(row_B)))
            step += 1

    def validation(self, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        return self.in_order('validation', shard)

    def test(self, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        return self.in_order('test', shard)

    def in_order(
        self,
        split: str,
        shard: base.Shard = base.ONE_HOST,
        flip: bool = False,
        limit: int | None = None,
    ) -> Iterator[Batch]:
        """Every window of a split once, without shifts.

        Args:
            flip: read the rows from the other strand.
            limit: largest number of windows.
        """
        windows = self.windows[split][:limit]
        for row_B, weight_B in base.in_order(len(windows), self.config.batch_size, shard):
            positions = [windows[row] for row in row_B.tolist()]
            flip_B, shift_B = np.full(len(row_B), flip), np.zeros(len(row_B), np.int64)
            yield self.batch(positions, flip_B, shift_B, weight_B)

    def load(self, positions: list[WindowPosition]) -> shards.ContactRows:
        """Windows in memory, on their own strand."""
        rows = [self.sources[p.species].load(p.part, np.array([p.row])) for p in positions]
        arrays = [np.concatenate([row[i] for row in rows]) for i in range(3)]
        rates = [row.rates_NPP for row in rows]
        return shards.ContactRows(*arrays, np.concatenate(rates) if self.has_rates else None)

    def target(self, contacts_NPP: np.ndarray) -> np.ndarray:
        """What is predicted of observed / expected; see the config."""
        return shards.logarithm(contacts_NPP, self.config.pseudo, self.config.clip)

    def batch(
        self,
        positions: list[WindowPosition],
        flip_B: np.ndarray,
        shift_B: np.ndarray,
        weight_B: np.ndarray,
    ) -> Batch:
        """One batch.

        Args:
            flip_B: rows read from the reverse strand; their bins are in reverse order.
            shift_B: by how many bp the DNA is shifted right against its bins, before the flip.
        """
        rows = self.load(positions)
        moved = zip(rows.codes_NL, shift_B.tolist(), strict=True)
        codes_BL = np.stack([_shifted(codes_L, shift) for codes_L, shift in moved])
        target_BPP, known_BPP = self.target(rows.contacts_NPP), rows.known_NPP.copy()
        codes_BL[flip_B] = dna.reverse_complement(codes_BL[flip_B])
        for values_BPP in (target_BPP, known_BPP):
            values_BPP[flip_B] = values_BPP[flip_B][:, ::-1, ::-1]
        return {
            'tokens': self.tokenizer.encode(codes_BL, special=False),
            'contacts': np.where(known_BPP, target_BPP, 0).astype(np.float32),
            'known': known_BPP,
            'weight': np.asarray(weight_B, np.float32),
            'valid': (codes_BL < dna.UNKNOWN).sum(1).astype(np.int32),
        }


def with_sizes(config: ContactsDataConfig, settings: dict) -> ContactsDataConfig:
    """The config with the sizes of the directory.

    Raises:
        UsageError: the config has others.
    """
    sizes = {'length': settings['window'], 'crop': settings['crop'], 'bin': settings['bin']}
    own = {'length': config.length, 'crop': config.crop, 'bin': config.bin}
    if config.length and own != sizes:
        words = ', '.join(f'{name} {own[name]:,} (not {sizes[name]:,})' for name in own)
        fix = ' '.join(f'--config.tasks.TASK.data.{name}={size}' for name, size in sizes.items())
        raise errors.UsageError(f'{config.path} holds windows of another size: {words}. Fix: {fix}')
    return dataclasses.replace(config, **sizes)


def _shifted(codes_L: np.ndarray, shift: int) -> np.ndarray:
    """A row's bases moved to the right; unknown where none are left."""
    result_L = np.full(len(codes_L), dna.UNKNOWN, np.uint8)
    first, last = max(shift, 0), min(len(codes_L) + shift, len(codes_L))
    result_L[first:last] = codes_L[first - shift : last - shift]
    return result_L


def _divide(
    source: shards.ContactSpecies, number: int, config: ContactsDataConfig
) -> dict[str, list[WindowPosition]]:
    """Windows of one species by split; blocks of training windows stay together."""
    block_N = np.array([block for _, _, block in source.windows['train']])
    blocks = np.unique(block_N)
    position = np.arange(len(blocks))
    key = (config.split_seed, _VALIDATION_STREAM, number)
    shuffled = blocks[order.permute(position, len(blocks), *key)]
    count = max(1, round(config.validation * len(blocks)))
    if count >= len(blocks):
        raise errors.InputError(
            'SP01',
            f'{len(blocks)} blocks of training windows of {source.name}, of which {count} would be '
            'for validation',
            fix='a smaller --block or --window of `genojax hic`',
        )
    chosen = np.isin(block_N, shuffled[:count])
    return {
        'train': [WindowPosition(number, 'train', row) for row in np.flatnonzero(~chosen).tolist()],
        'validation': [
            WindowPosition(number, 'train', row) for row in np.flatnonzero(chosen).tolist()
        ],
        'test': [WindowPosition(number, 'test', row) for row in range(len(source.windows['test']))],
    }
