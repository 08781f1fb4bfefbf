"""The report's section on coverage: what it says, and when it calls a result good."""

from genojax.report import plots
from genojax.tasks.coverage import section
from tests.report import made_up_run as made_up
from tests.report import reading

RENDERER = plots.Renderer(30)


def _text(section):
    return reading.PageReader(section.body).text


def _kinds(section):
    return [verdict.kind for verdict in section.verdicts]


def test_nothing_to_show_is_no_section():
    assert section.section(None, None, [], RENDERER) is None


def test_coverage_is_judged_per_organism_against_the_best_baseline():
    drawn = section.section(made_up.coverage_result(), None, [], RENDERER)
    assert _kinds(drawn) == ['good', 'bad']
    assert 'k-mers 0.400' in drawn.verdicts[0].text
    text = _text(drawn)
    assert 'human: some leakage; 3.1 % of the 30-mers' in text and '2 windows overlap' in text
    assert '0.600 (0.550 to 0.650)' in text
