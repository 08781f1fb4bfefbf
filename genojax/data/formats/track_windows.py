"""Windows of DNA with measured coverage tracks, read from a directory and checked.

For every organism NAME the directory holds

    NAME_train.npz, NAME_valid.npz   seq uint8 [N, L], base codes (4 = unknown); target float [N, bins, C], squashed coverage
                                     (see `coverage`) in bins of pool_width bp of the centre L - 2 crop_bp
    NAME_targets.tsv                 a row a track: index (no name), identifier, clip, clip_soft, scale, sum_stat,
                                     strand_pair (index of the other strand's track, its own if none), description
    NAME_sequences.bed               contig, start, end of each window's centre, and its part; in the order of the npz
    NAME_statistics.json             seq_length, pool_width, crop_bp, target_length, num_targets, train_seqs, valid_seqs

which is baskerville's form with its TFRecords as arrays. Coverage outside the centre is not known. All is read into
memory. Every mistake is an InputError with a code TK..
"""

import csv
import dataclasses
import hashlib
import json
import math
import pathlib
import re
import zipfile
import zlib

import numpy as np

from genojax import dna, errors, genome
from genojax.data.formats import coverage

PARTS = ('train', 'valid')
_COLUMNS = ('identifier', 'clip', 'clip_soft', 'scale', 'sum_stat', 'strand_pair', 'description')
_SIZES = ('seq_length', 'pool_width', 'crop_bp', 'target_length', 'num_targets')
_ACCESSIBLE = ('DNASE', 'ATAC', 'FAIRE')


@dataclasses.dataclass(frozen=True, eq=False)
class TrackWindows:
    """The windows of one part, in the order of the BED file."""

    codes_NL: np.ndarray  # uint8
    target_NPC: np.ndarray  # float32: scaled sums of reads in the bins of the centre
    places: tuple[genome.Interval, ...]  # the centres

    def __len__(self) -> int:
        return len(self.codes_NL)

    def take(self, rows: np.ndarray) -> 'TrackWindows':
        rows = np.asarray(rows, np.int64)
        places = tuple(self.places[row] for row in rows.tolist())
        return TrackWindows(self.codes_NL[rows], self.target_NPC[rows], places)


@dataclasses.dataclass(frozen=True, eq=False)
class Organism:
    """One organism's tracks and windows."""

    name: str
    tracks: tuple[coverage.Track, ...]
    parts: dict[str, TrackWindows]
    bin: int  # bp
    crop: int  # bp of unknown coverage at either end
    digest: str  # of the files

    @property
    def pairs(self) -> np.ndarray:
        """For each track the number of its other strand's, int64 [C]."""
        return np.array([track.pair for track in self.tracks], np.int64)


def read(
    folder: str | pathlib.Path,
    name: str,
    bin: int = 128,
    recipe: coverage.Recipe = 'root',
    soft_clip: bool = True,
) -> Organism:
    """An organism of a directory, its coverage un-squashed and pooled to bins of `bin` bp.

    Args:
        soft_clip: bend what is above the table's clip_soft (see `coverage.bend`).

    Raises:
        InputError: TK01 to TK06, TK08.
    """
    folder = pathlib.Path(folder)
    sizes = _read_sizes(folder / f'{name}_statistics.json')
    where = folder / f'{name}_statistics.json'
    factor, rest = divmod(bin, sizes['pool_width'])
    centre = sizes['seq_length'] - 2 * sizes['crop_bp']
    if rest or factor < 1 or centre % bin or sizes['crop_bp'] % bin:
        raise errors.InputError(
            'TK05',
            f'bins of {bin} bp are not made of whole bins of {sizes["pool_width"]} bp, or do not tile the centre of '
            f'{centre} bp and the flanks of {sizes["crop_bp"]} bp',
            path=where,
        )
    tracks = read_table(folder / f'{name}_targets.tsv', recipe)
    if len(tracks) != sizes['num_targets']:
        raise errors.InputError(
            'TK04',
            f'num_targets is {sizes["num_targets"]}, the table has {len(tracks)}',
            path=where,
        )
    bed = folder / f'{name}_sequences.bed'
    places = _read_bed(bed, centre)
    digest, parts = hashlib.sha256(), {}
    for part in PARTS:
        codes_NL, stored_NPC = _read_npz(folder / f'{name}_{part}.npz', sizes, tracks)
        told = {'statistics.json': sizes.get(f'{part}_seqs'), 'sequences.bed': len(places[part])}
        for file, count in told.items():
            if count is not None and count != len(codes_NL):
                raise errors.InputError(
                    'TK04',
                    f'{len(codes_NL)} {part} windows, but {name}_{file} says {count}',
                    path=folder / f'{name}_{part}.npz',
                )
        digest.update(codes_NL.tobytes() + stored_NPC.tobytes())
        target_NPC = coverage.pool(coverage.unsquash(stored_NPC, tracks, recipe), tracks, factor)
        if soft_clip:
            target_NPC = coverage.bend(target_NPC, tracks)
        parts[part] = TrackWindows(codes_NL, target_NPC.astype(np.float32), tuple(places[part]))
    _refuse_overlap(parts, bed)
    digest.update(repr((tracks, places, sizes)).encode())
    return Organism(name, tracks, parts, bin, sizes['crop_bp'], digest.hexdigest())


