"""What does not fit in memory is refused with changes of the config that fit.

Changes are tried from those that leave the training as it is to a smaller model, each together with
all before it. Each is compiled as the run would be and compared with the memory that there is, so a
command with the suggested changes starts.
"""

import contextlib
import dataclasses
import shlex
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from genojax import config, distributed, errors, random_keys, sharding
from genojax import experiment as experiments
from genojax.tasks.base import Task
from genojax.train import resources
from genojax.train import step as steps

Overrides = tuple[tuple[str, Any], ...]  # (path, value), as in --config.PATH=VALUE

_ROOM = 0.9  # share of the memory that a change may take: what is free differs between starts
_STATE = 0.7  # share of that for the state; gradients alone are a third of it
_AFTER_FAILURE = 0.7  # share of what was planned, where that was too much after all
_REMAT = {'none': ('dots', 'block'), 'dots': ('block',)}  # policies that store less
_SHORTEST = 32  # bases of a row
_SIZES = ('depth', 'inner', 'width')  # of a model, in the order in which they are halved


def check(run, memory: resources.RunMemory) -> None:
    """Refuses what cannot fit.

    Args:
        run: `runs.Run`.
        memory: of its state, or with that of the compiled step.

    Raises:
        UsageError: with fields to change, after which it fits.
    """
    if memory.available is None or memory.total <= memory.available:
        return
    raise errors.UsageError(
        f'this run does not fit: {memory.text()}. {_advice(run, int(_ROOM * memory.available))}'
    )


@contextlib.contextmanager
def one_line_errors(run) -> Iterator[None]:
    """Within the block, no memory, a full disk or a lost process is an error of one line.

    Args:
        run: `runs.Run`, for the message.

    Raises:
        UsageError: with what to change; the complete checkpoints are as they were.
    """
    try:
        yield
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if distributed.is_lost_process(error):
            raise errors.UsageError(
                f'{distributed.LOST_PROCESS} ({resources.first_line(error)}); '
                f'{_newest_checkpoint(run)}. {distributed.LOST_PROCESS_FIX}'
            ) from error
        if not resources.is_out_of_memory(error):
            raise
        raise errors.UsageError(
            f'out of memory: {resources.first_line(error)}. {run.memory.text()}. '
            f'{_advice(run, _limit_after_failure(run))}'
        ) from error
    except OSError as error:
        state = _newest_checkpoint(run)
        if isinstance(error, BrokenPipeError):
            raise errors.UsageError(
                f'what read the output has ended; {state}. Fix: write the output to a file; the '
                'same command resumes'
            ) from error
        raise errors.UsageError(
            f'{error.filename or run.workdir}: {error.strerror or error}; {state}. '
            'Fix: free disk space; the same command resumes'
        ) from error


def _newest_checkpoint(run) -> str:
    """What is saved, for a message."""
    step = run.checkpoints.latest()
    return 'no step was saved' if step is None else f'step {step} is saved'


def _limit_after_failure(run) -> int:
    """Bytes for a run whose plan, or what there is, was too much after all."""
    try:
        planned = _memory(run, (), sys.maxsize) or run.memory
    except (MemoryError, jax.errors.JaxRuntimeError):
        planned = run.memory
    available = planned.total if run.memory.available is None else run.memory.available
    return int(_AFTER_FAILURE * min(planned.total, available))


def _advice(run, limit: int) -> str:
    """The changes that fit into a number of bytes, as the end of a message."""
    if run.directory.read_only:
        return 'Fix: a machine with more memory'
    run.say(f'looking for changes that fit in {resources.size(limit)}')
    try:
        fitting = smallest_change(run, limit)
    except (MemoryError, jax.errors.JaxRuntimeError):
        fitting = None
    if fitting is None:
        return (
            'No change of remat, microbatches, rows, their length or the size of the model was '
            'enough. Fix: a smaller config, a machine with more memory, or more devices, sharded '
            'by --config.mesh.fsdp'
        )
    overrides, memory = fitting
    return f'Fix: {as_flags(overrides)} ({resources.size(memory.total)})'


def as_flags(overrides: Overrides) -> str:
    """Changes as flags that can be pasted."""
    return ' '.join(shlex.quote(f'--config.{path}={value}') for path, value in overrides)


def with_overrides(
    experiment: experiments.Experiment, overrides: Overrides
) -> experiments.Experiment:
    """The experiment with fields changed, by their paths.

    Raises:
        UsageError: the changed config has a mistake.
    """
    values = config.to_dict(experiment)
    for path, value in overrides:
        *parents, last = path.split('.')
        node = values
        for name in parents:
            node = node[name]
        node[last] = value
    return experiments.from_config(values)


def batch_sizes(values: Mapping[str, Any], path: str) -> Iterator[tuple[str, int]]:
    """(path, value) of every `batch_size` below a path."""
    for name, value in values.items():
        if name == 'batch_size':
            yield f'{path}.{name}', value
        elif isinstance(value, Mapping):
            yield from batch_sizes(value, f'{path}.{name}')


def smallest_change(run, limit: int) -> tuple[Overrides, resources.RunMemory] | None:
    """The first of the changes that fits into a number of bytes, and its memory.

    Each change needs less than the one before, so half of those that are left are decided by
    compiling one.
    """
    ladder = _ladder(run, _state_changes(run, limit))
    fitting, low, high = None, 0, len(ladder)
    while low < high:
        middle = (low + high) // 2
        memory = _memory(run, ladder[middle], limit)
        if memory is not None and memory.total <= limit:
            fitting, high = (ladder[middle], memory), middle
        else:
            low = middle + 1
    return fitting


