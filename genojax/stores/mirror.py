"""A run's folder and its copy in a bucket: pulled when the run opens, pushed while it trains.

Pushes write in an order in which the bucket always holds a whole run, as a kill would leave it on a
disk: files of the run first, then logs, then the files of checkpoints, then the manifests that
complete them, and the run's record last. What was removed here is removed there afterwards,
manifests first. Where a push fails, training goes on and the next push tries again; `close` must
succeed.
"""

import os
import pathlib
import re
import shutil
import sys
import threading
from typing import NamedTuple

from genojax import errors, json_files
from genojax.stores import bucket as buckets
from genojax.stores import lease as leases

RECORD, CONFIG = 'run.json', 'config.json'
PUSH_SECONDS = 15.0  # between pushes in the background
_MANIFEST = re.compile(r'checkpoints/integrity/(\d+)\.json')
_STEP_FILE = re.compile(r'checkpoints/(\d+)/')
_SKIPPED = re.compile(
    r'run\.lock|write\.probe|.*\.partial|checkpoints/[^/]*(tmp|partial)[^/]*/.*'
    r'|(.*/)?\.lock|.*/cache/.*'
)
_COMPLETING = ('manifest.json', 'manifest.sha256')  # of shards
_LOGS = re.compile(r'(metrics|tensorboard/|evaluation/|profile/|report|predictions).*')


class _Copy(NamedTuple):
    """A file that the bucket holds: what it was here (size, time) and the object's version."""

    size: int
    modified_ns: int
    version: str


class Mirror:
    """Keeps a folder and a bucket equal.

    Args:
        bucket: of the run.
        folder: its local copy.
        state: a file that remembers, between processes, which versions the copies are of.
        additions: push only what is new here, and remove nothing: of a run that is only read.
    """

    def __init__(
        self,
        bucket: buckets.Bucket,
        folder: pathlib.Path,
        state: pathlib.Path,
        additions: bool = False,
    ):
        self.bucket, self.folder, self._state = bucket, folder, state
        self._outbox = state.with_suffix('.outbox')
        self._additions, self._lock = additions, threading.Lock()
        self._copies: dict[str, _Copy] = {}
        self._claimed = False
        self._stop, self._threads = threading.Event(), []
        self._lease: leases.Lease | None = None

    def pull(self, keep: bool = False) -> bool:
        """Makes the folder equal to the bucket; returns whether a file was read from there.

        A folder that is ahead of the bucket stays as it is: its run is the bucket's and has a later
        complete checkpoint, so the last push of that run has failed.

        Args:
            keep: files that the bucket does not have stay.
        """
        remote, local = self.adopt(), _files(self.folder)
        if self._is_ahead(remote, local):
            return False
        if not keep:
            self._remove_others(remote, local)
        whole = {match[1] for name in remote if (match := _MANIFEST.fullmatch(name))}
        needed = {
            name: stored
            for name, stored in remote.items()
            # The others are of a push that did not end.
            if not (step := _STEP_FILE.match(name)) or step[1] in whole
            if name not in local or self._copies[name][:2] != local[name]
        }
        try:
            for name, stored in sorted(needed.items()):
                self.bucket.download(name, self.folder / name, stored.size)
                self._copies[name] = _Copy(*_signature(self.folder / name), stored.version)
        finally:
            self._write_state()
        return bool(needed)

    def adopt(self) -> dict[str, buckets.StoredObject]:
        """Learns what the bucket holds, and which local files are equal to it; returns the former.

        Objects without a local copy are removed by the next push.
        """
        remote = self.bucket.list()
        remote.pop(leases.NAME, None)
        self._claimed = CONFIG in remote
        self._read_state(remote)
        for name, stored in remote.items():
            self._copies.setdefault(name, _Copy(-1, 0, stored.version))
        return remote

    def _remove_others(self, remote, local) -> None:
        for name in local.keys() - remote.keys():
            (self.folder / name).unlink()
        for root, _, _ in os.walk(self.folder, topdown=False):
            if root != str(self.folder) and not os.listdir(root):
                os.rmdir(root)

    def lock(self, say) -> None:
        """Makes this process the one that writes to the bucket.

        Raises:
            UsageError: another process does.
        """
        self._lease = leases.Lease(self.bucket)
        self._lease.acquire(say)

    def release(self) -> None:
        """Lets other processes write, without a push."""
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    def start(self) -> None:
        """Pushes in the background from now on, until `close`."""
        thread = threading.Thread(target=self._push_often, name='genojax-mirror', daemon=True)
        thread.start()
        self._threads.append(thread)

    def push(self) -> None:
        """Writes all changes to the bucket.

        Raises:
            UsageError: an object could not be written, or another process took the run over.
        """
        with self._lock:
            if self._lease is not None:
                self._lease.check()
            try:
                self._push()
            finally:
                self._write_state()

    def close(self) -> None:
        """Pushes the last changes and lets other processes write.

        Raises:
            UsageError: they could not be written; the folder has them, and the next run of the same
                command on this machine pushes them.
        """
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._threads = []
        try:
            if self._additions or (self.folder / CONFIG).is_file():
                self.push()
        except errors.UsageError as error:
            raise errors.UsageError(f'{error} (from {self.folder}, which has all of it)') from error
        finally:
            self.release()

    def _push_often(self) -> None:
        while not self._stop.wait(PUSH_SECONDS):
            try:
                self.push()
            except (errors.GenojaxError, OSError) as error:
                print(f'{error} (tried again later)', file=sys.stderr, flush=True)

    def _push(self) -> None:
        local = _files(self.folder)
        changed = [
            name
            for name, signature in local.items()
            if name not in self._copies or self._copies[name][:2] != signature
        ]
        try:
            paths = self._pin(changed)
            for name in sorted(paths, key=lambda name: (*_rank(name, self._claimed), name)):
                manifest = _MANIFEST.fullmatch(name)
                if manifest and not self._has_step(manifest[1], paths[name]):
                    continue
                try:
                    signature = _signature(paths[name])
                    stored = self.bucket.upload(paths[name], name)
                except FileNotFoundError:
                    continue  # removed meanwhile
                self._copies[name] = _Copy(*signature, stored.version)
                self._claimed |= name == CONFIG
        finally:
            shutil.rmtree(self._outbox, ignore_errors=True)
        if not self._additions:
            self._remove(local)

    def _pin(self, names: list[str]) -> dict[str, pathlib.Path]:
        """Name -> the file to send; those of checkpoints are links that a run cannot remove.

        A run may remove a checkpoint faster than it is sent, and the next one, and so on.
        """
        shutil.rmtree(self._outbox, ignore_errors=True)
        paths, lost = {}, set()
        for name in names:
            paths[name] = self.folder / name
            if not name.startswith('checkpoints/'):
                continue
            link = self._outbox / name
            link.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(paths[name], link)
            except FileNotFoundError:
                lost.add(_step_of(name))
            paths[name] = link
        return {name: path for name, path in paths.items() if _step_of(name) not in lost}

    def _remove(self, local) -> None:
        """Removes objects whose files are gone; a step's files only once its manifest is gone."""
        gone = sorted(self._copies.keys() - local.keys(), key=lambda n: not _MANIFEST.fullmatch(n))
        for name in gone:
            step = _STEP_FILE.match(name)
            if step and f'checkpoints/integrity/{step[1]}.json' in self._copies:
                continue
            self.bucket.remove(name)
            del self._copies[name]

    def _has_step(self, step: str, manifest: pathlib.Path) -> bool:
        """Whether the bucket has all files of a step that its manifest names."""
        try:
            files = json_files.read(manifest)['files']
        except errors.DamageError:
            return False  # removed meanwhile
        return all(f'checkpoints/{step}/{name}' in self._copies for name in files)

    def _is_ahead(self, remote, local) -> bool:
        if RECORD not in remote or RECORD not in local or self._additions:
            return False
        here = _last_step(local)
        if here <= _last_step(remote):
            return False
        data = self.bucket.read(RECORD)
        if data is None:
            return False
        there = json_files.parse(data, f'{self.bucket.url}/{RECORD}')
        return there.get('started') == json_files.read(self.folder / RECORD).get('started')

    def _read_state(self, remote) -> None:
        """Recalls which local files are copies of the objects that are there now."""
        self._copies = {}
        if not self._state.is_file():
            return
        try:
            rows = json_files.read(self._state)['copies']
            copies = {name: _Copy(*row) for name, row in rows.items()}
        except (errors.DamageError, KeyError, TypeError):
            return
        self._copies = {
            name: copy
            for name, copy in copies.items()
            if name in remote and remote[name].version == copy.version
        }

    def _write_state(self) -> None:
        json_files.write(self._state, {'url': self.bucket.url, 'copies': self._copies})


