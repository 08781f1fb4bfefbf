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
from genojax.data.store import manifest

NAMES = ('bases.u8', 'regions.u8')
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
            verify: compare the files with their hashes, not only with their sizes.
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
        return not verify or all(
            saved['sha256'].get(file.name) == manifest.sha256_of(file) for file in files
        )

    def _build(self) -> None:
        unfinished = self.folder / 'cache.new'
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        hashes = {name: hashlib.sha256() for name in NAMES}
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
            'sha256': {name: h.hexdigest() for name, h in hashes.items()},
        }
        manifest.save(unfinished, 'cache.json', saved)
        shutil.rmtree(self.path, ignore_errors=True)
        os.replace(unfinished, self.path)
