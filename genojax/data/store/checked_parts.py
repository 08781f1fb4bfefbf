"""Parts of files compared with their hashes: small files all at once, large ones in turn.

Hashing 20 GB takes 13 s at every start. So of more than `LIMIT` bytes those parts are hashed whose
file has another size, time or inode than when it was hashed last, and of the others as many bytes
as `LIMIT`, those first that were hashed longest ago. The list of what was hashed is a file in the
folder; where it cannot be written, everything is hashed every time.
"""

import contextlib
import hashlib
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from genojax import errors, json_files

NAME = 'checked.json'
LIMIT = 2**30  # bytes hashed although nothing says that they have changed
_FIELDS = {'count': int, 'files': dict, 'parts': dict}


class Part(NamedTuple):
    """Some bytes of a file and the SHA-256 that they should have."""

    path: pathlib.Path
    start: int
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """Names the part and its content within a folder."""
        return f'{self.path.name}@{self.start} {self.sha256}'

    def is_whole(self) -> bool:
        """Whether the bytes are there and have the hash."""
        sha256 = hashlib.sha256()
        try:
            with open(self.path, 'rb', buffering=0) as file:
                if not self.start and os.fstat(file.fileno()).st_size == self.size:
                    return hashlib.file_digest(file, 'sha256').hexdigest() == self.sha256
                file.seek(self.start)
                left = self.size
                while left and (data := file.read(min(left, 2**20))):
                    sha256.update(data)
                    left -= len(data)
        except OSError:
            return False
        return not left and sha256.hexdigest() == self.sha256


def wrong(folder: pathlib.Path, parts: Sequence[Part]) -> set[Part]:
    """The parts that do not have their hashes.

    Args:
        folder: where the list of what was hashed is.
    """
    if sum(part.size for part in parts) <= LIMIT:
        return {part for part in parts if not part.is_whole()}
    state = _State(folder)
    due, left = [], LIMIT
    for part in sorted(parts, key=state.age):
        if state.age(part) and left < part.size:
            continue
        due.append(part)
        left -= part.size if state.age(part) else 0
    bad = {part for part in due if not part.is_whole()}
    state.add([part for part in due if part not in bad])
    return bad


def note(folder: pathlib.Path, parts: Sequence[Part]) -> None:
    """Adds parts to the list that were hashed while they were written."""
    if sum(part.size for part in parts) > LIMIT:
        _State(folder).add(parts)


class _State:
    """What was hashed: files as they were, and for each part the number of the check."""

    def __init__(self, folder: pathlib.Path):
        self._path = folder / NAME
        self._count, self._files, self._parts = 0, {}, {}
        with contextlib.suppress(errors.DamageError):
            saved = json_files.read_hashed(self._path, 'remove it', fields=_FIELDS)
            self._count, self._files, self._parts = (saved[name] for name in _FIELDS)
        self._now: dict[pathlib.Path, list[int]] = {}

    def age(self, part: Part) -> int:
        """The number of the part's last check, 0 where it must be hashed now."""
        key = str(part.path.relative_to(self._path.parent))
        if self._files.get(key) != self._stat(part.path):
            return 0
        number = self._parts.get(f'{key} {part.name}', 0)
        return number if isinstance(number, int) else 0

    def add(self, parts: Sequence[Part]) -> None:
        """Notes that parts were hashed just now, in a file that replaces the last one."""
        self._count += 1
        for part in parts:
            key = str(part.path.relative_to(self._path.parent))
            if self._files.get(key) != self._stat(part.path):
                earlier = [name for name in self._parts if name.startswith(f'{key} ')]
                for name in earlier:  # of the file as it was before
                    del self._parts[name]
                self._files[key] = self._stat(part.path)
            self._parts[f'{key} {part.name}'] = self._count
        values = {'count': self._count, 'files': self._files, 'parts': self._parts}
        with contextlib.suppress(OSError):
            json_files.write_hashed(self._path, values)

    def _stat(self, path: pathlib.Path) -> list[int]:
        """Size, time of the last change, and inode of a file; empty where there is none."""
        if path not in self._now:
            self._now[path] = []
            with contextlib.suppress(OSError):
                stat = path.stat()
                self._now[path] = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        return self._now[path]
