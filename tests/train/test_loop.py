"""The training loop moves nothing between host and devices unless the code says so."""

from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import experiment, metrics, sharding
from genojax.cli import flags
from genojax.train import loop, resources, runs

MESH = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1])


@jax.jit
def step(state, batches, key):
    loss = batches['task']['tokens'].sum() + jax.random.uniform(key)
    states = {name: metrics.MetricState(loss, jnp.ones(())) for name in ('loss', 'grad_norm')}
    return state.replace(step=state.step + 1), states


def saved_steps(tmp_path, monkeypatch, shard_batches) -> list[int]:
    """The loop over two steps of `step`, with a stand-in for the run."""
    values = {**flags.load('debug_cpu'), 'steps': 2, 'validate_every': 2, 'save_every': 1}
    values['optim'] = {'warmup': 1}
    run = mock.Mock(
        spec=runs.Run,
        experiment=experiment.from_config(values),
        workdir=tmp_path,
        key=jax.random.key(0),
        metric_groups={},
        selection_metric='loss',
        tasks={},
        shard_batches=shard_batches,
        step_timer=resources.StepTimer,
        stops=bool,
        validate=lambda state: {'loss': metrics.MetricState(1.0 + int(state.step), 1.0)},
    )
    run.mesh = MESH
    run.checkpoints, run.say = mock.Mock(), mock.Mock()
    batch = {'task': {'tokens': np.ones((2, 3), np.int32), 'valid': np.ones(2)}}
    state = experiment.TrainState(jnp.zeros((), jnp.int32), {}, {}, {})
    monkeypatch.setattr(loop.steps, 'compile_first', lambda run, state, stream: (step, stream, 0))
    loop._train(run, state, iter([batch] * 2), 2)
    return [int(call.args[0].step) for call in run.save.call_args_list]


def test_a_batch_must_be_put_on_the_devices(tmp_path, monkeypatch):
    def placed(batches):
        return {name: sharding.shard_batch(batch, MESH) for name, batch in batches.items()}

    assert saved_steps(tmp_path, monkeypatch, placed) == [1, 2]
    with pytest.raises(Exception, match='[Dd]isallowed host-to-device transfer'):
        saved_steps(tmp_path, monkeypatch, lambda batches: batches)