def read_table(path: pathlib.Path, recipe: coverage.Recipe = 'root') -> tuple[coverage.Track, ...]:
    """The tracks of a targets table.

    Raises:
        InputError: TK01; TK06 for a missing column, a number that is none, an unknown statistic or pairs that do not
            pair.
    """
    rows = list(csv.DictReader(_text(path).splitlines(), delimiter='\t'))
    missing = [name for name in _COLUMNS if not rows or name not in rows[0]]
    if missing:
        raise errors.InputError('TK06', f'no rows, or no column {", ".join(missing)}', path=path)
    labels = [row.get('', str(number)) for number, row in enumerate(rows)]
    tracks = []
    for number, row in enumerate(rows):
        line = number + 2
        if None in row or None in row.values():
            raise errors.InputError(
                'TK06', 'the row has not as many cells as the header', path=path, line=line
            )
        if row['sum_stat'] not in coverage.known_statistics(recipe):
            raise errors.InputError(
                'TK06', f'sum_stat {row["sum_stat"]!r} has no known inverse', path=path, line=line
            )
        if row['strand_pair'] not in labels:
            raise errors.InputError(
                'TK06', f'strand_pair {row["strand_pair"]!r} is no index', path=path, line=line
            )
        found = {name: _number(row[name], name, path, line) for name in ('scale', 'clip')}
        soft = _number(row['clip_soft'] or 'inf', 'clip_soft', path, line)
        pair = labels.index(row['strand_pair'])
        tracks.append(
            coverage.Track(
                row['identifier'],
                row['description'] or '',
                row['sum_stat'],
                found['scale'],
                found['clip'],
                soft,
                pair,
            )  # fmt: skip
        )
    for number, track in enumerate(tracks):
        if tracks[track.pair].pair != number:
            other = tracks[track.pair].identifier
            raise errors.InputError(
                'TK06',
                f'{track.identifier} is paired with {other}, but not the other way round',
                path=path,
                line=number + 2,
            )
    identifiers = [track.identifier for track in tracks]
    twice = sorted({name for name in identifiers if identifiers.count(name) > 1})
    if twice:
        raise errors.InputError(
            'TK06', f'identifiers occur twice: {", ".join(twice[:3])}', path=path
        )
    return tuple(tracks)


