"""What is computed once per directory of shards: the homology of its genomes, and its splits.

Beside the shards are two folders. `homology/` has the relation, which depends on the genomes
alone, so that splits of other window lengths or seeds need no other search. `splits/` has the
windows with their audit. The name of an entry is a hash of all that it depends on: the genomes, the
arguments and the version of the method. Of several processes the first computes and the others wait
and read.
"""

import contextlib
import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from genojax import errors, progress
from genojax.data.genomes import assemblies, interval_sets, windows
from genojax.data.splits import cache_entry, genome_windows
from genojax.data.splits.homology import relation, search
from genojax.data.store import manifest

FOLDER = 'splits'
HOMOLOGY_FOLDER = 'homology'
# Of blocks, windows, label rows and audit together: another version has other windows or flags.
# `tests/data/splits/test_split_cache.py` has the hash of a split and fails where it changes.
VERSION = 2
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
    entry = cache_entry.CacheEntry(
        folder / FOLDER, corpus.fingerprint, _key(corpus, length, label_rows, options), 'split'
    )
    stored = entry.read()
    if stored is None:
        with _one_at_a_time(folder):
            stored = entry.read()  # another process may have computed it meanwhile
            if stored is None:
                return _compute(entry, folder, corpus, length, label_rows, options)
    return _splits(stored[0], corpus.species), stored[1]


def _compute(
    entry: cache_entry.CacheEntry, folder: pathlib.Path, corpus, length: int, label_rows, options
) -> tuple[Splits, dict]:
    def find_homology(corpus, axis):
        return homology(folder, corpus, axis)

    splits, report = genome_windows.split_windows(
        corpus, length, label_rows=label_rows, find_homology=find_homology, **options
    )
    report = json.loads(json.dumps(report))  # as it will be read back
    entry.write(_columns(splits), report)
    return splits, report


def homology(
    folder: pathlib.Path, corpus: assemblies.Corpus, axis: interval_sets.Axis
) -> relation.Homology:
    """`search.find` of a corpus, from the cache beside its shards or added to it."""
    key = hashlib.sha256(f'homology {search.VERSION} {corpus.fingerprint}'.encode()).hexdigest()
    entry = cache_entry.CacheEntry(
        folder / HOMOLOGY_FOLDER, corpus.fingerprint, key, 'search for homology'
    )
    stored = entry.read()
    if stored is not None:
        arrays, limits = stored
        table = relation.Matches(*(arrays[name] for name in relation.Matches._fields))
        genes = arrays['gene_spans'], arrays['gene_names']
        return relation.Homology(axis, table, *genes, tuple(limits))
    result = search.find(corpus, axis)
    genes = {'gene_spans': result.gene_spans, 'gene_names': result.gene_names}
    entry.write({**result.table._asdict(), **genes}, list(result.limits))
    return result


@contextlib.contextmanager
def _one_at_a_time(folder: pathlib.Path) -> Iterator[None]:
    """Other processes wait for this one, unless the folder is read-only and nothing is stored."""
    with contextlib.ExitStack() as stack:
        waiting = progress.stage('waiting for another process that reads these shards first')
        with contextlib.suppress(errors.UsageError), waiting:
            stack.enter_context(manifest.locked(folder, wait=True))
        yield


def _key(corpus: assemblies.Corpus, length: int, label_rows, options: dict) -> str:
    versions = [VERSION, search.VERSION]
    head = [versions, corpus.fingerprint, corpus.species, length, len(label_rows), options]
    sha256 = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for codes in label_rows:
        sha256.update(len(codes).to_bytes(8, 'little') + np.ascontiguousarray(codes).tobytes())
    return sha256.hexdigest()


def _columns(splits: Splits) -> dict[str, np.ndarray]:
    """The windows as arrays by name: species number, part, column."""
    return {
        f'{number}/{part}/{field.name}': getattr(getattr(split, part), field.name)
        for number, split in enumerate(splits.values())
        for part, kind in _NAMES.items()
        for field in dataclasses.fields(kind)
    }


def _splits(columns, species: Sequence[str]) -> Splits:
    return {
        name: genome_windows.WindowSplit(
            *(
                kind(*(columns[f'{number}/{part}/{f.name}'] for f in dataclasses.fields(kind)))
                for part, kind in _NAMES.items()
            )
        )
        for number, name in enumerate(species)
    }
