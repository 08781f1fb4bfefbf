"""Several processes (hosts): how they find each other, which rows each reads, and which one writes.

All processes run the same command with the same config. They share the workdir and the data, as
folders of one file system; a workdir in a bucket is written through such a folder, and every host
makes its own copy of shards that are in a bucket.
"""

import contextlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from genojax import errors, progress, sharding
from genojax.data.datasets.base import ONE_HOST, Shard

WAIT_SECONDS = 300.0  # for process 0, as jax waits for the others
LEAVE_SECONDS = 10.0
LOST_PROCESS = 'another process has ended'
LOST_PROCESS_FIX = 'Fix: the same command in every process; training resumes'
# In what jax says then of a collective.
_LOST_PROCESS = re.compile('[Cc]onnection (closed|reset) by peer|[Gg]loo .* failed')


class Processes(NamedTuple):
    """How to join the other processes.

    Attributes:
        kind: 'one' alone; 'auto' as jax detects a TPU pod, SLURM or MPI; 'explicit'.
        address: 'HOST:PORT' of process 0, if explicit.
        count, index: number of processes, and of this one, if explicit.
    """

    kind: str
    address: str = ''
    count: int = 1
    index: int = 0


def find(environment: Mapping[str, str] = os.environ, processes: str = '') -> Processes:
    """What a command's `--processes` and its environment say.

    Args:
        environment: `JAX_COORDINATOR_ADDRESS`, `JAX_NUM_PROCESSES` and `JAX_PROCESS_ID` name the
            processes explicitly; `srun` with several tasks and a TPU pod's `TPU_WORKER_HOSTNAMES`
            are understood by jax itself.
        processes: 'one', 'auto', 'INDEX/COUNT@HOST:PORT', or '' to go by the environment.

    Raises:
        UsageError: it is none of these, or only some of the three variables are set.
    """
    if processes in ('one', 'auto'):
        return Processes(processes)
    if processes:
        numbers, _, address = processes.partition('@')
        return _explicit(f'--processes={processes}', address, *numbers.partition('/')[::2])
    names = ('JAX_COORDINATOR_ADDRESS', 'JAX_PROCESS_ID', 'JAX_NUM_PROCESSES')
    values = [environment.get(name, '') for name in names]
    if any(values):
        return _explicit(' '.join(map('='.join, zip(names, values, strict=True))), *values)
    tasks = environment.get('SLURM_STEP_NUM_TASKS', '1')
    pod = ',' in environment.get('TPU_WORKER_HOSTNAMES', '')
    return Processes('auto' if pod or (tasks.isdecimal() and int(tasks) > 1) else 'one')


def _explicit(source: str, address: str, index: str, count: str) -> Processes:
    host, _, port = address.rpartition(':')
    if not (host and port.isdecimal() and index.isdecimal() and count.isdecimal()):
        raise errors.UsageError(
            f'{source} is not understood. Fix: --processes=auto, --processes=one or '
            '--processes=INDEX/COUNT@HOST:PORT'
        )
    if not 1 <= int(port) < 2**16:
        raise errors.UsageError(f'{source}: the port must be in 1 .. 65535')
    if not int(count):
        raise errors.UsageError(f'{source}: there is at least one process')
    if int(index) >= int(count):
        raise errors.UsageError(f'{source}: the index must be in 0 .. {int(count) - 1}')
    return Processes('explicit', address, int(count), int(index))


