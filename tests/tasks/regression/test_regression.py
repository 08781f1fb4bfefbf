"""Regression: absent values count exactly nothing, targets are standardised, scores have names."""

import dataclasses
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import dna, errors, models
from genojax.data.datasets import base as datasets_base
from genojax.models import basset
from genojax.tasks.regression import baselines, dataset, evaluate, objective
from genojax.tokenizers import nucleotide
from tests.tasks import variables

CASE = pathlib.Path(__file__).parent.parent / 'labelled' / 'cases' / 'regression.csv.gz'
MODEL = basset.BassetConfig(
    vocab=10, length=30, filters=(4,), windows=(5,), pools=(4,), padding='same', hidden=(8,),
    targets=0,
)  # fmt: skip


@pytest.fixture(scope='module')
def opened(tmp_path_factory):
    """Two columns of values: the share of G and C with noise, and one that is mostly absent."""
    rng = np.random.default_rng(0)
    lines = ['sequence,gc,other']
    for row in range(120):
        codes = rng.integers(0, 4, 30).astype(np.uint8)
        gc = np.isin(codes, (1, 2)).mean() + rng.normal() * 0.02
        lines.append(f'{dna.decode(codes)},{gc:.4f},{"" if row % 3 else f"{10 * gc:.3f}"}')
    path = tmp_path_factory.mktemp('values') / 'rows.csv'
    path.write_text('\n'.join(lines))
    data = dataset.ValueDataConfig(path=str(path), value_columns=('gc', 'other'), batch_size=16)
    config = objective.RegressionConfig(values=2, data=data)
    task = config.build('values', models.build(MODEL), nucleotide.NucleotideTokenizer())
    datasets = task.open(path.parent, 0)
    return task.bind(datasets), datasets


def test_targets_are_standardised_by_the_training_rows_and_absent_ones_are_zero(opened):
    task, datasets = opened
    entries = datasets.label_entries(datasets.rows('train'))
    for column in range(2):
        values = entries['label'][entries['known'][:, column], column]
        assert values.mean() == pytest.approx(0, abs=1e-5)
        assert values.std() == pytest.approx(1, abs=1e-5)
    assert not entries['label'][~entries['known']].any()
    assert datasets.description['values']['names'] == ['gc', 'other']
    assert datasets.description['values']['absent'] == [0, 80]
    batch, spec = next(datasets.train()), task.batch_spec()
    assert {name: (x.shape, x.dtype) for name, x in spec.items()} == {
        name: (x.shape, x.dtype) for name, x in batch.items()
    }


def test_an_absent_value_and_a_filler_row_change_loss_and_gradient_by_exactly_nothing(opened):
    task, datasets = opened
    batch = jax.tree.map(jnp.asarray, next(datasets.in_order('test')))
    batch['weight'] = batch['weight'].at[-1].set(0)
    params, extra = variables.init(task, batch)
    loss = jax.jit(
        jax.value_and_grad(lambda p, b: task.loss(p, extra, b, jax.random.key(0), False)[0])
    )
    counted = batch['known'] & (batch['weight'][:, None] > 0)
    assert not counted.all()
    changed = {**batch, 'label': jnp.where(counted, batch['label'], 1e6)}
    assert jax.tree.all(
        jax.tree.map(lambda a, b: bool((a == b).all()), loss(params, batch), loss(params, changed))
    )
    other = {**batch, 'label': batch['label'] + 1.0}
    assert loss(params, other)[0] != loss(params, batch)[0]


def test_predictions_are_in_the_units_of_the_table_and_equal_those_that_are_scored(opened):
    task, datasets = opened
    batch = jax.tree.map(jnp.asarray, next(datasets.in_order('test')))
    params, extra = variables.init(task, batch)

    class State:
        def shard(self, task):
            return datasets_base.ONE_HOST

        def scores(self, jitted, batches):
            for each in batches:
                yield each, jax.device_get(jitted(params, extra, jax.tree.map(jnp.asarray, each)))

    scored_NC = evaluate.predictions(task, State(), datasets)
    description = json.loads(json.dumps(datasets.description))
    assert task.outputs(description) == (('gc', 'other'), 'values')
    rows = [task.read_row(x, description) for x in datasets.sequences(datasets.rows('test'))[:16]]
    again = jax.tree.map(jnp.asarray, task.prediction_batch(rows, description))
    predicted_BC = task.predict(params, extra, again, description)
    np.testing.assert_allclose(predicted_BC, scored_NC[:16], rtol=1e-5, atol=1e-6)


