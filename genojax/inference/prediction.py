"""Predictions of a task's head: one row of numbers per sequence.

A head comes from above: `genojax.predict` builds it from a run's task, and this package only runs
it. Rows are padded as the task pads its training rows, and every batch has the same number of rows,
so that one program computes all of them and a row does not depend on the rows beside it.
"""

import dataclasses
import functools
import itertools
import shlex
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import jax
import numpy as np

from genojax import errors
from genojax.inference import batching, finite
from genojax.typing import Array, Batch

if TYPE_CHECKING:
    from genojax.inference.model import Model


@dataclasses.dataclass(frozen=True, eq=False)
class TaskHead:
    """A task of a run, ready to predict.

    Attributes:
        name: of the task.
        kind: 'classes': probabilities of classes, which add up to 1; 'labels': probabilities of
            labels, each by itself; 'values': numbers in the units of the training table.
        names: of the classes, labels or values.
        params: of the task's head; None where the model's outputs are enough.
        read_row: checks the base codes of one sequence, and trims them as training rows were;
            takes `path`, `line` and `record` for its errors.
        batch: rows that `read_row` returned as a batch, of one shape for any rows.
        compute: (params, extra, batch) -> predictions, float32 [B, C].
        compare: how rows that `read_row` returned compare with those of the training: counts for a
            file, and sentences; ({}, []) where that is not known.
    """

    name: str
    kind: Literal['classes', 'labels', 'values']
    names: tuple[str, ...]
    params: Any
    read_row: Callable[..., np.ndarray]
    batch: Callable[[list[np.ndarray]], Batch]
    compute: Callable[[Any, Any, Batch], Array]
    compare: Callable[[list[np.ndarray]], tuple[dict, list[str]]] = lambda rows: ({}, [])

    @functools.cached_property
    def jitted(self):
        """`compute`, compiled."""
        return jax.jit(self.compute)


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """What a task predicts for N sequences, in their order.

    Attributes:
        task: its name.
        kind: 'classes', 'labels' or 'values'; see `TaskHead`.
        names: of the columns: classes, labels or values.
        values: [N, C]: probabilities of classes, float64; or of labels, or values in the units of
            the training table, float32.
    """

    task: str
    kind: Literal['classes', 'labels', 'values']
    names: tuple[str, ...]
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    @property
    def classes(self) -> list[str] | None:
        """The most probable class of every sequence; None unless `kind` is 'classes'."""
        if self.kind != 'classes':
            return None
        return [self.names[number] for number in self.values.argmax(1).tolist()]


def select(model: 'Model', task: str | None = None) -> TaskHead:
    """The head of a task of the model's run; by default of the only one.

    Raises:
        UsageError: the model has no such task, none, or several.
    """
    names = list(model.heads)
    if not names and (others := model.read_heads()):
        raise errors.UsageError(
            f'{model.path} scores variants (task {next(iter(others))!r}), not sequences. '
            f'Fix: genojax score {shlex.quote(str(model.path))} --vcf=VCF --fasta=GENOME '
            f'--out={errors.new_name("scored.vcf")}'
        )
    if not names:
        tracks = ' (it predicts coverage: Model.tracks)' if model.config.track_heads else ''
        raise errors.UsageError(
            f'{model.path} has no task that predicts for a sequence{tracks}. '
            f'Fix: genojax finetune {shlex.quote(str(model.path))} TABLE '
            f'--workdir={errors.new_name(str(model.path))}, and predict with that'
        )
    if task is None and len(names) > 1:
        raise errors.UsageError(
            f'{model.path} has several tasks. Fix: --task={names[0]} (or {", ".join(names[1:])})'
        )
    if task is not None and task not in names:
        raise errors.UsageError(
            f'{model.path} has no task {task!r} that predicts for a sequence; '
            f'it has {", ".join(names)}. Fix: --task={names[0]}'
        )
    return model.heads[names[0] if task is None else task]


def rows(
    model: 'Model', head: TaskHead, codes: Iterable[np.ndarray]
) -> Iterator[tuple[int, np.ndarray]]:
    """For each sequence, in order, its number and its predictions, float32 [C].

    Args:
        codes: what `head.read_row` returned.
    """
    params = {'model': model.params, 'heads': {head.name: head.params}}

    def compute(_, extra, batch):
        return head.jitted(params, extra, batch)

    for part, values_BC in model.run_batches(_batches(model, head, codes), compute):
        for at, number in enumerate(part.numbers.tolist()):
            yield number, values_BC[at]


def _batches(model: 'Model', head: TaskHead, codes: Iterable[np.ndarray]):
    """Batches of a fixed number of rows; the last one is filled up with its last row."""
    codes = iter(codes)
    count, first = 0, next(codes, None)
    if first is None:
        return
    codes = itertools.chain([first], codes)
    size = model.reader.rows_per_batch(head.batch([first])['tokens'].shape[1])
    for group in _groups(codes, size):
        numbers = np.arange(count, count + len(group))
        count += len(group)
        filled = group + [group[-1]] * (size - len(group))
        yield batching.RowBatch(numbers, head.batch(filled))


def _groups(items: Iterator, size: int) -> Iterator[list]:
    while group := list(itertools.islice(items, size)):
        yield group


def predict(
    model: 'Model',
    head: TaskHead,
    codes: list[np.ndarray],
    advance: Callable[[int], None] = lambda count: None,
) -> Predictions:
    """The predictions of a head for sequences that `head.read_row` returned.

    Args:
        advance: called with the number of sequences that are done.

    Raises:
        DamageError: a prediction is not finite.
    """
    values_NC = np.empty((len(codes), len(head.names)), np.float32)
    for number, values_C in rows(model, head, codes):
        values_NC[number] = values_C
        advance(1)
    finite.check(model.path, values_NC, lambda number: f'sequence {number + 1:,}')
    if head.kind == 'classes':
        values_NC = _with_exact_greatest(values_NC)
    return Predictions(head.name, head.kind, head.names, values_NC)


def _with_exact_greatest(p_NC: np.ndarray) -> np.ndarray:
    """Probabilities of classes in float64, the greatest of a row as 1 minus the others.

    In float32 all above 1 - 3e-8 are 1, and rows could not be put in order by them.
    """
    p_NC = p_NC.astype(np.float64)
    greatest_N1 = p_NC.argmax(1)[:, None]
    np.put_along_axis(p_NC, greatest_N1, 0.0, 1)
    np.put_along_axis(p_NC, greatest_N1, 1 - p_NC.sum(1, keepdims=True), 1)
    return p_NC
