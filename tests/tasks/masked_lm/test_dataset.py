"""Windows of genomes in three splits: disjoint, each read once, and spread over the species."""

import dataclasses
import itertools

import numpy as np
import pytest

from genojax import dna, errors
from genojax.data.datasets import base, mixture
from genojax.data.formats import labelled_table
from genojax.data.genomes import loading
from genojax.data.splits import labelled_rows
from genojax.data.store import ingest
from genojax.tasks.classification import dataset as classification
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
    for name in ('a', 'b'):
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


def test_contigs_marked_as_test_select_no_checkpoint(shards):
    datasets = _open(shards)
    assert 'c' not in datasets.validation_windows and not datasets.validates_on_test_contigs
    assert len(datasets.test_windows['c']) == -(-4_000 // 64)


def test_contigs_marked_as_test_select_a_checkpoint_where_nothing_else_is_left_out(tmp_path):
    lines = ['species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\tsplit']
    for seed, (name, split) in enumerate((('a', 'train'), ('b', 'test'))):
        letters = dna.decode(np.random.default_rng(seed).integers(0, 4, 4_000).astype(np.uint8))
        (tmp_path / f'{name}.fa').write_text(f'>{name}1\n{letters}\n')
        lines.append(f'{name}\t{name}.fa\t*\t\tno\tno\t{split}')
    (tmp_path / 'genomes.tsv').write_text('\n'.join(lines) + '\n')
    ingest.ingest(tmp_path, tmp_path / 'shards')
    datasets = _open(tmp_path / 'shards')
    assert datasets.validates_on_test_contigs
    assert "contigs that the genome table marks 'test'" in '\n'.join(datasets.summary)
    assert len(datasets.validation_windows['b']) == 30


def test_test_rows_of_a_table_that_was_cut_from_the_genomes_are_not_trained_on(shards, tmp_path):
    corpus = loading.open_shards(shards)
    random = np.random.default_rng(1)
    starts = np.arange(0, 39_900, 100)
    lines = ['sequence,label']
    for start in starts.tolist():
        codes = corpus['a'].read([0], [start], 60)[0][0].copy()
        places = random.choice(60, 3, replace=False)
        codes[places] = (codes[places] + 1) % 4
        lines.append(f'{dna.decode(dna.reverse_complement(codes))},{start % 200 // 100}')
    path = tmp_path / 'rows.csv'
    path.write_text('\n'.join(lines))
    rows = dataset.LabelRowsConfig(path=str(path), split_seed=5)
    datasets = _open(shards, labels=rows)
    report = datasets.split_report['label_rows']
    assert report['rows'] == report['occurring'] == report['places'] == 100
    assert f'100 of 100 test rows of {path}' in '\n'.join(datasets.summary)
    covered = np.zeros(40_000, bool)
    for start in datasets.train_windows['a'].start.tolist():
        covered[start : start + LENGTH] = True
    table = labelled_table.read(path)
    test = labelled_rows.split_rows(table, rows.test, rows.validation, rows.split_seed).test
    in_test = np.zeros(40_000, bool)
    for start in starts[test].tolist():
        in_test[start : start + 60] = True
    assert not (covered & in_test).any() and covered.sum() > 10_000
    labels = classification.LabelledDataConfig(path=str(path), exclude=str(shards), split_seed=5)
    labelled = classification.LabelledDatasets(labels, 0, TOKENIZER)
    assert labelled.removed['kept'] == len(starts) and not labelled.removed['test_rows_cut']
    digest = labelled_rows.digest(labelled.table, labelled.rows('test'))
    assert report['digest'] == digest  # the same rows are tested


def test_a_test_species_is_never_drawn_and_its_windows_are_scored(shards):
    datasets = _open(shards)
    assert datasets.mixture.shares == {'a': 0.5, 'b': 0.5}
    assert not len(datasets.train_windows['c'])
    assert len(datasets.test_windows['c']) >= 4_000 // 64


def test_validation_windows_are_spread_over_species_and_at_most_half_of_them(shards):
    few = {name: len(part) for name, part in _open(shards).validation_windows.items()}
    assert few == {'a': 15, 'b': 15}  # c is the table's test sequence
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
        for name in parts
        for row in datasets.corpus[name].read(parts[name].contig, parts[name].start, LENGTH)[0]
    ]
    batches = list(datasets.split(split))
    assert all(len(batch['bases']) == 8 for batch in batches)
    assert _bases(batches) == expected
    hosts = [list(datasets.split(split, base.Shard(i, 2))) for i in range(2)]
    for whole, one, other in zip(batches, *hosts, strict=True):
        for name, array in whole.items():
            assert np.array_equal(np.concatenate([one[name], other[name]]), array)


@pytest.mark.parametrize('split', ['validation', 'test'])
def test_a_limit_chooses_windows_of_every_species(shards, split):
    datasets = _open(shards)
    read = {'validation': datasets.validation, 'test': datasets.test}[split]
    batches = list(read(limit=12))
    species = np.concatenate([batch['species'][batch['weight'] > 0] for batch in batches])
    assert np.bincount(species).tolist() == ([4, 4, 4] if split == 'test' else [6, 6])
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
        assert row['validation_windows'] == 15
        assert row['test_windows'] == len(datasets.test_windows[name])
    assert '15 validation' in datasets.summary[0]


def test_missing_and_invalid_data_are_refused(shards, tmp_path):
    with pytest.raises(errors.UsageError, match='data.shards is empty'):
        _open(shards, shards='')
    with pytest.raises(errors.InputError, match='GX-AR04: .*no such folder'):
        _open(shards, shards=str(tmp_path / 'absent'))
    config = dataset.GenomesDataConfig()
    for field, value in (('test', 0.0), ('stride', -1), ('validation_windows', 0)):
        with pytest.raises(ValueError, match=field):
            dataclasses.replace(config, **{field: value})
