"""Several processes train as one: the same global batches and losses, by real processes (gloo)."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from genojax import distributed, errors
from genojax.data.datasets import base
from genojax.train import log
from tests.train import process_driver

DRIVER = pathlib.Path(__file__).with_name('process_driver.py')
ROOT = DRIVER.parent.parent.parent


def run(shards, workdir, count: int, steps: int, kill_at: int = 0, stop_at: int = 0) -> list[int]:
    """Trains with `count` processes and 4 devices in all; their exit codes.

    One process is this one, which has imported everything already. At about step `stop_at` process
    1 gets a SIGTERM.
    """
    if count == 1:
        process_driver.train(shards, workdir, steps, devices=jax.devices()[:4])
        return [0]
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    environment = environment_of(4 // count)
    started = [
        subprocess.Popen(
            [
                *(sys.executable, str(DRIVER), str(shards), str(workdir), str(steps)),
                *(f'{index}/{count}@127.0.0.1:{port}', str(kill_at)),
            ],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for index in range(count)
    ]
    try:
        while stop_at and len(_lines(workdir, 1)) < stop_at and started[1].poll() is None:
            time.sleep(0.2)
        if stop_at:
            started[1].send_signal(signal.SIGTERM)
        if kill_at:
            started[1].wait(timeout=300)
            started[0].kill()  # as a launcher does; alone it would wait for the lost one
        return [process.wait(timeout=300) for process in started]
    finally:
        for process in started:
            process.kill()


def batches(workdir, index: int = 0) -> list[str]:
    """Hashes of the global batches that a process saw, the compiled first one twice."""
    return [json.loads(line) for line in _lines(workdir, index)]


def _lines(workdir, index: int) -> list[str]:
    path = pathlib.Path(f'{workdir}.{index}.jsonl')
    return path.read_text().splitlines() if path.exists() else []


def losses(workdir) -> np.ndarray:
    return np.array([row['loss'] for row in log.read(workdir) if row['kind'] == 'train'])


def test_two_processes_train_as_one(shards, tmp_path):
    assert run(shards, tmp_path / 'one', 1, 6) == [0]
    assert run(shards, tmp_path / 'two', 2, 6) == [0, 0]
    one = batches(tmp_path / 'one')
    assert len(set(one)) == 6
    assert batches(tmp_path / 'two', 0) == batches(tmp_path / 'two', 1) == one
    np.testing.assert_allclose(losses(tmp_path / 'two'), losses(tmp_path / 'one'), rtol=1e-6)
    # Written once, by the first process.
    assert len(losses(tmp_path / 'two')) == 6


@pytest.mark.slow
def test_sigterm_of_one_process_stops_all_after_the_same_step(shards, tmp_path):
    codes = run(shards, tmp_path / 'stopped', 2, 4000, stop_at=6)
    assert all(code > 0 for code in codes)  # ended by themselves, not by a signal
    seen = batches(tmp_path / 'stopped', 0)
    assert seen == batches(tmp_path / 'stopped', 1)
    assert (tmp_path / f'stopped/checkpoints/integrity/{len(seen) - 1}.json').exists()


@pytest.mark.slow
def test_a_lost_process_and_another_number_of_them(shards, tmp_path):
    assert run(shards, tmp_path / 'whole', 1, 200) == [0]
    assert run(shards, tmp_path / 'four', 4, 200) == [0] * 4
    whole = batches(tmp_path / 'whole')
    assert batches(tmp_path / 'four', 3) == whole
    np.testing.assert_allclose(losses(tmp_path / 'four'), losses(tmp_path / 'whole'), rtol=1e-5)
    codes = run(shards, tmp_path / 'killed', 2, 200, kill_at=90)
    assert all(code != 0 for code in codes)
    saved = int(max((tmp_path / 'killed/checkpoints/integrity').glob('*.json'), key=_step).stem)
    assert saved >= 80
    before = len(batches(tmp_path / 'killed'))
    assert run(shards, tmp_path / 'killed', 1, 200) == [0]
    continued = batches(tmp_path / 'killed')[before:]
    assert continued[1:] == whole[1 + saved :]  # the first one is read twice: compiled, then used
    np.testing.assert_allclose(losses(tmp_path / 'killed'), losses(tmp_path / 'whole'), rtol=1e-5)


def _step(path: pathlib.Path) -> int:
    return int(path.stem)


@pytest.mark.parametrize(
    ('environment', 'processes', 'expected'),
    [
        ({}, '', ('one', '', 1, 0)),
        ({'SLURM_STEP_NUM_TASKS': '1'}, '', ('one', '', 1, 0)),
        ({'SLURM_STEP_NUM_TASKS': '8'}, '', ('auto', '', 1, 0)),
        ({'SLURM_STEP_NUM_TASKS': '8'}, 'one', ('one', '', 1, 0)),
        ({'TPU_WORKER_HOSTNAMES': 'a,b'}, '', ('auto', '', 1, 0)),
        ({'TPU_WORKER_HOSTNAMES': 'localhost'}, '', ('one', '', 1, 0)),
        ({}, '1/4@10.0.0.1:99', ('explicit', '10.0.0.1:99', 4, 1)),
        (
            {
                'JAX_COORDINATOR_ADDRESS': 'host:1',
                'JAX_NUM_PROCESSES': '2',
                'JAX_PROCESS_ID': '1',
            },
            '',
            ('explicit', 'host:1', 2, 1),
        ),
    ],
)
def test_how_processes_are_found(environment, processes, expected):
    assert distributed.find(environment, processes) == expected


@pytest.mark.parametrize(
    ('environment', 'processes'),
    [
        ({}, '4/4@host:1'),
        ({}, '0/2'),
        ({}, '0/2@host'),
        ({}, 'many'),
        ({}, '0/0@host:1'),
        ({}, '0/2@host:0'),
        ({}, '0/2@host:65536'),
        ({}, '\u00b2/2@host:1'),
        ({}, '0/2@host:\u00b2'),
        ({'JAX_NUM_PROCESSES': '2'}, ''),
    ],
)
def test_unclear_processes_are_refused(environment, processes):
    with pytest.raises(errors.UsageError):
        distributed.find(environment, processes)


def test_a_process_that_nobody_answers_ends_with_a_line(monkeypatch):
    monkeypatch.setattr(distributed, 'WAIT_SECONDS', 0.5)
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        address = f'127.0.0.1:{free.getsockname()[1]}'
    with pytest.raises(errors.UsageError, match=f'process 0 did not answer at {address}'):
        distributed.start(distributed.Processes('explicit', address, 2, 1))


def environment_of(devices: int) -> dict[str, str]:
    """Of a process with this number of devices."""
    flag = '--xla_force_host_platform_device_count'
    flags = [word for word in os.environ['XLA_FLAGS'].split() if not word.startswith(flag)]
    flags = ' '.join([*flags, f'{flag}={devices}'])
    return {**os.environ, 'PYTHONPATH': str(ROOT), 'XLA_FLAGS': flags}


def start_verbs(workdir, *flags: str) -> list[subprocess.Popen]:
    """`genojax train` in two processes, the second one with more flags."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    command = [sys.executable, '-m', 'genojax', 'train', '--config=debug_cpu']
    return [
        subprocess.Popen(
            [
                *(*command, f'--workdir={workdir}', '--config.steps=3000'),
                *(f'--processes={index}/2@127.0.0.1:{port}', *(flags if index else ())),
            ],
            env=environment_of(1),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]


def error_of(process: subprocess.Popen) -> tuple[int, str]:
    """Exit code and line of error of a process that ends soon."""
    try:
        _, printed = process.communicate(timeout=120)
    finally:
        process.kill()
    (line,) = [line for line in printed.splitlines() if line.startswith('genojax: ')]
    return process.returncode, line


@pytest.mark.parametrize(
    'flag, words',
    [
        ('--config.seed=7', '--config.seed is 0 in process 0 and 7 in process 1'),
        pytest.param('--evaluate', '--evaluate is False in process 0', marks=pytest.mark.slow),
        pytest.param('--config.seeed=7', '--config.seeed is None', marks=pytest.mark.slow),
    ],
)
def test_processes_that_were_not_started_alike_are_refused(flag, words, tmp_path):
    """Each would bring its own batches or updates into one training, and nothing would say so."""
    for process in start_verbs(tmp_path / 'run', flag):
        code, line = error_of(process)
        assert code == 2 and words in line
    assert not (tmp_path / 'run').exists()


@pytest.mark.slow
@pytest.mark.parametrize('stop', [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_goes_alone_ends_the_other(stop, tmp_path):
    """Killed while training; asked to stop before the loop, which saves, has begun."""
    processes = start_verbs(tmp_path / 'run')
    file = tmp_path / 'run' / ('metrics.jsonl' if stop == signal.SIGKILL else '')
    while not file.exists():
        assert all(process.poll() is None for process in processes)
        time.sleep(0.05)
    processes[1].send_signal(stop)
    if stop == signal.SIGTERM:
        assert error_of(processes[1])[0] == 75
    code, line = error_of(processes[0])
    assert code == 2 and 'another process has ended' in line


def test_one_process_is_alone():
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:8]).reshape(8, 1), ('data', 'fsdp'))
    assert distributed.shard(mesh, 16) == base.ONE_HOST
    assert distributed.agrees_to_stop(True) and not distributed.agrees_to_stop(False)
    with distributed.writer_first('test'):
        pass
