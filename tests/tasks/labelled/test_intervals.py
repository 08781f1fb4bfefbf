"""Intervals where a class or a leak group is rare: stratified or flagged, never a crash."""

import numpy as np
import pytest

from genojax import metrics
from genojax.tasks.labelled import intervals


def _rare(positives=3, rows=200):
    truth = (np.arange(rows) < positives).astype(int)
    return truth, np.random.default_rng(0).normal(size=rows) + truth


def test_a_common_class_has_the_plain_interval_over_leak_groups():
    truth, scores = _rare(100)
    groups = np.arange(200) // 2
    estimator = intervals.Intervals(truth, groups, truth)
    options = {'stratified': False, 'clusters': groups}
    expected = metrics.bootstrap_interval(metrics.auroc, truth, scores, **options)
    assert estimator.of('AUROC', metrics.auroc, scores) == list(expected)
    assert estimator.notes == {}


def test_a_rare_class_is_resampled_within_itself_and_that_is_said():
    truth, scores = _rare()
    estimator = intervals.Intervals(truth, np.arange(200), truth)
    value, low, high = estimator.of('AUROC', metrics.auroc, scores)
    assert low < value < high and estimator.notes == {'stratified': ['AUROC']}
    other = np.roll(scores, 1)
    difference = estimator.difference('AUROC', metrics.auroc, scores, other)
    expected = metrics.auroc(truth, scores) - metrics.auroc(truth, other)
    assert difference[0] == pytest.approx(expected)
    (text,) = intervals.notes_text(estimator.notes)
    assert text == 'Classes are rare: intervals are of resamples within classes for AUROC.'


@pytest.mark.parametrize(
    ('groups', 'words'),
    [
        (np.arange(0), '0 rows in 0 groups'),
        (np.zeros(1, int), '1 row in 1 group'),
        (np.arange(19), '19 rows in 19 groups'),
        (np.arange(1_000) % 4, '1,000 rows in 4 groups'),
        (np.arange(20) % 5, ''),
    ],
)
def test_rows_that_are_left_have_a_score_from_20_rows_and_5_groups_on(groups, words):
    left = intervals.rows_left(groups)
    assert left['n_test'] == len(groups) and left['test_groups'] == len(set(groups.tolist()))
    said = left.get('no_score', '')
    earlier = 'Without them too few rows are left for a score.'
    assert intervals.no_score_text({'shared': 3}) == earlier
    assert said == (f'too few rows are left for a score: {words}' if words else '')


def test_few_leak_groups_and_undefined_scores_are_flagged():
    truth, scores = _rare(100)
    estimator = intervals.Intervals(truth, np.arange(200) % 4, truth)
    assert estimator.of('AUROC', metrics.auroc, scores) is not None
    assert estimator.of('MCC', metrics.matthews, np.zeros(200, int)) is None
    assert estimator.difference('r', metrics.pearson, scores, np.ones(200)) is None
    assert estimator.notes['few groups'] == ['only 4 groups of rows to resample']
    assert estimator.notes['undefined'] == ['MCC', 'r']
    alone = intervals.Intervals(np.arange(2.0), np.zeros(2, int), None)
    assert alone.of('r', metrics.pearson, np.arange(2.0)) == [1.0, None, None]
    assert alone.notes == {'few groups': ['only 1 group of rows to resample'], 'no interval': ['r']}
    pair = intervals.Intervals(np.arange(2.0), np.arange(2), None)
    assert pair.of('r', metrics.pearson, np.arange(2.0)) == [1.0, None, None]
    assert pair.notes['no interval'] == ['r']
