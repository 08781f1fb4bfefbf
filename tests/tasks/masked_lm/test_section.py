"""The report's section on masked language modelling: what it says, and when it calls a result good."""

import pytest

from genojax.report import curves, plots
from genojax.tasks.masked_lm import section
from tests.report import made_up_run as made_up
from tests.report import reading

RENDERER = plots.Renderer(30)


def _text(section):
    return reading.PageReader(section.body).text


def _kinds(section):
    return [verdict.kind for verdict in section.verdicts]


def test_nothing_to_show_is_no_section():
    assert section.section(None, None, [], RENDERER) is None


def test_bits_are_won_only_against_the_best_markov_model():
    result = made_up.masked_lm_result()
    drawn = section.section(result, None, [], RENDERER)
    assert _kinds(drawn) == ['good'] and 'two-sided Markov 1.931' in drawn.verdicts[0].text
    result['all']['differences']['two_sided'] = [0.004, -0.001, 0.009]
    assert _kinds(section.section(result, None, [], RENDERER)) == ['open']
    result['all']['differences']['two_sided'] = [0.014, 0.010, 0.019]
    assert _kinds(section.section(result, None, [], RENDERER)) == ['bad']
    del result['all']['differences']
    assert _kinds(section.section(result, None, [], RENDERER)) == ['open']


def test_curves_of_validation_windows_are_beside_markov_models_of_the_same_windows():
    """A picture compares like with like: the scores above are of the test windows."""
    rows = [{'kind': 'validation', 'step': n, 'bits_per_base': 1.95} for n in (1, 2, 3)]
    result = made_up.masked_lm_result()
    text = _text(section.section(result, None, rows, RENDERER))
    assert 'must not be compared' in text and 'on the same validation windows' in text
    references = {'bits_per_base': section.validation_references(result)}
    (panel,) = curves.panels(rows, section.METRICS, references=references)
    assert list(panel.lines) == ['validation'] and panel.unit == 'bits per base, validation'
    assert panel.references == pytest.approx(
        {'order-0 Markov': 1.983, 'order-5 Markov': 1.944, 'two-sided Markov': 1.941}
    )
    assert 'must not be compared' not in _text(section.section(None, None, rows, RENDERER))
    result['validation'] = None
    assert 'same validation' not in _text(section.section(result, None, rows, RENDERER))


def test_windows_without_a_training_kmer_stand_beside_all():
    text = _text(section.section(made_up.masked_lm_result(), None, [], RENDERER))
    assert 'share no k-mer with training' in text and '1,100' in text


@pytest.mark.parametrize(
    ('share', 'words', 'kinds'),
    [
        (0.0, 'None of the 24-mers of the windows left out occurs in training', []),
        (0.0012, 'Little is shared: 0.12 % of the 24-mers', []),
        (0.03, 'Some is shared', []),
        (0.4, 'Much is shared', ['bad']),
    ],
)
def test_the_split_of_windows_is_judged_in_a_sentence(share, words, kinds):
    description = made_up.masked_lm_description(kmer_fraction=share)
    drawn = section.section(None, description, [], RENDERER)
    assert words in _text(drawn)
    assert _kinds(drawn) == kinds
    scores = 'the scores of the windows without a shared k-mer'
    assert scores not in _text(drawn)  # there are none before an evaluation
    with_scores = section.section(made_up.masked_lm_result(), description, [], RENDERER)
    assert (scores in _text(with_scores)) == (share > 0)


def test_weights_and_draws_are_in_the_table():
    text = _text(section.section(None, made_up.masked_lm_description(), [], RENDERER))
    assert '2,190' in text and '0.2000' in text and 'per 10,000 draws' in text
