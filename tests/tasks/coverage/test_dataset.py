"""Windows with coverage tracks as batches: functions of (seed, step), splits, and errors."""

import dataclasses
import itertools

import numpy as np
import pytest

from genojax import errors
from genojax.cli import flags
from genojax.data.datasets import base
from genojax.tasks.coverage import dataset
from genojax.tokenizers import nucleotide
from tests import commands
from tests.data import track_files

TOKENIZER = nucleotide.NucleotideTokenizer()
RULES = {'human': 'DNASE:sample one', 'mouse': 'open_one'}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return track_files.write(tmp_path_factory.mktemp('tracks'))


def make_config(folder, **changes):
    values = {'path': str(folder), 'organisms': {'human': 'one', 'mouse': 'two'}, **changes}
    return dataset.CoverageDataConfig(**values)


def open_datasets(folder, seed=0, **changes):
    return dataset.CoverageDatasets(make_config(folder, **changes), seed, TOKENIZER, folder)


def test_a_batch_holds_what_the_files_do(folder):
    datasets = open_datasets(folder)
    batch = next(datasets.test())
    windows = datasets.windows(0, 'test')
    assert batch['tokens'].shape == (2, 4096) and batch['targets'].shape == (2, 32, 4)
    np.testing.assert_array_equal(batch['tokens'] - 5, windows.codes_NL[:2])
    np.testing.assert_array_equal(batch['targets'][:, 8:24], windows.target_NPC[:2])
    known = np.zeros((2, 32, 4), bool)
    known[:, 8:24] = True
    np.testing.assert_array_equal(batch['known'], known)
    assert not batch['targets'][~known].any()


def test_every_piece_is_trained_on_once_per_epoch(folder):
    datasets = open_datasets(folder, pieces=4, shift=0, reverse_complement=False, batch_size=1)
    train = len(datasets.chosen['train'][0])
    batches = itertools.islice(datasets.train(), 8 * train)
    rows = {batch['tokens'].tobytes() for batch in batches if batch['organism'][0] == 0}
    assert len(rows) == 4 * train


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'pieces': 3}, 'does not divide the centre of 2048 bp'),
        ({'pieces': 32}, 'pieces of whole bins of 128 bp'),
        ({'pieces': 4, 'length': 2816}, 'must be at most 2560'),
        ({'pieces': 4, 'length': 256}, 'of a piece of 512 bp'),
        ({'length': 4000}, 'leave whole bins'),
    ],
)
def test_pieces_and_lengths_that_do_not_fit_are_refused(folder, changes, message):
    with pytest.raises(errors.UsageError, match=message):
        open_datasets(folder, **changes)


def test_training_batches_are_functions_of_seed_and_step_and_organisms_alternate(folder):
    uninterrupted = list(itertools.islice(open_datasets(folder).train(), 8))
    assert [int(batch['organism'][0]) for batch in uninterrupted] == [0, 1] * 4
    resumed = open_datasets(folder).train(5)
    for batch in uninterrupted[5:]:
        again = next(resumed)
        for name, value in batch.items():
            np.testing.assert_array_equal(again[name], value)
    other = next(open_datasets(folder, seed=1).train())
    assert (other['tokens'] != uninterrupted[0]['tokens']).any()


def test_two_hosts_together_read_the_batch_of_one(folder):
    one = next(open_datasets(folder).train(2))
    parts = [next(open_datasets(folder).train(2, base.Shard(index, 2))) for index in range(2)]
    for name, value in one.items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), value)
    with pytest.raises(errors.InputError, match='MX09'):
        open_datasets(folder).train(shard=base.Shard(0, 3))


def test_an_epoch_reads_every_training_window_once_and_no_other(folder):
    datasets = open_datasets(folder, batch_size=1, reverse_complement=False, shift=0)
    train, validation = (datasets.chosen[split][1] for split in ('train', 'validation'))
    assert not set(train) & set(validation) and len(train) + len(validation) == 9
    batches = enumerate(itertools.islice(datasets.train(), 2 * len(train)))
    rows = {batch['tokens'].tobytes() for step, batch in batches if step % 2 == 1}
    codes = datasets.windows(1, 'train').codes_NL
    assert rows == {TOKENIZER.encode(row[None]).tobytes() for row in codes}
    assert len(rows) == len(train)


def test_validation_reads_the_training_windows_set_aside(folder):
    datasets = open_datasets(folder)
    rows = {
        row.tobytes()
        for batch in datasets.validation()
        for row in batch['tokens'][batch['weight'] > 0]
    }
    codes = [datasets.windows(number, 'validation').codes_NL for number in range(2)]
    assert rows == {TOKENIZER.encode(row).tobytes() for part in codes for row in part}


def test_windows_that_share_bases_are_in_one_split(folder, tmp_path):
    copy = track_files.copy_of(folder, tmp_path)
    # The second window's flank reaches into the first one's; the third shares nothing.
    track_files.edit(copy / 'one_sequences.bed', '200000\t202048', '102500\t104548')
    for split_seed in range(6):
        train = open_datasets(copy, split_seed=split_seed).chosen['train'][0]
        assert (0 in train) == (1 in train)


def test_the_last_batch_is_filled_with_rows_of_weight_0(folder):
    batches = list(open_datasets(folder, batch_size=3).test())
    assert [batch['weight'].tolist() for batch in batches][2] == [1, 1, 0]
    assert sum(batch['weight'].sum() for batch in batches) == 8 + 4


