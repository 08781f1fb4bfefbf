"""The log of a run: JSON lines, and TensorBoard events if the extra `tensorboard` is installed."""

import contextlib
import functools
import math
import pathlib
import shlex
import time
from collections.abc import Mapping

import jax
import numpy as np

from genojax import distributed, errors, json_files, metrics
from genojax.experiment import TrainState
from genojax.tasks import base
from genojax.train import resources, timing


class Log:
    """Appends one JSON object per row to `metrics.jsonl`, and the same numbers to TensorBoard.

    Without tensorboardX there are no events.

    A resumed run continues the file: rows of steps that will be repeated are moved to
    `metrics.repeated.jsonl` first. Every row has a hash (`json_files.row`). One process writes.

    Args:
        units: of `loss_units`, shown by TensorBoard.
    """

    def __init__(self, workdir: pathlib.Path, start_step: int, units: Mapping[str, str]):
        self.path, self._events, self._units = workdir / 'metrics.jsonl', None, units
        self._writes = distributed.is_writer()
        if not self._writes:
            return
        rows = read(workdir)
        if self.path.exists():
            repeated = [row for row in rows if row['step'] > start_step]
            if repeated:
                with (workdir / 'metrics.repeated.jsonl').open('a') as file:
                    file.writelines(map(json_files.row, repeated))
            remaining = [row for row in rows if row['step'] <= start_step]
            json_files.replace(self.path, ''.join(map(json_files.row, remaining)))
        with contextlib.suppress(ModuleNotFoundError):
            self._events = _Events(workdir / 'tensorboard', start_step + 1)

    def write(self, kind: str, step: int, values: dict[str, float]) -> None:
        """One row; values that are not finite (nothing was counted) are left out."""
        if not self._writes:
            return
        numbers = {name: value for name, value in values.items() if math.isfinite(value)}
        with self.path.open('a') as file:
            file.write(json_files.row({'kind': kind, 'step': step, **numbers}))
        if self._events is not None:
            # A loss has its unit, and so have the members of its groups.
            units = {name: self._units.get('/'.join(name.split('/')[:2]), '') for name in numbers}
            self._events.write(kind, step, numbers, units)

    def close(self) -> None:
        if self._events is not None:
            self._events.close()


class _Events:
    """TensorBoard's file of events, written by the thread that logs.

    tensorboardX's SummaryWriter has a thread of its own. It ends unseen where the disk is full, and
    the run then waits forever for room in its queue.

    Args:
        folder: of event files.
        first_step: TensorBoard forgets events of it and later ones in earlier files.

    Raises:
        ModuleNotFoundError: tensorboardX is not installed.
    """

    def __init__(self, folder: pathlib.Path, first_step: int):
        from tensorboardX import event_file_writer, summary  # imports slowly
        from tensorboardX.proto import event_pb2

        self._event, self._scalar = event_pb2.Event, summary.scalar
        folder.mkdir(parents=True, exist_ok=True)
        self._file = event_file_writer.EventsWriter(str(folder / 'events'))
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._add(first_step, session_log=start)

    def _add(self, step: int, **content) -> None:
        self._file.write_event(self._event(wall_time=time.time(), step=step, **content))

    def write(self, kind: str, step: int, values: dict[str, float], units: dict[str, str]) -> None:
        for name, value in values.items():
            scalar = self._scalar(f'{kind}/{name}', value, summary_description=units[name])
            self._add(step, summary=scalar)
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read(workdir: pathlib.Path) -> list[dict]:
    """The rows of a workdir's `metrics.jsonl`; a last line that a kill cut short is left out.

    Raises:
        DamageError: another line is not a row, or differs from its hash.
    """
    path = pathlib.Path(workdir) / 'metrics.jsonl'
    if not path.exists():
        return []
    file = shlex.quote(str(path))
    fix = f'restore the file, or remove it: the checkpoints do not need it (mv {file} {file}.old)'
    rows, _ = json_files.read_rows(path, fix)
    for number, row in enumerate(rows, 1):
        if not isinstance(row.get('kind'), str) or not isinstance(row.get('step'), int):
            raise errors.DamageError(f'{path}:{number} has no kind and step. Fix: {fix}')
    return rows


def loss_units(tasks: Mapping[str, base.Task]) -> dict[str, str]:
    """'TASK/loss' -> the unit of that loss."""
    return {f'{name}/loss': task.loss_unit for name, task in tasks.items()}


def with_unit(name: str, value: float, units: Mapping[str, str]) -> str:
    """A metric as text, with its unit where it is a loss; other metrics say it in their names."""
    return f'{name} {value:.4f} {units.get(name, "")}'.rstrip()


def last_validation(workdir: pathlib.Path, units: Mapping[str, str]) -> str:
    """The last row of kind 'validation' as text; `units` are those of `loss_units`."""
    rows = [row for row in read(workdir) if row['kind'] == 'validation']
    if not rows:
        return 'not validated yet'
    return ', '.join(
        with_unit(name, value, units)
        for name, value in rows[-1].items()
        if name not in ('kind', 'step')
    )


def merge(steps: list[dict[str, metrics.MetricState]]) -> dict[str, metrics.MetricState]:
    """The metrics of several steps as those of one; arrays must be on the host."""
    return {
        name: functools.reduce(metrics.MetricState.merge, (states[name] for states in steps))
        for name in steps[0]
    }


