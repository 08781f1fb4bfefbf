"""Two networks on the same queries: scores are those of each evaluation, families are resampled."""

import contextlib
import json

import numpy as np
import pytest

from genojax.cli import main
from genojax.pipeline import comparison
from genojax.tasks.contrastive import baselines, evaluate
from genojax.train import runs
from tests import fix_inputs
from tests.tasks import paired_runs
from tests.tasks.contrastive import small_genes

pytestmark = pytest.mark.usefixtures('one_device')
DATA = 'tasks.contrastive.data'


@pytest.fixture(scope='module')
def folder(one_device, tmp_path_factory):
    """Untrained runs of two seeds, and one on other genes."""
    folder = tmp_path_factory.mktemp('runs')
    more = {
        **{f'{DATA}.length': '96', f'{DATA}.batch_size': '24', f'{DATA}.matched_negatives': '4'},
        'tasks.contrastive.levels': '2',
    }
    with contextlib.chdir(folder):
        for name, count in (('genes', 24), ('fewer', 22)):
            small_genes.write_table(folder / f'{name}.tsv', count, length=90, rate=0.07)
        for name, seed, table in (('one', 0, 'genes'), ('two', 1, 'genes'), ('other', 0, 'fewer')):
            path = {f'{DATA}.path': f'{table}.tsv', 'seed': str(seed)}
            fix_inputs.save_run(folder, 'contrastive', name, **more, **path)
    return folder


def test_both_runs_are_scored_as_by_their_evaluations(folder, capsys, monkeypatch):
    monkeypatch.setattr(baselines, 'fit_all', lambda *arguments: {})
    with contextlib.chdir(folder):
        main.main(['evaluate', 'runs/one', '--against=runs/two'])
        text = capsys.readouterr().out
        results = dict(zip(('one', 'two'), paired_runs.evaluated('one', 'two'), strict=True))
    path = comparison.path_of(folder / 'runs/one', 'contrastive', str(folder / 'runs/two'))
    every, *levels = json.loads(path.read_text())['parts'].values()
    assert every['n'] == results['one']['items'] and every['groups'] == results['one']['families']
    for part, at in ((every, None), *((part, level) for level, part in enumerate(levels))):
        for key, title in evaluate.SCORES.items():
            row = part['scores'][title]
            for side, name in (('run', 'one'), ('against', 'two')):
                scores = results[name]['models'][results[name]['lead']]
                expected = scores['overall'] if at is None else scores['levels'][at]
                assert row[side] == expected[key]
            value, low, high = row['difference']
            assert value == pytest.approx(row['run'][0] - row['against'][0], abs=1e-9)
            assert low <= value <= high
    assert len(levels) == 2 and sum(part['n'] for part in levels) == every['n']
    assert 'only 6 families to resample' in every['notes']
    assert 'above 0: runs/one is better' in text and 'recall@10' in text


def test_other_genes_are_refused(folder, capsys):
    with contextlib.chdir(folder), pytest.raises(SystemExit) as stopped:
        main.main(['evaluate', 'runs/one', '--against=runs/other'])
    assert stopped.value.code == 2
    assert 'the genes that are ranked:' in capsys.readouterr().err


def test_a_network_is_as_good_as_itself(folder):
    with contextlib.chdir(folder):
        opened = runs.open_run(
            runs.read_experiment('runs/one'), folder / 'runs/one', read_only=True
        )
        task, datasets = opened.tasks['contrastive'], opened.datasets['contrastive']
        split = task.paired_split(task, datasets, 'test', 5)
        scores = split.scores(opened.trained(opened.restore_best()))
        opened.close()
    assert len(np.unique(split.pool.scored.items.query)) == 5
    for part in split.parts(scores, scores).values():
        for row in part['scores'].values():
            assert row['difference'] == [0, 0, 0] and row['run'] == row['against']
