"""The split of a directory of shards, computed once and read back by later runs and evaluations.

An entry is two files in `splits/` beside the shards: the windows (`.npz`) and the report with the
hashes (`.json`). Its name is a hash of all that the split depends on: the genomes, the arguments,
and the source of the modules that compute it. A damaged entry is computed again, and that is said.
"""

import dataclasses
import hashlib
import io
import json
import os
import pathlib
import sys
from collections.abc import Sequence

import numpy as np

from genojax.data.genomes import assemblies, interval_sets, kmers, windows
from genojax.data.splits import (
    audit,
    blocks,
    genome_windows,
    homology,
    near_copies,
    occurrences,
)
from genojax.data.store import manifest

FOLDER = 'splits'
_MODULES = (
    *(assemblies, interval_sets, kmers, windows),
    *(audit, blocks, genome_windows, homology, near_copies, occurrences),
)
_NAMES = {'train': windows.Windows, 'test': windows.AuditedWindows}
Splits = dict[str, genome_windows.WindowSplit]


def split_windows(
    folder: pathlib.Path,
    corpus: assemblies.Corpus,
    length: int,
    *,
    label_rows: Sequence[np.ndarray] = (),
    **options,
) -> tuple[Splits, dict]:
    """`genome_windows.split_windows` of these arguments, from the cache or added to it.

    Args:
        folder: the directory of the corpus's shards. Where it cannot be written, nothing is kept.
    """
    key = _key(corpus, length, label_rows, options)
    entry = _Entry(folder / FOLDER, f'{corpus.fingerprint[:8]}-{key[:24]}', key)
    stored = entry.read(corpus.species)
    if stored is not None:
        return stored
    splits, report = genome_windows.split_windows(corpus, length, label_rows=label_rows, **options)
    report = json.loads(json.dumps(report))  # as it will be read back
    entry.write(splits, report)
    return splits, report


def _key(corpus, length: int, label_rows, options: dict) -> str:
    sha256 = hashlib.sha256()
    for module in _MODULES:
        sha256.update(pathlib.Path(module.__file__).read_bytes())
    head = [corpus.fingerprint, corpus.species, length, len(label_rows), options]
    sha256.update(json.dumps(head, sort_keys=True).encode())
    for codes in label_rows:
        sha256.update(len(codes).to_bytes(8, 'little') + np.ascontiguousarray(codes).tobytes())
    return sha256.hexdigest()


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One split in a folder."""

    folder: pathlib.Path
    name: str
    key: str

    def read(self, species: Sequence[str]) -> tuple[Splits, dict] | None:
        """The split, or None where it is not there or damaged."""
        path = self.folder / f'{self.name}.json'
        try:
            record = json.loads(path.read_bytes())
            arrays = path.with_suffix('.npz').read_bytes()
            content = {name: record[name] for name in ('key', 'arrays', 'report')}
            whole = record['sha256'] == hashlib.sha256(manifest.to_bytes(content)).hexdigest()
            whole &= record['arrays'] == hashlib.sha256(arrays).hexdigest()
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if not whole or record['key'] != self.key:
            print(f'{path}: damaged; the split is computed again', file=sys.stderr, flush=True)
            return None
        with np.load(io.BytesIO(arrays), allow_pickle=False) as columns:
            splits = {
                name: genome_windows.WindowSplit(
                    *(_windows(columns, f'{number}/{part}', kind) for part, kind in _NAMES.items())
                )
                for number, name in enumerate(species)
            }
        return splits, record['report']

    def write(self, splits: Splits, report: dict) -> None:
        """Writes the split, and removes those of other genomes that were in this folder before."""
        columns = {
            f'{number}/{part}/{field.name}': getattr(getattr(split, part), field.name)
            for number, split in enumerate(splits.values())
            for part, kind in _NAMES.items()
            for field in dataclasses.fields(kind)
        }
        buffer = io.BytesIO()
        np.savez(buffer, **columns)
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        record = {'key': self.key, 'arrays': digest, 'report': report}
        record['sha256'] = hashlib.sha256(manifest.to_bytes(record)).hexdigest()
        try:
            self.folder.mkdir(exist_ok=True)
            for path in self.folder.iterdir():
                if not path.name.startswith(self.name[:9]):
                    path.unlink()
            _replace(self.folder / f'{self.name}.npz', buffer.getvalue())
            _replace(self.folder / f'{self.name}.json', manifest.to_bytes(record))
        except OSError as error:
            print(
                f'{self.folder}: the split is not kept ({error.strerror}); the next run computes '
                'it again',
                file=sys.stderr,
                flush=True,
            )


def _windows(columns, prefix: str, kind: type) -> windows.Windows:
    return kind(*(columns[f'{prefix}/{field.name}'] for field in dataclasses.fields(kind)))


def _replace(path: pathlib.Path, data: bytes) -> None:
    """Writes a file in one step; several processes may do so at the same time."""
    partial = path.with_name(f'{path.name}.{os.getpid()}.partial')
    partial.write_bytes(data)
    partial.replace(path)
