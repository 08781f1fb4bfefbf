"""Windows of DNA with measured coverage tracks, read from a directory and checked.

For every organism NAME the directory holds

    NAME_train.npz, NAME_valid.npz   seq uint8 [N, L], base codes (4 = unknown); target float
                                     [N, bins, C], transformed coverage (see `coverage`) in bins of
                                     pool_width bp of the centre, which is L - 2 crop_bp
    NAME_targets.tsv                 one row per track: index (without a name), identifier, clip,
                                     clip_soft, scale, sum_stat, strand_pair (index of the other
                                     strand's track; its own if there is none), description
    NAME_sequences.bed               contig, start, end of each window's centre, and its part, in
                                     the order of the npz
    NAME_statistics.json             seq_length, pool_width, crop_bp, target_length, num_targets,
                                     train_seqs, valid_seqs

This is baskerville's format with arrays in place of its TFRecords. The windows that the files call
'valid' are the test part here: training and the choice of checkpoints do not use them. Coverage
outside the centre is unknown, every bin of the centre is known. Everything is read into memory;
`store.signals` has windows that are not. Every mistake is an InputError TK01
to TK08.
"""

import abc
import dataclasses
import hashlib
import json
import pathlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from genojax import dna, errors, genome
from genojax.data.formats.track_files import coverage, targets_table

PARTS = ('train', 'test')
_FILE_WORD = {'train': 'train', 'test': 'valid'}  # of a part, in the files
_SIZES = ('seq_length', 'pool_width', 'crop_bp', 'target_length', 'num_targets')
_ACCESSIBILITY_ASSAYS = ('DNASE', 'ATAC', 'FAIRE')


class WindowSet(abc.ABC):
    """Windows of one part of an organism, in memory or in files.

    Attributes:
        centres: where the bins of each window lie.
        length: bases per window, flanks included.
    """

    centres: tuple[genome.Interval, ...]
    length: int

    @abc.abstractmethod
    def __len__(self) -> int:
        """Number of windows."""

    @abc.abstractmethod
    def take(self, rows: np.ndarray) -> 'WindowSet':
        """These windows, in this order; nothing is read."""

    @abc.abstractmethod
    def load(self) -> 'TrackWindows':
        """The windows in memory."""


def chunks(windows: WindowSet, size: int = 32) -> Iterator['TrackWindows']:
    """All windows in order, at most `size` of them in memory at a time."""
    for first in range(0, len(windows), size):
        yield windows.take(np.arange(first, min(first + size, len(windows)))).load()


@dataclasses.dataclass(frozen=True, eq=False)
class TrackWindows(WindowSet):
    """Windows of one part in memory."""

    codes_NL: np.ndarray  # uint8
    target_NPC: np.ndarray  # float32: scaled sums of reads in the bins of the centre
    centres: tuple[genome.Interval, ...]
    known_NPC: np.ndarray  # bool: bins that were measured

    def __len__(self) -> int:
        return len(self.codes_NL)

    @property
    def length(self) -> int:
        """Bases per window."""
        return self.codes_NL.shape[1]

    def load(self) -> 'TrackWindows':
        """These windows: they are in memory."""
        return self

    def take(self, rows: np.ndarray) -> 'TrackWindows':
        """These windows, in this order."""
        rows = np.asarray(rows, np.int64)
        centres = tuple(self.centres[row] for row in rows.tolist())
        return TrackWindows(
            self.codes_NL[rows], self.target_NPC[rows], centres, self.known_NPC[rows]
        )


class GeneStart(NamedTuple):
    """Where a gene begins: its first base, in its own direction."""

    name: str
    contig: str
    position: int
    strand: str


@dataclasses.dataclass(frozen=True, eq=False)
class Organism:
    """One organism's tracks and windows."""

    name: str
    tracks: tuple[coverage.Track, ...]
    parts: dict[str, WindowSet]  # 'train', 'test'
    bin: int  # bp
    crop: int  # bp of unknown coverage at either end
    digest: str  # of the files
    genes: tuple[GeneStart, ...] = ()  # where the data name them

    @property
    def pairs(self) -> np.ndarray:
        """The number of the other strand's track for each track, int64 [C]."""
        return np.array([track.pair for track in self.tracks], np.int64)


