"""A run that was killed and started again equals one that never stopped, bit for bit."""

import contextlib
import json
import math
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from genojax import checkpoint, errors, json_files
from genojax import config as configs
from genojax import experiment as experiments
from genojax.cli import flags, main
from genojax.inference import pretrained
from genojax.predict import loading
from genojax.report import run_files
from genojax.train import changes, log, loop, records, runs

STEPS = 6
SECRET = 'not-for-any-record'


def overrides(shards):
    return {
        'tasks.masked_lm.data.shards': str(shards),
        'tasks.masked_lm.data.validation_windows': '16',
        'tasks.masked_lm.data.mixture.weights': "{'*': 1.0}",
        'steps': str(STEPS),
        'log_every': '1',
        'validate_every': '3',
        'save_every': '3',
    }


def make_experiment(shards, **more):
    values = flags.load('debug_cpu')
    for name, text in {**overrides(shards), **more}.items():
        flags.override(values, name, text)
    return experiments.from_config(values)


def finish(experiment, folder, **options):
    run = runs.open_run(experiment, folder, jax.devices()[:1])
    state = loop.train(run, **options)
    run.close()
    return state


@pytest.fixture(scope='module')
def whole(shards, tmp_path_factory):
    """A run that was never interrupted: its last state and its workdir."""
    folder = tmp_path_factory.mktemp('whole') / 'run'
    with pytest.MonkeyPatch.context() as patch:
        for name in ('HF_TOKEN', 'WANDB_API_KEY', 'AWS_SECRET_ACCESS_KEY'):
            patch.setenv(name, SECRET)
        return finish(make_experiment(shards), folder), folder


def assert_same(one, two):
    leaves = list(zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True))
    assert len(leaves) > 20
    for a, b in leaves:
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert np.array_equal(a, b)


def losses(folder):
    return {row['step']: row['loss'] for row in log.read(folder) if row['kind'] == 'train'}


def test_no_file_of_a_run_holds_a_secret_of_the_environment(whole):
    files = [path for path in whole[1].rglob('*') if path.is_file()]
    assert len(files) > 10
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


# Of debug_cpu on the simulated clade, by jax 0.10.2 on an x86-64 CPU.
GOLDEN = [
    4.231115, 4.229226, 4.233027, 4.234391, 4.222254, 4.198526, 4.201602, 4.188606, 4.199667,
    4.183447, 4.148286, 4.169069, 4.171317, 4.155549, 4.156093, 4.158407, 4.151009, 4.131786,
    4.142546, 4.091298,
]  # fmt: skip


def test_the_losses_are_those_of_earlier_versions(whole):
    np.testing.assert_allclose(
        [losses(whole[1])[n + 1] for n in range(STEPS)], GOLDEN[:STEPS], rtol=1e-5
    )


@pytest.mark.slow
def test_twenty_losses_are_those_of_earlier_versions(shards, tmp_path):
    twenty = {'steps': '20', 'optim.decay': 'none', 'validate_every': '20', 'save_every': '20'}
    finish(make_experiment(shards, **twenty), tmp_path / 'run')
    np.testing.assert_allclose(list(losses(tmp_path / 'run').values()), GOLDEN, rtol=1e-5)


@pytest.mark.slow  # a kill, below, is the harder case
def test_three_steps_a_stop_and_three_more_equal_six(shards, whole, tmp_path):
    finish(make_experiment(shards), tmp_path / 'run', stop_at=3)
    assert set(losses(tmp_path / 'run')) == {1, 2, 3}
    state = finish(make_experiment(shards), tmp_path / 'run')
    assert int(state.step) == STEPS
    assert_same(state, whole[0])
    assert losses(tmp_path / 'run') == losses(whole[1])


