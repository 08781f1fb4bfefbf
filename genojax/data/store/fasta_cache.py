"""A FASTA read once into a flat file of bases, so that many species of one file do not each read it again.

One byte a base (code | soft mask << 3, as in `records`), contig after contig, with a JSON file beside it that says what
lies where. The JSON is written last: a spool without one is unfinished.
"""

import dataclasses
import json
import os
import pathlib

import numpy as np

from genojax import genome
from genojax.data.formats import fasta


@dataclasses.dataclass(frozen=True)
class Entry:
    """One contig of a spool: its name, place and counts."""

    name: str
    offset: int
    length: int
    stats: fasta.Stats


@dataclasses.dataclass(frozen=True)
class Spool:
    """What a FASTA held.

    Attributes:
        path: of the flat file.
        names: of all records of the FASTA; `entries` holds the wanted ones.
        sha256: of the FASTA as it was read.
    """

    path: pathlib.Path
    names: tuple[str, ...]
    entries: dict[str, Entry]
    notes: tuple[str, ...]
    sha256: str

    def record(self, name: str) -> fasta.Record:
        """One contig again as the reader gave it."""
        entry = self.entries[name]
        bases = np.memmap(self.path, np.uint8, 'r', entry.offset, (entry.length,))
        soft = (bases >> genome.SOFT_SHIFT).view(np.bool_)
        return fasta.Record(
            name, '', np.asarray(bases & genome.CODE_BITS), np.asarray(soft), entry.stats
        )


def write(source: pathlib.Path, path: pathlib.Path, wanted: frozenset[str] | None) -> Spool:
    """Read a FASTA and spool the wanted records, all of them if None."""
    reader = fasta.Reader(source)
    names, entries, offset = [], {}, 0
    with open(path, 'wb') as file:
        for record in reader:
            names.append(record.name)
            if wanted is not None and record.name not in wanted:
                continue
            soft = record.soft_masked.view(np.uint8) << genome.SOFT_SHIFT
            file.write((record.codes | soft).data)
            length = len(record.codes)
            entries[record.name] = Entry(record.name, offset, length, record.stats)
            offset += length
        file.flush()
        os.fsync(file.fileno())
    spool = Spool(path, tuple(names), entries, tuple(reader.notes), reader.source.sha256)
    _save(spool)
    return spool


def load(path: pathlib.Path) -> Spool | None:
    """A finished spool, None if there is none of the right size."""
    try:
        saved = json.loads(_json_of(path).read_text())
    except FileNotFoundError:
        return None
    entries = {}
    for name, (offset, length, stats) in saved['entries'].items():
        stats['counts'] = tuple(stats['counts'])
        entries[name] = Entry(name, offset, length, fasta.Stats(**stats))
    total = sum(entry.length for entry in entries.values())
    if not path.exists() or path.stat().st_size != total:
        return None
    return Spool(path, tuple(saved['names']), entries, tuple(saved['notes']), saved['sha256'])


def _json_of(path: pathlib.Path) -> pathlib.Path:
    return path.with_suffix('.json')


def _save(spool: Spool) -> None:
    entries = {
        entry.name: (entry.offset, entry.length, dataclasses.asdict(entry.stats))
        for entry in spool.entries.values()
    }
    saved = {'names': spool.names, 'entries': entries, 'notes': spool.notes, 'sha256': spool.sha256}
    unfinished = spool.path.with_suffix('.json.new')
    unfinished.write_text(json.dumps(saved))
    os.replace(unfinished, _json_of(spool.path))
