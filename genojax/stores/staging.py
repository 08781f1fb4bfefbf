"""Local copies of what is in buckets: of runs that train, of models that are read, and of shards.

They are in one folder of this machine (`GENOJAX_STAGING`, or ~/.cache/genojax/staging), one per
URL, and are read again as long as the bucket has not changed.
"""

import atexit
import contextlib
import fcntl
import hashlib
import os
import pathlib
import secrets
from collections.abc import Callable, Iterator

from genojax import errors
from genojax.stores import bucket as buckets
from genojax.stores import mirror as mirrors

VARIABLE = 'GENOJAX_STAGING'
_STATE, _TOKEN = 'copies.json', 'token'
_names: dict[str, str] = {}  # local folder -> URL, of this process
_read: dict[str, mirrors.Mirror] = {}  # URL -> its copy, of what this process only reads


def folder_of(url: str, use: str) -> pathlib.Path:
    """The local folder of a URL, named as its last part.

    Args:
        use: of the copy: 'run' of one that trains, 'read', 'shards'.
    """
    url = url.rstrip('/')
    cache = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    root = pathlib.Path(os.environ.get(VARIABLE) or pathlib.Path(cache, 'genojax', 'staging'))
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    folder = root.absolute() / f'{use}-{digest}' / url.rpartition('/')[2]
    _names[str(folder)] = url
    return folder


def as_named(text: str) -> str:
    """A text with the URLs in place of the local folders that this process uses for them."""
    for folder, url in _names.items():
        text = text.replace(folder, url)
    return text


def open_run(url: str, say: Callable[[str], None] = lambda line: None) -> mirrors.Mirror:
    """The copy of a run that this process will train: locked, and as the bucket has it.

    Raises:
        UsageError: another process trains it, or the bucket cannot be read or written.
    """
    folder = folder_of(url, 'run')
    folder.mkdir(parents=True, exist_ok=True)
    mirror = mirrors.Mirror(buckets.open_bucket(url), folder, folder.parent / _STATE)
    mirror.lock(say)
    try:
        mirror.pull()
        (folder.parent / _TOKEN).write_text(str(1 + secrets.randbelow(2**31 - 1)))
    except BaseException:
        mirror.release()
        raise
    return mirror


def token_of(folder: pathlib.Path) -> int:
    """A number that `open_run` wrote beside the copy of a run; 0 for another folder."""
    path = folder.parent / _TOKEN
    if str(folder) not in _names or not path.is_file():
        return 0
    return int(path.read_text())


def local(path: str | os.PathLike) -> pathlib.Path:
    """A path that can be read: that of the local copy of a URL, any other as it is.

    The copy is made once per process. What is written into it is sent to the bucket when
    `push_additions` is called, or when the process ends.

    Raises:
        UsageError: the bucket cannot be read, or has nothing there.
    """
    if not buckets.is_url(path):
        return pathlib.Path(path)
    url = str(path).rstrip('/')
    if url not in _read:
        folder = folder_of(url, 'read')
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            bucket, state = buckets.open_bucket(url), folder.parent / _STATE
            mirror = mirrors.Mirror(bucket, folder, state, additions=True)
            mirror.pull()
        if not any(folder.iterdir()):
            raise errors.UsageError(f'{url}: there is nothing. Fix: check the name of the folder')
        if not _read:
            atexit.register(push_additions)
        _read[url] = mirror
    return _read[url].folder


def push_additions() -> None:
    """Sends what was written into copies that are read: results of `evaluate`, reports."""
    for mirror in _read.values():
        mirror.push()


def local_shards(url: str, check: Callable[[pathlib.Path], None]) -> pathlib.Path:
    """The copy of a folder of shards, which is made once per machine and checked.

    Args:
        check: raises `DamageError` where the folder differs from its manifest.

    Raises:
        UsageError: the bucket cannot be read, or has nothing there.
        DamageError: of `check`; the copy is then removed.
    """
    folder = folder_of(url, 'shards')
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):  # processes of one machine share a copy
        bucket, state = buckets.open_bucket(url), folder.parent / _STATE
        mirror = mirrors.Mirror(bucket, folder, state, additions=True)
        if mirror.pull(keep=True):
            try:
                check(folder)
            except errors.DamageError:
                state.unlink(missing_ok=True)  # what is damaged is read again next time
                raise
    return folder


def push_shards(url: str) -> None:
    """Sends the shards that were written to `folder_of(url, 'shards')`, the manifest last.

    Raises:
        UsageError: the bucket cannot be written.
    """
    folder = folder_of(url, 'shards')
    mirror = mirrors.Mirror(buckets.open_bucket(url), folder, folder.parent / _STATE)
    mirror.adopt()
    mirror.push()


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
    with open(folder.parent / 'staging.lock', 'a') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
