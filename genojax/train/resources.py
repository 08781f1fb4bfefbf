"""What a run needs and what the machine has: memory before step 1, time after a few steps."""

import dataclasses
import math
import pathlib
import time
from typing import Any

import jax

from genojax.experiment import TrainState

_CGROUP = pathlib.Path('/sys/fs/cgroup')
_TIMED_STEPS = 5


@dataclasses.dataclass(frozen=True)
class RunMemory:
    """Bytes on the device that needs most.

    Attributes:
        parameters: with untrained collections such as batch statistics, and frozen ones.
        optimizer: its state.
        activations: what the compiled step needs besides: activations, gradients, its batch; None
            before it is compiled.
        available: None if unknown.
    """

    parameters: int
    optimizer: int
    activations: int | None
    available: int | None

    @property
    def total(self) -> int:
        return self.parameters + self.optimizer + (self.activations or 0)

    def text(self) -> str:
        parts = [f'parameters {size(self.parameters)}', f'optimizer {size(self.optimizer)}']
        if self.activations is not None:
            parts.append(f'activations and gradients {size(self.activations)}')
        limit = '' if self.available is None else f' of {size(self.available)} available'
        return f'memory per device: {", ".join(parts)}: {size(self.total)}{limit}'


def size(count: int) -> str:
    """Bytes in words, as in '3.1 MB'."""
    for unit, scale in (('GB', 1e9), ('MB', 1e6), ('kB', 1e3)):
        if count >= scale:
            return f'{count / scale:,.1f} {unit}'
    return f'{count} bytes'


def of_state(abstract: TrainState, mesh: jax.sharding.Mesh) -> RunMemory:
    """The memory of a state alone, and what there is.

    Args:
        abstract: ShapeDtypeStructs with shardings.
    """
    return RunMemory(
        parameters=bytes_per_device((abstract.params, abstract.frozen, abstract.extra)),
        optimizer=bytes_per_device(abstract.opt_state),
        activations=None,
        available=available(mesh),
    )


def with_step(memory: RunMemory, compiled: jax.stages.Compiled) -> RunMemory:
    """The memory of a state with that of its compiled step, which reuses the state's buffers."""
    analysis = compiled.memory_analysis()
    if analysis is None:  # not every backend has one
        return memory
    step = (
        analysis.argument_size_in_bytes
        + analysis.output_size_in_bytes
        - analysis.alias_size_in_bytes
        + analysis.temp_size_in_bytes
    )
    state = memory.parameters + memory.optimizer
    return dataclasses.replace(memory, activations=max(step - state, 0))


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    text = str(error)
    return isinstance(error, jax.errors.JaxRuntimeError) and (
        'RESOURCE_EXHAUSTED' in text or 'out of memory' in text.lower()
    )


def first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip('.')


def available(mesh: jax.sharding.Mesh) -> int | None:
    """Bytes of memory for one device of a mesh; devices on a CPU share those of the host."""
    device = mesh.local_devices[0]
    stats = device.memory_stats()
    if stats and 'bytes_limit' in stats:
        return stats['bytes_limit']
    host = host_available()
    return None if host is None else host // len(mesh.local_devices)


def host_available() -> int | None:
    """Bytes that the host can give to this process now, by its kernel and its control group."""
    limits = [_meminfo_available(), _cgroup_available()]
    return min((limit for limit in limits if limit is not None), default=None)


def _meminfo_available() -> int | None:
    try:
        lines = pathlib.Path('/proc/meminfo').read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(':', 1) for line in lines)
    return int(fields['MemAvailable'].split()[0]) * 1024 if 'MemAvailable' in fields else None


def _cgroup_available() -> int | None:
    try:
        limit = (_CGROUP / 'memory.max').read_text().strip()
        used = int((_CGROUP / 'memory.current').read_text())
        lines = (_CGROUP / 'memory.stat').read_text().splitlines()
    except (OSError, ValueError):
        return None
    if not limit.isdecimal():  # 'max'
        return None
    cached = dict(line.split() for line in lines).get('inactive_file', '0')
    return max(int(limit) - used + int(cached), 0)


class StepTimer:
    """Says how long the rest of a run will take: after its first steps, and again with validation.

    The second validation is measured; the first one compiles.

    Attributes:
        seconds_per_step: None until it is known.
    """

    def __init__(self, first: int, steps: int, validate_every: int | None = None):
        self._due, self._steps = min(first + 1 + _TIMED_STEPS, steps), steps
        self._first, self._started = first + 1, 0.0
        self._validate_every, self._validations = validate_every or steps, 0
        self.seconds_per_step: float | None = None

    def after(self, number: int, metrics: Any) -> str:
        """A line of text after the step that completes the measurement, if others follow, else ''.

        Args:
            metrics: of the step; waited for on the first and on the last timed step.
        """
        if number not in (self._first, self._due):
            return ''
        jax.block_until_ready(metrics)
        if number == self._first:
            self._started = time.monotonic()
            return ''
        elapsed = time.monotonic() - self._started
        self.seconds_per_step = elapsed / max(number - self._first, 1)
        if number == self._steps:
            return ''
        rest = self._steps - number
        steps = f'the other {rest:,} steps, without validation'
        return self._line(f'{duration(self.seconds_per_step)} per step', steps, rest, 0.0)

    def after_validation(self, number: int, seconds: float) -> str:
        """A line of text after the second validation, if others follow, else ''.

        Args:
            number: of the step that was validated.
            seconds: that it took.
        """
        self._validations += 1
        rest = self._steps - number
        if self._validations != 2 or not rest or self.seconds_per_step is None:
            return ''
        count = -(-self._steps // self._validate_every) - number // self._validate_every
        steps = f'the other {rest:,} steps and {count:,} validation{"s" if count > 1 else ""}'
        return self._line(f'{duration(seconds)} per validation', steps, rest, seconds * count)

    def _line(self, what: str, of: str, steps: int, validation: float) -> str:
        rest = self.seconds_per_step * steps + validation
        end = time.strftime('%Y-%m-%d %H:%M', time.localtime(time.time() + rest))
        return f'{what}: about {duration(rest)} for {of}, until {end}'


def duration(seconds: float) -> str:
    """A time in words, as in '12 ms' or '3.4 h'."""
    for unit, scale in (('days', 86_400), ('h', 3_600), ('min', 60), ('s', 1)):
        if seconds >= scale * (2 if unit == 'days' else 1):
            return f'{seconds / scale:.1f} {unit}'
    return f'{1000 * seconds:.3g} ms'


def bytes_per_device(tree: Any) -> int:
    """Bytes of ShapeDtypeStructs with shardings on one device."""
    return sum(
        math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize
        for leaf in jax.tree.leaves(tree)
    )