def test_a_shorter_row_is_the_centre_of_its_window(folder):
    whole, short = open_datasets(folder), open_datasets(folder, length=1024)
    a, b = next(whole.test()), next(short.test())
    np.testing.assert_array_equal(b['tokens'], a['tokens'][:, 1536:2560])
    np.testing.assert_array_equal(b['targets'], a['targets'][:, 12:20])
    assert b['known'].all()
    with pytest.raises(errors.UsageError, match='data.length=1000'):
        open_datasets(folder, length=1000)


def test_a_field_that_came_later_leaves_the_fingerprints_of_earlier_runs():
    config = dataset.CoverageDataConfig(path='x', organisms={'human': 'human'})
    assert set(base.hashed_fields(config)) == {
        *('path', 'organisms', 'batch_size', 'bin', 'pieces', 'length', 'validation'),
        *('split_seed', 'reverse_complement', 'shift', 'transform', 'soft_clip', 'accessibility'),
    }
    later = dataclasses.replace(config, contacts='y', contact_bin=1024)
    assert {'contacts', 'contact_bin'} < set(base.hashed_fields(later))


def test_the_fingerprint_depends_on_data_and_settings_and_not_on_the_path(folder, tmp_path):
    first = open_datasets(folder).fingerprint
    copy = track_files.copy_of(folder, tmp_path)
    assert open_datasets(copy).fingerprint == first
    assert open_datasets(folder, shift=2).fingerprint != first
    assert open_datasets(folder, seed=3).fingerprint != first
    track_files.change_npz(copy / 'two_valid.npz', target=track_files.with_value(5.0))
    assert open_datasets(copy).fingerprint != first


def test_an_input_track_is_no_target(folder):
    datasets = open_datasets(folder, accessibility=RULES)
    batch = next(datasets.test())
    stored = datasets.windows(0, 'test').target_NPC[:2]
    assert batch['accessibility'].shape == (2, 32, 1)
    np.testing.assert_array_equal(batch['accessibility'][:, 8:24, 0], stored[..., 2])
    assert not batch['known'][..., 2].any() and not batch['targets'][..., 2].any()
    assert batch['known'][:, 8:24, [0, 1, 3]].all()
    # Outside the centre accessibility is not known either.
    assert not batch['accessibility'][:, :8].any() and not batch['accessibility'][:, 24:].any()
    np.testing.assert_array_equal(batch['accessibility_known'][0], (np.arange(32) // 8 % 3) != 0)
    organisms = datasets.description['organisms']
    assert [row['tracks'] for row in organisms.values()] == [3, 3]
    assert 'each one row of 4,096 bp; 3 tracks' in datasets.summary[0]
    assert organisms['human']['inputs'] == ['DNASE:sample one']


def test_organisms_with_unequal_numbers_of_inputs_are_refused(folder):
    with pytest.raises(errors.InputError, match='TK07.*every organism needs the same number'):
        open_datasets(folder, accessibility={'human': 'DNASE', 'mouse': 'open_one'})
    with pytest.raises(ValueError, match='a rule for every organism'):
        make_config(folder, accessibility={'human': 'DNASE'})


def test_simulated_tracks_are_written_once(tmp_path):
    first = open_datasets(tmp_path, path='simulated')
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / 'tracks').iterdir()}
    again = open_datasets(tmp_path, path='simulated')
    assert again.fingerprint == first.fingerprint
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / 'tracks').iterdir()} == files


def test_missing_and_invalid_settings_are_refused(folder):
    with pytest.raises(errors.UsageError, match='data.path is empty'):
        open_datasets(folder, path='')
    config = make_config(folder)
    for field, value in (
        ('batch_size', 0), ('bin', 0), ('pieces', 0), ('length', -1), ('shift', -1),
        ('validation', 0.0), ('organisms', {}),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=field):
            dataclasses.replace(config, **{field: value})


@pytest.mark.parametrize('rule', [{}, {'human': '^DNASE:HepG2$', 'mouse': '^DNASE:liver'}])
def test_the_fix_of_no_path_names_all_fields_that_simulated_tracks_need(tmp_path, rule):
    """As for `--config=enformer`, whose rows and batches are larger than what is simulated."""
    config = make_config('', length=196_608, batch_size=64, accessibility=rule)
    config = dataclasses.replace(config, path='')
    with pytest.raises(errors.UsageError, match='data.path is empty. Fix: ') as caught:
        dataset.CoverageDatasets(config, 0, TOKENIZER, tmp_path)
    values = {'data': dataclasses.asdict(config)}
    for option in commands.paste(str(caught.value).partition('Fix: ')[2]):
        path, _, text = option.removeprefix('--config.tasks.TASK.').partition('=')
        flags.override(values, path, text)
    pasted = dataset.CoverageDataConfig(**values['data'])
    datasets = dataset.CoverageDatasets(pasted, 0, TOKENIZER, tmp_path)
    assert next(datasets.test())['tokens'].shape == (2, 4096)


def test_the_fix_of_rows_that_are_too_long_reads_the_largest(folder):
    with pytest.raises(errors.UsageError, match='at most 4096 .*data.length=0 reads') as caught:
        open_datasets(folder, length=9999)
    (option,) = commands.paste(str(caught.value).partition('Fix: ')[2])
    assert option.endswith('.data.length=0') and open_datasets(folder, length=0)
