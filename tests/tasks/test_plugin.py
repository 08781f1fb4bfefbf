"""A task of another package: one folder and one registration line, and every verb works with it."""

import importlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from genojax import checkpoint, dna, errors, tasks
from genojax import experiment as experiments
from genojax.cli import main
from genojax.tokenizers import nucleotide
from genojax.train import log

SOURCE = pathlib.Path(__file__).parent / 'plugin' / 'gc_content'
# The registration, as `[project.entry-points]` of a pyproject.toml becomes on installation.
ENTRY_POINTS = '[genojax.tasks]\ngc_content = gc_content:GcContentConfig\n'
STEPS, SAVE_EVERY = 40, 10
CONFIG = """
import gc_content

from genojax import experiment, optim, tokenizers
from genojax.models import bert


def get_config():
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=10, width=16, depth=1, heads=2, inner=32, max_tokens=64, dropout=0.1
            ),
            tokenizer=tokenizers.TokenizerConfig('nucleotide', 1),
            optim=optim.OptimConfig(peak=1e-2, warmup=5),
            tasks={'gc': gc_content.GcContentConfig()},
            steps=40,
            log_every=1,
            validate_every=20,
            save_every=10,
        )
    )
"""
# The same compiler flags as here (another code would round otherwise), but one device.
ONE_DEVICE = {'XLA_FLAGS': os.environ['XLA_FLAGS'].replace('count=8', 'count=1')}


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """A folder with the package, its registration and a config; as `pip install` leaves them."""
    folder = tmp_path_factory.mktemp('site')
    shutil.copytree(SOURCE, folder / 'gc_content', ignore=shutil.ignore_patterns('__pycache__'))
    registration = folder / 'gc_content-1.0.dist-info'
    registration.mkdir()
    metadata = 'Metadata-Version: 2.1\nName: gc-content\nVersion: 1.0\n'
    (registration / 'METADATA').write_text(metadata)
    (registration / 'entry_points.txt').write_text(ENTRY_POINTS)
    (folder / 'gc.py').write_text(CONFIG)
    return folder


