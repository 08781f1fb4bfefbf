"""`genojax evaluate RUN --against=OTHER`: scores are those of each evaluation, differences paired."""

import contextlib
import json

import numpy as np
import pytest

from genojax import errors, simulate
from genojax.cli import main
from genojax.data.store import ingest
from genojax.pipeline import comparison, evaluation
from genojax.tasks.classification import evaluate as classification
from genojax.tasks.classification import objective
from genojax.train import runs
from tests import fix_inputs

pytestmark = pytest.mark.usefixtures('one_device')


@pytest.fixture(scope='module')
def folder(one_device, tmp_path_factory):
    """Untrained runs: of both tasks with two seeds, and of labels alone, also in other tables."""
    folder = tmp_path_factory.mktemp('runs')
    rng = np.random.default_rng(0)
    parts = ('train', 'train', 'validation', 'test')
    rows = [(fix_inputs.bases(40, rng), i % 2, parts[i // 2 % 4]) for i in range(120)]
    with contextlib.chdir(folder):
        fix_inputs.table(folder / 'rows.csv', 'sequence,label,split', rows)
        fix_inputs.table(folder / 'others.csv', 'sequence,label,split', rows[:110])
        flipped = [(sequence, 1 - label, part) for sequence, label, part in rows]
        fix_inputs.table(folder / 'flipped.csv', 'sequence,label,split', flipped)
        config = simulate.SimulationConfig(
            species=2, length=60_000, genes=12, task_rows=0, hold_out=False
        )
        simulate.write(folder / 'genomes', config)
        ingest.ingest(folder / 'genomes', folder / 'shards')
        both = {fix_inputs.SHARDS: 'shards', fix_inputs.TABLE: 'rows.csv'}
        for seed in ('0', '1'):
            fix_inputs.save_run(folder, 'demo_joint', f'joint{seed}', **both, seed=seed)
        for name in ('rows', 'others', 'flipped'):
            table = {fix_inputs.TABLE: f'{name}.csv'}
            fix_inputs.save_run(folder, 'demo_promoters', name, **table)
        masks = {fix_inputs.SHARDS: 'shards', 'tasks.masked_lm.mask.rate': '0.2'}
        fix_inputs.save_run(folder, 'demo', 'masks', **masks)
        yield folder


def test_both_runs_are_scored_as_by_their_evaluations(folder, capsys, monkeypatch):
    monkeypatch.setattr(classification, 'baseline_scores', lambda datasets, split: {})
    with contextlib.chdir(folder):
        main.main(['evaluate', 'runs/joint0', '--against=runs/joint1'])
        text = capsys.readouterr().out
        results = {}
        for seed in ('0', '1'):
            opened = runs.open_run(
                runs.read_experiment(f'runs/joint{seed}'), f'runs/joint{seed}', read_only=True
            )
            results[seed] = {name: result for name, result, _ in evaluation.evaluate_run(opened)}
            opened.close()
    path = comparison.path_of(folder / 'runs/joint0', 'promoters', str(folder / 'runs/joint1'))
    (part,) = json.loads(path.read_text())['parts'].values()
    titles = {'AUROC': 'auroc', 'average precision': 'auprc', 'macro-F1': 'macro_f1'}
    for title, key in titles.items():
        row = part['scores'][title]
        for side, seed in (('run', '0'), ('against', '1')):
            assert row[side] == results[seed]['promoters']['models']['model'][key]
        low, high = row['difference'][1:]
        assert low <= row['difference'][0] == pytest.approx(row['run'][0] - row['against'][0])
        assert row['difference'][0] <= high
    path = comparison.path_of(folder / 'runs/joint0', 'masked_lm', str(folder / 'runs/joint1'))
    parts = json.loads(path.read_text())['parts']
    scores = results['0']['masked_lm']
    assert parts['all']['scores']['bits per base']['run'] == scores['all']['model']
    assert parts['all']['n'] == scores['all']['n_windows']
    for name, score in scores['species'].items():
        assert parts[name]['scores']['bits per base']['run'] == score['model']
    assert not any(part['notes'] for part in parts.values())  # the same bases, whatever the seed
    assert 'promoters: 30 test rows, 30 groups of related rows' in text
    assert 'below 0: runs/joint0 is better' in text and 'above 0: runs/joint0 is better' in text
    assert 'steps 2 and 2; written to runs/joint0/evaluation/against/' in text


def test_the_file_is_named_by_the_folder_of_the_other_run(tmp_path):
    names = {'runs/a': 'a', 's3://bucket/runs/b/': 'b', str(tmp_path / 'c' / '..'): tmp_path.name}
    for other, name in names.items():
        path = comparison.path_of(tmp_path, 'labels', other, limit=4)
        assert path.parent == tmp_path / 'evaluation' / 'against'
        assert path.name.startswith(f'labels.test.limit4.{name}.') and path.suffix == '.json'
    seeds = {comparison.path_of(tmp_path, 'labels', f'seed{n}/promoters').name for n in (0, 1)}
    assert len(seeds) == 2
    same = {comparison.path_of(tmp_path, 'labels', f's3://bucket/b{end}') for end in ('', '/')}
    assert len(same) == 1


def test_tasks_that_only_one_run_has_are_named(folder, capsys):
    with contextlib.chdir(folder):
        main.main(['evaluate', 'runs/joint0', '--against=runs/rows', '--split=validation'])
    captured = capsys.readouterr()
    assert (
        "not compared: task 'masked_lm' is no task of runs/rows, which has promoters"
        in captured.err
    )
    assert 'validation rows' in captured.out and 'bits per base' not in captured.out


@pytest.mark.parametrize(
    'words, problem',
    [
        ('runs/rows --against=runs/others', 'are not among those of the other run'),
        ('runs/rows --against=runs/flipped', '30 of 30 rows have another label there'),
        ('runs/rows --against=runs/rows', '--against=runs/rows is the run itself'),
        ('runs/rows --against=runs/masks', "have nothing to compare: task 'promoters' is no task"),
        (
            'runs/joint0 --against=runs/masks --task=masked_lm',
            'the masks: rate 0.1, span 1, exon 0.08 here, rate 0.2',
        ),
        ('runs/rows --against=runs/joint0 --limit=3', 'leave --limit out'),
        ('runs/rows --against=genomes', 'genomes is not the workdir of a run'),
    ],
)
def test_runs_that_cannot_be_compared_are_refused_in_a_line(folder, capsys, words, problem):
    with contextlib.chdir(folder), pytest.raises(SystemExit) as stopped:
        main.main(['evaluate', *words.split()])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and problem in error.splitlines()[-1]
    assert 'Fix: ' in error or 'genomes' in words


def test_a_task_without_a_paired_comparison_is_named(folder, monkeypatch):
    monkeypatch.setattr(objective.Classification, 'paired_split', None)
    with contextlib.chdir(folder):
        opened = [
            runs.open_run(runs.read_experiment(path), path, read_only=True)
            for path in ('runs/rows', 'runs/flipped')
        ]
        with pytest.raises(errors.UsageError, match='is classification, which has no paired'):
            next(comparison.compare_runs(*opened, ['promoters']))
