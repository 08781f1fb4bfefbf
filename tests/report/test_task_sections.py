"""The sections of the package's tasks (tasks/*/section.py): what they say, and when they call a result good."""

import json

import numpy as np
import pytest

from genojax.report import comparisons, plots
from genojax.tasks.classification import section as classification
from genojax.tasks.coverage import section as coverage
from genojax.tasks.masked_lm import section as masked_lm
from tests.report import made_up_run as made_up
from tests.report import reading

RENDERER = plots.Renderer(30)


def _classes():
    return json.loads(json.dumps(made_up.classification_result(np.random.default_rng(0))))


def _text(section):
    return reading.PageReader(section.body).text


def _kinds(section):
    return [verdict.kind for verdict in section.verdicts]


@pytest.mark.parametrize('section', made_up.SECTIONS.values())
def test_nothing_to_show_is_no_section(section):
    assert section(None, None, [], RENDERER) is None


def test_a_lost_comparison_is_not_called_won():
    result = _classes()
    assert 'bad' not in _kinds(classification.section(result, None, [], RENDERER))
    result['models']['kmer_svm']['auroc'] = [0.99, 0.98, 0.995]
    result['differences']['kmer_svm'] = [-0.05, -0.06, -0.04]
    lost = classification.section(result, None, [], RENDERER)
    assert _kinds(lost)[0] == 'bad'
    assert 'is worse than k-mer SVM 0.990' in lost.verdicts[0].text
    result['differences']['kmer_svm'] = [0.001, -0.01, 0.02]
    tie = classification.section(result, None, [], RENDERER)
    assert _kinds(tie)[0] == 'open'
    assert 'not distinguishable from k-mer SVM' in tie.verdicts[0].text


def test_the_best_baseline_is_the_one_that_counts():
    """A network from random weights is no baseline: it is compared beside the best one."""
    section = classification.section(_classes(), None, [], RENDERER)
    assert 'k-mer SVM' in section.verdicts[0].text
    assert 'from scratch' in section.verdicts[1].text
    assert section.cards[1].details[-1] == 'k-mer SVM'


def test_without_a_paired_interval_nothing_is_won():
    result = _classes()
    result['differences'] = {}
    assert set(_kinds(classification.section(result, None, [], RENDERER))) == {'open'}
    assert comparisons.outcome(0.5) == 'open'
    assert comparisons.outcome([0.5, 0.4, 0.6]) == 'good'
    assert comparisons.outcome([0.5, 0.4, 0.6], lower_is_better=True) == 'bad'
    assert comparisons.outcome([0.5, 0.0, 0.6]) == 'open'


def test_a_ceiling_is_only_mentioned_where_there_is_one():
    with_one = classification.section(_classes(), None, [], RENDERER)
    assert 'way from chance to the known ceiling' in with_one.verdicts[-1].text
    result = _classes()
    result['ceiling'] = None
    without = classification.section(result, None, [], RENDERER)
    assert 'ceiling' not in _text(without)
    assert 'ceiling' not in str((without.cards, without.verdicts))


def test_a_validation_loss_worse_than_from_scratch_is_said():
    def rows(tuned, scratch):
        return [
            {'kind': 'validation', 'step': 1, 'run': run, 'loss': loss}
            for run, loss in (('finetune', tuned), ('scratch', scratch))
        ]

    worse = classification.section(None, None, rows(0.5, 0.4), RENDERER)
    assert (
        _kinds(worse) == ['bad']
        and '0.500 is worse than from scratch 0.400' in worse.verdicts[0].text
    )
    assert not classification.section(None, None, rows(0.4, 0.5), RENDERER).verdicts


def test_rows_never_compared_with_a_genome_are_not_called_clean():
    description = made_up.labelled_description()
    text = _text(classification.section(None, description, [], RENDERER))
    assert '0 of 3,201 rows occur in runs/demo/shards and were removed' in text
    description['genomes'] = None
    text = _text(classification.section(None, description, [], RENDERER))
    assert 'not compared with any genome' in text and 'were removed' not in text


def test_the_split_of_rows_is_judged_in_a_sentence():
    clean = _text(classification.section(None, made_up.labelled_description(), [], RENDERER))
    assert 'No leakage: no validation or test row shares a 30-mer' in clean
    leaky = _text(classification.section(None, made_up.labelled_description(7), [], RENDERER))
    assert 'Leakage: 7 validation and test rows share a 30-mer' in leaky


def test_bits_are_won_only_against_the_best_markov_model():
    result = made_up.masked_lm_result()
    section = masked_lm.section(result, None, [], RENDERER)
    assert _kinds(section) == ['good'] and 'order-5 Markov 1.934' in section.verdicts[0].text
    result['all']['differences']['order5'] = [0.004, -0.001, 0.009]
    assert _kinds(masked_lm.section(result, None, [], RENDERER)) == ['open']
    result['all']['differences']['order5'] = [0.014, 0.010, 0.019]
    assert _kinds(masked_lm.section(result, None, [], RENDERER)) == ['bad']
    del result['all']['differences']
    assert _kinds(masked_lm.section(result, None, [], RENDERER)) == ['open']


def test_curves_of_validation_windows_have_no_reference_of_test_windows():
    """A picture compares like with like: the Markov models are of the test windows."""
    rows = [{'kind': 'validation', 'step': n, 'bits_per_base': 1.95} for n in (1, 2, 3)]
    section = masked_lm.section(made_up.masked_lm_result(), None, rows, RENDERER)
    assert 'must not be compared' in _text(section)
    (panel,) = masked_lm.curves.panels(rows, masked_lm.METRICS)
    assert list(panel.lines) == [''] or list(panel.lines) == ['validation']
    assert panel.unit == 'bits per base, validation'


@pytest.mark.parametrize(
    ('share', 'words', 'kinds'),
    [
        (0.0, 'No leakage: none of the 24-mers', []),
        (0.0012, 'Little leakage: 0.12 % of the 24-mers', []),
        (0.03, 'Some leakage', []),
        (0.4, 'Much leakage', ['bad']),
    ],
)
def test_the_split_of_windows_is_judged_in_a_sentence(share, words, kinds):
    description = made_up.masked_lm_description(kmer_fraction=share)
    section = masked_lm.section(None, description, [], RENDERER)
    assert words in _text(section)
    assert _kinds(section) == kinds


def test_weights_and_draws_are_in_the_table():
    text = _text(masked_lm.section(None, made_up.masked_lm_description(), [], RENDERER))
    assert '2,190' in text and '0.2000' in text and 'per 10,000 draws' in text


def test_coverage_is_judged_per_organism_against_the_best_baseline():
    section = coverage.section(made_up.coverage_result(), None, [], RENDERER)
    assert _kinds(section) == ['good', 'bad']
    assert 'k-mers 0.400' in section.verdicts[0].text
    text = _text(section)
    assert 'human: some leakage; 3.1 % of the 30-mers' in text and '2 windows overlap' in text
    assert '0.600 (0.550 to 0.650)' in text
