"""Which columns of a table are the sequence, the labels and the split, and labels as numbers.

Classes are named by what the table writes. Numbers are classes only where all of them are whole:
`0.0` and `1.0` are the classes 0 and 1, and a column with 0.5 in it is for regression.
"""

import collections
import dataclasses
import difflib
import json
import math
import pathlib
import re
import shlex
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from genojax import errors
from genojax.data.formats import delimited

# What programs write for a value that is absent.
ABSENT = ('', 'NA', 'N/A', 'nan', 'NaN', 'NAN', 'null', 'NULL')
_DEFAULT_NAMES = {
    'sequence': ('sequence',),
    'label': ('label',),
    'value': ('label', 'value'),
    'split': ('split',),
}
_DECIMAL_COMMA = re.compile(r'[-+]?\d+,\d+([eE][-+]?\d+)?')
_THOUSANDS = re.compile(r'[-+]?\d{1,3},\d{3}')
MAX_CLASSES = 50  # more distinct whole numbers are values, and names that do not repeat no classes
_MIN_PREFIX = 3  # letters of a name that begins another
Where = Callable[[int], dict[str, Any]]  # row -> {'path', 'line'} of an error


@dataclasses.dataclass(frozen=True)
class TableColumns:
    """Which columns of a table are read as what.

    Attributes:
        sequence, split: names; '' for `sequence` and `split` in any case.
        labels: names; () for `label` in any case.
        values: labels are numbers, of one column or several, not classes.
        rna: U is read as T.
    """

    sequence: str = ''
    labels: tuple[str, ...] = ()
    split: str = ''
    values: bool = False
    rna: bool = False


DEFAULT = TableColumns()


def select(
    header: list[str], rows: list[list[str]], columns: TableColumns, path: pathlib.Path
) -> tuple[str, list[str], str]:
    """The names in the header of the sequence, of the labels, and of the split or ''.

    Args:
        rows: the cells of the rows, for the fix of an error.

    Raises:
        InputError: LB01, no column of that name, or several.
        UsageError: one column is named twice, or several columns of classes.
    """
    if len(columns.labels) > 1 and not columns.values:
        raise errors.UsageError(f'a table of classes has one label column, not {columns.labels}')
    is_named = len(_matching(header, columns.sequence, 'sequence')) == 1
    likely = [] if is_named else dna_columns(header, rows)
    role = 'value' if columns.values else 'label'
    names = columns.labels or ('',)
    if likely and not any(
        _matching(header, *pair) for pair in ((columns.sequence, 'sequence'), (names[0], role))
    ):
        raise _neither(header, columns, likely, path)
    sequence = _named(header, columns.sequence, 'sequence', path, (*likely, 'NAME')[0])
    others = [name for name in header if name and name != sequence]
    labels = [_named(header, n, role, path, _closest(n or role, others)) for n in names]
    split = ''
    if columns.split or any(name.lower() == 'split' for name in header):
        likely_split = _closest(columns.split, others)
        split = _named(header, columns.split, 'split', path, likely_split)
    if len({sequence, *labels, split}) < 2 + len(labels):
        raise errors.UsageError(f'{path}: one column cannot be read as two of {header}')
    return sequence, labels, split


def _named(header: list[str], name: str, role: str, path: pathlib.Path, likely: str) -> str:
    """The column of a role in the header: the one called `name`, or by default as the role is.

    Args:
        likely: the column that the fix names.
    """
    matching = _matching(header, name, role)
    if len(matching) == 1:
        return matching[0]
    option = _option(role, likely)
    raise errors.InputError(
        'LB01',
        f'{"more than one" if matching else "no"} column is called {name or role!r}; the first '
        f'line names {_listed(header)}',
        path=path,
        line=1,
        fix=f'name the column, as in {shlex.quote(f"--config.tasks.TASK.data.{option}")}, or '
        'rename it',
    )


def _matching(header: list[str], name: str, role: str) -> list[str]:
    return [n for n in header if (n == name if name else n.lower() in _DEFAULT_NAMES[role])]


def _closest(name: str, columns: Sequence[str]) -> str:
    """The column whose name begins like this one, is spelled most like it, or is the only one.

    Else `NAME`: to name any other one would be a guess.
    """
    target, lower = name.lower(), {column.lower(): column for column in columns}
    for one in lower:
        short, long = sorted((one, target), key=len)
        if len(short) >= _MIN_PREFIX and long.startswith(short):
            return lower[one]
    alike = difflib.get_close_matches(target, lower, 1)
    if alike:
        return lower[alike[0]]
    return columns[0] if len(columns) == 1 else 'NAME'


def _option(role: str, column: str) -> str:
    if role == 'value':
        return f'value_columns={json.dumps([column])}'
    return f'{role}_column={column}'


def _listed(header: list[str]) -> str:
    return ', '.join(map(repr, filter(None, header))) or 'nothing'


def _neither(
    header: list[str], columns: TableColumns, likely: list[str], path: pathlib.Path
) -> errors.InputError:
    """The error of a table in which both the sequence and the label have other names."""
    role = 'value' if columns.values else 'label'
    label = columns.labels[0] if columns.labels else role
    others = [name for name in header if name and name not in likely]
    options = _option('sequence', likely[0]), _option(role, _closest(label, others))
    first, second = (shlex.quote(f'--config.tasks.TASK.data.{option}') for option in options)
    return errors.InputError(
        'LB01',
        f'no column is called {columns.sequence or "sequence"!r}, and none {label!r}; the first '
        f'line names {_listed(header)}',
        path=path,
        line=1,
        fix=f'name the columns, as in {first} {second}, or rename them',
    )


