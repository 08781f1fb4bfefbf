"""What does not fit in memory is refused with changes that fit, and what is suggested starts."""

import dataclasses
import re
import shlex
import types
from unittest import mock

import jax
import pytest

from genojax import errors, sharding
from genojax import experiment as experiments
from genojax.cli import flags, main
from genojax.tasks.masked_lm import dataset
from genojax.train import fitting, log, resources
from tests import commands

pytestmark = pytest.mark.usefixtures('one_device')
ROWS = 'tasks.masked_lm.data.mixture.batch_size'


def a_run(devices: int = 1, **overrides: str) -> types.SimpleNamespace:
    """What `fitting` reads of an opened run of `debug_cpu`."""
    values = flags.load('debug_cpu')
    for path, text in overrides.items():
        flags.override(values, path.replace('__', '.'), text)
    experiment = experiments.from_config(values)
    mesh = sharding.make_mesh(experiment.mesh, jax.local_devices()[:devices])
    data = mock.Mock(spec=dataset.MaskedLmDatasets, species=('a',))
    return types.SimpleNamespace(
        experiment=experiment,
        mesh=mesh,
        datasets={'masked_lm': data},
        directory=types.SimpleNamespace(read_only=False),
        say=lambda line: None,
    )


@pytest.fixture(autouse=True, scope='module')
def traced_once():
    """The state of a model and a mesh is traced once per module: tracing takes the time."""
    traced, memory = {}, fitting._state_memory

    def state_memory(changed):
        if changed is None:
            return None
        experiment = changed.experiment
        length = experiment.tasks['masked_lm'].data.mixture.length
        key = repr((experiment.model, experiment.optim.train, changed.mesh.shape, length % 8))
        if key not in traced:
            traced[key] = memory(changed)
        return traced[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, '_state_memory', state_memory)
        yield


def memory_of(run, overrides=(), activations_per_row=0):
    """A stand-in for compiling: activations grow with the rows and bases that are read at once."""
    changed = fitting._changed(run, overrides)
    memory = fitting._state_memory(changed)
    if memory is None:
        return None
    experiment = changed.experiment
    mixture = experiment.tasks['masked_lm'].data.mixture
    rows = mixture.batch_size // experiment.accumulate
    factor = {'none': 4, 'dots': 2, 'block': 1}[experiment.model.remat]
    size = rows * mixture.length * factor * experiment.model.depth * activations_per_row
    return dataclasses.replace(memory, activations=size)


