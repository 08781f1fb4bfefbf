"""The shards of signals, opened: windows that are read from files when they are asked for."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from genojax import errors, genome, json_files
from genojax.data.formats.track_files import coverage, signal_table, track_windows
from genojax.data.store.signals import (
    prepare,
    prepared_folder,
    sources,
    species_writer,
    tiling,
)

_FIELDS = {'format': str, 'version': int, 'settings': dict, 'organisms': dict, 'signals': dict}
_FIX = 'genojax tracks GENOMES --tracks=TABLE --out={} --replace'


@dataclasses.dataclass(frozen=True, eq=False)
class SignalWindows(track_windows.WindowSet):
    """Windows of one part; see `track_windows.WindowSet`.

    Attributes:
        bases: base codes of all contigs, mapped from a file.
        contigs: of each window.
        start_N: first base of each centre, int64.
        value_SPC, known_SPC: bins of all windows of the part, mapped from files.
        row_N: which of them are these windows, int64.
        length: bases per window.
        crop: bases at either end that have no bins.
        factor: stored bins per bin.
    """

    bases: np.ndarray
    contigs: Sequence[sources.SourceContig]
    start_N: np.ndarray
    value_SPC: np.ndarray
    known_SPC: np.ndarray
    row_N: np.ndarray
    tracks: tuple[coverage.Track, ...]
    length: int
    crop: int
    factor: int
    soft_clip: bool

    def __len__(self) -> int:
        return len(self.row_N)

    @functools.cached_property
    def centres(self) -> tuple[genome.Interval, ...]:
        """Where the bins of each window lie; the last one of a contig may pass its end."""
        size = self.length - 2 * self.crop
        return tuple(
            genome.Interval(self.contigs[row].name, start, start + size)
            for row, start in zip(
                self.row_N.tolist(), self.start_N[self.row_N].tolist(), strict=True
            )
        )

    def take(self, rows: np.ndarray) -> 'SignalWindows':
        """These windows, in this order; nothing is read."""
        return dataclasses.replace(self, row_N=self.row_N[np.asarray(rows, np.int64)])

    def load(self) -> track_windows.TrackWindows:
        """The windows in memory. Unknown bins hold 0."""
        first_N = self.start_N[self.row_N] - self.crop
        codes = [
            sources.read_codes(self.bases, self.contigs[row], first, first + self.length)
            for row, first in zip(self.row_N.tolist(), first_N.tolist(), strict=True)
        ]
        value_NPC = self.value_SPC[self.row_N]
        known_NPC = self.known_SPC[self.row_N].astype(bool)
        if self.factor > 1:
            value_NPC = coverage.pool(value_NPC, self.tracks, self.factor)
            rows, bins, count = known_NPC.shape
            known_NPC = known_NPC.reshape(rows, bins // self.factor, self.factor, count).all(2)
        if self.soft_clip:
            value_NPC = coverage.soft_clip(value_NPC, self.tracks)
        value_NPC = np.where(known_NPC, value_NPC, 0).astype(np.float32)
        codes_NL = np.stack(codes) if codes else np.zeros((0, self.length), np.uint8)
        return track_windows.TrackWindows(codes_NL, value_NPC, self.centres, known_NPC)


def is_prepared(folder: str | os.PathLike) -> bool:
    """Whether a folder holds shards of signals."""
    return (pathlib.Path(folder) / prepare.NAME).exists()


def read_value(folder: str | os.PathLike) -> dict:
    """The content of tracks.json.

    Raises:
        DamageError: it was changed, or is of another version.
    """
    path = pathlib.Path(folder) / prepare.NAME
    fix = _FIX.format(folder)
    value = json_files.read_hashed(path, fix, fields=_FIELDS)
    if (value['format'], value['version']) != (prepare.FORMAT, prepare.VERSION):
        raise errors.DamageError(f'{path} is of another version. Fix: {fix}')
    return value


def open_organism(
    folder: str | os.PathLike, name: str, bin: int, soft_clip: bool
) -> track_windows.Organism:
    """One species of a folder; its files are compared with their hashes.

    Args:
        bin: bases per bin, a multiple of the stored one; a bin of several is known if all are.
        soft_clip: compress values above a track's clip_soft.

    Raises:
        DamageError: AR01 or AR02, a file is missing or was changed.
        UsageError: there is no such species.
        InputError: TK05, bins that do not fit the stored ones.
    """
    folder = pathlib.Path(folder)
    value = read_value(folder)
    if name not in value['organisms']:
        known = ', '.join(value['organisms'])
        first = next(iter(value['organisms']))
        raise errors.UsageError(
            f'{folder} has no species {name!r}; it has {known}. '
            f'Fix: --config.tasks.TASK.data.organisms.{first}={first}'
        )
    entry, settings = value['organisms'][name], value['settings']
    for file in entry['files'].values():
        prepared_folder.check_file(folder / name, file, _FIX.format(folder))
    tracks = _tracks(value['signals'][name])
    factor = _factor(folder, settings, bin)
    bases = np.memmap(folder / name / 'bases.u8', np.uint8, 'r')
    parts = {
        part: _open_part(folder / name, part, entry, settings, tracks, bases)
        for part in tiling.PARTS
    }
    parts = {
        part: dataclasses.replace(windows, factor=factor, soft_clip=soft_clip)
        for part, windows in parts.items()
    }
    digest = json_files.digest({'entry': entry, 'settings': settings, 'tracks': repr(tracks)})
    return track_windows.Organism(
        name,
        tracks,
        parts,
        bin=bin,
        crop=settings['crop'],
        digest=digest,
        genes=_genes(folder / name / prepare.GENES),
    )


def _genes(path: pathlib.Path) -> tuple[track_windows.GeneStart, ...]:
    rows = [line.split('\t') for line in path.read_text(encoding='utf-8').splitlines()[1:]]
    return tuple(
        track_windows.GeneStart(name, contig, int(position), strand)
        for name, contig, position, strand in rows
    )


def _tracks(signals: list[dict]) -> tuple[coverage.Track, ...]:
    names = {field.name for field in dataclasses.fields(signal_table.SignalRow)}
    rows = []
    for signal in signals:
        values = {name: value for name, value in signal.items() if name in names}
        values['clip_soft'] = np.inf if signal['clip_soft'] is None else signal['clip_soft']
        empty = {'path': pathlib.Path(), 'species': '', 'line': 0}
        rows.append(signal_table.SignalRow(**(empty | values)))
    return signal_table.tracks(rows)


def _factor(folder: pathlib.Path, settings: dict, bin: int) -> int:
    """Stored bins per bin.

    Raises:
        InputError: TK05.
    """
    stored, crop = settings['bin'], settings['crop']
    centre = settings['window'] - 2 * crop
    if bin % stored or centre % bin or crop % bin:
        raise errors.InputError(
            'TK05',
            f'bins of {bin} bp do not consist of whole bins of {stored} bp, or do not tile the '
            f'centre of {centre} bp and the flanks of {crop} bp',
            path=folder / prepare.NAME,
            fix=f'--config.tasks.TASK.data.bin={stored}, or prepare the tracks with --bin={bin}',
        )
    return bin // stored


def _open_part(
    folder: pathlib.Path, part: str, entry: dict, settings: dict, tracks, bases: np.ndarray
) -> SignalWindows:
    by_name = {c['name']: sources.SourceContig(**c) for c in entry['contigs']}
    rows = [line.split('\t') for line in (folder / 'windows.tsv').read_text().splitlines()[1:]]
    rows = [row for row in rows if row[3] == part]
    bins = (settings['window'] - 2 * settings['crop']) // settings['bin']
    shape = (len(rows), bins, len(tracks))
    return SignalWindows(
        bases=bases,
        contigs=[by_name[row[0]] for row in rows],
        start_N=np.array([int(row[1]) for row in rows], np.int64),
        value_SPC=np.memmap(folder / f'{part}.{species_writer.BINS}', '<f4', 'r', shape=shape),
        known_SPC=np.memmap(folder / f'{part}.{species_writer.KNOWN}', np.uint8, 'r', shape=shape),
        row_N=np.arange(len(rows)),
        tracks=tracks,
        length=settings['window'],
        crop=settings['crop'],
        factor=1,
        soft_clip=False,
    )
