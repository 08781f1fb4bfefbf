from genojax.report import comparisons


def test_a_difference_is_settled_only_if_its_interval_is_clear_of_zero():
    assert comparisons.outcome(0.5) == 'open'
    assert comparisons.outcome([0.5, 0.4, 0.6]) == 'good'
    assert comparisons.outcome([0.5, 0.4, 0.6], lower_is_better=True) == 'bad'
    assert comparisons.outcome([0.5, 0.0, 0.6]) == 'open'
