"""Objects under a prefix of a bucket, by fsspec: whole objects only, checked by size, with retries.

An object store has no appending, no renaming and no folders; an object is there when all of it is.
"""

import datetime
import os
import pathlib
import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from genojax import errors, versions

# Scheme of a URL -> the extra with fsspec's package for it.
EXTRAS = {'gs': 'gcs', 's3': 's3'}
_SCHEME = re.compile('[A-Za-z][A-Za-z0-9+.-]+:/')
_ATTEMPTS, _FIRST_WAIT = 6, 0.5  # seconds before the second attempt; twice as many before the next
# That a request to S3 may wait: for a connection, and for an answer once all is sent.
_SECONDS = {'connect_timeout': 20, 'read_timeout': 30}
_AT_ONCE = 2**23  # bytes: smaller files are read before they are sent
# Errors that another attempt does not mend, by name, as their packages may be absent.
_FINAL = ('NoCredentialsError', 'NoSuchBucket', 'HttpError401', 'DefaultCredentialsError')


class StoredObject(NamedTuple):
    """An object of a bucket.

    Attributes:
        size: in bytes.
        version: changes whenever the object is written anew.
    """

    size: int
    version: str


def is_url(path: str | os.PathLike) -> bool:
    """Whether a path names a place in a bucket: 'gs://BUCKET/…' or 's3://BUCKET/…'.

    Raises:
        UsageError: it looks like another URL, or like one of these misspelt: a local folder of that
            name would not be what is meant.
    """
    text = str(path)
    if text.startswith(tuple(f'{scheme}://' for scheme in EXTRAS)):
        return True
    if isinstance(path, str) and _SCHEME.match(path):  # a Path joins the two slashes of a URL
        raise errors.UsageError(
            f'{text} is no place that can be read or written. Fix: gs://BUCKET/FOLDER, '
            f's3://BUCKET/FOLDER or a path; ./{text} if that is one'
        )
    return False


def open_bucket(url: str) -> 'Bucket':
    """The objects under a URL; nothing is read.

    Raises:
        UsageError: fsspec's package for it is not installed, or the URL has no bucket, or '..'.
    """
    import fsspec  # what it imports for a bucket takes a second

    scheme, _, path = url.partition('://')
    if not path.strip('/') or path.startswith('/'):
        raise errors.UsageError(f'{url} names no bucket. Fix: {scheme}://BUCKET/FOLDER')
    if {'.', '..'} & set(path.split('/')):
        raise errors.UsageError(
            f"{url}: '.' and '..' name no folder of a bucket. Fix: {scheme}://BUCKET/FOLDER"
        )
    options: dict[str, Any] = {'skip_instance_cache': True, 'use_listings_cache': False}
    if scheme == 's3':
        # botocore reads AWS_ENDPOINT_URL and the credentials of the environment.
        options['config_kwargs'] = {**_SECONDS, 'retries': {'max_attempts': 1}}
    try:
        system = fsspec.filesystem(scheme, **options)
    except ImportError as error:
        line = versions.install_line(EXTRAS[scheme])
        raise errors.UsageError(f'{url} needs the extra {EXTRAS[scheme]}. Fix: {line}') from error
    return Bucket(system, path.strip('/'), url.rstrip('/'))


