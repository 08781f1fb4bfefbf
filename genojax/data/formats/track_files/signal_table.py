"""The table of a user's signals (tracks.tsv): one row per track, which names its file.

Columns, separated by TABs; only `name` and `path` are needed:

    name         of the track; no two of a species are alike
    path         a bigWig or bedGraph file, relative to the table
    species      whose genome it lies along; may be left out where there is one
    strand_pair  the name of the track of the other strand; empty where the assay has no strand
    description  'ASSAY:sample', as in 'DNASE:HepG2'; tracks are grouped by their assay
    statistic    of the bases of a bin: sum, mean (the default) or max
    shift        bases by which the signal is moved to the right, as in 4 for the + cuts of ATAC-seq
    scale        what every value is multiplied by; -1 where a file of the - strand has signs
    clip_soft    values above it are compressed by a square root where the config says so
    absent       what a base without a value is: unknown (the default), or zero, for programs that
                 write no rows of 0

Whatever the table does not say is unknown, and unknown is not 0.
"""

import dataclasses
import math
import os
import pathlib
import re
from collections.abc import Sequence

from genojax import errors
from genojax.data.formats import delimited
from genojax.data.formats.track_files import coverage

COLUMNS = (
    'name', 'path', 'species', 'strand_pair', 'description', 'statistic', 'shift', 'scale',
    'clip_soft', 'absent',
)  # fmt: skip
STATISTICS = ('sum', 'mean', 'max')
_REQUIRED = ('name', 'path')
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.:+-]{0,99}')
_ABSENT = ('unknown', 'zero')


@dataclasses.dataclass(frozen=True)
class SignalRow:
    """One row of the table; see the module for its fields.

    Attributes:
        line: in the table, 1-based.
    """

    name: str
    path: pathlib.Path
    species: str
    strand_pair: str
    description: str
    statistic: str
    shift: int
    scale: float
    clip_soft: float
    absent: str
    line: int

    def settings(self) -> dict:
        """What the values of its bins depend on, besides the file."""
        names = ('name', 'strand_pair', 'description', 'statistic', 'shift', 'scale', 'absent')
        clip = self.clip_soft if math.isfinite(self.clip_soft) else None
        return {name: getattr(self, name) for name in names} | {'clip_soft': clip}


def read(path: str | os.PathLike) -> list[SignalRow]:
    """The rows of a table, with both tracks of every strand pair naming each other.

    Raises:
        InputError: TK09, a mistake in it; FA.. of `input_file`.
    """
    path = pathlib.Path(path)
    table = delimited.described_files(path, COLUMNS, _REQUIRED, 'TK09')
    rows = [_row(path, line, values) for line, values in table]
    return _paired(path, rows)


def tracks(rows: Sequence[SignalRow]) -> tuple[coverage.Track, ...]:
    """The rows of one species as tracks; their values are stored as they are."""
    numbers = {row.name: number for number, row in enumerate(rows)}
    return tuple(
        coverage.Track(
            identifier=row.name,
            description=row.description or row.name,
            sum_stat=row.statistic,
            scale=1.0,
            clip=math.inf,
            clip_soft=row.clip_soft,
            pair=numbers[row.strand_pair or row.name],
        )
        for row in rows
    )


def _row(path: pathlib.Path, line: int, values: dict[str, str]) -> SignalRow:
    def choice(column: str, choices: tuple[str, ...], default: str) -> str:
        value = values.get(column) or default
        if value not in choices:
            raise _error(path, line, f'{column} {value!r}', f'write {" or ".join(choices)}')
        return value

    name = values['name']
    if not _NAME.fullmatch(name):
        raise _error(path, line, f'track name {name!r}', 'use letters, digits and _ . : + -')
    species = values.get('species', '')
    if species and not _NAME.fullmatch(species):
        raise _error(path, line, f'species {species!r}', 'use letters, digits and _ . -')
    if not values['path']:
        raise _error(path, line, 'the path cell is empty', 'name a bigWig or bedGraph file')
    file = path.parent / values['path']
    if not file.exists():
        raise _error(path, line, f'no file {str(file)!r}', 'paths are relative to the table')
    shift = values.get('shift') or '0'
    if not re.fullmatch(r'[+-]?[0-9]{1,9}', shift, re.ASCII):
        raise _error(path, line, f'shift {shift!r} is not a whole number', 'write bases, as in 4')
    return SignalRow(
        name=name,
        path=file,
        species=species,
        strand_pair=values.get('strand_pair', ''),
        description=values.get('description', ''),
        statistic=choice('statistic', STATISTICS, 'mean'),
        shift=int(shift),
        scale=_number(path, line, 'scale', values.get('scale') or '1'),
        clip_soft=_number(path, line, 'clip_soft', values.get('clip_soft') or 'inf'),
        absent=choice('absent', _ABSENT, 'unknown'),
        line=line,
    )


def _number(path: pathlib.Path, line: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    wrong = value <= 0 if column == 'clip_soft' else value == 0 or math.isinf(value)
    if math.isnan(value) or wrong:
        what = 'a number above 0' if column == 'clip_soft' else 'a number other than 0'
        raise _error(path, line, f'{column} {text!r} is not {what}', f'write {what}')
    return value


def _paired(path: pathlib.Path, rows: list[SignalRow]) -> list[SignalRow]:
    """The rows; a track that another one names as its strand pair names that one.

    Raises:
        InputError: TK09, a name occurs twice in a species, or pairs are not two by two.
    """
    by_name: dict[tuple[str, str], SignalRow] = {}
    for row in rows:
        if (row.species, row.name) in by_name:
            raise _error(path, row.line, f'track {row.name!r} occurs twice', 'rename one')
        by_name[row.species, row.name] = row
    pair = {key: row.strand_pair for key, row in by_name.items() if row.strand_pair}
    for (species, name), other in list(pair.items()):
        line = by_name[species, name].line
        if (species, other) not in by_name or other == name:
            problem = f'the strand pair {other!r} of {name!r} is no other track'
            raise _error(path, line, problem, 'name a track of the same species')
        if pair.setdefault((species, other), name) != name:
            problem = f'{name!r} is paired with {other!r}, which is paired with another track'
            raise _error(path, line, problem, 'pair tracks two by two')
    return [
        dataclasses.replace(row, strand_pair=pair.get((row.species, row.name), '')) for row in rows
    ]


def _error(path: pathlib.Path, line: int, problem: str, fix: str) -> errors.InputError:
    return errors.InputError('TK09', problem, path=path, line=line, fix=fix)