def dna_columns(header: list[str], rows: list[list[str]]) -> list[str]:
    """Columns of which most cells are DNA, by falling number of distinct cells."""
    distinct = {}
    for name, cells in zip(header, zip(*rows, strict=True), strict=False):
        count = collections.Counter(cell for cell in cells if delimited.is_dna(cell))
        if 2 * count.total() > len(rows):
            distinct[name] = len(count)
    return sorted(distinct, key=lambda name: -distinct[name])


def classes(cells: Sequence[str], column: str, where: Where) -> tuple[np.ndarray, tuple[str, ...]]:
    """The class of every row, int32 [N], and the names of the classes in sorted order.

    Whole numbers are sorted as numbers, other names as text.

    Raises:
        InputError: LB02, a cell without a label, names among numbers, numbers that are not whole
            or have a decimal comma, or labels that do not repeat.
    """
    _refuse_decimal_commas(cells, column, where)
    distinct = dict.fromkeys(cells)  # each label is looked at once
    numbers = {cell: _number(cell) for cell in distinct}
    absent = next((cell for cell in distinct if cell in ABSENT), None)
    if absent is not None:
        raise errors.InputError(
            'LB02',
            f'{absent!r} is no label of column {column!r}',
            fix='remove the row, or name its class',
            **where(cells.index(absent)),
        )
    names = [cell for cell, number in numbers.items() if number is None]
    if names and len(names) < len(numbers):
        raise errors.InputError(
            'LB02',
            f'{names[0]!r} is not a number, but other labels of column {column!r} are',
            fix='write all classes as numbers, or all as names',
            **where(cells.index(names[0])),
        )
    if names:
        name_of, order = {cell: cell for cell in distinct}, sorted(distinct)
    else:
        _refuse_continuous(numbers, cells, column, where)
        name_of = {cell: str(int(number)) for cell, number in numbers.items()}
        order = sorted(set(name_of.values()), key=int)
    _refuse_identifiers([name_of[cell] for cell in cells], not names, column, where)
    number_of = {name: number for number, name in enumerate(order)}
    code_of = {cell: number_of[name] for cell, name in name_of.items()}
    return np.array([code_of[cell] for cell in cells], np.int32), tuple(order)


def _refuse_continuous(numbers: dict, cells: Sequence[str], column: str, where: Where) -> None:
    broken = next((cell for cell, number in numbers.items() if number % 1), None)
    if broken is not None:
        place = where(cells.index(broken))
        raise errors.InputError(
            'LB02',
            f'{broken!r} of column {column!r} is not a whole number, so the column is no list of '
            'classes',
            fix=_as_values(column, place),
            **place,
        )


def _as_values(column: str, place: dict[str, Any]) -> str:
    """The fix of a column of numbers that are no classes."""
    option = f'--config.tasks.values.data.value_columns={json.dumps([column])}'
    table = shlex.quote(str(place['path']))
    return (
        'predict its values with a task of kind regression (genojax train '
        f'--config=regression --config.tasks.values.data.path={table} {shlex.quote(option)} '
        '--workdir=runs/values), or name a column of classes with '
        '--config.tasks.TASK.data.label_column=NAME'
    )


def _refuse_decimal_commas(cells: Sequence[str], column: str, where: Where) -> None:
    """Refuses a column in which most labels are written like 2,24: read as names, they would be
    classes without an order, and nothing would say that they are values."""
    matching = [row for row, cell in enumerate(cells) if _DECIMAL_COMMA.fullmatch(cell)]
    if 2 * len(matching) <= sum(cell not in ABSENT for cell in cells):
        return
    cell = cells[matching[0]]
    error = _decimal_comma(cell, column, where(matching[0]))
    names = f'; if they are names of classes, write {cell.replace(",", "+")} for {cell}'
    raise error.with_fix(error.fix + names)


def _decimal_comma(cell: str, column: str, place: dict[str, Any]) -> errors.InputError:
    fix = f'write {cell.replace(",", ".")} for {cell}'
    if _THOUSANDS.fullmatch(cell):
        fix += f', or {cell.replace(",", "")} if the comma separates thousands'
    problem = f'column {column!r} has values with a decimal comma'
    return errors.InputError('LB02', problem, fix=fix, **place)


def _refuse_identifiers(names: Sequence[str], numbers: bool, column: str, where: Where) -> None:
    """Refuses labels that are the names, or the values, of single rows."""
    count = collections.Counter(names)
    own = sum(number == 1 for number in count.values())
    if len(count) <= MAX_CLASSES or 2 * own <= len(names):
        return
    what = 'are numbers that do not repeat' if numbers else 'look like identifiers'
    place = {**where(0), 'line': None}
    raise errors.InputError(
        'LB02',
        f'the labels of column {column!r} {what}: {len(count):,} classes, {own:,} of them of one '
        'row',
        fix=_as_values(column, place)
        if numbers
        else 'name a column of classes with --config.tasks.TASK.data.label_column=NAME',
        **place,
    )


def values(cells: Sequence[str], column: str, where: Where) -> np.ndarray:
    """The numbers of a column, float64 [N]; NaN where the table has none.

    Raises:
        InputError: LB02, a cell that is not a finite number, or no number at all.
    """
    result = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if cell in ABSENT:
            continue
        number = _number(cell)
        if number is None:
            if _DECIMAL_COMMA.fullmatch(cell):
                raise _decimal_comma(cell, column, where(row))
            raise errors.InputError(
                'LB02',
                f'{cell!r} of column {column!r} is not a number',
                fix='leave the cell empty where there is no value',
                **where(row),
            )
        result[row] = number
    if np.isnan(result).all():
        raise errors.InputError(
            'LB02', f'column {column!r} has no value in any row', **{**where(0), 'line': None}
        )
    return result


def _number(cell: str) -> float | None:
    """The finite number that a cell writes, else None (also for digits joined by underscores)."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) and '_' not in cell else None
