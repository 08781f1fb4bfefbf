"""Step times, waits for data and rates of a log row; traces that xprof reads."""

import itertools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest

from genojax.hardware import chips
from genojax.train import timing


@pytest.fixture
def ticks(monkeypatch):
    """A clock that the test sets, in place of the machine's."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(timing.time, 'monotonic', lambda: now.seconds)
    return now


def later(ticks, seconds, values):
    """An iterator each of whose values takes some seconds."""
    for value in values:
        ticks.seconds += seconds
        yield value


def test_the_fields_of_a_log_row(ticks, monkeypatch):
    monkeypatch.setattr(
        timing.jax, 'block_until_ready', lambda _: setattr(ticks, 'seconds', ticks.seconds + 1.0)
    )
    clock = timing.StepClock(flops=10**12, device_kinds=['TPU v5 lite'] * 2)
    stream = later(ticks, 0.5, itertools.count())
    for _ in range(4):
        clock.read(stream)
        clock.add('metrics')
    values = clock.values()
    # 4 waits of half a second, 4 steps that are waited for one second each.
    assert values['data_wait'] == pytest.approx(2 / 6)
    assert values['step_seconds_p50'] == pytest.approx(1.5)
    assert values['step_seconds_max'] == pytest.approx(2.0)
    assert values['model_tflops_per_s'] == pytest.approx(4 / 6)
    assert values['mfu'] == pytest.approx(4 / 6 / (2 * 197))
    assert set(values) < set(timing.FIELDS)
    clock.restart()
    assert clock.values() == {}


def test_validation_is_no_training_time(ticks):
    clock = timing.StepClock()
    stream = later(ticks, 1.0, itertools.count())
    clock.read(stream)
    clock.add(jnp.zeros(()))
    clock.values()
    clock.restart()
    ticks.seconds += 100.0
    clock.resume()
    clock.read(stream)
    clock.add(jnp.zeros(()))
    values = clock.values()
    assert values['step_seconds_max'] == 1.0 and values['data_wait'] == 1.0
    assert 'mfu' not in values and 'model_tflops_per_s' not in values


def test_peaks_of_devices():
    assert chips.peak_flops('TPU v5 lite') == 197e12
    assert chips.peak_flops('TPU v5p') == chips.peak_flops('TPU v5') == 459e12
    assert chips.peak_flops('TPU7x') == 2307e12 / 2
    assert chips.peak_flops('NVIDIA H100 80GB HBM3') == 989e12
    assert chips.peak_flops('cpu') == 0


@pytest.mark.parametrize(
    ('steps', 'count', 'traced'),
    [
        (range(1, 101), 5, [3, 4, 5, 6, 7]),
        (range(51, 101), 2, [53, 54]),
        (range(1, 4), 5, [1, 2, 3]),
        (range(1, 7), 5, [2, 3, 4, 5, 6]),
        (range(1, 101), 0, []),
        (range(1, 1), 5, []),
    ],
)
def test_which_steps_are_traced(tmp_path, monkeypatch, steps, count, traced):
    seen, lines, running = [], [], []
    monkeypatch.setattr(jax.profiler, 'start_trace', running.append)
    monkeypatch.setattr(jax.profiler, 'stop_trace', running.clear)
    tracer = timing.Tracer(tmp_path, steps, count, lines.append)
    for number in steps:
        with tracer.step(number):
            seen += [number] if running else []
        tracer.after(number, jnp.zeros(()))
    tracer.close()
    assert seen == traced and running == [] and len(lines) == bool(traced)


def test_a_trace_is_there_for_xprof(tmp_path):
    tracer = timing.Tracer(tmp_path, range(1, 3), 2, lambda line: None)
    for number in (1, 2):
        with tracer.step(number):
            value = jax.jit(lambda x: x + 1)(jnp.zeros(number))
        tracer.after(number, value)
    (trace,) = (tmp_path / 'profile').rglob('*.xplane.pb')
    assert b'train' in trace.read_bytes()
