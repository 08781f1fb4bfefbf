"""The shards of a small genome equal bins computed by a slow loop, and are written once."""

import pathlib

import numpy as np
import pytest

import genojax
from genojax import errors
from genojax.data.store.signals import prepare, shards, track_settings
from tests.data import signal_files


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = signal_files.write(tmp_path_factory.mktemp('signals'))
    signal_files.prepared(folder)
    return folder


def slow_bin(track: str, name: str, start: int) -> float:
    """The value of a bin of 16 bases by a loop; NaN where it is unknown."""
    seeds = {'plus': 1, 'minus': 2, 'open': 3, 'sparse': 4}
    codes, values = signal_files.sequence(name), []
    for base in range(start, start + 16):
        source = base - 4 if track == 'open' else base
        if base >= len(codes) or codes[base] == 4 or source < 0:
            return np.nan
        if name == 'chr1' and 900 <= base < 1000:
            return np.nan
        if track == 'open' and name == 'chr2' and 300 <= source < 420:
            return np.nan
        values.append(signal_files.values(name, seeds[track])[source])
    return {'open': np.mean(values) / 2, 'sparse': np.max(values)}.get(track, np.sum(values))


def test_bins_and_their_mask_are_those_of_a_slow_loop(folder):
    organism = shards.open_organism(folder / 'out', 'genome', 16, False)
    assert [track.identifier for track in organism.tracks] == ['plus', 'minus', 'open', 'sparse']
    assert organism.pairs.tolist() == [1, 0, 2, 3]
    unknown = 0
    for part in ('train', 'test'):
        windows = organism.parts[part].load()
        for row, centre in enumerate(windows.centres):
            assert (centre.contig == 'chr3') == (part == 'test')
            for column, track in enumerate(organism.tracks):
                for number in range(8):
                    expected = slow_bin(track.identifier, centre.contig, centre.start + 16 * number)
                    known = windows.known_NPC[row, number, column]
                    assert known == (not np.isnan(expected))
                    unknown += not known
                    value = windows.target_NPC[row, number, column]
                    assert value == pytest.approx(0 if np.isnan(expected) else expected, rel=1e-6)
    assert unknown > 50


def test_what_is_not_known_is_counted_by_reason(folder):
    entry = shards.read_value(folder / 'out')['organisms']['genome']
    organism = shards.open_organism(folder / 'out', 'genome', 16, False)
    lost = entry['lost_bins']
    known = sum(int(part.load().known_NPC.sum()) for part in organism.parts.values())
    assert entry['bins'] - sum(lost.values()) == known
    assert all(lost[reason] for reason in ('beyond the contig', 'N', 'blacklist', 'absent'))
    assert lost['unmappable'] == 0
    rows = 'blacklist blacklist.bed: rows '
    assert [note.startswith(rows) for note in entry['notes']] == [True, True]
    assert entry['known_share']['plus'] > entry['known_share']['open'] > 0.5


def test_the_same_command_writes_nothing_and_another_is_refused(folder):
    files = {path: path.stat().st_mtime_ns for path in (folder / 'out').rglob('*')}
    assert signal_files.prepared(folder).status == 'up to date'
    assert {path: path.stat().st_mtime_ns for path in (folder / 'out').rglob('*')} == files
    with pytest.raises(errors.UsageError, match='holds tracks of other files or settings.*_2'):
        signal_files.prepared(folder, bin=32)
    (folder / 'full').mkdir(exist_ok=True)
    (folder / 'full' / 'x').touch()
    with pytest.raises(errors.UsageError, match='full is not empty'):
        signal_files.prepared(folder, 'full')


def test_shards_do_not_depend_on_folders_and_a_mistake_leaves_none(folder, tmp_path):
    copy = signal_files.write(tmp_path)
    signal_files.prepared(copy)
    first, second = (shards.read_value(where / 'out') for where in (folder, copy))
    assert first == second
    with open(copy / 'minus.bg', 'a') as file:
        file.write('chr3\t999\t1001\t1\n')
    with pytest.raises(errors.InputError, match='TK1[23]'):
        signal_files.prepared(copy, 'second')
    assert not [path for path in pathlib.Path(copy).iterdir() if path.name.startswith('second')]


def test_contigs_are_chosen_and_named_before_signals_are_read(folder, tmp_path):
    copy = signal_files.write(tmp_path)
    with pytest.raises(errors.UsageError, match=r"--test: no contig 'chr9' is read; there are 'c"):
        signal_files.prepared(copy, test=('chr9',))
    text = (copy / 'plus.bg').read_text()
    (copy / 'plus.bg').write_text(
        '\n'.join(line for line in text.split('\n') if not line.startswith('chr2'))
    )
    words = "TK11.*plus.bg: no contig 'chr2', which genome.fa has; this file has 'chr1', 'chr3'"
    with pytest.raises(errors.InputError, match=words) as caught:
        signal_files.prepared(copy)
    assert 'Fix: --contigs=chr1,chr3' in str(caught.value)
    value = signal_files.prepared(copy, contigs=('chr1', 'chr3')).value
    entry = value['organisms']['genome']
    assert [contig['name'] for contig in entry['contigs']] == ['chr1', 'chr3']
    assert "open.bg: contigs that are not read: 1 ('chr2')" in entry['notes']


def test_the_public_names_are_these():
    assert genojax.prepare_tracks is prepare.prepare_tracks
    assert genojax.TrackSettings is track_settings.TrackSettings
