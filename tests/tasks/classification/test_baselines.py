"""Baselines of a classifier: what they find, how they are tuned, folds without leaks."""

import gzip
import json

import numpy as np
import pytest

from genojax import dna, metrics
from genojax.tasks.classification import baselines
from genojax.tasks.labelled import tuning


def _planted(rng, rows, motif='TGACTCA', length=60):
    """Random sequences; those of class 1 contain the motif. GC is equal in both classes."""
    labels = rng.permutation(np.arange(rows) % 2)
    codes = rng.integers(0, 4, (rows, length)).astype(np.uint8)
    planted = dna.encode(motif)
    for row in np.flatnonzero(labels):
        start = rng.integers(0, length - len(planted))
        codes[row, start : start + len(planted)] = planted
    return codes, labels


@pytest.fixture(scope='module')
def fitted():
    codes, labels = _planted(np.random.default_rng(0), 1_000)
    return baselines.fit_all(codes[:600], labels[:600], codes[600:]), labels[600:]


def test_kmer_models_find_a_motif_that_gc_cannot(fitted):
    baseline_of, labels = fitted
    area = {name: metrics.auroc(labels, fit.scores) for name, fit in baseline_of.items()}
    assert set(area) == {'gc_only', 'kmer_logistic', 'kmer_svm', 'one_hot_logistic'}
    assert area['kmer_logistic'] > 0.75 and area['kmer_svm'] > 0.75
    assert area['gc_only'] < 0.62 and area['one_hot_logistic'] < 0.65


def test_chosen_settings_are_the_best_tried_and_are_json(fitted):
    for baseline in fitted[0].values():
        summary = json.loads(json.dumps(baseline.summary()))
        assert summary['cv_auroc'] == pytest.approx(max(t['auroc'] for t in summary['tried']))
        assert (
            summary['settings'].items() <= max(summary['tried'], key=lambda t: t['auroc']).items()
        )


def test_several_classes_have_one_score_per_class(two_point_grids):
    rng = np.random.default_rng(4)
    labels = rng.permutation(np.arange(240) % 3)
    codes = rng.integers(0, 4, (240, 30)).astype(np.uint8)
    for row, label in enumerate(labels):
        codes[row, 10:16] = dna.encode(('GGGGGG', 'ACACAC', 'TTTTTT')[label])
    fitted = baselines.fit_all(codes[:150], labels[:150], codes[150:])
    assert set(fitted) == {'majority', 'gc_only', 'kmer_logistic', 'kmer_svm', 'one_hot_logistic'}
    for name, baseline in fitted.items():
        assert baseline.scores.shape == (90, 3) and baseline.decisions.shape == (90,)
        area = metrics.macro_auroc(labels[150:], baseline.scores)
        assert area == {'majority': 0.5}.get(name, area) and area >= 0.5
        assert name in ('majority', 'gc_only') or area > 0.9
    assert metrics.matthews(labels[150:], fitted['kmer_logistic'].decisions) > 0.9


def test_gc_direction_comes_from_the_training_rows():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    codes = np.where(rng.random((200, 40)) < 0.4 + 0.2 * labels[:, None], 0, 2).astype(np.uint8)
    baseline = baselines.gc_only(codes[:100], labels[:100], codes[100:])
    assert baseline.settings == {'direction': 'less GC is 1'}
    assert metrics.auroc(labels[100:], baseline.scores) > 0.9


def test_test_rows_change_nothing_but_their_own_scores(two_point_grids):
    codes, labels = _planted(np.random.default_rng(1), 300)
    alone = baselines.kmer_logistic(codes[:250], labels[:250], codes[250:260])
    among = baselines.kmer_logistic(codes[:250], labels[:250], codes[250:])
    assert alone.settings == among.settings and alone.cv_auroc == among.cv_auroc
    assert np.allclose(alone.scores, among.scores[:10])


def test_folds_keep_groups_whole_and_classes_balanced():
    rng = np.random.default_rng(0)
    groups = np.concatenate([np.arange(400), rng.integers(400, 420, 200)])
    labels = rng.integers(0, 2, 600)
    folds = tuning.grouped_folds(labels, groups, 5, seed=1)
    for group in np.unique(groups):
        assert len(set(folds[groups == group])) == 1
    for label in (0, 1):
        counts = np.bincount(folds[labels == label], minlength=5)
        assert counts.max() - counts.min() <= 6
    assert (folds == tuning.grouped_folds(labels, groups, 5, seed=1)).all()
    assert (folds != tuning.grouped_folds(labels, groups, 5, seed=2)).any()


def test_copies_inflate_cross_validation_unless_they_are_grouped(two_point_grids):
    """Each row four times, with random labels: without grouped folds memorised rows score."""
    rng = np.random.default_rng(0)
    once = rng.integers(0, 4, (100, 50)).astype(np.uint8)
    codes, labels = np.tile(once, (4, 1)), np.tile(rng.integers(0, 2, 100), 4)
    groups = np.tile(np.arange(100), 4)
    ungrouped = baselines.kmer_logistic(codes, labels, once)
    grouped = baselines.kmer_logistic(codes, labels, once, groups)
    assert np.mean(ungrouped.cv_auroc) > 0.95
    assert np.mean(grouped.cv_auroc) < 0.7


def test_too_few_groups_are_refused():
    labels = np.arange(40) % 2
    with pytest.raises(ValueError, match='3 leak groups cannot fill 5 folds'):
        tuning.grouped_folds(labels, np.arange(40) % 3)


def test_lengths_may_differ_except_for_the_positional_baseline(two_point_grids):
    codes, labels = _planted(np.random.default_rng(2), 120)
    ragged = [row[: 50 + index % 10] for index, row in enumerate(codes)]
    assert set(baselines.fit_all(ragged[:100], labels[:100], ragged[100:])) == {
        'gc_only',
        'kmer_logistic',
        'kmer_svm',
    }
    with pytest.raises(ValueError, match='one length'):
        baselines.one_hot_logistic(ragged[:100], labels[:100], ragged[100:])


def test_many_rows_get_a_linear_svm(two_point_grids, monkeypatch):
    monkeypatch.setattr(baselines, '_KERNEL_ROWS', 100)
    codes, labels = _planted(np.random.default_rng(3), 400)
    baseline = baselines.kmer_svm(codes[:300], labels[:300], codes[300:])
    assert baseline.settings['kernel'] == 'linear'
    assert metrics.auroc(labels[300:], baseline.scores) > 0.6


@pytest.mark.real
def test_known_scores_on_human_core_promoters(real_data, two_point_grids):
    """README of the data: 5-fold 4-mer logistic 0.842, one-hot 0.799, GC alone 0.707."""
    path = real_data / 'promoters_dnabert_core' / 'prom_core_70bp.tsv.gz'
    with gzip.open(path, 'rt') as lines:
        rows = [line.split() for line in lines][1:]
    codes = np.stack([dna.encode(sequence) for sequence, _ in rows])
    labels = np.array([int(label) for _, label in rows])
    part = np.random.default_rng(0).permutation(len(labels))
    train, test = part[:2000], part[2000:]
    fitted = baselines.fit_all(codes[train], labels[train], codes[test])
    area = {name: metrics.auroc(labels[test], fit.scores) for name, fit in fitted.items()}
    assert area['gc_only'] == pytest.approx(0.707, abs=0.03)
    assert area['one_hot_logistic'] == pytest.approx(0.799, abs=0.03)
    assert area['kmer_logistic'] > 0.842 and area['kmer_svm'] > 0.842
