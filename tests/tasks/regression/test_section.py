"""The report's section on regression: what it shows, and when it calls a result good."""

import json

import numpy as np
import pytest

from genojax.report import plots
from genojax.tasks.labelled import intervals
from genojax.tasks.regression import section
from tests.report import made_up_run as made_up
from tests.report import reading

RENDERER = plots.Renderer(30)


def text_of(drawn):
    return reading.PageReader(drawn.body).text


def scores(pearson, **more):
    low, high = pearson - 0.02, pearson + 0.02
    return {'pearson': [pearson, low, high], 'spearman': None, 'r2': [0.5, 0.4, 0.6], **more}


@pytest.fixture
def result():
    value = {
        'models': {
            'model': scores(0.8),
            'boosted_trees': scores(0.75, settings={'leaves': 15}, cv_pearson=0.74),
            'kmer_ridge': scores(0.4, settings={'penalty': 1.0}, cv_pearson=0.39),
        },
        'differences': {'boosted_trees': [0.05, 0.02, 0.08], 'kmer_ridge': [0.4, 0.3, 0.5]},
        'not_fitted': {'pairwise_ridge': 'rows of several lengths'},
        'notes': {'few groups': ['the rows are 7 leak groups']},
        'scatter': {'measured': [0.0, 1.0, 2.0], 'predicted': [0.5, 1.0, 1.5]},
        'n_test': 40,
        'absent': 3,
    }
    result = {'split': 'test', 'lead': 'model', 'values': {'strength': value}}
    result |= {'n_train': 100, 'n_test': 43, 'left_out': {'rows': 0, 'share': 0.0}, 'audit': None}
    return json.loads(json.dumps(result))


def test_it_shows_the_scatter_the_table_and_what_was_not_fitted(result):
    drawn = section.section(result, made_up.labelled_description(), [], RENDERER)
    text = text_of(drawn)
    for words in (
        'strength: 40 test rows, 3 absent',
        'predicted by the model against measured',
        'boosted trees',
        'Spearman (95 % interval)',
        'No ridge regression on pairs of bases: rows of several lengths',
        'Intervals are rough',
        'leaves 15',
        'Splits and leakage',
    ):
        assert words in text
    assert [card.label for card in drawn.cards] == [
        'Pearson, strength: model',
        'Pearson, strength: best baseline',
    ]
    assert section.section(None, None, [], RENDERER) is None


@pytest.mark.parametrize(
    ('difference', 'kind', 'words'),
    [
        ([0.05, 0.02, 0.08], 'good', 'is better than boosted trees 0.750'),
        ([0.05, -0.01, 0.08], 'open', 'not distinguishable from boosted trees'),
        ([-0.05, -0.08, -0.02], 'bad', 'is worse than boosted trees'),
        ([0.05, None, None], 'open', 'not distinguishable'),
        (None, 'open', 'no paired interval'),
    ],
)
def test_a_result_is_good_only_if_clear_of_the_best_baseline(result, difference, kind, words):
    """The k-mer ridge, which the model beats by far, decides nothing."""
    differences = result['values']['strength']['differences']
    differences['boosted_trees'] = difference
    if difference is None:
        del differences['boosted_trees']
    (verdict,) = section.section(result, None, [], RENDERER).verdicts
    assert verdict.kind == kind and words in verdict.text


def test_the_rows_without_relatives_are_counted_beside_their_score(result):
    value = result['values']['strength']
    value['without_shared'] = {'shared': 20, 'n_test': 20, 'test_groups': 9}
    value['without_shared'] |= {'models': {'model': scores(0.123)}}
    text = text_of(section.section(result, None, [], RENDERER))
    assert '20 rows in 9 groups share nothing with the rows' in text and '0.123' in text
    value['without_shared'] = {'shared': 37, **intervals.rows_left(np.arange(3))}
    text = text_of(section.section(result, None, [], RENDERER))
    assert 'Without them too few rows are left for a score: 3 rows in 3 groups.' in text


def test_constant_predictions_are_no_result_and_are_said(result):
    value = result['values']['strength']
    value['models']['model']['pearson'] = None
    value['differences'] = {}
    (verdict,) = section.section(result, None, [], RENDERER).verdicts
    assert verdict.kind == 'bad' and 'constant' in verdict.text
