"""The number that is explained: one column of a task's predictions, or one track over some bins.

It is a `prediction.TaskHead` with one column, so it is computed by the code that predicts, in the
same batches. Probabilities saturate where a model is sure, and so do their gradients; therefore a
class is explained by its log-odds unless the probability is requested.
"""

import dataclasses
import difflib
import functools
import shlex
from collections.abc import Sequence
from typing import Literal

import jax.numpy as jnp
import numpy as np

from genojax import errors
from genojax.inference import batching, prediction
from genojax.inference.model import Model
from genojax.typing import Array, Batch, Float

Scale = Literal['log_odds', 'probability']


def select(
    model: Model,
    task: str | None = None,
    output: str | None = None,
    *,
    scale: Scale = 'log_odds',
    bins: slice = slice(None),
) -> prediction.TaskHead:
    """One number per sequence: of a class, a label, a value, or a coverage track.

    Args:
        task: of the run; by default its only one. Not for coverage models.
        output: name of the class, label or value; by default the only value, or the second of two
            classes. For a coverage model ORGANISM:NUMBER, tracks numbered from 0.
        scale: of classes and labels: natural logarithm of p / (1 - p), or p.
        bins: of a coverage model, whose mean is taken; all by default.

    Raises:
        UsageError: there is no such output, or several and none is named.
    """
    if model.config.track_heads and not model.heads:
        return _track(model, output, bins)
    head = prediction.select(model, task)
    column = column_of(head, output)
    if head.kind == 'values':
        unit = ''
    else:
        unit = 'log-odds of ' if scale == 'log_odds' else 'probability of '

    def compute(params, extra, batch: Batch) -> Float[Array, 'B 1']:
        values_BC = head.compute(params, extra, batch)
        if head.kind == 'values' or scale == 'probability':
            return values_BC[:, column : column + 1]
        return _log_odds(values_BC, column, head.kind)[:, None]

    return dataclasses.replace(
        head, kind='values', names=(f'{unit}{head.names[column]}',), compute=compute
    )


def column_of(head: prediction.TaskHead, output: str | None) -> int:
    """The number of an output among a head's; arguments and errors as for `select`."""
    if output is None:
        if len(head.names) == 1:
            return 0
        if head.kind == 'classes' and len(head.names) == 2:
            return 1
        shown = ', '.join(head.names[:8])
        raise errors.UsageError(
            f'task {head.name!r} predicts {len(head.names)} numbers: {shown}. '
            f'Fix: --output={shlex.quote(head.names[0])}'
        )
    if output not in head.names:
        raise errors.UsageError(
            f'task {head.name!r} has no output {output!r}; it has {", ".join(head.names[:20])}. '
            f'Fix: --output={shlex.quote(_nearest(output, head.names))}'
        )
    return head.names.index(output)


def _nearest(name: str, names: Sequence[str]) -> str:
    """The name that is spelt most alike; without one, that of the last output."""
    return (difflib.get_close_matches(name, names, n=1) or [names[-1]])[0]


def _log_odds(p_BC: Float[Array, 'B C'], column: int, kind: str) -> Float[Array, 'B']:
    """ln p / (1 - p). Of classes, 1 - p is the sum of the others, so nothing cancels near p = 1."""
    tiny = jnp.finfo(jnp.float32).tiny
    if kind == 'classes':
        others_B = jnp.delete(p_BC, column, axis=1, assume_unique_indices=True).sum(1)
    else:
        others_B = 1 - p_BC[:, column]
    return jnp.log(jnp.maximum(p_BC[:, column], tiny)) - jnp.log(jnp.maximum(others_B, tiny))


def _track(model: Model, output: str | None, bins: slice) -> prediction.TaskHead:
    organism, number = _track_number(model, output)
    reader = model.reader
    count = model.input_spec.bins(reader.window)
    chosen = range(count)[bins]
    if not len(chosen):
        raise errors.UsageError(
            f'--bins={bins.start}-{bins.stop}: a window has bins 0 to {count - 1}. '
            f'Fix: --bins=0-{count}'
        )

    def batch(rows: list[np.ndarray]) -> Batch:
        (part,) = _full_batches(reader, rows)
        return {name: value[: len(rows)] for name, value in part.batch.items()}

    def compute(params, extra, batch: Batch) -> Float[Array, 'B 1']:
        features = model.forward(params['model'], extra, batch)
        track_BP = features.tracks[organism][:, chosen.start : chosen.stop, number]
        return track_BP.astype(jnp.float32).mean(1, keepdims=True)

    return prediction.TaskHead(
        name='tracks',
        kind='values',
        names=(f'{organism} track {number}, mean of bins {chosen.start} to {chosen.stop - 1}',),
        params=None,
        read_row=functools.partial(_checked_row, reader),
        batch=batch,
        compute=compute,
    )


def _full_batches(reader: batching.RowReader, rows: list[np.ndarray]) -> list[batching.RowBatch]:
    wide = dataclasses.replace(reader, batch_tokens=reader.window * len(rows), multiple=1)
    return list(batching.batches((wide.row(codes_L) for codes_L in rows), wide))


def _checked_row(reader: batching.RowReader, codes_L: np.ndarray, **where) -> np.ndarray:
    reader.check(codes_L, **where)
    return codes_L


def _track_number(model: Model, output: str | None) -> tuple[str, int]:
    heads = model.config.track_heads
    known = ', '.join(f'{name}:0 to {name}:{count - 1}' for name, count in heads.items())
    if output is None and list(heads.values()) == [1]:
        return next(iter(heads)), 0
    organism, _, number = (output or '').rpartition(':')
    if organism not in heads or not number.isdecimal() or int(number) >= heads[organism]:
        problem = 'several tracks' if output is None else f'no track {output!r}'
        fix = f'--output={next(iter(heads))}:0, of {known}'
        raise errors.UsageError(f'the model has {problem}. Fix: {fix}')
    return organism, int(number)


def view_offset(row_L: np.ndarray, codes_L: np.ndarray) -> int:
    """Bases of a sequence before the part of it that a task reads (`TaskHead.read_row`)."""
    if row_L is codes_L or len(row_L) == len(codes_L):
        return 0
    if not np.shares_memory(row_L, codes_L):
        raise ValueError('the row is not a part of the sequence')
    address = row_L.__array_interface__['data'][0]
    return address - codes_L.__array_interface__['data'][0]
