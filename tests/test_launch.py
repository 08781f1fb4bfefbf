"""Launch recipes: their syntax, and their genojax commands against the verbs and flags there are."""

import pathlib
import re
import shlex
import subprocess

import pytest
import yaml

from genojax import experiment
from genojax.cli import flags, main

FOLDER = pathlib.Path(__file__).parent.parent / 'experiments' / 'launch'
RECIPES = sorted(path for path in FOLDER.iterdir() if path.suffix != '.md')


def words(path: pathlib.Path) -> list[str]:
    """The words of a recipe's training command, after `genojax`."""
    text = path.read_text()
    if path.name == 'gke.yaml':
        (job,) = yaml.safe_load(text)['spec']['replicatedJobs']
        (container,) = job['template']['spec']['template']['spec']['containers']
        return [*container['command'][1:], *container['args']]
    if path.suffix == '.yaml':
        text = yaml.safe_load(text)['run']
    command = re.search(r'bin/genojax ((?:[^\n]|(?<=\\)\n)*)', text)[1].replace('\\\n', ' ')
    command = re.sub(r'\\?\$\{?\w+(:[?-][^}]*)?\}?', '7', command)
    return shlex.split(command.split('" \\')[0].rstrip('"') if path.suffix == '.sh' else command)


@pytest.mark.parametrize('path', RECIPES, ids=lambda path: path.name)
def test_the_command_of_a_recipe_is_one(path):
    verb, *rest = words(path)
    assert verb in main.VERBS
    if verb == 'sweep':
        flags_used = {word.partition('=')[0] for word in rest if word.startswith('--')}
        assert flags_used == {'--workdir', '--shard'}
        return
    config = next(word for word in rest if word.startswith('--config=')).partition('=')[2]
    assert any(word.startswith('--workdir=') for word in rest)
    values = flags.load(config)
    for word in rest:
        name, _, text = word.partition('=')
        if name.startswith('--config.'):
            flags.override(values, name.removeprefix('--config.'), text)
        else:
            assert name in ('--config', '--workdir', '--processes')
    values.get('tokenizer', {}).pop('file', None)
    experiment.from_config(values)


@pytest.mark.parametrize('name', ['tpu_vm.sh', 'slurm.sbatch', 'sweep.sbatch'])
def test_scripts_are_bash(name):
    subprocess.run(['bash', '-n', str(FOLDER / name)], check=True)


def test_a_job_that_was_stopped_is_queued_again():
    text = (FOLDER / 'slurm.sbatch').read_text()
    assert '--signal=TERM@' in text and '-eq 75' in text and 'scontrol requeue' in text


def test_every_recipe_is_in_the_table():
    table = (FOLDER / 'README.md').read_text()
    assert all(f'`{path.name}`' in table for path in RECIPES)