class Bucket:
    """The objects under a prefix, by their names relative to it.

    Every method raises `UsageError` where an object cannot be read or written in several attempts.

    Args:
        system: fsspec's file system.
        root: bucket and prefix.
        url: of the root, for messages.
    """

    def __init__(self, system, root: str, url: str):
        self._system, self._root, self.url = system, root, url

    def list(self) -> dict[str, StoredObject]:
        """Name -> object, of all under the prefix.

        Raises:
            UsageError: a name is no path inside a folder, so that no copy can lie outside of one.
        """

        def find():
            self._system.invalidate_cache()
            return self._system.find(self._root, detail=True)

        listed = self._attempt('', 'cannot be listed', find)
        prefix = len(self._root) + 1
        objects = {
            name.lstrip('/')[prefix:]: StoredObject(info['size'], _version(info))
            for name, info in listed.items()
            if info['type'] == 'file' and len(name.lstrip('/')) > prefix
        }
        for name in objects:
            if '\0' in name or {'', '.', '..'} & set(name.split('/')):
                raise errors.UsageError(
                    f'{self.url} has an object {name!r}, which is no name of a file in a folder. '
                    'Fix: remove it from the bucket'
                )
        return objects

    def read(self, name: str) -> bytes | None:
        """The bytes of an object; None where there is none."""

        def cat():
            try:
                return self._system.cat_file(self._path(name))
            except FileNotFoundError:
                return None

        return self._attempt(name, 'cannot be read', cat)

    def write(self, name: str, data: bytes) -> StoredObject:
        """Writes an object and compares its size; returns it."""

        def send():
            self._system.pipe_file(self._path(name), data)
            return self._sized(name, len(data))

        return self._attempt(name, 'cannot be written', send)

    def upload(self, path: pathlib.Path, name: str) -> StoredObject:
        """Writes a file as an object and compares its size; returns it.

        Raises:
            FileNotFoundError: the file is not there, or not any more.
        """
        if path.stat().st_size <= _AT_ONCE:
            return self.write(name, path.read_bytes())

        def send():
            self._system.put_file(str(path), self._path(name))
            return self._sized(name, path.stat().st_size)

        return self._attempt(name, 'cannot be written', send)

    def download(self, name: str, path: pathlib.Path, size: int) -> None:
        """Writes an object to a file, which is there only when all of it is.

        Args:
            size: of the object, which is compared.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f'{path.name}.partial')

        def receive():
            self._system.get_file(self._path(name), str(partial))
            if partial.stat().st_size != size:
                raise OSError(f'{partial.stat().st_size:,} of {size:,} bytes arrived')
            partial.replace(path)

        try:
            self._attempt(name, 'cannot be read', receive)
        finally:
            partial.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Removes an object, if it is there."""

        def delete():
            try:
                self._system.rm_file(self._path(name))
            except FileNotFoundError:
                pass

        self._attempt(name, 'cannot be removed', delete)

    def _path(self, name: str) -> str:
        return f'{self._root}/{name}'

    def _sized(self, name: str, size: int) -> StoredObject:
        self._system.invalidate_cache()
        info = self._system.info(self._path(name))
        if info['size'] != size:
            raise OSError(f'{info["size"]:,} of {size:,} bytes arrived')
        return StoredObject(size, _version(info))

    def _attempt(self, name: str, problem: str, action: Callable[[], Any]) -> Any:
        wait = _FIRST_WAIT
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return action()
            except errors.GenojaxError:
                raise
            except Exception as error:
                if isinstance(error, FileNotFoundError) and _is_local(error):
                    raise  # a file that the run itself removed
                final = isinstance(error, PermissionError | FileNotFoundError)
                if final or type(error).__name__ in _FINAL or attempt == _ATTEMPTS:
                    where = f'{self.url}/{name}'.rstrip('/')
                    raise errors.UsageError(
                        f'{where} {problem}: {_reason(error)}. Fix: check the bucket, its '
                        'permissions and the network; the same command resumes'
                    ) from error
            time.sleep(wait)
            wait *= 2


def _is_local(error: OSError) -> bool:
    return error.filename is not None and os.path.isabs(str(error.filename))


def _version(info: dict[str, Any]) -> str:
    """What changes when an object is written anew: its hash or number, or when it was written."""
    for key in ('ETag', 'etag', 'generation', 'LastModified', 'mtime', 'created'):
        value = info.get(key)
        if isinstance(value, datetime.datetime):  # some systems list it as a number
            value = value.timestamp()
        if value:
            return str(value)
    return ''


def _reason(error: BaseException) -> str:
    text = ' '.join(str(error).split())[:300].rstrip('.')
    return text or type(error).__name__
