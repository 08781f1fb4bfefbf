"""The training loop: start or resume, step, log, validate, save, stop on a signal.

The same command on the same workdir resumes from the last checkpoint, bit for bit as if it had
never stopped: data order, masks and dropout are functions of (seed, step), and the checkpoint holds
all the rest.
"""

import contextlib
import signal
import sys
from collections.abc import Iterator

import jax

from genojax import errors, progress
from genojax.train import log, runs
from genojax.train import step as steps


def train(run: runs.Run, stop_at: int | None = None, profile: int = 0) -> runs.TrainState:
    """Trains to the experiment's last step and returns the state there; it is saved.

    Args:
        stop_at: save and return after this step, as if a stop had been requested.
        profile: number of steps to trace for xprof.

    Raises:
        Preempted: SIGTERM or Ctrl-C came; the state is saved, and the same command resumes.
        DamageError: the loss or the gradient is not finite; the last checkpoint is kept.
        UsageError: no memory, a full disk, or a lost process; the last checkpoint is kept.
    """
    with run.one_line_errors():
        state = run.start()
        first = int(state.step)
        total = run.experiment.steps
        last = total if stop_at is None else min(stop_at, total)
        if first >= last:
            run.claim(run.memory)
            return state
        with contextlib.closing(run.train_batches(first)) as stream, jax.set_mesh(run.mesh):
            return _train(run, state, stream, last, profile)


def _train(
    run: runs.Run, state: runs.TrainState, stream: Iterator, last: int, profile: int = 0
) -> runs.TrainState:
    """Trains from `state` to step `last`; saved there, or where a stop is requested."""
    experiment, first = run.experiment, int(state.step)
    step, stream, flops = steps.compile_first(run, state, stream)
    key = steps.placed_key(run)
    recorder = log.Recorder(run, range(first + 1, last + 1), flops, profile)
    timer = run.step_timer(first, last)
    bar = progress.bar(run.workdir.name, experiment.steps)
    # Nothing moves to a device or back unless the code says so: not a batch, nor a scalar.
    guard = jax.transfer_guard('disallow')
    with contextlib.closing(recorder), _stop_requests() as stop, bar as display, guard:
        display.advance(first)
        for number in range(first + 1, last + 1):
            with recorder.step(number):
                batches = recorder.read(stream)
                state, states = step(state, run.shard_batches(batches), key)
            recorder.add(number, batches, states)
            recorder.estimate(timer, number, states)
            # Read once: a later signal waits for the next step.
            stopping = run.stops(stop.requested)
            finishing = number == last or stopping
            validating = number % experiment.validate_every == 0 or number == experiment.steps
            saving = validating or finishing or number % experiment.save_every == 0
            if saving or number % experiment.log_every == 0:
                # Raises, before anything is saved, if the loss is not finite.
                recorder.write(number, state)
                run.checkpoints.finalize()
            display.advance(1, recorder.note)
            with jax.transfer_guard('allow'):
                metric = recorder.write_validation(timer, number, state) if validating else None
                if saving:
                    run.save(state, metric)
            if stopping:
                break
        run.checkpoints.wait()
    if stopping and int(state.step) < experiment.steps:
        raise errors.Preempted(
            f'after step {int(state.step)} of {experiment.steps}, saved in {run.workdir}; '
            'the same command resumes from there'
        )
    return state


class _StopRequest:
    requested = False


@contextlib.contextmanager
def _stop_requests() -> Iterator[_StopRequest]:
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
