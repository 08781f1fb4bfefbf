"""A run: an experiment in its workdir.

The directory holds `config.json`, `run.json`, `checkpoints/`, `metrics.jsonl`, `datasets.json`,
`evaluation/` and what other verbs add. `open_run` opens a run in named steps; a `Run` itself only
holds the results. The workdir belongs to the run once it has started (`Run.claim`).
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import jax

import genojax
from genojax import (
    checkpoint,
    distributed,
    errors,
    metrics,
    plugins,
    random_keys,
    sharding,
    stores,
    tokenizers,
    versions,
)
from genojax import experiment as experiments
from genojax.data.datasets.base import Shard, TaskDatasets
from genojax.experiment import Experiment, TrainState
from genojax.inference import adapters, pretrained
from genojax.optim import trainable
from genojax.tasks.base import Task
from genojax.tasks.trained import TrainedState
from genojax.train import fitting, initial, modes, records, resources
from genojax.train import workdir as workdirs
from genojax.typing import Batch

# A stream of random bits that no training step uses, as that of the start (`initial`).
_EVALUATION_STREAM = 2**31 - 1

# What a workdir holds, as other modules read and write it.
read_experiment, stored, write_json = records.read_experiment, records.stored, records.write_json


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """An opened run.

    Attributes:
        tasks: bound to their data, by name.
        datasets: of every task.
        abstract: the state as ShapeDtypeStructs with shardings.
        memory: what the state needs and what there is.
        mode_sizes: parameters and bytes of every way of training; empty without `init_from`.
        base: the model under a run that trains only a part of it; None where all trains.
        changed: fields that differ from those that the run had, path -> (before, now).
        say: called with a line of text at the start of each stage.
    """

    experiment: Experiment
    directory: workdirs.Workdir
    mesh: jax.sharding.Mesh
    tasks: dict[str, Task]
    datasets: dict[str, TaskDatasets]
    abstract: TrainState
    checkpoints: checkpoint.Checkpoints
    memory: resources.RunMemory
    mode_sizes: dict[str, modes.ModeSize]
    base: adapters.FrozenBase | None
    changed: dict[str, tuple[Any, Any]]
    say: Callable[[str], None]

    @property
    def workdir(self) -> pathlib.Path:
        return self.directory.path

    @property
    def key(self) -> jax.Array:
        return random_keys.key(self.experiment.seed, self.mesh)

    @property
    def fingerprint(self) -> dict[str, str]:
        """Task name -> hash of what determines its batches."""
        return {name: datasets.fingerprint for name, datasets in self.datasets.items()}

    @property
    def parameters(self) -> dict[str, int]:
        """Number of parameters of the model's parts, of adapters, and of each task's head."""
        params = self.abstract.params
        model = trainable.base(params, self.abstract.frozen)
        parts = {f'model.{name}': tree for name, tree in model.items()}
        parts |= {name: tree for name, tree in params.items() if name == 'adapters'}
        parts |= {f'head.{name}': tree for name, tree in params['heads'].items()}
        return {name: trainable.count(tree) for name, tree in parts.items()}

    @property
    def metric_groups(self) -> dict[str, tuple[str, ...]]:
        """Metrics with several values, and the names of the values."""
        return {
            f'{name}/{metric}': values
            for name, task in self.tasks.items()
            for metric, values in task.metric_groups.items()
        }

    @property
    def selection_metric(self) -> str:
        """The validation metric whose lowest value selects the checkpoint."""
        name = self.experiment.selecting_task
        return f'{name}/{self.tasks[name].selection_metric}'

    def summary(self) -> str:
        """The model, the batches and the data in a few lines."""
        platform = self.mesh.devices.flat[0].platform
        parts = ', '.join(f'{name} {count:,}' for name, count in self.parameters.items() if count)
        lines = [
            f'{self.experiment.model.kind}: '
            f'{experiments.count_parameters(self.abstract):,} parameters ({parts}); '
            f'{self.experiment.steps:,} steps on {self.mesh.size} {platform} '
            f'device{"s" if self.mesh.size > 1 else ""}'
        ]
        if min(self.experiment.validate_every, self.experiment.save_every) > self.experiment.steps:
            lines.append('validate_every, save_every: more than the steps, so once, at the end')
        for name, task in self.tasks.items():
            rows, width = task.batch_spec()['tokens'].shape
            loss = ', '.join(filter(None, (task.loss_name, task.loss_unit)))
            loss += f', times {task.config.weight:g}' if len(self.tasks) > 1 else ''
            lines.append(f'{name}: {rows} x {width} tokens per step; loss: {loss}')
            lines += self.datasets[name].summary
        if self.mode_sizes:
            lines.append(modes.as_text(self.experiment.optim.train.kind, self.mode_sizes))
        return '\n'.join(lines)

    def train_batches(self, start_step: int) -> Iterator[dict[str, Batch]]:
        """This host's rows of every training step from `start_step` on, by task."""
        streams = {
            name: datasets.train(start_step, self._shard(name))
            for name, datasets in self.datasets.items()
        }
        try:
            while True:
                yield {name: next(stream) for name, stream in streams.items()}
        finally:
            for stream in streams.values():
                stream.close()

    def _shard(self, name: str) -> Shard:
        rows = self.tasks[name].batch_spec()['tokens'].shape[0]
        return distributed.shard(self.mesh, rows)

    def shard_batches(self, batches: dict[str, Batch]) -> dict[str, Batch]:
        """This host's rows of every task as arrays of the global batch."""
        return {name: sharding.shard_batch(batch, self.mesh) for name, batch in batches.items()}

    def start(self) -> TrainState:
        """The newest checkpoint's state; without one a fresh state, or that of `init_from`.

        Raises:
            DamageError: as `restore`, or the run has had checkpoints and none is left.
        """
        latest = self.checkpoints.latest()
        if latest is not None:
            self.say(f'resuming from step {latest}')
            return self.restore(latest)
        self.directory.refuse_lost_checkpoints()
        return initial.state(self)

    def restore(self, step: int) -> TrainState:
        """The state of a checkpoint.

        Raises:
            DamageError: a file differs from what was written, or the data have changed since.
        """
        saved, record = self.checkpoints.restore(step, self.abstract.saved())
        if record['fingerprint'] != self.fingerprint:
            changed = [
                name
                for name, digest in self.fingerprint.items()
                if record['fingerprint'].get(name) != digest
            ]
            raise errors.DamageError(
                f'{self.workdir}: the data behind this run have changed since step {step} '
                f'(tasks: {", ".join(changed)}), or this version of genojax splits them in another '
                'way. Fix: restore the data (and the version), or train anew with '
                f'--workdir={errors.new_name(self.workdir)}'
            )
        if self.base is None:
            return TrainState(**saved)
        return TrainState(**saved, frozen=initial.frozen_parameters(self, record['base']))

    def restore_best(self) -> TrainState:
        """The state with the lowest selection metric on the validation split."""
        best = self.checkpoints.best()
        if best is None:
            raise errors.UsageError(f'{self.workdir} holds no finished checkpoint')
        return self.restore(best)

    def save(self, state: TrainState, loss: float | None) -> None:
        """Saves in the background; the workdir is then the run's.

        Args:
            loss: the selection metric, if it was measured.
        """
        if not self.directory.claimed:
            self.claim(self.memory)
        record = {'fingerprint': self.fingerprint}
        if self.base is not None:
            record['base'] = self.base.sha256
        self.checkpoints.save(int(state.step), state.saved(), record, loss)

    def trained(self, state: TrainState) -> TrainedState:
        """A state as evaluation reads it."""
        key = jax.random.fold_in(self.key, _EVALUATION_STREAM)
        params = trainable.compose(self.experiment.optim.train, state.params, state.frozen)
        return TrainedState(params, state.extra, self.mesh, key)

    def validate(self, state: TrainState) -> dict[str, metrics.MetricState]:
        """Validation metrics of every task, as 'TASK/METRIC'."""
        trained = self.trained(state)
        return {
            f'{name}/{metric}': value
            for name, task in self.tasks.items()
            for metric, value in task.validate(
                trained, self.datasets[name], self._shard(name)
            ).items()
        }

    def stops(self, requested: bool) -> bool:
        """Whether all processes stop after this step, because one of them was asked to."""
        return distributed.agrees_to_stop(requested)

    def step_timer(self, first: int, last: int) -> resources.StepTimer:
        """Measures the steps after `first` to say how long those up to `last` will take."""
        return resources.StepTimer(first, last, self.experiment.validate_every)

    def one_line_errors(self):
        """Within the block, no memory, a full disk or a lost process is a `UsageError`."""
        return fitting.one_line_errors(self)

    def check_memory(self, memory: resources.RunMemory) -> None:
        """Refuses memory that there is not with a `UsageError` that names changes that fit."""
        fitting.check(self, memory)

    def claim(self, memory: resources.RunMemory) -> None:
        """Makes the workdir that of this run, or records changed fields; before step 1.

        Args:
            memory: with that of the compiled step.
        """
        if self.directory.read_only or not distributed.is_writer():
            return
        descriptions = {name: data.description for name, data in self.datasets.items()}
        write_json(self.workdir / 'datasets.json', descriptions)
        now = {'steps': self.experiment.steps, 'memory': dataclasses.asdict(memory)}
        record = now if self.directory.claimed else {**self._record(), **now}
        records.claim(self.directory, self.experiment, record, self.changed)

    def note(self, **fields) -> None:
        """Adds fields to `run.json`."""
        if self.directory.claimed:
            self.directory.write_record(self.directory.record() | fields)

    def _record(self) -> dict[str, Any]:
        """Besides the config: sizes, packages and versions at the start, hashes of the data."""
        widths = {name: task.batch_spec()['tokens'].shape[1] for name, task in self.tasks.items()}
        return {
            **({} if self.base is None else {'base': self.base.record}),
            'started': records.now(),
            'parameters': self.parameters,
            'trained': trainable.count(self.abstract.params),
            'plugins': plugins.used(self.experiment),
            'versions': {'genojax': genojax.__version__, **versions.installed()},
            'device': ', '.join(sorted({d.device_kind for d in self.mesh.devices.flat})),
            'data': self.fingerprint,
            'rows': pretrained.row_record(widths, self.experiment.init_from),
        }

    def close(self) -> None:
        """Completes the saves and releases the workdir."""
        try:
            self.checkpoints.close()
        finally:
            self.directory.close()


