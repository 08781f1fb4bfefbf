"""The windows of one species: the bins of its signals, their mask, and the part of each window."""

import contextlib
import dataclasses
import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from genojax import errors, progress
from genojax.data.formats.track_files import signal_file, signal_table
from genojax.data.store.signals import binning, masks, sources, tiling, track_settings

BINS, KNOWN = 'bins.f32', 'known.u8'  # ends of the names of files
_CHUNK = 4 << 20  # bases whose bins are in memory at once


@dataclasses.dataclass(frozen=True)
class Source:
    """A species whose base codes are written: its name, contigs, FASTA file and masks by kind."""

    name: str
    contigs: tuple[sources.SourceContig, ...]
    fasta: pathlib.Path
    mask_files: Mapping[str, Sequence[str]]


@dataclasses.dataclass(eq=False)
class SpeciesWriter:
    """Cuts the signals of a species into bins, counting what is masked.

    Attributes:
        bases: base codes of its contigs, one after another.
        files: the signal of each row.
        lost: bins of all tracks by the reason that masks them.
        known: known bins of each track, int64 [C].
    """

    source: Source
    rows: Sequence[signal_table.SignalRow]
    settings: track_settings.TrackSettings
    bases: np.ndarray
    files: Sequence[signal_file.SignalFile]
    regions: masks.MaskRegions
    lost: dict[str, int]
    known: np.ndarray

    def bins(self, contig: sources.SourceContig, start: int, count: int):
        """Values and mask of `count` centres side by side from `start` on: [N, P, C] each."""
        s, end = self.settings, start + count * self.settings.centre
        codes_L = sources.read_codes(self.bases, contig, start, end)
        beyond_L = np.arange(start, end) >= contig.length
        usable = masks.usable_bases(self.regions, contig.name, codes_L, beyond_L, start)
        for reason, lost in masks.count_lost(usable, s.bin, s.min_known).items():
            self.lost[reason] += lost * len(self.rows)
        usable_L = usable[masks.REASONS[-1]]
        shared = int(binning.known_bins(usable_L, s.bin, s.min_known).sum())
        shape = (count, s.centre // s.bin, len(self.rows))
        value_NPC, known_NPC = np.zeros(shape, np.float32), np.zeros(shape, bool)
        for number, (file, row) in enumerate(zip(self.files, self.rows, strict=True)):
            value_L = read_signal(file, row, contig, start, end)
            value_P, known_P = binning.bins(value_L, usable_L, s.bin, row.statistic, s.min_known)
            value_NPC[..., number] = value_P.reshape(shape[:2])
            known_NPC[..., number] = known_P.reshape(shape[:2])
            self.known[number] += int(known_P.sum())
            self.lost[masks.ABSENT] += shared - int(known_P.sum())
        return value_NPC, known_NPC


def write(
    source: Source,
    rows: Sequence[signal_table.SignalRow],
    settings: track_settings.TrackSettings,
    folder: pathlib.Path,
) -> dict:
    """Writes PART.bins.f32, PART.known.u8 and windows.tsv beside bases.u8; counts, for a person.

    Raises:
        InputError: TK10 to TK14, the signals; BD.., the masks.
        UsageError: a part has no window.
    """
    scratch = folder / 'bedgraph'
    lengths = {contig.name: contig.length for contig in source.contigs}
    with progress.stage(f'opening the signals of {source.name}'):
        files = signal_file.open_files([row.path for row in rows], scratch)
    unread = [signal_file.check_contigs(file, lengths, source.fasta) for file in files]
    writer = SpeciesWriter(
        source=source,
        rows=rows,
        settings=settings,
        bases=np.memmap(folder / 'bases.u8', np.uint8, 'r'),
        files=files,
        regions=masks.read(source.mask_files, lengths, source.fasta),
        lost=dict.fromkeys((*masks.REASONS, masks.ABSENT), 0),
        known=np.zeros(len(rows), np.int64),
    )
    circular = [contig.circular for contig in source.contigs]
    tiled = tiling.tile(list(lengths.values()), circular, settings)
    counts, left_out = _write_windows(writer, tiled, folder)
    shutil.rmtree(scratch, ignore_errors=True)
    bins = len(tiled) * (settings.centre // settings.bin)
    return {
        'windows': counts,
        'left_out_windows': left_out,
        'gap_bases': tiled.gap_bases,
        'bins': bins * len(rows),
        'lost_bins': writer.lost,
        'known_share': {
            row.name: round(count / bins, 6)
            for row, count in zip(rows, writer.known.tolist(), strict=True)
        },
        'notes': [*_unread_notes(rows, unread), *writer.regions.notes],
    }


def _unread_notes(rows: Sequence[signal_table.SignalRow], unread: Sequence) -> list[str]:
    return [
        f'{row.path.name}: contigs that are not read: {len(names):,} ({signal_file.listed(names)})'
        for row, names in zip(rows, unread, strict=True)
        if names
    ]


def _write_windows(
    writer: SpeciesWriter, tiled: tiling.Tiling, folder: pathlib.Path
) -> tuple[dict[str, int], int]:
    """The files of the windows; windows by part, and those without a known bin, left out."""
    s, contigs = writer.settings, writer.source.contigs
    names, marks = [c.name for c in contigs], [c.split for c in contigs]
    test_N = tiling.parts(tiled, names, marks, s)
    counts, left_out = dict.fromkeys(tiling.PARTS, 0), 0
    lines = ['contig\tstart\tend\tpart']
    with contextlib.ExitStack() as stack:
        open_file = {
            (part, kind): stack.enter_context(open(folder / f'{part}.{kind}', 'wb'))
            for part in tiling.PARTS
            for kind in (BINS, KNOWN)
        }
        display = stack.enter_context(progress.bar(f'bins of {writer.source.name}', len(tiled)))
        for chunk in _chunks(tiled, max(1, _CHUNK // s.centre)):
            contig = contigs[tiled.contig_N[chunk[0]]]
            starts = tiled.start_N[chunk].tolist()
            value_NPC, known_NPC = writer.bins(contig, starts[0], len(chunk))
            for row, (start, number) in enumerate(zip(starts, chunk.tolist(), strict=True)):
                if not known_NPC[row].any():
                    left_out += 1
                    continue
                part = tiling.PARTS[int(test_N[number])]
                open_file[part, BINS].write(value_NPC[row].tobytes())
                open_file[part, KNOWN].write(known_NPC[row].tobytes())
                lines.append(f'{contig.name}\t{start}\t{start + s.centre}\t{part}')
                counts[part] += 1
            display.advance(len(chunk))
    _check_counts(writer, counts)
    (folder / 'windows.tsv').write_text('\n'.join(lines) + '\n')
    return counts, left_out


def _check_counts(writer: SpeciesWriter, counts: dict[str, int]) -> None:
    for part, count in counts.items():
        if not count:
            reason = max(writer.lost, key=writer.lost.get)
            fix = 'name fewer masks, or other contigs'
            if reason == masks.ABSENT:
                fix = "write zero in the column 'absent' if the files leave out rows of 0"
            raise errors.InputError(
                'TK14',
                f'no {part} window of {writer.source.name} has a known bin; most are lost to: '
                f'{reason}',
                fix=fix,
            )


def _chunks(tiled: tiling.Tiling, step: int) -> Iterator[np.ndarray]:
    """Numbers of windows of one block, at most `step` at a time."""
    edges = np.flatnonzero(np.diff(tiled.block_N)) + 1
    for block in np.split(np.arange(len(tiled)), edges):
        for first in range(0, len(block), step):
            yield block[first : first + step]


def read_signal(
    file: signal_file.SignalFile,
    row: signal_table.SignalRow,
    contig: sources.SourceContig,
    start: int,
    end: int,
) -> np.ndarray:
    """The value of every base of a contig from `start` to `end` - 1, shifted and scaled, float64.

    NaN: the base is beyond the contig, or has no value. With absent='zero' a base that no interval
    covers is 0; one in an interval whose value is NaN stays unknown.

    Raises:
        InputError: TK14, a value is infinite or, scaled, below 0; TK10, the file cannot be read.
    """
    value_L = np.full(end - start, np.nan)
    low, high = max(start - row.shift, 0), min(end - row.shift, contig.length)
    if low >= high:
        return value_L
    intervals = file.intervals(contig.name, low, high)
    read_L = binning.per_base(intervals, low, high) * row.scale
    wrong_L = np.isinf(read_L) | (read_L < 0)
    if wrong_L.any():
        at = int(np.argmax(wrong_L))
        raise _invalid(file, row, contig, low + at, float(read_L[at]))
    if row.absent == 'zero':
        read_L[~binning.covered(intervals, low, high)] = 0
    first = low + row.shift - start
    value_L[first : first + len(read_L)] = read_L
    return value_L


def _invalid(file, row, contig, position: int, value: float) -> errors.InputError:
    what, fix = 'infinite', 'correct the program that wrote the file'
    if np.isfinite(value):
        what = 'negative'
        fix = (
            f"write {-row.scale:g} in the column 'scale' of the track table if a sign says which "
            'strand; coverage is not negative'
        )
    return errors.InputError(
        'TK14',
        f'track {row.name!r}: the value {value:g} is {what}',
        path=file.path,
        record=contig.name,
        position=position + 1,
        fix=fix,
    )
