"""Windows of genomes in three splits: disjoint, each read once, and spread over the species."""

import dataclasses
import itertools

import numpy as np
import pytest

from genojax import dna, errors
from genojax.data.datasets import base, mixture
from genojax.data.store import ingest
from genojax.tasks.masked_lm import dataset
from genojax.tokenizers import kmer

LENGTH = 64
TOKENIZER = kmer.KmerTokenizer(3)


@pytest.fixture(scope='module')
def shards(tmp_path_factory):
    """Two species to train on and one that the genome table reserves for the test."""
    folder = tmp_path_factory.mktemp('genomes')
    rng = np.random.default_rng(0)
    lines = ['species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\tsplit']
    for name, split, length in (('a', '', 40_000), ('b', '', 20_000), ('c', 'test', 4_000)):
        letters = dna.decode(rng.integers(0, 4, length).astype(np.uint8))
        (folder / f'{name}.fa').write_text(f'>{name}1\n{letters}\n')
        lines.append(f'{name}\t{name}.fa\t*\t\tno\tno\t{split}')
    (folder / 'genomes.tsv').write_text('\n'.join(lines) + '\n')
    ingest.ingest(folder, folder / 'shards')
    return folder / 'shards'


def _open(folder, seed=0, **changes):
    values = {'shards': str(folder), 'validation_windows': 30, **changes}
    config = dataset.GenomesDataConfig(
        mixture=mixture.MixtureConfig(length=LENGTH, batch_size=8), **values
    )
    return dataset.MaskedLmDatasets(config, seed, TOKENIZER, folder.parent)


def _starts(windows):
    return set(zip(windows.contig.tolist(), windows.start.tolist(), strict=True))


def _bases(batches):
    """Sequences of all rows that are not filler rows."""
    return [
        row.tobytes()
        for batch in batches
        for row, weight in zip(batch['bases'], batch['weight'], strict=True)
        if weight
    ]


def test_splits_share_no_window_and_no_base_of_training(shards):
    datasets = _open(shards)
    for name in datasets.species:
        validation = _starts(datasets.validation_windows[name])
        test = _starts(datasets.test_windows[name])
        assert validation and test and not validation & test
        left_out = {
            (contig, position)
            for contig, start in validation | test
            for position in range(start, start + LENGTH)
        }
        for contig, start in _starts(datasets.train_windows[name]):
            assert (contig, start) not in left_out
            assert (contig, start + LENGTH - 1) not in left_out


def test_a_test_species_is_never_drawn_and_its_windows_are_scored(shards):
    datasets = _open(shards)
    assert datasets.mixture.shares == {'a': 0.5, 'b': 0.5}
    assert not len(datasets.train_windows['c'])
    assert len(datasets.test_windows['c']) + len(datasets.validation_windows['c']) >= 4_000 // 64


def test_validation_windows_are_spread_over_species_and_at_most_half_of_them(shards):
    few = {name: len(part) for name, part in _open(shards).validation_windows.items()}
    assert few == {'a': 10, 'b': 10, 'c': 10}
    datasets = _open(shards, validation_windows=100_000)
    for name, part in datasets.validation_windows.items():
        total = len(part) + len(datasets.test_windows[name])
        assert len(part) == total // 2
    one = _open(shards, validation_windows=2).validation_windows
    assert [len(part) for part in one.values()] == [1, 1]


@pytest.mark.parametrize('split', ['validation', 'test'])
def test_a_split_reads_each_of_its_windows_once(shards, split):
    datasets = _open(shards)
    parts = getattr(datasets, f'{split}_windows')
    expected = [
        row.tobytes()
        for name in datasets.species
        for row in datasets.corpus[name].read(parts[name].contig, parts[name].start, LENGTH)[0]
    ]
    batches = list(datasets.split(split))
    assert all(len(batch['bases']) == 8 for batch in batches)
    assert _bases(batches) == expected
    hosts = [list(datasets.split(split, base.Shard(i, 2))) for i in range(2)]
    for whole, one, other in zip(batches, *hosts, strict=True):
        for name, array in whole.items():
            assert np.array_equal(one[name], array[0::2])
            assert np.array_equal(other[name], array[1::2])


@pytest.mark.parametrize('split', ['validation', 'test'])
def test_a_limit_chooses_windows_of_every_species(shards, split):
    datasets = _open(shards)
    read = {'validation': datasets.validation, 'test': datasets.test}[split]
    batches = list(read(limit=12))
    species = np.concatenate([batch['species'][batch['weight'] > 0] for batch in batches])
    assert np.bincount(species).tolist() == [4, 4, 4]
    assert set(_bases(batches)) <= set(_bases(read()))


def test_training_batches_are_functions_of_seed_and_step(shards):
    datasets = _open(shards)
    stream = datasets.train()
    uninterrupted = list(itertools.islice(stream, 5))
    stream.close()
    resumed = _open(shards).train(start_step=3)
    for expected in uninterrupted[3:]:
        np.testing.assert_equal(next(resumed), expected)
    resumed.close()
    other = _open(shards, seed=1)
    assert other.fingerprint != datasets.fingerprint == _open(shards).fingerprint
    assert _open(shards, split_seed=1).fingerprint != datasets.fingerprint


def test_the_description_counts_the_windows_of_every_split(shards):
    datasets = _open(shards)
    rows = {row['species']: row for row in datasets.description['species']}
    assert rows.keys() == {'a', 'b'}
    for name, row in rows.items():
        assert row['windows'] == len(datasets.train_windows[name])
        assert row['validation_windows'] == 10
        assert row['test_windows'] == len(datasets.test_windows[name])
    assert '10 validation' in datasets.summary[0]


def test_missing_and_invalid_data_are_refused(shards, tmp_path):
    with pytest.raises(errors.UsageError, match='data.shards is empty'):
        _open(shards, shards='')
    with pytest.raises(errors.UsageError, match='no such folder'):
        _open(shards, shards=str(tmp_path / 'absent'))
    config = dataset.GenomesDataConfig()
    for field, value in (('test', 0.0), ('stride', -1), ('validation_windows', 0)):
        with pytest.raises(ValueError, match=field):
            dataclasses.replace(config, **{field: value})
