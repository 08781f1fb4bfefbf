"""The genome table, genomes.tsv: which contigs of which file belong to which species.

One row is some contigs of one FASTA for one species; a species may have several rows. A directory
without a table is an error, whose message holds a draft of the table to check and save.
"""

import dataclasses
import difflib
import os
import pathlib
import re
import shlex
from collections.abc import Iterable

from genojax import errors
from genojax.data.formats import input_file, table_draft

NAME = 'genomes.tsv'
COLUMNS = ('species', 'fasta', 'contigs', 'annotation', 'circular', 'softmasked')
OPTIONAL_COLUMNS = ('split',)
SPLITS = ('train', 'test', '')
_SPLIT_OF_WORD = {word: word for word in SPLITS} | {'held_out': 'test'}
# A species is the name of a directory of shards, so it must be safe as one.
_SPECIES = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.-]{0,99}')


@dataclasses.dataclass(frozen=True)
class GenomeRow:
    """One row: some contigs of one file.

    Attributes:
        contigs: names in order; () means all contigs of the file.
        annotation: None where the genome has none.
        circular: of every contig of the row.
        softmasked: lower case means repeat. If not, repeats are unknown.
        split: 'train', 'test' or '', where blocks decide.
        line: in the table, 1-based.
    """

    species: str
    fasta: pathlib.Path
    contigs: tuple[str, ...]
    annotation: pathlib.Path | None
    circular: bool
    softmasked: bool
    split: str
    line: int


@dataclasses.dataclass(frozen=True)
class GenomeTable:
    """The rows of a genomes.tsv; paths are joined to its directory."""

    path: pathlib.Path
    rows: tuple[GenomeRow, ...]

    @property
    def directory(self) -> pathlib.Path:
        """Where the table is."""
        return self.path.parent

    @property
    def species(self) -> tuple[str, ...]:
        """Each species once, in table order."""
        return tuple(dict.fromkeys(row.species for row in self.rows))

    @property
    def fasta_files(self) -> tuple[pathlib.Path, ...]:
        """Each FASTA file once, in table order."""
        return tuple(dict.fromkeys(row.fasta for row in self.rows))

    def notes(self) -> list[str]:
        """A remark on the FASTA files beside the table that no row names, if there are any."""
        named = {path.resolve() for path in self.fasta_files}
        files = table_draft.sequence_files(self.directory)
        others = tuple(path.name for path in files if path.resolve() not in named)
        if not others:
            return []
        count = f'{len(others):,} sequence files are' if others[1:] else '1 sequence file is'
        return [f'{count} not in {self.path.name}: {_listed(others)}']

    def shown(self, path: pathlib.Path) -> str:
        """A path as the table writes it."""
        return os.path.relpath(path, self.directory)

    def contigs_of(self, row: GenomeRow, in_file: Iterable[str]) -> tuple[str, ...]:
        """The contigs of a row.

        Args:
            in_file: names of the records of its FASTA.

        Raises:
            errors.InputError: GT06, a contig that the file does not have.
        """
        names = tuple(in_file)
        if not row.contigs:
            return names
        missing = [contig for contig in row.contigs if contig not in set(names)]
        if missing:
            raise errors.InputError(
                'GT06',
                f'contig {missing[0]!r} is not in {self.shown(row.fasta)}, '
                f'which has {_listed(names)}',
                path=self.path,
                line=row.line,
                fix=_similar_contig(missing[0], names),
            )
        return row.contigs

    def check_contigs(self, names_of: dict[pathlib.Path, tuple[str, ...]]) -> None:
        """Check every row against the names of the records of each FASTA.

        Raises:
            errors.InputError: GT06 a contig that its file does not have, GT07 one that a species
                has twice, FA22 one that two species have.
        """
        in_species: dict[tuple[str, str], int] = {}
        owner: dict[tuple[pathlib.Path, str], GenomeRow] = {}
        for row in self.rows:
            for contig in self.contigs_of(row, names_of[row.fasta]):
                first = owner.setdefault((row.fasta, contig), row)
                if first.species != row.species:
                    raise errors.InputError(
                        'FA22',
                        f'contig {contig!r} of {self.shown(row.fasta)} is listed under'
                        f' {first.species!r} (line {first.line}) and {row.species!r}',
                        path=self.path,
                        line=row.line,
                        fix='leave it in one species',
                    )
                line = in_species.setdefault((row.species, contig), row.line)
                if line != row.line:
                    raise self._contig_twice(row, contig, line)

    def check_digests(self, entries: Iterable[tuple[str, str, str]]) -> None:
        """Check (species, contig, refget digest): no sequence may be in two species.

        Raises:
            errors.InputError: FA22.
        """
        owner: dict[str, tuple[str, str]] = {}
        for species, contig, digest in entries:
            first, name = owner.setdefault(digest, (species, contig))
            if first != species:
                raise errors.InputError(
                    'FA22',
                    f'contig {contig!r} of {species!r} has the same sequence as {name!r} of '
                    f'{first!r}',
                    path=self.path,
                    fix='leave it in one species',
                )

    def _contig_twice(self, row: GenomeRow, contig: str, line: int) -> errors.InputError:
        return errors.InputError(
            'GT07',
            f'{row.species!r} has contig {contig!r} twice: lines {line} and {row.line}',
            path=self.path,
            line=row.line,
            fix='remove one, or rename the record if the two are different sequences',
        )


