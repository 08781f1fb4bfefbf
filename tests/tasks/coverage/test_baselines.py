"""Baselines of coverage: what they learn, and what they must not depend on."""

import dataclasses

import numpy as np
import pytest

from genojax import dna, simulate
from genojax.data.splits import track_overlap
from genojax.tasks.coverage import baselines, dataset, evaluate
from genojax.tokenizers import nucleotide


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('tracks')
    simulate.write_tracks(folder, 'one', windows=(40, 12), seed=0)
    return folder


def open_datasets(folder, prefix='one', rule=None):
    rules = {} if rule is None else {'sim': rule}
    config = dataset.CoverageDataConfig(
        path=str(folder), organisms={'sim': prefix}, accessibility=rules
    )
    return dataset.CoverageDatasets(config, 0, nucleotide.NucleotideTokenizer(), folder)


def reads(source, windows):
    """Measured reads of the windows."""
    no_shift = np.zeros(len(windows), np.int64)
    return source.rows(windows, no_shift.astype(bool), no_shift)[1]


def fitted(folder, rule=None):
    """The source, its test windows and the baselines by name."""
    datasets = open_datasets(folder, rule=rule)
    source, test = datasets.sources[0], datasets.windows(0, 'test')
    return source, test, baselines.fit_all(source, test, source.organism.parts['train'])


def test_kmer_baselines_learn_the_sites_and_the_mean_window_does_not(folder):
    source, test, fits = fitted(folder)
    truth = reads(source, test)
    r = {name: baselines.correlation(x.predicted_NPC, truth) for name, x in fits.items()}
    # Sites are 8 bases in random sequence, of which 4-mers and their strand explain a part.
    assert (r['kmers'] > 0.2).all() and (r['kmers'] > r['position_mean'] + 0.15).all()
    with np.load(folder / 'one_valid.npz') as file:
        rate = file['rate'].reshape(12, 16, 4, 4)
    pooled = np.concatenate([rate[..., :2].sum(2), rate[..., 2:].mean(2)], -1)
    ceiling = baselines.correlation(pooled, truth)
    assert (r['kmers'] < ceiling).all() and (ceiling > 0.9).all()
    assert (np.abs(r['position_mean']) < 0.25).all()


def test_accessibility_improves_the_baseline_that_reads_it(folder):
    source, test, fits = fitted(folder, 'open_one')
    truth = reads(source, test)
    r = {name: baselines.correlation(x.predicted_NPC, truth) for name, x in fits.items()}
    scored = np.flatnonzero(source.target_C)
    assert scored.tolist() == [0, 1, 3]
    assert fits.keys() < evaluate.MODEL_NAMES.keys()  # each has a title
    assert (r['kmers_accessibility'] > r['kmers'])[scored].all()


def test_baselines_do_not_depend_on_the_coverage_of_the_test_windows(folder):
    source, test, fits = fitted(folder)
    blank = dataclasses.replace(test, target_NPC=np.zeros_like(test.target_NPC))
    again = baselines.fit_all(source, blank, source.organism.parts['train'])
    for name, baseline in fits.items():
        np.testing.assert_array_equal(again[name].predicted_NPC, baseline.predicted_NPC)


def test_baselines_predict_the_same_for_both_strands(folder):
    source, test, fits = fitted(folder)
    other = dataclasses.replace(test, codes_NL=dna.reverse_complement(test.codes_NL))
    again = baselines.fit_all(source, other, source.organism.parts['train'])
    for name, baseline in fits.items():
        flipped = source.flipped(again[name].predicted_NPC)
        np.testing.assert_allclose(flipped, baseline.predicted_NPC, rtol=1e-5, atol=1e-6)


def test_folds_keep_windows_that_share_bases_together():
    groups = np.array([0, 0, 2, 3, 3, 5, 6, 7])
    fold = baselines._folds(groups, 0)
    assert fold[0] == fold[1] and fold[3] == fold[4] and len(set(fold.tolist())) == 5


def test_a_mean_over_bins_is_over_the_bins_inside_the_window():
    x = np.arange(5, dtype=np.float32)[None, :, None]
    np.testing.assert_allclose(baselines.smooth(x, 3)[0, :, 0], [0.5, 1, 2, 3, 3.5])


def test_ridge_weights_are_the_closed_form():
    """On centred data w = (X'X + a I)^-1 X'y; the constant is not penalised."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 2)) + 4
    full = np.concatenate([x, np.ones((50, 1))], 1)
    solved = baselines._solve(full.T @ full, full.T @ y, 50.0)
    for penalty, weight in zip(baselines.PENALTIES, solved, strict=True):
        xc, yc = x - x.mean(0), y - y.mean(0)
        expected = np.linalg.solve(xc.T @ xc + penalty * np.eye(3), xc.T @ yc)
        np.testing.assert_allclose(weight[:-1], expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(weight[-1], y.mean(0) - x.mean(0) @ expected, rtol=1e-4)


@pytest.mark.real
def test_on_real_data_composition_predicts_open_chromatin(real_data):
    datasets = open_datasets(real_data / 'tracks_borzoi_tiny', 'hg38')
    source, test = datasets.sources[0], datasets.windows(0, 'test')
    train = source.organism.parts['train']
    groups = track_overlap.overlap_groups(train, source.organism.crop)
    views, test_views = (baselines._both_views(source, windows) for windows in (train, test))
    fit = baselines.ridge('composition', ('composition',), source, views, test_views, groups=groups)
    r = baselines.correlation(fit.predicted_NPC, reads(source, test))
    opened = [n for n, track in enumerate(source.organism.tracks) if track.assay == 'DNASE']
    assert r[opened].mean() > 0.3
