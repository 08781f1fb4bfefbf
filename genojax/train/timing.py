"""Where the time of a run goes: seconds per step, waits for data, FLOP/s, and traces for xprof."""

import contextlib
import math
import pathlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np

from genojax.hardware import chips

# Of log rows: times and rates, which differ between equal runs.
FIELDS = (
    *('tokens_per_s', 'bases_per_s', 'step_seconds_p50', 'step_seconds_p90', 'step_seconds_max'),
    *('data_wait', 'model_tflops_per_s', 'mfu'),
)
FOLDER = 'profile'  # of the traces, in a workdir
_UNTRACED = 2  # steps before a trace: the first ones of a process are slower


class StepClock:
    """Times the steps of an interval of the log, without making the devices wait.

    A step is done when its metrics are there. They are waited for after the next step was handed to
    the devices, so one step is always queued.

    Args:
        flops: of the model per step, over all devices, without recomputation.
        device_kinds: of the devices of the mesh.
    """

    def __init__(self, flops: int = 0, device_kinds: Iterable[str] = ()):
        self._flops, self._peak = flops, sum(map(chips.peak_flops, device_kinds))
        self._pending, self._done = None, math.nan
        self.restart()

    def restart(self) -> None:
        """Begins an interval."""
        self._seconds: list[float] = []
        self._wait, self._started = 0.0, time.monotonic()

    def resume(self) -> None:
        """The interval and its next step begin now: what came before is no training time."""
        self._started = self._done = time.monotonic()

    def read(self, stream: Iterator) -> Any:
        """The next batches of a stream; the time until they are there counts as wait for data."""
        began = time.monotonic()
        if math.isnan(self._done):
            self._done = began
        batches = next(stream)
        self._wait += time.monotonic() - began
        return batches

    def add(self, metrics: Any) -> None:
        """Counts a step that was handed to the devices; waits for the one before it."""
        self._complete()
        self._pending = metrics

    def _complete(self) -> None:
        if self._pending is None:
            return
        jax.block_until_ready(self._pending)
        now = time.monotonic()
        self._seconds.append(now - self._done)
        self._pending, self._done = None, now

    @property
    def elapsed(self) -> float:
        """Seconds of the interval so far."""
        return time.monotonic() - self._started

    def values(self) -> dict[str, float]:
        """Fields of a log row, of the interval that ends now; all its steps are waited for.

        `data_wait` is a share of the interval's time, `mfu` of the devices' peak in bfloat16; it is
        absent where that is unknown.
        """
        self._complete()
        elapsed = self.elapsed
        if not self._seconds or elapsed <= 0:
            return {}
        median, tenth, slowest = np.quantile(self._seconds, (0.5, 0.9, 1.0))
        values = {
            'step_seconds_p50': float(median),
            'step_seconds_p90': float(tenth),
            'step_seconds_max': float(slowest),
            'data_wait': min(self._wait / elapsed, 1.0),
        }
        rate = self._flops * len(self._seconds) / elapsed
        if rate:
            values['model_tflops_per_s'] = rate / 1e12
        if rate and self._peak:
            values['mfu'] = rate / self._peak
        return values


class Tracer:
    """A trace of a few steps for xprof, in the folder `profile` of a workdir.

    Args:
        steps: that will run.
        count: how many of them to trace; 0: none.
        say: called with a line of text when the trace is written.
    """

    def __init__(self, workdir: pathlib.Path, steps: range, count: int, say: Callable[[str], None]):
        self.folder, self._say = workdir / FOLDER, say
        skipped = min(_UNTRACED, max(len(steps) - count, 0))
        self._steps, self._tracing = steps[skipped : skipped + count], False

    @contextlib.contextmanager
    def step(self, number: int) -> Iterator[None]:
        """Around the code that runs a step."""
        if number not in self._steps:
            yield
            return
        if not self._tracing:
            jax.profiler.start_trace(str(self.folder))
            self._tracing = True
        with jax.profiler.StepTraceAnnotation('train', step_num=number):
            yield

    def after(self, number: int, metrics: Any) -> None:
        """Ends the trace after its last step, which is waited for."""
        if self._tracing and number == self._steps[-1]:
            jax.block_until_ready(metrics)
            self.close()
            steps = f'{self._steps[0]} to {self._steps[-1]}'
            self._say(f'profile of steps {steps}: pip install xprof; xprof {self.folder}')

    def close(self) -> None:
        """Writes what has been traced, also if the run stops early."""
        if self._tracing:
            jax.profiler.stop_trace()
            self._tracing = False
