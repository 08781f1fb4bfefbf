"""Batches of windows with contacts: splits, strands, hosts, and values that are masked."""

import itertools

import numpy as np
import pytest

from genojax import dna, errors
from genojax.data.datasets import base
from genojax.tasks.contacts import dataset
from genojax.tokenizers import nucleotide
from tests.data import contact_files

pytest.importorskip('h5py')
TOKENIZER = nucleotide.NucleotideTokenizer()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = contact_files.write(tmp_path_factory.mktemp('hic'))
    contact_files.prepared(folder)
    return folder / 'out'


def open_datasets(folder, seed: int = 0, **changes) -> dataset.ContactsDatasets:
    config = dataset.ContactsDataConfig(path=str(folder), **{'batch_size': 4, **changes})
    return dataset.ContactsDatasets(config, seed, TOKENIZER)


def test_sizes_are_those_of_the_folder_or_refused(folder):
    datasets = open_datasets(folder)
    assert (datasets.config.length, datasets.config.crop, datasets.config.bin) == (600, 100, 50)
    assert datasets.config.bins == 8 and datasets.diagonals == 2
    with pytest.raises(errors.UsageError, match=r'length 500 \(not 600\).*data.length=600'):
        open_datasets(folder, length=500, crop=100, bin=50)
    with pytest.raises(errors.UsageError, match='data.path is empty'):
        dataset.ContactsDatasets(dataset.ContactsDataConfig(), 0, TOKENIZER)
    with pytest.raises(ValueError, match='whole bins'):
        dataset.ContactsDataConfig(length=610, crop=100, bin=50)


def test_validation_takes_whole_blocks_and_no_window_is_in_two_splits(folder):
    datasets = open_datasets(folder, validation=0.3)
    counts = {split: len(windows) for split, windows in datasets.windows.items()}
    assert counts == {'train': 5, 'validation': 2, 'test': 2}
    assert len(set(itertools.chain(*datasets.windows.values()))) == 9
    assert datasets.description['windows'] == counts
    with pytest.raises(errors.InputError, match='SP01'):
        open_datasets(folder, validation=0.95)


def test_a_batch_has_the_logarithm_where_it_is_known_and_0_elsewhere(folder):
    datasets = open_datasets(folder)
    batch = next(datasets.test())
    assert batch['weight'].tolist() == [1, 1, 0, 0]
    rows = datasets.load(datasets.windows['test'])
    expected = np.log((rows.contacts_NPP + 0.1) / 1.1)
    known = rows.known_NPP
    np.testing.assert_allclose(batch['contacts'][:2][known], expected[known], rtol=1e-5, atol=1e-6)
    assert (batch['contacts'][~batch['known']] == 0).all()
    for values in (batch['contacts'], batch['known']):
        np.testing.assert_array_equal(values, values.swapaxes(1, 2))
    distance = np.abs(np.arange(8)[:, None] - np.arange(8))
    assert not batch['known'][:, distance < 2].any()


def test_the_other_strand_has_bases_and_bins_in_reverse(folder):
    datasets = open_datasets(folder)
    forward, backward = next(datasets.in_order('test')), next(datasets.in_order('test', flip=True))
    codes = datasets.load(datasets.windows['test']).codes_NL
    expected = TOKENIZER.encode(dna.reverse_complement(codes), special=False)
    np.testing.assert_array_equal(backward['tokens'][:2], expected)
    for name in ('contacts', 'known'):
        np.testing.assert_array_equal(backward[name], forward[name][:, ::-1, ::-1])


def test_hosts_share_the_batches_and_a_step_is_a_function_of_the_seed(folder):
    datasets = open_datasets(folder)
    whole = list(itertools.islice(datasets.train(3), 2))
    for count in (2, 4):
        parts = [
            list(itertools.islice(datasets.train(3, base.Shard(index, count)), 2))
            for index in range(count)
        ]
        for step, batch in enumerate(whole):
            for name, values in batch.items():
                joined = np.concatenate([part[step][name] for part in parts])
                np.testing.assert_array_equal(joined, values)
    later = next(open_datasets(folder).train(4))
    np.testing.assert_array_equal(later['tokens'], whole[1]['tokens'])
    other = next(open_datasets(folder, 1).train(4))
    assert (other['tokens'] != later['tokens']).any()
    assert open_datasets(folder, 1).fingerprint != datasets.fingerprint


def test_shifted_bases_leave_unknown_ones():
    codes = np.arange(6, dtype=np.uint8) % 4
    for shift, expected in ((2, [4, 4, 0, 1, 2, 3]), (-1, [1, 2, 3, 0, 1, 4]), (0, codes.tolist())):
        assert dataset._shifted(codes, shift).tolist() == expected
