"""The main job on a small clade: every stage leaves its result, and a second run repeats nothing."""

import dataclasses
import json

import jax
import pytest

from genojax import errors, simulate
from genojax import experiment as experiments
from genojax.cli import flags, main
from genojax.pipeline import demo

pytestmark = pytest.mark.usefixtures('one_device', 'two_point_grids')

RESULTS = ('pretrain/evaluation/masked_lm.test.json', 'evaluation/promoters.test.json')


@pytest.fixture(scope='module')
def clade(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clade') / 'genomes'
    simulate.write(
        folder, simulate.SimulationConfig(species=2, length=80_000, genes=16, task_rows=400)
    )
    return folder


def demo_settings(clade, directory, **changes):
    configs = {'pretrain': flags.load('demo'), 'finetune': flags.load('demo_promoters')}
    for values in configs.values():
        flags.override(values, 'model.width', '16')
        flags.override(values, 'model.inner', '32')
        flags.override(values, 'model.depth', '1')
        flags.override(values, 'steps', '4')
        flags.override(values, 'optim.warmup', '1')
        flags.override(values, 'log_every', '2')
        flags.override(values, 'validate_every', '4')
    flags.override(configs['pretrain'], 'tasks.masked_lm.data.validation_windows', '64')
    settings = demo.Demo(
        directory=directory,
        pretrain=experiments.from_config(configs['pretrain']),
        finetune=experiments.from_config(configs['finetune']),
        genomes=str(clade),
        promoters=str(clade / 'promoters'),
        command='genojax demo --as-in-the-test',
    )
    return dataclasses.replace(settings, **changes)


@pytest.fixture(scope='module')
def finished(clade, one_device, two_point_grids, tmp_path_factory):
    directory = tmp_path_factory.mktemp('run') / 'demo'
    path = demo.run(demo_settings(clade, directory))
    return directory, path


def test_every_stage_leaves_its_result(finished):
    directory, path = finished
    for name in (
        'run.json', 'check.json', 'shards/manifest.json', 'pretrain/config.json',
        'pretrain/datasets.json', 'pretrain/metrics.jsonl', 'finetune/metrics.jsonl',
        'scratch/metrics.jsonl', *RESULTS,
    ):  # fmt: skip
        assert (directory / name).is_file(), name
    assert path == directory / 'report.html'


def test_the_report_is_whole_and_small(finished):
    directory, path = finished
    text = path.read_text()
    assert path.stat().st_size <= 3_000_000
    assert 'class="damage"' not in text and 'not in this run' not in text
    for words in ('sim_alpha', 'genojax demo --as-in-the-test', 'known ceiling', 'order-5'):
        assert words in text
    assert text.count('<img') >= 6
    assert 'http-equiv="Content-Security-Policy"' in text


def test_the_results_agree_with_each_other(finished):
    directory, _ = finished
    bits = json.loads((directory / RESULTS[0]).read_text())
    value, low, high = bits['all']['model']
    assert low <= value <= high
    assert sum(row['n_bases'] for row in bits['species'].values()) == bits['all']['n_bases']
    promoters = json.loads((directory / RESULTS[1]).read_text())
    assert {'fine_tuned', 'from_scratch', 'gc_only', 'kmer_logistic', 'kmer_svm'} <= set(
        promoters['models']
    )
    ceiling = promoters['ceiling']['auroc'][0]
    assert all(row['auroc'][0] < ceiling for row in promoters['models'].values())
    shared = promoters['audit']['split']['rows_sharing_a_kmer_with_train']
    assert shared == {'validation': 0, 'test': 0}
    windows = json.loads((directory / 'pretrain' / 'datasets.json').read_text())['masked_lm']
    assert windows['species'] and all(row['drawn'] > 0 for row in windows['species'])
    settings = json.loads((directory / 'run.json').read_text())
    assert settings['seconds'].keys() >= {'pretrain', 'finetune', 'scratch', 'baselines'}
    assert settings['versions']['jax'] == jax.__version__


def test_a_second_run_repeats_nothing(clade, finished, capsys):
    directory, path = finished
    before = {name: name.stat().st_mtime_ns for name in directory.rglob('checkpoints/*/*')}
    names = (*RESULTS, 'pretrain/datasets.json', 'check.json')
    results = {name: (directory / name).read_bytes() for name in names}
    demo.run(demo_settings(clade, directory))
    printed = capsys.readouterr().out
    assert 'continues with what is here' in printed
    assert 'up to date' in printed
    assert {name: name.stat().st_mtime_ns for name in directory.rglob('checkpoints/*/*')} == before
    assert {name: (directory / name).read_bytes() for name in names} == results
    assert path.is_file()


def test_other_settings_in_the_same_directory_are_refused(clade, finished):
    other = demo_settings(clade, finished[0])
    other = dataclasses.replace(other, pretrain=dataclasses.replace(other.pretrain, seed=1))
    with pytest.raises(errors.UsageError, match='pretrain.seed: 0 -> 1'):
        demo.run(other)


@pytest.mark.parametrize(
    ('part', 'baseline', 'options'),
    [('pretrain', 'order 5', ['--limit', '16']), ('finetune', 'kmer_svm', [])],
)
def test_evaluate_scores_a_workdir(part, baseline, options, finished, capsys):
    main.main(['evaluate', str(finished[0] / part), *options])
    assert baseline in capsys.readouterr().out


def test_weights_of_the_named_species_apply_only_where_all_three_are_there():
    named = demo.default_weights(('human', 'mouse', 'zebrafish', 'worm'), {'*': 1.0})
    assert named == {'human': 0.3, 'mouse': 0.2, 'zebrafish': 0.15, '*': 0.35}
    assert demo.default_weights(('human', 'worm'), {'*': 1.0}) == {'*': 1.0}
    assert demo.default_weights(('human', 'mouse', 'zebrafish'), {'human': 1.0}) == {'human': 1.0}
