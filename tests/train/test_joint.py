"""Two tasks train one encoder: the joint loss and gradient are weighted sums of the tasks' own."""

import itertools
import json
import re
from unittest import mock

import jax
import numpy as np
import pytest

from genojax import errors, json_files
from genojax import experiment as experiments
from genojax.cli import flags, main
from genojax.train import log, loop, runs, timing

STEPS = 6
WEIGHTS = {'masked_lm': 0.75, 'promoters': 0.2}


@pytest.fixture(scope='module')
def table(tmp_path_factory):
    """Random sequences of two classes that differ in composition."""
    path = tmp_path_factory.mktemp('table') / 'task.tsv'
    rng = np.random.default_rng(0)
    lines = ['sequence\tlabel']
    for row in range(96):
        share = (0.2, 0.3)[row % 2]
        codes = rng.choice(list('ACGT'), 64, p=[0.5 - share, share, share, 0.5 - share])
        lines.append(f'{"".join(codes)}\t{row % 2}')
    path.write_text('\n'.join(lines) + '\n')
    return path


def make_experiment(shards, table, tasks=('masked_lm', 'promoters'), **changes):
    """One encoder with several tasks, from one config."""
    values = flags.load('demo_joint')
    fields = {
        'tasks.masked_lm.data.shards': str(shards),
        'tasks.masked_lm.data.validation_windows': '16',
        'tasks.masked_lm.data.mixture.length': '64',
        'tasks.masked_lm.data.mixture.batch_size': '8',
        'tasks.promoters.data.path': str(table),
        'tasks.promoters.data.batch_size': '8',
        **{f'tasks.{name}.weight': str(weight) for name, weight in WEIGHTS.items()},
        'model.width': '16',
        'model.inner': '32',
        'model.unroll': '1',
        'optim.warmup': '2',
        'steps': str(STEPS),
        'log_every': '1',
        'validate_every': '3',
        'save_every': '3',
        **changes,
    }
    for name, text in fields.items():
        flags.override(values, name, text)
    values['tasks'] = {name: values['tasks'][name] for name in tasks}
    values['select_by'] = tasks[-1]
    return experiments.from_config(values)


def open_run(experiment, folder):
    return runs.open_run(experiment, folder, jax.devices()[:1])


def finish(experiment, folder, **options):
    run = open_run(experiment, folder)
    state = loop.train(run, **options)
    run.close()
    return state


@pytest.fixture(scope='module')
def whole(shards, table, tmp_path_factory):
    """A run of both tasks that was never interrupted: its last state, workdir, progress notes."""
    folder, display = tmp_path_factory.mktemp('joint') / 'run', mock.MagicMock()
    with mock.patch.object(loop.progress, 'bar', return_value=display):
        state = finish(make_experiment(shards, table), folder)
    calls = display.__enter__.return_value.advance.call_args_list
    return state, folder, [call.args[1] for call in calls if len(call.args) > 1]


def test_the_joint_loss_and_gradient_are_weighted_sums(shards, table, tmp_path):
    run = open_run(make_experiment(shards, table), tmp_path / 'run')
    state, batches = run.start(), run.shard_batches(next(run.train_batches(0)))
    run.close()
    key = jax.random.key(5)

    @jax.jit
    def joint(params):
        return experiments.joint_loss(run.tasks, params, state.extra, batches, key)

    # Dropout and masks are random: each task has its own key, the first one the key itself.
    keys = {'masked_lm': key, 'promoters': experiments.task_key(key, 1)}
    assert list(run.tasks) == list(keys)
    total, summed = 0.0, jax.tree.map(np.zeros_like, state.params)
    (loss, (_, metrics)), gradient = jax.value_and_grad(joint, has_aux=True)(state.params)
    for name, task in run.tasks.items():

        @jax.jit
        def single(params, name=name, task=task):
            return task.loss(params, state.extra, batches[name], keys[name])

        (value, _), part = jax.value_and_grad(single, has_aux=True)(state.params)
        assert float(metrics[f'{name}/loss'].compute()) == pytest.approx(float(value), rel=1e-6)
        total += WEIGHTS[name] * float(value)
        summed = jax.tree.map(
            lambda a, b, name=name: a + np.float64(WEIGHTS[name]) * np.asarray(b, np.float64),
            summed,
            part,
        )
        # Each task reaches the shared model, and only its own head.
        assert all(np.asarray(leaf).any() for leaf in jax.tree.leaves(part['model']['layers']))
        heads = {head for head, tree in part['heads'].items() if _any(tree)}
        assert heads == {name} & gradient['heads'].keys()
    assert float(loss) == pytest.approx(total, rel=1e-6)
    assert float(metrics['loss'].compute()) == pytest.approx(total, rel=1e-6)
    # Of the largest component: the gradient of a bias of keys, for one, is zero but for rounding.
    largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(summed))
    assert 0.01 < largest < 1
    for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(summed), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6 * largest)


def _any(tree) -> bool:
    return any(np.asarray(leaf).any() for leaf in jax.tree.leaves(tree))


