"""Locks of files: one process at a time, which a second one names."""

import datetime
import fcntl
import io
import os
import pathlib
import socket
from collections.abc import Callable

from genojax import errors


def take(path: pathlib.Path, problem: Callable[[str], str]) -> io.TextIOWrapper:
    """Locks a file until it is closed or this process ends, also if it is killed.

    Args:
        path: made if it does not exist; it holds the owner. Whoever removes it closes it after.
        problem: the message for a file in use, by its owner: 'process 17 on host since ...'.

    Raises:
        UsageError: another process has the lock.
        OSError: the file cannot be written.
    """
    while True:
        file = path.open('a+')
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