def start(processes: Processes) -> None:
    """Joins the other processes; before anything asks jax for its devices.

    If others do not come to process 0 within five minutes, jax ends it without an exception.

    Raises:
        UsageError: process 0 did not answer, or another process was told another number of them.
    """
    if processes.kind == 'one' or processes == Processes('explicit', processes.address):
        return
    # Its handler of SIGTERM would take the place of ours, which end a verb or save a run.
    jax.config.update('jax_enable_preemption_service', False)
    try:
        if processes.kind == 'auto':
            jax.distributed.initialize()
        else:
            with progress.stage(f'waiting for the {processes.count} processes'):
                if processes.index:
                    _wait_for(processes.address)
                jax.distributed.initialize(processes.address, processes.count, processes.index)
    except (RuntimeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise errors.UsageError(f'the processes did not find each other: {first}') from error
    if processes.kind == 'explicit':
        check_alike({'the number of processes': processes.count})


def _wait_for(address: str) -> None:
    """Waits until a process listens, as jax would, which ends this process if none does.

    Raises:
        UsageError: it does not, for `WAIT_SECONDS`.
    """
    host, _, port = address.rpartition(':')
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            socket.create_connection((host.strip('[]'), int(port)), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise errors.UsageError(
                    f'process 0 did not answer at {address} within {WAIT_SECONDS:g} s: {error}. '
                    'Fix: start it there with --processes=0/COUNT@HOST:PORT'
                ) from error
        time.sleep(0.2)


def shard(mesh: jax.sharding.Mesh, batch_size: int) -> Shard:
    """The part of every global batch that this process's devices hold.

    Processes that differ only in the tensor or sequence axis hold, and read, the same rows.

    Raises:
        UsageError: the rows of this process are no run of rows that starts at a multiple of its
            length.
    """
    if jax.process_count() == 1:
        return ONE_HOST
    slices = sharding.batch_sharding(mesh).addressable_devices_indices_map((batch_size,)).values()
    rows = np.unique(np.concatenate([np.arange(batch_size)[index] for index in slices]))
    count = batch_size // len(rows)
    part = Shard(int(rows[0]) // len(rows), count)
    if batch_size % len(rows) or not np.array_equal(part.rows(batch_size), rows):
        raise errors.UsageError(
            f'the mesh gives process {jax.process_index()} rows {rows.tolist()[:8]} ... of a batch '
            f'of {batch_size}, which are no equal part. Fix: --config.mesh.data or mesh.fsdp a '
            'multiple of the number of processes'
        )
    return part


def is_lost_process(error: BaseException) -> bool:
    """Whether a collective failed because another process has gone."""
    return jax.process_count() > 1 and bool(_LOST_PROCESS.search(str(error)))


@contextlib.contextmanager
def _lost_process_named() -> Iterator[None]:
    """Within the block, a process that has gone is an error of one line.

    Raises:
        UsageError: another process has gone.
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:  # which of them differs by call
        if not is_lost_process(error):
            raise
        first = str(error).splitlines()[0]
        raise errors.UsageError(f'{LOST_PROCESS} ({first}). {LOST_PROCESS_FIX}') from error


def _gather(value: Any, **options: Any) -> Any:
    """The value of every process, as numpy arrays."""
    with _lost_process_named():
        return multihost_utils.process_allgather(value, **options)


def joined() -> bool:
    """Whether this process has others."""
    return jax.distributed.is_initialized()


def leave() -> None:
    """Says goodbye to the other processes, of several; before one that has failed exits.

    jax does so at every exit and waits five minutes for those that do not. A process that failed
    alone waits ten seconds here and is to exit by `os._exit`; the others then fail in their next
    collective.
    """

    def shut_down():
        with contextlib.suppress(RuntimeError, ValueError):  # the error that is shown is another
            jax.distributed.shutdown()

    farewell = threading.Thread(target=shut_down, daemon=True)
    farewell.start()
    farewell.join(LEAVE_SECONDS)


def is_writer() -> bool:
    """Whether this process writes configs, logs and results; exactly one does."""
    return jax.process_index() == 0


def barrier(name: str) -> None:
    """Waits until every process is here."""
    if jax.process_count() > 1:
        with _lost_process_named():
            multihost_utils.sync_global_devices(name)


@contextlib.contextmanager
def writer_first(name: str) -> Iterator[None]:
    """The block runs in the writing process, then in all others: what it writes is there."""
    if not is_writer():
        barrier(name)
    try:
        yield
    finally:  # where it fails, the others go on to fail alike, instead of waiting
        if is_writer():
            barrier(name)


def all_rows(tree: Any) -> Any:
    """Global arrays as numpy arrays, whole in every process."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    with jax.transfer_guard('allow'):  # an exchange on purpose, also in the training loop
        return _gather(tree, tiled=True)


def all_equal(value: int) -> bool:
    """Whether all processes have one value, below 2^31."""
    if jax.process_count() == 1:
        return True
    return len(set(_gather(np.array(value, np.int32)).tolist())) == 1


def check_alike(values: Mapping[str, Any]) -> None:
    """Refuses processes that were not started alike: they would compute something else together.

    Args:
        values: name -> value that all processes must have, as JSON.

    Raises:
        UsageError: in every process, with the names that differ.
    """
    if jax.process_count() == 1:
        return
    data = np.frombuffer(json.dumps(values, sort_keys=True, default=str).encode(), np.uint8)
    sizes = _gather(np.array(len(data), np.int32)).tolist()
    padded = np.zeros(max(sizes), np.uint8)
    padded[: len(data)] = data
    rows = _gather(padded)
    first, *others = (json.loads(row[:n].tobytes()) for row, n in zip(rows, sizes, strict=True))
    differences = [
        f'{name} is {first.get(name)!r} in process 0 and {other.get(name)!r} in process {number}'
        for number, other in enumerate(others, 1)
        for name in sorted({*first, *other})
        if first.get(name) != other.get(name)
    ]
    if differences:
        more = f' and {len(differences) - 5} more' if len(differences) > 5 else ''
        raise errors.UsageError(
            f'the processes were not started alike: {"; ".join(differences[:5])}{more}. '
            'Fix: the same command, packages and data in every process'
        )


def agrees_to_stop(requested: bool) -> bool:
    """Whether all processes stop after this step, because one of them was asked to.

    The processes ask each other after every step: jax's own preemption service would need the
    handler of SIGTERM, which saves a run of one process too.
    """
    if jax.process_count() == 1:
        return requested
    with jax.transfer_guard('allow'):
        return bool(_gather(np.array(requested)).any())
