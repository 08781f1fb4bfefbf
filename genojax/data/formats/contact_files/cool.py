"""Hi-C matrices in the cool format (.cool, .mcool): counts of contacts between bins of a genome.

A matrix is an HDF5 group with four tables: contigs, bins, the counts of the upper triangle that are
not 0 (pixels), and where each row of it begins (https://cooler.readthedocs.io, schema version 3). A
.mcool file holds one group per bin size. h5py, an extra of the package, reads HDF5; this module
checks that the tables fit each other and reads pixels in chunks, so that memory does not grow with
the matrix.

Balancing weights are columns of the table of bins. `cooler balance` writes one to multiply counts
by, with an attribute that says so; files converted from .hic often hold vectors to divide by. A
column of which neither the file nor the user says what it is, is an error.
"""

import contextlib
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from genojax import errors, versions

CHUNK = 1 << 18  # pixels in memory at a time
RAW = 'none'  # name of no weights
DEFINED = 'weight'  # the column that the cool format itself defines; it multiplies
DIRECTIONS = ('multiply', 'divide')
_TABLES = (
    'chroms/name', 'chroms/length', 'bins/chrom', 'bins/start', 'bins/end', 'pixels/bin1_id',
    'pixels/bin2_id', 'pixels/count', 'indexes/chrom_offset', 'indexes/bin1_offset',
)  # fmt: skip
_COLUMNS_OF_BINS = ('chrom', 'start', 'end')
_DAMAGE = 'get the file again and compare its size with the original'


class Pixels(NamedTuple):
    """Counts of the upper triangle: bin numbers int64, row <= column, and counts float64, [N]."""

    row_N: np.ndarray
    column_N: np.ndarray
    count_N: np.ndarray


class Factors(NamedTuple):
    """What a count is multiplied by: factor of its row times that of its column.

    Attributes:
        factor_N: per bin, float64; NaN where the bin has no weight.
        direction: 'multiply' or 'divide'; '' without weights.
        source: who says so: 'table', 'file' or 'format'; '' without weights.
        ignored_diagonals: that balancing left out, by the file; 0 if it does not say.
    """

    factor_N: np.ndarray
    direction: str
    source: str
    ignored_diagonals: int


