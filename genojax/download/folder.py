"""The folder of a download: `download.json` says what was fetched, `genomes.tsv` what it holds."""

import hashlib
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

from genojax import errors, json_files, output_files
from genojax.data.formats import genome_table
from genojax.download import genome_sources, source_files

RECORD = 'download.json'
_VERSION = 1
_SOFT_MASKED = 0.01  # share of the bases in lower case beyond which it means repeats
_FIELDS = {
    'version': int,
    'sources': [str],
    'table': str,
    'files': {
        ...: {
            'url': str,
            'size': int,
            'sha256': str,
            'md5': str,
            'validator': str,
            'commit': str,
            'compared': [str],
            'contigs': {...: [(int, str)]},
            'soft_masked': int,
        }
    },
}


class DownloadRecord:
    """What was fetched into a folder, written after every file.

    Attributes:
        values: `sources`, names of those that are whole; `table`, the SHA-256 of the genome table
            that was written, '' for none; `files`, name -> URL, size, hashes, what it was compared
            with, and of a FASTA file the length and refget digest of every contig, and how many
            bases are in lower case.
    """

    def __init__(self, folder: pathlib.Path):
        self.path = folder / RECORD
        self.values: dict[str, Any] = {'version': _VERSION, 'sources': [], 'table': '', 'files': {}}
        if self.path.exists():
            fix = f'remove {self.path}; files that are there are checked anew, not fetched again'
            self.values = json_files.read_hashed(self.path, fix, fields=_FIELDS)

    def file(self, name: str) -> dict[str, Any] | None:
        """What is recorded of a file."""
        return self.values['files'].get(name)

    def add_file(self, name: str, entry: dict[str, Any]) -> None:
        """Records a file that is in its place."""
        self.values['files'][name] = entry
        self.write()

    def add_source(self, name: str) -> None:
        """Records that all files of a source are there."""
        if name not in self.values['sources']:
            self.values['sources'].append(name)
            self.write()

    def write(self) -> None:
        json_files.write_hashed(self.path, self.values)


def _table_rows(source: source_files.GenomeSource, record: DownloadRecord) -> list[str]:
    """The rows of a source: its linear contigs, then its circular ones."""
    fasta, annotation = (file.names[0] for file in source.files)
    entry = record.file(fasta)
    bases = sum(length for length, _ in entry['contigs'].values())
    masked = 'yes' if entry['soft_masked'] > _SOFT_MASKED * bases else 'no'
    shapes = [(source.linear, 'no'), (source.circular, 'yes')]
    if not source.linear and not source.circular:
        shapes = [(('*',), 'no')]
    return [
        '\t'.join([source.species, fasta, ','.join(contigs), annotation, circular, masked])
        for contigs, circular in shapes
        if contigs
    ]


def write_table(
    folder: pathlib.Path, record: DownloadRecord, notice: Callable[[str], None]
) -> pathlib.Path:
    """Writes genomes.tsv for all genomes of a folder, unless a person has changed it."""
    names = [name for name in genome_sources.GENOMES if name in record.values['sources']]
    sources = [genome_sources.GENOMES[name] for name in names]
    rows = [row for source in sources for row in _table_rows(source, record)]
    text = '\n'.join(['\t'.join(genome_table.COLUMNS), *rows, ''])
    path = folder / genome_table.NAME
    digest = hashlib.sha256(text.encode()).hexdigest()
    if path.exists():
        there = hashlib.sha256(path.read_bytes()).hexdigest()
        if there not in (record.values['table'], digest):
            absent = [row for row in rows if row not in path.read_text().splitlines()]
            notice(f'{path} was not written by this verb, and is left as it is')
            for row in absent:
                notice(f'  a row that it does not have: {row}')
            return path
    with output_files.replaced(path) as partial:
        partial.write_text(text)
    record.values['table'] = digest
    record.write()
    return path


def check_together(names: Iterable[str]) -> None:
    """Refuses genomes of one species in one folder: the same sequence would be there twice.

    Raises:
        UsageError: two of them are of one species.
    """
    owner: dict[str, str] = {}
    for name in names:
        species = genome_sources.GENOMES[name].species
        if owner.setdefault(species, name) != name:
            raise errors.UsageError(
                f'{name} and {owner[species]} are both of {species}: one folder holds one of them. '
                'Fix: another --out=DIR for one of the two'
            )
