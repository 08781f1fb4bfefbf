"""Labelled sequences as batches: functions of (seed, step), each row once per epoch."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from genojax import dna, errors
from genojax.data.datasets import base
from genojax.data.store import ingest
from genojax.tasks.classification import dataset
from genojax.tokenizers import kmer, nonoverlapping

TOKENIZER = kmer.KmerTokenizer(3)


def _text(rows=60, seed=0, lengths=(40, 70), split=None):
    random = np.random.default_rng(seed)
    lines = ['sequence\tlabel' + ('\tsplit' if split else '')]
    for row in range(rows):
        codes = random.integers(0, 4, random.integers(*lengths)).astype(np.uint8)
        cells = [dna.decode(codes), str(row % 2)] + ([split(row)] if split else [])
        lines.append('\t'.join(cells))
    return '\n'.join(lines) + '\n'


@pytest.fixture
def write(tmp_path):
    def write(text, name='rows.tsv'):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def _open(path, seed=3, tokenizer=TOKENIZER, **changes):
    values = {'batch_size': 8, 'test': 0.25, 'validation': 0.2, **changes}
    config = dataset.LabelledDataConfig(path=str(path), **values)
    return dataset.LabelledDatasets(config, seed, tokenizer)


def _words(batch):
    """The sequences in a batch, decoded from their tokens."""
    return [TOKENIZER.decode(row[row != TOKENIZER.special.pad]) for row in batch['tokens']]


def test_rows_too_long_for_the_model_are_an_error_not_a_cut(write):
    path = write(_text() + 'A' * 100 + '\t1\n')
    message = 'rows.tsv:62: 100 bases, but the model reads 99'
    for refused in (lambda: dataset.check_table(path, 99), lambda: _open(path, length=99)):
        with pytest.raises(errors.InputError, match=message) as caught:
            refused()
        assert caught.value.code == 'LB05'
    assert dataset.check_table(path, 100).longest == dataset.check_table(path, 0).longest == 100
    assert _open(path, length=100).length == _open(path).length == 100


def test_batches_are_functions_of_seed_and_step(write):
    datasets = _open(write(_text()))
    uninterrupted = list(itertools.islice(datasets.train(), 12))
    resumed = datasets.train(start_step=7)
    for expected in uninterrupted[7:]:
        np.testing.assert_equal(next(resumed), expected)
    for count in (2, 4, 8):
        hosts = [datasets.train(shard=base.Shard(i, count)) for i in range(count)]
        for expected in uninterrupted[:3]:
            parts = [next(host) for host in hosts]
            for name, array in expected.items():
                together = np.concatenate([part[name] for part in parts])
                assert np.array_equal(together, array)
    other = next(_open(write(_text()), seed=4).train())
    assert not np.array_equal(other['tokens'], uninterrupted[0]['tokens'])
    with pytest.raises(errors.InputError, match='MX09'):
        datasets.train(shard=base.Shard(0, 3))


def test_every_epoch_trains_on_every_row_once_with_its_label(write):
    datasets = _open(write(_text()), seed=0, batch_size=4)
    rows = datasets.rows('train')
    size = len(rows)
    table = datasets.table
    label_of = {dna.decode(c): n for c, n in zip(table.sequences, table.labels, strict=True)}
    words = []
    for batch in itertools.islice(datasets.train(), size):
        for word, label, valid in zip(_words(batch), batch['label'], batch['valid'], strict=True):
            assert label_of[word] == label and len(word) == valid
            words.append(word)
    train = sorted(dna.decode(table.sequences[row]) for row in rows)
    epochs = [words[i * size : (i + 1) * size] for i in range(4)]
    assert all(sorted(epoch) == train for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_reverse_complement_reads_half_of_the_rows_from_the_reverse_strand(write):
    datasets = _open(write(_text()), seed=0, batch_size=20, reverse_complement=True)
    words = {dna.decode(codes) for codes in datasets.table.sequences}
    flipped = 0
    for batch in itertools.islice(datasets.train(), 20):
        for word in _words(batch):
            if word not in words:
                assert dna.reverse_complement_text(word) in words
                flipped += 1
    assert 150 < flipped < 250
    for batch in datasets.test():
        assert set(_words(batch)) <= words


@pytest.mark.parametrize('split', ['validation', 'test'])
def test_in_order_a_split_is_read_once_and_filler_rows_have_no_weight(write, split):
    datasets = _open(write(_text()), batch_size=4)
    batches = list(getattr(datasets, split)())
    weight = np.concatenate([batch['weight'] for batch in batches])
    words = [word for batch in batches for word in _words(batch)]
    rows = datasets.rows(split)
    assert weight.tolist() == [1.0] * len(rows) + [0.0] * (-len(rows) % 4)
    assert words[: len(rows)] == [dna.decode(datasets.table.sequences[row]) for row in rows]
    for expected, again in zip(batches, datasets.split(split), strict=True):
        np.testing.assert_equal(again, expected)
    with pytest.raises(ValueError, match='holdout'):
        next(datasets.in_order('holdout'))


def test_the_fingerprint_changes_with_whatever_changes_the_batches(write):
    path, longer = write(_text()), write(_text(62), 'longer.tsv')
    first = _open(path, seed=0).fingerprint
    changed = [
        _open(path, seed=0, batch_size=16),
        _open(path, seed=1),
        _open(path, seed=0, split_seed=1),
        _open(longer, seed=0),
        _open(path, seed=0, length=80),
    ]
    fingerprints = [first, *(datasets.fingerprint for datasets in changed)]
    assert len(set(fingerprints)) == len(fingerprints)
    assert _open(path, seed=0).fingerprint == first


def test_rows_with_too_many_tokens_are_cut_and_the_bases_counted(write):
    rows = [f'{"ACGTAC" * 4}\t{i % 2}\ttest' for i in range(9)] + ['ACNNNNNNNNNNNNNN\t1\ttest']
    others = _text(24, lengths=(20, 24), split=lambda row: ('train', 'dev')[row // 12])
    text = others + '\n'.join(rows)
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(6)
    with pytest.raises(errors.InputError, match=r'LB05.*needs 17 tokens.*tokenizer.tokens=17'):
        _open(write(text), tokenizer=tokenizer)
    datasets = _open(write(text), tokenizer=tokenizer, batch_size=10, long_rows='cut')
    batch = next(datasets.test())
    assert batch['tokens'].shape == (10, 5)
    assert batch['left_out'].tolist() == [0] * 9 + [12]
    assert batch['valid'].tolist() == [24] * 9 + [4]


def test_the_description_counts_every_row(write):
    datasets = _open(write(_text()))
    counts = datasets.description['rows']
    assert sum(counts.values()) == 60 and counts['test'] == len(datasets.rows('test'))
    for text in (*(f'{count} {split}' for split, count in counts.items()), 'rows.tsv'):
        assert text in datasets.summary[0]


def test_invalid_configs_are_refused():
    config = dataset.LabelledDataConfig()
    with pytest.raises(errors.UsageError, match='data.path is empty'):
        dataset.LabelledDatasets(config, 0, TOKENIZER)
    for field, value in (('batch_size', 0), ('length', -1), ('test', 1.0), ('validation', 0.0)):
        with pytest.raises(ValueError, match=field):
            dataclasses.replace(config, **{field: value})


def test_the_fingerprint_is_of_all_that_determines_a_batch(write):
    path = write(_text())
    fingerprints = [
        _open(path, **changes).fingerprint
        for changes in (
            {},
            {'reverse_complement': True},
            {'tokenizer': kmer.KmerTokenizer(4)},
            {'batch_size': 16},
            {'seed': 4},
            {'length': 90},
        )
    ]
    assert len(set(fingerprints)) == len(fingerprints)
    assert _open(path).fingerprint == fingerprints[0]


def test_rows_are_looked_for_in_the_genomes_that_the_first_model_read(write, tmp_path):
    path = write(_text())
    row = path.read_text().splitlines()[3].split('\t')[0]
    genomes = tmp_path / 'genomes'
    genomes.mkdir()
    (genomes / 'a.fa').write_text('>a\n' + 'ACGGT' * 40 + row + 'TTGCA' * 40 + '\n')
    (genomes / 'genomes.tsv').write_text(
        'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\nx\ta.fa\t*\t\tno\tno\n'
    )
    ingest.ingest(genomes, tmp_path / 'shards')
    run = tmp_path / 'run'
    run.mkdir()
    tasks = {'lm': {'data': {'shards': str(tmp_path / 'shards')}}}
    (run / 'config.json').write_text(json.dumps({'tasks': tasks, 'init_from': ''}))
    config = dataset.LabelledDataConfig(path=str(path), batch_size=8)
    datasets = dataset.LabelledDatasets(config, 0, TOKENIZER, str(run))
    assert [row['line'] for row in datasets.removed['removed']] == [4]
    assert datasets.description['genomes'] == str(tmp_path / 'shards')
    assert '1 of 60 rows occur in' in datasets.summary[1]
    unchecked = dataset.LabelledDatasets(config, 0, TOKENIZER)
    assert unchecked.summary[1] == (
        '  Not checked against genomes: the model starts from random values.'
    )
    # From fresh parameters, on the same rows and split: what pretraining was worth.
    alike = dataclasses.replace(config, genomes_of=str(run))
    scratch = dataset.LabelledDatasets(alike, 0, TOKENIZER)
    assert scratch.removed == datasets.removed and scratch.fingerprint == datasets.fingerprint
    assert scratch.fingerprint != unchecked.fingerprint
    keep = dataclasses.replace(config, in_genomes='keep', exclude=str(tmp_path / 'shards'))
    kept = dataset.LabelledDatasets(keep, 0, TOKENIZER)
    assert len(kept.table) == 60 and 'are kept: a model pretrained on' in kept.summary[1]
