"""What a run will need: memory of its compiled step, and seconds per step measured on this machine.

No data are opened: the step reads batches of zeros.
"""

import dataclasses
import time

import jax
import numpy as np

from genojax import errors, random_keys, sharding
from genojax import experiment as experiments
from genojax.train import resources
from genojax.train import step as steps

_TIMED_STEPS = 3


@dataclasses.dataclass(frozen=True)
class RunEstimate:
    """What one run needs on this machine.

    Attributes:
        parameters: their number.
        memory: with the compiled step.
        seconds_per_step: None where the step does not fit in memory.
    """

    parameters: int
    memory: resources.RunMemory
    seconds_per_step: float | None

    def text(self, steps_per_run: int, runs: int) -> str:
        """The estimate for some runs of an arm."""
        size = f'{self.parameters:,} parameters, {resources.size(self.memory.total)} per device'
        if self.seconds_per_step is None:
            return f'{size}: does not fit here (genojax plan compiles for other hardware)'
        seconds = self.seconds_per_step * steps_per_run
        return (
            f'{size}, {resources.duration(self.seconds_per_step)} per step: '
            f'{resources.duration(seconds)} per run, {resources.duration(seconds * runs)} for '
            f'{runs} runs, without start, validation and evaluation'
        )


def estimate(experiment: experiments.Experiment) -> RunEstimate:
    """Compiles the step of an experiment for this machine's devices, and times it.

    Raises:
        UsageError: a task leaves a size to its data, or the parts do not fit each other.
    """
    try:
        mesh = sharding.make_mesh(experiment.mesh)
    except ValueError as error:
        raise errors.UsageError(str(error)) from error
    tasks = experiments.build_tasks(experiment)
    for task in tasks.values():
        experiments.check_rows(task, mesh, experiment.accumulate)
    abstract = experiments.abstract(experiment, mesh, tasks)
    memory = resources.of_state(abstract, mesh)
    batches = {name: task.batch_spec() for name, task in tasks.items()}
    step = steps.make_step(experiment, tasks, abstract, mesh)
    key = random_keys.key(0, mesh)
    with jax.set_mesh(mesh):
        compiled = step.lower(abstract, batches, key).compile()
        memory = resources.with_step(memory, compiled)
        seconds = None
        if memory.available is None or memory.total <= memory.available:
            seconds = _seconds(compiled, abstract, batches, key, mesh)
    return RunEstimate(experiments.count_parameters(abstract), memory, seconds)


def _seconds(compiled, abstract, batches, key, mesh) -> float:
    state, placed = (
        jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), tree)
        for tree in (abstract, batches)
    )
    state = jax.device_put(state, jax.tree.map(lambda leaf: leaf.sharding, abstract))
    placed = {name: sharding.shard_batch(batch, mesh) for name, batch in placed.items()}
    state, _ = jax.block_until_ready(compiled(state, placed, key))
    started = time.monotonic()
    for _ in range(_TIMED_STEPS):
        state, _ = compiled(state, placed, key)
    jax.block_until_ready(state)
    return (time.monotonic() - started) / _TIMED_STEPS
