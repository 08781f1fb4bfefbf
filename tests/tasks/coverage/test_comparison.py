"""Two runs on the same windows with tracks: scores are those of each evaluation."""

import contextlib
import dataclasses
import json

import numpy as np
import pytest

from genojax import errors, optim, simulate, tasks, tokenizers
from genojax import experiment as experiments
from genojax.cli import main
from genojax.models import enformer
from genojax.pipeline import comparison
from genojax.tasks import paired
from genojax.tasks.coverage import baselines
from genojax.tasks.coverage import comparison as tracks
from genojax.train import runs
from tests import fix_inputs
from tests.tasks import paired_runs

pytestmark = pytest.mark.usefixtures('one_device')
MODEL = enformer.EnformerConfig(
    width=16, depth=1, heads=2, key_width=4, basis=12, stages=2, multiple=8, crop=16,
    organisms=('sim', 'other'), tracks=(4, 4), dropout=0.0,
)  # fmt: skip


def experiment_on(path: str, crop: int = 16, seed: int = 0, **data) -> experiments.Experiment:
    fields = {'path': path, 'organisms': {'sim': 'one', 'other': 'two'}, 'bin': 4, 'batch_size': 2}
    return experiments.Experiment(
        model=dataclasses.replace(MODEL, crop=crop),
        tasks={'coverage': tasks.CoverageConfig(data=tasks.CoverageDataConfig(**fields, **data))},
        tokenizer=tokenizers.TokenizerConfig('nucleotide', k=1),
        optim=optim.OptimConfig(warmup=1),
        steps=4,
        seed=seed,
    )


@pytest.fixture(scope='module')
def folder(one_device, tmp_path_factory):
    """Untrained runs of two seeds, one that crops more, and one on other reads."""
    folder = tmp_path_factory.mktemp('runs')
    for path, shift in (('tracks', 0), ('others', 7)):
        for number, name in enumerate(('one', 'two')):
            seed = number + shift * number  # the reads of the second organism differ
            simulate.write_tracks(
                folder / path, name, windows=(6, 5), length=256, crop=64, pool_width=4, seed=seed
            )
    with contextlib.chdir(folder):
        for name, one in {
            'one': experiment_on('tracks'),
            'two': experiment_on('tracks', seed=1),
            'narrow': experiment_on('tracks', crop=20),
            'others': experiment_on('others'),
        }.items():
            fix_inputs.save_experiment(folder, one, name)
    return folder


def test_both_runs_are_scored_as_by_their_evaluations(folder, capsys, monkeypatch):
    monkeypatch.setattr(baselines, 'fit_all', lambda *arguments: {})
    with contextlib.chdir(folder):
        main.main(['evaluate', 'runs/one', '--against=runs/two'])
        text = capsys.readouterr().out
        one, two = (result['organisms'] for result in paired_runs.evaluated('one', 'two'))
        results = {'one': one, 'two': two}
    path = comparison.path_of(folder / 'runs/one', 'coverage', str(folder / 'runs/two'))
    parts = json.loads(path.read_text())['parts']
    assert list(parts) == ['sim', 'other']
    for organism, part in parts.items():
        assert part['n'] == results['one'][organism]['windows']['scored'] and not part['notes']
        groups = results['one'][organism]['scales']['reads']
        assert len(groups) > 1 and len(part['scores']) == 2 * len(groups)
        for scale, title in (('reads', 'Pearson r'), ('log', 'Pearson r of log(1 + reads)')):
            row = part['scores'][f'{title}, {groups["all"]["tracks"]} tracks']
            for side, name in (('run', 'one'), ('against', 'two')):
                assert row[side] == results[name][organism]['scales'][scale]['all']['model']
            value, low, high = row['difference']
            assert value == pytest.approx(row['run'][0] - row['against'][0], abs=2e-4)
            assert low <= value <= high and low < high
    assert 'sim: 5 test windows' in text and 'above 0: runs/one is better' in text


@pytest.mark.slow
def test_runs_that_predict_other_bins_are_scored_on_those_of_both(folder, capsys):
    with contextlib.chdir(folder):
        main.main(['evaluate', 'runs/one', '--against=runs/narrow'])
    text = capsys.readouterr().out
    assert 'The runs predict 32 and 24 bins of a window: both are scored on the middle 24.' in text


def test_other_reads_and_a_limit_are_refused(folder, capsys):
    for words, problem in (
        ('--against=runs/others', '5 of 10 windows are not among those of the other run'),
        ('--against=runs/two --limit=2', 'leave --limit out'),
    ):
        with contextlib.chdir(folder), pytest.raises(SystemExit) as stopped:
            main.main(['evaluate', 'runs/one', *words.split()])
        assert stopped.value.code == 2 and problem in capsys.readouterr().err


def test_windows_in_another_order_are_matched(folder):
    """By contig, place and bases; what unknown bins hold has no effect."""
    with contextlib.chdir(folder):
        opened = runs.open_run(
            runs.read_experiment('runs/one'), folder / 'runs/one', read_only=True
        )
        task, datasets = opened.tasks['coverage'], opened.datasets['coverage']
        split = tracks.TrackPairedSplit(task, datasets, 'test', None)
        other = tracks.TrackPairedSplit(task, datasets, 'test', None)
        opened.close()
    order = np.random.default_rng(0).permutation(len(other.inputs))
    for name in ('inputs', 'labels'):
        setattr(other, name, [getattr(other, name)[row] for row in order.tolist()])
    np.testing.assert_array_equal(order[paired.order(split, other)], np.arange(len(order)))
    other.inputs[0] = b'elsewhere'
    with pytest.raises(errors.UsageError, match='1 of .* windows are not among those'):
        paired.order(split, other)
