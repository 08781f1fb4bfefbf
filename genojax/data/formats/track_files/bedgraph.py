"""bedGraph files: a contig, a start, an end and a value per line, plain or compressed.

Coordinates are 0-based and half-open, as in BED. Columns are separated by TABs or spaces. The rows
of a contig must be together and sorted, and no two may overlap: then a base has one value. The rows
of one contig at a time are in memory; they are written to files, from which they are read.
"""

import os
import pathlib
import re
from collections.abc import Iterator

import numpy as np

from genojax import errors
from genojax.data.formats import input_file

_IGNORED = ('#', 'track', 'browser')
_MAX_IGNORED = 10_000  # lines between two rows
_COORDINATE = re.compile(r'[0-9]{1,18}', re.ASCII).fullmatch
_Rows = tuple[list[int], list[int], list[float]]


class BedGraphFile:
    """One bedGraph file, read once and kept as arrays of every contig in a folder.

    Args:
        folder: an empty folder for the arrays, 24 bytes per row.

    Attributes:
        sizes: end of the last row of every contig: the file does not name their lengths.
        sha256: of the file.

    Raises:
        InputError: TK13 a row that is not valid; FA.. of `input_file`.
    """

    def __init__(self, path: str | os.PathLike, folder: str | os.PathLike):
        self.path, self._folder = path, pathlib.Path(folder)
        self.sizes: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._lines: dict[str, int] = {}
        # Text of genome-wide files: runs of equal rows compress well.
        file = input_file.InputFile(path, max_uncompressed=1 << 62)
        for contig, rows in self._contigs(file):
            number = len(self.sizes)
            for name, column in zip(('start', 'end', 'value'), rows, strict=True):
                dtype = np.float64 if name == 'value' else np.int64
                np.save(self._folder / f'{number}.{name}.npy', np.array(column, dtype))
            self.sizes[contig], self._numbers[contig] = rows[1][-1], number
        if not self.sizes:
            raise self._error(None, 'the file has no rows', 'check that this is the right file')
        self.sha256 = file.sha256

    def intervals(
        self, contig: str, start: int, end: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The rows that overlap bases start .. end - 1, cut to them: starts, ends, values.

        Bases in no row have no value, which is not 0. A value may be NaN.

        Raises:
            ValueError: the contig is not in `sizes`, or start .. end are not in order.
        """
        if contig not in self.sizes or not 0 <= start <= end:
            raise ValueError(f'{self.path}: {contig}:{start}-{end}')
        start_N, end_N, value_N = (
            np.load(
                self._folder / f'{self._numbers[contig]}.{name}.npy',
                mmap_mode='r',
                allow_pickle=False,
            )
            for name in ('start', 'end', 'value')
        )
        first = int(np.searchsorted(end_N, start, side='right'))
        last = int(np.searchsorted(start_N, end, side='left'))
        rows = slice(first, max(first, last))
        return (
            np.maximum(start_N[rows], start),
            np.minimum(end_N[rows], end),
            np.array(value_N[rows]),
        )

    def line_of_end(self, contig: str) -> int:
        """The line of the last row of a contig."""
        return self._lines[contig]

    def _contigs(self, file: input_file.InputFile) -> Iterator[tuple[str, _Rows]]:
        """Every contig with its rows."""
        contig, rows, done, row_line = None, ([], [], []), set(), 0
        for number, line in file.lines():
            cells = line.split()
            if not cells or line.startswith(_IGNORED):
                if number - row_line > _MAX_IGNORED:
                    problem = f'more than {_MAX_IGNORED:,} lines without a row'
                    raise self._error(number, problem, 'check that this is the right file')
                continue
            row_line = number
            start, end, value = self._row(number, cells)
            if cells[0] != contig:
                if contig is not None:
                    yield contig, rows
                    done.add(contig)
                contig, rows = cells[0], ([], [], [])
                if contig in done:
                    problem = f'rows of {contig!r} are not together'
                    raise self._error(number, problem, self._sort())
            elif start < rows[1][-1]:
                problem = f'the row at {start} begins before the end {rows[1][-1]} of the row above'
                fix = self._sort() if start < rows[0][-1] else 'give every base one value'
                raise self._error(number, problem, fix)
            for column, cell in zip(rows, (start, end, value), strict=True):
                column.append(cell)
            self._lines[contig] = number
        if contig is not None:
            yield contig, rows

    def _row(self, number: int, cells: list[str]) -> tuple[int, int, float]:
        if cells[0] in ('fixedStep', 'variableStep'):
            raise self._error(number, 'this is WIG', 'wigToBigWig makes a bigWig file of it')
        if len(cells) != 4:
            problem = f'{len(cells)} columns in place of 4: contig, start, end, value'
            raise self._error(number, problem, 'restore the row')
        for cell in cells[1:3]:
            if not _COORDINATE(cell):
                fix = 'write coordinates as plain digits; bedGraph counts from 0'
                raise self._error(number, f'{cell[:40]!r} is not a coordinate', fix)
        start, end = int(cells[1]), int(cells[2])
        if start >= end:
            raise self._error(number, f'start {start} is not below end {end}', 'restore the row')
        try:
            return start, end, float(cells[3])
        except ValueError:
            problem = f'the value {cells[3][:40]!r} is not a number'
            raise self._error(
                number, problem, 'write a number; bases without one need no row'
            ) from None

    def _sort(self) -> str:
        shown, new = input_file.shell_words(self.path)
        return f'{shown} | sort -k1,1 -k2,2n > {new} sorts the rows; name {new}'

    def _error(self, line: int | None, problem: str, fix: str) -> errors.InputError:
        return errors.InputError('TK13', problem, path=self.path, line=line, fix=fix)
