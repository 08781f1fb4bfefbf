"""Correlation of predicted and measured coverage: values by hand, and intervals over windows."""

import dataclasses

import numpy as np
import pytest

from genojax import simulate
from genojax.metrics import moments
from genojax.tasks.coverage import baselines
from genojax.tasks.coverage import evaluate as evaluation

TRACKS = simulate.tracks.table()


def noisy(seed=0, shape=(6, 40, 3), noise=1.0):
    rng = np.random.default_rng(seed)
    truth = rng.gamma(1.0, 2.0, shape)
    return truth, truth + noise * rng.normal(size=shape)


def test_correlation_is_that_of_numpy_on_all_windows_and_on_a_resample():
    truth, predicted = noisy()
    weight = moments.resamples(6, seed=3, draws=20)
    r = moments.Moments.of(predicted, truth).pearson(weight)
    for draw in (0, 7):
        rows = np.repeat(np.arange(6), weight[draw].astype(int))
        for c in range(3):
            expected = np.corrcoef(predicted[rows][..., c].ravel(), truth[rows][..., c].ravel())[
                0, 1
            ]
            assert r[draw, c] == pytest.approx(expected, rel=1e-9)
    assert r[0] == pytest.approx(baselines.correlation(predicted, truth), rel=1e-9)


def test_a_constant_prediction_scores_0_and_a_track_without_reads_is_left_out():
    truth, predicted = noisy(shape=(6, 40, 4))
    truth[..., 1] = 0.0
    flat = np.full_like(truth, 0.7)
    result = evaluation.compare(truth, {'model': predicted, 'flat': flat}, TRACKS, np.ones(4, bool))
    assert result['n_tracks'] == 3
    assert result['scales']['reads']['all']['flat'] == [0, 0, 0]
    assert [row['identifier'] for row in result['tracks']] == ['reads+', 'open_one', 'open_two']


def test_tracks_that_name_no_assay_are_one_group():
    truth, predicted = noisy(shape=(6, 40, 4))
    plain = tuple(dataclasses.replace(t, description=t.identifier) for t in TRACKS)
    result = evaluation.compare(truth, {'model': predicted}, plain, np.ones(4, bool))
    assert list(result['scales']['reads']) == ['all']


def test_inputs_are_not_scored():
    truth, predicted = noisy(shape=(6, 40, 4))
    target = np.array([True, True, False, True])
    result = evaluation.compare(truth, {'model': predicted}, TRACKS, target)
    assert 'open_one' not in [row['identifier'] for row in result['tracks']]
    assert result['scales']['reads']['DNASE']['tracks'] == 1


def test_intervals_cover_the_true_correlation_and_differences_are_paired():
    """On many sets of windows the 95 % interval covers the true r most of the time."""
    covered = 0
    for seed in range(60):
        truth, predicted = noisy(seed, (12, 30, 1), noise=2.0)
        weight = moments.resamples(12, seed, draws=300)
        r = moments.Moments.of(predicted, truth).pearson(weight)[:, 0]
        low, high = np.quantile(r[1:], [0.025, 0.975])
        covered += low <= 1 / 2**0.5 <= high  # var(truth) = 4 = var(noise)
    assert 0.8 * 60 <= covered <= 60
    truth, predicted = noisy(shape=(8, 30, 4))
    worse = predicted + np.random.default_rng(1).normal(size=predicted.shape)
    models = {'model': predicted, 'worse': worse}
    result = evaluation.compare(truth, models, TRACKS, np.ones(4, bool))
    rows = result['scales']['reads']['all']
    assert rows['minus']['worse'][0] == pytest.approx(rows['model'][0] - rows['worse'][0], abs=2e-4)
    paired = rows['minus']['worse'][2] - rows['minus']['worse'][1]
    separate = sum(rows[name][2] - rows[name][1] for name in ('model', 'worse'))
    assert rows['minus']['worse'][1] > 0 and paired < separate


def test_one_track_agrees_with_numpy():
    truth, predicted = noisy()
    r = moments.Moments.of(predicted, truth).pearson(np.ones((1, 6)))[0]
    expected = np.corrcoef(predicted[..., 1].ravel(), truth[..., 1].ravel())[0, 1]
    assert r[1] == pytest.approx(expected)
