"""Two classifiers on the same rows: the scores of the evaluation, paired over leak groups."""

import numpy as np
import pytest

from genojax import metrics
from genojax.tasks.classification import comparison as classes
from tests.tasks.labelled import paired_rows


def test_the_difference_of_classes_is_paired_over_leak_groups():
    labels, first, second = paired_rows.two_classes()
    split = paired_rows.split_of(
        classes.ClassPairedSplit, paired_rows.datasets_of(labels, ('0', '1'))
    )
    (part,) = split.parts(
        paired_rows.scores_of(split, first - 0.5), paired_rows.scores_of(split, second - 0.5)
    ).values()
    titles = ['AUROC', 'average precision', 'macro-F1', "Matthews' correlation"]
    assert list(part['scores']) == titles and (part['n'], part['groups']) == (
        paired_rows.N,
        paired_rows.N // 2,
    )
    options = {'stratified': False, 'clusters': np.arange(paired_rows.N) // 2}
    row = part['scores']['AUROC']
    expected = metrics.paired_difference(metrics.auroc, labels, first, second, **options)
    assert row['difference'] == pytest.approx(expected)
    assert row['run'] == pytest.approx(
        metrics.bootstrap_interval(metrics.auroc, labels, first, **options)
    )
    decided = part['scores']["Matthews' correlation"]
    assert decided['against'][0] == metrics.matthews(labels, (second > 0.5).astype(int))
    for score in part['scores'].values():
        assert score['difference'][0] == pytest.approx(score['run'][0] - score['against'][0])


def test_a_run_is_no_better_than_a_copy_of_itself():
    labels, first, _ = paired_rows.two_classes()
    split = paired_rows.split_of(
        classes.ClassPairedSplit, paired_rows.datasets_of(labels, ('0', '1'))
    )
    one = paired_rows.scores_of(split, first)
    (part,) = split.parts(one, one).values()
    assert all(score['difference'] == [0, 0, 0] for score in part['scores'].values())


def test_several_classes_have_the_scores_of_their_evaluation():
    rng = np.random.default_rng(2)
    labels = np.arange(paired_rows.N) % 3
    p_NC = rng.dirichlet([1, 1, 1], paired_rows.N) + np.eye(3)[labels]
    split = paired_rows.split_of(
        classes.ClassPairedSplit, paired_rows.datasets_of(labels, ('a', 'b', 'c'))
    )
    one, other = (
        paired_rows.scores_of(split, p_NC),
        paired_rows.scores_of(split, rng.dirichlet([1, 1, 1], paired_rows.N)),
    )
    (part,) = split.parts(one, other).values()
    assert part['scores']['mean one-vs-rest AUROC']['run'][0] == metrics.macro_auroc(labels, p_NC)
    assert part['scores']['macro-F1']['difference'][1] > 0