def test_scores_leave_absent_values_out_and_have_baselines(opened, monkeypatch):
    monkeypatch.setattr(baselines, '_TREES', 10)
    monkeypatch.setattr(baselines, '_LEAVES', (15,))
    _, datasets = opened
    rows = datasets.rows('test')
    truth_NC = datasets.table.labels[rows]
    predicted_NC = np.nan_to_num(truth_NC, nan=1e9)
    result = evaluate.compare(datasets, predicted_NC)
    json.dumps(result, allow_nan=False)
    for column, name in enumerate(('gc', 'other')):
        value = result['values'][name]
        known = int((~np.isnan(truth_NC[:, column])).sum())
        assert value['n_test'] == known and value['absent'] == len(rows) - known
        for score in ('pearson', 'spearman', 'r2'):
            assert value['models']['model'][score][0] == pytest.approx(1)
    assert set(result['values']['gc']['models']) == {
        *('model', 'one_hot_ridge', 'kmer_ridge', 'pairwise_ridge', 'boosted_trees'),
    }
    assert result['values']['gc']['models']['kmer_ridge']['pearson'][0] > 0.9
    text = evaluate.as_text(result)
    assert 'absent' in text and all(name in text for name in evaluate.MODEL_NAMES.values())
    # A few rows have any correlation: nothing is scored without the rows that are shared.
    monkeypatch.setattr(baselines, 'fit_all', lambda *arguments: ({}, {}))
    for count in (2, 3, 19, 20):
        shared = np.ones(len(datasets.row_split.shared), bool)
        shared[rows[:count]] = False
        split = dataclasses.replace(datasets.row_split, shared=shared)
        monkeypatch.setattr(datasets, 'row_split', split)
        result = evaluate.compare(datasets, predicted_NC)
        gc, other = (result['values'][name]['without_shared'] for name in ('gc', 'other'))
        assert gc['n_test'] == count and ('models' in gc) == (count >= 20)
        assert other['n_test'] < count and 'models' not in other
        words = 'Without them, 20 rows in 20 groups:'
        if count < 20:
            words = (
                f'Without them too few rows are left for a score: {count} rows in {count} groups.'
            )
        assert words in evaluate.as_text(result)


def test_pairwise_ridge_is_ridge_on_pairs_of_positions():
    from sklearn import kernel_ridge, preprocessing

    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (40, 5)).astype(np.uint8)
    value_N = rng.normal(size=40)
    hot = dna.one_hot(codes).reshape(40, -1)
    products = preprocessing.PolynomialFeatures(2, interaction_only=True, include_bias=False)
    columns = products.fit_transform(hot)
    match_NN = baselines._matches(list(codes), list(codes))
    kernel_NN = match_NN + match_NN * (match_NN - 1) / 2
    np.testing.assert_allclose(kernel_NN, columns @ columns.T, atol=1e-5)
    fit, scored = np.arange(30), np.arange(30, 40)
    by_rows = baselines._Kernel(kernel_NN, kernel_NN)
    by_columns = baselines._Columns(baselines._pairs_of_positions(list(codes)), None)
    ridge = kernel_ridge.KernelRidge(alpha=2.0).fit(
        columns[fit], value_N[fit] - value_N[fit].mean()
    )
    for x in (by_rows, by_columns):
        (weight,) = x.fit(fit, value_N[fit], (2.0,))
        np.testing.assert_allclose(
            x.scored(fit, scored, weight), ridge.predict(columns[scored]), atol=1e-5
        )


def test_the_number_of_columns_is_the_configs(tmp_path):
    data = dataset.ValueDataConfig(path=str(CASE))
    task = objective.RegressionConfig(values=2, data=data).build(
        'values', models.build(MODEL), nucleotide.NucleotideTokenizer()
    )
    with pytest.raises(errors.InputError, match='1 columns of values.*values.values=1'):
        task.open(tmp_path, 0)
