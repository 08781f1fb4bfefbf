"""Pages of real experiments: every named config's tasks and model, drawn from the files that a run leaves."""

import json

import pytest

from genojax import errors
from genojax import experiment as experiments
from genojax.cli import flags, main
from genojax.pipeline import run_report
from genojax.report import directory, page
from genojax.train import runs
from tests import test_configs
from tests.report import made_up_run as made_up
from tests.report import reading


def _workdir(folder, name):
    """The workdir of a run of a named config, with made-up losses; its tokenizer file is a small one."""
    values = flags.load(name)
    if values['tokenizer']['kind'] == 'bpe':
        flags.override(values, 'tokenizer.file', test_configs.bpe_file(folder, values['model']))
    experiment = experiments.from_config(values)
    runs.write_json(folder / 'config.json', runs.stored(experiment))
    made_up.put_rows(folder, [
        {'kind': kind, 'step': step, 'loss': 3.0 - step / 100,
         **{f'{task}/loss': 3.0 - step / 100 for task in experiment.tasks}}
        for step in range(10, 60, 10)
        for kind in ('train', 'validation')
    ])  # fmt: skip
    return experiment


def _read(folder):
    project = directory.Project(run_report.task_sections, run_report.network_blocks)
    return page.render(directory.build(folder, project, reading.RENDERER))


@pytest.mark.parametrize('name', test_configs.TRACED)
def test_every_named_config_has_a_page_of_what_it_is(name, tmp_path):
    experiment = _workdir(tmp_path, name)
    text = _read(tmp_path)
    seen = reading.PageReader(text)
    assert 'not in this run' not in seen.text and 'not recorded' not in seen.text
    assert 'damage' not in seen.classes('div')
    for block in experiment.model.diagram():
        assert block.title in seen.text
        assert all(line in seen.text for line in block.lines)
    losses = {
        'masked_lm': 'Cross-entropy of masked tokens',
        'classification': 'Classification loss',
    }
    alts = ' '.join(at['alt'] for tag, at in seen.tags if tag == 'img')
    kinds = {task.kind for task in experiment.tasks.values()}
    for kind, words in losses.items():
        assert (words in alts) == (kind in kinds), words
    assert 'genojax evaluate' in seen.text


def test_a_network_that_is_not_a_transformer_is_not_drawn_as_one(tmp_path):
    _workdir(tmp_path, 'baselines:basset')
    text = _read(tmp_path)
    assert 'Convolution' in text and 'Transformer block' not in text


def test_the_command_writes_and_refuses(tmp_path, capsys):
    _workdir(tmp_path, 'debug_cpu')
    main.main(['report', str(tmp_path)])
    assert 'report.html' in capsys.readouterr().out
    for arguments in (['--workdir', str(tmp_path / 'nowhere')], []):
        with pytest.raises(SystemExit) as stop:
            main.main(['report', *arguments])
        assert stop.value.code == errors.UsageError.exit_code


def test_a_config_of_another_version_is_said_and_its_curves_are_drawn(tmp_path):
    _workdir(tmp_path, 'debug_cpu')
    values = json.loads((tmp_path / 'config.json').read_text())
    values['model']['widht'] = values['model'].pop('width')
    del values['sha256']  # as after an edit by hand
    (tmp_path / 'config.json').write_text(json.dumps(values))
    seen = reading.PageReader(_read(tmp_path))
    assert 'damage' in seen.classes('div')
    assert 'is not as this version of genojax writes it' in seen.text
    assert any('loss' in at['alt'] for tag, at in seen.tags if tag == 'img')
