"""Several processes (hosts): how they find each other, which rows each reads, and which one writes.

All processes run the same command with the same config. They share the workdir and the data, as
folders of one file system; a workdir in a bucket is written through such a folder, and every host
makes its own copy of shards that are in a bucket.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from genojax import errors, sharding
from genojax.data.datasets.base import ONE_HOST, Shard


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
    return Processes('auto' if pod or (tasks.isdigit() and int(tasks) > 1) else 'one')


def _explicit(source: str, address: str, index: str, count: str) -> Processes:
    host, _, port = address.rpartition(':')
    if not (host and port.isdigit() and index.isdigit() and count.isdigit()):
        raise errors.UsageError(
            f'{source} is not understood. Fix: --processes=auto, --processes=one or '
            '--processes=INDEX/COUNT@HOST:PORT'
        )
    if int(index) >= int(count):
        raise errors.UsageError(f'{source}: the index must be in 0 .. {int(count) - 1}')
    return Processes('explicit', address, int(count), int(index))


def start(processes: Processes) -> None:
    """Joins the other processes; before anything asks jax for its devices.

    Raises:
        UsageError: the other processes did not answer.
    """
    if processes.kind == 'one' or processes == Processes('explicit', processes.address):
        return
    try:
        if processes.kind == 'auto':
            jax.distributed.initialize()
        else:
            jax.distributed.initialize(processes.address, processes.count, processes.index)
    except (RuntimeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise errors.UsageError(f'the processes did not find each other: {first}') from error


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


def is_writer() -> bool:
    """Whether this process writes configs, logs and results; exactly one does."""
    return jax.process_index() == 0


def barrier(name: str) -> None:
    """Waits until every process is here."""
    if jax.process_count() > 1:
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
        return multihost_utils.process_allgather(tree, tiled=True)


def all_equal(value: int) -> bool:
    """Whether all processes have one value, below 2^31."""
    if jax.process_count() == 1:
        return True
    return len(set(multihost_utils.process_allgather(np.array(value, np.int32)).tolist())) == 1


def agrees_to_stop(requested: bool) -> bool:
    """Whether all processes stop after this step, because one of them was asked to.

    The processes ask each other after every step: jax's own preemption service would need the
    handler of SIGTERM, which saves a run of one process too.
    """
    if jax.process_count() == 1:
        return requested
    with jax.transfer_guard('allow'):
        return bool(multihost_utils.process_allgather(np.array(requested)).any())
