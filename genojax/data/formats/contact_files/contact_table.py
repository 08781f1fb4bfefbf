"""The table of a user's Hi-C matrices: one row per species, which names its file.

Columns, separated by TABs; `path` and `weight` are needed:

    path         a .cool or .mcool file, relative to the table; FILE::GROUP names a matrix in it
    weight       the column of balancing weights of its bins (weight, KR, ICE, ...); none: raw
    species      whose genome it lies along; may be left out where there is one
    weights_are  multiply or divide: what is done to counts; empty: as the file says
    rates        of a simulation: a .cool file of the true contact rates, with the same weights; its
                 score is the ceiling
"""

import csv
import dataclasses
import os
import pathlib

from genojax import errors
from genojax.data.formats import input_file
from genojax.data.formats.contact_files import cool

COLUMNS = ('path', 'weight', 'species', 'weights_are', 'rates')
_REQUIRED = ('path', 'weight')


@dataclasses.dataclass(frozen=True)
class MatrixRow:
    """One row of the table; see the module for its fields.

    Attributes:
        rates: None where there is none.
        line: in the table, 1-based.
    """

    path: pathlib.Path
    weight: str
    species: str
    weights_are: str
    rates: pathlib.Path | None
    line: int

    def settings(self) -> dict:
        """What the values depend on, besides the files."""
        return {'weight': self.weight, 'weights_are': self.weights_are}

    @property
    def files(self) -> list[pathlib.Path]:
        """The files themselves, without names of groups in them."""
        paths = [self.path] + ([self.rates] if self.rates else [])
        return [pathlib.Path(os.fspath(path).partition('::')[0]) for path in paths]


def read(path: str | os.PathLike) -> list[MatrixRow]:
    """The rows of a table.

    Raises:
        InputError: HC01, a mistake in it; FA.. of `input_file`.
    """
    path = pathlib.Path(path)
    lines = [
        (number, line)
        for number, line in input_file.InputFile(path).lines()
        if line.strip() and not line.startswith('#')
    ]
    cells = list(csv.reader((line for _, line in lines), delimiter='\t'))
    if len(cells) < 2:
        raise _error(path, 1, 'the table has no rows', f'start with: {" TAB ".join(_REQUIRED)}')
    header = [cell.strip() for cell in cells[0]]
    _check_header(path, lines[0][0], header)
    rows: dict[str, MatrixRow] = {}
    for (number, _), row in zip(lines[1:], cells[1:], strict=True):
        if len(row) != len(header):
            problem = f'{len(row)} cells where the header has {len(header)} columns'
            raise _error(path, number, problem, 'separate cells by one TAB each')
        values = {name: cell.strip() for name, cell in zip(header, row, strict=True)}
        parsed = _row(path, number, values)
        if parsed.species in rows:
            problem = f'a second matrix of species {parsed.species!r}'
            raise _error(path, number, problem, 'keep one row per species (`cooler merge` adds up)')
        rows[parsed.species] = parsed
    return list(rows.values())


def _check_header(path: pathlib.Path, line: int, header: list[str]) -> None:
    for name in header:
        if name not in COLUMNS:
            raise _error(path, line, f'unknown column {name!r}', f'use {", ".join(COLUMNS)}')
        if header.count(name) > 1:
            raise _error(path, line, f'column {name!r} occurs twice', 'remove one')
    for name in _REQUIRED:
        if name not in header:
            raise _error(path, line, f'column {name!r} is missing', f'name a column {name}')


def _row(path: pathlib.Path, line: int, values: dict[str, str]) -> MatrixRow:
    if not values['path']:
        raise _error(path, line, 'the path cell is empty', 'name a .cool or .mcool file')
    if not values['weight']:
        fix = f'write the name of a column of weights, or {cool.RAW} for raw counts'
        raise _error(path, line, 'the weight cell is empty', fix)
    direction = values.get('weights_are', '')
    if direction and (direction not in cool.DIRECTIONS or values['weight'] == cool.RAW):
        fix = f'write {" or ".join(cool.DIRECTIONS)}, or leave it empty without weights'
        raise _error(path, line, f'weights_are {direction!r}', fix)
    rates = values.get('rates', '')
    row = MatrixRow(
        path=path.parent / values['path'],
        weight=values['weight'],
        species=values.get('species', ''),
        weights_are=direction,
        rates=path.parent / rates if rates else None,
        line=line,
    )
    for file in row.files:
        if not file.exists():
            raise _error(path, line, f'no file {str(file)!r}', 'paths are relative to the table')
    return row


def _error(path: pathlib.Path, line: int, problem: str, fix: str) -> errors.InputError:
    return errors.InputError('HC01', problem, path=path, line=line, fix=fix)
