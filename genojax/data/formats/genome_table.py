"""The genome table, genomes.tsv: which contigs of which file belong to which species, and what is known of them.

One row is some contigs of one FASTA for one species; a species may have several rows. A directory without a table is
not guessed at: the reader gets a drafted table to check and save.
"""

import dataclasses
import difflib
import os
import pathlib
import re
from collections.abc import Iterable

from genojax import errors
from genojax.data.formats import fasta, source

NAME = 'genomes.tsv'
COLUMNS = ('species', 'fasta', 'contigs', 'annotation', 'circular', 'softmasked')
OPTIONAL_COLUMNS = ('split',)
SPLITS = ('train', 'test', '')
_SPLIT_OF_WORD = {word: word for word in SPLITS} | {'held_out': 'test'}
# A species names a folder of shards, so its name must be safe as one.
_SPECIES = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.-]{0,99}')
_FASTA_ENDS = ('.fa', '.fasta', '.fna', '.fas')
_ANNOTATION_ENDS = ('.gff3', '.gff', '.gtf', '.bed')  # best first
_PACKED_ENDS = ('.gz', '.bgz')
_DRAFT_BASES = 1_000_000  # how much of a file a draft looks at


@dataclasses.dataclass(frozen=True)
class Row:
    """Some contigs of one file.

    Attributes:
        contigs: names in the order given; () means all of the file.
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
    """The rows of a genomes.tsv; paths are joined to the directory it lies in."""

    path: pathlib.Path
    rows: tuple[Row, ...]

    @property
    def directory(self) -> pathlib.Path:
        return self.path.parent

    @property
    def species(self) -> tuple[str, ...]:
        """Each species once, in table order."""
        return tuple(dict.fromkeys(row.species for row in self.rows))

    @property
    def fasta_files(self) -> tuple[pathlib.Path, ...]:
        return tuple(dict.fromkeys(row.fasta for row in self.rows))

    def shown(self, path: pathlib.Path) -> str:
        """A path as the table writes it."""
        return os.path.relpath(path, self.directory)

    def contigs_of(self, row: Row, in_file: Iterable[str]) -> tuple[str, ...]:
        """The contigs of a row, given the names in its FASTA.

        Raises:
            errors.InputError: GT06, a contig that the file does not have.
        """
        names = tuple(in_file)
        if not row.contigs:
            return names
        have = set(names)
        for contig in row.contigs:
            if contig not in have:
                near = difflib.get_close_matches(contig, names, 1, 0.6)
                other = contig.removeprefix('chr') if contig.startswith('chr') else f'chr{contig}'
                near = [other] if other in have else near
                hint = f'did you mean {near[0]!r}?' if near else 'use names of the file'
                raise errors.InputError(
                    'GT06',
                    f'contig {contig!r} is not in {self.shown(row.fasta)}, which has {_listed(names)}',
                    path=self.path,
                    line=row.line,
                    fix=hint,
                )
        return row.contigs

    def check_contigs(self, names_of: dict[pathlib.Path, tuple[str, ...]]) -> None:
        """Check every row against the names in its FASTA: all there, none twice in a species, none in two species."""
        in_species: dict[tuple[str, str], int] = {}
        owner: dict[tuple[pathlib.Path, str], Row] = {}
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
        """Check (species, contig, refget digest): one sequence under two species would leak between them.

        Raises:
            errors.InputError: FA22.
        """
        owner: dict[str, tuple[str, str]] = {}
        for species, contig, digest in entries:
            first, name = owner.setdefault(digest, (species, contig))
            if first != species:
                raise errors.InputError(
                    'FA22',
                    f'contig {contig!r} of {species!r} is letter for letter {name!r} of {first!r}',
                    path=self.path,
                    fix='leave it in one species',
                )

    def _contig_twice(self, row: Row, contig: str, line: int) -> errors.InputError:
        return errors.InputError(
            'GT07',
            f'{row.species!r} has contig {contig!r} twice: lines {line} and {row.line}',
            path=self.path,
            line=row.line,
            fix='remove one, or rename the record if the two are different sequences',
        )


def read(directory: str | os.PathLike) -> GenomeTable:
    """Read DIR/genomes.tsv (or the table itself, if a file is named).

    Raises:
        errors.InputError: GT01 without a table, with a drafted one in the message; GT02.. for what is wrong in it.
    """
    path = pathlib.Path(directory)
    if path.is_dir():
        path = path / NAME
        if not path.exists():
            raise _missing(path.parent)
    rows: list[Row] = []
    columns: list[str] | None = None
    for number, line in source.Source(path).lines():
        if not line.strip() or line.startswith('#'):
            continue
        cells = [cell.strip() for cell in line.split('\t')]
        if columns is None:
            columns = _header(path, number, cells)
        else:
            rows.append(_row(path, number, columns, cells))
    if not rows:
        raise _error('GT02', path, None, 'the table has no rows', f'begin with: {_header_line()}')
    return GenomeTable(path, tuple(rows))


def _header_line() -> str:
    return ' TAB '.join(COLUMNS)


def _error(code: str, path, line: int | None, problem: str, fix: str) -> errors.InputError:
    return errors.InputError(code, problem, path=path, line=line, fix=fix)


def _missing(directory: pathlib.Path) -> errors.InputError:
    drafted = draft(directory)
    if not drafted:
        problem = f'no {NAME}, and no FASTA file to draft one from'
        return _error('GT01', directory, None, problem, 'name the folder that holds the genomes')
    error = _error(
        'GT01',
        directory,
        None,
        f'no {NAME} says what this folder holds',
        f'check this draft and save it as {NAME} (genojax check DIR --draft-table prints it)',
    )
    error.args = (f'{error}\n{drafted}',)
    return error


def _header(path, number: int, cells: list[str]) -> list[str]:
    known = COLUMNS + OPTIONAL_COLUMNS
    for cell in cells:
        if cell not in known:
            near = difflib.get_close_matches(cell.lower(), known, 1)
            fix = f'did you mean {near[0]!r}?' if near else f'the columns are {", ".join(known)}'
            raise _error('GT02', path, number, f'unknown column {cell!r}', fix)
        if cells.count(cell) > 1:
            raise _error('GT02', path, number, f'column {cell!r} is there twice', 'remove one')
    for name in COLUMNS:
        if name not in cells:
            fix = f'the header is: {_header_line()}'
            raise _error('GT02', path, number, f'column {name!r} is missing', fix)
    return cells


def _row(path: pathlib.Path, number: int, columns: list[str], cells: list[str]) -> Row:
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
    return Row(
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
    if not file.is_file():
        there = sorted(item.name for item in path.parent.iterdir())
        near = difflib.get_close_matches(cell, there, 1)
        fix = f'did you mean {near[0]!r}?' if near else 'paths are relative to the table'
        raise _error('GT04', path, number, f'{column} file {cell!r} is not there', fix)
    return file


def _listed(names: tuple[str, ...]) -> str:
    shown = ', '.join(names[:5])
    return f'{shown} and {len(names) - 5:,} more' if len(names) > 5 else shown


def draft(directory: str | os.PathLike) -> str:
    """A table for a directory without one, as text: a guess to check, '' if there is no FASTA file in it."""
    folder = pathlib.Path(directory)
    files = sorted(item.name for item in folder.iterdir() if item.is_file())
    rows = []
    for name in files:
        if _stem(name, _FASTA_ENDS) is not None:
            rows.append(_draft_row(folder, name, files))
    if not rows:
        return ''
    return '\n'.join(['\t'.join(COLUMNS), *rows, ''])


def _stem(name: str, ends: tuple[str, ...]) -> str | None:
    for packed in _PACKED_ENDS:
        name = name.removesuffix(packed)
    for end in ends:
        if name.lower().endswith(end):
            return name[: -len(end)]
    return None


def _draft_row(folder: pathlib.Path, name: str, files: list[str]) -> str:
    stem = _stem(name, _FASTA_ENDS)
    species = re.sub(r'[^A-Za-z0-9_.-]+', '_', stem).strip('_.-') or 'species'
    partners = []
    for other in files:
        theirs = _stem(other, _ANNOTATION_ENDS)
        if theirs is not None and (
            theirs == stem or theirs.startswith(stem + '.') or stem.startswith(theirs + '.')
        ):
            rank = [end for end in _ANNOTATION_ENDS if end in other.lower()]
            partners.append((theirs != stem, _ANNOTATION_ENDS.index(rank[0]), other))
    seen = lower = 0
    circular = 'no'
    try:
        for record in fasta.read(folder / name):
            circular = 'yes' if 'mitochondri' in record.description.lower() else circular
            seen, lower = seen + len(record.codes), lower + record.stats.soft_masked
            if seen >= _DRAFT_BASES:
                break
    except errors.InputError as error:
        return f'# {name}: {error}'
    # A few lower-case letters are an editor's accident; repeats are at least some percent of a masked genome.
    softmasked = 'yes' if lower > 0.01 * seen else 'no'
    annotation = min(partners)[2] if partners else ''
    return '\t'.join([species, name, '*', annotation, circular, softmasked])