def choose_inputs(organism: Organism, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """Tracks that a model is given as accessibility, and those that it may be scored on.

    An input never counts as a target, nor does any other accessibility track (DNase, ATAC, FAIRE) of the same sample.

    Args:
        rule: a regular expression, searched for in a track's description and identifier.
    Returns:
        Numbers of the input tracks, int64 [A]; which tracks are still targets, bool [C].

    Raises:
        InputError: TK07 if the rule is no expression, matches nothing, leaves no target, or takes one strand of two.
    """
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise errors.InputError('TK07', f'the rule {rule!r} is no expression: {error}') from error
    inputs = [
        number
        for number, track in enumerate(organism.tracks)
        if pattern.search(track.description) or pattern.search(track.identifier)
    ]
    lone = [n for n in inputs if organism.tracks[n].pair not in inputs]
    samples = {organism.tracks[number].sample for number in inputs}
    target_C = np.array(
        [
            number not in inputs and not (track.assay.upper() in _ACCESSIBLE and track.sample in samples)
            for number, track in enumerate(organism.tracks)
        ]
    )  # fmt: skip
    if not inputs or lone or not target_C.any():
        why = 'matches no track' if not inputs else 'leaves no target'
        if lone:
            why = f'takes {organism.tracks[lone[0]].identifier} without its other strand'
        raise errors.InputError('TK07', f'the rule {rule!r} for {organism.name} {why}')
    return np.array(inputs, np.int64), target_C


def _refuse_overlap(parts: dict[str, TrackWindows], bed: pathlib.Path) -> None:
    for held in parts['valid'].places:
        for place in parts['train'].places:
            if held.overlaps(place):
                raise errors.InputError(
                    'TK08',
                    f'the valid window {held.contig}:{held.start}-{held.end} overlaps the training window at {place.start}',
                    path=bed,
                )


def _text(path: pathlib.Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, 'strerror', None) or 'it is not text'
        raise errors.InputError('TK01', f'cannot be read: {reason}', path=path) from error


def _number(text: str, name: str, path: pathlib.Path, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value) or value <= 0 or (math.isinf(value) and name == 'scale'):
        raise errors.InputError('TK06', f'{name} {text!r} is not above 0', path=path, line=line)
    return value


def _read_sizes(path: pathlib.Path) -> dict[str, int]:
    try:
        values = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise errors.InputError('TK01', f'is not JSON: {error}', path=path) from error
    wanted = {name: values.get(name) if isinstance(values, dict) else None for name in _SIZES}
    wrong = [n for n, v in wanted.items() if type(v) is not int or v < (0 if n == 'crop_bp' else 1)]
    if wrong:
        raise errors.InputError('TK05', f'{", ".join(wrong)} must be whole numbers', path=path)
    centre = wanted['seq_length'] - 2 * wanted['crop_bp']
    if wanted['target_length'] * wanted['pool_width'] != centre:
        raise errors.InputError(
            'TK05',
            f'{wanted["target_length"]} bins of {wanted["pool_width"]} bp are not the centre of {centre} bp '
            f'(seq_length - 2 crop_bp)',
            path=path,
        )
    return {**wanted, **{f'{part}_seqs': values.get(f'{part}_seqs') for part in PARTS}}


def _read_bed(path: pathlib.Path, centre: int) -> dict[str, list[genome.Interval]]:
    places: dict[str, list[genome.Interval]] = {part: [] for part in PARTS}
    for line, text in enumerate(_text(path).splitlines(), 1):
        cells = text.split('\t')
        if len(cells) < 4 or not (cells[1].isdigit() and cells[2].isdigit()):
            raise errors.InputError(
                'TK04', 'a row is contig, start, end, part', path=path, line=line
            )
        start, end = int(cells[1]), int(cells[2])
        if end - start != centre:
            raise errors.InputError(
                'TK05', f'{end - start} bp, but the centre has {centre}', path=path, line=line
            )
        if cells[3] not in (*PARTS, 'test'):
            raise errors.InputError(
                'TK04', f'part {cells[3]!r} is not train, valid or test', path=path, line=line
            )
        places.setdefault(cells[3], []).append(genome.Interval(cells[0], start, end))
    return places


def _read_npz(path: pathlib.Path, sizes, tracks) -> tuple[np.ndarray, np.ndarray]:
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise errors.InputError(
                'TK02', 'is one array, not an .npz of seq and target', path=path
            )
        with file:
            codes_NL, stored_NPC = file['seq'], file['target']
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = getattr(error, 'strerror', None) or f'is cut off or damaged ({error})'
        raise errors.InputError('TK01', reason, path=path) from error
    except KeyError as error:
        raise errors.InputError('TK02', f'no arrays seq and target: {error}', path=path) from error
    except ValueError as error:
        raise errors.InputError(
            'TK02', 'is no .npz of numbers (pickled objects are not opened)', path=path
        ) from error
    shape = (*codes_NL.shape[:1], sizes['target_length'], len(tracks))
    problem = ''
    if codes_NL.dtype != np.uint8 or codes_NL.ndim != 2 or not len(codes_NL):
        problem = f'seq is {codes_NL.dtype} {list(codes_NL.shape)}, not uint8 [N, L] with N > 0'
    elif codes_NL.shape[1] != sizes['seq_length']:
        problem = f'seq has {codes_NL.shape[1]} bp a window, not {sizes["seq_length"]}'
    elif codes_NL.max() > dna.UNKNOWN:
        problem = f'seq holds {codes_NL.max()}; base codes are 0 to 4'
    elif stored_NPC.dtype.kind != 'f' or stored_NPC.shape != shape:
        problem = f'target is {stored_NPC.dtype} {list(stored_NPC.shape)}, not floats {list(shape)}'
    if problem:
        raise errors.InputError('TK02', problem, path=path)
    stored_NPC = stored_NPC.astype(np.float32)
    for what, bad in (('not finite', ~np.isfinite(stored_NPC)), ('negative', stored_NPC < 0)):
        if bad.any():
            n, p, c = np.argwhere(bad)[0].tolist()
            raise errors.InputError(
                'TK03',
                f'window {n + 1}, bin {p + 1}, track {tracks[c].identifier}: {what}',
                path=path,
            )
    return codes_NL, stored_NPC
