"""Labelled sequences from a table, split without leaks, as batches; for classes and for values."""

import abc
import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from genojax import dna, errors, progress, stores
from genojax.data.datasets import base
from genojax.data.formats import labelled_table, table_columns
from genojax.data.genomes import loading
from genojax.data.splits import labelled_rows, pretraining, row_groups
from genojax.tasks.labelled import prediction_rows, training_rows
from genojax.tokenizers.base import Tokenizer
from genojax.typing import Batch

_STREAMS = {'shuffle': 11, 'flip': 12, 'shift': 13}  # numbers of streams of random bits
_PROBE_ROWS = 8  # rows whose tokens are part of the fingerprint
_ROWS_ENCODED = 1_024  # rows tokenized at a time when their tokens are counted


@dataclasses.dataclass(frozen=True)
class LabelledRowsConfig:
    """Labelled sequences from a table; the test rows are never trained on nor used to select."""

    # A TSV or CSV with columns sequence, label and perhaps split, or a folder that holds one; or a
    # folder with a published split: train, dev or valid, and test.
    path: str = ''
    sequence_column: str = ''  # '': the column called sequence
    split_column: str = ''  # '': the column called split, if there is one
    rna: bool = False  # read U as T
    # Ingested genomes to look for the rows in, besides those that `init_from` was trained on.
    exclude: str = ''
    genomes_of: str = ''  # without `init_from`: a run or model whose genomes are searched instead
    # Rows that occur in them: 'remove', 'keep' (the report says that pretraining has read them), or
    # 'auto': remove them where they are few (up to 10 % of the rows and of each class).
    in_genomes: Literal['auto', 'remove', 'keep'] = 'auto'
    batch_size: int = 32
    trim: tuple[int, int] = (0, 0)  # bases left out at the start and the end of every row
    length: int = 0  # bases per row, shorter rows are padded; 0: those of the longest row
    # Rows that need more tokens than a row has (BPE): 'refuse', or 'cut' and count the bases lost.
    long_rows: Literal['refuse', 'cut'] = 'refuse'
    test: float = 0.25  # share of the rows; rows that share sequence stay together
    validation: float = 0.1  # share of the other rows: selects the checkpoint
    split_seed: int = 0
    # Rows that stay in one split: 'related' ones (that share 30 bases, or are near copies), or only
    # those of 'equal' sequence, for designed sequences that are all related: what the splits share
    # is then counted, and the rows that share nothing are scored too.
    keep_together: Literal['related', 'equal'] = 'related'
    group_column: str = ''  # rows with the same text in it stay in one split, instead
    # Parts of the table's own split that share sequence: 'refuse', or 'report' and score the rows
    # that share nothing too. '': report for a folder with a published split, else refuse.
    shared_rows: Literal['', 'refuse', 'report'] = ''
    reverse_complement: bool = False  # for labels without a strand; a promoter has one

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f'{self.batch_size=} must be at least 1')
        if self.length < 0:
            raise ValueError(f'{self.length=} must not be negative')
        if min(self.trim) < 0:
            raise ValueError(f'{self.trim=} must not be negative')
        for name in ('test', 'validation'):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be in (0, 1)')

    def columns(self) -> table_columns.TableColumns:
        """Which columns of the table are read as what."""
        raise NotImplementedError


