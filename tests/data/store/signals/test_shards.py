"""Windows of shards: read in parts, pooled, wrapped, and refused where they were changed."""

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats.track_files import coverage, track_windows
from genojax.data.store.signals import shards
from tests.data import signal_files


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = signal_files.write(tmp_path_factory.mktemp('signals'))
    signal_files.prepared(folder)
    return folder


def open_train(folder, bin=16, soft_clip=False):
    return shards.open_organism(folder / 'out', 'genome', bin, soft_clip).parts['train']


def test_windows_taken_are_those_of_all_and_the_dna_around_them(folder):
    train = open_train(folder)
    whole, rows = train.load(), np.array([5, 0, 7])
    some = train.take(rows).take(np.array([2, 0])).load()
    for name in ('codes_NL', 'target_NPC', 'known_NPC'):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[[7, 5]])
    assert some.centres == (train.centres[7], train.centres[5])
    joined = np.concatenate([part.codes_NL for part in track_windows.chunks(train, 3)])
    np.testing.assert_array_equal(joined, whole.codes_NL)
    for row, centre in enumerate(whole.centres):
        codes = signal_files.sequence(centre.contig)
        padded = np.pad(codes, 300, constant_values=4)
        first = centre.start - 64 + 300
        np.testing.assert_array_equal(whole.codes_NL[row], padded[first : first + 256])


def test_a_bin_of_several_is_known_if_all_are(folder):
    fine, coarse = open_train(folder).load(), open_train(folder, 32).load()
    known = fine.known_NPC.reshape(len(fine), 4, 2, 4)
    np.testing.assert_array_equal(coarse.known_NPC, known.all(2))
    values = fine.target_NPC.reshape(len(fine), 4, 2, 4)
    pooled = np.stack(
        [*(values[..., c].sum(2) for c in (0, 1)), values[..., 2].mean(2), values[..., 3].max(2)],
        -1,
    )
    np.testing.assert_allclose(coarse.target_NPC, np.where(coarse.known_NPC, pooled, 0), rtol=1e-6)
    assert not coarse.target_NPC[~coarse.known_NPC].any()
    with pytest.raises(errors.InputError, match='TK05.*data.bin=16, or prepare'):
        open_train(folder, 24)


def test_values_are_clipped_softly_on_request(tmp_path):
    folder = signal_files.write(tmp_path)
    text = (folder / 'tracks.tsv').read_text().splitlines()
    rows = [f'{line}\t{"clip_soft" if i == 0 else 20}' for i, line in enumerate(text)]
    (folder / 'tracks.tsv').write_text('\n'.join(rows) + '\n')
    signal_files.prepared(folder)
    plain, clipped = open_train(folder).load(), open_train(folder, soft_clip=True)
    assert plain.target_NPC.max() > 25
    expected = coverage.soft_clip(plain.target_NPC, clipped.tracks)
    np.testing.assert_allclose(clipped.load().target_NPC, expected, rtol=1e-6)


def test_files_that_were_changed_are_refused(tmp_path):
    folder = signal_files.write(tmp_path)
    signal_files.prepared(folder)
    with pytest.raises(errors.UsageError, match="no species 'x'; it has genome"):
        shards.open_organism(folder / 'out', 'x', 16, False)
    for name in ('bases.u8', 'train.bins.f32', 'test.known.u8', 'windows.tsv'):
        path = folder / 'out' / 'genome' / name
        data = path.read_bytes()
        path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
        with pytest.raises(errors.DamageError, match=f'AR01: .*{name}: its content differs'):
            open_train(folder)
        path.write_bytes(data)
    path = folder / 'out' / 'tracks.json'
    path.write_text(path.read_text().replace('"crop": 64', '"crop": 65'))
    with pytest.raises(errors.DamageError, match='tracks.json was changed'):
        open_train(folder)
