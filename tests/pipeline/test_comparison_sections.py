"""The report's sections on comparisons with other runs, from results with known content."""

from genojax.pipeline import comparison, comparison_sections, run_report
from genojax.train import runs
from tests.report import reading


def result(difference, lower_is_better=False, parts=('',), limit=None, against='runs/scratch'):
    row = {'run': [0.9, 0.85, 0.95], 'against': [0.8, 0.7, 0.9], 'difference': difference}
    part = {'n': 1_200, 'groups': 40, 'scores': {'AUROC': row}, 'notes': ['a note']}
    return {
        'split': 'test',
        'unit': 'rows',
        'resampled': 'groups of rows',
        'lower_is_better': lower_is_better,
        'run': {'name': 'runs/tuned', 'step': 1_000},
        'against': {'name': against, 'step': 500},
        'limit': limit,
        'parts': {name: part for name in parts},
    }


def written(folder, **options):
    """The sections of a run with one comparison."""
    value = result(**options)
    path = comparison.path_of(folder, 'promoters', value['against']['name'])
    path.parent.mkdir(parents=True, exist_ok=True)
    runs.write_json(path, value)
    return [draw(reading.RENDERER) for draw in comparison_sections.sections(folder).values()]


def test_scores_differences_and_a_verdict(tmp_path):
    (section,) = written(tmp_path, difference=[0.1, 0.02, 0.18])
    text = reading.PageReader(section.body).text
    assert section.heading == 'promoters, beside runs/scratch'
    for words in ('0.900 (0.850 to 0.950)', '+0.100 (+0.020 to +0.180)', 'better', 'a note'):
        assert words in text
    assert 'All: 1,200 rows, 40 groups of rows' in text
    (verdict,) = section.verdicts
    assert verdict.kind == 'good' and 'promoters, AUROC: runs/tuned 0.900' in verdict.text


def test_below_0_is_better_where_scores_are_losses(tmp_path):
    (section,) = written(tmp_path, difference=[-0.1, -0.2, -0.05], lower_is_better=True)
    assert section.verdicts[0].kind == 'good'
    assert 'below 0 the first is better' in reading.PageReader(section.body).text


def test_what_is_not_settled_is_open_and_parts_without_scores_are_shown(tmp_path):
    (section,) = written(tmp_path, difference=[0.1, -0.1, 0.3], parts=('human', 'mouse'), limit=5)
    assert [verdict.kind for verdict in section.verdicts] == ['open', 'open']
    for verdict, organism in zip(section.verdicts, ('human', 'mouse'), strict=True):
        assert f'(--limit), {organism}, AUROC' in verdict.text
    text = reading.PageReader(section.body).text
    assert (
        'human: ' in text
        and 'mouse: ' in text
        and section.heading.startswith('promoters, at most 5 rows (--limit)')
    )
    value = result(None)
    value['parts'] = {'': {'n': 0, 'groups': 0, 'scores': {}, 'notes': ['nothing is scored']}}
    empty = comparison_sections.section('promoters', 'x', value)
    assert not empty.verdicts and 'nothing is scored' in reading.PageReader(empty.body).text


def test_every_comparison_is_a_section_of_the_page(tmp_path):
    written(tmp_path, difference=[0.1, 0.02, 0.18])
    written(tmp_path, difference=[0.1, -0.2, 0.18], against='runs/other')
    damaged = comparison.path_of(tmp_path, 'promoters', 'runs/damaged')
    damaged.write_text('{}')
    page = run_report.write(tmp_path).read_text()
    for words in ('promoters, beside runs/scratch', 'promoters, beside runs/other', damaged.name):
        assert words in page


def test_the_verdict_of_several_parts_is_of_all_rows_where_these_are_a_part(tmp_path):
    (section,) = written(tmp_path, difference=[0.1, 0.02, 0.18], parts=('human', 'all', 'clean'))
    (verdict,) = section.verdicts
    assert verdict.text.startswith('promoters, AUROC: ')
