"""The bytes of a tokenizer's file; it must be a regular file, because a device may never end."""

import pathlib

from genojax import errors

_FIX = 'name a tokenizer.json'


def read(file: str) -> bytes:
    """The content of a file.

    Raises:
        InputError: FA20, there is no such file, it is no regular file, or cannot be read.
    """
    path = pathlib.Path(file)
    if not path.exists():
        raise errors.absent(path, 'tokenizer.file')
    if not path.is_file():
        kind = 'a directory' if path.is_dir() else 'not a regular file'
        raise errors.InputError('FA20', f'this is {kind}', path=path, fix=_FIX)
    try:
        return path.read_bytes()
    except OSError as error:
        problem = f'cannot be read: {error.strerror}'
        raise errors.InputError('FA20', problem, path=path, fix=_FIX) from error
