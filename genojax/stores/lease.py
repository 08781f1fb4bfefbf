"""The right of one process to write to a run in a bucket: an object that its owner keeps renewing.

An object store has no locks. The owner counts up in `run.lock`; a process that finds the object
waits until it is sure that the count stands still, by its own clock alone. It is advice, not proof:
two processes that start within the same second may both pass.
"""

import json
import os
import secrets
import socket
import threading
import time

from genojax import errors
from genojax.stores import bucket as buckets

NAME = 'run.lock'
RENEW_SECONDS = 20.0
STALE_SECONDS = 90.0  # without a renewal: the owner is gone
_POLL_SECONDS = 2.0
_JOIN_SECONDS = 30.0  # for a renewal that is under way


class Lease:
    """The lock of a run in a bucket.

    Args:
        bucket: of the run.
    """

    def __init__(self, bucket: buckets.Bucket):
        self._bucket, self._token = bucket, secrets.token_hex(8)
        self._count, self._lost = 0, ''
        self._stop, self._thread = threading.Event(), None

    def acquire(self, say) -> None:
        """Takes the lock; waits for an owner that has gone without a word.

        Args:
            say: called with a line of text before it waits.

        Raises:
            UsageError: its owner lives.
        """
        first = self._bucket.read(NAME)
        if first is not None and not _is_dead_here(first):
            say(f'{self._bucket.url} was in use by {_owner(first)}: waiting for a sign of it')
            self._wait_until_stale(first)
        self._renew()
        time.sleep(min(1.0, _POLL_SECONDS))
        self.check(now=True)
        self._thread = threading.Thread(target=self._renew_often, daemon=True)
        self._thread.start()

    def check(self, now: bool = False) -> None:
        """Refuses to go on once another process has taken the run over.

        Args:
            now: look, instead of remembering what the last renewal saw.

        Raises:
            UsageError: it has.
        """
        if now:
            self._look()
        if self._lost:
            raise errors.UsageError(
                f'{self._bucket.url} was taken over by {self._lost}; nothing more is written to it'
            )

    def release(self) -> None:
        """Stops renewing, and removes the lock if it is still this process's."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=_JOIN_SECONDS)
        try:
            self._look()
            if not self._lost:
                self._bucket.remove(NAME)
        except errors.UsageError:
            pass  # the bucket cannot be reached: the lock becomes stale by itself

    def _wait_until_stale(self, first: bytes) -> None:
        deadline = time.monotonic() + STALE_SECONDS
        while time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            seen = self._bucket.read(NAME)
            if seen is None:
                return
            if seen != first:
                raise errors.UsageError(
                    f'{self._bucket.url} is in use: {_owner(seen)} is training in it. Fix: wait '
                    'for it or stop it, or another --workdir'
                )

    def _renew(self) -> None:
        if self._stop.is_set():
            return
        self._count += 1
        owner = f'process {os.getpid()} on {socket.gethostname()}'
        values = {'owner': owner, 'token': self._token, 'count': self._count}
        self._bucket.write(NAME, json.dumps(values).encode())

    def _look(self) -> None:
        data = self._bucket.read(NAME)
        if data is not None and _field(data, 'token') != self._token:
            self._lost = _owner(data)

    def _renew_often(self) -> None:
        while not self._stop.wait(RENEW_SECONDS):
            try:
                self._look()
                if self._lost:
                    return
                self._renew()
            except errors.UsageError:
                continue  # not reached; the pushes say so


def _field(data: bytes, name: str) -> str:
    try:
        return str(json.loads(data)[name])
    except (ValueError, KeyError, TypeError):
        return ''


def _owner(data: bytes) -> str:
    return _field(data, 'owner') or 'another process'


def _is_dead_here(data: bytes) -> bool:
    """Whether the owner was a process of this machine that has ended."""
    words = _owner(data).split()
    if len(words) != 4 or words[3] != socket.gethostname() or not words[1].isdecimal():
        return False
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return int(words[1]) == os.getpid()
