"""How one point is measured: CPU time of one pinned core, beside the machine's own matmul rate.

Imports numpy only, so that a worker of any peer can use it.
"""

import gc
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import time

import numpy as np

# A repetition counts if the matmul before and after it reached this share of the process's best.
QUIET = 0.8
_SIDE = 1024


def pinned() -> bool:
    """Whether this process may run on one core only; then its CPU time is the clock."""
    return len(os.sched_getaffinity(0)) == 1


def clock() -> float:
    """Seconds."""
    return time.process_time() if pinned() else time.perf_counter()


class Matmul:
    """The reference rate: numpy's f32 matmul of 1024^3, GFLOP/s, best of two."""

    def __init__(self):
        random = np.random.default_rng(0)
        self.a, self.b = (random.random((_SIDE, _SIDE), dtype=np.float32) for _ in range(2))
        self.out = np.empty((_SIDE, _SIDE), np.float32)
        self()

    def __call__(self) -> float:
        best = float('inf')
        for _ in range(2):
            began = clock()
            np.matmul(self.a, self.b, out=self.out)
            best = min(best, clock() - began)
        return 2 * _SIDE**3 / best / 1e9


def _status(key: str) -> float:
    """MiB of a /proc/self/status entry."""
    with open('/proc/self/status') as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def memory_added(step) -> float:
    """MiB by which the resident set peaks above its level before one call."""
    gc.collect()
    before = _status('VmRSS')
    with open('/proc/self/clear_refs', 'w') as f:
        f.write('5')
    step()
    return _status('VmHWM') - before


def measure(step, seconds: float = 6.0, repetitions: int = 25) -> dict:
    """Times `step()` after warm-up, for up to 3 x `seconds` until five repetitions are quiet."""
    began = time.perf_counter()
    step()
    first = time.perf_counter() - began
    slow = first > 4 * seconds
    if not slow:
        step()
    memory = memory_added(step)
    matmul = Matmul()
    before, records = matmul(), []
    began = time.perf_counter()
    while True:
        t = clock()
        step()
        t = clock() - t
        after = matmul()
        records.append((t, before, after))
        before = after
        best = max(r for _, *rates in records for r in rates)
        quiet = [t for t, *rates in records if min(rates) >= QUIET * best]
        elapsed = time.perf_counter() - began
        enough = len(quiet) >= (2 if slow else 5) and (
            elapsed > seconds or len(records) >= repetitions
        )
        if enough or elapsed > 3 * seconds and len(records) >= 2:
            break
    times = quiet or [t for t, *_ in records]
    return {
        'clock': 'cpu' if pinned() else 'wall',
        'first_s': first,
        'median_s': statistics.median(times),
        'best_s': min(times),
        'worst_s': max(times),
        'repetitions': len(records),
        'quiet': len(quiet),
        'added_mib': memory,
        'matmul_gflops': best,
        'matmul_median_gflops': statistics.median(rate for _, *rates in records for rate in rates),
    }


def machine() -> dict:
    """What the numbers were taken on."""
    with open('/proc/cpuinfo') as lines:
        cpu = next(
            (line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')), ''
        )
    return {
        'device': cpu,
        'cores': os.cpu_count(),
        'python': platform.python_version(),
        'load': os.getloadavg()[0],
        'commit': _commit(),
        'versions': {name: _version(name) for name in ('jax', 'torch', 'transformers')},
    }


def _commit() -> str:
    """The commit of the code, with '+' if it was changed; empty outside of a repository."""
    command = ['git', 'describe', '--always', '--dirty=+', '--exclude=*']
    here = pathlib.Path(__file__).parent
    return subprocess.run(command, capture_output=True, text=True, cwd=here).stdout.strip()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return 'absent'


def emit(record: dict) -> None:
    """One JSON line on standard output, floats to five digits."""
    rounded = {k: float(f'{v:.5g}') if isinstance(v, float) else v for k, v in record.items()}
    print(json.dumps(rounded), flush=True)
