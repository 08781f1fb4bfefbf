"""The recurrent baseline: its cells by their formulas, and padding that changes nothing."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import models, sharding
from genojax.models import recurrent
from genojax.tasks.masked_lm import objective
from genojax.tokenizers import nucleotide
from tests.tasks import variables

SMALL = recurrent.RecurrentConfig(vocab=10, width=5, depth=2)


def tokens_of(rows: int, bases: int) -> np.ndarray:
    """[CLS], bases, [SEP]."""
    ids = np.random.default_rng(0).integers(5, 10, (rows, bases + 2))
    ids[:, 0], ids[:, -1] = 2, 3
    return ids.astype(np.int32)


@pytest.fixture(scope='module', params=['gru', pytest.param('lstm', marks=pytest.mark.slow)])
def small(request):
    module = models.build(dataclasses.replace(SMALL, cell=request.param))
    tokens = tokens_of(2, 9)
    params = meta.unbox(jax.jit(module.init)(jax.random.key(0), tokens))['params']
    rng = np.random.default_rng(1)
    params = jax.tree.map(lambda x: x + 0.3 * rng.normal(size=x.shape).astype(np.float32), params)
    return request.param, params, jax.jit(lambda x: module.apply({'params': params}, x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru(p, x, h):
    """Cho et al. 2014 with the reset gate after the product, as in cuDNN and PyTorch."""
    inputs = {name: x @ p[f'i{name}']['kernel'] + p[f'i{name}']['bias'] for name in 'rzn'}
    state = {name: h @ p[f'h{name}']['kernel'] for name in 'rzn'}
    reset, update = (sigmoid(inputs[name] + state[name]) for name in 'rz')
    new = np.tanh(inputs['n'] + reset * (state['n'] + p['hn']['bias']))
    return ((1 - update) * new + update * h,)


def lstm(p, x, c, h):
    gates = {
        name: x @ p[f'i{name}']['kernel'] + h @ p[f'h{name}']['kernel'] + p[f'h{name}']['bias']
        for name in 'ifgo'
    }
    c = sigmoid(gates['f']) * c + sigmoid(gates['i']) * np.tanh(gates['g'])
    return c, sigmoid(gates['o']) * np.tanh(c)


def test_the_states_are_those_of_the_formulas(small):
    """Both layers in both directions, step by step in numpy."""
    cell, params, apply = small
    step = {'gru': gru, 'lstm': lstm}[cell]
    tokens = tokens_of(2, 9)
    x_LBD = np.moveaxis(np.asarray(jax.nn.one_hot(tokens[:, 1:-1] - 5, 4)), 1, 0)
    for layer in range(2):
        outputs, lasts = [], []
        for name, order in (('forward', range(9)), ('backward', range(8, -1, -1))):
            carry = (np.zeros((2, 5)),) * (2 if cell == 'lstm' else 1)
            states = [None] * 9
            for i in order:
                carry = step(jax.tree.map(np.asarray, params[f'{name}_{layer}']), x_LBD[i], *carry)
                states[i] = carry[-1]
            outputs.append(np.stack(states))
            lasts.append(carry[-1])
        x_LBD = np.concatenate(outputs, -1)
    result = apply(tokens)
    assert np.allclose(result.hidden_BTD[:, 1:-1], np.moveaxis(x_LBD, 0, 1), atol=1e-6)
    assert np.allclose(result.first_BD, np.concatenate(lasts, -1), atol=1e-6)


@pytest.mark.parametrize(('cell', 'gates', 'biases'), [('gru', 3, 4), ('lstm', 4, 4)])
def test_its_size_follows_from_its_gates(cell, gates, biases):
    """Per direction: one kernel per gate from the input and one from the state, and the biases."""
    config = recurrent.RecurrentConfig(10, cell=cell, language_model=False)
    shapes = jax.eval_shape(models.build(config).init, jax.random.key(0), tokens_of(1, 4))
    count = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    assert count == 2 * (gates * (4 + 128) * 128 + biases * 128)


def test_padding_and_special_tokens_change_nothing(small):
    _, _, apply = small
    tokens = tokens_of(2, 9)
    plain = apply(tokens)
    padded = apply(np.pad(tokens, ((0, 0), (0, 4))))
    bare = apply(tokens[:, 1:-1])
    for name in ('pooled_BD', 'first_BD'):
        assert np.allclose(getattr(padded, name), getattr(plain, name), atol=1e-6)
        assert np.allclose(getattr(bare, name), getattr(plain, name), atol=1e-6)
    assert np.allclose(padded.hidden_BTD[:, 1:10], plain.hidden_BTD[:, 1:10], atol=1e-6)
    # The backward direction's last state is the one at the first base, the forward one's at the
    # last.
    assert np.allclose(plain.first_BD[:, :5], plain.hidden_BTD[:, 9, :5])
    assert np.allclose(plain.first_BD[:, 5:], plain.hidden_BTD[:, 1, 5:])
    assert np.allclose(plain.pooled_BD, plain.hidden_BTD[:, 1:10].mean(1), atol=1e-6)


def test_channels_mean_the_ids_and_a_hidden_base_is_no_base(small):
    _, _, apply = small
    tokens = tokens_of(2, 9)
    channels = jax.nn.one_hot(tokens[:, 1:-1] - 5, 4)
    assert np.allclose(apply(channels).pooled_BD, apply(tokens).pooled_BD, atol=1e-6)
    masked, unknown = tokens.copy(), tokens.copy()
    masked[:, 4], unknown[:, 4] = 4, 9
    assert np.array_equal(apply(masked).logits_BTV, apply(unknown).logits_BTV)
    assert not np.allclose(apply(masked).logits_BTV, apply(tokens).logits_BTV)


def test_every_parameter_names_its_axes_and_the_head_is_optional():
    bare = models.build(dataclasses.replace(SMALL, language_model=False, dtype='bfloat16'))
    boxed = jax.eval_shape(bare.init, jax.random.key(0), tokens_of(1, 4))
    for leaf in jax.tree.leaves(boxed, is_leaf=lambda leaf: isinstance(leaf, meta.AxisMetadata)):
        assert all(name is None or name in sharding.RULES for name in leaf.names)
    result = jax.eval_shape(bare.apply, meta.unbox(boxed), tokens_of(1, 4))
    assert result.logits_BTV is None
    assert result.hidden_BTD.dtype == jnp.bfloat16


@pytest.mark.slow
def test_its_head_is_trained_as_a_masked_language_model():
    tokenizer = nucleotide.NucleotideTokenizer()
    task = objective.MaskedLmConfig().build('masked_lm', models.build(SMALL), tokenizer)
    bases = np.random.default_rng(0).integers(0, 4, (2, 64)).astype(np.uint8)
    batch = {
        'tokens': tokenizer.encode(bases, special=True),
        'bases': bases,
        'regions': np.zeros_like(bases),
        'species': np.zeros(2, np.int32),
        'valid': np.full(2, 64, np.int32),
    }
    batch = jax.tree.map(jnp.asarray, batch)
    params, extra = variables.init(task, batch)
    gradient = jax.jit(jax.grad(lambda p: task.loss(p, extra, batch, jax.random.key(1))[0]))
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient(params)))


@pytest.mark.parametrize('wrong', [{'width': 0}, {'dropout': 1.0}])
def test_sizes_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        recurrent.RecurrentConfig(vocab=10, **wrong)
