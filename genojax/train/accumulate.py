"""The loss and gradient of a step; by gradient accumulation, where its batches are read in parts.

With `Experiment.accumulate` = N every batch is divided into N microbatches, which are read one
after another within the compiled step, so that activations are those of one microbatch. The result
is that of the whole batch but for rounding:

- A task's loss is a mean over independent rows (`Task.loss_is_row_mean`), (total, count). Gradients
  of the totals are added, and divided once by the count of the whole batch. Microbatches may have
  different counts, none included.
- Masks are drawn for the whole batch (`Task.draw`), so they are the same for any N.
- Dropout is drawn per microbatch: microbatch i of a task has the key `fold_in(task key, 2^29 + i)`.
  Other elements are dropped than with another N.
- Microbatch i holds the rows i, i + N, i + 2N, ... A device's rows of a batch are consecutive, so
  every device reads an equal part of every microbatch and no row moves.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from genojax import experiment as experiments
from genojax import metrics, sharding
from genojax.optim import trainable
from genojax.tasks.base import Task
from genojax.typing import Array, Batch

# Keys that tasks derive from theirs are far below, those of other tasks far above.
_MICROBATCH_STREAM = 2**29


def value_and_grad(
    experiment: experiments.Experiment,
    tasks: Mapping[str, Task],
    state: experiments.TrainState,
    batches: Mapping[str, Batch],
    key: Array,
    placement: Any = None,
) -> tuple[Any, dict[str, metrics.MetricState], Any]:
    """Updated collections, metrics and gradient of `experiment.joint_loss` at the state's params.

    Args:
        key: of the step.
        placement: shardings of the gradient, one per parameter; None: not constrained.
    """
    if experiment.accumulate > 1:
        return _by_parts(experiment, tasks, state, batches, key, placement)

    def loss(params):
        params = trainable.compose(experiment.optim.train, params, state.frozen)
        return experiments.joint_loss(tasks, params, state.extra, batches, key)

    (_, (extra, states)), grads = jax.value_and_grad(loss, has_aux=True)(state.params)
    return extra, states, grads


def _by_parts(experiment, tasks, state, batches, key, placement):
    """As `value_and_grad`; models without batch statistics only, so `extra` stays as it is."""
    joint, states, grads = jnp.zeros(()), {}, None
    for number, (name, task) in enumerate(tasks.items()):
        own = experiments.task_key(key, number)
        parts, total = _of_task(experiment, task, state, batches[name], (own, placement))
        count = jnp.maximum(parts['loss'].count, 1)
        joint += task.config.weight * (parts['loss'].total / count)
        scaled = jax.tree.map(lambda leaf, n=count, w=task.config.weight: leaf * (w / n), total)
        grads = scaled if grads is None else jax.tree.map(jnp.add, grads, scaled)
        states |= {f'{name}/{metric}': value for metric, value in parts.items()}
    states['loss'] = metrics.MetricState(joint, jnp.ones_like(joint))
    return state.extra, states, grads


def _of_task(experiment, task: Task, state, batch: Batch, where: tuple[Array, Any]):
    """Metrics of a task's batch, and the gradient of its total loss (not of the mean).

    Args:
        where: the task's key, and the placement of the gradient.
    """
    (key, placement), count = where, experiment.accumulate

    def total(params, rows, part_key):
        params = trainable.compose(experiment.optim.train, params, state.frozen)
        _, (_, states) = task.loss(params, state.extra, rows, part_key)
        return states['loss'].total, states

    def part(rows, number):
        part_key = jax.random.fold_in(key, _MICROBATCH_STREAM + number)
        (_, states), grads = jax.value_and_grad(total, has_aux=True)(state.params, rows, part_key)
        return states, _placed(grads, placement)

    def add(sums, item):
        return jax.tree.map(jnp.add, sums, part(*item)), None

    items = split(task.draw(key, batch), count), jnp.arange(count)
    shapes = jax.eval_shape(part, *jax.tree.map(lambda leaf: leaf[0], items))
    states, grads = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    sums, _ = jax.lax.scan(add, (states, _placed(grads, placement)), items)
    return sums


def _placed(grads, placement):
    if placement is None:
        return grads
    return jax.lax.with_sharding_constraint(grads, placement)


def split(batch: Batch, parts: int) -> Batch:
    """Arrays [rows, ...] as [parts, rows / parts, ...]: row r is in part r % parts."""

    def of_leaf(leaf):
        rows, *rest = leaf.shape
        leaf = jnp.swapaxes(leaf.reshape(rows // parts, parts, *rest), 0, 1)
        return sharding.with_logical_constraint(leaf, None, 'batch', *[None] * len(rest))

    return jax.tree.map(of_leaf, batch)
