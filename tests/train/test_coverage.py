"""Training and scoring a model of coverage tracks, with its batch statistics, through a workdir."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import errors, optim, simulate, tasks, tokenizers
from genojax import experiment as experiments
from genojax.cli import flags, main
from genojax.models import enformer, enformer_accessibility
from genojax.tasks.coverage import evaluate as evaluation
from genojax.train import log, loop, runs

STEPS = 6
MODEL = enformer.EnformerConfig(
    width=16, depth=1, heads=2, key_width=4, basis=12, stages=2, multiple=8, crop=16,
    organisms=('sim', 'other'), tracks=(4, 4), dropout=0.1,
)  # fmt: skip


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('tracks')
    for number, name in enumerate(('one', 'two')):
        simulate.write_tracks(
            path, name, windows=(6, 3), length=256, crop=64, pool_width=4, seed=number
        )
    return path


def make_experiment(folder, data=None, **changes):
    """An experiment on `folder`; `data` changes fields of the task's data, `changes` the rest."""
    organisms = {'sim': 'one', 'other': 'two'}
    fields = {'path': str(folder), 'organisms': organisms, 'bin': 4, 'batch_size': 2}
    config = tasks.CoverageDataConfig(**{**fields, **(data or {})})
    settings = {
        'model': MODEL,
        'tasks': {'coverage': tasks.CoverageConfig(data=config)},
        'tokenizer': tokenizers.TokenizerConfig('nucleotide', k=1),
        'optim': optim.OptimConfig(peak=1e-3, warmup=2),
        'steps': STEPS,
        'log_every': 1,
        'validate_every': 6,
        'save_every': 3,
    }
    return experiments.Experiment(**{**settings, **changes})


def open_run(experiment, folder):
    return runs.open_run(experiment, folder, jax.devices()[:1])


def finish(experiment, folder, **options):
    run = open_run(experiment, folder)
    state = loop.train(run, **options)
    run.close()
    return state


@pytest.fixture(scope='module')
def whole(folder, tmp_path_factory):
    workdir = tmp_path_factory.mktemp('whole') / 'run'
    return finish(make_experiment(folder), workdir), workdir


def test_three_steps_a_stop_and_three_more_equal_six_with_batch_statistics(folder, whole, tmp_path):
    half = finish(make_experiment(folder), tmp_path / 'run', stop_at=3)
    state = finish(make_experiment(folder), tmp_path / 'run')
    assert int(state.step) == STEPS
    statistics = [jax.tree.leaves(x.extra['batch_stats']) for x in (half, state, whole[0])]
    assert len(statistics[0]) > 10
    assert any((a != b).any() for a, b in zip(statistics[0], statistics[1], strict=True))
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(whole[0]), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert np.array_equal(a, b)
    rows = [
        [(row['kind'], row['step'], row['coverage/loss']) for row in log.read(workdir)]
        for workdir in (tmp_path / 'run', whole[1])
    ]
    assert rows[0] == rows[1] and len(rows[0]) == STEPS + 1


def test_the_log_has_the_loss_of_each_organism(whole):
    rows = log.read(whole[1])
    train = [row for row in rows if row['kind'] == 'train']
    names = [f'coverage/loss/organism/{organism}' for organism in ('sim', 'other')]
    assert [tuple(name in row for name in names) for row in train] == [
        (True, False),
        (False, True),
    ] * 3
    validation = [row for row in rows if row['kind'] == 'validation'][-1]
    assert {'coverage/loss', *names} <= validation.keys()


def test_evaluate_prints_the_table_and_writes_it(whole, capsys, one_device):
    main.main(['evaluate', str(whole[1])])
    printed = capsys.readouterr().out
    for word in (
        'sim: Pearson r',
        'composition and k-mers',
        'mean per position',
        '- base composition',
        'CAGE (2)',
        'DNASE (2)',
    ):
        assert word in printed
    result = json.loads((whole[1] / 'evaluation' / 'coverage.test.json').read_text())
    organism = result['organisms']['other']
    assert organism['windows'] == {'training': 6, 'baselines': 6, 'scored': 3}
    assert [row['identifier'] for row in organism['tracks']] == [
        'reads+',
        'reads-',
        'open_one',
        'open_two',
    ]
    value, low, high = organism['scales']['reads']['all']['model']
    assert -1 <= low <= value <= high <= 1
    assert result['step'] == STEPS


def test_a_limit_on_windows_is_refused(whole, capsys, one_device):
    with pytest.raises(SystemExit) as stop:
        main.main(['evaluate', str(whole[1]), '--limit=2'])
    assert stop.value.code == errors.UsageError.exit_code
    assert 'a limit does not apply' in capsys.readouterr().err


def test_the_share_of_the_training_windows_that_selects_the_checkpoint_is_scored(
    whole, capsys, one_device
):
    main.main(['evaluate', str(whole[1]), '--split=validation'])
    assert '95 % intervals over 1 validation window' in capsys.readouterr().out
    result = json.loads((whole[1] / 'evaluation' / 'coverage.validation.json').read_text())
    # The baselines are fitted without the windows that they are scored on.
    assert result['organisms']['sim']['windows'] == {'training': 5, 'baselines': 5, 'scored': 1}