def test_changes_keep_the_training_as_it_is_as_long_as_that_is_enough(monkeypatch):
    run = a_run()
    monkeypatch.setattr(
        fitting, '_memory', lambda run, overrides, limit: memory_of(run, overrides, 1000)
    )
    state = memory_of(run).total
    whole = 8 * 64 * 4 * 2 * 1000

    def flags_for(share):
        overrides, memory = fitting.smallest_change(run, state + int(share * whole))
        assert memory.total <= state + share * whole
        return fitting.as_flags(overrides)

    assert flags_for(0.6) == '--config.model.remat=dots'
    assert flags_for(0.3) == '--config.model.remat=block'
    assert flags_for(0.1) == '--config.model.remat=block --config.accumulate=4'
    words = flags_for(0.02)
    assert words.startswith('--config.model.remat=block --config.accumulate=8')
    assert '--config.tasks.masked_lm.data.mixture.length=32' in words
    assert fitting.smallest_change(run, state // 100) is None


def test_a_state_that_is_too_large_needs_a_smaller_model_or_adapters(monkeypatch):
    monkeypatch.setattr(fitting, '_memory', lambda run, overrides, limit: memory_of(run, overrides))
    run = a_run(model__depth='8')
    total = memory_of(run).total
    overrides, memory = fitting.smallest_change(run, int(0.8 * total))
    assert dict(overrides)['model.depth'] < 8 and memory.total <= 0.7 * 0.8 * total
    trained = a_run(model__depth='8', init_from='runs/pretrain')
    overrides, _ = fitting.smallest_change(trained, int(0.8 * total))
    assert overrides[0] == ('optim.train', 'lora')
    assert not any(path.startswith('model.depth') for path, _ in overrides)


def test_parameters_are_sharded_over_the_devices_that_there_are(monkeypatch):
    monkeypatch.setattr(fitting, '_memory', lambda run, overrides, limit: memory_of(run, overrides))
    run = a_run(devices=4)
    overrides, _ = fitting.smallest_change(run, int(0.9 * memory_of(run).total))
    assert overrides[:2] == (('mesh.data', -1), ('mesh.fsdp', 2))


def test_memory_that_suffices_or_is_not_known_is_not_refused():
    memory = resources.RunMemory(100, 200, None, 300)
    for available in (300, None):
        fitting.check(None, dataclasses.replace(memory, available=available))
    run = a_run()
    run.directory.read_only = True
    with pytest.raises(errors.UsageError, match='300 bytes of 299 .*machine with more memory'):
        fitting.check(run, dataclasses.replace(memory, available=299))


@pytest.mark.slow  # six programs are compiled
def test_the_command_with_the_suggested_changes_starts(shards, tmp_path, monkeypatch, capsys):
    """For real: the step is compiled, refused, compiled with changes, and trained with them."""
    command = [
        *('train', '--config=debug_cpu', f'--config.tasks.masked_lm.data.shards={shards}'),
        *('--config.steps=1', '--config.optim.warmup=0', f'--config.{ROWS}=64'),
        *('--config.tasks.masked_lm.data.validation_windows=8', f'--workdir={tmp_path / "run"}'),
    ]
    available = 2_500_000
    monkeypatch.setattr(resources, 'available', lambda mesh: available)
    with pytest.raises(SystemExit) as stop:
        main.main(command)
    printed = capsys.readouterr()
    assert stop.value.code == 2 and not (tmp_path / 'run').exists()
    assert 'compiling with --config.model.remat=' in printed.out
    message = printed.err
    assert re.search(r'activations and gradients [\d.]+ MB: [\d.]+ MB of 2.5 MB', message), message
    fix = message.split('Fix: ')[1]
    assert 'accumulate=' in fix
    main.main([*command, *commands.paste(fix)])
    planned = re.findall(r'memory per device: .*: ([\d.]+ MB) of 2.5 MB', capsys.readouterr().out)
    assert planned and f'({planned[-1]})' in fix
    assert log.read(tmp_path / 'run')[0]['step'] == 1


def test_running_out_of_memory_in_spite_of_the_plan_is_one_line_with_changes(monkeypatch):
    run = a_run()
    run.memory = resources.RunMemory(10**6, 2 * 10**6, 10**9, 10**9)
    run.start = lambda: (_ for _ in ()).throw(MemoryError('no room'))
    monkeypatch.setattr(
        fitting, '_memory', lambda run, overrides, limit: memory_of(run, overrides, 1000)
    )
    with pytest.raises(errors.UsageError, match='out of memory: no room.*Fix: --config.') as caught:
        with fitting.one_line_errors(run):
            run.start()
    assert shlex.split(str(caught.value).split('Fix: ')[1])[0].startswith('--config.')


def test_a_process_that_has_gone_is_named_in_the_others(monkeypatch):
    monkeypatch.setattr(jax, 'process_count', lambda: 2)
    run = types.SimpleNamespace(checkpoints=mock.Mock(latest=lambda: 3), workdir='run')
    text = 'UNKNOWN: Gloo all-reduce failed: [pair.cc:547] Connection closed by peer [10.0.0.2]:1'
    with (
        pytest.raises(
            errors.UsageError, match='another process has ended.*step 3 is saved. Fix: the same'
        ),
        fitting.one_line_errors(run),
    ):
        raise jax.errors.JaxRuntimeError(text)


def test_a_pipe_whose_reader_has_ended_is_no_full_disk():
    run = types.SimpleNamespace(checkpoints=mock.Mock(latest=lambda: 3), workdir='run')
    with (
        pytest.raises(errors.UsageError, match='step 3 is saved. Fix: write the output to a file'),
        fitting.one_line_errors(run),
    ):
        raise BrokenPipeError(32, 'Broken pipe')