class RowDatasets(base.TaskDatasets):
    """Rows of a table in three splits; those that occur in genomes by the config's policy.

    Args:
        init_from: the run or model that training starts from: the rows are looked for in the
            genomes that it was trained on.

    Attributes:
        table: the rows that remain; `rows(split)` gives the row numbers of a split.
        row_split: the splits, and the group of rows that share sequence of every row.
        length: bases per row.
        removed: which rows occur in the genomes (`labelled_rows.screen`).
        genomes: directories of the genomes that the rows were looked for in.
        left_out: rows and share of all bases that have no room in their rows of tokens.

    Raises:
        UsageError, InputError: LB01 .. LB12, EM02.
    """

    def __init__(
        self, config: LabelledRowsConfig, seed: int, tokenizer: Tokenizer, init_from: str = ''
    ):
        self.config, self.tokenizer, self.seed = config, tokenizer, seed
        if not config.path:
            raise errors.UsageError(
                'data.path is empty. Fix: --config.tasks.TASK.data.path=FILE names a TSV or CSV'
            )
        table = labelled_table.read(config.path, config.columns())
        if any(config.trim):
            self.trimmed_bases = _trimmed_bases(table, config.trim)
            table = table.trimmed(*config.trim)
        self.length = config.length or table.longest
        seen = pretraining.read(stores.local(m) if (m := init_from or config.genomes_of) else '')
        table = self.table = self._screened(table, seen)
        try:
            table.padded(length=self.length)  # refuses rows that are too long
        except errors.InputError as error:
            fix = f'--config.tasks.TASK.data.length={table.longest}, or shorten the sequence'
            raise error.with_fix(fix) from None
        for row, codes_L in enumerate(table.sequences):
            prediction_rows.check_short(codes_L, tokenizer, **table.where(row))
        self.left_out = self._count_left_out()
        shared = config.shared_rows or ('report' if table.is_folder else 'refuse')
        self.row_split = labelled_rows.split_rows(
            table,
            config.test,
            config.validation,
            config.split_seed,
            shared_rows=shared,
            keep_together=config.keep_together,
            group_column=config.group_column,
        )
        # Whether pretraining was kept from reading the test rows; of interest where rows are kept.
        digest = labelled_rows.digest(table, self.row_split.test)
        self.removed['test_rows_cut'] = digest in seen.label_digests
        self.fingerprint = self._fingerprint()
        self._order = base.RowOrder(seed, **_STREAMS)

    def _screened(self, table, seen: pretraining.Pretraining):
        """The rows to use; `removed` says which occur in the genomes."""
        places = [pathlib.Path(self.config.exclude)] if self.config.exclude else []
        unique = {place.resolve(): place for place in [*seen.shards, *places]}
        self.genomes = [str(place) for place in unique.values()]
        if not self.genomes:
            self.removed = labelled_rows.not_screened(table, seen.unknown)
            return table
        with progress.stage(f'looking for the rows of {table.source} in the genomes'):
            members = [one for place in unique.values() for one in loading.open_shards(place)]
            table, self.removed = labelled_rows.screen(members, table, self.config.in_genomes)
        return table

    @abc.abstractmethod
    def label_entries(self, row_B: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays of a batch that hold the labels of rows of the table."""

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of 'train', 'validation' or 'test', int64."""
        return self.row_split.rows(split)

    def fitted_rows(self, split: str) -> np.ndarray:
        """Rows that a baseline is fitted to: train, and for the test split validation too."""
        if split == 'validation':
            return self.rows('train')
        return np.sort(np.concatenate([self.rows('train'), self.rows('validation')]))

    def sequences(self, rows: np.ndarray) -> list[np.ndarray]:
        """Base codes of rows."""
        return [self.table.sequences[row] for row in rows.tolist()]

    def _count_left_out(self) -> dict:
        """Rows whose bases need more tokens than a row has, and the share of all bases lost.

        Raises:
            InputError: LB05, there is one and the config does not cut it.
        """
        cut_N = np.zeros(len(self.table), np.int64)
        if not self.tokenizer.overlapping:
            for first in range(0, len(cut_N), _ROWS_ENCODED):
                rows = np.arange(first, min(first + _ROWS_ENCODED, len(cut_N)))
                codes, valid = self.table.padded(rows, self.length)
                cut_N[rows] = self.tokenizer.batch_entries(codes, valid)['left_out']
        rows = np.flatnonzero(cut_N)
        bases = sum(len(codes) for codes in self.table.sequences)
        result = {'rows': len(rows), 'share': float(cut_N.sum() / bases)}
        if not len(rows) or self.config.long_rows == 'cut':
            return result
        needed = [len(self.tokenizer.encode_with_spans(codes)[0]) for codes in self.sequences(rows)]
        longest = int(rows[int(np.argmax(needed))])
        raise errors.InputError(
            'LB05',
            f'the row needs {max(needed)} tokens, and a row has '
            f'{self.tokenizer.num_tokens(self.length)}: {len(rows):,} of {len(cut_N):,} rows would '
            f'lose {100 * result["share"]:.1f} % of all bases',
            fix=f'--config.tokenizer.tokens={max(needed)} makes room; '
            '--config.tasks.TASK.data.long_rows=cut leaves their last bases out',
            **self.table.where(longest),
        )

    def _fingerprint(self) -> str:
        sha256 = hashlib.sha256()
        head = ['labels 2', self.config.batch_size, self.seed, self.length]
        head += [self.config.reverse_complement, self.tokenizer.vocab_size]
        sha256.update(json.dumps(head).encode())
        # What the tokenizer makes of some rows says which one it is.
        some = np.arange(min(len(self.table), _PROBE_ROWS))
        probe = self.tokenizer.batch_entries(*self.table.padded(some, self.length))
        for name, array in sorted(probe.items()):
            sha256.update(name.encode() + np.ascontiguousarray(array).tobytes())
        for codes in self.table.sequences:
            sha256.update(len(codes).to_bytes(8, 'little'))
            sha256.update(np.ascontiguousarray(codes))
        for array in (self.table.labels, *(self.rows(split) for split in base.SPLITS)):
            sha256.update(np.ascontiguousarray(array))
        return sha256.hexdigest()

    @property
    def description(self) -> dict:
        """The data as `datasets.json` has them under the task's name.

        `sequences` is a hash of all rows' sequences in any order, `length` the bases per row, after
        `trim`. The tasks add what they predict.
        """
        description = {
            'source': str(self.table.source),
            'rows': {split: len(self.rows(split)) for split in base.SPLITS},
            'sequences': labelled_rows.digest(self.table, np.arange(len(self.table))),
            'length': self.length,
            'genomes': ', '.join(self.genomes) or None,
            'left_out': self.left_out,
            'training_rows': training_rows.record(self),
            'audit': self.audit,
        }
        if any(self.config.trim):
            description['trim'] = self.trimmed_bases
        return description

    @property
    def audit(self) -> dict:
        """Which rows were removed, and what the splits share."""
        return {'removed': self.removed, 'split': self.row_split.report}

    @property
    def summary(self) -> list[str]:
        sizes = ', '.join(f'{len(self.rows(split)):,} {split}' for split in base.SPLITS)
        genomes = genome_words(self.removed, ', '.join(self.genomes))
        lines = [f'  {self.table.source}: rows {sizes}', f'  {genomes}']
        if any(self.config.trim):
            left, right = self.config.trim
            lines.append(f'  every row without its first {left} and last {right} bases')
        shared = self.row_split.report['rows_related_to_train']
        if sum(shared.values()):
            counts = ', '.join(f'{count:,} {split}' for split, count in shared.items())
            lines.append(f'  rows that share sequence with a training row: {counts}')
        if conflicts := conflict_words(self.audit):
            lines.append(f'  {conflicts}')
        if self.left_out['rows']:
            lines.append(
                f'  CUT: {self.left_out["rows"]:,} rows have too many tokens; '
                f'{100 * self.left_out["share"]:.1f} % of all bases are never read'
            )
        return lines

    def train(self, start_step: int = 0, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        shard.rows(self.config.batch_size)  # refuses a batch that does not divide at once
        return self._train(start_step, shard)

    def _train(self, step: int, shard: base.Shard) -> Iterator[Batch]:
        size, rows = self.config.batch_size, self.rows('train')
        codes_NL, valid_N = self.table.padded(rows, self.length)
        while True:
            draw_B = step * size + shard.rows(size)
            row_B = self._order.rows(draw_B, len(rows))
            codes_BL, valid_B = codes_NL[row_B], valid_N[row_B]
            if self.config.reverse_complement:
                for row in np.flatnonzero(self._order.flips(draw_B)).tolist():
                    n = int(valid_B[row])
                    codes_BL[row, :n] = dna.reverse_complement(codes_BL[row, :n])
            weight_B = np.ones(len(row_B), np.float32)
            yield self._batch(codes_BL, valid_B, rows[row_B], weight_B)
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
            yield self._batch(codes_BL, valid_B, rows[row_B], weight_B)

    def _batch(self, codes_BL, valid_B, row_B, weight_B) -> Batch:
        return {
            'bases': codes_BL,
            **self.label_entries(row_B),
            'weight': weight_B,
            **self.tokenizer.batch_entries(codes_BL, valid_B),
        }


def conflict_words(audit: dict | None) -> str:
    """What the table says twice and not alike, as a sentence; '' where it does not.

    Args:
        audit: of datasets; those of earlier versions do not count such rows.
    """
    counts = ((audit or {}).get('split') or {}).get('conflicting_rows') or {}
    return conflicts(counts, 'have the sequence of another row and another label')


def conflicts(counts: dict[str, int], what: str) -> str:
    """The sentence of `conflict_words`.

    Args:
        counts: of rows per split.
        what: the rows have or do.
    """
    if not sum(counts.values()):
        return ''
    parts = ', '.join(f'{count:,} {name}' for name, count in counts.items())
    return (
        f'CONFLICTS: {sum(counts.values()):,} rows {what} ({parts}). All are used: no model is '
        'right on every one'
    )


def genome_words(removed: dict, genomes: str) -> str:
    """What became of the rows that occur in genomes, as a sentence.

    Args:
        removed: the report of `labelled_rows.screen` or `not_screened`.
        genomes: the directories that were searched.
    """
    if not removed.get('checked', bool(genomes)):
        reason = removed.get('reason') or 'data.exclude names no genomes'
        return f'Not checked against genomes: {reason}.'
    count, rows = removed.get('kept', 0), removed['rows']
    if not count and not removed['removed']:
        text = f'None of {rows:,} rows occurs in {genomes}.'
    elif not count:
        text = f'{len(removed["removed"]):,} of {rows:,} rows occur in {genomes} and were removed.'
    else:
        text = (
            f'{count:,} of {rows:,} rows occur in {genomes} and are kept: a model pretrained on '
            'these genomes has read their sequence, without labels'
        )
        text += ', but not the test rows.' if removed.get('test_rows_cut') else '.'
    if removed.get('rows_too_short_to_search'):
        text += f' {removed["rows_too_short_to_search"]:,} rows are too short to be searched for.'
    return text


def _trimmed_bases(table: labelled_table.LabelledTable, trim: tuple[int, int]) -> dict[str, Any]:
    """What `trim` leaves out: the bases at either end; None where they differ between rows."""
    left, right = row_groups.common_flanks(table.sequences)
    first = table.sequences[0]
    start, end = first[: trim[0]], first[len(first) - trim[1] :]
    return {
        'left': trim[0],
        'right': trim[1],
        'left_bases': dna.decode(start) if left >= trim[0] else None,
        'right_bases': dna.decode(end) if right >= trim[1] else None,
    }