def flatten(
    states: dict[str, metrics.MetricState], groups: dict[str, tuple[str, ...]]
) -> dict[str, float]:
    """Means by name, NaN where nothing was counted.

    Args:
        groups: metric -> names of its values; such a metric becomes `metric/NAME`.
    """
    values = {}
    for name, state in states.items():
        total, count = np.asarray(state.total, np.float64), np.asarray(state.count, np.float64)
        mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        if name in groups:
            values.update(
                {f'{name}/{part}': float(m) for part, m in zip(groups[name], mean, strict=True)}
            )
        else:
            values[name] = float(mean)
    return values


def _is_finite(leaf: jax.Array) -> bool:
    """Whether the parts of an array that are here hold neither NaN nor infinity."""
    return all(np.isfinite(jax.device_get(part.data)).all() for part in leaf.addressable_shards)


class Recorder:
    """Collects the metrics of steps and writes them when a log row is due.

    Args:
        steps: that will run.
        flops: of the model per step, over all devices.
        profile: number of steps to trace.
    """

    def __init__(self, run, steps: range, flops: int = 0, profile: int = 0):
        self.run, self.note, self._units = run, '', loss_units(run.tasks)
        self.log = Log(run.workdir, steps.start - 1, self._units)
        kinds = [device.device_kind for device in run.mesh.devices.flat]
        self._clock = timing.StepClock(flops, kinds)
        self._tracer = timing.Tracer(run.workdir, steps, profile, run.say)
        self._restart_interval()

    def _restart_interval(self) -> None:
        self._states: list = []
        self._tokens = self._bases = 0
        self._clock.restart()

    def step(self, number: int) -> contextlib.AbstractContextManager:
        """Around the code that runs a step."""
        return self._tracer.step(number)

    def read(self, stream):
        """The next batches of a stream; the wait for them is counted."""
        return self._clock.read(stream)

    def add(self, number: int, batches, states) -> None:
        """Counts a step that was handed to the devices."""
        self._clock.add(states)
        self._tracer.after(number, states)
        self._batches = batches
        self._states.append(states)
        for batch in batches.values():
            self._tokens += batch['tokens'].size
            self._bases += int(batch['valid'].sum())

    def estimate(self, timer: resources.StepTimer, step: int, states) -> None:
        """Says and records the expected time, once it is known."""
        before, line = timer.seconds_per_step, timer.after(step, states)
        if line:
            self.run.say(line)
        if timer.seconds_per_step != before:
            self.run.note(seconds_per_step=timer.seconds_per_step)

    def write(self, step: int, state: TrainState) -> None:
        times = self._clock.values()
        values = flatten(merge(jax.device_get(self._states)), self.run.metric_groups)
        seconds = self._clock.elapsed
        values['tokens_per_s'] = self._tokens * jax.process_count() / seconds
        values['bases_per_s'] = self._bases * jax.process_count() / seconds
        values |= times
        self._check_finite(step, state, values['loss'], values['grad_norm'])
        # Fewer than `log_every` where a run stopped between two rows, and in the row after it.
        values['averaged_steps'] = len(self._states)
        self.log.write('train', step, values)
        # Each task's own: their weighted sum has no unit.
        losses = {name: values[name] for name in self._units if name in values}
        self.note = ', '.join(with_unit(*loss, self._units) for loss in losses.items())
        self._restart_interval()

    def write_validation(self, timer: resources.StepTimer, step: int, state: TrainState) -> float:
        """Writes the validation metrics; returns the one that selects the checkpoint."""
        started = time.monotonic()
        values = flatten(self.run.validate(state), self.run.metric_groups)
        if line := timer.after_validation(step, time.monotonic() - started):
            self.run.say(line)
        self.log.write('validation', step, values)
        self._clock.resume()  # validation is not training time
        metric = values[self.run.selection_metric]
        self._check_finite(step, state, metric)
        return metric

    def _check_finite(self, step: int, state: TrainState, *values: float) -> None:
        if np.isfinite(values).all():
            return
        latest = self.run.checkpoints.latest()
        saved = (
            'no step was saved' if latest is None else f'the checkpoint of step {latest} is intact'
        )
        raise errors.DamageError(
            f'{self.run.workdir}: loss or gradient not finite at step {step}: '
            f'{", ".join(map(str, values))}; {self._cause(state)}{saved}. Fix: a lower rate in a '
            f'new workdir, as in --config.optim.peak={self.run.experiment.optim.peak / 10:g} '
            f'--workdir={errors.new_name(self.run.workdir)}, or a lower optim.clip'
        )

    def _cause(self, state: TrainState) -> str:
        """The first parameter that is not finite, and the species of the last batch."""
        leaves = jax.tree_util.tree_leaves_with_path(state.params)
        wrong = [path for path, leaf in leaves if not _is_finite(leaf)]
        parts = [
            f'the first of {len(wrong):,} parameters that are not finite is '
            f'{jax.tree_util.keystr(wrong[0], simple=True, separator="/")}'
            if wrong
            else 'all parameters are finite'
        ]
        for name, batch in self._batches.items():
            groups = self.run.tasks[name].metric_groups.items()
            species = next((names for key, names in groups if key.endswith('/species')), ())
            if species and 'species' in batch:
                counts = np.bincount(np.asarray(batch['species']), minlength=len(species))
                shares = [f'{who} {n}' for who, n in zip(species, counts, strict=True) if n]
                parts.append(f'the rows of {name} were of {", ".join(shares[:5])}')
        return '; '.join(parts) + '; '

    def close(self) -> None:
        self._tracer.close()
        self.log.close()
