import dataclasses
import json
import re
import shutil
import subprocess
import sys

import pytest

from genojax import errors, report
from genojax.report import html, page, plots, sections
from tests.report import made_up_run as made_up
from tests.report import reading

EVIL = '<script>alert(1)</script>'


def test_a_full_directory_makes_one_page_without_damage(demo_directory):
    path = report.write(demo_directory, made_up.project())
    assert path == demo_directory / 'report.html'
    assert path.stat().st_size < 3_000_000
    seen = reading.PageReader(path.read_text())
    assert not seen.open
    assert 'damage' not in seen.classes('div')
    assert seen.count('img') == 9
    assert all(at['alt'] for tag, at in seen.tags if tag == 'img')
    content = json.loads((demo_directory / 'evaluation/promoters.test.json').read_text())
    for model in content['models'].values():
        assert html.interval(model['auroc']) in seen.text
    for fact in (
        'genojax demo --workdir=runs/demo --seed=0',
        'a3f9c1d27b',
        'SQ.',
        'not annotated',
        '118.2',
        '809,130',
    ):
        assert fact in seen.text
    assert list(demo_directory.glob('.report*')) == []


def test_a_page_shows_nothing_about_what_a_run_is_not(demo_directory, coverage_run, tmp_path):
    only_log = tmp_path / 'only_log'
    only_log.mkdir()
    shutil.copy(demo_directory / 'pretrain' / 'metrics.jsonl', only_log)
    runs = [demo_directory, coverage_run, only_log]
    runs += [demo_directory / name for name in ('pretrain', 'finetune', 'scratch')]
    for run in runs:
        seen = reading.read(run)
        for words in ('not in this run', 'not recorded', 'missing', 'known ceiling is'):
            assert words not in seen.text, (run.name, words)
        assert 'damage' not in seen.classes('div'), run.name


def test_a_file_that_is_not_there_takes_its_section_along(demo_directory):
    headings = reading.read(demo_directory).text
    for name, heading in (
        ('check.json', 'Genomes'),
        ('evaluation/promoters.test.json', 'ROC curves'),
        ('pretrain/datasets.json', 'Species mixture'),
    ):
        assert heading in headings
        (demo_directory / name).unlink()
        seen = reading.read(demo_directory)
        assert heading not in seen.text, name
        assert 'damage' not in seen.classes('div'), name


def test_a_first_line_names_the_commands_that_would_add_scores(demo_directory):
    assert 'genojax evaluate' not in reading.read(demo_directory).text
    run = demo_directory / 'finetune'
    text = reading.read(run).text
    assert 0 < text.find(f'genojax evaluate {run}') < text.find('Curves')


def test_each_run_of_a_kind_of_task_has_its_section(demo_directory, coverage_run):
    language = reading.read(demo_directory / 'pretrain')
    assert 'Masked language modelling' in language.text
    assert 'Cross-entropy of masked tokens' in _alts(language)
    classes = reading.read(demo_directory / 'finetune')
    assert 'Classification' in classes.text and 'masked tokens' not in classes.text
    assert 'Classification loss' in _alts(classes)
    assert 'Cross-entropy of masked tokens' not in _alts(classes)
    assert 'Coverage tracks' in reading.read(coverage_run).text


def test_rates_are_medians_over_the_log_and_losses_those_of_its_last_row(demo_directory):
    """The last row may be of one step, just before a checkpoint."""
    run = demo_directory / 'pretrain'
    made_up.put_rows(run, [
        {'kind': 'train', 'step': step, 'loss': 4.0, 'grad_norm': norm, 'tokens_per_s': rate}
        for step, norm, rate in ((10, 0.5, 20_003.0), (20, 0.6, 20_001.0), (21, 0.725, 7.0))
    ])  # fmt: skip
    text = reading.read(run).text
    assert 'tokens per second, median' in text
    assert '21 4.000 0.725 20,001' in text
    assert 'loss, in the unit of its curve' in text


