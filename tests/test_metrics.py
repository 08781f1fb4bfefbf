"""Scores equal scikit-learn's, and bootstrap intervals have their coverage."""

import pathlib
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genojax
from genojax import metrics

sklearn_metrics = pytest.importorskip('sklearn.metrics')


@st.composite
def labelled_scores(draw):
    """Labels with both classes and scores with many ties."""
    size = draw(st.integers(2, 60))
    labels = [0, 1, *draw(st.lists(st.integers(0, 1), min_size=size - 2, max_size=size - 2))]
    scores = draw(st.lists(st.integers(-4, 4), min_size=size, max_size=size))
    return np.array(labels), np.array(scores) / 8


@settings(max_examples=200, deadline=None)
@given(labelled_scores())
def test_scores_equal_scikit_learn(case):
    labels, scores = case
    assert metrics.auroc(labels, scores) == pytest.approx(
        sklearn_metrics.roc_auc_score(labels, scores), abs=1e-12
    )
    assert metrics.auprc(labels, scores) == pytest.approx(
        sklearn_metrics.average_precision_score(labels, scores), abs=1e-12
    )


@settings(max_examples=50, deadline=None)
@given(labelled_scores(), st.integers(0, 2**31))
def test_weights_count_rows_again(case, seed):
    """A score with integer weights is that of rows repeated so often, as a bootstrap assumes."""
    labels, scores = case
    weights = np.random.default_rng(seed).integers(0, 4, (3, labels.size))
    weights[:, :2] = np.maximum(weights[:, :2], 1)
    for metric in (metrics.auroc, metrics.auprc):
        many = metric(labels, scores, weights)
        for row, value in zip(weights, many, strict=True):
            repeated = np.repeat(np.arange(labels.size), row)
            assert value == pytest.approx(metric(labels[repeated], scores[repeated]), abs=1e-12)


def test_auroc_by_hand():
    assert metrics.auroc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])) == 0.75
    assert metrics.auroc(np.array([0, 1]), np.array([1.0, 1.0])) == 0.5
    assert metrics.auroc(np.array([0, 1]), np.array([np.inf, -np.inf])) == 0.0


def test_large_scores_equal_scikit_learn():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 20_000)
    scores = rng.normal(size=20_000) + labels
    assert (
        abs(metrics.auroc(labels, scores) - sklearn_metrics.roc_auc_score(labels, scores)) < 1e-12
    )
    expected = sklearn_metrics.average_precision_score(labels, scores)
    assert abs(metrics.auprc(labels, scores) - expected) < 1e-12


@pytest.mark.parametrize(
    'labels, scores, message',
    [
        ([1, 1], [0.1, 0.2], 'one class'),
        ([0, 1], [0.1, np.nan], '1 of 2 scores are NaN'),
        ([0, 2], [0.1, 0.2], '0 or 1'),
        ([0, 1, 1], [0.1, 0.2], 'differ'),
        ([], [], 'at least one'),
    ],
)
def test_undefined_scores_are_refused(labels, scores, message):
    for metric in (metrics.auroc, metrics.auprc):
        with pytest.raises(ValueError, match=message):
            metric(np.array(labels), np.array(scores))


def test_roc_curve_is_exact_when_short_and_close_when_subsampled():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 5_000)
    scores = np.round(rng.normal(size=5_000) + labels, 1)
    fpr, tpr = metrics.roc_curve(labels, scores)
    assert np.trapezoid(tpr, fpr) == pytest.approx(metrics.auroc(labels, scores), abs=1e-12)

    scores = rng.normal(size=5_000) + labels
    fpr, tpr = metrics.roc_curve(labels, scores, points=100)
    exact_fpr, exact_tpr, _ = sklearn_metrics.roc_curve(labels, scores)
    assert len(fpr) <= 100
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert (np.diff(fpr) >= 0).all() and (np.diff(tpr) >= 0).all()
    along = np.interp(exact_fpr + exact_tpr, fpr + tpr, tpr)
    assert np.abs(along - exact_tpr).max() <= 2 / 100
    assert np.trapezoid(tpr, fpr) == pytest.approx(metrics.auroc(labels, scores), abs=0.005)


