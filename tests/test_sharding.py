"""Sharding: rules, meshes, batches, the plan of a config, and eight devices against one."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.sharding import NamedSharding, PartitionSpec

from genojax import errors, sharding, tokenizers
from genojax import experiment as experiments
from genojax.cli import flags
from genojax.nn import self_attention
from genojax.train import step as steps

ROWS, LENGTH = 8, 64

# Path -> spec of the model of `debug_cpu` on a mesh with every axis above 1 but `sequence`. Axes
# that do not divide (the vocabulary of 69) are replicated.
PLAN = {
    'words/embedding': (None, 'fsdp'),
    'positions/embedding': (None, 'fsdp'),
    'token_types/embedding': (None, 'fsdp'),
    'embed_norm/scale': ('fsdp',),
    'embed_norm/bias': ('fsdp',),
    'layers/block/attention/query/kernel': (None, 'fsdp', 'tensor', None),
    'layers/block/attention/query/bias': (None, 'tensor', None),
    'layers/block/attention/key/kernel': (None, 'fsdp', 'tensor', None),
    'layers/block/attention/key/bias': (None, 'tensor', None),
    'layers/block/attention/value/kernel': (None, 'fsdp', 'tensor', None),
    'layers/block/attention/value/bias': (None, 'tensor', None),
    'layers/block/attention/kernel': (None, 'tensor', None, 'fsdp'),
    'layers/block/attention/bias': (None, 'fsdp'),
    'layers/block/attention_norm/scale': (None, 'fsdp'),
    'layers/block/attention_norm/bias': (None, 'fsdp'),
    'layers/block/mlp/up/kernel': (None, 'fsdp', 'tensor'),
    'layers/block/mlp/up/bias': (None, 'tensor'),
    'layers/block/mlp/down/kernel': (None, 'tensor', 'fsdp'),
    'layers/block/mlp/down/bias': (None, 'fsdp'),
    'layers/block/mlp_norm/scale': (None, 'fsdp'),
    'layers/block/mlp_norm/bias': (None, 'fsdp'),
    'head/kernel': ('fsdp', None),
    'head/bias': (None,),
    'head_norm/scale': ('fsdp',),
    'head_norm/bias': ('fsdp',),
    'head_bias': (None,),
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """An experiment with one task, and one batch of it."""

    experiment: experiments.Experiment
    batch: dict

    @property
    def tasks(self):
        return experiments.build_tasks(self.experiment)

    @property
    def batches(self):
        return {'masked_lm': self.batch}


@pytest.fixture(scope='module')
def setting():
    experiment = experiments.from_config(flags.load('debug_cpu'))
    model = dataclasses.replace(experiment.model, dropout=0.0, attention_dropout=0.0)
    experiment = dataclasses.replace(experiment, model=model)
    rng = np.random.default_rng(0)
    bases = rng.integers(0, 4, (ROWS, LENGTH)).astype(np.uint8)
    return Setting(experiment, make_batch(experiment, bases))


def make_batch(experiment, bases):
    rows, length = bases.shape
    tokenizer = tokenizers.make(experiment.tokenizer)
    return {
        **tokenizer.batch_entries(bases, np.full(rows, length)),
        'bases': bases,
        'regions': np.zeros_like(bases),
        'species': np.zeros(rows, np.int32),
    }


def run(setting, mesh_config, devices, count=2, start=None):
    """Losses and last parameters of `count` steps, shares of parameters per device, and the start.

    The start is the state before the first step, from another run or initialised here.
    """
    experiment, tasks = setting.experiment, setting.tasks
    mesh = sharding.make_mesh(mesh_config, devices)
    abstract = experiments.abstract(experiment, mesh, tasks)
    shardings = jax.tree.map(lambda leaf: leaf.sharding, abstract)
    if start is None:
        init = jax.jit(
            lambda key, batches: experiments.init_state(experiment, tasks, key, batches),
            out_shardings=shardings,
        )
        start = jax.tree.map(np.array, init(jax.random.key(0), setting.batches))
    state = jax.tree.map(jax.device_put, start, shardings)
    step = steps.make_step(experiment, tasks, abstract, mesh)
    shares = jax.tree.map(
        lambda leaf: leaf.addressable_shards[0].data.size / leaf.size, state.params
    )
    batches = {'masked_lm': sharding.shard_batch(setting.batch, mesh)}
    losses = []
    with jax.set_mesh(mesh):
        for _ in range(count):
            state, metrics = step(state, batches, jax.random.key(1))
            losses.append(float(metrics['loss'].compute()))
    return losses, jax.device_get(state.params), shares, start


@pytest.fixture(scope='module')
def single(setting):
    return run(setting, sharding.MeshConfig(), jax.devices()[:1])


@pytest.mark.parametrize(
    ('shape', 'accumulate'),
    [
        pytest.param((8, 1, 1), 1, marks=pytest.mark.slow),
        ((2, 2, 2), 1),
        pytest.param((2, 2, 2), 2, marks=pytest.mark.slow),
    ],
    ids=['data8', 'data2 fsdp2 tensor2', 'data2 fsdp2 tensor2, two microbatches'],
)
def test_eight_devices_give_the_same_result_as_one(setting, single, shape, accumulate):
    experiment = dataclasses.replace(setting.experiment, accumulate=accumulate)
    setting = dataclasses.replace(setting, experiment=experiment)
    losses, params, shares, _ = run(setting, sharding.MeshConfig(*shape), jax.devices())
    assert losses == pytest.approx(single[0], rel=1e-5)
    for value, expected in zip(jax.tree.leaves(params), jax.tree.leaves(single[1]), strict=True):
        # Adam divides by the root of a tiny second moment, so the order of sums has an effect of
        # 1e-4 of an update.
        assert np.allclose(value, expected, atol=2e-5)
    if shape[1] > 1:
        kernel = shares['model']['layers']['block']['mlp']['up']['kernel']
        assert kernel == 1 / 4  # of fsdp x tensor, on each device


def test_a_sequence_split_over_devices_gives_the_same_result_as_one(setting):
    experiment = setting.experiment
    local = self_attention.AttentionConfig(kind='local', window=8)
    model = dataclasses.replace(experiment.model, attention=local, max_tokens=256)
    task = experiment.tasks['masked_lm']
    mixture = dataclasses.replace(task.data.mixture, length=4 * LENGTH, batch_size=2)
    task = dataclasses.replace(task, data=dataclasses.replace(task.data, mixture=mixture))
    experiment = dataclasses.replace(experiment, model=model, tasks={'masked_lm': task})
    # Four devices with one block of 64 tokens each: four rows of 64 bases are joined to one of 256.
    bases = setting.batch['bases'].reshape(2, -1)
    long = Setting(experiment, make_batch(experiment, bases))
    one = run(long, sharding.MeshConfig(), jax.devices()[:1], count=1)
    mesh_config = sharding.MeshConfig(data=2, sequence=4)
    split = run(long, mesh_config, jax.devices(), count=1, start=one[3])
    assert split[0] == pytest.approx(one[0], rel=1e-5)
    for a, b in zip(jax.tree.leaves(split[1]), jax.tree.leaves(one[1]), strict=True):
        assert np.allclose(a, b, atol=2e-5)


def test_the_plan_is_the_one_written_here(setting):
    mesh = sharding.make_mesh(sharding.MeshConfig(2, 2, 2), jax.devices())
    state = experiments.abstract(setting.experiment, mesh)
    plan = {
        '/'.join(step.key for step in path): tuple(leaf.sharding.spec)
        for path, leaf in jax.tree_util.tree_leaves_with_path(state.params['model'])
    }
    assert plan == PLAN
    moments = [leaf.sharding.spec for leaf in jax.tree.leaves(state.opt_state) if leaf.ndim == 4]
    assert PartitionSpec(None, 'fsdp', 'tensor', None) in moments


def test_logical_names_are_mapped_to_mesh_axes_that_divide_them():
    mesh = sharding.make_mesh(sharding.MeshConfig(2, 2, 2), jax.devices())
    cases = {
        ('batch', 'length', 'embed'): ((8, 6, 4), (('data', 'fsdp'), 'sequence', None)),
        ('embed', 'mlp'): ((4, 6), ('fsdp', 'tensor')),
        ('mlp', 'heads'): ((4, 4), ('tensor', None)),  # each mesh axis is used once
        ('vocab', 'embed'): ((69, 4), (None, 'fsdp')),  # 69 is not divisible
        (None, 'classes'): ((4, 4), (None, None)),
    }
    with jax.set_mesh(mesh):
        for names, (shape, expected) in cases.items():
            constrain = jax.jit(lambda x, names=names: sharding.with_logical_constraint(x, *names))
            result = constrain(jnp.zeros(shape)).sharding
            sharded = NamedSharding(mesh, PartitionSpec(*expected))
            assert result.is_equivalent_to(sharded, len(shape)), (names, result.spec)


def test_an_unknown_logical_name_is_refused():
    with jax.set_mesh(sharding.make_mesh(sharding.MeshConfig(), jax.devices())):
        with pytest.raises(ValueError, match="'widht' has no entry"):
            sharding.with_logical_constraint(jnp.zeros((8, 8)), 'batch', 'widht')


def test_without_a_mesh_there_is_no_constraint():
    x = jnp.zeros((3, 5))
    assert sharding.with_logical_constraint(x, 'batch', 'embed') is x


def test_a_batch_is_sharded_by_rows_over_data_and_fsdp():
    mesh = sharding.make_mesh(sharding.MeshConfig(2, 2, 2), jax.devices())
    batch = {'x': np.arange(24, dtype=np.int32).reshape(8, 3), 'weight': np.ones(8, np.float32)}
    sharded = sharding.shard_batch(batch, mesh)
    for name, value in sharded.items():
        np.testing.assert_array_equal(value, batch[name])
        rows = {shard.data.shape[0] for shard in value.addressable_shards}
        assert rows == {2} and value.sharding == sharding.batch_sharding(mesh)


def test_a_mesh_that_does_not_use_the_devices_is_refused():
    with pytest.raises(ValueError, match='does not use 8 devices'):
        sharding.make_mesh(sharding.MeshConfig(data=3), jax.devices())
    with pytest.raises(ValueError, match='tensor=0'):
        sharding.MeshConfig(tensor=0)


def test_a_parameter_that_no_rule_covers_is_refused(setting):
    tasks = setting.tasks
    tasks['masked_lm'].head = True
    tasks['masked_lm'].init_head = lambda key, features: {'kernel': jnp.zeros((3, 2))}
    with pytest.raises(errors.UsageError, match='no rule shards them: heads/masked_lm/kernel. Fix'):
        experiments.abstract(setting.experiment, tasks=tasks)
    with pytest.raises(ValueError, match="'colour' has no entry in sharding.RULES"):
        sharding.variable_shardings(
            nn.LogicallyPartitioned(jnp.zeros(2), ('colour',)),
            sharding.make_mesh(sharding.MeshConfig()),
        )