def test_two_tasks_of_one_run_have_a_section_each_and_the_weighted_loss(demo_directory):
    assert 'Weighted sum of the losses' not in _alts(reading.read(demo_directory))
    run = demo_directory / 'pretrain'
    both = {'language': {'kind': 'masked_lm'}, 'promoters': {'kind': 'classification'}}
    made_up.put(run, 'config.json', made_up.config(both))
    made_up.put_rows(run, [
        {'kind': 'train', 'step': step, 'loss': 4.0, 'language/loss': 3.5, 'promoters/loss': 0.5}
        for step in (10, 20)
    ])  # fmt: skip
    shutil.copytree(demo_directory / 'evaluation', run / 'evaluation', dirs_exist_ok=True)
    seen = reading.read(run)
    assert 'Masked language modelling' in seen.text and 'Classification' in seen.text
    assert 'Weighted sum of the losses' in _alts(seen)
    assert 'weighted sum of the losses' in seen.text and 'unit of its curve' not in seen.text


def _alts(seen):
    return ' '.join(at['alt'] for tag, at in seen.tags if tag == 'img')


def test_two_tasks_of_one_kind_are_told_apart(demo_directory):
    run = demo_directory / 'finetune'
    tasks = {name: {'kind': 'classification'} for name in ('promoters', 'splice_sites')}
    made_up.put(run, 'config.json', made_up.config(tasks))
    (run / 'evaluation').mkdir()
    for name in tasks:
        shutil.copy(
            demo_directory / 'evaluation/promoters.test.json',
            run / 'evaluation' / f'{name}.test.json',
        )
    seen = reading.read(run)
    assert 'Classification: promoters' in seen.text and 'Classification: splice_sites' in seen.text
    assert 'splice_sites: AUROC, fine-tuned' in seen.text
    anchors = [at['id'] for tag, at in seen.tags if tag == 'h2']
    assert len(set(anchors)) == len(anchors)


def test_a_task_without_a_section_shows_its_metrics_and_its_result(demo_directory):
    run = demo_directory / 'finetune'
    made_up.put(run, 'evaluation/promoters.test.json', {'agreement': 0.731})
    bare = dataclasses.replace(
        made_up.project(), task_sections=lambda run: {'promoters': lambda *files: None}
    )
    seen = reading.read(run, bare)
    assert '0.731' in seen.text and 'accuracy' in _alts(seen)


def test_scores_of_the_validation_split_are_folded_below_those_of_the_test_split(demo_directory):
    run = demo_directory / 'pretrain'
    result = made_up.masked_lm_result()
    result['all']['model'] = [1.871, 1.86, 1.88]
    made_up.put(run, 'evaluation/language.validation.json', result)
    seen = reading.read(run)
    assert 'The same for the validation split' in seen.text and '1.871' in seen.text
    assert re.search('Scored: step 1,000(?: of [0-9,]+)?, the best checkpoint', seen.text)
    (run / 'evaluation/language.test.json').unlink()
    seen = reading.read(run)
    assert 'Bits per base, validation windows' in seen.text


def test_scores_of_a_part_never_stand_for_those_of_all(demo_directory):
    """The largest limited evaluation is shown, as such, only where none is of the whole split."""
    run = demo_directory / 'pretrain'
    for scored, value in ((10, 1.881), (9, 1.883)):
        result = made_up.masked_lm_result()
        result['all']['model'] = [value, 1.87, 1.89]
        result['limited'] = {'scored': scored, 'total': 677, 'rows': 'windows'}
        made_up.put(run, f'evaluation/language.test.limit{scored}.json', result)
    seen = reading.read(run)
    assert '1.881' not in seen.text and 'of 677' not in seen.text
    assert 'Scores of the test split' not in seen.text
    (run / 'evaluation/language.test.json').unlink()
    seen = reading.read(run)
    assert 'Bits per base, test windows (10 of 677 windows)' in seen.text and '1.881' in seen.text
    assert 'Masked language modelling: only 10 of 677 windows were scored (--limit)' in seen.text
    assert 'Scores of the test split are added by' in seen.text and '1.883' not in seen.text


DAMAGED = {
    'run.json': 'Reproduction',
    'check.json': 'Genomes',
    'evaluation/promoters.test.json': 'Classification',
    'pretrain/evaluation/language.test.json': 'Masked language modelling',
    'pretrain/datasets.json': 'Masked language modelling',
    'pretrain/config.json': 'Model',
    'pretrain/metrics.jsonl': 'Training',
}


