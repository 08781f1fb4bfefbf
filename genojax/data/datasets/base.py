"""What every dataset shares: shards of a batch, the random order of rows, and filler rows.

A task's data are one `TaskDatasets` object with three splits. `train` is endless and random;
`validation` and `test` read every row once, in order. Every batch is a function of (seed, step), so
the position of a run in its data is the step, and `fingerprint` says whether a step still means
the same batch.
"""

import abc
import dataclasses
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from genojax import errors
from genojax.data import counter_random
from genojax.data.datasets import order
from genojax.typing import Batch

SPLITS = ('train', 'validation', 'test')


class Shard(NamedTuple):
    """One host's part of every global batch: part `index` of `count` equal runs of rows."""

    index: int = 0
    count: int = 1

    def rows(self, batch_size: int) -> np.ndarray:
        """Row numbers of this host in a global batch, int64.

        Raises:
            ValueError: the index is not in 0 .. count - 1.
            InputError: MX09, the batch does not divide over the hosts.
        """
        if self.count < 1 or not 0 <= self.index < self.count:
            raise ValueError(f'{self} is not a shard: index must be in 0 .. count - 1')
        if batch_size % self.count:
            raise errors.InputError(
                'MX09', f'{batch_size} rows per step do not divide over {self.count} hosts'
            )
        rows = batch_size // self.count
        return np.arange(self.index * rows, (self.index + 1) * rows)


ONE_HOST = Shard()
# Metadata of a config's field that came after runs had a fingerprint without it.
LATER = {'hashed': 'where it is set'}


def hashed_fields(config: Any) -> dict[str, Any]:
    """The fields of a config for a fingerprint; one that is `LATER` only where it differs.

    So a new field, at its default, leaves the fingerprints of earlier runs as they are.
    """
    values = dataclasses.asdict(config)
    for field in dataclasses.fields(config):
        if field.metadata.get('hashed') and getattr(config, field.name) == field.default:
            del values[field.name]
    return values


class TaskDatasets(abc.ABC):
    """The three splits of one task's data.

    Attributes:
        fingerprint: hash of everything that determines the batches.
        description: the data for a report, JSON.
        summary: the data in a few lines of text.
    """

    fingerprint: str
    description: dict[str, Any]
    summary: list[str]

    @abc.abstractmethod
    def train(self, start_step: int = 0, shard: Shard = ONE_HOST) -> Iterator[Batch]:
        """Endless batches from `start_step` on; step s is a function of (seed, s).

        The iterator has a method `close`, as generators do, which ends its threads.
        """

    @abc.abstractmethod
    def validation(self, shard: Shard = ONE_HOST) -> Iterator[Batch]:
        """Every row that selects the checkpoint once; `weight` is 0 for filler rows."""

    @abc.abstractmethod
    def test(self, shard: Shard = ONE_HOST) -> Iterator[Batch]:
        """Every row that nothing was selected by once; `weight` is 0 for filler rows."""

    def split(self, name: str, shard: Shard = ONE_HOST) -> Iterator[Batch]:
        """`validation` or `test` by name."""
        if name not in SPLITS[1:]:
            raise ValueError(f'{name!r} is not one of {SPLITS[1:]}')
        return self.validation(shard) if name == 'validation' else self.test(shard)


@dataclasses.dataclass(frozen=True)
class RowOrder:
    """The random decisions of a training split, each a function of the seed and the draw's number.

    `shuffle`, `flip` and `shift` are stream numbers: different datasets use different ones, so that
    they never share random bits. `group` arguments separate species or organisms.
    """

    seed: int
    shuffle: int
    flip: int
    shift: int

    def rows(self, draw_B: np.ndarray, size: int | np.ndarray, *group) -> np.ndarray:
        """The row of each draw: all `size` rows once per epoch, in a new order every epoch."""
        epoch_B, position_B = np.divmod(draw_B, size)
        key = (self.seed, self.shuffle, *group, epoch_B)
        return order.permute(position_B, size, *key)

    def flips(self, draw_B: np.ndarray, *group) -> np.ndarray:
        """Which draws are read from the reverse strand, bool; half of them."""
        return counter_random.randint(2, self.seed, self.flip, *group, draw_B) == 1

    def shifts(self, draw_B: np.ndarray, low, high, *group) -> np.ndarray:
        """A uniform shift of each draw in -low .. high, int64."""
        return counter_random.randint(low + high + 1, self.seed, self.shift, *group, draw_B) - low


def in_order(
    count: int, batch_size: int, shard: Shard = ONE_HOST
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows 0 .. count - 1 in batches: row numbers int64 [B] and weights float32 [B].

    The last batch is filled with copies of the last row, whose weight is 0.
    """
    for first in range(0, count, batch_size):
        row_B = first + shard.rows(batch_size)
        yield np.minimum(row_B, count - 1), (row_B < count).astype(np.float32)


def simulated_once(folder: pathlib.Path, write) -> pathlib.Path:
    """`folder`, written by `write(partial_folder)` unless it exists; a kill leaves nothing."""
    import time

    if not folder.exists():
        partial = folder.with_name(f'{folder.name}.partial.{time.time_ns()}')
        try:
            write(partial)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder
