"""Locks of files: one process at a time, which a second one names."""

import contextlib
import datetime
import fcntl
import io
import os
import pathlib
import socket
from collections.abc import Callable, Iterator

from genojax import errors


def take(path: pathlib.Path, problem: Callable[[str], str] | None) -> io.TextIOWrapper:
    """Locks a file until it is closed or this process ends, also if it is killed.

    Args:
        path: made if it does not exist; it holds the owner. Whoever removes it closes it after.
        problem: the message for a file in use, by its owner: 'process 17 on host since ...'; None
            waits until it is free.

    Raises:
        UsageError: another process has the lock.
        OSError: the file cannot be written.
    """
    while True:
        file = path.open('a+')
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if problem else 0))
        except BlockingIOError:
            file.seek(0)
            owner = file.read(200).strip() or 'another process'
            file.close()
            raise errors.UsageError(problem(owner)) from None
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            break
        file.close()  # its owner ended and removed it while this process opened it
    file.truncate(0)
    started = datetime.datetime.now().astimezone().isoformat(timespec='seconds')
    file.write(f'process {os.getpid()} on {socket.gethostname()} since {started}\n')
    file.flush()
    return file


def in_use(path: str | os.PathLike, option: str = '--out=') -> Callable[[str], str]:
    """The message for an output that another process writes, by its owner; for `take`.

    Args:
        option: of the command line that names the output.
    """

    def problem(owner: str) -> str:
        other = f'{option}{errors.new_name(path, another=True)}'
        return f'{path} is in use: {owner} is writing it. Fix: wait for it or stop it, or {other}'

    return problem


@contextlib.contextmanager
def output(
    path: str | os.PathLike, option: str = '--out=', parents: bool = False
) -> Iterator[None]:
    """Within the block no other process writes an output: the file OUT.lock beside it is locked.

    Standard output ('-') and devices have no lock.

    Args:
        path: a file or a folder.
        option: of the command line that names it, for the message.
        parents: make the folders above it; those that are empty afterwards are removed.

    Raises:
        UsageError: another process writes it, which is named, or nothing can be written there.
    """
    if os.fspath(path) == '-' or _is_device(pathlib.Path(path)):
        yield
        return
    lock = pathlib.Path(f'{os.path.abspath(path)}.lock')
    missing = [folder for folder in lock.parents if parents and not folder.exists()]

    try:
        try:
            if missing:
                lock.parent.mkdir(parents=True, exist_ok=True)
            file = take(lock, in_use(path, option))
        except OSError as error:
            raise errors.UsageError(f'{path} cannot be written: {error.strerror}') from error
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
            file.close()
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):  # something else is in it
                folder.rmdir()


def _is_device(path: pathlib.Path) -> bool:
    """Also /dev/stdout that the shell sends to a file, beside which nothing may be made."""
    folder = os.path.realpath(path.parent)
    special = path.exists() and not path.is_file() and not path.is_dir()
    return special or folder == '/dev' or folder.startswith('/proc/')
