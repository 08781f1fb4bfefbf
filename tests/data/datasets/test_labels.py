"""Labelled tables: every row accounted for, sides that share nothing, batches that are functions of (seed, step)."""

import gzip
import itertools

import numpy as np
import pytest

from genojax import dna, errors
from genojax.data.datasets import labels
from genojax.tokenizers import kmer

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
        data = text.encode() if isinstance(text, str) else text
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith('.gz') else data)
        return tmp_path / name

    return write


def test_rows_too_long_for_the_model_are_an_error_not_a_cut(write):
    path = write(_text() + 'A' * 100 + '\t1\n')
    with pytest.raises(
        errors.InputError, match='rows.tsv:62: 100 bases, but the model reads 99'
    ) as e:
        labels.open_task(path, length=99)
    assert e.value.code == 'LB05'
    assert labels.open_task(path, length=100).length == labels.open_task(path).length == 100


def _task(write, rows=60, **changes):
    return labels.open_task(write(_text(rows)), test=0.25, validation=0.2, **changes)


def test_batches_are_functions_of_seed_and_step(write):
    task = _task(write)
    straight = list(itertools.islice(labels.batches(task, TOKENIZER, 8, 3), 12))
    again = labels.batches(task, TOKENIZER, 8, 3, start_step=7)
    for expected in straight[7:]:
        np.testing.assert_equal(next(again), expected)
    for count in (2, 4, 8):
        hosts = [labels.batches(task, TOKENIZER, 8, 3, host=(i, count)) for i in range(count)]
        for expected in straight[:3]:
            parts = [next(host) for host in hosts]
            for name, array in expected.items():
                for i, part in enumerate(parts):
                    assert np.array_equal(part[name], array[i::count])
    other = next(labels.batches(task, TOKENIZER, 8, 4))
    assert not np.array_equal(other['tokens'], straight[0]['tokens'])
    with pytest.raises(errors.InputError, match='MX09'):
        labels.batches(task, TOKENIZER, 8, 3, host=(0, 3))


def _words(batch):
    """The sequences in a batch, read back from their tokens."""
    return [TOKENIZER.decode(row[row != TOKENIZER.special.pad]) for row in batch['tokens']]


def test_every_epoch_trains_on_every_row_once_with_its_label(write):
    task = _task(write)
    size = len(task.split.train)
    label_of = {
        dna.decode(c): n for c, n in zip(task.labelled.sequences, task.labelled.labels, strict=True)
    }
    batches = itertools.islice(labels.batches(task, TOKENIZER, 4, 0), size)
    seen = []
    for batch in batches:
        for word, label, valid in zip(_words(batch), batch['label'], batch['valid'], strict=True):
            assert label_of[word] == label and len(word) == valid
            seen.append(word)
    train = sorted(dna.decode(task.labelled.sequences[row]) for row in task.split.train)
    epochs = [seen[i * size : (i + 1) * size] for i in range(4)]
    assert all(sorted(epoch) == train for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_reverse_complement_reads_half_of_the_rows_from_the_other_strand(write):
    task = _task(write)
    words = {dna.decode(codes) for codes in task.labelled.sequences}
    turned = 0
    batches = labels.batches(task, TOKENIZER, 20, 0, reverse_complement=True)
    for batch in itertools.islice(batches, 20):
        for word in _words(batch):
            if word not in words:
                assert dna.reverse_complement_text(word) in words
                turned += 1
    assert 150 < turned < 250


def test_eval_batches_hold_a_side_once_and_weigh_the_filling_nothing(write):
    task = _task(write)
    batches = list(labels.eval_batches(task, 'test', TOKENIZER, 4))
    weight = np.concatenate([batch['weight'] for batch in batches])
    words = [word for batch in batches for word in _words(batch)]
    rows = task.rows('test')
    assert weight.tolist() == [1.0] * len(rows) + [0.0] * (-len(rows) % 4)
    assert words[: len(rows)] == [dna.decode(task.labelled.sequences[row]) for row in rows]
    with pytest.raises(ValueError, match='holdout'):
        next(labels.eval_batches(task, 'holdout', TOKENIZER, 4))


def test_the_fingerprint_changes_with_whatever_changes_the_batches(write):
    task = _task(write)
    prints = [
        labels.fingerprint(task, 8, 0),
        labels.fingerprint(task, 16, 0),
        labels.fingerprint(task, 8, 1),
        labels.fingerprint(_task(write, seed=1), 8, 0),
        labels.fingerprint(_task(write, rows=62), 8, 0),
        labels.fingerprint(_task(write, length=80), 8, 0),
    ]
    assert len(set(prints)) == len(prints)
    assert prints[0] == labels.fingerprint(_task(write), 8, 0)
