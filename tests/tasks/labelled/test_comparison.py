"""Two runs on labelled rows: shared rows are scored apart, other groups are said."""

import types

import numpy as np
import pytest

from genojax import dna, errors, metrics
from genojax.tasks.classification import comparison as classes
from genojax.tasks.labelled import comparison
from tests.tasks.labelled import paired_rows


def test_rows_that_either_run_has_read_are_scored_apart():
    labels, first, second = paired_rows.two_classes()
    shared = [np.arange(paired_rows.N) < 30, np.arange(paired_rows.N) >= 110]
    sides = [
        paired_rows.split_of(
            classes.ClassPairedSplit, paired_rows.datasets_of(labels, ('0', '1'), shared=one)
        )
        for one in shared
    ]
    scores = [paired_rows.scores_of(*pair) for pair in zip(sides, (first, second), strict=True)]
    parts = sides[0].parts(*scores)
    assert list(parts) == ['', comparison.WITHOUT_SHARED]
    rest = parts[comparison.WITHOUT_SHARED]
    assert rest['n'] == 80
    clean = slice(30, 110)
    assert rest['scores']['AUROC']['run'][0] == metrics.auroc(labels[clean], first[clean])
    few = paired_rows.split_of(
        classes.ClassPairedSplit,
        paired_rows.datasets_of(labels, ('0', '1'), shared=np.arange(paired_rows.N) > 4),
    )
    parts = few.parts(paired_rows.scores_of(few, first), paired_rows.scores_of(few, second))
    assert parts[comparison.WITHOUT_SHARED]['scores'] == {}
    assert 'too few rows are left' in parts[comparison.WITHOUT_SHARED]['notes'][0]


def test_other_leak_groups_are_said_and_other_numbers_of_them_are_not():
    labels, first, second = paired_rows.two_classes()
    numbers = {'same': 7 * (np.arange(paired_rows.N) // 2), 'other': np.arange(paired_rows.N) // 3}
    split = paired_rows.split_of(
        classes.ClassPairedSplit, paired_rows.datasets_of(labels, ('0', '1'))
    )
    for name, groups in numbers.items():
        other = paired_rows.split_of(
            classes.ClassPairedSplit, paired_rows.datasets_of(labels, ('0', '1'), groups)
        )
        (part,) = split.parts(
            paired_rows.scores_of(split, first), paired_rows.scores_of(other, second)
        ).values()
        assert any('other groups of rows' in note for note in part['notes']) == (name == 'other')


def test_sequences_and_labels_identify_the_rows_and_a_limit_is_refused():
    labels, _, _ = paired_rows.two_classes()
    datasets = paired_rows.datasets_of(labels, ('0', '1'))
    split = paired_rows.split_of(classes.ClassPairedSplit, datasets)
    assert dna.decode(np.frombuffer(split.inputs[3], np.uint8)) == dna.decode(
        datasets.sequences([3])[0]
    )
    assert len(set(split.labels)) == 2 and split.settings == {'the labels': '0, 1'}
    with pytest.raises(errors.UsageError, match='Fix: leave --limit out'):
        classes.ClassPairedSplit(types.SimpleNamespace(name='x'), datasets, 'test', 5)
