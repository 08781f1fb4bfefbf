"""One thread of XLA is left when every CPU device keeps one."""

import os
import subprocess
import sys

import pytest

from genojax.hardware import cpu_threads

FLAG = '--xla_force_host_platform_device_count'
CORES = cpu_threads.cores()
# Counts how many threads of XLA's pool the process has once jax is used.
COUNT = """
from genojax.hardware import cpu_threads
cpu_threads.leave_one_free()
import jax, pathlib
jax.block_until_ready(jax.jit(lambda x: x + 1)(1.0))
names = [file.read_text() for file in pathlib.Path('/proc/self/task').glob('*/comm')]
print(len(jax.devices()), sum('XLAEigen' in name for name in names))
"""


def threads_of(**environment: str) -> str | None:
    """PJRT_NPROC after the call."""
    cpu_threads.leave_one_free(environment)
    return environment.get('PJRT_NPROC')


@pytest.mark.parametrize(
    'environment',
    [
        {'XLA_FLAGS': f'{FLAG}=64'},
        {'XLA_FLAGS': f'--xla_dump_to=x {FLAG}=2 {FLAG}=64'},  # the last one counts
        {'JAX_NUM_CPU_DEVICES': '64', 'XLA_FLAGS': f'{FLAG}=1'},
        {'XLA_FLAGS': f'{FLAG}=64', 'PJRT_NPROC': '8'},  # XLA would have 64
        {'XLA_FLAGS': f'{FLAG}=64', 'PJRT_NPROC': 'many', 'NPROC': '64'},
        {'XLA_FLAGS': f'{FLAG}=64', 'PJRT_NPROC': '-1', 'JAX_NUM_CPU_DEVICES': '\u00b2'},
    ],
)
def test_one_thread_more_than_devices(environment):
    assert threads_of(**environment) == '65'


@pytest.mark.parametrize(
    'environment',
    [
        {},
        {'XLA_FLAGS': f'{FLAG}=1'},
        {'JAX_NUM_CPU_DEVICES': '1', 'XLA_FLAGS': f'{FLAG}=64'},
        {'XLA_FLAGS': f'{FLAG}=8', 'NPROC': '9'},
    ],
)
def test_nothing_is_set_where_a_thread_is_left(environment):
    assert threads_of(**environment) is None


def test_what_was_chosen_and_leaves_a_thread_is_kept():
    for chosen in ('16', ' 16'):
        assert threads_of(XLA_FLAGS=f'{FLAG}=8', PJRT_NPROC=chosen, NPROC='2') == chosen


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_xla_obeys():
    """So the variable and the pool still are what they were when memory was measured."""
    environment = {**os.environ, 'JAX_PLATFORMS': 'cpu', 'XLA_FLAGS': f'{FLAG}={CORES + 3}'}
    for name in ('PJRT_NPROC', 'NPROC', 'JAX_NUM_CPU_DEVICES'):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, '-c', COUNT], env=environment, capture_output=True, text=True, check=True
    )
    devices, threads = map(int, done.stdout.split())
    assert devices == CORES + 3
    assert threads == devices + 1
