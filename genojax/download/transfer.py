"""One file from a server to a folder: resumed, hashed on the way, in its place only when whole.

What has come is in `NAME.partial`, and beside it what says of which version of the file it is. A
file that changed on the server in between is fetched anew: bytes of two versions are never joined.
"""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import shutil
import time
from collections.abc import Callable, Iterator

from genojax import errors, json_files, output_files, progress
from genojax.download import remote

_BLOCK = 1 << 20
_MARGIN = 64 << 20  # bytes of disk that are left free
_MIB = 2.0**20
# Of the file on the server; `total` is its size, -1 where the server does not say.
_STATE_FIELDS = {'url': str, 'validator': str, 'total': int}


@dataclasses.dataclass(frozen=True)
class TransferSettings:
    """How patient a download is.

    Attributes:
        timeout: seconds without a byte after which a connection counts as broken.
        attempts: in turn without a new byte, before it stops.
        attempts_unconnected: in turn without an answer of the server: a machine may be offline.
        first_wait: seconds before the second attempt; twice as many before the next.
    """

    timeout: float = 60.0
    attempts: int = 6
    attempts_unconnected: int = 2
    first_wait: float = 1.0


@dataclasses.dataclass(frozen=True)
class Transferred:
    """A file that has come whole.

    Attributes:
        path: of the partial file, which `in_place` renames.
        validator: of the server (ETag or time of change); ''.
        resumed: whether an earlier part was there.
        stated_sha256, commit: as the server states them; ''.
    """

    path: pathlib.Path
    url: str
    size: int
    sha256: str
    md5: str
    validator: str
    resumed: bool
    stated_sha256: str
    commit: str

    def in_place(self, path: pathlib.Path) -> None:
        """Renames the partial file."""
        self.path.replace(path)
        self.discard()

    def discard(self) -> None:
        """Removes the partial file and what is beside it."""
        _ReceivedPart(self.path).remove()


class _ReceivedPart:
    """What has come of a file, with hashes of it."""

    def __init__(self, path: pathlib.Path):
        self.path, self.state_path = path, path.with_name(f'{path.name}.json')
        self.sha256, self.md5, self.size = hashlib.sha256(), hashlib.md5(), 0

    def version(self, url: str) -> str:
        """The validator of the part that is there; '' if it cannot be continued."""
        if not (self.path.is_file() and self.state_path.is_file()):
            return ''
        try:
            state = json_files.read(self.state_path, fields=_STATE_FIELDS)
        except errors.DamageError:
            return ''
        if state['url'] != url:
            return ''
        if state['total'] == self.path.stat().st_size:  # whole: a server has no part after it
            os.truncate(self.path, max(0, state['total'] - 1))
        return state['validator']

    def read(self) -> None:
        """Hashes the part that is there."""
        with open(self.path, 'rb') as file:
            while block := file.read(_BLOCK):
                self._update(block)

    def restart(self, url: str, answer: remote.Answer) -> None:
        """Forgets what has come; the file is of another version, or the server sends all."""
        self.sha256, self.md5, self.size = hashlib.sha256(), hashlib.md5(), 0
        self.path.write_bytes(b'')
        total = -1 if answer.total is None else answer.total
        json_files.write(
            self.state_path, {'url': url, 'validator': answer.validator, 'total': total}
        )

    def add(self, file, block: bytes) -> None:
        """Appends to the file and to the hashes."""
        file.write(block)
        self._update(block)

    def _update(self, block: bytes) -> None:
        self.sha256.update(block)
        self.md5.update(block)
        self.size += len(block)

    def remove(self) -> None:
        """Removes both files."""
        for path in (self.path, self.state_path):
            path.unlink(missing_ok=True)


def fetch(
    url: str,
    path: pathlib.Path,
    size: int | None = None,
    settings: TransferSettings | None = None,
    notice: Callable[[str], None] = print,
) -> Transferred:
    """Fetches a file whole, into a partial file beside `path`.

    Args:
        size: of the file in bytes, if it is known.
        notice: called with remarks: an attempt that failed, a file that changed on the server.

    Raises:
        remote.Absent: the server does not have it.
        remote.Temporary: it stopped after some attempts; what has come is there for the next time.
        UsageError: there is no room for it.
        InputError: DL02, the answer is not the file.
    """
    settings = settings or TransferSettings()
    partial = _ReceivedPart(path.with_name(f'{path.name}.partial'))
    failed, resumed = 0, partial.version(url) != ''
    most = _size(partial.path)  # of the bytes that have come; fewer after a new beginning
    while True:
        try:
            return _attempt(url, path, size, settings, notice, resumed=resumed)
        except remote.Temporary as error:
            size_now = _size(partial.path)
            failed, most = (1, size_now) if size_now > most else (failed + 1, most)
            allowed = settings.attempts if error.connected else settings.attempts_unconnected
            if failed >= allowed:
                raise
            wait = max(settings.first_wait * 2 ** (failed - 1), error.wait)
            notice(f'{path.name}: {error}; once more in {wait:g} s')
            time.sleep(wait)
            resumed = True


