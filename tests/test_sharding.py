"""Sharding: the plan of a config, the refusal of a wrong mesh, and eight devices that mean the same as one."""

import dataclasses

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from genojax import experiment, sharding
from genojax.cli import flags
from genojax.nn import self_attention
from genojax.train import step as steps

ROWS, LENGTH = 8, 64

# Path -> spec of `debug_cpu` on a mesh with every axis above 1 but `sequence`. Axes that do not divide (the vocabulary of
# 69) are replicated.
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


@pytest.fixture(scope='module')
def setting():
    recipe = experiment.from_config(flags.load('debug_cpu'))
    recipe = dataclasses.replace(
        recipe, model=dataclasses.replace(recipe.model, dropout=0.0, attention_dropout=0.0)
    )
    tokenizer = experiment.make_tokenizer(recipe.tokenizer)
    rng = np.random.default_rng(0)
    bases = rng.integers(0, 4, (ROWS, LENGTH)).astype(np.uint8)
    batch = {
        'tokens': tokenizer.encode(bases, special=True),
        'bases': bases,
        'regions': np.zeros_like(bases),
        'species': np.zeros(ROWS, np.int32),
    }
    return recipe, experiment.build(recipe, ('a',)), batch


def run(setting, mesh_config, devices, count=2):
    recipe, objective, batch = setting
    mesh = sharding.make_mesh(mesh_config, devices)
    abstract = experiment.abstract(recipe, objective, batch, mesh)
    shardings = jax.tree.map(lambda leaf: leaf.sharding, abstract)
    init = jax.jit(
        lambda key: experiment.init_state(recipe, objective, key, batch), out_shardings=shardings
    )
    state = init(jax.random.key(0))
    first = state
    step = steps.make_step(recipe, objective, abstract, mesh)
    shares = jax.tree.map(
        lambda leaf: leaf.addressable_shards[0].data.size / leaf.size, first.params
    )
    placed = sharding.shard_batch(batch, mesh)
    losses = []
    with jax.set_mesh(mesh):
        for _ in range(count):
            state, states = step(state, placed, jax.random.key(1))
            losses.append(float(states['loss'].compute()))
    return losses, jax.device_get(state.params), shares


@pytest.fixture(scope='module')
def single(setting):
    return run(setting, sharding.MeshConfig(), jax.devices()[:1])


@pytest.mark.parametrize('shape', [(8, 1, 1), (2, 2, 2)], ids=['data8', 'data2 fsdp2 tensor2'])
def test_eight_devices_mean_the_same_as_one(setting, single, shape):
    losses, params, shares = run(setting, sharding.MeshConfig(*shape), jax.devices())
    assert losses == pytest.approx(single[0], rel=1e-5)
    for found, expected in zip(jax.tree.leaves(params), jax.tree.leaves(single[1]), strict=True):
        # Adam divides by the root of a tiny second moment: the order of sums shows at 1e-4 of a step.
        assert np.allclose(found, expected, atol=2e-5)
    if shape[1] > 1:
        kernel = shares['layers']['block']['mlp']['up']['kernel']
        assert kernel == 1 / 4  # of fsdp x tensor, on each device


def test_a_sequence_split_over_devices_means_the_same_as_one(setting):
    recipe, _, batch = setting
    near = self_attention.AttentionConfig(kind='local', window=8)
    model = dataclasses.replace(recipe.model, attention=near, max_tokens=256)
    recipe = dataclasses.replace(recipe, model=model)
    # Four devices with a whole block of 64 tokens each: four rows of 64 bases make one of 256.
    batch = {name: x.reshape(2, -1) if x.ndim > 1 else x[:2] for name, x in batch.items()}
    batch['tokens'] = experiment.make_tokenizer(recipe.tokenizer).encode(
        batch['bases'], special=True
    )
    narrow = (recipe, experiment.build(recipe, ('a',)), batch)
    one = run(narrow, sharding.MeshConfig(), jax.devices()[:1], count=1)
    split = run(narrow, sharding.MeshConfig(data=2, sequence=4), jax.devices(), count=1)
    assert split[0] == pytest.approx(one[0], rel=1e-5)
    for found, expected in zip(jax.tree.leaves(split[1]), jax.tree.leaves(one[1]), strict=True):
        assert np.allclose(found, expected, atol=2e-5)


def test_the_plan_is_the_one_written_here(setting):
    recipe, objective, batch = setting
    mesh = sharding.make_mesh(sharding.MeshConfig(2, 2, 2), jax.devices())
    state = experiment.abstract(recipe, objective, batch, mesh)
    found = {
        '/'.join(step.key for step in path): tuple(leaf.sharding.spec)
        for path, leaf in jax.tree_util.tree_leaves_with_path(state.params)
    }
    assert found == PLAN
    moments = [leaf.sharding.spec for leaf in jax.tree.leaves(state.opt_state) if leaf.ndim == 4]
    assert PartitionSpec(None, 'fsdp', 'tensor', None) in moments


def test_a_mesh_that_does_not_use_the_devices_is_refused():
    with pytest.raises(ValueError, match='does not use 8 devices'):
        sharding.make_mesh(sharding.MeshConfig(data=3), jax.devices())
    with pytest.raises(ValueError, match='tensor=0'):
        sharding.MeshConfig(tensor=0)
