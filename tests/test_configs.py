"""Every named config can be read, survives the way through JSON, and traces through one training step."""

import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import config, errors, experiment, sharding
from genojax.cli import flags
from genojax.tasks import feeds
from genojax.train import step as steps
from tests.tokenizers import files

NAMES = flags.config_names()
EXPECTED = [
    'basset', 'debug_cpu', 'demo', 'demo_promoters', 'dnabert2', 'dnabert_described', 'dnabert_k3', 'dnabert_k4',
    'dnabert_k5', 'dnabert_k6', 'enformer', 'enformer_accessibility', 'enformer_small', 'gena_bigbird',
    'hierarchical_1mb', 'nt_v1_2500m', 'nt_v1_500m', 'nt_v2_100m', 'nt_v2_250m', 'nt_v2_500m', 'nt_v2_50m',
    'nucleotransformer', 'nucleotransformer_small', 'recurrent',
]  # fmt: skip
ROWS = 2


def test_the_named_configs_are_there():
    assert set(EXPECTED) <= set(NAMES)


@pytest.mark.parametrize('name', NAMES)
def test_a_config_traces_through_one_step(name, tmp_path):
    values = flags.load(name)
    recipe = experiment.from_config(values)
    assert experiment.from_config(json.loads(json.dumps(config.to_dict(recipe)))) == recipe
    if recipe.tokenizer.kind == 'bpe':
        # The published file is the user's to name: one of the same size stands for it.
        every = (
            ''.join(letters) for k in range(1, 9) for letters in itertools.product('ACGT', repeat=k)
        )
        words = [*itertools.islice(every, recipe.model.vocab - 5)]
        special = {'[UNK]': 0, '[CLS]': 1, '[SEP]': 2, '[PAD]': recipe.model.pad_id, '[MASK]': 4}
        model = {'type': 'BPE', 'unk_token': '[UNK]', 'merges': []}
        model['vocab'] = {**special, **{word: 5 + n for n, word in enumerate(words)}}
        file = files.write(tmp_path / 'tokenizer.json', special, words=words, model=model)
        flags.override(values, 'tokenizer.file', file)
        recipe = experiment.from_config(values)
    batch = _zeros(recipe)
    objective = experiment.build(recipe, _groups(recipe))
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1])
    state = experiment.abstract(recipe, objective, batch, mesh)
    step = steps.make_step(recipe, objective, state, mesh)
    after, states = jax.eval_shape(step, state, batch, jax.random.key(0))
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), (state, after))
    assert shapes[0] == shapes[1]
    assert states['loss'].total.shape == ()
    assert states['grad_norm'].total.dtype == jnp.float32


def _groups(recipe) -> tuple[str, ...]:
    """What the loss is told apart by: species, or organisms."""
    return tuple(getattr(recipe.data, 'organisms', ('a', 'b')))


def _zeros(recipe) -> dict[str, np.ndarray]:
    """A batch of the kind that the config's feed gives, of two rows of A."""
    match recipe.data:
        case feeds.GenomesConfig():
            bases = np.zeros((ROWS, recipe.data.mixture.length), np.uint8)
            rest = {'regions': bases, 'species': np.zeros(ROWS, np.int32)}
        case feeds.LabelledConfig():
            bases = np.zeros((ROWS, 70), np.uint8)
            rest = {'label': np.zeros(ROWS, np.int32)}
        case feeds.TracksConfig():
            return _zero_tracks(recipe)
    tokenizer = experiment.make_tokenizer(recipe.tokenizer)
    tokens = tokenizer.batch_entries(bases, np.full(ROWS, bases.shape[1]))
    return {'bases': bases, 'weight': np.ones(ROWS, np.float32), **rest, **tokens}


def _zero_tracks(recipe) -> dict[str, np.ndarray]:
    model, data = recipe.model, recipe.data
    length = data.length or 131_072
    bins, tracks = length // data.bin, max(model.tracks)
    batch = {
        'tokens': np.full((ROWS, length), 5, np.int32),
        'targets': np.zeros((ROWS, bins, tracks), np.float32),
        'known': np.ones((ROWS, bins, tracks), bool),
        'organism': np.zeros(ROWS, np.int32),
        'weight': np.ones(ROWS, np.float32),
        'valid': np.full(ROWS, length, np.int32),
    }
    if data.accessibility:
        batch['accessibility'] = np.zeros((ROWS, bins, model.inputs), np.float32)
        batch['accessibility_known'] = np.ones((ROWS, bins), bool)
    return batch


@pytest.mark.parametrize(
    ('pattern', 'places'),
    [
        ('local', ('learned', 'tokens')),
        ('longformer', ('alibi', 'tokens')),
        ('bigbird', ('alibi', 'cpg')),
        ('anchored', ('rotary', 'cpg')),
        ('causal', ('rotary', 'tokens')),
        ('strided', ('rotary', 'tokens')),
        ('random', ('learned', 'tokens')),
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
        "steps: 'many' is not an integer",
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