@pytest.mark.slow
def test_fields_that_change_no_number_may_change_on_resume(shards, whole, tmp_path):
    folder = tmp_path / 'run'
    finish(make_experiment(shards), folder, stop_at=3)
    free = {
        'log_every': '2',
        'validate_every': '4',
        'save_every': '2',
        'keep': '1',
        'tasks.masked_lm.data.mixture.threads': '1',
        'tasks.masked_lm.data.mixture.ahead': '1',
    }
    state = finish(make_experiment(shards, **free), folder)
    assert_same(state, whole[0])
    record = json_files.read_hashed(folder / 'run.json')
    assert record['changes'][0]['fields']['log_every'] == [1, 2]
    assert (
        record['parameters'] and record['memory']['optimizer'] and record['first_checkpoint'] == 3
    )
    assert runs.read_experiment(folder).keep == 1
    # Last bits may differ with these; that is said, and the run goes on.
    other = make_experiment(shards, **free, **{'model.unroll': '2', 'model.remat': 'block'})
    run = runs.open_run(other, folder, jax.devices()[:1])
    lines = changes.describe(run.experiment, run.changed)
    assert lines[0].startswith('model.unroll: 1 -> 2 (the same arithmetic in another order')
    run.close()


def test_steps_may_not_grow_where_the_learning_rate_depends_on_them(shards, whole):
    with pytest.raises(errors.UsageError, match=r"6 -> 12.*'cosine'.*Fix: .*--config.init_from="):
        runs.open_run(make_experiment(shards, steps='12'), whole[1])


def test_a_finished_run_takes_fields_that_change_no_number_from_the_command(
    whole, one_device, tmp_path, capsys
):
    """And says which of them may move last bits."""
    folder = shutil.copytree(whole[1], tmp_path / 'run')
    threads = 'tasks.masked_lm.data.mixture.threads'
    changes = {'log_every': 2, 'keep': 1, threads: 1, 'model.unroll': 2, 'model.remat': 'block'}
    words = [f'--config.{path}={value}' for path, value in changes.items()]
    main.main(['train', f'--config={folder}/config.json', f'--workdir={folder}', *words])
    printed = capsys.readouterr().out
    for path, value in changes.items():
        words = re.search(rf'changed: {re.escape(path)}: (\S+) -> {value!r}(.*)', printed)
        assert ('the same arithmetic' in words[2]) == path.startswith('model.')
    assert f'step {STEPS}: ' in printed


@pytest.mark.slow
def test_steps_may_grow_where_the_learning_rate_does_not_depend_on_them(
    shards, one_device, tmp_path, capsys
):
    folder, constant = tmp_path / 'run', {'optim.decay': 'none', 'optim.warmup': '2', 'steps': '3'}
    finish(make_experiment(shards, **constant), folder)
    again = ['train', f'--config={folder}/config.json', f'--workdir={folder}']
    main.main([*again, '--config.steps=4'])
    assert 'resuming from step 3' in capsys.readouterr().out
    assert set(losses(folder)) == {1, 2, 3, 4}
    with pytest.raises(SystemExit):
        main.main([*again, '--config.steps=3'])
    assert '4 -> 3: step 4 is done' in capsys.readouterr().err


def test_a_run_is_never_started_over(shards, whole, tmp_path):
    folder = shutil.copytree(whole[1], tmp_path / 'run')
    log_text = (folder / 'metrics.jsonl').read_bytes()
    (folder / 'checkpoints' / 'integrity').rename(tmp_path / 'integrity')
    with pytest.raises(errors.DamageError, match='integrity is missing'):
        runs.open_run(make_experiment(shards), folder, jax.devices()[:1])
    (folder / 'checkpoints').rename(tmp_path / 'checkpoints')
    run = runs.open_run(make_experiment(shards), folder, jax.devices()[:1])
    with pytest.raises(errors.DamageError, match='step 3 was saved, and no complete checkpoint'):
        loop.train(run)
    run.close()
    (folder / 'config.json').unlink()
    with pytest.raises(errors.DamageError, match='holds metrics.jsonl of a run, but no config'):
        runs.open_run(make_experiment(shards), folder, jax.devices()[:1])
    assert (folder / 'metrics.jsonl').read_bytes() == log_text


