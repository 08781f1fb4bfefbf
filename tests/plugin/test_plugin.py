"""Another package's task, model, tokenizer and config: every verb works with them.

`pyproject.toml` registers them; `gc_content/` and `gc_config.py` are the worked example.
"""

import contextlib
import copy
import importlib
import importlib.metadata
import io
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib

import jax
import numpy as np
import pytest

import genojax
from genojax import checkpoint, convert, dna, errors, models, tasks
from genojax import experiment as experiments
from genojax.cli import doctor, main
from genojax.models import bert
from genojax.tokenizers import nucleotide
from genojax.train import log

FOLDER = pathlib.Path(__file__).parent
STEPS, SAVE_EVERY = 40, 10
PACKAGES = {
    'genojax.tasks': {'gc_content': 'gc-content 1.0'},
    'genojax.models': {'dilated': 'gc-content 1.0'},
    'genojax.tokenizers': {'codon': 'gc-content 1.0'},
}
# The same compiler flags as here (another code would round otherwise), but one device.
ONE_DEVICE = {'XLA_FLAGS': os.environ['XLA_FLAGS'].replace('count=8', 'count=1')}


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """A folder with the package, its registration and a config; as `pip install` leaves them."""
    folder = tmp_path_factory.mktemp('site')
    ignored = shutil.ignore_patterns('__pycache__')
    shutil.copytree(FOLDER / 'gc_content', folder / 'gc_content', ignore=ignored)
    shutil.copy(FOLDER / 'gc_config.py', folder)
    project = tomllib.loads((FOLDER / 'pyproject.toml').read_text())['project']
    register(folder, project['name'], project['entry-points'])
    return folder


def register(folder, package, entry_points):
    """What an installation of version 1.0 of a package leaves in a folder beside its modules."""
    registration = folder / f'{package.replace("-", "_")}-1.0.dist-info'
    registration.mkdir()
    metadata = f'Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n'
    (registration / 'METADATA').write_text(metadata)
    lines = [
        line
        for group, entries in entry_points.items()
        for line in (f'[{group}]', *(f'{kind} = {value}' for kind, value in entries.items()))
    ]
    (registration / 'entry_points.txt').write_text('\n'.join(lines))


