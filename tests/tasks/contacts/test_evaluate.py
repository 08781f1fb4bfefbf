"""Scores of contacts: at equal distance, so that decay earns nothing; masks; the ceiling."""

import numpy as np
import pytest
from scipy import stats

from genojax.tasks.contacts import evaluate


def maps(seed: int = 0, windows: int = 12, bins: int = 10):
    rng = np.random.default_rng(seed)
    truth, noise = rng.normal(size=(2, windows, bins, bins))
    truth, noise = truth + truth.swapaxes(1, 2), noise + noise.swapaxes(1, 2)
    distance = np.abs(np.arange(bins)[:, None] - np.arange(bins))
    known = np.broadcast_to(distance >= 2, truth.shape).copy()
    known[3, 4] = known[3, :, 4] = False
    return truth, truth + noise, known, distance


def test_scores_are_means_over_distances_weighted_by_pairs():
    truth, predicted, known, distance = maps()
    scores = evaluate.compare(truth, {'model': predicted}, known, 1_000)
    upper = np.triu(np.ones_like(distance)) > 0
    for statistic, score in (('pearson', stats.pearsonr), ('spearman', stats.spearmanr)):
        rows = {}
        for d in range(2, 10):
            chosen = known & (distance == d) & upper
            if chosen.sum() > 2:
                rows[d] = (score(truth[chosen], predicted[chosen])[0], chosen.sum())
        for name, low, high in (('all', 2, 10), ('2-4 kb', 2, 4), ('4-8 kb', 4, 8)):
            some = [rows[d] for d in range(low, high)]
            expected = np.average([r for r, _ in some], weights=[count for _, count in some])
            value, low_end, high_end = scores[statistic][name]['model']
            assert value == pytest.approx(expected, abs=1e-4) and low_end < value < high_end
            assert scores[statistic][name]['pairs'] == sum(count for _, count in some)
    assert list(scores['pearson']) == ['all', '2-4 kb', '4-8 kb', '8-16 kb']


def test_decay_with_distance_earns_nothing():
    truth, predicted, known, distance = maps()
    decay = np.broadcast_to(-np.log1p(distance.astype(float)), truth.shape)
    models = {'model': predicted, 'distance': decay, 'with decay': predicted + 5 * decay}
    scores = evaluate.compare(truth + 5 * decay, models, known, 1_000)['pearson']['all']
    assert scores['distance'] == [0, 0, 0]
    assert scores['with decay'] == scores['model']
    assert scores['minus']['with decay'] == [0, 0, 0]


@pytest.mark.parametrize('value', [1e30, np.nan, np.inf])
def test_what_unknown_pairs_hold_has_no_effect(value):
    truth, predicted, known, _ = maps()
    expected = evaluate.compare(truth, {'model': predicted}, known, 1_000)
    changed = np.where(known, truth, value)
    assert evaluate.compare(changed, {'model': predicted}, known, 1_000) == expected
    other = np.where(known, predicted, -7.0)
    assert evaluate.compare(truth, {'model': other}, known, 1_000) == expected


def test_the_ceiling_is_a_row_without_a_difference():
    truth, predicted, known, _ = maps()
    models = {'model': predicted, 'distance': 0 * truth, evaluate.CEILING: truth}
    group = evaluate.compare(truth, models, known, 1_000)['spearman']['all']
    assert group[evaluate.CEILING][0] == 1 and list(group['minus']) == ['distance']
