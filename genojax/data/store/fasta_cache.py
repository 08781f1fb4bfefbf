"""A FASTA file read once into a flat file of bases, for all species that have contigs in it.

There is one byte per base (code | soft mask << 3, see `genome.CODE_BITS`), contig after contig, and
a JSON file beside it that lists the contigs and has the hash of the bases. The JSON is written
last: a cache without one is incomplete.
"""

import dataclasses
import hashlib
import os
import pathlib

import numpy as np

from genojax import errors, genome, json_files
from genojax.data.formats import fasta, sequence_record

_FIELDS = {'names': list, 'entries': dict, 'notes': list, 'fasta': str, 'bases': str}


@dataclasses.dataclass(frozen=True)
class CachedContig:
    """One contig of a cache."""

    name: str
    offset: int  # bytes into the flat file
    length: int
    stats: sequence_record.RecordStats


@dataclasses.dataclass(frozen=True)
class FastaCache:
    """The contents of a FASTA file.

    Attributes:
        path: of the flat file.
        names: of all records of the FASTA; `entries` holds the cached ones.
        sha256: of the FASTA as it was read.
    """

    path: pathlib.Path
    names: tuple[str, ...]
    entries: dict[str, CachedContig]
    notes: tuple[str, ...]
    sha256: str

    def record(self, name: str) -> sequence_record.Record:
        """One contig as the reader returned it."""
        entry = self.entries[name]
        bases = np.memmap(self.path, np.uint8, 'r', entry.offset, (entry.length,))
        soft = (bases >> genome.SOFT_SHIFT).view(np.bool_)
        codes = np.asarray(bases & genome.CODE_BITS)
        return sequence_record.Record(name, '', codes, np.asarray(soft), entry.stats)


def write(
    fasta_file: pathlib.Path, path: pathlib.Path, names: frozenset[str] | None, rna: bool = False
) -> FastaCache:
    """Read a FASTA file and cache the records of these names, all of them if None."""
    reader = fasta.FastaReader(fasta_file, rna=rna)
    all_names, entries, offset, sha256 = [], {}, 0, hashlib.sha256()
    with open(path, 'wb') as file:
        for record in reader:
            all_names.append(record.name)
            if names is not None and record.name not in names:
                continue
            soft = record.soft_masked.view(np.uint8) << genome.SOFT_SHIFT
            bases = record.codes | soft
            file.write(bases.data)
            sha256.update(bases.data)
            length = len(record.codes)
            entries[record.name] = CachedContig(record.name, offset, length, record.stats)
            offset += length
        file.flush()
        os.fsync(file.fileno())
    cache = FastaCache(path, tuple(all_names), entries, tuple(reader.notes), reader.file.sha256)
    _save(cache, sha256.hexdigest())
    return cache


def load(path: pathlib.Path) -> FastaCache | None:
    """A complete cache, None if there is none of the right size.

    Raises:
        errors.DamageError: the list of its contigs or its bases are not those that were written.
    """
    if not _json_of(path).exists():
        return None
    fix = f'remove {path.parent}; the same command reads the genomes again'
    saved = json_files.read_hashed(_json_of(path), fix, fields=_FIELDS)
    entries = {}
    for name, (offset, length, stats) in saved['entries'].items():
        stats['counts'] = tuple(stats['counts'])
        entries[name] = CachedContig(name, offset, length, sequence_record.RecordStats(**stats))
    total = sum(entry.length for entry in entries.values())
    if not path.exists() or path.stat().st_size != total:
        return None
    with open(path, 'rb') as file:
        if hashlib.file_digest(file, 'sha256').hexdigest() != saved['bases']:
            raise errors.DamageError(f'{path} was changed after it was written. Fix: {fix}')
    return FastaCache(path, tuple(saved['names']), entries, tuple(saved['notes']), saved['fasta'])


def _json_of(path: pathlib.Path) -> pathlib.Path:
    return path.with_suffix('.json')


def _save(cache: FastaCache, bases: str) -> None:
    entries = {
        entry.name: (entry.offset, entry.length, dataclasses.asdict(entry.stats))
        for entry in cache.entries.values()
    }
    saved = {'names': cache.names, 'entries': entries, 'notes': cache.notes}
    saved |= {'fasta': cache.sha256, 'bases': bases}
    json_files.write_hashed(_json_of(cache.path), saved)