def start(installed, *arguments):
    path = os.pathsep.join([str(installed), os.environ.get('PYTHONPATH', '')])
    return subprocess.Popen(
        [sys.executable, '-m', 'genojax', *map(str, arguments)],
        env={**os.environ, **ONE_DEVICE, 'PYTHONPATH': path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_verb(installed, *arguments) -> str:
    process = start(installed, *arguments)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    return output


def train_arguments(installed, workdir):
    return ('train', f'--config={installed / "gc_config.py"}', f'--workdir={workdir}')


@pytest.fixture(scope='module')
def whole(installed, tmp_path_factory):
    """The workdir of a run that was never interrupted."""
    workdir = tmp_path_factory.mktemp('whole') / 'run'
    output = run_verb(installed, *train_arguments(installed, workdir))
    assert 'dilated: ' in output and 'gc: 8 x 13 tokens per step' in output
    assert '64 rows per split' in output
    return workdir


@pytest.fixture(scope='module')
def evaluated(installed, whole, one_device) -> str:
    """What `genojax evaluate` prints of that run; the scores are in its workdir."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.syspath_prepend(str(installed))
        main.main(['evaluate', str(whole)])
    return out.getvalue()


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
    kinds = config['tasks']['gc']['kind'], config['model']['kind'], config['tokenizer']['kind']
    assert kinds == ('gc_content', 'dilated', 'codon')
    assert json.loads((whole / 'run.json').read_text())['plugins'] == PACKAGES


def test_it_is_evaluated(whole, evaluated):
    assert 'training_mean: root mean square error' in evaluated
    result = json.loads((whole / 'evaluation' / 'gc.test.json').read_text())
    assert result['rows'] == 64 and result['split'] == 'test'
    assert result['rmse']['model'] < result['rmse']['training_mean'] / 2


@pytest.mark.slow  # tests/train/test_resume.py has the same of a run of ours
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


def test_it_predicts_what_it_is_scored_on(
    installed, whole, evaluated, tmp_path, monkeypatch, capsys
):
    monkeypatch.syspath_prepend(str(installed))
    dataset = importlib.import_module('gc_content.dataset')
    config = importlib.import_module('gc_content').GcContentConfig()
    data = dataset.GcDatasets(config, 0, nucleotide.NucleotideTokenizer())
    records = (f'>r{i}\n{dna.decode(codes_L)}\n' for i, codes_L in enumerate(data.codes['test']))
    (tmp_path / 'x.fa').write_text(''.join(records))
    main.main(['predict', str(whole), f'--fasta={tmp_path}/x.fa', '--out=-'])
    output = capsys.readouterr().out
    rows = [line.split('\t') for line in output.splitlines() if line.startswith('r')]
    assert [name for name, _ in rows] == [f'r{i}' for i in range(64)]
    wrong = np.array([float(value) for _, value in rows]) - data.gc['test']
    result = json.loads((whole / 'evaluation' / 'gc.test.json').read_text())
    assert np.sqrt(np.square(wrong).mean()) == pytest.approx(result['rmse']['model'], rel=1e-5)


def test_it_embeds_and_scores(installed, whole, one_device, monkeypatch):
    monkeypatch.syspath_prepend(str(installed))
    model = genojax.load(whole)
    sequences = ['ATGGCA' * 5 + 'AC', 'TTTTAAAATT']
    vectors = model.embed(sequences)
    assert vectors.shape == (2, 16) and not np.allclose(*vectors)
    np.testing.assert_array_equal(model.embed(sequences[1:])[0], vectors[1])
    tokens = model.tokenizer.encode('ACGAAC', special=True)
    assert tokens.tolist() == [3, 4 + 6, 4 + 1]  # [CLS], ACG and AAC in the order of the alphabet
    assert model.tokenizer.decode(tokens) == 'ACGAAC'
    assert np.isfinite(model.log_likelihood(sequences[1:], mask=3).total_N).all()


def test_it_is_not_written_as_a_published_model(installed, whole, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(installed))
    with pytest.raises(SystemExit) as stop:
        main.main(['convert', str(whole), str(tmp_path / 'out')])
    assert stop.value.code == errors.UsageError.exit_code
    (line,) = capsys.readouterr().err.splitlines()
    assert "no published class computes this 'dilated' model" in line
    network = bert.BertConfig(73, width=8, depth=1, heads=2, inner=8)
    codons = genojax.load(whole).tokenizer_config
    model = convert.ConvertedModel(network, {}, {}, codons, license='', provenance={})
    with pytest.raises(errors.UsageError, match="reads the ids of the tokenizer 'codon'"):
        convert.save(model, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_its_config_is_listed_with_meanings(installed, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(installed))
    main.main(['configs', str(installed / 'gc_config.py')])
    text = capsys.readouterr().out
    assert 'model.depth = 2\n    convolutions of three tokens' in text
    assert "tokenizer.kind = 'codon'" in text
    assert 'tasks.gc.rows = 64\n    per split' in text


def test_its_parts_stand_beside_those_of_the_package(installed, monkeypatch):
    monkeypatch.syspath_prepend(str(installed))
    values = {
        'model': {'kind': 'dilated', 'vocab': 73},
        'tokenizer': {'kind': 'codon'},
        'tasks': {'gc': {'kind': 'gc_content', 'weight': 2.0}, 'lm': {'kind': 'masked_lm'}},
        'select_by': 'gc',
        'optim': {'warmup': 0},
        'steps': 1,
    }
    experiment = experiments.from_config(values)
    params = experiments.abstract(experiment).params
    assert params['heads']['gc']['linear']['kernel'].shape == (16, 1)
    assert params['heads'].keys() == {'gc'}
    assert experiment.tasks['gc'].weight == 2.0
    batches = {
        name: task.batch_spec() for name, task in experiments.build_tasks(experiment).items()
    }
    assert batches['lm']['tokens'].shape[1] > 100  # the masked LM reads codons, too
    for path, wrong, right in (
        ('tasks.gc', 'gc_contnt', 'gc_content'),
        ('model', 'dilatd', 'dilated'),
        ('tokenizer', 'codn', 'codon'),
    ):
        changed = copy.deepcopy(values)
        part = changed['tasks']['gc'] if '.' in path else changed[path]
        part['kind'] = wrong
        with pytest.raises(errors.UsageError, match=f"{path}.kind: .*did you mean '{right}'"):
            experiments.from_config(changed)
    values['model']['vocab'] = 74
    with pytest.raises(errors.UsageError, match='model.vocab=74, but the tokenizer has 73'):
        experiments.from_config(values)


@pytest.mark.parametrize('verb', ['evaluate', 'report', 'predict'])
def test_an_absent_package_is_named(whole, evaluated, tmp_path, verb, capsys):
    assert 'gc_content' not in tasks.TaskConfig.config_kinds()
    (tmp_path / 'x.fa').write_text('>a\nACGT\n')
    kinds = ('dilated', 'gc_content', 'codon')
    needed = ', '.join(f"'{kind}' of gc-content 1.0" for kind in kinds)
    if verb == 'report':  # shows what it can
        main.main(['report', str(whole)])
        assert 'needs packages that are not installed' in (whole / 'report.html').read_text()
        return
    arguments = ['--out=-', f'--fasta={tmp_path}/x.fa'] if verb == 'predict' else []
    with pytest.raises(SystemExit) as stop:
        main.main([verb, str(whole), *arguments])
    assert stop.value.code == errors.UsageError.exit_code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f'genojax: error {whole} needs packages that are not installed: ')
    assert needed in line and line.endswith('pip install gc-content==1.0, or from their source')


def test_a_model_opens_without_the_package_of_its_task(
    installed, whole, tmp_path, one_device, monkeypatch
):
    """Only its model and tokenizer are needed to embed."""
    shutil.copytree(installed / 'gc_content', tmp_path / 'gc_content')
    entry_points = tomllib.loads((FOLDER / 'pyproject.toml').read_text())['project']['entry-points']
    del entry_points['genojax.tasks']
    register(tmp_path, 'gc-content', entry_points)
    monkeypatch.syspath_prepend(str(tmp_path))
    model = genojax.load(whole)
    assert model.embed(['ACGTACGT']).shape == (1, 16)
    with pytest.raises(errors.UsageError, match="not installed: 'gc_content' of gc-content 1.0"):
        model.predict(['ACGTACGT'])


def test_kinds_that_cannot_be_used_are_refused_with_their_package(tmp_path, monkeypatch, capsys):
    """One that fails on import, one that is no config, two of one name, one of genojax's names."""
    (tmp_path / 'odd_parts.py').write_text('class Part:\n    pass\n')
    kinds = {
        'fails': 'odd_parts_of_nowhere:Part',
        'plain': 'odd_parts:Part',
        'twice': 'odd_parts:Part',
        'bert': 'odd_parts:Part',
    }
    register(tmp_path, 'odd-parts', {'genojax.models': kinds})
    register(tmp_path, 'other-parts', {'genojax.models': {'twice': 'odd_parts:Part'}})
    monkeypatch.syspath_prepend(str(tmp_path))
    tasks_of_run = {'lm': {'kind': 'masked_lm'}}
    for kind, problem in {
        'fails': 'package odd-parts 1.0) cannot be imported: ModuleNotFoundError',
        'plain': 'package odd-parts 1.0) is not a dataclass that derives from '
        'genojax.models.base.ModelConfigBase',
        'twice': 'is a kind of two packages: odd-parts 1.0 and other-parts 1.0',
    }.items():
        with pytest.raises(errors.UsageError, match=re.escape(problem)):
            experiments.from_config({'model': {'kind': kind}, 'steps': 1, 'tasks': tasks_of_run})
    assert models.ModelConfig.config_kinds()['bert'] is bert.BertConfig
    rows = dict(doctor.findings()[0])
    assert rows['genojax.models bert'].startswith('odd-parts 1.0: not used')
    assert 'refused' in rows['genojax.models twice']
    assert rows['genojax.models plain'] == 'odd-parts 1.0'


def test_the_metadata_of_packages_is_read_once_until_one_is_installed(tmp_path, monkeypatch):
    reads, read = [], importlib.metadata.entry_points
    monkeypatch.setattr(
        importlib.metadata, 'entry_points', lambda **group: reads.append(1) or read(**group)
    )
    monkeypatch.syspath_prepend(tmp_path)
    kinds = models.ModelConfig.config_kinds()
    assert 'late' not in kinds and 'late' not in list(kinds)
    assert len(reads) == 1
    register(tmp_path, 'later', {'genojax.models': {'late': 'later:Late'}})
    assert 'late' in kinds and len(reads) == 2
