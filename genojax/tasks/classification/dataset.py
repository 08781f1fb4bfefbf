"""Labelled sequences from a table, split without leaks, as batches."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from genojax import dna, errors
from genojax.data.datasets import base
from genojax.data.formats import labelled_table
from genojax.data.genomes import loading
from genojax.data.splits import labelled_rows
from genojax.tokenizers.base import Tokenizer
from genojax.typing import Batch

_STREAMS = {'shuffle': 11, 'flip': 12, 'shift': 13}  # numbers of streams of random bits


@dataclasses.dataclass(frozen=True)
class LabelledDataConfig:
    """Labelled sequences from a table; the test rows are never trained on nor used to select."""

    # A TSV or CSV with columns sequence, label and perhaps split, or a directory that holds one.
    path: str = ''
    exclude: str = ''  # ingested genomes: rows that occur in them are removed
    batch_size: int = 32
    length: int = 0  # bases per row, shorter rows are padded; 0: those of the longest row
    test: float = 0.25  # share of the rows; rows that share sequence stay together
    validation: float = 0.1  # share of the other rows: selects the checkpoint
    split_seed: int = 0
    reverse_complement: bool = False  # for labels without a strand; a promoter has one

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f'{self.batch_size=} must be at least 1')
        if self.length < 0:
            raise ValueError(f'{self.length=} must not be negative')
        for name in ('test', 'validation'):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be in (0, 1)')


class LabelledDatasets(base.TaskDatasets):
    """Rows of a table, without those that occur in the excluded genomes, in three splits.

    Attributes:
        table: the rows that remain; `rows(split)` gives the row numbers of a split.
        row_split: the splits, and the group of rows that share sequence of every row.
        length: bases per row.
        removed: which rows occur in the genomes.

    Raises:
        UsageError, InputError: LB01 .. LB10.
    """

    def __init__(self, config: LabelledDataConfig, seed: int, tokenizer: Tokenizer):
        self.config, self.tokenizer, self.seed = config, tokenizer, seed
        if not config.path:
            raise errors.UsageError(
                'data.path is empty. Fix: name a TSV or CSV (--config.tasks.NAME.data.path=FILE)'
            )
        table = labelled_table.read(config.path)
        self.length = config.length or table.longest
        self.removed = {'rows': len(table), 'removed': [], 'rows_too_short_to_search': 0}
        if config.exclude:
            genomes = loading.open_shards(config.exclude)
            table, self.removed = labelled_rows.screen(genomes, table)
        table.padded(length=self.length)  # refuses rows that are too long
        self.table = table
        self.row_split = labelled_rows.split_rows(
            table, config.test, config.validation, config.split_seed
        )
        self.fingerprint = self._fingerprint()
        self._order = base.RowOrder(seed, **_STREAMS)

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of 'train', 'validation' or 'test', int64."""
        return self.row_split.rows(split)

    def _fingerprint(self) -> str:
        sha256 = hashlib.sha256()
        head = ['labels 1', self.config.batch_size, self.seed, self.length]
        sha256.update(json.dumps(head).encode())
        for codes in self.table.sequences:
            sha256.update(len(codes).to_bytes(8, 'little'))
            sha256.update(np.ascontiguousarray(codes))
        for array in (self.table.labels, *(self.rows(split) for split in base.SPLITS)):
            sha256.update(np.ascontiguousarray(array))
        return sha256.hexdigest()

    @property
    def description(self) -> dict:
        """The data as `datasets.json` has them under the task's name.

        `classes` are the names of the classes, in the order of the logits; `length` is the bases
        per row.
        """
        return {
            'source': str(self.table.source),
            'classes': [str(number) for number in range(self.table.classes)],
            'rows': {split: len(self.rows(split)) for split in base.SPLITS},
            'length': self.length,
            'genomes': self.config.exclude or None,
            'audit': self.audit,
        }

    @property
    def audit(self) -> dict:
        """Which rows were removed, and what the splits share."""
        return {'removed': self.removed, 'split': self.row_split.report}

    @property
    def summary(self) -> list[str]:
        sizes = ', '.join(f'{len(self.rows(split)):,} {split}' for split in base.SPLITS)
        removed = 'not compared with genomes (data.exclude)'
        if self.config.exclude:
            removed = f'{len(self.removed["removed"])} removed that occur in {self.config.exclude}'
        return [f'  {self.table.source}: rows {sizes}; {removed}']

    def train(self, start_step: int = 0, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        shard.rows(self.config.batch_size)  # refuses a batch that does not divide at once
        return self._train(start_step, shard)

    def _train(self, step: int, shard: base.Shard) -> Iterator[Batch]:
        size = self.config.batch_size
        codes_NL, valid_N = self.table.padded(self.rows('train'), self.length)
        label_N = self.table.labels[self.rows('train')]
        while True:
            draw_B = step * size + shard.rows(size)
            row_B = self._order.rows(draw_B, len(label_N))
            codes_BL, valid_B = codes_NL[row_B], valid_N[row_B]
            if self.config.reverse_complement:
                for row in np.flatnonzero(self._order.flips(draw_B)).tolist():
                    n = int(valid_B[row])
                    codes_BL[row, :n] = dna.reverse_complement(codes_BL[row, :n])
            weight_B = np.ones(len(row_B), np.float32)
            yield self._batch(codes_BL, valid_B, label_N[row_B], weight_B)
            step += 1

    def validation(self, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        return self.in_order('validation', shard)

    def test(self, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        return self.in_order('test', shard)

    def in_order(self, split: str, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        """Rows of any split in order; `weight` is 0 for filler rows."""
        rows = self.rows(split)
        for row_B, weight_B in base.in_order(len(rows), self.config.batch_size, shard):
            codes_BL, valid_B = self.table.padded(rows[row_B], self.length)
            yield self._batch(codes_BL, valid_B, self.table.labels[rows[row_B]], weight_B)

    def _batch(self, codes_BL, valid_B, label_B, weight_B) -> Batch:
        return {
            'bases': codes_BL,
            'label': label_B.astype(np.int32),
            'weight': weight_B,
            **self.tokenizer.batch_entries(codes_BL, valid_B),
        }


def read_row(codes_L: np.ndarray, description: dict, tokenizer: Tokenizer, **where) -> np.ndarray:
    """The base codes of a sequence as the rows of a training table were read.

    Args:
        description: of the run's datasets.
        where: `path`, `line`, `record` of an error.

    Raises:
        InputError: LB05 for a sequence longer than the training rows, EM02 for one shorter than a
            token.
    """
    size = len(codes_L)
    if size > description['length']:
        raise errors.InputError(
            'LB05',
            f'{size} bases, but the model was trained on rows of at most {description["length"]}',
            fix='cut the sequence into rows of that length',
            **where,
        )
    if size < max(1, tokenizer.bases_per_token):
        raise errors.InputError(
            'EM02', f'{size} bases, fewer than a token has', fix='leave it out', **where
        )
    return codes_L


def prediction_batch(rows: Sequence[np.ndarray], description: dict, tokenizer: Tokenizer) -> Batch:
    """Rows of base codes as a batch without labels, padded to the length of the training rows."""
    codes_BL = np.full((len(rows), description['length']), dna.UNKNOWN, np.uint8)
    for target, codes_L in zip(codes_BL, rows, strict=True):
        target[: len(codes_L)] = codes_L
    valid_B = np.array([len(codes_L) for codes_L in rows], np.int32)
    return {'bases': codes_BL, **tokenizer.batch_entries(codes_BL, valid_B)}


def check_table(path: str | pathlib.Path, length: int) -> labelled_table.LabelledTable:
    """Reads a table and refuses what would stop training later.

    Args:
        length: bases that the model can read per row; 0 for no limit.

    Raises:
        InputError: LB01 .. LB07.
    """
    table = labelled_table.read(path)
    if length and table.longest > length:
        table.padded(length=length)  # LB05 names the row
    return table
