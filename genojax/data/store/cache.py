"""Shards unpacked for random reading: two flat files, bases and region bits, that belong to one manifest.

They hold what `records.Genome` maps into memory, one byte a base each, species after species. The cache is worth nothing
by itself: when its fingerprint, its size or its hash is not right it is made again from the shards.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator

import numpy as np

from genojax import progress
from genojax.data.store import manifest

NAMES = ('bases.u8', 'regions.u8')


def arrays(
    folder: pathlib.Path,
    value: dict,
    fingerprint: str,
    read: Callable[[dict], Iterator[tuple[np.ndarray, np.ndarray]]],
    verify: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """The bases and the region bits of all species, mapped from files that are made first if need be.

    Args:
        value: the manifest, and `fingerprint` its hash.
        read: gives the unpacked chunks of an entry of manifest['species'].
        verify: compare the files with their hashes, not only with their sizes.
    """
    cache = folder / 'cache'
    total = sum(contig['length'] for species in value['species'] for contig in species['contigs'])
    if not _is_good(cache, fingerprint, total, verify):
        with manifest.locked(folder, wait=True):
            # Another process may have made it while this one came for the lock.
            if not _is_good(cache, fingerprint, total, verify):
                _make(folder, cache, value, fingerprint, read, total)
    return tuple(np.memmap(cache / name, np.uint8, 'r', shape=(total,)) for name in NAMES)


def _is_good(cache: pathlib.Path, fingerprint: str, total: int, verify: bool) -> bool:
    try:
        saved = json.loads((cache / 'cache.json').read_text())
    except (OSError, ValueError):
        return False
    if saved.get('fingerprint') != fingerprint:
        return False
    files = [cache / name for name in NAMES]
    if any(not file.is_file() or file.stat().st_size != total for file in files):
        return False
    return not verify or all(
        saved['sha256'][file.name] == manifest.sha256_of(file) for file in files
    )


def _make(
    folder: pathlib.Path,
    cache: pathlib.Path,
    value: dict,
    fingerprint: str,
    read: Callable,
    total: int,
) -> None:
    unfinished = folder / 'cache.new'
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    hashes = {name: hashlib.sha256() for name in NAMES}
    with contextlib.ExitStack() as stack, progress.bar('unpacking shards', float(total)) as bar:
        files = {name: stack.enter_context(open(unfinished / name, 'wb')) for name in NAMES}
        for species in value['species']:
            for bases, bits in read(species):
                for name, array in zip(NAMES, (bases, bits), strict=True):
                    files[name].write(array.data)
                    hashes[name].update(array.data)
                bar.advance(float(len(bases)))
    saved = {
        'fingerprint': fingerprint,
        'sha256': {name: h.hexdigest() for name, h in hashes.items()},
    }
    manifest.save(unfinished, 'cache.json', saved)
    shutil.rmtree(cache, ignore_errors=True)
    os.replace(unfinished, cache)
