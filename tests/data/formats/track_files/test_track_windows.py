"""A directory of coverage tracks: read as it was written, and every mistake has its error."""

import dataclasses
import json

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats.track_files import coverage, track_windows
from tests.data import track_files
from tests.data.track_files import ONE, TWO, change_npz, edit, with_value


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return track_files.write(tmp_path_factory.mktemp('tracks'))


def test_what_was_simulated_is_read_back(folder):
    organism = track_windows.read(folder, 'one')
    with np.load(folder / 'one_train.npz') as file:
        rate = file['rate'].astype(np.float64)
    assert organism.crop == 1024 and organism.parts['train'].target_NPC.shape == (24, 16, 4)
    expected = coverage.pool(rate, organism.tracks, 4)
    read = organism.parts['train'].target_NPC
    # Reads are Poisson draws around the rate: the total of 24 windows is within a few standard errors.
    total, mean = read[..., 0].sum(), expected[..., 0].sum()
    assert abs(total - mean) < 5 * mean**0.5
    assert np.corrcoef(read[..., 0].ravel(), expected[..., 0].ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    ('code', 'damage', 'words'),
    [
        ('TK01', lambda d: (d / ONE).unlink(), ONE),
        ('TK01', lambda d: (d / ONE).write_bytes((d / ONE).read_bytes()[:900]), ONE),
        ('TK02', lambda d: change_npz(d / ONE, seq=lambda x: x.astype(np.int64)), 'int64'),
        ('TK02', lambda d: change_npz(d / ONE, seq=lambda x: x[:, :-32]), '4064 bp'),
        ('TK02', lambda d: change_npz(d / ONE, seq=lambda x: x + 3), 'holds 6'),
        ('TK02', lambda d: change_npz(d / ONE, target=lambda x: x[:, :-1]), 'target is'),
        ('TK03', lambda d: change_npz(d / ONE, target=with_value(np.nan)), 'window 4, bin 3, track reads-: not finite'),
        ('TK03', lambda d: change_npz(d / ONE, target=with_value(-0.5)), 'window 4, bin 3, track reads-: negative'),
        ('TK04', lambda d: change_npz(d / ONE, seq=lambda x: x[:9], target=lambda x: x[:9]), '9 train windows'),
        ('TK04', lambda d: edit(d / 'one_sequences.bed', '\t100000\t', ' 100000 '), 'one_sequences.bed:1'),
        ('TK05', lambda d: edit(d / 'one_statistics.json', '"crop_bp": 1024', '"crop_bp": 512'), '64 bins of 32 bp'),
        ('TK05', lambda d: edit(d / 'one_sequences.bed', '102048', '102049'), '2049 bp'),
        ('TK06', lambda d: edit(d / TWO, 'strand_pair', 'pair'), 'no column strand_pair'),
        ('TK06', lambda d: edit(d / TWO, 'sum_sqrt\t1\t', 'sum_sqrt\t2\t'), 'reads. is paired with'),
        ('TK06', lambda d: edit(d / TWO, 'mean', 'median'), "'median' is not a statistic"),
        ('TK06', lambda d: edit(d / TWO, '384', 'nan'), 'clip'),
        ('TK08', lambda d: edit(d / 'one_sequences.bed', '2500000\t2502048', '101000\t103048'), 'overlaps the training window'),
    ],
)  # fmt: skip
def test_a_mistake_is_one_error_with_its_code(folder, tmp_path, code, damage, words):
    copy = track_files.copy_of(folder, tmp_path)
    damage(copy)
    with pytest.raises(errors.InputError) as caught:
        track_windows.read(copy, 'one')
    assert caught.value.code == code and '\n' not in str(caught.value)
    assert words.split('.')[0] in str(caught.value)


def test_bins_that_the_files_do_not_divide_into_are_refused(folder):
    with pytest.raises(errors.InputError, match='TK05'):
        track_windows.read(folder, 'one', bin=48)
    with pytest.raises(errors.InputError, match='TK05'):
        track_windows.read(folder, 'one', bin=2048 * 2)


def test_a_pickle_inside_an_npz_is_not_opened(folder, tmp_path):
    copy = track_files.copy_of(folder, tmp_path)
    np.savez(copy / ONE, seq=np.array([{'a': 1}], object), target=np.zeros(1))
    with pytest.raises(errors.InputError, match='TK02'):
        track_windows.read(copy, 'one')


def test_statistics_that_are_not_json_are_refused(folder, tmp_path):
    copy = track_files.copy_of(folder, tmp_path)
    (copy / 'one_statistics.json').write_text('{')
    with pytest.raises(errors.InputError, match='TK01'):
        track_windows.read(copy, 'one')
    (copy / 'one_statistics.json').write_text(json.dumps({'seq_length': 4096.5}))
    with pytest.raises(errors.InputError, match='TK05'):
        track_windows.read(copy, 'one')


def test_the_valid_windows_of_the_files_are_the_test_part(folder):
    with np.load(folder / 'one_valid.npz') as file:
        codes = file['seq']
    parts = track_windows.read(folder, 'one').parts
    assert list(parts) == ['train', 'test']
    np.testing.assert_array_equal(parts['test'].codes_NL, codes)


def test_another_accessibility_track_of_an_input_s_sample_is_no_target(folder):
    organism = track_windows.read(folder, 'one')
    table = list(organism.tracks)
    table[3] = dataclasses.replace(table[3], description='ATAC:Sample  one')
    changed = dataclasses.replace(organism, tracks=tuple(table))
    inputs, target = track_windows.choose_inputs(changed, 'open_one')
    assert inputs.tolist() == [2] and target.tolist() == [True, True, False, False]


@pytest.mark.parametrize('rule', ['nothing like it', '(', 'CAGE:sample one$|:', r'reads\+'])
def test_an_invalid_rule_is_refused(folder, rule):
    with pytest.raises(errors.InputError, match='TK07'):
        track_windows.choose_inputs(track_windows.read(folder, 'one'), rule)


@pytest.mark.real
def test_the_real_directory_is_read_and_lies_as_the_bed_file_says(real_data):
    counts = {'hg38': (45, 10, 74), 'mm10': (28, 13, 32)}
    for name, (train, valid, number) in counts.items():
        organism = track_windows.read(real_data / 'tracks_borzoi_tiny', name)
        assert len(organism.tracks) == number and organism.crop == 32_768
        assert [len(part) for part in organism.parts.values()] == [train, valid]
        assert organism.parts['train'].target_NPC.shape == (train, 512, number)
        # Open chromatin lies in CpG islands: bins and sequence are aligned, not off by one or reversed.
        codes = organism.parts['train'].codes_NL
        pairs = (codes[:, :-1] == 1) & (codes[:, 1:] == 2)
        islands = np.pad(pairs, ((0, 0), (0, 1))).reshape(train, -1, 128).sum(-1)
        opened = [n for n, track in enumerate(organism.tracks) if track.assay == 'DNASE']
        y = np.log1p(organism.parts['train'].target_NPC[..., opened].mean(-1)).ravel()
        lags = {lag: islands[:, 256 + lag : 768 + lag].ravel() for lag in (-2, -1, 0, 1, 2)}
        r = {lag: np.corrcoef(x, y)[0, 1] for lag, x in lags.items()}
        assert max(r, key=r.get) == 0 and r[0] > 0.15
        reversed_r = np.corrcoef(islands[:, 256:768][:, ::-1].ravel(), y)[0, 1]
        assert reversed_r < r[0] / 3
