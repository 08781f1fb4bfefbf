"""Rows of two runs are matched by their content, and runs with other rows are refused."""

import pytest

from genojax import errors
from genojax.tasks import paired


class Split(paired.PairedSplit):
    same = 'the table'

    def __init__(self, inputs, labels=None, settings=None):
        self.inputs = [text.encode() for text in inputs]
        self.labels = [text.encode() for text in labels or inputs]
        self.settings = settings or {}

    def scores(self, state):
        return {}

    def parts(self, scores, others):
        return {}


def test_rows_in_another_order_are_matched_and_equal_ones_in_turn():
    here, there = Split('abcab', '01234'), Split('bacba', '40213')
    # Rows a: labels 0 and 3; b: 1 and 4; c: 2.
    at = paired.order(here, there)
    assert [(here.inputs[n], here.labels[n]) for n in range(5)] == [
        (there.inputs[n], there.labels[n]) for n in at
    ]
    twice = paired.order(Split('aab'), Split('baa'))
    assert sorted(twice) == [0, 1, 2] and twice[2] == 0


@pytest.mark.parametrize(
    'other, words',
    [
        (Split('abd'), '1 of 3 rows are not among those of the other run, and 1 of its 3 not'),
        (Split('abcc'), '0 of 3 rows are not among those of the other run, and 1 of its 4 not'),
        (Split('abc', '012'), '3 of 3 rows have another label there'),
        (Split('abc', settings={'the labels': 'x'}), 'the labels: y here, x there'),
    ],
)
def test_other_rows_labels_or_scores_are_refused(other, words):
    settings = {'the labels': 'y'} if other.settings else {}
    with pytest.raises(errors.UsageError, match=words) as caught:
        paired.order(Split('abc', settings=settings), other)
    assert 'Fix: compare runs that have in common the table' in str(caught.value)


def test_text_has_both_runs_the_difference_and_what_its_sign_means():
    row = {'run': [0.9, 0.8, 1.0], 'against': [0.7, 0.6, 0.8], 'difference': [0.2, 0.1, 0.3]}
    part = {'n': 40, 'groups': 30, 'scores': {'AUROC': row}, 'notes': ['A note.']}
    result = {
        'run': {'name': 'runs/a'},
        'against': {'name': 'runs/b'},
        'parts': {'expression': part},
        **{'split': 'test', 'unit': 'rows', 'resampled': 'groups of related rows'},
        'lower_is_better': False,
    }
    text = paired.as_text(result)
    lines = text.splitlines()
    assert lines[0] == 'expression: 40 test rows, 30 groups of related rows'
    assert lines[1].split() == ['runs/a', 'runs/b', 'difference']
    assert lines[2].endswith(
        '0.900 (0.800 to 1.000)  0.700 (0.600 to 0.800)  0.200 (0.100 to 0.300)'
    )
    assert 'A note.' in lines
    assert 'runs/a minus runs/b on the same rows, above 0: runs/a is better' in text
    assert 'below 0: runs/a is better' in paired.as_text({**result, 'lower_is_better': True})
