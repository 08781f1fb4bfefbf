"""Scores of a classification split: models beside baselines, the ceiling, paired differences."""

import dataclasses
import json
import pathlib
import types

import numpy as np
import pytest

from genojax import dna, errors, metrics
from genojax.data.datasets import base
from genojax.tasks.classification import baselines, dataset, evaluate
from genojax.tokenizers import kmer

MOTIF = dna.encode('TGACTCA')


@pytest.fixture(scope='module')
def datasets(tmp_path_factory):
    """Rows of class 1 hold a motif; a column holds a noisy version of the label."""
    rng = np.random.default_rng(0)
    lines = [f'sequence\tlabel\t{evaluate.TRUTH}']
    for row in range(300):
        codes = rng.integers(0, 4, 50).astype(np.uint8)
        if row % 2:
            start = rng.integers(0, 43)
            codes[start : start + 7] = MOTIF
        lines.append(f'{dna.decode(codes)}\t{row % 2}\t{row % 2 + rng.normal():.4f}')
    path = tmp_path_factory.mktemp('rows') / 'rows.tsv'
    path.write_text('\n'.join(lines))
    config = dataset.LabelledDataConfig(path=str(path), test=0.3, validation=0.2)
    return dataset.LabelledDatasets(config, 0, kmer.KmerTokenizer(3))


@pytest.fixture(scope='module')
def fitted(datasets, two_point_grids):
    return evaluate.baseline_scores(datasets)


def test_every_model_has_its_score_with_an_interval(datasets, fitted):
    labels = datasets.table.labels[datasets.rows('test')]
    perfect, random = labels.astype(float), np.random.default_rng(1).normal(size=len(labels))
    models = {'perfect': perfect, 'random': random}
    result = evaluate.compare(datasets, models, fitted, 'perfect')
    assert result['models'].keys() == {*models, *fitted}
    assert result['models']['perfect']['auroc'] == [1.0, 1.0, 1.0]
    for name, score in {**models, **{n: fit.scores for n, fit in fitted.items()}}.items():
        value, low, high = result['models'][name]['auroc']
        assert value == pytest.approx(metrics.auroc(labels, score)) and low <= value <= high
        if name != 'perfect':
            assert result['differences'][name][0] == pytest.approx(1.0 - value)
    truth = datasets.table.extra[evaluate.TRUTH][datasets.rows('test')]
    assert result['ceiling']['auroc'][0] == pytest.approx(metrics.auroc(labels, truth))
    assert result['n_test'] == len(labels)
    assert result['n_train'] + result['n_test'] == 300
    text = evaluate.as_text(result)
    assert text.index('known ceiling') < text.index('perfect') < text.index('random')
    assert f'{len(labels)} test rows' in text


def test_baselines_are_fitted_to_the_rows_that_the_model_used(datasets, monkeypatch):
    calls = []

    def fit_all(train, labels, test, groups, seed):
        calls.append(([dna.decode(row) for row in train], [dna.decode(row) for row in test]))
        return {}

    monkeypatch.setattr(baselines, 'fit_all', fit_all)

    def texts(*splits):
        rows = np.sort(np.concatenate([datasets.rows(split) for split in splits]))
        return [dna.decode(datasets.table.sequences[row]) for row in rows]

    evaluate.baseline_scores(datasets, 'test')
    evaluate.baseline_scores(datasets, 'validation')
    assert calls[0] == (texts('train', 'validation'), texts('test'))
    assert calls[1] == (texts('train'), texts('validation'))


def test_scores_are_log_odds_in_the_order_of_the_rows(datasets):
    """A model whose logits are counts of A and of T."""

    def logits(params, extra, batch, key):
        return np.stack([(batch['bases'] == code).sum(1) for code in (0, 3)], -1)

    class State:
        def shard(self, task):
            return base.ONE_HOST

        def scores(self, jitted, batches):
            return ((batch, jitted(None, None, batch, None)) for batch in batches)

    task = types.SimpleNamespace(
        name='promoters', jitted_logits=logits, config=types.SimpleNamespace(classes=2)
    )
    scores = evaluate.scores(task, State(), datasets, 'test')
    sequences = [datasets.table.sequences[row] for row in datasets.rows('test')]
    assert scores.tolist() == [int((x == 3).sum()) - int((x == 0).sum()) for x in sequences]
    with pytest.raises(errors.UsageError, match='all rows'):
        evaluate.evaluate(task, State(), datasets, limit=5)


