"""One training step of all tasks, jitted over a mesh with explicit input and output shardings."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from genojax import config, metrics, optim, sharding
from genojax import experiment as experiments
from genojax.hardware import flops, heap
from genojax.tasks.base import Task
from genojax.train import accumulate, resources
from genojax.typing import Batch


def make_step(
    experiment: experiments.Experiment,
    tasks: Mapping[str, Task],
    abstract: experiments.TrainState,
    mesh: jax.sharding.Mesh,
) -> Callable:
    """`step(state, {task: batch}, key) -> (state, metrics)`; the state's buffers are reused.

    The metrics are sums over the global batches, `MetricState` by name: 'TASK/METRIC', the joint
    'loss', and 'grad_norm' before clipping. The key of step n is `fold_in(key, n)`, so masks and
    dropout are functions of (seed, step). Only `state.params` have gradients.

    Args:
        abstract: the state as ShapeDtypeStructs with shardings.
    """
    transform = optim.make(experiment.optim, experiment.steps)
    shardings = jax.tree.map(lambda leaf: leaf.sharding, abstract)

    def step(state: experiments.TrainState, batches, key):
        key = jax.random.fold_in(key, state.step)
        extra, states, grads = accumulate.value_and_grad(
            experiment, tasks, state, batches, key, shardings.params
        )
        updates, opt_state = transform.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        norm = optax.tree.norm(grads)
        states['grad_norm'] = metrics.MetricState(norm, jnp.ones_like(norm))
        changed = {'params': params, 'extra': extra, 'opt_state': opt_state}
        return state.replace(step=state.step + 1, **changed), states

    everywhere = sharding.replicated(mesh)
    return jax.jit(
        step,
        in_shardings=(shardings, sharding.batch_sharding(mesh), everywhere),
        out_shardings=(shardings, everywhere),
        donate_argnums=0,
    )


class CompiledStep:
    """`make_step`'s function, compiled once per shape of the batches and then only called.

    Compiled ahead of its first call, so that its memory is known before step 1.

    Attributes:
        flops: of the program that was compiled last, over all devices.
    """

    def __init__(self, step: Callable):
        self._step, self.flops = step, 0
        self._compiled: dict[Any, jax.stages.Compiled] = {}

    def compile(
        self, state: experiments.TrainState, batches: Mapping[str, Batch], key: jax.Array
    ) -> jax.stages.Compiled:
        """The step for batches of these shapes; nothing is computed."""
        shapes = tuple((leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(batches))
        if shapes not in self._compiled:
            traced = self._step.trace(state, batches, key)
            self.flops = flops.of_jaxpr(traced.jaxpr.jaxpr)
            self._compiled[shapes] = traced.lower().compile()
        return self._compiled[shapes]

    def __call__(self, state, batches, key):
        return self.compile(state, batches, key)(state, batches, key)


def placed_key(run) -> jax.Array:
    """The key of a `runs.Run` on all devices, of all processes."""
    return jax.jit(lambda: run.key, out_shardings=sharding.replicated(run.mesh))()


def compile_first(run, state: experiments.TrainState, stream: Iterator):
    """The compiled step, all batches of a stream, and the model's FLOPs per step.

    Only now, when nothing has refused the run, is the workdir its own.

    Args:
        run: `runs.Run`.

    Raises:
        UsageError: the step does not fit in memory; with fields to change.
    """
    run.say('reading the first batch')
    batches = next(stream)
    run.say('compiling the step')
    make = make_step(run.experiment, run.tasks, run.abstract, run.mesh)
    step = CompiledStep(make)
    sharded = run.shard_batches(batches)
    plain_flops = _flops_without_remat(run, state, sharded)
    heap.release()  # what opening the data and tracing left, before the compiler needs more
    compiled = step.compile(state, sharded, run.key)
    memory = resources.with_step(run.memory, compiled)
    run.say(memory.text())
    run.check_memory(memory)
    run.claim(memory)
    heap.release()
    return step, itertools.chain([batches], stream), plain_flops or step.flops


def _flops_without_remat(run, state, batches) -> int:
    """FLOPs of a step without recomputation, if the model recomputes activations; else 0."""
    model = run.experiment.model
    if dict(config.leaves(model)).get('remat', 'none') == 'none':
        return 0
    experiment = dataclasses.replace(run.experiment, model=dataclasses.replace(model, remat='none'))
    tasks = {
        name: task.bind(run.datasets[name])
        for name, task in experiments.build_tasks(experiment).items()
    }
    plain = make_step(experiment, tasks, run.abstract, run.mesh)
    return flops.of_jaxpr(plain.trace(state, batches, run.key).jaxpr.jaxpr)