def start(installed, *arguments):
    path = os.pathsep.join([str(installed), os.environ.get('PYTHONPATH', '')])
    return subprocess.Popen(
        [sys.executable, '-m', 'genojax', *map(str, arguments)],
        env={**os.environ, **ONE_DEVICE, 'PYTHONPATH': path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def genojax(installed, *arguments) -> str:
    process = start(installed, *arguments)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    return output


def train_arguments(installed, workdir):
    return ('train', f'--config={installed / "gc.py"}', f'--workdir={workdir}')


@pytest.fixture(scope='module')
def whole(installed, tmp_path_factory):
    """The workdir of a run that was never interrupted."""
    workdir = tmp_path_factory.mktemp('whole') / 'run'
    output = genojax(installed, *train_arguments(installed, workdir))
    assert 'gc: 8 x 34 tokens per step' in output
    assert '64 rows per split' in output
    return workdir


@pytest.fixture(scope='module')
def evaluated(installed, whole) -> str:
    """What `genojax evaluate` prints of that run; the scores are in its workdir."""
    return genojax(installed, 'evaluate', whole)


def last_state(workdir):
    checkpoints = checkpoint.Checkpoints(workdir / 'checkpoints', read_only=True)
    state = checkpoints.restore_raw(STEPS, ('step', 'params', 'opt_state'))
    checkpoints.close()
    return state


def test_it_trains(whole):
    rows = log.read(whole)
    losses = [row['gc/loss'] for row in rows if row['kind'] == 'train']
    assert len(losses) == STEPS
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) / 2
    assert [row['step'] for row in rows if row['kind'] == 'validation'] == [20, 40]
    assert last_state(whole)['params']['heads']['gc']['linear']['kernel'].shape == (16, 1)
    config = json.loads((whole / 'config.json').read_text())
    assert config['tasks']['gc']['kind'] == 'gc_content'


def test_it_is_evaluated(whole, evaluated):
    assert 'training_mean: root mean square error' in evaluated
    result = json.loads((whole / 'evaluation' / 'gc.test.json').read_text())
    assert result['rows'] == 64 and result['split'] == 'test'
    assert result['rmse']['model'] < result['rmse']['training_mean'] / 2


def test_it_resumes_after_sigkill_as_if_never_interrupted(
    installed, whole, one_device, tmp_path, monkeypatch
):
    workdir = tmp_path / 'run'
    process = start(installed, *train_arguments(installed, workdir))
    record = workdir / 'checkpoints' / 'integrity' / f'{SAVE_EVERY}.json'
    deadline = time.monotonic() + 300
    while not record.exists():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    monkeypatch.syspath_prepend(str(installed))
    main.main([str(argument) for argument in train_arguments(installed, workdir)])
    state, expected = last_state(workdir), last_state(whole)
    assert len(jax.tree.leaves(state)) > 20
    jax.tree.map(np.testing.assert_array_equal, state, expected)
    losses = [
        [(row['kind'], row['step'], row['gc/loss']) for row in log.read(folder)]
        for folder in (workdir, whole)
    ]
    assert losses[0] == losses[1]


def test_it_is_reported(installed, whole, evaluated, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(installed))
    main.main(['report', str(whole)])
    assert 'report.html' in capsys.readouterr().out
    page = (whole / 'report.html').read_text()
    assert 'alt="squared error of the GC content' in page  # its loss by its name
    assert 'training mean' in page  # its evaluation
    assert 'class="damage"' not in page and 'not in this run' not in page


def test_it_predicts_what_it_is_scored_on(installed, whole, evaluated, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(installed))
    dataset = importlib.import_module('gc_content.dataset')
    config = importlib.import_module('gc_content').GcContentConfig()
    data = dataset.GcDatasets(config, 0, nucleotide.NucleotideTokenizer())
    records = (f'>r{i}\n{dna.decode(codes_L)}\n' for i, codes_L in enumerate(data.codes['test']))
    (tmp_path / 'x.fa').write_text(''.join(records))
    output = genojax(installed, 'predict', whole, f'--fasta={tmp_path}/x.fa', '--out=-')
    rows = [line.split('\t') for line in output.splitlines() if line.startswith('r')]
    assert [name for name, _ in rows] == [f'r{i}' for i in range(64)]
    wrong = np.array([float(value) for _, value in rows]) - data.gc['test']
    result = json.loads((whole / 'evaluation' / 'gc.test.json').read_text())
    assert np.sqrt(np.square(wrong).mean()) == pytest.approx(result['rmse']['model'], rel=1e-5)


def test_it_is_a_task_beside_those_of_the_package(installed, monkeypatch):
    monkeypatch.syspath_prepend(str(installed))
    experiment = experiments.from_config(
        {
            'model': {
                'kind': 'bert', 'vocab': 10, 'width': 16, 'depth': 1, 'heads': 2, 'inner': 32,
                'max_tokens': 128,
            },
            'tokenizer': {'kind': 'nucleotide', 'k': 1},
            'tasks': {'gc': {'kind': 'gc_content', 'weight': 2.0}, 'lm': {'kind': 'masked_lm'}},
            'select_by': 'gc',
            'optim': {'warmup': 0},
            'steps': 1,
        }
    )  # fmt: skip
    params = experiments.abstract(experiment).params
    assert params['heads']['gc']['linear']['kernel'].shape == (16, 1)
    assert params['heads'].keys() == {'gc'}
    assert experiment.tasks['gc'].weight == 2.0
    with pytest.raises(errors.UsageError) as caught:
        experiments.from_config(
            {'model': {'kind': 'bert'}, 'steps': 1, 'tasks': {'gc': {'kind': 'gc_contnt'}}}
        )
    assert "did you mean 'gc_content'?" in str(caught.value)


def test_an_absent_plugin_is_named():
    assert 'gc_content' not in tasks.TaskConfig.config_kinds()
    with pytest.raises(errors.UsageError, match="tasks.gc.kind: 'gc_content' is not one of"):
        experiments.from_config(
            {'model': {'kind': 'bert'}, 'steps': 1, 'tasks': {'gc': {'kind': 'gc_content'}}}
        )
