"""Trains and scores the runs of a sweep, each in a process of its own.

A run that fails is recorded, and the others go on. What is done is skipped, and what was
interrupted resumes. Each run is locked while it is trained, so several processes, such as the tasks
of a SLURM array, may work on one sweep.
"""

import contextlib
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence

from genojax import config, errors, json_files, versions
from genojax.pipeline.sweep import folder as folders
from genojax.pipeline.sweep import spec

# What trains and scores a run; `genojax` in a process of its own.
COMMAND = (sys.executable, '-m', 'genojax')


class SweepFailedError(errors.GenojaxError):
    """Runs of a sweep have failed; its exit code is that of the first one."""

    def __init__(self, message: str, exit_code: int):
        super().__init__(message)
        known = (errors.UsageError, errors.InputError, errors.DamageError)
        self.exit_code = exit_code if exit_code in {one.exit_code for one in known} else 1


def shard_of(runs: Sequence[spec.SweepRun], index: int, count: int) -> list[spec.SweepRun]:
    """Every `count`-th run from `index` on: the part of one process of several."""
    return list(runs[index::count])


def train_all(
    runs: Sequence[spec.SweepRun],
    folder: folders.SweepFolder,
    limit: int | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Trains and scores what is not done yet.

    Args:
        limit: largest number of test windows to score.

    Raises:
        SweepFailedError: at the end, if a run has failed; with the exit code and line of each.
        Preempted: SIGTERM or Ctrl-C came; the run is saved, and the same command resumes.
    """
    for run in runs:
        folder.check(run)
    commit, failures = versions.commit(), []
    with _stop_requests() as child:
        for number, run in enumerate(runs, 1):
            if child.stop_requested:
                raise errors.Preempted(f'before run {run.name}; the same command resumes')
            name = f'[{number}/{len(runs)}] {run.name}'
            try:
                lock = folder.lock(f'runs/{run.name}', wait=False)
            except errors.UsageError as in_use:
                say(f'{name}: {in_use}')
                continue
            with lock:
                record = folder.record(run)
                if record['status'] == folders.DONE:
                    say(f'{name}: done before')
                    continue
                say(f'{name}: training; output in {folder.log(run)}')
                record = _train(run, folder, limit, child, lock)
                record['commit'] = commit
                folder.write_record(run, record)
            say(f'{name}: {describe(record)}')
            if child.stop_requested or record['exit_code'] == errors.Preempted.exit_code:
                raise errors.Preempted(f'in run {run.name}; the same command resumes')
            if record['status'] == folders.FAILED:
                failures.append((run.name, record))
    if failures:
        lines = [f'{name} ({describe(record)})' for name, record in failures]
        count = f'{len(failures)} of {len(runs)} runs failed: '
        raise SweepFailedError(count + '; '.join(lines), failures[0][1]['exit_code'])


def describe(record: dict) -> str:
    """What became of a run, as text."""
    cpu = f'{record["cpu_seconds"]:.0f} CPU s'
    if record['status'] == folders.DONE:
        return f'done, {cpu}'
    if record['status'] in (folders.FAILED, folders.STOPPED):
        return f'{record["status"]}, exit code {record["exit_code"]}: {record["line"]}'
    return record['status']


class _Child:
    """The process that trains a run, if there is one."""

    def __init__(self):
        self.process: subprocess.Popen | None = None
        self.stop_requested = False

    def stop(self, number, frame) -> None:
        self.stop_requested = True
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)  # it saves and ends with 75


@contextlib.contextmanager
def _stop_requests() -> Iterator[_Child]:
    """Within the block SIGTERM and Ctrl-C stop the child after its step."""
    child, previous = _Child(), {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            previous[number] = signal.signal(number, child.stop)
    try:
        yield child
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _train(run: spec.SweepRun, folder, limit: int | None, child: _Child, lock) -> dict:
    """Trains and scores one run; returns its record."""
    record = folder.record(run)
    json_files.write(folder.config(run), config.to_dict(run.experiment))
    record |= {'status': folders.STARTED, 'attempts': record['attempts'] + 1}
    folder.write_record(run, record)
    words = [
        *('train', f'--config={folder.config(run)}', f'--workdir={folder.workdir(run)}'),
        *('--evaluate', *([f'--limit={limit}'] if limit else [])),
    ]
    path = folder.log(run)
    with path.open('ab') as log:
        log.write(f'$ {shlex.join(["genojax", *words])}\n'.encode())
        log.flush()
        start = log.tell()
        # A session of its own: Ctrl-C on a terminal reaches the child once, by way of `child.stop`.
        child.process = subprocess.Popen(
            [*COMMAND, *words],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(folder.path),
            pass_fds=(lock.fileno(),),
            start_new_session=True,
        )
        if child.stop_requested:  # while it was being started
            child.process.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(child.process.pid, 0)
        code = child.process.returncode = os.waitstatus_to_exitcode(status)
        child.process = None
    outcomes = {0: folders.DONE, errors.Preempted.exit_code: folders.STOPPED}
    if child.stop_requested:  # before it could save anything
        outcomes[-signal.SIGTERM] = folders.STOPPED
    record |= {
        'status': outcomes.get(code, folders.FAILED),
        'exit_code': code,
        'line': _last_line(path, start),
        'cpu_seconds': round(record['cpu_seconds'] + usage.ru_utime + usage.ru_stime, 1),
    }
    return record


def _environment(path: pathlib.Path) -> dict[str, str]:
    """That of this process, and by default a cache of compiled programs: seeds share theirs."""
    cache = {
        'JAX_COMPILATION_CACHE_DIR': str((path / 'compiled').resolve()),
        'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
        'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '-1',
    }
    own = {} if 'JAX_COMPILATION_CACHE_DIR' in os.environ else cache
    return {**os.environ, **own}


def _last_line(path: pathlib.Path, start: int) -> str:
    """The last line that is not empty from a byte of a log on."""
    with path.open('rb') as file:
        file.seek(start)
        lines = [line.strip() for line in file.read().decode(errors='replace').splitlines()]
    return next((line for line in reversed(lines) if line), '')[:500]