def test_a_damaged_checkpoint_is_left_out_with_fallback(shards, whole, tmp_path):
    folder = shutil.copytree(whole[1], tmp_path / 'run')
    file = next((folder / 'checkpoints' / '6' / 'state').rglob('manifest.ocdbt'))
    file.write_bytes(file.read_bytes()[:-1])
    run = runs.open_run(make_experiment(shards), folder, jax.devices()[:1])
    with pytest.raises(errors.DamageError, match='6/.* differs .* --fallback'):
        run.start()
    run.close()
    with pytest.raises(errors.DamageError, match='--fallback'):
        loading.load(folder)
    metadata = loading.load(folder, fallback=True).metadata
    assert metadata['step'] == 3 and 'differs' in metadata['left_out']['6']
    said = []
    run = runs.open_run(
        make_experiment(shards), folder, jax.devices()[:1], said.append, fallback=True
    )
    assert_same(loop.train(run), whole[0])
    run.close()
    assert any('step 6 is left out' in line for line in said)
    assert (folder / 'checkpoints' / 'damaged' / '6').is_dir()


def test_a_disk_that_fills_up_ends_the_run_in_one_line_and_the_same_command_resumes(
    shards, whole, tmp_path
):
    folder = shutil.copytree(whole[1], tmp_path / 'run')
    shutil.rmtree(folder / 'checkpoints' / '6')
    (folder / 'checkpoints' / 'integrity' / '6.json').unlink()
    run = runs.open_run(make_experiment(shards), folder, jax.devices()[:1])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, limits[1]))  # a checkpoint needs more
        with pytest.raises(errors.UsageError, match=FULL):
            loop.train(run)
        with contextlib.suppress(errors.UsageError):
            run.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (folder / 'run.lock').exists()
    assert_same(finish(make_experiment(shards), folder), whole[0])
    assert losses(folder) == losses(whole[1])


FULL = 'could not be written: File too large; the steps 3 are complete. Fix: free disk space'


def train_command(shards, folder):
    arguments = [f'--config.{name}={text}' for name, text in overrides(shards).items()]
    command = [
        sys.executable,
        '-m',
        'genojax',
        'train',
        '--config=debug_cpu',
        f'--workdir={folder}',
    ]
    return [*command, *arguments]


# The same compiler flags as here (another code would round otherwise), but one device.
ONE_DEVICE = {'XLA_FLAGS': os.environ['XLA_FLAGS'].replace('count=8', 'count=1')}