def read(directory: str | os.PathLike, rna: bool = False) -> GenomeTable:
    """The table DIR/genomes.tsv, or the table itself if the path is a file.

    Args:
        rna: a draft of a missing table reads U as T.

    Raises:
        errors.InputError: GT01, no table, with a draft in the message; GT02 to GT10, mistakes.
    """
    path = pathlib.Path(directory)
    if path.is_dir():
        path = path / NAME
        if not path.exists():
            raise _missing(path.parent, rna)
    rows: list[GenomeRow] = []
    columns: list[str] | None = None
    for number, line in input_file.InputFile(path).lines():
        if not line.strip() or line.startswith('#'):
            continue
        cells = [cell.strip() for cell in line.split('\t')]
        if columns is None:
            columns = _header(path, number, cells)
        else:
            rows.append(_row(path, number, columns, cells))
    if not rows:
        raise _error('GT02', path, None, 'the table has no rows', f'start with: {_header_line()}')
    return GenomeTable(path, tuple(rows))


def _header_line() -> str:
    return ' TAB '.join(COLUMNS)


def _error(code: str, path, line: int | None, problem: str, fix: str) -> errors.InputError:
    return errors.InputError(code, problem, path=path, line=line, fix=fix)


def _missing(directory: pathlib.Path, rna: bool) -> errors.InputError:
    drafted = table_draft.draft(directory, COLUMNS, rna=rna)
    if not drafted:
        problem = f'no {NAME}, and no FASTA file to draft one from'
        return _error('GT01', directory, None, problem, table_draft.fix_without_fasta(directory))
    error = _error(
        'GT01',
        directory,
        None,
        f'this directory has no {NAME}',
        f'genojax check {shlex.quote(str(directory))} --draft-table{" --rna" if rna else ""} > '
        f'{shlex.quote(str(directory / NAME))} saves this draft; check it',
    )
    error.args = (f'{error}\n{drafted}',)
    return error


def _header(path, number: int, cells: list[str]) -> list[str]:
    columns = COLUMNS + OPTIONAL_COLUMNS
    for cell in cells:
        if cell not in columns:
            similar = difflib.get_close_matches(cell.lower(), columns, 1)
            fix = f'did you mean {similar[0]!r}?' if similar else f'use {", ".join(columns)}'
            raise _error('GT02', path, number, f'unknown column {cell!r}', fix)
        if cells.count(cell) > 1:
            raise _error('GT02', path, number, f'column {cell!r} occurs twice', 'remove one')
    for name in COLUMNS:
        if name not in cells:
            fix = f'the header is: {_header_line()}'
            raise _error('GT02', path, number, f'column {name!r} is missing', fix)
    return cells


def _row(path: pathlib.Path, number: int, columns: list[str], cells: list[str]) -> GenomeRow:
    # Editors drop TABs at the end of a line; any other number of cells would shift the columns.
    cells = cells + [''] * (len(columns) - len(cells)) if _may_fill(columns, cells) else cells
    if len(cells) != len(columns):
        problem = f'{len(cells)} cells where the header has {len(columns)} columns'
        raise _error('GT03', path, number, problem, 'separate cells by one TAB each')
    cell = dict(zip(columns, cells, strict=True))
    species = cell['species']
    if not _SPECIES.fullmatch(species):
        fix = 'use letters, digits, _ . and -, as in Homo_sapiens'
        raise _error('GT08', path, number, f'species name {species!r}', fix)
    split = cell.get('split', '')
    if split not in _SPLIT_OF_WORD:
        raise _error('GT09', path, number, f'split {split!r}', "write 'train', 'test' or nothing")
    contigs = tuple(name.strip() for name in cell['contigs'].split(','))
    if '' in contigs:
        raise _error('GT10', path, number, 'an empty contig name', "list names, or '*' for all")
    for name in contigs:
        if contigs.count(name) > 1:
            raise _error('GT07', path, number, f'contig {name!r} is listed twice', 'remove one')
    return GenomeRow(
        species=species,
        fasta=_file(path, number, cell['fasta'], 'fasta'),
        contigs=() if contigs == ('*',) else contigs,
        annotation=_file(path, number, cell['annotation'], 'annotation')
        if cell['annotation']
        else None,
        circular=_yes(path, number, 'circular', cell['circular']),
        softmasked=_yes(path, number, 'softmasked', cell['softmasked']),
        split=_SPLIT_OF_WORD[split],
        line=number,
    )


def _may_fill(columns: list[str], cells: list[str]) -> bool:
    return len(cells) < len(columns) and columns[len(cells) :] == ['split']


def _yes(path, number: int, column: str, cell: str) -> bool:
    if cell not in ('yes', 'no'):
        raise _error('GT05', path, number, f'{column} is {cell!r}', "write 'yes' or 'no'")
    return cell == 'yes'


def _file(path: pathlib.Path, number: int, cell: str, column: str) -> pathlib.Path:
    if not cell:
        raise _error('GT10', path, number, f'the {column} cell is empty', 'name a file')
    file = path.parent / cell
    if not file.exists():  # what is there, but no file, its reader refuses
        files = sorted(item.name for item in path.parent.iterdir())
        similar = difflib.get_close_matches(cell, files, 1)
        fix = f'did you mean {similar[0]!r}?' if similar else 'paths are relative to the table'
        raise _error('GT04', path, number, f'{column} file {cell!r} does not exist', fix)
    return file


def _similar_contig(contig: str, names: tuple[str, ...]) -> str:
    """Advice on a contig that a file does not have: with or without 'chr', or a similar name."""
    other = contig.removeprefix('chr') if contig.startswith('chr') else f'chr{contig}'
    similar = [other] if other in names else difflib.get_close_matches(contig, names, 1, 0.6)
    return f'did you mean {similar[0]!r}?' if similar else 'use names of the file'


def _listed(names: tuple[str, ...]) -> str:
    shown = ', '.join(names[:5])
    return f'{shown} and {len(names) - 5:,} more' if len(names) > 5 else shown