@pytest.mark.parametrize(
    'content',
    ['', '[]', '{}', 'null', '{"species": 3', '{"unknown": {"x": [1]}}', '\x00', '[' * 100_000],
)
def test_damage_is_shown_and_the_other_sections_stand(demo_directory, content):
    for name in DAMAGED:
        (demo_directory / name).write_text(content)
    seen = reading.read(demo_directory)
    assert not seen.open
    assert 'Traceback' not in seen.text
    if content not in ('', 'null', '{"unknown": {"x": [1]}}'):
        assert seen.classes('div').count('damage') >= 4


@pytest.mark.parametrize('name', DAMAGED)
def test_one_damaged_file_is_named_in_its_own_section(demo_directory, name):
    (demo_directory / name).write_text('{"broken": ' + '\n' * 3)
    if name.endswith('.jsonl'):
        (demo_directory / name).write_text('not JSON\n{"kind": "train", "step": 1}\n')
    text = reading.render(demo_directory)
    (before, after) = text.split('<div class="damage">', 1)
    box = after.split('</div>')[0]
    assert name in box
    heading = before.rsplit('<h2', 1)[-1].split('>', 1)[1].split('<')[0]
    assert heading in (DAMAGED[name], 'language')
    assert text.count('<img') >= 6


def test_values_of_another_version_are_said_with_the_file(demo_directory):
    """JSON that is not what this version writes: a missing field, another type."""
    run = demo_directory / 'pretrain'
    reading.change(run, 'evaluation/language.test.json', lambda content: content.pop('all'))
    text = reading.render(run)
    assert (
        'evaluation of language' in text and 'is not as this version of genojax writes it' in text
    )
    assert text.count('<img') >= 3


@pytest.mark.parametrize('row', ['3', '[]', 'null', '{"kind": "train", "step": "x"}', '{}'])
def test_a_last_row_of_another_type_is_damage_not_a_stop(demo_directory, row):
    path = demo_directory / 'pretrain' / 'metrics.jsonl'
    path.write_text(f'{row}\n')
    assert 'has no row on line 1' in reading.read(demo_directory).text


def test_a_killed_and_resumed_log_is_drawn_and_noted(demo_directory):
    path = demo_directory / 'pretrain' / 'metrics.jsonl'
    lines = path.read_text().splitlines()
    path.write_text('\n'.join([*lines, lines[-2], '{"kind": "train", "st']))
    text = reading.read(demo_directory).text
    assert 'The last line of pretrain/metrics.jsonl is incomplete' in text
    assert 'has 1 steps twice' in text
    path.write_text('\n'.join([lines[0], 'not json', *lines[1:]]))
    assert 'has no row on line 2' in reading.read(demo_directory).text


def test_the_same_files_give_the_same_bytes(demo_directory):
    one, two = (reading.render(demo_directory, renderer=plots.Renderer(40)) for _ in range(2))
    assert one == two


def test_markup_in_names_is_text(tmp_path):
    """Every string of every file is an attack; none becomes a tag, and mathtext is not read."""
    names = (EVIL, '"onload="x', '$x^{$', '_hidden')
    folder = made_up.fill(tmp_path / EVIL.replace('/', '_'), species=names)

    def poison(value):
        if isinstance(value, dict):
            return {
                key if key in _FIELDS else f'{EVIL}{key}': poison(part)
                for key, part in value.items()
            }
        if isinstance(value, list):
            return [poison(part) for part in value]
        return EVIL + value if isinstance(value, str) else value

    for name in ('shards/manifest.json', 'evaluation/promoters.test.json', 'check.json'):
        path = folder / name
        path.write_text(json.dumps(poison(json.loads(path.read_text()))))
    reading.change(
        folder, 'run.json', lambda record: record.update(title=EVIL, source=EVIL, x=EVIL)
    )
    text = reading.render(folder)
    seen = reading.PageReader(text)
    assert '<script' not in text.lower()
    assert EVIL in seen.text
    assert not any(key.startswith('on') for _, at in seen.tags for key in at)
    assert 'damage' not in seen.classes('div')