def start(shards, folder, **more):
    return subprocess.Popen(
        [*train_command(shards, folder), *(f'--config.{n}={t}' for n, t in more.items())],
        env={**os.environ, **ONE_DEVICE},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(path, process, seconds=120):
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline, f'{path} did not appear'
        time.sleep(0.02)


def test_sigkill_after_three_steps_and_the_same_command_again_equal_six(
    shards, whole, one_device, tmp_path
):
    folder = tmp_path / 'run'
    process = start(shards, folder)
    wait_for(folder / 'checkpoints' / 'integrity' / '3.json', process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    main.main(train_command(shards, folder)[3:])  # without python -m genojax
    run = runs.open_run(make_experiment(shards), folder, jax.devices()[:1])
    assert_same(run.restore(STEPS), whole[0])
    assert losses(folder) == losses(whole[1])
    run.close()


def test_sigterm_saves_and_exits_75_and_no_step_is_lost(shards, whole, tmp_path):
    folder = tmp_path / 'run'
    process = start(shards, folder, steps=100_000)
    wait_for(folder / 'checkpoints' / 'integrity' / '3.json', process)
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=30)[0]
    assert process.returncode == errors.Preempted.exit_code, output
    last = max(losses(folder))
    assert f'stopped after step {last} of 100000' in output
    assert (folder / 'checkpoints' / 'integrity' / f'{last}.json').exists()


def test_without_tensorboardx_the_log_is_json_alone(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorboardX', None)
    written = log.Log(tmp_path, 0, {})
    written.write('train', 1, {'loss': 2.0, 'empty': float('nan')})
    written.close()
    assert [row['loss'] for row in log.read(tmp_path)] == [2.0]
    assert [path.name for path in tmp_path.iterdir()] == ['metrics.jsonl']


def test_a_disk_without_room_for_events_is_an_error_and_not_a_wait(tmp_path):
    """The events outgrow a bound for files long before the JSON lines do."""
    pytest.importorskip('tensorboardX')
    written = log.Log(tmp_path, 0, {'a/loss': 'u' * 4_000})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match='File too large'):
            for step in range(1, 100):
                written.write('train', step, {'a/loss': 1.0})
        with pytest.raises(OSError, match='File too large'):
            written.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 20 < len(log.read(tmp_path)) < 30


def test_events_have_the_values_their_units_and_the_first_step_of_the_run(tmp_path):
    pytest.importorskip('tensorboardX')
    from tensorboardX.proto import event_pb2

    written = log.Log(tmp_path, 6, {'a/loss': 'nats per token'})
    written.write('train', 7, {'a/loss': 2.0, 'a/loss/coding': 3.0, 'lr': 0.5, 'empty': math.nan})
    (path,) = (tmp_path / 'tensorboard').iterdir()
    raw, events = path.read_bytes(), []  # read while the log is open
    written.close()
    while raw:  # length, checksum, event, checksum
        (size,) = struct.unpack('<Q', raw[:8])
        events.append(event_pb2.Event.FromString(raw[12 : 12 + size]))
        raw = raw[16 + size :]
    assert events[1].step == 7 and events[1].session_log.status == event_pb2.SessionLog.START
    assert [event.step for event in events[2:]] == [7, 7, 7]
    values = [event.summary.value[0] for event in events[2:]]
    assert [(value.tag, value.simple_value) for value in values] == [
        ('train/a/loss', 2.0), ('train/a/loss/coding', 3.0), ('train/lr', 0.5),
    ]  # fmt: skip
    described = [value.metadata.summary_description for value in values]
    assert described == ['nats per token', 'nats per token', '']


def test_a_workdir_of_another_config_is_refused_with_the_differences(shards, whole):
    with pytest.raises(errors.UsageError, match=r'seed: 0 -> 1'):
        runs.open_run(make_experiment(shards, seed='1'), whole[1])


def test_other_data_behind_a_checkpoint_are_refused(shards, whole, tmp_path):
    """The config file is the same and the genomes are not: the step would mean other batches."""
    folder = tmp_path / 'run'
    finish(make_experiment(shards), folder, stop_at=1)
    changed = make_experiment(shards, **{'tasks.masked_lm.data.stride': '50'})
    json_files.write_hashed(folder / 'config.json', runs.stored(changed))
    run = runs.open_run(changed, folder, jax.devices()[:1])
    with pytest.raises(errors.DamageError, match='the data behind this run have changed'):
        run.start()
    run.close()


def test_init_from_takes_the_best_parameters_and_nothing_else(shards, whole, tmp_path):
    run = runs.open_run(
        make_experiment(shards, init_from=str(whole[1]), **{'optim.peak': '1e-3'}),
        tmp_path / 'run',
        jax.devices()[:1],
    )
    state = run.start()
    assert int(state.step) == 0
    source = runs.open_run(make_experiment(shards), whole[1], jax.devices()[:1])
    assert_same(state.params, source.restore_best().params)
    assert not any(np.asarray(leaf).any() for leaf in jax.tree.leaves(state.opt_state))
    run.close(), source.close()


def test_init_from_another_model_is_refused(shards, whole, tmp_path):
    wider = make_experiment(shards, init_from=str(whole[1]), **{'model.inner': '64'})
    run = runs.open_run(wider, tmp_path / 'run', jax.devices()[:1])
    with pytest.raises(errors.UsageError, match=r'mlp/up/kernel: \(2, 16, 32\) -> \(2, 16, 64\)'):
        run.start()
    run.close()


def test_the_log_has_what_a_user_plots(whole):
    rows = log.read(whole[1])
    train = [row for row in rows if row['kind'] == 'train'][-1]
    names = ('loss', 'masked_lm/loss', 'masked_lm/accuracy', 'grad_norm', 'tokens_per_s')
    for name in (*names, 'bases_per_s'):
        assert name in train
    # The only task, with weight 1; one is rounded to float32, the other not.
    assert train['loss'] == pytest.approx(train['masked_lm/loss'], rel=1e-6)
    assert any(name.startswith('masked_lm/loss/species/sim_') for name in train)
    assert 'masked_lm/loss/region/none' in train
    last = [row for row in rows if row['kind'] == 'validation'][-1]
    assert 1.5 < last['masked_lm/bits_per_base'] < 2.3
    assert list((whole[1] / 'tensorboard').glob('events.*'))
    assert json.loads((whole[1] / 'config.json').read_text())['steps'] == STEPS


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_checkpoint(shards, tmp_path):
    bad = make_experiment(
        shards, **{'optim.peak': '1e30', 'optim.warmup': '0', 'optim.clip': '1e30'}
    )
    run = runs.open_run(bad, tmp_path / 'run', jax.devices()[:1])
    words = r'loss .* at step \d.*; the first of \d+ parameters .* is model/.*; the rows of masked_lm were of \w+ \d'
    with pytest.raises(errors.DamageError, match=words):
        loop.train(run)
    run.close()


def everything_that_verbs_read(folder):
    """What train, evaluate, predict, embed, score and report read of a workdir, as one text."""
    model = pretrained.read(folder)
    leaves = jax.tree_util.tree_leaves_with_path((model.params, model.extra, model.heads))
    tensors = [(str(path), np.asarray(leaf).tobytes().hex()) for path, leaf in leaves]
    checkpoints = checkpoint.Checkpoints(folder / 'checkpoints', read_only=True)
    for step in checkpoints.steps():
        checkpoints.verify(step)
    losses = [checkpoints._record(step)['loss'] for step in checkpoints.steps()]
    checkpoints.close()
    tasks = loading.describe_tasks(folder)
    files = run_files.RunFiles(folder)
    names = ('config.json', 'run.json', 'datasets.json', 'evaluation/masked_lm.test.json')
    values = (
        model.provenance,
        (model.trained_tokens, model.row_tokens),
        {name: description for name, (_, description) in tasks.items()},
        configs.to_dict(records.read_experiment(folder)),
        [files.mapping(name) for name in names],
        (log.read(folder), files.rows(), losses),
    )
    return tensors, json.dumps(values, sort_keys=True, default=str)


def flip_bits(folder, flips, seed):
    """Flips one bit at a time, as often in every file; returns what was neither equal nor caught."""
    files = sorted(path for path in folder.rglob('*') if path.is_file() and path.stat().st_size)
    files = [path for path in files if path.parent.name != 'tensorboard']  # no verb reads it
    rng = np.random.default_rng(seed)
    rng.shuffle(files)
    expected, caught, wrong = everything_that_verbs_read(folder), 0, []
    for n in range(flips):
        path = files[n % len(files)]
        written = path.read_bytes()
        bit = int(rng.integers(8 * len(written)))
        data = bytearray(written)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        try:
            if everything_that_verbs_read(folder) != expected:
                wrong.append((str(path), bit, 'silent'))
        except (errors.GenojaxError, run_files.DamagedFile):
            caught += 1
        except Exception as error:  # a traceback for the user
            wrong.append((str(path), bit, repr(error)))
        path.write_bytes(written)
    assert everything_that_verbs_read(folder) == expected
    return caught, wrong


@pytest.fixture
def evaluated(whole, tmp_path):
    folder = shutil.copytree(whole[1], tmp_path / 'run')
    result = {'all': {'model': [1.9, 1.8, 2.0]}, 'step': STEPS}
    runs.write_json(folder / 'evaluation' / 'masked_lm.test.json', result)
    return folder


def test_no_flipped_bit_of_a_workdir_is_silent(evaluated):
    caught, wrong = flip_bits(evaluated, 40, 0)
    assert not wrong and caught > 30


@pytest.mark.slow
def test_no_flipped_bit_of_hundreds_in_a_workdir_is_silent(evaluated):
    caught, wrong = flip_bits(evaluated, 600, 1)
    assert not wrong and caught > 500
