"""The recurrent baseline: flax's own cells step by step, padding that changes nothing, and what each state has seen."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax.core import meta

from genojax import models, sharding
from genojax.models import recurrent
from genojax.tasks.masked_lm import objective as mlm
from genojax.tokenizers import nucleotide

SMALL = recurrent.RecurrentConfig(vocab=10, width=5, depth=2, unroll=3)


def tokens_of(rows: int, bases: int) -> np.ndarray:
    """[CLS], bases, [SEP]."""
    ids = np.random.default_rng(0).integers(5, 10, (rows, bases + 2))
    ids[:, 0], ids[:, -1] = 2, 3
    return ids.astype(np.int32)


@pytest.fixture(scope='module', params=['gru', 'lstm'])
def small(request):
    module = models.build(dataclasses.replace(SMALL, cell=request.param))
    tokens = tokens_of(2, 9)
    params = meta.unbox(jax.jit(module.init)(jax.random.key(0), tokens))['params']
    rng = np.random.default_rng(1)
    params = jax.tree.map(lambda x: x + 0.3 * rng.normal(size=x.shape).astype(np.float32), params)
    return request.param, params, jax.jit(lambda x: module.apply({'params': params}, x))


def test_each_direction_is_flax_s_cell(small):
    cell, params, _ = small
    x = jnp.asarray(np.random.default_rng(2).normal(size=(2, 6, 4)), jnp.float32)
    real = jnp.ones((2, 6), bool)
    part = params['forward_0']
    for backward in (False, True):
        mine = recurrent.Direction(cell, 5, backward, unroll=2)
        found, last = jax.jit(mine.apply)({'params': part}, x, real)
        theirs, start = _flax_cell(cell, part)
        state = start
        order = range(5, -1, -1) if backward else range(6)
        for t in order:
            state, h = theirs(state, x[:, t])
            assert np.allclose(found[:, t], h, atol=1e-6)
        assert np.allclose(last, h, atol=1e-6)


def _flax_cell(kind, part):
    """flax.linen's cell with our parameters: gates are apart there, and it has one bias for each sum."""
    kernel, bias = part['input']['kernel'], part['input']['bias']
    names = {'gru': 'rzn', 'lstm': 'ifgo'}[kind]
    params = {}
    for gate, name in enumerate(names):
        params[f'i{name}'] = {'kernel': kernel[:, gate], 'bias': bias[gate]}
        params[f'h{name}'] = {'kernel': part['kernel'][:, gate], 'bias': part['bias'][gate]}
    if kind == 'lstm':  # bias on the state's side alone
        for name in names:
            params[f'h{name}']['bias'] += params[f'i{name}'].pop('bias')
        cell = nn.OptimizedLSTMCell(5)
    else:
        for name in 'rz':  # bias on the input's side alone
            params[f'i{name}']['bias'] += params[f'h{name}'].pop('bias')
        cell = nn.GRUCell(5)
    start = cell.initialize_carry(jax.random.key(0), (2, 4))
    return lambda state, x: cell.apply({'params': params}, state, x), start


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
    # The backward direction's last state is the one at the first base, the forward one's at the last.
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
    found = jax.eval_shape(bare.apply, meta.unbox(boxed), tokens_of(1, 4))
    assert found.logits_BTV is None
    assert found.hidden_BTD.dtype == jnp.bfloat16


def test_its_head_is_trained_as_a_masked_language_model():
    tokenizer = nucleotide.NucleotideTokenizer()
    objective = mlm.Mlm(mlm.MlmConfig(), models.build(SMALL), tokenizer, ('a',))
    bases = np.random.default_rng(0).integers(0, 4, (2, 64)).astype(np.uint8)
    batch = {
        'tokens': tokenizer.encode(bases, special=True),
        'bases': bases,
        'regions': np.zeros_like(bases),
        'species': np.zeros(2, np.int32),
        'valid': np.full(2, 64, np.int32),
    }
    batch = jax.tree.map(jnp.asarray, batch)
    params = meta.unbox(jax.jit(objective.init)(jax.random.key(0), batch))['params']
    gradient = jax.jit(jax.grad(lambda p: objective.loss(p, {}, batch, jax.random.key(1))[0]))
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient(params)))


@pytest.mark.parametrize('wrong', [{'width': 0}, {'dropout': 1.0}])
def test_sizes_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        recurrent.RecurrentConfig(vocab=10, **wrong)
