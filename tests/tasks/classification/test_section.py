"""The report's section on classification: what it says, and when it calls a result good."""

import json

import numpy as np

from genojax.report import plots
from genojax.tasks.classification import evaluate, section
from genojax.tasks.labelled import intervals
from tests.report import made_up_run as made_up
from tests.report import reading

RENDERER = plots.Renderer(30)


def _text(section):
    return reading.PageReader(section.body).text


def _kinds(section):
    return [verdict.kind for verdict in section.verdicts]


def test_nothing_to_show_is_no_section():
    assert section.section(None, None, [], RENDERER) is None


def _classes():
    return json.loads(json.dumps(made_up.classification_result(np.random.default_rng(0))))


def test_a_lost_comparison_is_not_called_won():
    result = _classes()
    assert 'bad' not in _kinds(section.section(result, None, [], RENDERER))
    result['models']['kmer_svm']['auroc'] = [0.99, 0.98, 0.995]
    result['differences']['kmer_svm'] = [-0.05, -0.06, -0.04]
    lost = section.section(result, None, [], RENDERER)
    assert _kinds(lost)[0] == 'bad'
    assert 'is worse than k-mer SVM 0.990' in lost.verdicts[0].text
    result['differences']['kmer_svm'] = [0.001, -0.01, 0.02]
    tie = section.section(result, None, [], RENDERER)
    assert _kinds(tie)[0] == 'open'
    assert 'not distinguishable from k-mer SVM' in tie.verdicts[0].text


def test_the_best_baseline_is_the_one_that_counts():
    """A network from random weights is no baseline: it is compared beside the best one."""
    drawn = section.section(_classes(), None, [], RENDERER)
    assert 'k-mer SVM' in drawn.verdicts[0].text
    assert 'than the same network from scratch' in drawn.verdicts[1].text
    assert drawn.cards[1].details[-1] == 'k-mer SVM'


def test_the_terminal_has_the_names_of_the_report():
    result = _classes() | {'split': 'test', 'notes': {}, 'classes': ['0', '1']}
    for row in result['models'].values():
        row |= {'macro_f1': [0.5, 0.4, 0.6], 'mcc': [0.1, 0.0, 0.2]}
    report, terminal = _text(section.section(result, None, [], RENDERER)), evaluate.as_text(result)
    for name in (*map(evaluate.MODEL_NAMES.get, result['models']), "Matthews' correlation"):
        assert name in report and name in terminal
    assert 'kmer_svm' not in terminal and 'MCC' not in terminal


def test_without_a_paired_interval_nothing_is_won():
    result = _classes()
    result['differences'] = {}
    assert set(_kinds(section.section(result, None, [], RENDERER))) == {'open'}


def test_a_ceiling_is_only_mentioned_where_there_is_one():
    with_one = section.section(_classes(), None, [], RENDERER)
    assert 'way from chance to the known ceiling' in with_one.verdicts[-1].text
    result = _classes()
    result['ceiling'] = None
    without = section.section(result, None, [], RENDERER)
    assert 'ceiling' not in _text(without)
    assert 'ceiling' not in str((without.cards, without.verdicts))


def test_a_validation_loss_worse_than_from_scratch_is_said():
    def rows(tuned, scratch):
        return [
            {'kind': 'validation', 'step': 1, 'run': run, 'loss': loss}
            for run, loss in (('finetune', tuned), ('scratch', scratch))
        ]

    worse = section.section(None, None, rows(0.5, 0.4), RENDERER)
    assert (
        _kinds(worse) == ['bad']
        and '0.500 is worse than from scratch 0.400' in worse.verdicts[0].text
    )
    assert not section.section(None, None, rows(0.4, 0.5), RENDERER).verdicts


def test_rows_never_compared_with_a_genome_are_not_called_clean():
    description = made_up.labelled_description()
    text = _text(section.section(None, description, [], RENDERER))
    assert 'None of 3,201 rows occurs in runs/demo/shards.' in text
    audit = description['audit']
    audit['removed'] |= {'kept': 800, 'checked': True}
    text = _text(section.section(None, description, [], RENDERER))
    assert '800 of 3,201 rows occur in runs/demo/shards and are kept' in text
    audit['removed']['test_rows_cut'] = True
    text = _text(section.section(None, description, [], RENDERER))
    assert 'has read their sequence, without labels, but not the test rows' in text
    description['genomes'] = None
    audit['removed'] |= {'kept': 0, 'checked': False, 'reason': 'no genomes are known'}
    text = _text(section.section(None, description, [], RENDERER))
    assert 'Not checked against genomes: no genomes are known' in text
    assert 'were removed' not in text


def test_the_split_of_rows_is_judged_in_a_sentence():
    clean = _text(section.section(None, made_up.labelled_description(), [], RENDERER))
    assert 'No validation or test row shares 30 bases with a training row' in clean
    assert 'nor 80 % of 50 or more successive bases' in clean and 'leak-free' not in clean
    leaky = _text(section.section(None, made_up.labelled_description(7), [], RENDERER))
    assert '7 validation and test rows are related to a training row' in leaky


def test_several_classes_are_shown_by_name_with_a_confusion_matrix():
    row = {
        'auroc': [0.8, 0.7, 0.9],
        'auprc': [0.6, 0.5, 0.7],
        'macro_f1': [0.5, None, None],
        'mcc': None,
        'confusion': [[5, 1, 0], [2, 7, 0], [0, 0, 9]],
        'by_class': {
            name: {'rows': 9, 'auroc': [0.8, 0.7, 0.9], 'auprc': None}
            for name in ('leader', 'coding', 'other')
        },
    }
    result = {
        'models': {'model': row, 'majority': {**row, 'auroc': [0.5, 0.5, 0.5]}},
        'classes': ['leader', 'coding', 'other'],
        'notes': {'undefined': ["Matthews' correlation"]},
        'without_shared': {
            'shared': 4,
            'n_test': 20,
            'test_groups': 8,
            'models': {'model': row},
        },
        'left_out': {'rows': 3, 'share': 0.25},
        'lead': 'model',
        'differences': {'majority': [0.3, None, None]},
    }
    drawn = section.section(json.loads(json.dumps(result)), None, [], RENDERER)
    text = _text(drawn)
    for words in (
        'class coding',
        'called leader',
        'Confusion matrix: model',
        'Without the 4 test rows that share sequence',
        '20 rows in 8 groups share nothing with the rows that were fitted',
        '25.0 % of all bases were never read',
        'constant scores or decisions',
    ):
        assert words in text
    assert _kinds(drawn)[0] == 'open'
    assert 'mean one-vs-rest AUROC, model' in [card.label for card in drawn.cards]
    assert 'positive class' not in text
    result['without_shared'] = {'shared': 7, **intervals.rows_left(np.arange(3))}
    text = _text(section.section(json.loads(json.dumps(result)), None, [], RENDERER))
    assert 'Without them too few rows are left for a score: 3 rows in 3 groups.' in text


def test_settings_and_the_positive_class_are_named_as_in_the_table():
    row = {'auroc': [0.8, 0.7, 0.9], 'auprc': [0.6, 0.5, 0.7]}
    models = {
        'model': row,
        'majority': {**row, 'settings': {'class': 1}},
        'gc_only': {**row, 'settings': {'direction': 'less GC is 1'}},
    }
    result = {'models': models, 'classes': ['coding', 'random'], 'lead': 'model'}
    text = _text(section.section(json.loads(json.dumps(result)), None, [], RENDERER))
    for words in ('class random', 'less GC is random', 'The positive class is random'):
        assert words in text
    assert 'is 1' not in text and 'one-vs-rest' not in text
