"""Shards unpacked for random access: two flat files, bases and region bits, of one manifest.

They are what `assemblies.Genome` maps into memory, one byte per base each, species after species.
The cache can always be rebuilt: it is, when its fingerprint, its size or its hash does not match.
"""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator

import numpy as np

from genojax import errors, json_files, progress
from genojax.data.store import checked_parts, manifest

NAMES = ('bases.u8', 'regions.u8')
BLOCK = 2**26  # bytes with a hash of their own
_FIELDS = {'fingerprint': str, 'sha256': dict}
Chunks = Iterator[tuple[np.ndarray, np.ndarray]]  # bases and region bits, uint8 [L] each


@dataclasses.dataclass(frozen=True)
class ShardCache:
    """The cache of a directory of shards.

    Attributes:
        folder: of the shards.
        value: the manifest, and `fingerprint` its hash.
        read: the unpacked chunks of an entry of manifest['species'].
    """

    folder: pathlib.Path
    value: dict
    fingerprint: str
    read: Callable[[dict], Chunks]

    @property
    def path(self) -> pathlib.Path:
        return self.folder / 'cache'

    @property
    def total(self) -> int:
        """Bases of all species."""
        species = self.value['species']
        return sum(contig['length'] for one in species for contig in one['contigs'])

    def arrays(self, verify: bool) -> tuple[np.ndarray, np.ndarray]:
        """The bases and region bits of all species, mapped from files that are built if necessary.

        Args:
            verify: compare the files with their hashes, not only with their sizes; large ones as
                `checked_parts` does.
        """
        if not self._matches(verify):
            with manifest.locked(self.folder, wait=True):
                # Another process may have built it while this one waited for the lock.
                if not self._matches(verify):
                    self._build()
        return tuple(np.memmap(self.path / n, np.uint8, 'r', shape=(self.total,)) for n in NAMES)

    def _matches(self, verify: bool) -> bool:
        """Whether the files belong to the manifest and have the right size (`verify`: and hash)."""
        try:
            saved = json_files.read(self.path / 'cache.json', fields=_FIELDS)
        except errors.DamageError:
            return False
        if saved['fingerprint'] != self.fingerprint:
            return False
        files = [self.path / name for name in NAMES]
        if any(not file.is_file() or file.stat().st_size != self.total for file in files):
            return False
        parts = self._parts(saved['sha256'])
        return not verify or (parts is not None and not checked_parts.wrong(self.path, parts))

    def _parts(self, hashes: dict) -> list[checked_parts.Part] | None:
        """The blocks of both files, None where `hashes` are not those of as many blocks."""
        starts = range(0, self.total, BLOCK)
        if any(
            not isinstance(hashes.get(name), list) or len(hashes[name]) != len(starts)
            for name in NAMES
        ):
            return None
        return [
            checked_parts.Part(self.path / name, start, min(BLOCK, self.total - start), sha256)
            for name in NAMES
            for start, sha256 in zip(starts, hashes[name], strict=True)
        ]

    def _build(self) -> None:
        unfinished = self.folder / 'cache.new'
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        hashes = {name: _BlockHashes() for name in NAMES}
        bar = progress.bar('unpacking shards', float(self.total))
        with contextlib.ExitStack() as stack, bar as advanced:
            files = {name: stack.enter_context(open(unfinished / name, 'wb')) for name in NAMES}
            for species in self.value['species']:
                for bases, bits in self.read(species):
                    for name, array in zip(NAMES, (bases, bits), strict=True):
                        files[name].write(array.data)
                        hashes[name].update(array.data)
                    advanced.advance(float(len(bases)))
        saved = {
            'fingerprint': self.fingerprint,
            'sha256': {name: blocks.finish() for name, blocks in hashes.items()},
        }
        manifest.save(unfinished, 'cache.json', saved)
        shutil.rmtree(self.path, ignore_errors=True)
        os.replace(unfinished, self.path)
        checked_parts.note(self.path, self._parts(saved['sha256']))


class _BlockHashes:
    """SHA-256 of every `BLOCK` bytes of a file, from its bytes in order."""

    def __init__(self):
        self._done: list[str] = []
        self._sha256, self._room = hashlib.sha256(), BLOCK

    def update(self, data: memoryview) -> None:
        """The next bytes of the file."""
        while len(data):
            if not self._room:
                self._next()
            part, data = data[: self._room], data[self._room :]
            self._sha256.update(part)
            self._room -= len(part)

    def finish(self) -> list[str]:
        """The hashes, of the last and shorter block too."""
        if self._room < BLOCK:
            self._next()
        return self._done

    def _next(self) -> None:
        self._done.append(self._sha256.hexdigest())
        self._sha256, self._room = hashlib.sha256(), BLOCK
