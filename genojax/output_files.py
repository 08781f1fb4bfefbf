"""Output files: whole in their place or not there, and one line where they cannot be written."""

import contextlib
import errno
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from genojax import errors

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no space, over the quota, file too large


@contextlib.contextmanager
def replaced(path: str | os.PathLike, suffix: str = '') -> Iterator[pathlib.Path]:
    """Within the block, the path of a partial file, which takes the place of `path` at its end.

    A block that fails leaves what was there before. A device (/dev/stdout) is written as it is.

    Args:
        suffix: at the end of the partial file's name, for libraries that go by it.

    Raises:
        UsageError: the file cannot be written.
    """
    path = pathlib.Path(path)
    in_place = path.exists() and not path.is_file() or _is_stream(path)
    partial = path.with_name(f'{path.name}.partial{suffix}')
    with writing(path):
        try:
            yield path if in_place else partial
            if not in_place:
                partial.replace(path)
        finally:
            if not in_place:
                partial.unlink(missing_ok=True)


def check_file(out: str | os.PathLike, option: str = '--out') -> None:
    """Refuses a name of an output file at which none can be, before anything is computed.

    Args:
        out: the name; '-' is standard output.
        option: that names it, for the error.

    Raises:
        UsageError: there is no such folder, it is a folder, or the file there is not to be written.
    """
    path = pathlib.Path(out)
    if os.fspath(out) == '-':
        return
    if path.is_dir() or not path.parent.is_dir():
        problem = 'no such folder, or it is a folder'
        raise errors.UsageError(f'{option}={out} cannot be written: {problem}')
    if path.exists() and not os.access(path, os.W_OK):
        raise errors.UsageError(f'{option}={out} cannot be written: check its permissions')
    if path.exists() and not path.is_file() or _is_stream(path):
        return
    try:  # permissions do not tell of file systems that take no files
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise errors.UsageError(f'{option}={out} cannot be written: {error.strerror}') from error


@contextlib.contextmanager
def writing(path: str | os.PathLike) -> Iterator[None]:
    """Within the block, an error of the system says that `path` cannot be written.

    Libraries that write by themselves raise errors of their own, with the system's words.

    Raises:
        UsageError: the disk is full, or writing fails for another reason.
    """
    try:
        yield
    except errors.GenojaxError:
        raise
    except BrokenPipeError:
        raise
    except Exception as error:
        reason = _reason(error)
        if reason is None or _is_of_another_file(error, path):
            raise
        raise errors.UsageError(f'{path} cannot be written: {reason}') from error


@contextlib.contextmanager
def new_folder(path: str | os.PathLike) -> Iterator[None]:
    """Within the block, files are written to a folder, which a block that fails does not leave.

    Folders that were there before are left, with the files that they had.

    Raises:
        UsageError: as `writing`.
    """
    path = pathlib.Path(path)
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    before = set(os.listdir(path)) if path.is_dir() else set()
    try:
        with writing(path):
            yield
    except BaseException:
        for name in set(os.listdir(path)) - before if path.is_dir() else ():
            entry = path / name
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink()
        for folder in missing:
            with contextlib.suppress(OSError):  # something else is in it
                folder.rmdir()
        raise


def _is_stream(path: pathlib.Path) -> bool:
    """Whether it is /dev/stdout or the like; it may be a link to a file, which stays."""
    folder = os.path.realpath(path.parent)
    return folder == '/dev' or folder.startswith('/proc/')


def problem(error: OSError) -> str:
    """A system's error as one line, with a fix where there is no room."""
    where = error.filename or 'the output'
    if error.errno in NO_ROOM:
        return f'{where} cannot be written: {_reason(error)}'
    return f'{where}: {error.strerror}'


def _is_of_another_file(error: Exception, path: str | os.PathLike) -> bool:
    name = error.filename if isinstance(error, OSError) else None
    return isinstance(name, str) and not name.startswith(os.fspath(path))


def _reason(error: Exception) -> str | None:
    """Why something cannot be written, with a fix; None for errors of another kind."""
    number = error.errno if isinstance(error, OSError) else None
    for code in NO_ROOM:
        if number == code or os.strerror(code) in str(error):
            return f'{os.strerror(code)}. Fix: free disk space, or name another place'
    return error.strerror if isinstance(error, OSError) and error.strerror else None
