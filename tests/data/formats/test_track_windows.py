"""Coverage tracks: squashing and back, every mistake of a directory, augmentation, leaks, and inputs that are no targets."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from genojax import dna, errors, simulate
from genojax.data.formats import coverage, track_windows
from genojax.data.splits import track_overlap
from genojax.tasks import feeds
from genojax.tasks.coverage import batches as track_batches
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
    return feeds.TracksConfig(**given)


def feed(folder, seed=0, **more):
    return feeds.open_feed(config(folder, **more), seed, TOKENIZER, folder)


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
    got = organism.parts['train'].target_NPC
    # Reads are Poisson draws around the rate: the total of 24 windows is within a few standard errors.
    total, meant = got[..., 0].sum(), expected[..., 0].sum()
    assert abs(total - meant) < 5 * meant**0.5
    assert np.corrcoef(got[..., 0].ravel(), expected[..., 0].ravel())[0, 1] > 0.9


def damaged(folder, tmp_path):
    copy = tmp_path / 'copy'
    shutil.copytree(folder, copy)
    return copy


def change_npz(path, **arrays):
    with np.load(path) as file:
        kept = {name: file[name] for name in file.files}
    for name, change in arrays.items():
        kept[name] = change(kept[name])
    np.savez(path, **kept)


def with_value(value):
    def change(target):
        target = target.copy()
        target[3, 2, 1] = value
        return target

    return change


ONE, TWO = 'one_train.npz', 'one_targets.tsv'


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
        ('TK06', lambda d: edit(d / TWO, 'mean', 'median'), "'median' has no known inverse"),
        ('TK06', lambda d: edit(d / TWO, '384', 'nan'), 'clip'),
        ('TK08', lambda d: edit(d / 'one_sequences.bed', '2500000\t2502048', '101000\t103048'), 'overlaps the training window'),
    ],
)  # fmt: skip
def test_a_mistake_is_one_error_with_its_code(folder, tmp_path, code, damage, words):
    copy = damaged(folder, tmp_path)
    damage(copy)
    with pytest.raises(errors.InputError) as caught:
        track_windows.read(copy, 'one')
    assert caught.value.code == code and '\n' not in str(caught.value)
    assert words.split('.')[0] in str(caught.value)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_bins_that_the_file_cannot_give_are_refused(folder):
    with pytest.raises(errors.InputError, match='TK05'):
        track_windows.read(folder, 'one', bin=48)
    with pytest.raises(errors.InputError, match='TK05'):
        track_windows.read(folder, 'one', bin=2048 * 2)


def test_a_pickle_inside_an_npz_is_not_opened(folder, tmp_path):
    copy = damaged(folder, tmp_path)
    np.savez(copy / ONE, seq=np.array([{'a': 1}], object), target=np.zeros(1))
    with pytest.raises(errors.InputError, match='TK02'):
        track_windows.read(copy, 'one')


# Batches


def test_a_batch_is_what_the_files_say(folder):
    source = feed(folder).sources[0]
    batch = next(iter(feed(folder).part('valid')))
    windows = source.organism.parts['valid']
    assert batch['tokens'].shape == (2, 4096) and batch['targets'].shape == (2, 32, 4)
    np.testing.assert_array_equal(batch['tokens'] - 5, windows.codes_NL[:2])
    np.testing.assert_array_equal(batch['targets'][:, 8:24], windows.target_NPC[:2])
    known = np.zeros((2, 32, 4), bool)
    known[:, 8:24] = True
    np.testing.assert_array_equal(batch['known'], known)
    assert not batch['targets'][~known].any()


def test_the_other_strand_reverses_bins_and_exchanges_the_strands_of_pairs(folder):
    chosen = feed(folder)
    ahead, back = (next(iter(chosen.part('valid', flip))) for flip in (False, True))
    for row in range(2):
        forward = dna.decode((ahead['tokens'][row] - 5).astype(np.uint8))
        there = dna.decode((back['tokens'][row] - 5).astype(np.uint8))
        assert there == dna.reverse_complement_text(forward)
    np.testing.assert_array_equal(back['targets'], ahead['targets'][:, ::-1][..., [1, 0, 2, 3]])
    source = chosen.sources[0]
    np.testing.assert_array_equal(
        source.flipped(source.flipped(ahead['targets'])), ahead['targets']
    )


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize(('pieces', 'length'), [(4, 1024), (2, 0), (4, 512)])
def test_pieces_share_a_window_s_centre_out_with_its_own_dna_around_each(
    folder, pieces, length, flip
):
    """A centre of 2,048 bp of 4,096, bins of 128 bp; every expected row is cut from the window by hand."""
    chosen = feed(folder, pieces=pieces, length=length, accessibility=RULES, batch_size=3)
    length, piece = length or 3072, 2048 // pieces
    windows = chosen.sources[0].organism.parts['valid']
    wide = np.zeros((len(windows), 32, 4), np.float32)
    wide[:, 8:24] = windows.target_NPC
    rows = [x for batch in chosen.part('valid', flip) for x in _rows(batch) if x['organism'] == 0]
    assert len(rows) == pieces * len(windows)
    for number, row in enumerate(rows):
        window, part = divmod(number, pieces)
        middle = 1024 + part * piece + piece // 2
        first = middle - length // 2
        codes = windows.codes_NL[window, first : first + length]
        bins = slice(first // 128, (first + length) // 128)
        mine = np.abs(np.arange(bins.start, bins.stop) * 128 + 64 - middle) < piece // 2
        targets = np.where(mine[:, None] & [True, True, False, True], wide[window, bins], 0)
        given = wide[window, bins, 2]
        if flip:
            codes = dna.reverse_complement(codes[None])[0]
            targets, given, mine = targets[::-1, [1, 0, 2, 3]], given[::-1], mine[::-1]
        np.testing.assert_array_equal(row['tokens'] - 5, codes)
        np.testing.assert_array_equal(row['targets'], targets)
        np.testing.assert_array_equal(row['known'].all(1) | mine, mine)
        np.testing.assert_array_equal(row['known'][:, 0], mine)
        np.testing.assert_array_equal(row['accessibility'][:, 0], given)
        assert row['accessibility_known'].sum() == min(length // 128, 16) or pieces == 4


def _rows(batch):
    count = int(batch['weight'].sum())
    return [{name: values[row] for name, values in batch.items()} for row in range(count)]


def test_every_piece_is_trained_on_once_an_epoch(folder):
    chosen = feed(folder, pieces=4, shift=0, reverse_complement=False, batch_size=1)
    fit = len(chosen.rows['fit'][0])
    drawn = [next_ for _, next_ in zip(range(8 * fit), chosen.train(0), strict=False)]
    seen = {batch['tokens'].tobytes() for batch in drawn if batch['organism'][0] == 0}
    assert len(seen) == 4 * fit


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        ({'pieces': 3}, 'do not share the centre of 2048 bp'),
        ({'pieces': 32}, 'in whole bins of 128 bp'),
        ({'pieces': 4, 'length': 2816}, 'must be at most 2560'),
        ({'pieces': 4, 'length': 256}, 'of a piece of 512 bp'),
        ({'length': 4000}, 'leave whole bins'),
    ],
)
def test_pieces_and_lengths_that_do_not_fit_are_refused(folder, given, words):
    with pytest.raises(errors.UsageError, match=words):
        feed(folder, **given)


def test_a_shift_moves_dna_and_keeps_its_length():
    codes = np.array([[0, 1, 2, 3, 0, 1]], np.uint8)
    for shift, expected in ((1, [1, 2, 3, 0, 1, 4]), (-2, [4, 4, 0, 1, 2, 3]), (0, codes[0])):
        np.testing.assert_array_equal(
            track_batches.shifted(codes, np.array([shift]), 6)[0], expected
        )
    np.testing.assert_array_equal(track_batches.shifted(codes, np.array([1]), 2)[0], [3, 0])


def test_training_batches_are_a_function_of_seed_and_step_and_organisms_take_turns(folder):
    chosen = feed(folder)
    whole = [batch for _, batch in zip(range(8), chosen.train(0), strict=False)]
    assert [int(batch['organism'][0]) for batch in whole] == [0, 1] * 4
    resumed = feed(folder).train(5)
    for batch in whole[5:]:
        again = next(resumed)
        for name, value in batch.items():
            np.testing.assert_array_equal(again[name], value)
    other = next(feed(folder, seed=1).train(0))
    assert (other['tokens'] != whole[0]['tokens']).any()


def test_two_hosts_together_get_the_batch_of_one(folder):
    one = next(feed(folder).train(2))
    parts = [next(feed(folder).train(2, (index, 2))) for index in range(2)]
    for name, value in one.items():
        np.testing.assert_array_equal(np.stack([parts[0][name][0], parts[1][name][0]]), value)


def test_an_epoch_shows_every_training_window_once_and_no_other(folder):
    chosen = feed(folder, batch_size=1, reverse_complement=False, shift=0)
    fit, tune = chosen.rows['fit'][1], chosen.rows['tune'][1]
    assert not set(fit) & set(tune) and len(fit) + len(tune) == 9
    batches = zip(range(2 * len(fit)), chosen.train(0), strict=False)
    seen = {batch['tokens'].tobytes() for step, batch in batches if step % 2 == 1}
    codes = chosen.sources[1].organism.parts['train'].codes_NL[fit]
    assert seen == {TOKENIZER.encode(row[None]).tobytes() for row in codes}


def test_windows_that_share_bases_stay_on_one_side(folder, tmp_path):
    copy = damaged(folder, tmp_path)
    # The second window's flank reaches into the first one's; the third stands alone.
    edit(copy / 'one_sequences.bed', '200000\t202048', '102500\t104548')
    organism = track_windows.read(copy, 'one')
    group = track_overlap.overlap_groups(organism.parts['train'], organism.crop)
    assert group[0] == group[1] and len(set(group.tolist())) == 23
    for split_seed in range(6):
        rows = feed(copy, split_seed=split_seed).rows
        assert (0 in rows['fit'][0]) == (1 in rows['fit'][0])


def test_the_held_out_part_is_padded_with_rows_of_no_weight(folder):
    batches = list(feed(folder, batch_size=3).part('valid'))
    assert [batch['weight'].tolist() for batch in batches][2] == [1, 1, 0]
    assert sum(batch['weight'].sum() for batch in batches) == 8 + 4


def test_a_shorter_window_keeps_its_centre(folder):
    whole, short = feed(folder), feed(folder, length=1024)
    a, b = next(iter(whole.part('valid'))), next(iter(short.part('valid')))
    np.testing.assert_array_equal(b['tokens'], a['tokens'][:, 1536:2560])
    np.testing.assert_array_equal(b['targets'], a['targets'][:, 12:20])
    assert b['known'].all()
    with pytest.raises(errors.UsageError, match='data.length=1000'):
        feed(folder, length=1000)


def test_the_fingerprint_knows_data_and_settings_but_not_where_they_lie(folder, tmp_path):
    first = feed(folder).fingerprint
    copy = damaged(folder, tmp_path)
    assert feed(copy).fingerprint == first
    assert feed(folder, shift=2).fingerprint != first
    assert feed(folder, seed=3).fingerprint != first
    change_npz(copy / 'two_valid.npz', target=with_value(5.0))
    assert feed(copy).fingerprint != first


# Inputs


RULES = {'human': 'DNASE:sample one', 'mouse': 'open_one'}


def test_an_input_track_is_given_and_not_scored(folder):
    chosen = feed(folder, accessibility=RULES)
    batch = next(iter(chosen.part('valid')))
    stored = chosen.sources[0].organism.parts['valid'].target_NPC[:2]
    assert batch['accessibility'].shape == (2, 32, 1)
    np.testing.assert_array_equal(batch['accessibility'][:, 8:24, 0], stored[..., 2])
    assert not batch['known'][..., 2].any() and not batch['targets'][..., 2].any()
    assert batch['known'][:, 8:24, [0, 1, 3]].all()
    # Outside the centre accessibility is not known either.
    assert not batch['accessibility'][:, :8].any() and not batch['accessibility'][:, 24:].any()
    np.testing.assert_array_equal(batch['accessibility_known'][0], (np.arange(32) // 8 % 3) != 0)


def test_another_accessibility_track_of_an_input_s_sample_is_no_target(folder):
    organism = track_windows.read(folder, 'one')
    table = list(organism.tracks)
    table[3] = dataclasses.replace(table[3], description='ATAC:Sample  one')
    changed = dataclasses.replace(organism, tracks=tuple(table))
    inputs, target = track_windows.choose_inputs(changed, 'open_one')
    assert inputs.tolist() == [2] and target.tolist() == [True, True, False, False]


@pytest.mark.parametrize('rule', ['nothing like it', '(', 'CAGE:sample one$|:', r'reads\+'])
def test_a_rule_that_cannot_be_meant_is_refused(folder, rule):
    with pytest.raises(errors.InputError, match='TK07'):
        track_windows.choose_inputs(track_windows.read(folder, 'one'), rule)


def test_organisms_with_unequal_inputs_are_refused(folder):
    with pytest.raises(errors.InputError, match='TK07.*as many in every organism'):
        feed(folder, accessibility={'human': 'DNASE', 'mouse': 'open_one'})
    with pytest.raises(ValueError, match='a rule for every organism'):
        config(folder, accessibility={'human': 'DNASE'})


# Leaks


def test_a_copied_window_is_seen_on_either_strand(folder, tmp_path):
    clean = track_overlap.leaks(track_windows.read(folder, 'one'))
    assert clean['kmer_share'] < 1e-3
    copy = damaged(folder, tmp_path)
    with np.load(copy / ONE) as file:
        stolen = dna.reverse_complement(file['seq'][2])
    change_npz(copy / 'one_valid.npz', seq=lambda x: np.concatenate([stolen[None], x[1:]]))
    found = track_overlap.leaks(track_windows.read(copy, 'one'))
    assert found['kmer_share_of_the_worst_window'] == 1
    assert found['kmer_share'] == pytest.approx(1 / 8, abs=0.02)
    edit(copy / 'one_sequences.bed', '2500000\t2502048', '102500\t104548')
    assert (
        track_overlap.leaks(track_windows.read(copy, 'one'))[
            'windows_whose_flanks_overlap_training'
        ]
        == 1
    )


# Real data


@pytest.mark.real
def test_the_real_tracks_hold_single_reads_as_roots(real_data):
    """Values pile up where whole reads are under the root: sqrt(2) - 1 for one of a CAGE track; reads of 32 bp of GTEx."""
    with np.load(real_data / 'tracks_borzoi_tiny' / 'hg38_train.npz') as file:
        cage = np.round(file['target'][..., :24].astype(np.float64), 2)
        gtex = np.round(file['target'][..., 62:64].astype(np.float64), 2)
    for values, scale, reads in ((cage, 1.0, (1, 2)), (gtex, 0.02, (32, 64, 96))):
        value, count = np.unique(values[values > 0], return_counts=True)
        often = dict(zip(np.round(value, 2).tolist(), count.tolist(), strict=True))
        for n in reads:
            here = round((1 + scale * n) ** 0.5 - 1, 2)
            near = [often.get(round(here + step / 100, 2), 0) for step in (-3, -2, 2, 3)]
            assert often[here] > 2 * max(near), (scale, n)
    # The earlier recipe would put two reads of 32 bp at 0.02 * 64^0.75 = 0.45, not at 0.51.
    assert often[0.51] > 4 * often.get(0.45, 0)


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


def test_statistics_that_are_no_json_are_told(folder, tmp_path):
    copy = damaged(folder, tmp_path)
    (copy / 'one_statistics.json').write_text('{')
    with pytest.raises(errors.InputError, match='TK01'):
        track_windows.read(copy, 'one')
    (copy / 'one_statistics.json').write_text(json.dumps({'seq_length': 4096.5}))
    with pytest.raises(errors.InputError, match='TK05'):
        track_windows.read(copy, 'one')