class CoolFile:
    """One matrix, opened for reading.

    Attributes:
        bin: bases per bin.
        sizes: bases of every contig.
        first_bin: number of every contig's first bin.
        bins: their number.
        pixels: number of stored counts.

    Args:
        path: a .cool or .mcool file, or FILE::GROUP.
        bin: bases per bin; 0: of the only matrix in the file.

    Raises:
        UsageError: h5py is not installed.
        InputError: FA20 no such file; HC02 it is no such file, or damaged; HC03 it has no matrix of
            this bin.
    """

    def __init__(self, path: str | os.PathLike, bin: int = 0):
        self.path = path
        name, _, group = os.fspath(path).partition('::')
        self._h5py = _h5py(path)
        if not pathlib.Path(name).is_file():
            fix = 'check the name and the permissions'
            raise errors.InputError('FA20', 'cannot be read: no such file', path=path, fix=fix)
        with self._checked('it is not HDF5'):
            self._file = self._h5py.File(name, 'r')
        with self._checked('its groups cannot be read'):
            self._group = self._find(group.strip('/'), bin)
        self._tables = {name: self._table(name) for name in _TABLES}
        self._read_contigs()
        self._check_rows()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    @property
    def weight_names(self) -> list[str]:
        """Columns of the table of bins that may be weights."""
        return [name for name in self._group['bins'] if name not in _COLUMNS_OF_BINS]

    def factors(self, name: str, direction: str = '') -> Factors:
        """The factors of a column of weights.

        Args:
            name: of the column; 'none': counts as they are.
            direction: 'multiply' or 'divide'; '': as the file says.

        Raises:
            InputError: HC04, there is no such column, or nothing says what to do with it.
        """
        if name == RAW:
            return Factors(np.ones(self.bins), '', '', 0)
        if name not in self.weight_names:
            names = ', '.join(self.weight_names) or 'no weights'
            fix = f'write {(*self.weight_names, RAW)[0]!r} in the column weight of the table'
            problem = f'the bins have no column {name!r}; the file has {names}'
            raise errors.InputError('HC04', problem, path=self.path, record='bins', fix=fix)
        with self._checked(f'bins/{name} cannot be read'):
            dataset = self._group['bins'][name]
            value_N = np.asarray(dataset[...], np.float64)
            marks = dict(dataset.attrs)
        direction, source = self._direction(name, direction, marks)
        if value_N.shape != (self.bins,):
            raise self._damaged(f'bins/{name} has {value_N.shape} values for {self.bins:,} bins')
        with np.errstate(divide='ignore'):
            factor_N = value_N if direction == 'multiply' else 1 / value_N
        usable = np.isfinite(factor_N) & (factor_N > 0)
        ignored = int(marks.get('ignore_diags') or 0)
        return Factors(np.where(usable, factor_N, np.nan), direction, source, ignored)

    def _direction(self, name: str, direction: str, marks: Mapping[str, Any]) -> tuple[str, str]:
        if direction:
            return direction, 'table'
        if 'divisive_weights' in marks:
            return DIRECTIONS[bool(marks['divisive_weights'])], 'file'
        if name == DEFINED:
            return 'multiply', 'format'
        raise errors.InputError(
            'HC04',
            f'the file does not say whether counts are multiplied by {name!r} or divided',
            path=self.path,
            record=f'bins/{name}',
            fix="write multiply or divide in the column 'weights_are' of the table (vectors of "
            '.hic files, such as KR, are divided by, unless the converter inverted them)',
        )

    def read(self, first: int, end: int) -> Iterator[Pixels]:
        """The counts of rows first .. end - 1 in the file's order, at most `CHUNK` at a time.

        Raises:
            ValueError: there are no such rows.
            InputError: HC02 a part of the file cannot be read, HC07 it holds an invalid count.
        """
        if not 0 <= first <= end <= self.bins:
            raise ValueError(f'rows {first} to {end} of a matrix of {self.bins} bins')
        low, high = int(self._row_start[first]), int(self._row_start[end])
        for start in range(low, high, CHUNK):
            part = slice(start, min(start + CHUNK, high))
            columns = []
            for name in ('bin1_id', 'bin2_id', 'count'):
                with self._checked(f'pixels/{name} cannot be read from row {start + 1:,} on'):
                    columns.append(self._tables[f'pixels/{name}'][part])
            row_N, column_N = (ids.astype(np.int64) for ids in columns[:2])
            pixels = Pixels(row_N, column_N, columns[2].astype(np.float64))
            self._check_pixels(pixels, start, first, end)
            yield pixels

    def _check_pixels(self, pixels: Pixels, start: int, first: int, end: int) -> None:
        row_N, column_N, count_N = pixels
        for column, wrong_N, values_N, what in (
            ('bin1_id', (row_N < first) | (row_N >= end), row_N, 'is not of the row that the index'
             ' has here'),
            ('bin2_id', column_N >= self.bins, column_N, f'is not one of {self.bins:,} bins'),
            ('bin2_id', column_N < row_N, column_N, 'is below the diagonal'),
            ('count', ~(np.isfinite(count_N) & (count_N >= 0)), count_N, 'is not a count'),
        ):  # fmt: skip
            if wrong_N.any():
                at = int(np.argmax(wrong_N))
                raise errors.InputError(
                    'HC07',
                    f'row {start + at + 1:,}: {values_N[at]:g} {what}',
                    path=self.path,
                    record=f'pixels/{column}',
                    fix='correct the program that wrote the file',
                )

    def _find(self, group: str, bin: int):
        """The group of the matrix."""
        if group:
            if group not in self._file:
                raise self._wrong_bin(f'no group {group!r}; it has {_listed(self._file)}', '')
            found_in = self._file[group]
        elif 'resolutions' in self._file:
            levels = sorted(map(int, self._file['resolutions']))
            if not bin and len(levels) == 1:
                bin = levels[0]
            if bin not in levels:
                problem = f'no matrix with bins of {bin:,} bases; it has those of {_listed(levels)}'
                raise self._wrong_bin(problem, f'--bin={_nearest(levels, bin)}')
            found_in = self._file[f'resolutions/{bin}']
        else:
            found_in = self._file
        if found_in.attrs.get('format') not in ('HDF5::Cooler', b'HDF5::Cooler'):
            raise self._damaged('it is HDF5, but not of the cool format')
        self._check_kind(found_in.attrs, bin)
        return found_in

    def _check_kind(self, marks: Mapping[str, Any], bin: int) -> None:
        """Refuses bins of unequal sizes, matrices that are not symmetric, and another bin size."""
        if _text(marks.get('bin-type', 'fixed')) != 'fixed' or not marks.get('bin-size'):
            raise self._wrong_bin('its bins have no fixed size', 'bin the contacts again')
        if _text(marks.get('storage-mode', 'symmetric-upper')) != 'symmetric-upper':
            raise self._wrong_bin('its matrix is not symmetric', 'name a Hi-C matrix')
        self.bin = int(marks['bin-size'])
        if bin and bin != self.bin:
            problem = f'its bins have {self.bin:,} bases, not {bin:,}'
            raise self._wrong_bin(problem, f'--bin={self.bin}, or `cooler zoomify` the file')

    def _wrong_bin(self, problem: str, fix: str) -> errors.InputError:
        return errors.InputError('HC03', problem, path=self.path, fix=fix)

    def _table(self, name: str):
        with self._checked(f'there is no dataset {name}'):
            return self._group[name]

    def _read_contigs(self) -> None:
        with self._checked('its contigs cannot be read'):
            names = [_text(name) for name in self._tables['chroms/name'][...]]
            lengths = self._tables['chroms/length'][...].astype(np.int64).tolist()
            offset_N = self._tables['indexes/chrom_offset'][...].astype(np.int64)
        self.sizes = dict(zip(names, lengths, strict=False))
        self.first_bin = dict(zip(names, offset_N.tolist(), strict=False))
        self.bins = int(self._tables['bins/start'].shape[0])
        counts = [-(-length // self.bin) for length in lengths]
        expected = np.concatenate([[0], np.cumsum(counts)])
        if len(self.sizes) != len(lengths) or not np.array_equal(expected, offset_N):
            raise self._damaged('indexes/chrom_offset does not fit the lengths of the contigs')
        if self.bins != expected[-1]:
            raise self._damaged(f'{self.bins:,} bins for {expected[-1]:,} by the contig lengths')

    def _check_rows(self) -> None:
        with self._checked('indexes/bin1_offset cannot be read'):
            self._row_start = self._tables['indexes/bin1_offset'][...].astype(np.int64)
        lengths = {
            self._tables[f'pixels/{name}'].shape[0] for name in ('bin1_id', 'bin2_id', 'count')
        }
        self.pixels = max(lengths)
        grows = bool((np.diff(self._row_start) >= 0).all())
        ends = len(self._row_start) == self.bins + 1 and self._row_start[0] == 0
        if len(lengths) > 1 or not (grows and ends and self._row_start[-1] == self.pixels):
            raise self._damaged('indexes/bin1_offset does not fit the table of pixels')

    @contextlib.contextmanager
    def _checked(self, problem: str) -> Iterator[None]:
        """Makes whatever h5py raises on a damaged file an InputError."""
        try:
            yield
        except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
            reason = str(error).strip().strip('\'"').split('\n')[0][:120]
            raise self._damaged(f'{problem} ({reason})') from error

    def _damaged(self, problem: str) -> errors.InputError:
        return errors.InputError('HC02', problem, path=self.path, fix=_DAMAGE)


def write(
    path: str | os.PathLike,
    sizes: Mapping[str, int],
    bin: int,
    pixels: Pixels,
    weights: Mapping[str, tuple[np.ndarray, bool | None]],
) -> None:
    """Writes a .cool file of one matrix.

    Args:
        sizes: bases of every contig.
        bin: bases per bin.
        pixels: counts of the upper triangle, by row and column.
        weights: name -> values per bin, and whether counts are divided by them; None: no mark.

    Raises:
        UsageError: h5py is not installed.
    """
    counts = [-(-length // bin) for length in sizes.values()]
    contig_N = np.repeat(np.arange(len(sizes)), counts)
    offset = np.concatenate([[0], np.cumsum(counts)])
    start_N = (np.arange(offset[-1]) - offset[contig_N]) * bin
    row_start = np.searchsorted(pixels.row_N, np.arange(offset[-1] + 1))
    whole = bool(np.equal(pixels.count_N, np.round(pixels.count_N)).all())
    tables = {
        'chroms/name': np.array([name.encode('ascii') for name in sizes]),
        'chroms/length': np.array(list(sizes.values()), np.int32),
        'bins/chrom': contig_N.astype(np.int32),
        'bins/start': start_N.astype(np.int32),
        'bins/end': np.minimum(start_N + bin, np.array(list(sizes.values()))[contig_N]),
        'pixels/bin1_id': pixels.row_N.astype(np.int64),
        'pixels/bin2_id': pixels.column_N.astype(np.int64),
        'pixels/count': pixels.count_N.astype(np.int32 if whole else np.float64),
        'indexes/chrom_offset': offset.astype(np.int64),
        'indexes/bin1_offset': row_start.astype(np.int64),
        **{f'bins/{name}': value_N for name, (value_N, _) in weights.items()},
    }
    tables['bins/end'] = tables['bins/end'].astype(np.int32)
    with _h5py(path).File(os.fspath(path), 'w') as file:
        for name, values in tables.items():
            file.create_dataset(name, data=values, compression='gzip', track_times=False)
        for name, (_, divisive) in weights.items():
            if divisive is not None:
                file[f'bins/{name}'].attrs['divisive_weights'] = divisive
        file.attrs.update(
            {
                'format': 'HDF5::Cooler',
                'format-version': 3,
                'bin-type': 'fixed',
                'bin-size': bin,
                'storage-mode': 'symmetric-upper',
                'nchroms': len(sizes),
                'nbins': int(offset[-1]),
                'nnz': len(pixels.row_N),
                'metadata': '{}',
            }
        )


def _text(value: Any) -> str:
    return value.decode('utf-8', 'replace') if isinstance(value, bytes) else str(value)


def _listed(items) -> str:
    items = list(map(str, items))
    return ', '.join(items[:12]) + (', ...' if len(items) > 12 else '')


def _nearest(levels: list[int], bin: int) -> int:
    return min(levels, key=lambda level: abs(np.log(level) - np.log(max(bin, 1))))


def _h5py(path: str | os.PathLike):
    try:
        import h5py
    except ImportError as error:
        raise errors.UsageError(
            f'{os.fspath(path)}: Hi-C matrices need h5py. Fix: {versions.install_line("hic")}'
        ) from error
    return h5py
