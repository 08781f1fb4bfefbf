"""A directory of coverage tracks: read as it was written, and every mistake has its error."""

import dataclasses
import json

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats import coverage, track_windows
from genojax.data.splits import track_overlap
from genojax.tasks.coverage import dataset
from genojax.tasks.coverage import rows as track_batches
from genojax.tokenizers import nucleotide

TOKENIZER = nucleotide.NucleotideTokenizer()


def track(stat='sum_sqrt', scale=1.0, clip=384.0, soft=64.0, pair=0, text='CAGE:a cell'):
    return coverage.Track('name', text, stat, scale, clip, soft, pair)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp('tracks')
    simulate.write_tracks(made, 'one', seed=0)
    simulate.write_tracks(made, 'two', windows=(9, 4), seed=1)
    return made


def config(folder, **more):
    given = {'path': str(folder), 'organisms': {'human': 'one', 'mouse': 'two'}, **more}
    return dataset.CoverageDataConfig(**given)


def feed(folder, seed=0, **more):
    return dataset.CoverageDatasets(config(folder, **more), seed, TOKENIZER, folder)


# Squashing


@pytest.mark.parametrize(
    ('recipe', 'stat', 'scale', 'summed', 'stored'),
    [
        ('root', 'sum_sqrt', 1.0, 1.0, 2**0.5 - 1),  # one read of a CAGE track: 0.41
        ('root', 'sum_sqrt', 0.02, 0.02 * 32, 1.64**0.5 - 1),  # one read over a bin of 32 bp: 0.28
        ('root', 'mean', 2.0, 32.0 + 8.0, 31.0 + 9.0**0.5 + 0.0),  # above clip_soft = 32
        ('root', 'sum', 1.0, 7.0, 7.0),
        ('power', 'sum_sqrt', 1.0, 16.0, 8.0),
        ('power', 'sum_sqrt', 0.5, 8.0, 4.0),  # scaled last: 0.5 * 16^0.75
        ('power', 'mean', 1.0, 41.0, 35.0),  # 32 + sqrt(9)
    ],
)
def test_a_squashed_value_is_the_one_worked_out_by_hand(recipe, stat, scale, summed, stored):
    one = [track(stat, scale, soft=32.0)]
    assert coverage.squash(np.array([summed]), one, recipe)[0] == pytest.approx(stored, rel=1e-12)
    assert coverage.unsquash(np.array([stored]), one, recipe)[0] == pytest.approx(summed, rel=1e-12)


@pytest.mark.parametrize('recipe', ['root', 'power'])
def test_unsquash_undoes_squash_over_all_sizes(recipe):
    summed = np.concatenate([[0.0], np.geomspace(1e-3, 1e4, 200)])
    for stat in coverage.known_statistics(recipe):
        one = [track(stat, scale=0.3, clip=np.inf)]
        stored = coverage.squash(summed[:, None], one, recipe)
        assert (np.diff(stored[:, 0]) > 0).all()
        back = coverage.unsquash(stored, one, recipe)[:, 0]
        np.testing.assert_allclose(back, summed, rtol=1e-9, atol=1e-12)


def test_sums_are_pooled_after_they_are_unsquashed_and_means_are_averaged():
    """Four bins with 0, 1, 8 and 3 reads hold 12; the roots' sum would say something else."""
    table = [track('sum_sqrt'), track('mean', pair=1)]
    reads = np.array([[0.0, 1.0, 8.0, 3.0]])
    stored = coverage.squash(np.stack([reads, reads], -1), table)
    made = coverage.pool(coverage.unsquash(stored, table), table, 4)
    np.testing.assert_allclose(made, [[[12.0, 3.0]]])


def test_only_what_is_above_clip_soft_is_bent():
    table = [track(soft=64.0), track(soft=np.inf, pair=1)]
    x = np.array([[[10.0, 10.0], [64.0, 64.0], [88.0, 88.0]]])
    np.testing.assert_allclose(coverage.bend(x, table), [[[10, 10], [64, 64], [68, 88]]])


# The directory


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