def test_interval_covers_the_true_value_at_its_level():
    """Normal scores one deviation apart: the true AUROC is Phi(1/sqrt 2) = 0.76025."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 100)
    hits = 0
    for seed in range(200):
        interval = metrics.bootstrap_interval(
            metrics.auroc, labels, rng.normal(size=200) + labels, n=300, seed=seed
        )
        assert interval.low <= interval.value <= interval.high
        hits += interval.low <= 0.760250 <= interval.high
    # 190 expected, standard deviation 3.1; percentile intervals of bounded scores are a bit narrow.
    assert 180 <= hits <= 199


def test_interval_is_a_function_of_the_seed_only():
    labels = np.random.default_rng(0).integers(0, 2, 300)
    scores = np.random.default_rng(1).normal(size=300) + labels
    first = metrics.bootstrap_interval(metrics.auroc, labels, scores, seed=3)
    assert first == metrics.bootstrap_interval(metrics.auroc, labels, scores, seed=3)
    assert first != metrics.bootstrap_interval(metrics.auroc, labels, scores, seed=4)


def test_paired_difference_is_narrower_than_the_separate_intervals():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    shared = rng.normal(size=400) + labels
    better = shared + 0.4 * labels
    difference = metrics.paired_difference(metrics.auroc, labels, better, shared)
    single = metrics.bootstrap_interval(metrics.auroc, labels, shared)
    assert difference.low > 0
    assert difference.high - difference.low < single.high - single.low
    nothing = metrics.paired_difference(metrics.auroc, labels, shared, shared)
    assert nothing == (0, 0, 0)


def test_clusters_are_resampled_as_a_unit():
    """Repeating every row four times must not narrow the interval of the clusters."""
    rng = np.random.default_rng(0)
    labels = np.tile(rng.integers(0, 2, 200), 4)
    scores = np.tile(rng.normal(size=200), 4) + labels
    once = metrics.bootstrap_interval(
        metrics.auroc, labels[:200], scores[:200], stratified=False, n=2000
    )
    clustered = metrics.bootstrap_interval(
        metrics.auroc, labels, scores, clusters=np.tile(np.arange(200), 4), n=2000
    )
    unclustered = metrics.bootstrap_interval(metrics.auroc, labels, scores, n=2000)
    width = once.high - once.low
    assert clustered.high - clustered.low == pytest.approx(width, rel=0.05)
    assert unclustered.high - unclustered.low < 0.7 * width


def test_ratio_interval_weights_windows_by_their_bases():
    bits, bases = np.array([10.0, 200.0]), np.array([10, 100])
    assert metrics.ratio_interval(bits, bases).value == pytest.approx(210 / 110)
    steady = metrics.ratio_interval(1.9 * np.arange(1, 50), np.arange(1, 50))
    assert steady == pytest.approx((1.9, 1.9, 1.9))
    with pytest.raises(ValueError, match='not all 0'):
        metrics.ratio_interval(np.zeros(3), np.zeros(3))


def test_a_difference_of_ratios_is_paired():
    """Of equal denominators it is the ratio of the differences; against itself it is 0."""
    rng = np.random.default_rng(0)
    bases = rng.integers(1, 20, 80)
    bits, others = (bases * (2 - s) + rng.normal(size=80) for s in (0.2, 0.1))
    both = metrics.ratio_difference(bits, bases, others, bases)
    assert both == pytest.approx(metrics.ratio_interval(bits - others, bases))
    assert metrics.ratio_difference(bits, bases, bits, bases) == (0, 0, 0)
    fewer = np.maximum(bases - 3, 1)
    value = metrics.ratio_difference(bits, bases, others, fewer).value
    assert value == pytest.approx(bits.sum() / bases.sum() - others.sum() / fewer.sum())


def test_metric_state_is_a_mean_over_any_grouping():
    values = np.arange(12.0)
    parts = [metrics.MetricState.of(part) for part in np.split(values, [1, 4, 9])]
    left = metrics.MetricState.empty()
    for part in parts:
        left = left.merge(part)
    right = parts[0].merge(parts[1].merge(parts[2].merge(parts[3])))
    assert left.compute() == right.compute() == values.mean()
    weighted = metrics.MetricState.of(values, np.array([1.0] * 3 + [0.0] * 9))
    assert weighted.compute() == 1.0
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert np.isnan(metrics.MetricState.empty().compute())


@pytest.mark.parametrize(
    ('values', 'weights', 'words'),
    [
        ([1, 2, 3], [1.0], 'shape'),
        (np.ones((2, 3)), np.ones(3), 'shape'),
        (np.ones(2), 1.0, 'shape'),
        ([1, 2], [1, np.nan], 'finite'),
        ([1, 2], [1, np.inf], 'finite'),
        ([1, 2], [2, -1], 'negative'),
    ],
)
def test_metric_state_refuses_weights_that_are_none(values, weights, words):
    import jax.numpy as jnp

    for convert in (np.asarray, jnp.asarray):
        with pytest.raises(ValueError, match=words):
            metrics.MetricState.of(convert(values), convert(weights))
    with pytest.raises(ValueError, match=words):
        metrics.MetricState.of(values, weights)


def test_metric_state_passes_through_jit():
    import jax
    import jax.numpy as jnp

    @jax.jit
    def step(state, x):
        return state.merge(metrics.MetricState.of(x, jnp.ones_like(x)))

    state = step(step(metrics.MetricState.empty(), jnp.arange(3.0)), jnp.arange(5.0))
    assert isinstance(state, metrics.MetricState)
    assert float(state.compute()) == pytest.approx(13 / 8)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40))
def test_decisions_are_scored_as_by_scikit_learn(rows):
    labels, decisions = np.array(rows).T
    expected = sklearn_metrics.confusion_matrix(labels, decisions, labels=range(4))
    assert (metrics.confusion(labels, decisions, 4) == expected).all()
    assert metrics.accuracy(labels, decisions) == pytest.approx((labels == decisions).mean())
    value = metrics.matthews(labels, decisions)
    if len(set(labels)) > 1 and len(set(decisions)) > 1:
        assert value == pytest.approx(sklearn_metrics.matthews_corrcoef(labels, decisions))
    else:
        assert np.isnan(value)
    if set(range(max(labels.max(), decisions.max()) + 1)) <= {*labels, *decisions}:
        assert metrics.macro_f1(labels, decisions) == pytest.approx(
            sklearn_metrics.f1_score(labels, decisions, average='macro', zero_division=0)
        )


def test_macro_scores_are_means_over_classes_against_the_rest():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 3, 90), rng.dirichlet(np.ones(3), 90)
    for metric, single, name in (
        (metrics.macro_auroc, metrics.auroc, 'roc_auc_score'),
        (metrics.macro_auprc, metrics.auprc, 'average_precision_score'),
    ):
        value = metric(labels, scores)
        assert value == pytest.approx(
            np.mean([single(labels == c, scores[:, c]) for c in range(3)])
        )
        one_hot = np.eye(3)[labels]
        assert value == pytest.approx(
            getattr(sklearn_metrics, name)(one_hot, scores, average='macro')
        )
    with pytest.raises(ValueError, match='one class'):
        metrics.macro_auroc(np.arange(90) % 2, scores)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30))
def test_correlations_equal_scipy_and_constants_are_undefined(rows):
    stats = pytest.importorskip('scipy.stats')
    truth, values = np.array(rows, float).T
    constant = len(set(truth)) < 2 or len(set(values)) < 2
    for metric, reference in (
        (metrics.pearson, stats.pearsonr),
        (metrics.spearman, stats.spearmanr),
    ):
        value = metric(truth, values)
        if constant:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(reference(truth, values)[0], abs=1e-9)


def test_a_constant_resample_has_no_correlation():
    """0.1 three times has a mean that is not 0.1 in floating point: no 1e-9 comes of it."""
    truth = np.array([0.1, 0.1, 0.1, 0.7, np.nan])
    values = np.array([0.3, 0.5, 0.9, 0.2, 7.0])
    weights = np.array([[3, 1, 2, 0, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 4]])
    for metric in (metrics.pearson, metrics.spearman, metrics.determination):
        first, second, third = metric(truth, values, weights)
        assert np.isnan(first) and np.isnan(third)
        assert second == pytest.approx(metric(truth[:4], values[:4]))


def test_a_resample_is_scored_as_its_rows_repeated():
    rng = np.random.default_rng(0)
    truth, values = rng.integers(0, 9, 40) / 2.0, rng.integers(0, 9, 40) / 2.0
    labels, decisions = rng.integers(0, 3, 40), rng.integers(0, 3, 40)
    scores = rng.random((40, 3))
    weights = rng.integers(0, 3, (4, 40))
    for metric, a, b in (
        (metrics.pearson, truth, values),
        (metrics.spearman, truth, values),
        (metrics.determination, truth, values),
        (metrics.matthews, labels, decisions),
        (metrics.macro_f1, labels, decisions),
        (metrics.accuracy, labels, decisions),
        (metrics.macro_auroc, labels, scores),
    ):
        many = metric(a, b, weights)
        for row, value in zip(weights, many, strict=True):
            repeated = np.repeat(np.arange(40), row)
            assert value == pytest.approx(metric(a[repeated], b[repeated]), abs=1e-12)


@pytest.mark.parametrize(
    'weights', [np.ones(1), np.ones((2, 4)), np.array([1, -1, 1]), np.array([1, np.nan, 1])]
)
def test_weights_of_another_shape_or_sign_are_refused(weights):
    labels, scores = np.array([0, 1, 1]), np.array([0.1, 0.7, 0.4])
    for metric in (metrics.auroc, metrics.auprc, metrics.pearson, metrics.spearman):
        with pytest.raises(ValueError, match='weights'):
            metric(labels, scores, weights)
    for metric in (metrics.matthews, metrics.macro_f1, metrics.accuracy):
        with pytest.raises(ValueError, match='weights'):
            metric(labels, labels, weights)


def test_clusters_resampled_within_their_classes_always_hold_every_class():
    labels = np.array([1, 1, *[0] * 60])
    scores = np.linspace(1, 0, 62)
    clusters = np.array([0, 0, *range(1, 61)])
    with pytest.raises(metrics.UndefinedScoreError):
        metrics.bootstrap_interval(metrics.auroc, labels, scores, clusters=clusters)
    interval = metrics.bootstrap_interval(
        metrics.auroc, labels, scores, clusters=clusters, cluster_strata=labels
    )
    assert interval == (1, 1, 1)


def test_an_evaluation_of_a_part_says_which():
    limited = metrics.limited
    assert limited.words({'limited': limited.entry(1_010, 6_770, 'windows')}) == (
        '1,010 of 6,770 windows'
    )
    assert limited.entry(677, 677, 'windows') is None
    assert limited.words({'limited': {'limit': 9}}) == 'at most 9 rows'
    assert limited.words({'limited': None}) == limited.words({}) == limited.words(None) == ''


def test_a_table_of_scores_stays_in_columns_whatever_the_names():
    long = 'a_species_with_a_very_long_name.NC_000913.3'
    head, *lines = metrics.text_table([
        ['', 'AUROC', 'MCC'],
        [long, '0.956 (0.935 to 0.971)', '-0.142 (-0.041 to -0.270)'],
        ['x', '0.9', ''],
    ])  # fmt: skip
    end = lines[0].index('0.956') + len('0.956 (0.935 to 0.971)')
    assert lines[0].startswith(f'{long}  0.956') and lines[0][end : end + 2] == '  '
    assert head[:end].endswith(' AUROC') and lines[1] == f'{"x":<{end - 3}}0.9'
    assert len(head) == len(lines[0])


def test_what_intervals_are_over_has_one_wording():
    assert metrics.intervals_over(1_043, 'windows') == '95 % intervals over 1,043 windows'
    assert metrics.intervals_over(1, 'windows') == '95 % intervals over 1 window'
    assert metrics.intervals_over(None, 'sites') == '95 % intervals over sites'
    sources = pathlib.Path(genojax.__file__).parent.rglob('*.py')
    others = ('% bootstrap', 'are bootstraps over genes.')
    assert not [s for s in sources for words in others if words in s.read_text()]