def read(
    folder: str | pathlib.Path,
    name: str,
    bin: int = 128,
    transform: coverage.Transform = 'root',
    soft_clip: bool = True,
) -> Organism:
    """An organism of a directory, its coverage transformed back and pooled to bins of `bin` bp.

    Args:
        transform: the one under which the coverage is stored.
        soft_clip: reduce sums above the table's clip_soft (see `coverage.soft_clip`).

    Raises:
        InputError: TK01 to TK06, TK08.
    """
    folder = pathlib.Path(folder)
    sizes = _read_sizes(folder / f'{name}_statistics.json')
    factor = _pool_factor(sizes, bin, folder / f'{name}_statistics.json')
    tracks = targets_table.read(folder / f'{name}_targets.tsv', transform)
    if len(tracks) != sizes['num_targets']:
        raise errors.InputError(
            'TK04',
            f'num_targets is {sizes["num_targets"]}, the table has {len(tracks)}',
            path=folder / f'{name}_statistics.json',
        )
    bed = folder / f'{name}_sequences.bed'
    centres = _read_bed(bed, _centre(sizes))
    digest, parts = hashlib.sha256(), {}
    for part in PARTS:
        path = folder / f'{name}_{_FILE_WORD[part]}.npz'
        codes_NL, stored_NPC = _read_npz(path, sizes, tracks)
        _check_count(len(codes_NL), _FILE_WORD[part], sizes, centres, path)
        digest.update(codes_NL.tobytes() + stored_NPC.tobytes())
        summed_NPC = coverage.inverse_transform(stored_NPC, tracks, transform)
        target_NPC = coverage.pool(summed_NPC, tracks, factor)
        if soft_clip:
            target_NPC = coverage.soft_clip(target_NPC, tracks)
        intervals = tuple(centres[_FILE_WORD[part]])
        known_NPC = np.broadcast_to(True, target_NPC.shape)
        parts[part] = TrackWindows(codes_NL, target_NPC.astype(np.float32), intervals, known_NPC)
    _refuse_overlap(parts, bed)
    digest.update(repr((tracks, centres, sizes)).encode())
    return Organism(name, tracks, parts, bin=bin, crop=sizes['crop_bp'], digest=digest.hexdigest())


