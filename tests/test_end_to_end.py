"""The main job on a small clade: every stage leaves its result, the report shows it, and a rerun does nothing twice."""

import dataclasses
import json

import jax
import pytest

from genojax import errors, experiment, simulate
from genojax.cli import flags, main
from genojax.pipeline import demo


@pytest.fixture(scope='module')
def clade(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clade') / 'genomes'
    simulate.write(
        folder, simulate.SimulationConfig(species=2, length=80_000, genes=16, task_rows=400)
    )
    return folder


def job(clade, directory, **changes):
    configs = {'pretrain': flags.load('demo'), 'finetune': flags.load('demo_promoters')}
    # One device as on a laptop; the eight of the tests would need batches of eight.
    for values in configs.values():
        flags.override(values, 'model.width', '16')
        flags.override(values, 'model.inner', '32')
        flags.override(values, 'model.depth', '1')
        flags.override(values, 'steps', '4')
        flags.override(values, 'log_every', '2')
        flags.override(values, 'eval_every', '4')
    flags.override(configs['pretrain'], 'data.eval_windows', '64')
    settings = demo.Demo(
        directory=directory,
        pretrain=experiment.from_config(configs['pretrain']),
        finetune=experiment.from_config(configs['finetune']),
        genomes=str(clade),
        promoters=str(clade / 'promoters'),
        command='genojax demo --as-in-the-test',
    )
    return dataclasses.replace(settings, **changes)


@pytest.fixture(scope='module')
def done(clade, tmp_path_factory):
    directory = tmp_path_factory.mktemp('run') / 'demo'
    path = demo.run(job(clade, directory))
    return directory, path


def test_every_stage_leaves_its_result(done):
    directory, path = done
    for name in (
        'run.json', 'check.json', 'mixture.json', 'splits.json', 'held_out.json', 'promoters.json',
        'shards/manifest.json', 'pretrain/config.json', 'pretrain/metrics.jsonl',
        'finetune/metrics.jsonl', 'scratch/metrics.jsonl',
    ):  # fmt: skip
        assert (directory / name).is_file(), name
    assert path == directory / 'report.html'


def test_the_report_is_whole_and_small(done):
    directory, path = done
    text = path.read_text()
    assert path.stat().st_size <= 3_000_000
    assert 'class="missing"' not in text
    for words in ('sim_alpha', 'genojax demo --as-in-the-test', 'known ceiling', 'order-5'):
        assert words in text
    assert text.count('<img') >= 6
    assert 'http-equiv="Content-Security-Policy"' in text


def test_what_the_results_say_hangs_together(done):
    directory, _ = done
    found = json.loads((directory / 'held_out.json').read_text())
    value, low, high = found['all']['model']
    assert low <= value <= high
    assert sum(row['n_bases'] for row in found['species'].values()) == found['all']['n_bases']
    table = json.loads((directory / 'promoters.json').read_text())
    assert {'fine_tuned', 'from_scratch', 'gc_only', 'kmer_logistic', 'kmer_svm'} <= set(
        table['models']
    )
    ceiling = table['ceiling']['auroc'][0]
    assert all(row['auroc'][0] < ceiling for row in table['models'].values())
    assert table['audit']['split']['rows_sharing_a_kmer_with_train'] == {'validation': 0, 'test': 0}
    draws = json.loads((directory / 'mixture.json').read_text())
    assert sum(row['drawn'] for row in draws['rows']) == draws['draws'] == 4 * 32
    settings = json.loads((directory / 'run.json').read_text())
    assert settings['seconds'].keys() >= {'pretrain', 'finetune', 'scratch', 'baselines'}
    assert settings['versions']['jax'] == jax.__version__


def test_a_rerun_does_nothing_twice(clade, done, capsys):
    directory, path = done
    before = {name: name.stat().st_mtime_ns for name in directory.rglob('checkpoints/*/*')}
    names = ('held_out.json', 'promoters.json', 'mixture.json', 'splits.json', 'check.json')
    results = {name: (directory / name).read_bytes() for name in names}
    demo.run(job(clade, directory))
    said = capsys.readouterr().out
    assert 'goes on with what is here' in said
    assert 'up to date' in said
    assert {name: name.stat().st_mtime_ns for name in directory.rglob('checkpoints/*/*')} == before
    assert {name: (directory / name).read_bytes() for name in names} == results
    assert path.is_file()


def test_other_settings_in_the_same_directory_are_refused(clade, done):
    other = job(clade, done[0])
    other = dataclasses.replace(other, pretrain=dataclasses.replace(other.pretrain, seed=1))
    with pytest.raises(errors.UsageError, match='pretrain.seed: 0 -> 1'):
        demo.run(other)


@pytest.mark.parametrize('part', ['pretrain', 'finetune'])
def test_evaluate_scores_a_workdir(part, done, capsys):
    main.main(
        ['evaluate', str(done[0] / part), *(['--windows', '16'] if part == 'pretrain' else [])]
    )
    said = capsys.readouterr().out
    assert ('order 5' if part == 'pretrain' else 'kmer_svm') in said


def test_weights_of_the_named_species_apply_only_where_all_three_are_there():
    named = demo.default_weights(('human', 'mouse', 'zebrafish', 'worm'), {'*': 1.0})
    assert named == {'human': 0.3, 'mouse': 0.2, 'zebrafish': 0.15, '*': 0.35}
    assert demo.default_weights(('human', 'worm'), {'*': 1.0}) == {'*': 1.0}
    assert demo.default_weights(('human', 'mouse', 'zebrafish'), {'human': 1.0}) == {'human': 1.0}
