"""The targets table of a directory of coverage tracks (NAME_targets.tsv): one row per track."""

import csv
import math
import pathlib

from genojax import errors
from genojax.data.formats import input_file
from genojax.data.formats.track_files import coverage

_COLUMNS = ('identifier', 'clip', 'clip_soft', 'scale', 'sum_stat', 'strand_pair', 'description')


def read_text(path: pathlib.Path) -> str:
    """The text of a file of tracks.

    Raises:
        InputError: TK01.
    """
    try:
        return input_file.InputFile(path).read_text()
    except errors.InputError as error:
        raise errors.InputError('TK01', error.problem, path=path, fix=error.fix) from error


def read(path: pathlib.Path, transform: coverage.Transform = 'root') -> tuple[coverage.Track, ...]:
    """The tracks of a targets table, in its order.

    Raises:
        InputError: TK01; TK06 for a missing column, text that is not a number, an unknown
            statistic, or strands that are not paired with each other.
    """
    rows = list(csv.DictReader(read_text(path).splitlines(), delimiter='\t'))
    missing = [name for name in _COLUMNS if not rows or name not in rows[0]]
    if missing:
        raise errors.InputError('TK06', f'no rows, or no column {", ".join(missing)}', path=path)
    labels = [row.get('', str(number)) for number, row in enumerate(rows)]
    tracks = tuple(
        _track(row, labels, transform, path, line) for line, row in enumerate(rows, start=2)
    )
    _check_pairs(tracks, path)
    identifiers = [track.identifier for track in tracks]
    twice = sorted({name for name in identifiers if identifiers.count(name) > 1})
    if twice:
        raise errors.InputError(
            'TK06', f'identifiers occur twice: {", ".join(twice[:3])}', path=path
        )
    return tracks


def _track(
    row: dict, labels: list[str], transform: coverage.Transform, path: pathlib.Path, line: int
) -> coverage.Track:
    problem = ''
    if None in row or None in row.values():
        problem = 'the row has not as many cells as the header'
    elif row['sum_stat'] not in coverage.statistics(transform):
        problem = f'sum_stat {row["sum_stat"]!r} is not a statistic of the transform {transform!r}'
    elif row['strand_pair'] not in labels:
        problem = f'strand_pair {row["strand_pair"]!r} is not an index of this table'
    if problem:
        raise errors.InputError('TK06', problem, path=path, line=line)
    return coverage.Track(
        identifier=row['identifier'],
        description=row['description'] or '',
        sum_stat=row['sum_stat'],
        scale=_number(row['scale'], 'scale', path, line),
        clip=_number(row['clip'], 'clip', path, line),
        clip_soft=_number(row['clip_soft'] or 'inf', 'clip_soft', path, line),
        pair=labels.index(row['strand_pair']),
    )


def _check_pairs(tracks: tuple[coverage.Track, ...], path: pathlib.Path) -> None:
    for number, track in enumerate(tracks):
        if tracks[track.pair].pair != number:
            other = tracks[track.pair].identifier
            raise errors.InputError(
                'TK06',
                f'{track.identifier} is paired with {other}, but {other} with another track',
                path=path,
                line=number + 2,
            )


def _number(text: str, name: str, path: pathlib.Path, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value) or value <= 0 or (math.isinf(value) and name == 'scale'):
        raise errors.InputError(
            'TK06', f'{name} {text!r} is not a number above 0', path=path, line=line
        )
    return value
