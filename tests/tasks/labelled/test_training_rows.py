"""What is kept of training rows, and what other rows have in common with them."""

import json
from types import SimpleNamespace

import numpy as np

from genojax import dna, json_files
from genojax.tasks.labelled import training_rows

RNG = np.random.default_rng(0)


def _rows(*lengths):
    return [RNG.integers(0, 4, length).astype(np.uint8) for length in lengths]


TRAIN, VALIDATION = _rows(251, 260, 251), _rows(240, 255)


def _known():
    splits = {'train': TRAIN, 'validation': VALIDATION}
    datasets = SimpleNamespace(rows=lambda split: split, sequences=splits.__getitem__)
    known = json.loads(json.dumps(training_rows.record(datasets)))
    json_files.check(known, 'x', fields=training_rows.FIELDS)
    return known


def test_rows_unlike_those_of_the_training_are_counted():
    """The shortest validation row does not count: nothing was trained on its length."""
    new = _rows(14, 245, 251, 260, 261)
    new[2][:5] = dna.UNKNOWN
    counts = training_rows.compare(new, _known())
    assert counts == {
        **{'rows': 5, 'shortest': 251, 'longest': 260, 'unknown_share': 0.0},
        **{'shorter': 2, 'longer': 1, 'more_unknown': 1, 'trained_on': 0},
        'selected_checkpoint': 0,
    }
    assert training_rows.words(counts) == [
        '2 of 5 rows are shorter than any training row (251 bases)',
        '1 of 5 rows are longer than any training row (260 bases)',
        '1 of 5 rows have a larger share of N than any training row (0.0%)',
    ]


def test_rows_that_were_trained_on_are_counted_on_either_strand():
    part = TRAIN[0][:-1]
    new = [TRAIN[1], dna.reverse_complement(TRAIN[0]), VALIDATION[1], part, *_rows(251)]
    counts = training_rows.compare(new, _known())
    assert counts['trained_on'] == 2 and counts['selected_checkpoint'] == 1
    assert training_rows.words(counts)[-2].startswith('2 of these rows were trained on')
    assert training_rows.words(counts)[-1].startswith('1 of these rows selected the checkpoint')


def test_too_many_rows_are_not_compared_and_nothing_is_said(monkeypatch):
    monkeypatch.setattr(training_rows, '_MAX_HASHES', 2)
    counts = training_rows.compare(TRAIN, _known())
    assert 'trained_on' not in counts and counts['selected_checkpoint'] == 0
    assert training_rows.words(counts) == []