CASES = pathlib.Path(__file__).parent.parent / 'labelled' / 'cases'


def _compare(name, models, test=0.3):
    config = dataset.LabelledDataConfig(path=str(CASES / name), test=test)
    datasets = dataset.LabelledDatasets(config, 0, kmer.KmerTokenizer(3))
    truth = datasets.table.labels[datasets.rows('test')]
    result = evaluate.compare(datasets, models(truth), {}, 'model')
    json.dumps(result, allow_nan=False)
    return datasets, truth, result


def test_several_classes_have_the_mean_over_classes_and_each_class_by_its_name():
    rng = np.random.default_rng(0)

    def models(truth):
        noisy = np.eye(3)[truth] + rng.normal(size=(len(truth), 3)) * 0.4
        return {'model': noisy, 'constant': np.full((len(truth), 3), 1 / 3)}

    datasets, truth, result = _compare('three.csv.gz', models)
    assert result['classes'] == ['0', '1', '2']
    row = result['models']['model']
    assert row['auroc'][1] < row['auroc'][0] < row['auroc'][2]
    assert [len(row['by_class'][name]['auroc']) for name in '012'] == [3, 3, 3]
    mean = np.mean([row['by_class'][name]['auroc'][0] for name in '012'])
    assert row['auroc'][0] == pytest.approx(mean)
    assert np.sum(row['confusion']) == len(truth) == result['n_test']
    assert result['models']['constant']['mcc'] is None
    assert result['notes']['undefined'] == ["Matthews' correlation"]
    text = evaluate.as_text(result)
    assert 'mean one-vs-rest AUROC' in text and 'undefined' in text
    assert 'No baselines: a class has too few groups of rows' in text


def test_a_rare_class_has_an_interval():
    rng = np.random.default_rng(0)
    datasets, truth, result = _compare(
        'rare.csv.gz', lambda truth: {'model': truth + rng.normal(size=len(truth))}, test=0.1
    )
    assert truth.sum() < 4
    value, low, high = result['models']['model']['auroc']
    assert low < value < high
    assert 'stratified' in result['notes']
    assert 'Classes are rare' in evaluate.as_text(result)


def test_rows_that_a_published_split_shares_are_scored_apart(tmp_path):
    for path in (CASES / 'gue').iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    copies = (tmp_path / 'train.csv').read_text().splitlines()[1:13]
    with open(tmp_path / 'test.csv', 'a') as file:
        file.write('\n'.join(copies) + '\n')

    def models(truth):
        scores = np.random.default_rng(0).normal(size=len(truth))
        scores[-12:] = 9.0 * (2 * truth[-12:] - 1)  # right where the row was trained on
        return {'model': scores}

    datasets, truth, result = _compare(tmp_path, models)
    rest = result['without_shared']
    assert rest['shared'] == 12 and rest['n_test'] == len(truth) - 12
    assert rest['models']['model']['auroc'][0] < result['models']['model']['auroc'][0]
    text = evaluate.as_text(result)
    assert '12 rows share sequence with rows that were fitted' in text
    assert f'Without them, {rest["n_test"]} rows in {rest["test_groups"]} groups:' in text
    rows, labels = datasets.rows('test'), datasets.table.labels[datasets.rows('test')]
    for kept, words in (
        (np.arange(3), 'Without them too few rows are left for a score: 3 rows in 3 groups.'),
        (
            np.flatnonzero(labels == 0)[:20],
            'Without them a class has no row: 20 rows in 20 groups.',
        ),
    ):
        shared = np.ones(len(datasets.table), bool)
        shared[rows[kept]] = False
        datasets.row_split = dataclasses.replace(datasets.row_split, shared=shared)
        result = evaluate.compare(datasets, models(truth), {}, 'model')
        assert 'models' not in result['without_shared'] and words in evaluate.as_text(result)
