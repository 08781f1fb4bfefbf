"""Batches of coverage windows: functions of (seed, step), augmentation, pieces, and inputs that are no targets."""

import numpy as np
import pytest

from genojax import dna, errors
from genojax.tasks import feeds
from genojax.tasks.coverage import batches as track_batches
from genojax.tokenizers import nucleotide
from tests.data import track_files

TOKENIZER = nucleotide.NucleotideTokenizer()
RULES = {'human': 'DNASE:sample one', 'mouse': 'open_one'}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return track_files.write(tmp_path_factory.mktemp('tracks'))


def config(folder, **more):
    given = {'path': str(folder), 'organisms': {'human': 'one', 'mouse': 'two'}, **more}
    return feeds.TracksConfig(**given)


def feed(folder, seed=0, **more):
    return feeds.open_feed(config(folder, **more), seed, TOKENIZER, folder)


def test_a_batch_is_what_the_files_say(folder):
    source = feed(folder).sources[0]
    batch = next(iter(feed(folder).part('valid')))
    windows = source.organism.parts['test']
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
    windows = chosen.sources[0].organism.parts['test']
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
    copy = track_files.copy_of(folder, tmp_path)
    assert feed(copy).fingerprint == first
    assert feed(folder, shift=2).fingerprint != first
    assert feed(folder, seed=3).fingerprint != first
    track_files.change_npz(copy / 'two_valid.npz', target=track_files.with_value(5.0))
    assert feed(copy).fingerprint != first


def test_an_input_track_is_given_and_not_scored(folder):
    chosen = feed(folder, accessibility=RULES)
    batch = next(iter(chosen.part('valid')))
    stored = chosen.sources[0].organism.parts['test'].target_NPC[:2]
    assert batch['accessibility'].shape == (2, 32, 1)
    np.testing.assert_array_equal(batch['accessibility'][:, 8:24, 0], stored[..., 2])
    assert not batch['known'][..., 2].any() and not batch['targets'][..., 2].any()
    assert batch['known'][:, 8:24, [0, 1, 3]].all()
    # Outside the centre accessibility is not known either.
    assert not batch['accessibility'][:, :8].any() and not batch['accessibility'][:, 24:].any()
    np.testing.assert_array_equal(batch['accessibility_known'][0], (np.arange(32) // 8 % 3) != 0)


def test_organisms_with_unequal_inputs_are_refused(folder):
    with pytest.raises(errors.InputError, match='TK07.*as many in every organism'):
        feed(folder, accessibility={'human': 'DNASE', 'mouse': 'open_one'})
    with pytest.raises(ValueError, match='a rule for every organism'):
        config(folder, accessibility={'human': 'DNASE'})


def test_windows_that_share_bases_stay_in_one_part(folder, tmp_path):
    copy = track_files.copy_of(folder, tmp_path)
    # The second window's flank reaches into the first one's; the third stands alone.
    track_files.edit(copy / 'one_sequences.bed', '200000\t202048', '102500\t104548')
    for split_seed in range(6):
        rows = feed(copy, split_seed=split_seed).rows
        assert (0 in rows['fit'][0]) == (1 in rows['fit'][0])