def open_run(
    experiment: Experiment,
    workdir: str | pathlib.Path,
    devices: list | None = None,
    say: Callable[[str], None] = lambda line: None,
    *,
    read_only: bool = False,
    fallback: bool = False,
) -> Run:
    """Opens an experiment in a workdir, or continues the one that is there; nothing is trained.

    The workdir is locked until `Run.close`, and is the run's once training starts.

    Args:
        workdir: a folder, or a URL of one in a bucket, whose local copy is trained in.
        devices: to use; all by default.
        say: called with a line of text at the start of each stage.
        read_only: take no lock and write nothing, to evaluate a run.
        fallback: use the newest whole checkpoints in place of damaged ones.

    Raises:
        UsageError: the workdir is in use or cannot be written, its run or another process has
            another config (the differences are listed), the parts of the config fit neither each
            other nor the data or mesh, `init_from` is no such model, memory or disk do not suffice.
        InputError: the data are damaged or incomplete.
        DamageError: a file of the run is missing or damaged.
    """
    records.check_processes(experiment)
    with distributed.writer_first('workdir'):
        directory = workdirs.open_workdir(workdir, read_only, say)
    try:
        workdirs.check_shared(directory)
        return _open(experiment, directory, devices, say, fallback)
    except BaseException:
        directory.close()
        raise


