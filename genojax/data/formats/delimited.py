"""Rows of a delimited text file (TSV or CSV, gzip or not), every cell accounted for.

Quotes are those of RFC 4180: a cell in double quotes may hold the separator, a line break, and a
quote written twice. Files are read by `input_file`, so truncated, damaged and expanding ones are
refused. Cells lose the blanks around them; nothing is skipped, cut or repaired.
"""

import csv
import os
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

from genojax import errors
from genojax.data.formats import input_file

SUFFIXES = ('.tsv', '.csv', '.tsv.gz', '.csv.gz', '.tsv.bgz', '.csv.bgz')
_SEPARATORS = ('\t', ',', ';')  # the first one that the header holds
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
            that does not end; as `input_file` for what cannot be read.
    """
    path = pathlib.Path(path)
    records = _records(path)
    _, header = next(records, (1, ['']))
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


def _records(path: pathlib.Path) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record begins, and its cells; blank lines are records of no cells."""
    lines = (text for _, text in input_file.InputFile(path).lines())
    first = next(lines, '')
    separator = next((mark for mark in _SEPARATORS if mark in first), ',')
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
