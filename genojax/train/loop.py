"""The training loop: start or resume, step, log, validate, save, stop on a signal.

The same command on the same workdir resumes from the last checkpoint, bit for bit as if it had
never stopped: data order, masks and dropout are functions of (seed, step), and the checkpoint holds
all the rest.
"""

import contextlib
import signal
import sys
import time
from collections.abc import Iterator

import jax
import numpy as np

from genojax import errors, progress
from genojax.train import log, runs
from genojax.train import step as steps


def train(run: runs.Run, stop_at: int | None = None) -> runs.TrainState:
    """Trains to the experiment's last step and returns the state there; it is saved.

    Args:
        stop_at: save and return after this step, as if a stop had been requested.

    Raises:
        Preempted: SIGTERM or Ctrl-C came; the state is saved, and the same command resumes.
        DamageError: the loss or the gradient is not finite; the last checkpoint is kept.
    """
    experiment = run.experiment
    state = run.start()
    first = int(state.step)
    last = experiment.steps if stop_at is None else min(stop_at, experiment.steps)
    if first >= last:
        return state
    step = steps.make_step(experiment, run.tasks, run.abstract, run.mesh)
    recorder = _Recorder(run, first)
    stream = run.train_batches(first)
    bar = progress.bar(run.workdir.name, experiment.steps)
    with jax.set_mesh(run.mesh), _stop_signals() as stop, bar as display:
        display.advance(first)
        for number in range(first + 1, last + 1):
            batches = next(stream)
            state, states = step(state, run.shard_batches(batches), run.key)
            recorder.add(batches, states)
            stopping = stop.requested  # read once: a later signal waits for the next step
            finishing = number == last or stopping
            validating = number % experiment.validate_every == 0 or number == experiment.steps
            saving = validating or finishing or number % experiment.save_every == 0
            if saving or number % experiment.log_every == 0:
                # Raises, before anything is saved, if the loss is not finite.
                recorder.write(number)
                run.checkpoints.finalize()
            display.advance(1, recorder.note)
            metric = recorder.write_validation(number, state) if validating else None
            if saving:
                run.save(state, metric)
            if stopping:
                break
    run.checkpoints.wait()
    recorder.close()
    stream.close()
    if stop.requested and int(state.step) < experiment.steps:
        raise errors.Preempted(
            f'after step {int(state.step)} of {experiment.steps}, saved in {run.workdir}; '
            'the same command resumes from there'
        )
    return state


class _Recorder:
    """Collects the metrics of steps and writes them when a log row is due."""

    def __init__(self, run: runs.Run, first: int):
        self.run, self.log = run, log.Log(run.workdir, first)
        self.note = ''
        self._restart_interval()

    def _restart_interval(self) -> None:
        self._states: list = []
        self._tokens = self._bases = 0
        self._started = time.monotonic()

    def add(self, batches, states) -> None:
        self._states.append(states)
        for batch in batches.values():
            self._tokens += batch['tokens'].size
            self._bases += int(batch['valid'].sum())

    def write(self, step: int) -> None:
        merged = log.merge(jax.device_get(self._states))
        values = log.flatten(merged, self.run.metric_groups)
        seconds = time.monotonic() - self._started
        values['tokens_per_s'] = self._tokens * jax.process_count() / seconds
        values['bases_per_s'] = self._bases * jax.process_count() / seconds
        self._check_finite(step, values['loss'], values['grad_norm'])
        self.log.write('train', step, values)
        self.note = f'loss {values["loss"]:.4f}'
        self._restart_interval()

    def write_validation(self, step: int, state: runs.TrainState) -> float:
        """Writes the validation metrics; returns the one that selects the checkpoint."""
        values = log.flatten(self.run.validate(state), self.run.metric_groups)
        self.log.write('validation', step, values)
        self._started = time.monotonic()  # validation is not training time
        metric = values[self.run.selection_metric]
        self._check_finite(step, metric)
        return metric

    def _check_finite(self, step: int, *values: float) -> None:
        if np.isfinite(values).all():
            return
        latest = self.run.checkpoints.latest()
        saved = (
            'no step was saved' if latest is None else f'the checkpoint of step {latest} is intact'
        )
        raise errors.DamageError(
            f'{self.run.workdir}: loss or gradient not finite at step {step}: '
            f'{", ".join(map(str, values))}; {saved}. Fix: a lower optim.peak or optim.clip'
        )

    def close(self) -> None:
        self.log.close()


class _StopRequest:
    requested = False


@contextlib.contextmanager
def _stop_signals() -> Iterator[_StopRequest]:
    """Within the block, SIGTERM and Ctrl-C request a stop after the step; a second one exits."""
    stop = _StopRequest()

    def handle(number, frame):
        if stop.requested:
            sys.exit(128 + number)
        stop.requested = True

    previous = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        # Only the main thread receives signals; elsewhere, as in a notebook, there are none.
        with contextlib.suppress(ValueError):
            previous[number] = signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