def test_a_task_reads_the_same_batches_alone_as_beside_others(shards, table, tmp_path):
    both = open_run(make_experiment(shards, table), tmp_path / 'both')
    joint = list(itertools.islice(both.train_batches(2), 3))
    both.close()
    for name in both.tasks:
        run = open_run(make_experiment(shards, table, (name,)), tmp_path / name)
        assert run.fingerprint[name] == both.fingerprint[name]
        for batches, expected in zip(run.train_batches(2), joint, strict=False):
            np.testing.assert_equal(batches[name], expected[name])
        run.close()


@pytest.mark.slow  # tests/train/test_resume.py stops a run of one task
def test_three_steps_a_stop_and_three_more_equal_six(shards, table, whole, tmp_path):
    finish(make_experiment(shards, table), tmp_path / 'run', stop_at=3)
    state = finish(make_experiment(shards, table), tmp_path / 'run')
    assert int(state.step) == STEPS
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(whole[0]), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert np.array_equal(a, b)
    logs = [
        [
            {name: value for name, value in row.items() if name not in timing.FIELDS}
            for row in log.read(folder)
        ]
        for folder in (tmp_path / 'run', whole[1])
    ]
    assert logs[0] == logs[1] and len(logs[0]) == STEPS + 2  # two of them of kind 'validation'


def test_the_log_has_every_task_and_one_of_them_selects_the_checkpoint(whole):
    rows = log.read(whole[1])
    train = [row for row in rows if row['kind'] == 'train'][-1]
    expected = sum(weight * train[f'{name}/loss'] for name, weight in WEIGHTS.items())
    assert train['loss'] == pytest.approx(expected, rel=1e-6)
    validation = {row['step']: row for row in rows if row['kind'] == 'validation'}
    for row in validation.values():
        assert {'masked_lm/bits_per_base', 'promoters/loss', 'promoters/accuracy'} <= row.keys()
    for step, row in validation.items():
        record = json.loads((whole[1] / 'checkpoints' / 'integrity' / f'{step}.json').read_text())
        assert record['loss'] == pytest.approx(row['promoters/loss'], rel=1e-6)


def test_progress_says_the_loss_of_each_task_in_its_unit(whole):
    """The weighted sum has no unit, and a validation has bits per base beside nats."""
    _, folder, notes = whole
    row = [row for row in log.read(folder) if row['kind'] == 'train'][-1]
    assert notes[-1] == (
        f'masked_lm/loss {row["masked_lm/loss"]:.4f} nats per token, '
        f'promoters/loss {row["promoters/loss"]:.4f} nats per row'
    )
    units = {'masked_lm/loss': 'nats per token', 'promoters/loss': 'nats per row'}
    last = log.last_validation(folder, units).split(', ')
    assert re.fullmatch(r'masked_lm/bits_per_base \d\.\d{4}', last[0])
    (loss,) = (text for text in last if text.startswith('promoters/loss '))
    assert re.fullmatch(r'promoters/loss \d\.\d{4} nats per row', loss)
    (events,) = (folder / 'tensorboard').iterdir()
    assert b'nats per token' in events.read_bytes()


@pytest.mark.slow  # tests/train/test_resume.py refuses those of the only task
def test_other_data_of_one_task_are_refused_by_its_name(shards, table, tmp_path):
    folder = tmp_path / 'run'
    finish(make_experiment(shards, table), folder, stop_at=1)
    changed = make_experiment(shards, table, **{'tasks.masked_lm.data.stride': '50'})
    json_files.write_hashed(folder / 'config.json', runs.stored(changed))
    run = open_run(changed, folder)
    with pytest.raises(errors.DamageError, match=r'changed since step 1 \(tasks: masked_lm\)'):
        run.start()
    run.close()


def test_evaluate_can_score_one_task_of_several(whole, capsys, one_device):
    main.main(['evaluate', str(whole[1]), '--task=masked_lm', '--limit=8'])
    out = capsys.readouterr().out
    assert 'order-5 Markov' in out and re.search(
        r'step \d+; 8 of \d+ windows \(--limit\); written', out
    )
    (path,) = (whole[1] / 'evaluation').iterdir()
    assert path.name == 'masked_lm.test.limit8.json'
    limited = json_files.read_hashed(path)['limited']
    assert (limited['scored'], limited['rows']) == (8, 'windows') and limited['total'] > 8
    with pytest.raises(SystemExit) as stop:
        main.main(['evaluate', str(whole[1]), '--task=masked'])
    assert stop.value.code == errors.UsageError.exit_code
    assert "no task 'masked'; it has masked_lm, promoters" in capsys.readouterr().err


def test_a_limit_needs_one_task(whole, capsys):
    with pytest.raises(SystemExit) as stop:
        main.main(['evaluate', str(whole[1]), '--limit=4'])
    assert stop.value.code == errors.UsageError.exit_code
    assert '--limit goes with one task. Fix: --task=' in capsys.readouterr().err
