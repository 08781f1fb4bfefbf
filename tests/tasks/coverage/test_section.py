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


def test_what_is_not_known_and_scores_across_genes_are_said():
    result = made_up.coverage_result()
    human = result['organisms']['human']
    human['known'], human['windows']['baselines'] = 0.875, 20
    scores = {name: [0.5, 0.4, 0.6] for name in ('model', 'kmers', 'position_mean')}
    human['genes'] = {
        'genes': 40,
        'across_genes': {'track0': scores, 'all': scores},
        'across_tracks': scores,
    }
    text = _text(section.section(result, None, [], RENDERER))
    assert '87.5% of the bins of all tracks are known' in text
    assert 'fitted on 20 of the training windows' in text
    assert '95 % intervals over 40 genes' in text and 'across tracks, mean over genes' in text