def _files(folder: pathlib.Path) -> dict[str, tuple[int, int]]:
    """Name -> (size, time of change) of all files that belong in a bucket."""
    files = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = pathlib.Path(root, name)
            relative = path.relative_to(folder).as_posix()
            if _SKIPPED.fullmatch(relative):
                continue
            try:
                files[relative] = _signature(path)
            except FileNotFoundError:
                continue  # removed meanwhile
    steps = {match[1] for name in files if (match := _MANIFEST.fullmatch(name))}
    return {
        name: signature
        for name, signature in files.items()
        if not (match := _STEP_FILE.match(name)) or match[1] in steps
    }


def _signature(path: pathlib.Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _rank(name: str, claimed: bool) -> tuple[int, ...]:
    """The place of a file in the order of a push; the newest checkpoint comes first."""
    if name in (RECORD, CONFIG):
        return (5 if claimed else 1, name == CONFIG)
    if name in _COMPLETING:
        return (4,)
    if name.startswith('checkpoints/'):
        return (3, -(_step_of(name) or 0), _MANIFEST.fullmatch(name) is not None)
    return (2,) if _LOGS.match(name) else (0,)


def _step_of(name: str) -> int | None:
    """The step of a checkpoint's file or manifest; None for other files."""
    match = _MANIFEST.fullmatch(name) or _STEP_FILE.match(name)
    return int(match[1]) if match else None


def _last_step(names) -> int:
    return max((int(m[1]) for name in names if (m := _MANIFEST.fullmatch(name))), default=-1)
