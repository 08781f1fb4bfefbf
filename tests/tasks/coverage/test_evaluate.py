"""Held-out correlation: right by hand, intervals over windows, and baselines that learn what there is to learn."""

import dataclasses

import numpy as np
import pytest

from genojax import dna, simulate
from genojax.data.splits import track_overlap
from genojax.tasks import feeds
from genojax.tasks.coverage import baselines, batches
from genojax.tasks.coverage import evaluate as evaluation
from genojax.tokenizers import nucleotide


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp('tracks')
    simulate.write_tracks(made, 'one', windows=(40, 12), seed=0)
    return made


def source(folder, rule=None):
    rules = {} if rule is None else {'sim': rule}
    config = feeds.TracksConfig(path=str(folder), organisms={'sim': 'one'}, accessibility=rules)
    return feeds.open_feed(config, 0, nucleotide.NucleotideTokenizer(), folder).sources[0]


def noisy(seed=0, shape=(6, 40, 3), noise=1.0):
    rng = np.random.default_rng(seed)
    truth = rng.gamma(1.0, 2.0, shape)
    return truth, truth + noise * rng.normal(size=shape)


def test_correlation_is_numpy_s_on_all_windows_and_on_a_resample():
    truth, predicted = noisy()
    weight = evaluation.resamples(6, seed=3, draws=20)
    r = evaluation.Moments.of(predicted, truth).pearson(weight)
    for draw in (0, 7):
        rows = np.repeat(np.arange(6), weight[draw].astype(int))
        for c in range(3):
            meant = np.corrcoef(predicted[rows][..., c].ravel(), truth[rows][..., c].ravel())[0, 1]
            assert r[draw, c] == pytest.approx(meant, rel=1e-9)
    assert r[0] == pytest.approx(baselines.correlation(predicted, truth), rel=1e-9)


def test_a_constant_prediction_scores_0_and_a_track_without_reads_is_left_out(folder):
    truth, predicted = noisy(shape=(6, 40, 4))
    truth[..., 1] = 0.0
    flat = np.full_like(truth, 0.7)
    table = tuple(simulate_table())
    found = evaluation.compare(truth, {'model': predicted, 'flat': flat}, table, np.ones(4, bool))
    assert found['n_tracks'] == 3
    assert found['scales']['reads']['all']['flat'] == [0, 0, 0]
    assert [row['identifier'] for row in found['tracks']] == ['reads+', 'open_one', 'open_two']


def simulate_table():
    return simulate.tracks.table()


def test_inputs_are_not_scored():
    truth, predicted = noisy(shape=(6, 40, 4))
    target = np.array([True, True, False, True])
    found = evaluation.compare(truth, {'model': predicted}, simulate_table(), target)
    assert 'open_one' not in [row['identifier'] for row in found['tracks']]
    assert found['scales']['reads']['DNASE']['tracks'] == 1


def test_intervals_cover_what_they_should_and_differences_are_paired():
    """Of many held-out sets of windows that differ in kind, the 95 % interval covers the true r most of the time."""
    covered = 0
    for seed in range(60):
        truth, predicted = noisy(seed, (12, 30, 1), noise=2.0)
        weight = evaluation.resamples(12, seed, draws=300)
        r = evaluation.Moments.of(predicted, truth).pearson(weight)[:, 0]
        low, high = np.quantile(r[1:], [0.025, 0.975])
        covered += low <= 1 / 2**0.5 <= high  # var(truth) = 4 = var(noise)
    assert 0.8 * 60 <= covered <= 60
    truth, predicted = noisy(shape=(8, 30, 4))
    worse = predicted + np.random.default_rng(1).normal(size=predicted.shape)
    found = evaluation.compare(truth, {'model': predicted, 'worse': worse}, simulate_table(), np.ones(4, bool))  # fmt: skip
    rows = found['scales']['reads']['all']
    assert rows['minus']['worse'][0] == pytest.approx(rows['model'][0] - rows['worse'][0], abs=2e-4)
    paired = rows['minus']['worse'][2] - rows['minus']['worse'][1]
    separate = sum(rows[name][2] - rows[name][1] for name in ('model', 'worse'))
    assert rows['minus']['worse'][1] > 0 and paired < separate


def test_one_track_agrees_with_numpy():
    truth, predicted = noisy()
    r = evaluation.Moments.of(predicted, truth).pearson(np.ones((1, 6)))[0]
    expected = np.corrcoef(predicted[..., 1].ravel(), truth[..., 1].ravel())[0, 1]
    assert r[1] == pytest.approx(expected)


def fitted(folder, rule=None):
    one = source(folder, rule)
    parts = one.organism.parts
    held = parts['test']
    still = np.zeros(len(held), np.int64)
    truth = one.rows(held, still.astype(bool), still)[1]
    found = baselines.fit_all(one, held, parts['train'])
    return one, truth, found