# Fields that the report reads by name; everything else is poisoned.
_FIELDS = {
    *('species', 'contigs', 'name', 'length', 'gc', 'n', 'soft_masked_fraction', 'regions'),
    *('models', 'auroc', 'auprc', 'roc', 'fpr', 'tpr', 'ceiling', 'differences', 'audit'),
    *('lead', 'split', 'removed', 'rows', 'k', 'source', 'rows_sharing_a_kmer_with_train'),
}


def test_contig_names_that_differ_are_a_table(tmp_path):
    folder = made_up.fill(tmp_path / 'demo')
    path = folder / 'check.json'
    compared = {
        'file': 'a.gff3',
        'unannotated_contigs': ['chrM', '<b>'],
        'features_on_unknown_contigs': {'MT': 37},
        'similar_names': [['chrM', 'MT']],
    }
    path.write_text(json.dumps({**json.loads(path.read_text()), 'annotation_names': [compared]}))
    text = reading.PageReader(reading.render(folder)).text
    assert 'Contig names that sequence and annotation do not share' in text
    assert re.search(r'a\.gff3\s*chrM\s*–\s*–\s*MT', text), text
    assert re.search(r'a\.gff3\s*–\s*MT\s*37\s*chrM', text)
    assert '<b>' in text  # as text
    plain = reading.PageReader(reading.render(made_up.fill(tmp_path / 'other'))).text
    assert 'Contig names that' not in plain


@pytest.mark.slow
def test_hundreds_of_species_stay_within_three_megabytes(tmp_path):
    species = tuple(f'species_{number}' for number in range(300))
    folder = made_up.fill(tmp_path / 'demo', species=species)
    path = report.write(folder, made_up.project())
    assert path.stat().st_size <= 3_000_000
    assert 'the first 24 of 300' in path.read_text()
    assert 'species_299' in path.read_text()


def test_a_directory_without_a_run_is_refused(tmp_path):
    with pytest.raises(errors.UsageError, match='holds no run'):
        report.write(tmp_path, made_up.project())
    with pytest.raises(errors.UsageError, match='is not a directory'):
        report.write(tmp_path / 'nowhere', made_up.project())


def test_a_page_that_is_too_large_is_refused(tmp_path):
    section = page.Section('long', 'Long', html.paragraph('x' * 3_100_000))
    with pytest.raises(errors.UsageError, match='more than 3 MB'):
        page.write(tmp_path / 'report.html', lambda renderer: page.Page('Title', '', (section,)))
    assert not list(tmp_path.iterdir())


def test_region_shares_are_of_the_contigs_that_are_annotated(demo_directory):
    """The same figure as `genojax check`: 40,000 bases of CDS are 43.2 % of what is annotated, not 13 %."""
    assert '43.2 %' in reading.read(demo_directory).text


def test_the_report_needs_no_jax(demo_directory):
    """It is written again on laptops, and importing jax costs a second."""
    code = (
        'import sys; from genojax import report; '
        'project = report.Project(lambda run: {}, lambda run: []); '
        f'report.write({str(demo_directory)!r}, project); assert "jax" not in sys.modules'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_diagrams_alike_are_drawn_once(demo_directory):
    text = reading.render(demo_directory)
    assert text.count('<ol class="diagram">') == 1
    assert 'pretrain, finetune, scratch' in reading.PageReader(text).text


def test_diagrams_that_differ_are_drawn_apart(demo_directory):
    reading.change(demo_directory, 'pretrain/config.json', lambda c: c['model'].update(depth=7))
    assert reading.render(demo_directory).count('<ol class="diagram">') == 2


def test_a_run_alone_gives_the_command_that_repeats_it(demo_directory):
    text = reading.read(demo_directory / 'pretrain').text
    assert 'genojax train --config=' in text
    assert 'SHA-256 of the config' in text
    assert 'Versions' in text and '0.10.2' in text


def test_parameters_are_counted_in_short_and_in_full():
    summary = sections.ModelSummary([], {'model': 498_000_000})
    section = sections.model({'': made_up.config({})}, {'': summary})
    assert section.cards == (page.Card('Parameters', '498 M', ('498,000,000 trained values',)),)
    summary = sections.ModelSummary([], {'model': 498_000_000, 'heads': 0})
    assert '>heads</th>' not in sections.model({'': made_up.config({})}, {'': summary}).body
