"""bigWig files: one value per interval of a genome, as genome browsers read them.

Read and written by pybigtools, which is an extra of the package. Version 0.3.0 gives NaN for bases
outside a contig, as it does for bases without a value, and a damaged block is a panic, which is no
`Exception`. So `BigWigFile` checks bounds first and makes every failure an error. Some damage ends
the process all the same: files of a user go through `bigwig_check` first.
"""

import contextlib
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from genojax import errors, genome, versions

SUFFIXES = ('.bw', '.bigwig')
_MAGIC = (b'\x26\xfc\x8f\x88', b'\x88\x8f\xfc\x26')


def check_installed(path: str | os.PathLike) -> None:
    """Raises UsageError if bigWig files cannot be written here."""
    _pybigtools(path)


def check_disjoint(intervals: Iterable[genome.Interval], path: str | os.PathLike = '') -> None:
    """Refuses intervals that overlap: a position of a bigWig file has one value.

    Args:
        intervals: sorted by contig and start.
        path: the file that they are for, for the error.

    Raises:
        UsageError: two intervals overlap.
    """
    before = None
    for interval in intervals:
        same = before is not None and before.contig == interval.contig
        if same and interval.start < before.end:
            raise errors.UsageError(
                f'two values for {interval.contig}:{interval.start}: regions overlap, and a '
                f'bigWig file holds one value per position. Fix: {_other_format(path)}, or merge '
                'the rows of the BED file'
            )
        before = interval


def write(
    path: str | os.PathLike,
    sizes: Mapping[str, int],
    rows: Iterable[tuple[genome.Interval, float]],
) -> None:
    """Writes one track.

    Args:
        sizes: bases of every contig.
        rows: intervals with their values, sorted by contig, in the order of `sizes`, and start;
            they do not overlap.

    Raises:
        UsageError: pybigtools is not installed.
    """
    file = _pybigtools(path).open(os.fspath(path), 'w')
    values = ((row.contig, row.start, row.end, float(value)) for row, value in rows)
    file.write(dict(sizes), values)


def read(path: str | os.PathLike) -> dict[str, list[tuple[int, int, float]]]:
    """Every interval of a file with its value, by contig: (start, end, value).

    Raises:
        UsageError: pybigtools is not installed.
        InputError: as `BigWigFile`.
    """
    file = BigWigFile(path)
    result = {}
    for contig, length in file.sizes.items():
        columns = file.intervals(contig, 0, length)
        result[contig] = list(zip(*(column.tolist() for column in columns), strict=True))
    return result


class BigWigFile:
    """One bigWig file, opened for reading.

    Attributes:
        sizes: bases of every contig in it. Some programs list only contigs that have values.

    Raises:
        UsageError: pybigtools is not installed.
        InputError: FA20 the file cannot be read; TK10 it is no bigWig file, or is damaged.
    """

    def __init__(self, path: str | os.PathLike):
        module = _pybigtools(path, reading=True)
        self.path = path
        if not is_bigwig(path):
            raise self._error('it does not begin as a bigWig file does')
        with self._checked('it cannot be opened'):
            # By a name pybigtools wants a suffix, by a file it does not.
            self._stream = open(path, 'rb')
            self._file = module.open(self._stream)
            self.sizes: dict[str, int] = dict(self._file.chroms())
            self._covered = int(self._file.info()['summary']['basesCovered'])

    def check(self) -> None:
        """Reads all intervals: their bases must be as many as the header says.

        A damaged index loses blocks without another sign.

        Raises:
            InputError: TK10.
        """
        covered = 0
        for contig, length in self.sizes.items():
            start_N, end_N, _ = self.intervals(contig, 0, length)
            covered += int((end_N - start_N).sum())
        if covered != self._covered:
            raise self._error(
                f'{covered:,} bases have a value, but {self._covered:,} by the header'
            )

    def intervals(
        self, contig: str, start: int, end: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The intervals that overlap bases start .. end - 1, cut to them: starts, ends, values.

        Bases in no interval have no value, which is not 0. A value may be NaN.

        Raises:
            ValueError: the contig is not in `sizes`, or the bases are not on it.
            InputError: TK10, a block of the file cannot be read.
        """
        if contig not in self.sizes or not 0 <= start <= end <= self.sizes[contig]:
            raise ValueError(
                f'{self.path}: {contig}:{start}-{end} is not inside a contig of the file '
                f'({self.sizes.get(contig, "no such contig")})'
            )
        with self._checked(f'{contig}:{start}-{end} cannot be read'):
            rows = self._file.records(contig, start, end) if start < end else ()
            flat = np.fromiter((cell for row in rows for cell in row), np.float64)
        table_N3 = flat.reshape(-1, 3)
        start_N, end_N = (table_N3[:, i].astype(np.int64) for i in (0, 1))
        return np.maximum(start_N, start), np.minimum(end_N, end), table_N3[:, 2]

    @contextlib.contextmanager
    def _checked(self, problem: str) -> Iterator[None]:
        """Makes whatever pybigtools raises, panics included, an InputError."""
        try:
            with _quiet():
                yield
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            reason = str(error).strip().split('\n')[0][:120] or type(error).__name__
            raise self._error(f'{problem} ({reason})') from error

    def _error(self, problem: str) -> errors.InputError:
        return damaged(self.path, problem)


def damaged(path: str | os.PathLike, problem: str) -> errors.InputError:
    """The error about a file that cannot be read as it was written."""
    fix = 'get the file again and compare its size with the original'
    return errors.InputError('TK10', problem, path=path, fix=fix)


def is_bigwig(path: str | os.PathLike) -> bool:
    """Whether a file begins as a bigWig file of either byte order.

    Raises:
        InputError: FA20, the file cannot be read.
    """
    try:
        with open(path, 'rb') as file:
            return file.read(4) in _MAGIC
    except OSError as error:
        raise errors.InputError(
            'FA20',
            f'cannot be read: {error.strerror or error}',
            path=path,
            fix='check the name and the permissions',
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Drops what pybigtools itself writes to stderr: the backtraces of its panics."""
    with contextlib.ExitStack() as stack:
        saved = os.dup(2)
        stack.callback(os.close, saved)
        stack.callback(os.dup2, saved, 2)
        with open(os.devnull, 'wb') as null:
            os.dup2(null.fileno(), 2)
        yield


def _other_format(path: str | os.PathLike) -> str:
    stem = os.path.splitext(os.fspath(path))[0]
    return f'{shlex.quote(f"--out={stem}.npz")} (or .tsv)'


def _pybigtools(path: str | os.PathLike, reading: bool = False):
    try:
        import pybigtools
    except ImportError as error:
        fix = f'{_other_format(path)}, or {versions.install_line("tracks")}'
        if reading:
            fix = f'{versions.install_line("tracks")}'
        raise errors.UsageError(
            f'{os.fspath(path)}: bigWig needs pybigtools. Fix: {fix}'
        ) from error
    return pybigtools