def test_a_model_with_other_heads_than_the_data_is_refused_before_training(folder, tmp_path):
    other = dataclasses.replace(MODEL, tracks=(4, 5))
    with pytest.raises(errors.UsageError, match=r"'other': 5.*model.tracks"):
        open_run(make_experiment(folder, model=other), tmp_path / 'run')


def test_pieces_are_joined_where_they_were_cut(folder, tmp_path):
    """A function of single bins predicts the same of whole windows as of pieces of them."""
    results = []
    for pieces, length, crop in ((1, 256, 16), (4, 64, 4)):
        model = dataclasses.replace(MODEL, crop=crop)
        experiment = make_experiment(folder, {'pieces': pieces, 'length': length}, model=model)
        run = open_run(experiment, tmp_path / str(pieces))

        def counts(params, extra, batch, key, crop=crop):
            bins_BPW = batch['tokens'].reshape(len(batch['tokens']), -1, MODEL.bin)[:, crop:-crop]
            count_BPC = jnp.stack([(bins_BPW == base).sum(-1) for base in range(5, 9)], -1)
            return {name: count_BPC.astype(jnp.float32) for name in ('sim', 'other')}

        task = run.tasks['coverage']
        task.predict = counts
        state = run.trained(run.start())
        results.append(evaluation.predictions(task, state, run.datasets['coverage']))
        run.close()
    for organism in ('sim', 'other'):
        assert results[0][organism].shape == (3, 32, 4)
        assert len(np.unique(results[0][organism])) > 4
        np.testing.assert_array_equal(results[0][organism], results[1][organism])


def test_a_model_and_data_must_agree_on_accessibility(folder, tmp_path):
    rule = {'accessibility': dict.fromkeys(('sim', 'other'), 'open_one')}
    problem = 'the model reads 0 accessibility tracks, and data.accessibility has 2 rules'
    with pytest.raises(ValueError, match=problem):
        make_experiment(folder, rule)
    shared = {
        field.name: getattr(MODEL, field.name)
        for field in dataclasses.fields(enformer_accessibility.EnformerAccessibilityConfig)
        if hasattr(MODEL, field.name) and field.name != 'kind'
    }
    shared |= {'trunk_stages': 2}
    one, two = (
        enformer_accessibility.EnformerAccessibilityConfig(inputs=inputs, **shared)
        for inputs in (1, 2)
    )
    with pytest.raises(ValueError, match='the model reads 1 .*, and data.accessibility has no'):
        make_experiment(folder, model=one)
    with pytest.raises(errors.UsageError, match='reads 2 accessibility tracks, the data have 1'):
        open_run(make_experiment(folder, rule, model=two), tmp_path / 'run')


def test_a_crop_that_loses_bins_between_pieces_is_refused(folder, tmp_path):
    experiment = make_experiment(folder, {'pieces': 4, 'length': 64})
    with pytest.raises(errors.UsageError, match='model.crop=16 leaves out bins .* at most 4'):
        open_run(experiment, tmp_path / 'run')


def test_a_task_and_a_model_must_fit_each_other(folder):
    with pytest.raises(ValueError, match='needs a model that scores every token'):
        make_experiment(folder, tasks={'masked_lm': tasks.MaskedLmConfig()})
    values = experiments.to_config(make_experiment(folder)).to_dict()
    values['tasks']['coverage'] = {'kind': 'coverage', 'data': {}}
    with pytest.raises(errors.UsageError, match='organisms is empty'):
        experiments.from_config(values)


def test_another_tokenizer_is_refused(folder):
    kmers = tokenizers.TokenizerConfig('kmer', k=3)
    with pytest.raises(ValueError, match="tokenizer.kind='nucleotide'|model.vocab"):
        make_experiment(folder, tokenizer=kmers)
    experiment = make_experiment(folder)
    model = experiments.build_tasks(experiment)['coverage'].model
    task = experiment.tasks['coverage'].build('coverage', model, tokenizers.make(kmers))
    assert any("tokenizer.kind='nucleotide'" in line for line in task.misfits())


@pytest.mark.parametrize('variant', ['dna', 'accessibility'])
def test_a_named_config_reads_simulated_tracks_by_flags_alone(variant, tmp_path):
    values = flags.load(f'enformer_small:{variant}')
    rules = {'human': 'open_one', 'mouse': 'open_one'} if variant == 'accessibility' else {}
    data = {'path': 'simulated', 'pieces': '1', 'length': '0', 'accessibility': str(rules)}
    changes = {f'tasks.coverage.data.{field}': text for field, text in data.items()}
    for field, text in {**changes, 'model.tracks': '(4, 4)', 'model.crop': '8'}.items():
        flags.override(values, field, text)
    experiment = experiments.from_config(values)
    model = experiment.model
    task = experiments.build_tasks(experiment)['coverage']
    datasets = task.open(tmp_path, experiment.seed)
    assert datasets.track_counts == dict(zip(model.organisms, model.tracks, strict=True))
    batch = next(datasets.train())
    bins = model.input_spec().bins(batch['tokens'].shape[1])
    known = evaluation.centre(batch['known'], bins)
    assert bins == 16 and known[..., [0, 1, 3]].all()
    again = task.open(tmp_path, experiment.seed)
    assert again.fingerprint == datasets.fingerprint