def _open(
    experiment: Experiment,
    directory: workdirs.Workdir,
    devices: list | None,
    say: Callable[[str], None],
    fallback: bool,
) -> Run:
    changed = records.changed_fields(experiment, directory)
    try:
        mesh = sharding.make_mesh(experiment.mesh, devices)
    except ValueError as error:
        raise errors.UsageError(str(error)) from error
    base = initial.find_base(experiment, directory.path)
    if experiment.init_from and not directory.claimed:
        source = stores.local(experiment.init_from)
        pretrained.check_source(source, experiment.model, experiment.tokenizer)
    with distributed.writer_first('data'):
        # The run keeps its own copy of a tokenizer's file.
        tokenizer = tokenizers.copy_file(experiment.tokenizer, directory.path)
        experiment = dataclasses.replace(experiment, tokenizer=tokenizer)
        tasks, datasets = _open_tasks(experiment, directory.path, mesh, base, say)
    records.check_same_data(datasets)
    say('tracing the model')
    boxed = experiments.abstract_boxed(experiment, tasks)
    abstract = experiments.with_shardings(boxed, mesh)
    memory = resources.of_state(abstract, mesh)
    shown = experiment.init_from and not directory.read_only
    mode_sizes = modes.sizes(experiment, boxed, mesh) if shown else {}
    checkpoints = checkpoint.Checkpoints(
        directory.path / 'checkpoints',
        experiment.keep,
        read_only=directory.read_only,
        fallback=fallback,
        completed=functools.partial(records.note_first_checkpoint, directory),
    )
    for step, problem in checkpoints.damaged.items():
        say(f'step {step} is left out: {problem}')
    run = Run(
        experiment=experiment,
        directory=directory,
        mesh=mesh,
        tasks=tasks,
        datasets=datasets,
        abstract=abstract,
        checkpoints=checkpoints,
        memory=memory,
        mode_sizes=mode_sizes,
        base=base,
        changed=changed,
        say=say,
    )
    with checkpoints.closed_on_error():
        run.check_memory(memory)
        if not directory.read_only:
            workdirs.check_room(directory.path, modes.size(abstract).checkpoint, experiment.keep)
    return run


def _open_tasks(
    experiment: Experiment,
    workdir: pathlib.Path,
    mesh: jax.sharding.Mesh,
    base: adapters.FrozenBase | None,
    say,
):
    """The tasks bound to their data, and their datasets, by name."""
    tasks, datasets = {}, {}
    for name, task in experiments.build_tasks(experiment).items():
        say(f'{name}: opening the data')
        if base is not None:
            task.init_from = str(base.path)
        with errors.renaming({'tasks.TASK.': f'tasks.{name}.'}):
            datasets[name] = task.open(workdir, experiment.seed)
        tasks[name] = task.bind(datasets[name])
        experiments.check_rows(tasks[name], mesh, experiment.accumulate)
    return tasks, datasets
