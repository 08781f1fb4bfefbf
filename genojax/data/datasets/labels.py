"""Labelled sequences as batches: which row is where is a function of (seed, step)."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator

import numpy as np

from genojax import dna, errors, typing
from genojax.data import counter_random
from genojax.data.datasets import order
from genojax.data.formats import labelled_table
from genojax.data.genomes import assemblies
from genojax.data.splits import labelled_rows

_SHUFFLE, _FLIP = 11, 12  # purposes of random bits


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """A table made ready for training: rows that genomes hold removed, sides without leaks."""

    labelled: labelled_table.LabelledTable
    split: labelled_rows.RowSplit
    length: int  # bases of the padded rows
    removed: dict  # the report of `labelled_rows.remove_rows_in`

    def rows(self, name: str) -> np.ndarray:
        """Row numbers of 'train', 'validation' or 'test'."""
        if name not in labelled_table.SPLITS:
            raise ValueError(f'{name!r} is not one of {labelled_table.SPLITS}')
        return getattr(self.split, name)


def open_task(
    path: str | os.PathLike,
    corpus: assemblies.Corpus | None = None,
    *,
    test: float = 0.25,
    validation: float = 0.1,
    seed: int = 0,
    length: int = 0,
) -> Task:
    """Read a table, remove the rows that `corpus` holds, and split the others.

    Args:
        length: bases the model reads; 0 means the longest row's.

    Raises:
        InputError: LB01 .. LB10.
    """
    labelled = labelled_table.read(path)
    length = length or labelled.longest
    removed = {'rows': len(labelled), 'removed': [], 'rows_too_short_to_search': 0}
    if corpus is not None:
        labelled, removed = labelled_rows.remove_rows_in(corpus, labelled)
    labelled.padded(length=length)  # refuses rows that are too long before anything is trained
    return Task(
        labelled, labelled_rows.split_rows(labelled, test, validation, seed), length, removed
    )


def fingerprint(task: Task, batch_size: int, seed: int) -> str:
    """A hash of everything that decides which row a training batch holds."""
    sha256 = hashlib.sha256()
    sha256.update(json.dumps(['labels 1', batch_size, seed, task.length]).encode())
    for codes in task.labelled.sequences:
        sha256.update(len(codes).to_bytes(8, 'little'))
        sha256.update(np.ascontiguousarray(codes))
    for array in (task.labelled.labels, task.split.train, task.split.validation, task.split.test):
        sha256.update(np.ascontiguousarray(array))
    return sha256.hexdigest()


def batches(
    task: Task,
    tokenizer,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    host: tuple[int, int] = (0, 1),
    reverse_complement: bool = False,
) -> Iterator[typing.Batch]:
    """Training batches without end from `start_step` on; a function of (seed, step), every row once an epoch.

    `tokens` int32 [B, T], `bases` uint8 [B, L], `label` int32 [B], `weight` float32 [B] (all 1), `valid` int32 [B] real
    bases, and what else the tokenizer says (`Tokenizer.batch_entries`).

    Args:
        host: (index, count); this host gets rows index, index + count, ... of the global batch.
        reverse_complement: read half of the rows from the other strand. Off by default: a promoter
            has a strand.
    """
    if host[1] < 1 or not 0 <= host[0] < host[1]:
        raise ValueError(f'{host=} is not (index, count)')
    if batch_size % host[1]:
        raise errors.InputError(
            'MX09', f'{batch_size} rows a step do not divide over {host[1]} hosts'
        )
    return _batches(task, tokenizer, batch_size, seed, start_step, host, reverse_complement)


def _batches(
    task, tokenizer, batch_size, seed, step, host, reverse_complement
) -> Iterator[typing.Batch]:
    codes_NL, valid_N = task.labelled.padded(task.split.train, task.length)
    label_N = task.labelled.labels[task.split.train]
    while True:
        index = step * batch_size + np.arange(host[0], batch_size, host[1])
        epoch, place = np.divmod(index, len(label_N))
        rows = order.permute(place, len(label_N), seed, _SHUFFLE, epoch)
        codes_BL, valid_B = codes_NL[rows], valid_N[rows]
        if reverse_complement:
            for row in np.flatnonzero(counter_random.randint(2, seed, _FLIP, index)).tolist():
                n = int(valid_B[row])
                codes_BL[row, :n] = dna.reverse_complement(codes_BL[row, :n])
        yield _batch(codes_BL, valid_B, label_N[rows], np.ones(len(rows), np.float32), tokenizer)
        step += 1


def eval_batches(task: Task, name: str, tokenizer, batch_size: int) -> Iterator[typing.Batch]:
    """All rows of a side once, in order; `weight` is 0 for the copies of the last row that fill up."""
    part = task.rows(name)
    for first in range(0, len(part), batch_size):
        rows = part[first : first + batch_size]
        weight = (np.arange(batch_size) < len(rows)).astype(np.float32)
        rows = np.concatenate([rows, np.repeat(rows[-1:], batch_size - len(rows))])
        codes_BL, valid_B = task.labelled.padded(rows, task.length)
        yield _batch(codes_BL, valid_B, task.labelled.labels[rows], weight, tokenizer)


def _batch(codes_BL, valid_B, label_B, weight_B, tokenizer) -> typing.Batch:
    entries = tokenizer.batch_entries(codes_BL, valid_B)
    return {
        'bases': codes_BL,
        'label': label_B.astype(np.int32),
        'weight': weight_B,
        **entries,
    }