@dataclasses.dataclass(frozen=True)
class _ChangedRun:
    """What a run with changed fields would compile."""

    experiment: experiments.Experiment
    mesh: jax.sharding.Mesh
    tasks: dict[str, Task]

    def abstract(self) -> experiments.TrainState:
        return experiments.abstract(self.experiment, self.mesh, self.tasks)


def _changed(run, overrides: Overrides) -> _ChangedRun | None:
    """A run with changed fields on the same data; None where they are no valid config."""
    try:
        experiment = with_overrides(run.experiment, overrides)
        mesh = sharding.make_mesh(experiment.mesh, list(run.mesh.devices.flat))
        tasks = {
            name: task.bind(run.datasets[name])
            for name, task in experiments.build_tasks(experiment).items()
        }
        for task in tasks.values():
            experiments.check_rows(task, mesh, experiment.accumulate)
    except (errors.UsageError, ValueError):
        return None
    return _ChangedRun(experiment, mesh, tasks)


def _state_memory(changed: _ChangedRun | None) -> resources.RunMemory | None:
    """The memory of a changed run's state; None where its parts do not fit each other."""
    if changed is None:
        return None
    try:
        return resources.of_state(changed.abstract(), changed.mesh)
    except errors.UsageError:
        return None


def _memory(run, overrides: Overrides, limit: int) -> resources.RunMemory | None:
    """The memory of a changed run with its compiled step, or of a state that is too large."""
    changed = _changed(run, overrides)
    memory = _state_memory(changed)
    if memory is None or memory.total > limit:
        return memory
    run.say(f'compiling with {as_flags(overrides) or "the config as it is"}')
    abstract = changed.abstract()
    batches = {name: task.batch_spec() for name, task in changed.tasks.items()}
    with jax.set_mesh(changed.mesh):
        step = steps.make_step(changed.experiment, changed.tasks, abstract, changed.mesh)
        key = random_keys.key(0, changed.mesh)
        return resources.with_step(memory, step.trace(abstract, batches, key).lower().compile())


def _state_changes(run, limit: int) -> Overrides:
    """The smallest changes after which the state leaves room for a step; () where it does."""

    def leaves_room(overrides: Overrides) -> bool:
        memory = _state_memory(_changed(run, overrides))
        return memory is not None and memory.total <= _STATE * limit

    rungs: list[Overrides] = [()]
    if leaves_room(()):
        return ()
    _add_shards(run, rungs)
    _add_smaller_models(run, rungs)
    return next(filter(leaves_room, rungs[1:]), rungs[-1])


def _ladder(run, start: Overrides) -> list[Overrides]:
    """Changes from `start` on, each with all before it; without the config as it is."""
    experiment, rungs = run.experiment, [start]
    for policy in _REMAT.get(dict(config.leaves(experiment)).get('model.remat'), ()):
        _add(run, rungs, ('model.remat', policy))
    _add_shards(run, rungs)
    number, before = experiment.accumulate, len(rungs)
    while _add(run, rungs, ('accumulate', number := 2 * number)):
        pass
    if len(rungs) == before:  # the rows of a batch are read together
        sizes = dict(batch_sizes(config.to_dict(experiment)['tasks'], 'tasks'))
        while _add(run, rungs, *_halved(sizes)):
            sizes = dict(_halved(sizes))
    fields = dict(config.leaves(experiment))
    lengths = {path: fields[path] for path in fields if path.endswith('mixture.length')}
    while _add(run, rungs, *_halved(lengths, _SHORTEST), is_traced=True):
        lengths = dict(_halved(lengths, _SHORTEST))
    _add_smaller_models(run, rungs)
    return [overrides for overrides in rungs if overrides]


def _add(run, rungs: list[Overrides], *changes: tuple[str, Any], is_traced: bool = False) -> bool:
    """Adds the last rung with more changes, if they are any and a valid config; whether it did.

    Args:
        is_traced: also trace the model: some read rows of certain lengths only.
    """
    overrides = tuple({**dict(rungs[-1]), **dict(changes)}.items())
    if overrides == rungs[-1]:
        return False
    changed = _changed(run, overrides)
    if changed is None or (is_traced and _state_memory(changed) is None):
        return False
    rungs.append(overrides)
    return True


def _add_shards(run, rungs: list[Overrides]) -> None:
    """Parameters sharded over more of the devices, unless they are already."""
    mesh = run.experiment.mesh
    if 'mesh.fsdp' in dict(rungs[-1]):
        return
    ways, shards = run.mesh.size // (mesh.tensor * mesh.sequence), 2 * mesh.fsdp
    while shards <= ways:
        _add(run, rungs, ('mesh.data', -1), ('mesh.fsdp', shards))
        shards *= 2


def _add_smaller_models(run, rungs: list[Overrides]) -> None:
    """Smaller models; of one that was trained before, adapters in place of all parameters."""
    experiment = run.experiment
    if experiment.init_from:
        if experiment.optim.train.kind == 'full':
            _add(run, rungs, ('optim.train', 'lora'))
        return
    fields = {**dict(config.leaves(experiment)), **dict(rungs[-1])}
    for name in _SIZES:
        sizes = {f'model.{name}': fields[f'model.{name}']} if f'model.{name}' in fields else {}
        while _add(run, rungs, *_halved(sizes)):
            sizes = dict(_halved(sizes))


def _halved(sizes: Mapping[str, int], least: int = 1) -> Overrides:
    """Half of every size; nothing where one would be below the least."""
    if any(size // 2 < least for size in sizes.values()):
        return ()
    return tuple((path, size // 2) for path, size in sizes.items())
