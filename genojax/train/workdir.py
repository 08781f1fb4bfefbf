"""The workdir of a run: one writer at a time, and it belongs to a run only once that has started.

`open_workdir` takes the lock and checks that files can be written. What a start leaves in a workdir
before `claim` is removed by `close`, so that a command that failed leaves nothing behind.
"""

import contextlib
import io
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

from genojax import distributed, errors, json_files, locks, stores
from genojax.stores import mirror as mirrors
from genojax.stores import staging

CONFIG, RECORD, LOCK = 'config.json', 'run.json', 'run.lock'
_PROBE_BYTES = 2**20


class Workdir:
    """The directory of one run.

    Attributes:
        path: of the directory.
        read_only: whether nothing but evaluations is written to it.
        claimed: whether it belongs to a run: its start has succeeded, now or earlier.

    Args:
        mirror: of a run in a bucket, whose local copy `path` is; in the process that writes.
    """

    def __init__(self, path: pathlib.Path, read_only: bool, mirror: mirrors.Mirror | None = None):
        self.path, self.read_only, self._mirror = path, read_only, mirror
        self.claimed = (path / CONFIG).is_file()
        self._lock: io.TextIOWrapper | None = None
        self._made: list[pathlib.Path] = []
        self._before: set[str] | None = None

    def open(self) -> None:
        if self.read_only:
            if not self.claimed:
                raise errors.UsageError(
                    f'{self.path} is not the workdir of a run: it has no {CONFIG}'
                )
            return
        if self.path.exists() and not self.path.is_dir():
            raise errors.UsageError(f'--workdir={self.path} is not a directory')
        try:
            if distributed.is_writer():
                self._make()
                self._take_lock()
                self._probe()
                self._refuse_damage()
        except OSError as error:
            self.close()
            reason = error.strerror or str(error)
            raise errors.UsageError(f'{self.path} cannot be written: {reason}') from error
        except errors.GenojaxError:
            self.close()
            raise

    def claim(self, record: dict[str, Any], config: dict[str, Any]) -> None:
        """Makes it the workdir of a run: `run.json` first, `config.json` last."""
        if self.claimed:
            return
        if distributed.is_writer():
            self.write_record(record)
            json_files.write_hashed(self.path / CONFIG, config)
        self.claimed = True

    def publish(self) -> None:
        """Writes a claimed workdir to its bucket, now and from time to time until `close`.

        Raises:
            UsageError: the bucket cannot be written.
        """
        if self._mirror is not None:
            self._mirror.push()
            self._mirror.start()

    def record(self) -> dict[str, Any]:
        """The content of `run.json`.

        Raises:
            DamageError: it is missing or damaged.
        """
        path = self.path / RECORD
        if not path.is_file():
            fix = f'restore it, or --workdir={errors.new_name(self.path)}'
            raise errors.DamageError(f'{path} is missing. Fix: {fix}')
        return json_files.read_hashed(path, required=False)

    def write_record(self, record: dict[str, Any]) -> None:
        if distributed.is_writer() and not self.read_only:
            json_files.write_hashed(self.path / RECORD, record)

    def refuse_lost_checkpoints(self) -> None:
        """Refuses to start over a run that has had a checkpoint.

        Raises:
            DamageError: it had one, as `run.json` says.
        """
        first = self.record().get('first_checkpoint') if self.claimed else None
        if first is not None:
            raise errors.DamageError(
                f'{self.path}: step {first} was saved, and no complete checkpoint is left. '
                f'Fix: restore checkpoints/, or --workdir={errors.new_name(self.path)}'
            )

    def close(self) -> None:
        """Releases the lock, and removes what a start left that did not succeed.

        Raises:
            UsageError: the last changes could not be written to the bucket.
        """
        try:
            self._close()
        finally:
            mirror, self._mirror = self._mirror, None
            if mirror is not None:
                mirror.close()

    def _close(self) -> None:
        if not self.claimed and self._before is not None:
            for entry in set(os.listdir(self.path)) - self._before - {LOCK}:
                _remove(self.path / entry)
        if self._lock is not None:
            (self.path / LOCK).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None
        self._before = None
        if not self.claimed:
            for folder in reversed(self._made):
                with contextlib.suppress(OSError):  # something else is in it
                    folder.rmdir()
        self._made = []

    def _make(self) -> None:
        missing = [self.path, *self.path.parents]
        missing = [folder for folder in reversed(missing) if not folder.exists()]
        self.path.mkdir(parents=True, exist_ok=True)
        self._made = missing
        self._before = set(os.listdir(self.path))

    def _take_lock(self) -> None:
        """Locks the directory until `close` or the end of this process, also if it is killed."""
        try:
            self._lock = locks.take(self.path / LOCK, self._in_use)
        except errors.UsageError:
            self._before = None  # nothing in here is ours
            raise

    def _in_use(self, owner: str) -> str:
        return (
            f'{self.path} is in use: {owner} is training in it. '
            f'Fix: wait for it or stop it, or --workdir={errors.new_name(self.path)}'
        )

    def _probe(self) -> None:
        """Writes and removes a file, so that a full or read-only disk is noticed at the start."""
        probe = self.path / 'write.probe'
        try:
            with probe.open('wb') as file:
                file.write(bytes(_PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)

    def _refuse_damage(self) -> None:
        """Refuses to start over where a run has been whose files are incomplete."""
        if self.claimed:
            json_files.read_hashed(self.path / CONFIG, required=False)
            self.record()
            return
        # A start that was killed leaves an empty folder of checkpoints.
        steps = [*self.path.glob('checkpoints/[0-9]*'), *self.path.glob('checkpoints/integrity/*')]
        for name, there in (
            ('metrics.jsonl', (self.path / 'metrics.jsonl').exists()),
            ('checkpoints', bool(steps)),
        ):
            if there:
                raise errors.DamageError(
                    f'{self.path} holds {name} of a run, but no {CONFIG}. '
                    f'Fix: restore {CONFIG}, or --workdir={errors.new_name(self.path)}'
                )


def open_workdir(
    path: str | os.PathLike,
    read_only: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Workdir:
    """Opens a workdir; makes it, locks it and writes a probe unless it is only read.

    Args:
        path: a folder, or a URL of one in a bucket.
        say: called with a line of text before a wait.

    Raises:
        UsageError: another process trains in it, it cannot be written, or `read_only` and it is not
            the workdir of a run.
        DamageError: it held a run and lacks a file of it.
    """
    if read_only or not stores.is_url(path):
        workdir = Workdir(stores.local(path), read_only)
    elif distributed.is_writer():
        mirror = staging.open_run(str(path), say)
        workdir = Workdir(mirror.folder, read_only, mirror)
    else:
        workdir = Workdir(staging.folder_of(str(path), 'run'), read_only)
    workdir.open()
    return workdir


def check_shared(workdir: Workdir) -> None:
    """Refuses several hosts that do not share the local copy of a workdir in a bucket.

    Orbax lets every host write its part of a checkpoint into one folder.

    Raises:
        UsageError: in every process alike.
    """
    if distributed.all_equal(staging.token_of(workdir.path)):
        return
    raise errors.UsageError(
        f'the hosts do not share {workdir.path.parent.parent}, through which they write to the '
        f'bucket. Fix: {staging.VARIABLE}=DIR, a folder that all of them see (a file server or a '
        'mounted bucket)'
    )


def check_room(path: pathlib.Path, size: int, keep: int) -> None:
    """Refuses a disk without room for the checkpoints that will be kept, and two more.

    Those are the best one, and one that is being written.

    Args:
        path: of the workdir.
        size: bytes of a checkpoint.
        keep: number of newest checkpoints kept.

    Raises:
        UsageError: less is free.
    """
    present = len([*(path / 'checkpoints' / 'integrity').glob('*.json')])
    count = max(keep + 2 - present, 1)
    check_free(path, count * size, count)


def check_free(path: pathlib.Path, needed: int, checkpoints: int) -> None:
    """Refuses a disk without room for checkpoints.

    Args:
        needed: bytes that will be written to `path`.
        checkpoints: how many checkpoints they are, for the message.

    Raises:
        UsageError: less is free.
    """
    free = shutil.disk_usage(path).free
    if free < needed:
        raise errors.UsageError(
            f'{path}: {checkpoints} checkpoints need {needed / 1e9:,.2f} GB of disk, '
            f'{free / 1e9:,.2f} GB are free. Fix: free some, --config.keep=1, or a --workdir=DIR '
            'on another disk'
        )


def _remove(path: pathlib.Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