def choose_inputs(organism: Organism, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """Tracks that a model reads as accessibility, and those that it may be scored on.

    An input is never a target, nor is any other accessibility track (DNase, ATAC, FAIRE) of the
    same sample.

    Args:
        rule: a regular expression, searched for in a track's description and identifier.

    Returns:
        Numbers of the input tracks, int64 [A]; which tracks are still targets, bool [C].

    Raises:
        InputError: TK07, the rule is not a regular expression, matches no track, leaves no target,
            or takes one strand of two.
    """
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise errors.InputError(
            'TK07', f'the rule {rule!r} is not a regular expression: {error}'
        ) from error
    inputs = [
        number
        for number, track in enumerate(organism.tracks)
        if pattern.search(track.description) or pattern.search(track.identifier)
    ]
    unpaired = [n for n in inputs if organism.tracks[n].pair not in inputs]
    samples = {organism.tracks[number].sample for number in inputs}
    target_C = np.array(
        [
            number not in inputs
            and not (track.assay.upper() in _ACCESSIBILITY_ASSAYS and track.sample in samples)
            for number, track in enumerate(organism.tracks)
        ]
    )
    problem = ''
    if unpaired:
        problem = f'takes {organism.tracks[unpaired[0]].identifier} without its other strand'
    elif not inputs:
        problem = 'matches no track'
    elif not target_C.any():
        problem = 'leaves no target'
    if problem:
        raise errors.InputError('TK07', f'the rule {rule!r} for {organism.name} {problem}')
    return np.array(inputs, np.int64), target_C


def _refuse_overlap(parts: dict[str, TrackWindows], bed: pathlib.Path) -> None:
    for test in parts['test'].centres:
        for train in parts['train'].centres:
            if test.overlaps(train):
                raise errors.InputError(
                    'TK08',
                    f'the valid window {test.contig}:{test.start}-{test.end} overlaps the training '
                    f'window at {train.start}',
                    path=bed,
                )


def _read_sizes(path: pathlib.Path) -> dict[str, int]:
    try:
        values = json.loads(targets_table.read_text(path))
    except json.JSONDecodeError as error:
        raise errors.InputError('TK01', f'is not JSON: {error}', path=path) from error
    sizes = {name: values.get(name) if isinstance(values, dict) else None for name in _SIZES}
    wrong = [n for n, v in sizes.items() if type(v) is not int or v < (0 if n == 'crop_bp' else 1)]
    if wrong:
        raise errors.InputError('TK05', f'{", ".join(wrong)} must be whole numbers', path=path)
    if sizes['target_length'] * sizes['pool_width'] != _centre(sizes):
        raise errors.InputError(
            'TK05',
            f'{sizes["target_length"]} bins of {sizes["pool_width"]} bp are not the centre of '
            f'{_centre(sizes)} bp (seq_length - 2 crop_bp)',
            path=path,
        )
    counts = {f'{word}_seqs': values.get(f'{word}_seqs') for word in _FILE_WORD.values()}
    return {**sizes, **counts}


def _centre(sizes: dict[str, int]) -> int:
    """Bases of a window whose coverage is known."""
    return sizes['seq_length'] - 2 * sizes['crop_bp']


def _pool_factor(sizes: dict[str, int], bin: int, path: pathlib.Path) -> int:
    """How many stored bins make one of `bin` bp.

    Raises:
        InputError: TK05, not a whole number, or the bins do not tile the centre and the flanks.
    """
    factor, rest = divmod(bin, sizes['pool_width'])
    centre = _centre(sizes)
    if rest or factor < 1 or centre % bin or sizes['crop_bp'] % bin:
        raise errors.InputError(
            'TK05',
            f'bins of {bin} bp do not consist of whole bins of {sizes["pool_width"]} bp, or do not '
            f'tile the centre of {centre} bp and the flanks of {sizes["crop_bp"]} bp',
            path=path,
        )
    return factor


def _check_count(count: int, word: str, sizes: dict, centres: dict, path: pathlib.Path) -> None:
    """Compare the number of windows of a part with what the other files say."""
    name = path.name.removesuffix(f'_{word}.npz')
    expected = {'statistics.json': sizes.get(f'{word}_seqs'), 'sequences.bed': len(centres[word])}
    for file, number in expected.items():
        if number is not None and number != count:
            raise errors.InputError(
                'TK04', f'{count} {word} windows, but {name}_{file} says {number}', path=path
            )


def _read_bed(path: pathlib.Path, centre: int) -> dict[str, list[genome.Interval]]:
    """The centres of the windows of each part, by the word of the file."""
    words = tuple(_FILE_WORD.values())
    centres: dict[str, list[genome.Interval]] = {word: [] for word in words}
    for line, text in enumerate(targets_table.read_text(path).splitlines(), 1):
        cells = text.split('\t')
        if len(cells) < 4 or not (cells[1].isdecimal() and cells[2].isdecimal()):
            raise errors.InputError(
                'TK04', 'a row is contig, start, end, part', path=path, line=line
            )
        start, end = int(cells[1]), int(cells[2])
        if end - start != centre:
            raise errors.InputError(
                'TK05', f'{end - start} bp, but the centre has {centre}', path=path, line=line
            )
        if cells[3] not in (*words, 'test'):
            raise errors.InputError(
                'TK04', f'part {cells[3]!r} is not train, valid or test', path=path, line=line
            )
        centres.setdefault(cells[3], []).append(genome.Interval(cells[0], start, end))
    return centres


def _read_npz(path: pathlib.Path, sizes, tracks) -> tuple[np.ndarray, np.ndarray]:
    """Base codes uint8 [N, L] and stored coverage float32 [N, bins, C], checked."""
    codes_NL, stored_NPC = _open_npz(path)
    shape = (*codes_NL.shape[:1], sizes['target_length'], len(tracks))
    problem = ''
    if codes_NL.dtype != np.uint8 or codes_NL.ndim != 2 or not len(codes_NL):
        problem = f'seq is {codes_NL.dtype} {list(codes_NL.shape)}, not uint8 [N, L] with N > 0'
    elif codes_NL.shape[1] != sizes['seq_length']:
        problem = f'seq has {codes_NL.shape[1]} bp per window, not {sizes["seq_length"]}'
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


def _open_npz(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """The arrays seq and target as they are in the file."""
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise errors.InputError(
                'TK02', 'is one array, not an .npz of seq and target', path=path
            )
        with file:
            return file['seq'], file['target']
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = f'is truncated or damaged ({error})'
        if isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        raise errors.InputError('TK01', reason, path=path) from error
    except KeyError as error:
        raise errors.InputError('TK02', f'no arrays seq and target: {error}', path=path) from error
    except ValueError as error:
        raise errors.InputError(
            'TK02', 'not an .npz of numbers (pickled objects are not opened)', path=path
        ) from error
