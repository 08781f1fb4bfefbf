"""Fits are tuned within whole groups, never on the rows that they score; classes get own fits."""

import numpy as np
import pytest

from genojax import metrics
from genojax.tasks.variant_effects import baselines, methods

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def small_forests(monkeypatch):
    monkeypatch.setattr(baselines, '_TREES', 20)
    monkeypatch.setattr(baselines, '_TUNING_TREES', 10)
    monkeypatch.setattr(baselines, '_LEAVES', (2,))


def rows(count=240):
    """A column that is the label with noise, noise, absent numbers, and ten groups."""
    label_N = RNG.integers(0, 2, count)
    x_NF = np.stack([label_N + RNG.normal(size=count) * 0.4, RNG.normal(size=count)], 1)
    x_NF[::7, 1] = np.nan
    return x_NF, label_N, np.arange(count) // (count // 10)


@pytest.mark.parametrize('fit', [baselines.forest, baselines.logistic])
def test_a_fit_ranks_rows_that_it_has_not_seen(fit):
    x_NF, label_N, group_N = rows()
    training = baselines.TrainingVariants(label_N[:160], group_N[:160])
    result = fit(x_NF[:160], training, x_NF[160:])
    assert metrics.auroc(label_N[160:], result.log_odds_N) > 0.9
    assert np.isfinite(result.log_odds_N).all() and result.settings


def test_folds_keep_groups_whole():
    _, label_N, group_N = rows()
    for fit_rows, scored in baselines.TrainingVariants(label_N, group_N).folds():
        assert not set(group_N[fit_rows]) & set(group_N[scored])
    one = baselines.TrainingVariants(label_N, np.zeros(len(label_N), int))
    assert len(one.folds()) == 3  # one group cannot be divided: by row


def test_a_class_with_enough_rows_has_a_fit_of_its_own():
    """In class b the column means the opposite, which one fit to both cannot know."""
    x_NF, label_N, group_N = rows(600)
    class_N = np.where(np.arange(600) % 3 == 0, 'b', 'a')
    x_NF = np.where(class_N[:, None] == 'b', 1 - x_NF, x_NF)[:, :1]
    training = baselines.TrainingVariants(label_N[:400], group_N[:400])
    arguments = (x_NF[:400], training, x_NF[400:])
    classes = class_N[:400], class_N[400:]
    pooled = baselines.logistic(*arguments)
    options = {'pooled': pooled, 'classes': classes}
    own = baselines.by_class(baselines.logistic, *arguments, **options, fewest=30)
    truth = label_N[400:]
    assert metrics.auroc(truth, own.log_odds_N) > metrics.auroc(truth, pooled.log_odds_N) + 0.1
    assert own.settings['own fits'] == 'a, b'
    few = baselines.by_class(baselines.logistic, *arguments, **options, fewest=1_000)
    np.testing.assert_array_equal(few.log_odds_N, pooled.log_odds_N)


def test_scores_of_training_rows_come_from_fits_to_other_folds():
    """A label at random cannot be predicted: a fit to the row itself would do so."""
    x_NF, label_N = RNG.normal(size=(200, 40)), RNG.integers(0, 2, 200)
    training = baselines.TrainingVariants(label_N, np.arange(200))
    crossed = baselines.crossed(baselines.logistic, x_NF, training)
    own = baselines.logistic(x_NF, training, x_NF).log_odds_N
    assert abs(metrics.auroc(label_N, crossed) - 0.5) < 0.15 < metrics.auroc(label_N, own) - 0.5


def test_a_column_alone_is_turned_by_training_rows_and_ranks_within_its_class():
    x_NF, label_N, group_N = rows()
    tier_N = RNG.integers(0, 4, 240)
    columns = methods.VariantColumnsOfModels(
        vector_ND=x_NF[:, :1],
        annotation_NF=None,
        scores={'c': -x_NF[:, 0]},
        model_scores=(),
        tier_N=tier_N,
        term_N=np.array([f't{tier}' for tier in tier_N]),
        group_N=group_N,
    )
    fit_rows, scored = np.arange(120), np.arange(120, 240)
    fits = methods.score_fold(columns, label_N, fit_rows, scored)
    np.testing.assert_allclose(fits['c alone'].log_odds_N, x_NF[120:, 0])
    both = fits['class, then c'].log_odds_N
    np.testing.assert_array_equal(np.floor(both), tier_N[120:])
    first = tier_N[120:] == 1
    np.testing.assert_array_equal(np.argsort(both[first]), np.argsort(x_NF[120:][first, 0]))
    assert set(fits) == {methods.CLASS, 'c alone', 'class, then c', 'probe', 'probe by class'}
