"""Arrays and a record that were computed once, as two files: `NAME.npz` and `NAME.json`.

The record has the key, a hash of all that the content depends on, and the hash of the arrays. It is
written last. An entry that is damaged is computed again, and that is said.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import sys
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from genojax.data.store import manifest

_FINGERPRINT, _KEY = 8, 24  # letters of each in the name of an entry


@dataclasses.dataclass(frozen=True)
class CacheEntry:
    """One entry of a folder beside the shards.

    Attributes:
        fingerprint: of the genomes; entries of others in the folder are removed.
        key: hash of all that the content depends on.
        content: what it is, for messages.
    """

    folder: pathlib.Path
    fingerprint: str
    key: str
    content: str

    @property
    def path(self) -> pathlib.Path:
        """The record; the arrays are beside it."""
        name = f'{self.fingerprint[:_FINGERPRINT]}-{self.key[:_KEY]}.json'
        return self.folder / name

    def read(self) -> tuple[Mapping[str, np.ndarray], Any] | None:
        """Arrays by name and the report; None where they are absent or damaged."""
        arrays = self.path.with_suffix('.npz')
        try:
            record = json.loads(self.path.read_bytes())
            content = {name: record[name] for name in ('key', 'arrays', 'report')}
            whole = record['sha256'] == hashlib.sha256(manifest.to_bytes(content)).hexdigest()
            whole &= record['arrays'] == manifest.sha256_of(arrays)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if not whole or record['key'] != self.key:
            print(
                f'{self.path}: damaged; the {self.content} is computed again',
                file=sys.stderr,
                flush=True,
            )
            return None
        with np.load(arrays, allow_pickle=False) as columns:
            return dict(columns), record['report']

    def write(self, arrays: Mapping[str, np.ndarray], report: Any) -> None:
        """Writes the entry, and removes those of other genomes that were in this folder before.

        Where the folder cannot be written, nothing is stored, and that is said.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            for path in self.folder.iterdir():
                if not path.name.startswith(f'{self.fingerprint[:_FINGERPRINT]}-'):
                    path.unlink()
            digest = self._write_arrays(arrays)
            record = {'key': self.key, 'arrays': digest, 'report': report}
            record['sha256'] = hashlib.sha256(manifest.to_bytes(record)).hexdigest()
            partial = self._partial('.json')
            partial.write_bytes(manifest.to_bytes(record))
            partial.replace(self.path)
        except OSError as error:
            for suffix in ('.json', '.npz'):
                with contextlib.suppress(OSError):
                    self._partial(suffix).unlink()
            print(
                f'{self.folder}: the {self.content} is not kept ({error.strerror}); the next run '
                'computes it again',
                file=sys.stderr,
                flush=True,
            )

    def _partial(self, suffix: str) -> pathlib.Path:
        """Each process writes its own file, and moves it into its place in one step."""
        return self.path.with_name(f'{self.path.stem}{suffix}.{os.getpid()}.partial')

    def _write_arrays(self, arrays: Mapping[str, np.ndarray]) -> str:
        """Writes the arrays one after another, without a copy of all in memory; their hash."""
        partial = self._partial('.npz')
        with zipfile.ZipFile(partial, 'w', allowZip64=True) as archive:
            for name, array in arrays.items():
                # The oldest date that zip knows: the same arrays are the same bytes.
                entry = zipfile.ZipInfo(f'{name}.npy', (1980, 1, 1, 0, 0, 0))
                with archive.open(entry, 'w', force_zip64=True) as file:
                    np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
        digest = manifest.sha256_of(partial)
        partial.replace(self.path.with_suffix('.npz'))
        return digest
