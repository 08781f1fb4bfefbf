"""How many threads XLA has for several devices of one CPU."""

import os
import re
from collections.abc import MutableMapping

# XLA takes the first of these that is a number when it opens its CPUs (`DefaultThreadPoolSize`).
_VARIABLES = ('PJRT_NPROC', 'NPROC')
_DEVICES = re.compile(r'--xla_force_host_platform_device_count=(\d+)')


def leave_one_free(environment: MutableMapping[str, str] = os.environ) -> None:
    """Sets PJRT_NPROC so that XLA has a thread more than a process has CPU devices.

    To be called before jax opens its devices. XLA has as many threads as cores, or as PJRT_NPROC
    says, and at least as many as devices. Each of several devices keeps one for a whole step, and
    if none is left, what the parallel loops of the step hold is freed only when the step ends,
    which no plan of its memory knows (experiments/benchmarks/README.md).
    """
    flags = _DEVICES.findall(environment.get('XLA_FLAGS', ''))
    # jax's own option has precedence over the flag, of which the last one counts.
    by_flag = int(flags[-1]) if flags else 1
    devices = _number(environment.get('JAX_NUM_CPU_DEVICES')) or by_flag
    chosen = [_number(environment.get(name)) for name in _VARIABLES]
    threads = next((number for number in chosen if number is not None), cores())
    if 1 < devices >= threads:
        environment['PJRT_NPROC'] = str(devices + 1)


def _number(text: str | None) -> int | None:
    """A whole number as XLA reads it, with spaces around it; None: it is none."""
    try:
        return int(text)
    except (TypeError, ValueError):
        return None


def cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has no such call
        return os.cpu_count() or 1
