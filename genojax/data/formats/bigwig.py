"""bigWig files: one value per interval of a genome, as genome browsers read them.

Read and written by pybigtools, which is an extra of the package.
"""

import os
import shlex
from collections.abc import Iterable, Mapping

from genojax import errors, genome, versions

SUFFIXES = ('.bw', '.bigwig')


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
    """
    file = _pybigtools(path).open(os.fspath(path))
    return {contig: list(file.records(contig)) for contig in file.chroms()}


def _other_format(path: str | os.PathLike) -> str:
    stem = os.path.splitext(os.fspath(path))[0]
    return f'{shlex.quote(f"--out={stem}.npz")} (or .tsv)'


def _pybigtools(path: str | os.PathLike):
    try:
        import pybigtools
    except ImportError as error:
        raise errors.UsageError(
            f'{os.fspath(path)}: bigWig needs pybigtools. Fix: {_other_format(path)}, or '
            f'{versions.install_line("tracks")}'
        ) from error
    return pybigtools
