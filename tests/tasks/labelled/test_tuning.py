"""Folds of several classes, and the search for settings."""

import numpy as np
import pytest

from genojax.tasks.labelled import features, tuning


def test_folds_hold_every_class_and_are_fewer_where_a_class_is_rare():
    labels = np.repeat([0, 1, 2], [60, 30, 3])
    folds = tuning.folds_of_classes(labels, None, 0)
    assert folds.max() + 1 == 3
    for fold in range(3):
        assert set(labels[folds == fold]) == {0, 1, 2}
    assert tuning.folds_of_classes(labels[:90], None, 0).max() + 1 == tuning.FOLDS
    with pytest.raises(ValueError, match='leak groups cannot fill 2 folds'):
        tuning.folds_of_classes(labels[:91], None, 0)


def test_the_first_of_equal_settings_is_kept_and_an_undefined_score_is_the_worst():
    search = tuning.Search('auroc')
    for number, scores in enumerate([(np.nan,), (0.5, 0.7), (0.6, 0.6), (0.1,), (np.nan,)]):
        search.add({'n': number}, scores)
    assert search.settings == {'n': 1} and len(search.tried) == 5


def test_gc_and_lengths_of_rows():
    rows = [np.array([0, 1, 2, 4]), np.array([1, 2])]
    assert features.gc(rows).tolist() == [2 / 3, 1.0]
    assert not features.of_one_length(rows) and features.of_one_length(rows[:1], rows[:1])