def _size(path: pathlib.Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _attempt(
    url: str,
    path: pathlib.Path,
    size: int | None,
    settings: TransferSettings,
    notice: Callable[[str], None],
    resumed: bool,
) -> Transferred:
    partial = _ReceivedPart(path.with_name(f'{path.name}.partial'))
    validator = partial.version(url)
    if validator:
        partial.read()
    with _from_there(url, partial, validator, settings) as answer:
        _check_answer(answer, path.name, size)
        if partial.size and answer.start == 0:
            notice(f'{path.name}: it changed on the server, or the server sends no parts; anew')
        if answer.start == 0:
            partial.restart(url, answer)
        _check_room(partial, answer.total)
        _receive(answer, partial, path)
        if answer.total is not None and partial.size < answer.total:
            raise remote.Temporary(
                f'the connection ended after {partial.size:,} of {answer.total:,} bytes'
            )
    return Transferred(
        path=partial.path,
        url=url,
        size=partial.size,
        sha256=partial.sha256.hexdigest(),
        md5=partial.md5.hexdigest(),
        validator=answer.validator,
        resumed=resumed,
        stated_sha256=answer.stated_sha256,
        commit=answer.commit,
    )


@contextlib.contextmanager
def _from_there(
    url: str, partial: _ReceivedPart, validator: str, settings: TransferSettings
) -> Iterator[remote.Answer]:
    """The answer from the end of the partial file on, if it is of the same version."""
    offset = partial.size if validator else 0
    try:
        with remote.opened(url, offset, validator, settings.timeout) as answer:
            same = not offset or answer.start == 0 or answer.validator == validator
            if answer.start is None or not same:
                partial.remove()
                raise remote.Temporary('the server sends another part than asked for')
            yield answer
    except remote.Absent as error:
        # 416: no byte is left, or the file has become shorter. The next attempt asks for all.
        if offset and ' 416' in str(error):
            partial.remove()
            raise remote.Temporary('the file has no more bytes than have come') from error
        raise


def _check_answer(answer: remote.Answer, name: str, size: int | None) -> None:
    """Refuses an answer that cannot be the file before its bytes are read."""
    compressed = name.endswith(('.gz', '.bgz'))
    if answer.encoding not in ('', 'identity') and not compressed:
        raise errors.InputError(
            'DL02', f'the server sends it encoded ({answer.encoding})', path=answer.url
        )
    if None not in (size, answer.total) and size != answer.total:
        raise errors.InputError(
            'DL02', f'the server has {answer.total:,} bytes, not {size:,}', path=answer.url
        )


def _check_room(partial: _ReceivedPart, total: int | None) -> None:
    """Raises UsageError if the rest of the file does not fit onto the disk."""
    missing = (total or 0) - partial.size
    free = shutil.disk_usage(partial.path.parent).free
    if missing > 0 and missing + _MARGIN > free:
        raise errors.UsageError(
            f'{partial.path.parent} has {free / 2**30:.1f} GiB free, and {missing / 2**30:.1f} GiB '
            f'of {partial.path.name.removesuffix(".partial")} are to come. Fix: free disk space, '
            'or another --out=DIR'
        )


def _receive(answer: remote.Answer, partial: _ReceivedPart, path: pathlib.Path) -> None:
    """Appends the answer to the partial file, which has all bytes that came if it ends early."""
    total = answer.total and answer.total / _MIB
    label = f'{path.name}, MiB'
    with output_files.writing(path), open(partial.path, 'ab') as file:
        with progress.bar(label, total) as display:
            display.advance(partial.size / _MIB)
            while block := answer.read(_BLOCK):
                if partial.size < 2 and _is_no_gzip(path.name, block):
                    file.close()
                    partial.remove()
                    raise errors.InputError(
                        'DL02', f'the answer is {_kind(block)}, not gzip data', path=answer.url
                    )
                partial.add(file, block)
                display.advance(len(block) / _MIB)
        file.flush()
        os.fsync(file.fileno())


def _is_no_gzip(name: str, start: bytes) -> bool:
    return name.endswith(('.gz', '.bgz')) and not start.startswith(b'\x1f\x8b'[: len(start)])


def _kind(start: bytes) -> str:
    text = start[:512].lstrip().lower()
    if text.startswith((b'<!doctype', b'<html', b'<?xml')):
        return 'a web page'
    return 'FASTA text' if text.startswith(b'>') else 'something else'
