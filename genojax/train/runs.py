"""A run: an experiment in its workdir.

The directory holds `config.json`, `run.json`, `checkpoints/`, `metrics.jsonl`, `datasets.json`,
`evaluation/` and what other verbs add. `open_run` opens a run in named steps; a `Run` itself only
holds the results.
"""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import jax

import genojax
from genojax import checkpoint, config, distributed, errors, metrics, sharding, tokenizers, versions
from genojax import experiment as experiments
from genojax.data.datasets.base import TaskDatasets
from genojax.experiment import Experiment, TrainState
from genojax.inference import pretrained
from genojax.tasks.base import Task, TrainedState
from genojax.typing import Batch

# Streams of random bits that no training step uses: a step is at most 2^31 - 3.
_INIT_STREAM, _EVALUATION_STREAM = 2**31 - 2, 2**31 - 1


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """An opened run.

    Attributes:
        tasks: bound to their data, by name.
        datasets: of every task.
        abstract: the state as ShapeDtypeStructs with shardings.
    """

    experiment: Experiment
    workdir: pathlib.Path
    mesh: jax.sharding.Mesh
    tasks: dict[str, Task]
    datasets: dict[str, TaskDatasets]
    abstract: TrainState
    checkpoints: checkpoint.Checkpoints

    @property
    def key(self) -> jax.Array:
        return jax.random.key(self.experiment.seed)

    @property
    def fingerprint(self) -> dict[str, str]:
        """Task name -> hash of what determines its batches."""
        return {name: datasets.fingerprint for name, datasets in self.datasets.items()}

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
        lines = [
            f'{self.experiment.model.kind}: '
            f'{experiments.count_parameters(self.abstract):,} parameters; '
            f'{self.experiment.steps:,} steps on {self.mesh.size} {platform} '
            f'device{"s" if self.mesh.size > 1 else ""}'
        ]
        for name, task in self.tasks.items():
            rows, width = task.batch_spec()['tokens'].shape
            lines.append(f'{name}: {rows} x {width} tokens per step')
            lines += self.datasets[name].summary
        return '\n'.join(lines)

    def train_batches(self, start_step: int) -> Iterator[dict[str, Batch]]:
        """This host's rows of every training step from `start_step` on, by task."""
        streams = {
            name: datasets.train(start_step, distributed.shard())
            for name, datasets in self.datasets.items()
        }
        try:
            while True:
                yield {name: next(stream) for name, stream in streams.items()}
        finally:
            for stream in streams.values():
                stream.close()

    def shard_batches(self, batches: dict[str, Batch]) -> dict[str, Batch]:
        """This host's rows of every task as arrays of the global batch."""
        return {name: sharding.shard_batch(batch, self.mesh) for name, batch in batches.items()}

    def start(self) -> TrainState:
        """The newest checkpoint's state; without one a fresh state, or that of `init_from`."""
        latest = self.checkpoints.latest()
        if latest is not None:
            return self.restore(latest)
        shardings = jax.tree.map(lambda leaf: leaf.sharding, self.abstract)
        specs = {name: task.batch_spec() for name, task in self.tasks.items()}
        batches = jax.tree.map(lambda spec: jax.numpy.zeros(spec.shape, spec.dtype), specs)
        init = jax.jit(
            functools.partial(experiments.init_state, self.experiment, self.tasks),
            out_shardings=shardings,
        )
        with jax.set_mesh(self.mesh):
            state = init(jax.random.fold_in(self.key, _INIT_STREAM), batches)
        if not self.experiment.init_from:
            return state
        source = pathlib.Path(self.experiment.init_from)
        model, extra = pretrained.adopt(
            source,
            self.experiment.model,
            self.experiment.tokenizer,
            params=state.params['model'],
            extra=state.extra,
        )
        if distributed.is_writer():
            pretrained.save_license(source, self.workdir)
        return state.replace(params={**state.params, 'model': model}, extra=extra)

    def restore(self, step: int) -> TrainState:
        """The state of a checkpoint.

        Raises:
            DamageError: a file differs from what was written, or the data have changed since.
        """
        state, record = self.checkpoints.restore(step, self.abstract)
        if record['fingerprint'] != self.fingerprint:
            changed = [
                name
                for name, digest in self.fingerprint.items()
                if record['fingerprint'].get(name) != digest
            ]
            raise errors.DamageError(
                f'{self.workdir}: the data behind this run have changed since step {step} '
                f'(tasks: {", ".join(changed)}). Fix: restore the data, or use a new workdir'
            )
        return state

    def restore_best(self) -> TrainState:
        """The state with the lowest selection metric on the validation split."""
        best = self.checkpoints.best()
        if best is None:
            raise errors.UsageError(f'{self.workdir} holds no finished checkpoint')
        return self.restore(best)

    def save(self, state: TrainState, loss: float | None) -> None:
        """Saves in the background; `loss` is the selection metric if it was measured."""
        record = {'fingerprint': self.fingerprint}
        self.checkpoints.save(int(state.step), state, record, loss)

    def trained(self, state: TrainState) -> TrainedState:
        """A state as evaluation reads it."""
        key = jax.random.fold_in(self.key, _EVALUATION_STREAM)
        return TrainedState(state.params, state.extra, self.mesh, key)

    def validate(self, state: TrainState) -> dict[str, metrics.MetricState]:
        """Validation metrics of every task, as 'TASK/METRIC'."""
        trained = self.trained(state)
        return {
            f'{name}/{metric}': value
            for name, task in self.tasks.items()
            for metric, value in task.validate(
                trained, self.datasets[name], distributed.shard()
            ).items()
        }

    def close(self) -> None:
        self.checkpoints.close()


