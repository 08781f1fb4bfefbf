"""A file of one signal along a genome, bigWig or bedGraph, compared with the genome it is for.

A contig that the file does not have, and a contig of another length, are errors that name both
files' contigs: files of other assemblies, and chr1 beside 1, would else be read as missing signal.
"""

import os
import pathlib
import resource
from collections.abc import Iterable, Mapping, Sequence

from genojax import errors
from genojax.data.formats import bigwig, bigwig_check
from genojax.data.formats.track_files import bedgraph

_SHOWN = 5


# Both have `path`, `sizes` (bases of every contig; of bedGraph the end of its last value) and
# `intervals(contig, start, end)`: starts, ends and values of what overlaps, cut to these bases.
SignalFile = bigwig.BigWigFile | bedgraph.BedGraphFile


def open_file(path: str | os.PathLike, folder: pathlib.Path) -> SignalFile:
    """A bigWig or bedGraph file, by its content.

    Args:
        folder: for the rows of a bedGraph file; made if it is needed.

    Raises:
        UsageError: bigWig cannot be read here.
        InputError: FA.., TK10, TK13.
    """
    if bigwig.is_bigwig(path):
        return bigwig.BigWigFile(path)
    folder.mkdir(parents=True)
    return bedgraph.BedGraphFile(path, folder)


def open_files(paths: Sequence[str | os.PathLike], folder: pathlib.Path) -> list[SignalFile]:
    """Files of a user, each read to its end once before it is opened.

    Raises:
        UsageError, InputError: as of `open_file`.
    """
    bigwig_check.check([path for path in paths if bigwig.is_bigwig(path)])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2 * len(paths) + 256 <= hard:  # every bigWig file stays open
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * len(paths) + 256, hard))
    return [open_file(path, folder / str(number)) for number, path in enumerate(paths)]


def check_contigs(
    file: SignalFile, contigs: Mapping[str, int], fasta: str | os.PathLike
) -> tuple[str, ...]:
    """Compares a signal with the contigs that are to be read, and returns those it has besides.

    Args:
        contigs: length by name.
        fasta: the file that they are from, for the errors.

    Raises:
        InputError: TK11, the file lacks one; TK12, one has another length.
    """
    missing = [name for name in contigs if name not in file.sizes]
    if missing:
        raise errors.InputError(
            'TK11',
            f'no contig {listed(missing)}, which {os.path.basename(fasta)} has; this file has '
            f'{listed(file.sizes)}',
            path=file.path,
            fix=fix_of_missing(missing, contigs, file.sizes),
        )
    exact = isinstance(file, bigwig.BigWigFile)
    for name, length in contigs.items():
        size = file.sizes[name]
        if size > length or exact and size != length:
            count = f'{size:,} bases' if exact else f'a value at base {size:,}'
            line = None if exact else file.line_of_end(name)
            raise errors.InputError(
                'TK12',
                f'{name} has {count}, but {length:,} bases in {os.path.basename(fasta)}: the two '
                'are of different assemblies',
                path=file.path,
                line=line,
                fix='name the FASTA file of the assembly of the signal',
            )
    return tuple(name for name in file.sizes if name not in contigs)


def fix_of_missing(missing: list[str], contigs: Mapping[str, int], sizes: Mapping[str, int]) -> str:
    """What to do about contigs of the genome that a file of signals or contacts does not have."""
    common = [name for name in contigs if name in sizes]
    if common:
        return f'--contigs={",".join(common)} reads the contigs that both have'
    other = {name.removeprefix('chr') for name in sizes}
    if any(name.removeprefix('chr') in other for name in missing):
        return "rename the contigs of one file: one writes 'chr' before the names"
    return 'name a signal of this genome'


def listed(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    names = list(names)
    shown = ', '.join(map(repr, names[:_SHOWN]))
    return f'{shown} and {len(names) - _SHOWN:,} more' if len(names) > _SHOWN else shown
