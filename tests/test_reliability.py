"""The sweeps of experiments/benchmarks/reliability.py, in short."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
SCRIPT = ROOT / 'experiments' / 'benchmarks' / 'reliability.py'

pytestmark = pytest.mark.slow


def sweep(folder, *flags: str) -> dict:
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    environment['XLA_FLAGS'] = os.environ['XLA_FLAGS'].replace('count=8', 'count=1')
    run = subprocess.run(
        [sys.executable, str(SCRIPT), f'--out={folder}/results.jsonl', *flags],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads((folder / 'results.jsonl').read_text())
    assert result['wrong'] == [] and result['date'] and result['machine']['commit']
    return result


@pytest.mark.parametrize('flags', [(), ('--joint',), ('--processes=2',)], ids=str)
def test_runs_that_are_killed_equal_one_that_never_stopped(tmp_path, flags):
    result = sweep(tmp_path, '--only=kills', '--kills=5', '--steps=24', *flags)
    assert result['kills'] == 5 and result['trials'] == 5
    assert min(result['rows'], result['batches']) >= 5 * 24 and result['tensors'] > 50


def test_two_fresh_processes_give_the_same_run(tmp_path):
    result = sweep(tmp_path, '--only=repeats', '--repeated=24')
    assert result['rows'] >= 24 and result['batches'] >= 24 and result['tensors'] > 50


def test_kills_during_saves_leave_a_complete_step(tmp_path):
    result = sweep(tmp_path, '--only=saves', '--saves=4')
    assert len(result['steps']) == 4


def test_mutated_files_are_read_or_refused(tmp_path):
    assert sweep(tmp_path, '--only=mutants', '--mutants=700')['files'] == 700
