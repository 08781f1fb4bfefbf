"""The training loop: start or resume, step, log, evaluate, save, stop when told to.

The same command on the same workdir goes on where the last checkpoint stands, bit for bit as if it had never stopped:
data order, masks and dropout are functions of (seed, step), and the checkpoint holds all the rest.
"""

import contextlib
import signal
import sys
import time
from collections.abc import Iterator

import jax
import numpy as np

from genojax import errors, progress
from genojax import experiment as recipes
from genojax.train import log, runs
from genojax.train import step as steps


def train(run: runs.Run, stop_at: int | None = None) -> recipes.TrainState:
    """Train to the config's last step and return the state there; it is saved.

    Args:
        stop_at: save and return after this step, as if told to stop.

    Raises:
        Preempted: SIGTERM or Ctrl-C came; the state is saved and the same command goes on from it.
        DamageError: the loss or the gradient is not finite any more; the last checkpoint is kept.
    """
    recipe = run.recipe
    state = run.start()
    first = int(state.step)
    last = recipe.steps if stop_at is None else min(stop_at, recipe.steps)
    if first >= last:
        return state
    step = steps.make_step(recipe, run.objective, run.abstract, run.mesh)
    meter = _Meter(run, first)
    batches = run.feed.train(first, (jax.process_index(), jax.process_count()))
    shown = progress.bar(run.workdir.name, recipe.steps)
    with jax.set_mesh(run.mesh), _stop_signals() as told, shown as display:
        display.advance(first)
        for number in range(first + 1, last + 1):
            batch = next(batches)
            state, states = step(state, run.put(batch), run.key)
            meter.add(batch, states)
            stops = told.is_set  # asked once: a signal that comes later waits for the next step
            finishes = number == last or stops
            evaluates = number % recipe.eval_every == 0 or number == recipe.steps
            saves = evaluates or finishes or number % recipe.save_every == 0
            if saves or number % recipe.log_every == 0:
                meter.write(number)  # refuses to go on, and to save, when the loss is not finite
                run.checkpoints.finalize()
            display.advance(1, meter.note)
            loss = None
            if evaluates:
                loss = meter.write_evaluation(number, state)
            if saves:
                run.save(state, loss)
            if stops:
                break
    run.checkpoints.wait()
    meter.close()
    if hasattr(batches, 'close'):
        batches.close()
    if told.is_set and int(state.step) < recipe.steps:
        raise errors.Preempted(
            f'after step {int(state.step)} of {recipe.steps}, saved in {run.workdir}; '
            'the same command goes on from there'
        )
    return state


class _Meter:
    """Collects the metrics of steps and writes them when a log line is due."""

    def __init__(self, run: runs.Run, first: int):
        self.run, self.log = run, log.Log(run.workdir, first)
        self.note = ''
        self._states: list = []
        self._tokens = self._bases = 0
        self._mark = time.monotonic()

    def add(self, batch, states) -> None:
        self._states.append(states)
        self._tokens += batch['tokens'].size
        self._bases += int(batch['valid'].sum())

    def write(self, step: int) -> None:
        values = log.flat(log.merge(jax.device_get(self._states)), self.run.names)
        seconds = time.monotonic() - self._mark
        values['tokens_per_s'] = self._tokens * jax.process_count() / seconds
        values['bases_per_s'] = self._bases * jax.process_count() / seconds
        self._refuse_not_finite(step, values['loss'], values['grad_norm'])
        self.log.write('train', step, values)
        self.note = f'loss {values["loss"]:.4f}'
        self._states, self._tokens, self._bases = [], 0, 0
        self._mark = time.monotonic()

    def write_evaluation(self, step: int, state: recipes.TrainState) -> float:
        values = log.flat(self.run.evaluate(state), self.run.names)
        self.log.write('eval', step, values)
        self._mark = time.monotonic()  # evaluation is not training time
        measured = values[self.run.objective.chooses_by]
        self._refuse_not_finite(step, measured)
        return measured

    def _refuse_not_finite(self, step: int, *values: float) -> None:
        if np.isfinite(values).all():
            return
        latest = self.run.checkpoints.latest()
        kept = (
            'no step was saved' if latest is None else f'the checkpoint of step {latest} is whole'
        )
        raise errors.DamageError(
            f'{self.run.workdir}: loss or gradient not finite at step {step}: '
            f'{", ".join(map(str, values))}; {kept}. Fix: a lower optim.peak or optim.clip'
        )

    def close(self) -> None:
        self.log.close()


class _Told:
    is_set = False


@contextlib.contextmanager
def _stop_signals() -> Iterator[_Told]:
    """Within the block SIGTERM and Ctrl-C ask for a stop at the end of the step; a second one ends at once."""
    told = _Told()

    def tell(number, frame):
        if told.is_set:
            sys.exit(128 + number)
        told.is_set = True

    before = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        # Signals belong to the main thread; a notebook's worker thread simply has none to catch.
        with contextlib.suppress(ValueError):
            before[number] = signal.signal(number, tell)
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
