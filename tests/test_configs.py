"""Every named config can be read, survives the way through JSON, and traces through one training step."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import config, errors, experiment, sharding
from genojax.cli import flags
from genojax.objectives import classify
from genojax.train import step as steps

NAMES = flags.config_names()
EXPECTED = [
    'debug_cpu', 'demo', 'demo_promoters', 'dnabert_described',
    'dnabert_k3', 'dnabert_k4', 'dnabert_k5', 'dnabert_k6',
]  # fmt: skip


def test_the_named_configs_are_there():
    assert set(EXPECTED) <= set(NAMES)


@pytest.mark.parametrize('name', NAMES)
def test_a_config_traces_through_one_step(name):
    recipe = experiment.from_config(flags.load(name))
    assert experiment.from_config(json.loads(json.dumps(config.to_dict(recipe)))) == recipe
    tokenizer = experiment.make_tokenizer(recipe.tokenizer)
    labelled = isinstance(recipe.objective, classify.ClassifyConfig)
    rows, length = 8, 70 if labelled else recipe.data.mixture.length
    bases = np.zeros((rows, length), np.uint8)
    batch = {'tokens': tokenizer.encode(bases, special=True), 'weight': np.ones(rows, np.float32)}
    if labelled:
        batch |= {'label': np.zeros(rows, np.int32), 'bases': bases}
    else:
        batch |= {'bases': bases, 'regions': bases, 'species': np.zeros(rows, np.int32)}
    assert batch['tokens'].shape[1] <= recipe.model.max_tokens
    objective = experiment.build(recipe, ('a', 'b'))
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1])
    state = experiment.abstract(recipe, objective, batch, mesh)
    step = steps.make_step(recipe, objective, state, mesh)
    after, states = jax.eval_shape(step, state, batch, jax.random.key(0))
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), (state, after))
    assert shapes[0] == shapes[1]
    assert states['loss'].total.shape == ()
    assert states['grad_norm'].total.dtype == jnp.float32


@pytest.mark.parametrize(
    ('pattern', 'places'),
    [
        ('local', ('learned', 'tokens')),
        ('longformer', ('alibi', 'tokens')),
        ('bigbird', ('alibi', 'cpg')),
        ('anchored', ('rotary', 'cpg')),
    ],
)
def test_every_pattern_and_kind_of_position_means_the_reference(pattern, places):
    """One loss of a small model, computed by what 'auto' picks and by the dense reference."""
    values = flags.load('debug_cpu')
    for name, text in {
        'model.attention.kind': pattern, 'model.attention.window': '7', 'model.attention.period': '32',
        'model.attention.block': '16', 'model.attention.random': '1', 'model.max_tokens': '256',
        'model.positions': places[0], 'model.coordinate': places[1], 'model.dropout': '0.0',
        'model.attention_dropout': '0.0', 'data.mixture.length': '200',
    }.items():  # fmt: skip
        flags.override(values, name, text)
    losses = []
    for implementation in ('auto', 'reference'):
        flags.override(values, 'model.attention.implementation', implementation)
        recipe = experiment.from_config(values)
        tokenizer = experiment.make_tokenizer(recipe.tokenizer)
        bases = np.random.default_rng(0).integers(0, 4, (2, 200)).astype(np.uint8)
        batch = {
            'tokens': tokenizer.encode(bases, special=True),
            'bases': bases,
            'regions': np.zeros_like(bases),
            'species': np.zeros(2, np.int32),
        }
        objective = experiment.build(recipe, ('a',))
        params = meta.unbox(objective.init(jax.random.key(0), batch))['params']
        loss = jax.jit(objective.loss)(params, {}, batch, jax.random.key(1))[0]
        losses.append(float(loss))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_all_mistakes_of_a_config_come_at_once_and_name_the_field():
    values = flags.load('debug_cpu')
    flags.override(values, 'model.widht', '32')
    flags.override(values, 'steps', 'many')
    flags.override(values, 'optim.peak', '-1')
    flags.override(values, 'data.mixture.length', '0')
    with pytest.raises(errors.UsageError) as caught:
        experiment.from_config(values)
    for expected in (
        "model.widht: no such field; did you mean 'width'?",
        "steps: 'many' is not a whole number",
        'optim: peak=-1.0 must be above 0',
        'data.mixture: length=0 must be at least 1',
    ):
        assert expected in str(caught.value)


def test_a_species_can_be_added_to_the_weights_from_the_command_line():
    values = flags.load('debug_cpu')
    flags.override(values, 'data.mixture.weights.human', '0.3')
    assert experiment.from_config(values).data.mixture.weights == {'*': 1.0, 'human': 0.3}


def test_a_vocabulary_that_is_not_the_tokenizer_s_is_refused():
    values = flags.load('debug_cpu')
    flags.override(values, 'model.vocab', '70')
    with pytest.raises(errors.UsageError, match='model.vocab=70, but the tokenizer has 69'):
        experiment.from_config(values)