def open_run(
    experiment: Experiment, workdir: str | pathlib.Path, devices: list | None = None, say=None
) -> Run:
    """Opens an experiment in a workdir, or continues the one that is there; nothing is trained.

    Args:
        devices: to use; all by default.
        say: called with a line of text at the start of each step.

    Raises:
        UsageError: the workdir belongs to another config (the differences are listed) or cannot be
            written, the parts of the config do not fit each other or their data, `init_from` is no
            model or another one, or a batch does not divide over the mesh.
        InputError: the data are damaged or incomplete.
    """
    say = say or (lambda line: None)
    workdir = pathlib.Path(workdir)
    _check_workdir(experiment, workdir)
    try:
        mesh = sharding.make_mesh(experiment.mesh, devices)
    except ValueError as error:
        raise errors.UsageError(str(error)) from error
    # The run keeps its own copy of a tokenizer's file.
    tokenizer = tokenizers.copy_file(experiment.tokenizer, workdir)
    experiment = dataclasses.replace(experiment, tokenizer=tokenizer)
    if experiment.init_from and not (workdir / 'config.json').exists():
        source = pathlib.Path(experiment.init_from)
        pretrained.check_source(source, experiment.model, experiment.tokenizer)
    tasks, datasets = {}, {}
    for name, task in experiments.build_tasks(experiment).items():
        say(f'{name}: opening the data')
        datasets[name] = task.open(workdir, experiment.seed)
        tasks[name] = task.bind(datasets[name])
        _check_divides(task.name, tasks[name].batch_spec()['tokens'].shape[0], mesh)
    say('tracing the model')
    abstract = experiments.abstract(experiment, mesh, tasks)
    checkpoints = checkpoint.Checkpoints(workdir / 'checkpoints', experiment.keep)
    run = Run(
        experiment=experiment,
        workdir=workdir,
        mesh=mesh,
        tasks=tasks,
        datasets=datasets,
        abstract=abstract,
        checkpoints=checkpoints,
    )
    if distributed.is_writer():  # only now, when nothing has refused the config
        write_json(workdir / 'config.json', stored(experiment))
        descriptions = {name: data.description for name, data in datasets.items()}
        write_json(workdir / 'datasets.json', descriptions)
        if not (workdir / 'run.json').exists():
            write_json(workdir / 'run.json', _record(run))
    return run


def _record(run: Run) -> dict[str, Any]:
    """Besides the config: sizes, versions at the start of the run, hashes of the data."""
    widths = {name: task.batch_spec()['tokens'].shape[1] for name, task in run.tasks.items()}
    return {
        'parameters': {
            part: sum(leaf.size for leaf in jax.tree.leaves(params))
            for part, params in run.abstract.params.items()
        },
        'versions': {'genojax': genojax.__version__, **versions.installed()},
        'device': ', '.join(sorted({device.device_kind for device in run.mesh.devices.flat})),
        'data': run.fingerprint,
        'rows': pretrained.row_record(widths, run.experiment.init_from),
    }


def _check_divides(name: str, rows: int, mesh: jax.sharding.Mesh) -> None:
    ways = mesh.shape['data'] * mesh.shape['fsdp']
    if rows % ways:
        raise errors.UsageError(
            f'task {name!r}: a batch of {rows} rows does not divide over {ways} devices. '
            'Fix: change its batch_size, or mesh.data and mesh.fsdp'
        )


def _check_workdir(experiment: Experiment, workdir: pathlib.Path) -> None:
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.UsageError(f'{workdir} cannot be written: {error.strerror}') from error
    if not (workdir / 'config.json').exists():
        return
    # Read as a config, so that a field newer than the run has the value that it ran with.
    differences = config.differences(stored(read_experiment(workdir)), stored(experiment))
    if differences:
        title = f'{workdir} holds a run of another config (its value -> yours):'
        fix = 'Fix: use another --workdir, or the same config'
        raise errors.UsageError('\n  '.join([title, *differences, fix]))


def read_experiment(workdir: str | pathlib.Path) -> Experiment:
    """The experiment of a workdir.

    Raises:
        UsageError: it is not the workdir of a run.
        DamageError: its config.json is damaged.
    """
    return experiments.from_config(pretrained.run_config(workdir))


def stored(experiment: Experiment) -> dict[str, Any]:
    """An experiment as `config.json` holds it; a tokenizer's file is named relative to it."""
    tokenizer = tokenizers.with_sha256(experiment.tokenizer)
    values = config.to_dict(dataclasses.replace(experiment, tokenizer=tokenizer))
    return {**values, 'tokenizer': tokenizers.with_relative_file(values['tokenizer'])}


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes JSON so that a kill leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'{path.name}.partial')
    partial.write_text(json.dumps(value, indent=1))
    partial.replace(path)
