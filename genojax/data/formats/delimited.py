"""Rows of a delimited text file (TSV or CSV, gzip or not), every cell accounted for.

Quotes are those of RFC 4180: a cell in double quotes may hold the separator, a line break, and a
quote written twice. Files are read by `input_file`, so truncated, damaged and expanding ones are
refused. Cells lose the blanks around them; nothing is skipped, cut or repaired.
"""

import csv
import os
import pathlib
import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from genojax import dna, errors
from genojax.data.formats import input_file

SUFFIXES = ('.tsv', '.csv', '.tsv.gz', '.csv.gz', '.tsv.bgz', '.csv.bgz')
_SEPARATORS = ('\t', ',', ';')  # the first one that the header holds
# How a file of another format begins that is text, too.
_OTHER_FORMATS = {'>': 'FASTA', '##fileformat=VCF': 'VCF', '##gff-version': 'GFF3'}
_DNA = f'{dna.IUPAC}U'
_MIN_DNA = 4  # letters of a cell that is taken for DNA
_LONG_NAME = 10  # letters; a shorter name of IUPAC codes may be a word, such as 'strand'
_MAX_CELL = 2**31 - 1  # characters; csv's own limit of 131,072 is shorter than a sequence


class DelimitedRows(NamedTuple):
    """The cells of a file, and the line of the file on which each row begins, from 1."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def read(path: str | os.PathLike, limit: int | None = None) -> DelimitedRows:
    """The header and the rows of a file, or its first `limit` rows.

    Raises:
        InputError: LB03 no rows, LB06 a row with more or fewer cells than the header, or a quote
            that does not end, LB13 another format; as `input_file` for what cannot be read.
    """
    path = pathlib.Path(path)
    records = _records(path)
    _, header = next(records, (1, ['']))
    for start, name in _OTHER_FORMATS.items():
        if header[:1] and header[0].startswith(start):
            fix = 'name a TSV or CSV: a line of column names, such as sequence and label, then rows'
            raise errors.InputError('LB13', f'this is a {name} file', path=path, line=1, fix=fix)
    rows, lines, blank = [], [], None
    for line, cells in records:
        if cells in ([], ['']):
            blank = blank or line
            continue
        if blank is not None or len(cells) != len(header):
            problem = (blank, 1) if blank is not None else (line, len(cells))
            raise errors.InputError(
                'LB06',
                f'{problem[1]} columns, but the first line names {len(header)}',
                path=path,
                line=problem[0],
            )
        rows.append(cells)
        lines.append(line)
        if limit is not None and len(rows) == limit:
            break
    return DelimitedRows(header, rows, lines)


def is_dna(cell: str, letters: str = _DNA) -> bool:
    """Whether a cell looks like a sequence rather than a word."""
    return len(cell) >= _MIN_DNA and not set(cell.upper()) - set(letters)


def check_header(
    path: str | os.PathLike, table: DelimitedRows, names: Sequence[str] = ('label',)
) -> None:
    """Refuses a table whose first line is a row like the next one, with a sequence in it.

    A name of plain bases, such as `ACGT` above counts, is a name: the cell below is no sequence.

    Args:
        names: of the other columns from the left, or of the last one, for the fix.

    Raises:
        InputError: LB13, the table has no header.
    """
    below = table.rows[0] if table.rows else table.header
    columns = [
        number
        for number, (name, cell) in enumerate(zip(table.header, below, strict=True))
        if is_dna(cell) and is_dna(name, 'ACGTUN' if len(name) < _LONG_NAME else _DNA)
    ]
    if not columns:
        return
    header = [f'column_{number + 1}' for number in range(len(table.header))]
    others = [number for number in range(len(header)) if number != columns[0]]
    for number, name in zip(others if len(names) > 1 else others[::-1], names, strict=False):
        header[number] = name
    header[columns[0]] = 'sequence'
    file = shlex.quote(os.fspath(path))
    lines = (text for _, text in input_file.InputFile(pathlib.Path(path)).lines())
    text = _separator(next(lines, '')).join(header)
    raise errors.InputError(
        'LB13',
        f'the first line is data: column {columns[0] + 1} of it is a sequence, no name',
        path=path,
        line=1,
        fix=f'add a header that names the columns: {_fix(file, text)}',
    )


def _fix(file: str, header: str) -> str:
    """The command that writes a header into a file, quoted for a shell, and keeps a copy of it."""
    header = header.replace('\t', r'\t')
    packed = ' | gzip' if file.rstrip("'").endswith(('.gz', '.bgz')) else ''
    return f"cp {file} {file}.bak && (printf '{header}\\n'{packed}; cat {file}.bak) > {file}"


def _separator(first: str) -> str:
    return next((mark for mark in _SEPARATORS if mark in first), ',')


def _records(path: pathlib.Path) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record begins, and its cells; blank lines are records of no cells."""
    lines = (text for _, text in input_file.InputFile(path).lines())
    first = next(lines, '')
    separator = _separator(first)
    texts = (f'{text}\n' for part in ((first,), lines) for text in part)
    before = csv.field_size_limit(_MAX_CELL)
    line = 1
    try:
        reader = csv.reader(texts, delimiter=separator, strict=True, skipinitialspace=True)
        while True:
            line = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            yield line, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise errors.InputError(
            'LB06',
            f'the quotes of this row are not those of a CSV ({error})',
            path=path,
            line=line,
            fix='write a cell in double quotes as a whole, and a quote inside it twice',
        ) from error
    finally:
        csv.field_size_limit(before)


def described_files(
    path: pathlib.Path, columns: Sequence[str], required: Sequence[str], code: str
) -> list[tuple[int, dict[str, str]]]:
    """The rows of a table that describes files: line, and cells by column.

    Cells are separated by TABs; empty lines and lines that begin with # are comments.

    Args:
        columns: all that there may be.
        required: those that must be there.

    Raises:
        InputError: `code`, no rows, an unknown, missing or repeated column, or a row of another
            length; FA.. of `input_file`.
    """

    def error(line: int, problem: str, fix: str) -> errors.InputError:
        return errors.InputError(code, problem, path=path, line=line, fix=fix)

    lines = [
        (number, line)
        for number, line in input_file.InputFile(path).lines()
        if line.strip() and not line.startswith('#')
    ]
    cells = list(csv.reader((line for _, line in lines), delimiter='\t'))
    if len(cells) < 2:
        raise error(1, 'the table has no rows', f'start with: {" TAB ".join(required)}')
    header = [cell.strip() for cell in cells[0]]
    for name in header:
        if name not in columns:
            raise error(lines[0][0], f'unknown column {name!r}', f'use {", ".join(columns)}')
        if header.count(name) > 1:
            raise error(lines[0][0], f'column {name!r} occurs twice', 'remove one')
    for name in required:
        if name not in header:
            raise error(lines[0][0], f'column {name!r} is missing', f'name a column {name}')
    rows = []
    for (number, _), row in zip(lines[1:], cells[1:], strict=True):
        if len(row) != len(header):
            problem = f'{len(row)} cells where the header has {len(header)} columns'
            raise error(number, problem, 'separate cells by one TAB each')
        rows.append((number, {n: c.strip() for n, c in zip(header, row, strict=True)}))
    return rows