def test_baselines_learn_sites_that_are_k_mers_and_the_mean_window_does_not(folder):
    _, truth, found = fitted(folder)
    r = {name: baselines.correlation(x.predicted_NPC, truth) for name, x in found.items()}
    # Sites are 8 bases in random sequence: 4-mers tell a part of it, and which strand the reads are on.
    assert (r['kmers'] > 0.2).all() and (r['kmers'] > r['position_mean'] + 0.15).all()
    with np.load(folder / 'one_valid.npz') as file:
        rate = file['rate'].reshape(12, 16, 4, 4)
    pooled = np.concatenate([rate[..., :2].sum(2), rate[..., 2:].mean(2)], -1)
    ceiling = baselines.correlation(pooled, truth)
    assert (r['kmers'] < ceiling).all() and (ceiling > 0.9).all()
    assert (np.abs(r['position_mean']) < 0.25).all()


def test_accessibility_helps_the_baseline_that_is_given_it(folder):
    one, truth, found = fitted(folder, 'open_one')
    r = {name: baselines.correlation(x.predicted_NPC, truth) for name, x in found.items()}
    scored = np.flatnonzero(one.target_C)
    assert scored.tolist() == [0, 1, 3]
    assert (r['kmers_accessibility'] > r['kmers'])[scored].all()


def test_baselines_never_see_the_held_out_coverage(folder):
    one, _, found = fitted(folder)
    held = one.organism.parts['test']
    blank = dataclasses.replace(held, target_NPC=np.zeros_like(held.target_NPC))
    again = baselines.fit_all(one, blank, one.organism.parts['train'])
    for name, baseline in found.items():
        np.testing.assert_array_equal(again[name].predicted_NPC, baseline.predicted_NPC)


def test_baselines_predict_the_same_of_either_strand(folder):
    one, _, found = fitted(folder)
    held = one.organism.parts['test']
    other = dataclasses.replace(held, codes_NL=dna.reverse_complement(held.codes_NL))
    again = baselines.fit_all(one, other, one.organism.parts['train'])
    for name, baseline in found.items():
        turned = one.flipped(again[name].predicted_NPC)
        np.testing.assert_allclose(turned, baseline.predicted_NPC, rtol=1e-5, atol=1e-6)


def test_folds_keep_windows_that_share_bases_together():
    groups = np.array([0, 0, 2, 3, 3, 5, 6, 7])
    fold = baselines._folds(groups, 0)
    assert fold[0] == fold[1] and fold[3] == fold[4] and len(set(fold.tolist())) == 5


def test_a_mean_over_bins_is_the_mean_of_those_there_are():
    x = np.arange(5, dtype=np.float32)[None, :, None]
    np.testing.assert_allclose(baselines.smooth(x, 3)[0, :, 0], [0.5, 1, 2, 3, 3.5])


def test_ridge_is_the_ridge_of_the_textbook():
    """On centred data w = (X'X + a I)^-1 X'y, the constant not shrunk."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 2)) + 4
    full = np.concatenate([x, np.ones((50, 1))], 1)
    solved = baselines._solve(full.T @ full, full.T @ y, 50.0)
    for penalty, weight in zip(baselines.PENALTIES, solved, strict=True):
        xc, yc = x - x.mean(0), y - y.mean(0)
        meant = np.linalg.solve(xc.T @ xc + penalty * np.eye(3), xc.T @ yc)
        np.testing.assert_allclose(weight[:-1], meant, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(weight[-1], y.mean(0) - x.mean(0) @ meant, rtol=1e-4)


@pytest.mark.real
def test_the_real_baselines_find_open_chromatin_from_sequence(real_data):
    config = feeds.TracksConfig(
        path=str(real_data / 'tracks_borzoi_tiny'), organisms={'human': 'hg38'}
    )
    feed = feeds.open_feed(config, 0, nucleotide.NucleotideTokenizer(), real_data)
    one: batches.Source = feed.sources[0]
    held = one.organism.parts['test']
    still = np.zeros(len(held), np.int64)
    truth = one.rows(held, still.astype(bool), still)[1]
    views = [one.rows(one.organism.parts['train'], np.full(45, flip), np.zeros(45, int)) for flip in (False, True)]  # fmt: skip
    groups = track_overlap.overlap_groups(one.organism.parts['train'], one.organism.crop)
    held_views = [one.rows(held, np.full(len(held), flip), still) for flip in (False, True)]
    found = baselines.ridge('composition', ('composition',), one, views, held_views, groups)
    r = baselines.correlation(found.predicted_NPC, truth)
    opened = [n for n, track in enumerate(one.organism.tracks) if track.assay == 'DNASE']
    assert r[opened].mean() > 0.3
