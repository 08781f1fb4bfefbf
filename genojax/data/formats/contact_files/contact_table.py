"""The table of a user's Hi-C matrices: one row per species, which names its file.

Columns, separated by TABs; `path` and `weight` are needed:

    path         a .cool or .mcool file, relative to the table; FILE::GROUP names a matrix in it
    weight       the column of balancing weights of its bins (weight, KR, ICE, ...); none: raw
    species      whose genome it lies along; may be left out where there is one
    weights_are  multiply or divide: what is done to counts; empty: as the file says
    rates        of a simulation: a .cool file of the true contact rates, with the same weights; its
                 score is the ceiling
"""

import dataclasses
import os
import pathlib

from genojax import errors
from genojax.data.formats import delimited
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
    rows: dict[str, MatrixRow] = {}
    for line, values in delimited.described_files(path, COLUMNS, _REQUIRED, 'HC01'):
        parsed = _row(path, line, values)
        if parsed.species in rows:
            problem = f'a second matrix of species {parsed.species!r}'
            raise _error(path, line, problem, 'keep one row per species (`cooler merge` adds up)')
        rows[parsed.species] = parsed
    return list(rows.values())


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
