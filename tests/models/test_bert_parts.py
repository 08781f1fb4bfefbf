"""The parts of a BERT encoder, and laws that hold for the parts of every published family."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import models, sharding
from genojax.models import bert
from genojax.nn import blocks, self_attention

SIZES = {
    'vocab': 30, 'width': 24, 'depth': 2, 'heads': 3, 'inner': 20, 'max_tokens': 64,
    'dropout': 0.0, 'attention_dropout': 0.0,
}  # fmt: skip
ESM = {'block': 'pre_norm', 'token_types': 0, 'embed_norm': False, 'final_norm': True}
SPARSE = self_attention.AttentionConfig(kind='bigbird', block=4, random_blocks=1, plan='hf_eval')
FAMILIES = {
    'dnabert2': {'positions': 'alibi', 'feed_forward': 'geglu', 'pad_id': 3},
    'nt_v1': {
        **ESM, 'positions': 'counted', 'pad_id': 1, 'head': 'untied', 'token_dropout':
    blocks.TokenDropout(2), },
    'nt_v2': {
        **ESM, 'positions': 'rotary', 'pad_id': 1, 'head': 'untied', 'feed_forward': 'swiglu',
    },
    'gena_bigbird': {
        'feed_forward': 'gelu_tanh', 'pad_id': 3, 'attention': SPARSE, 'length_multiple': 4,
    },
}  # fmt: skip
MASK = 2


def build(**parts):
    """A small model and random parameters, norms and biases off their starting values."""
    config = bert.BertConfig(**(SIZES | parts))
    module = models.build(config)
    shapes = meta.unbox(jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 8), int)))
    random = np.random.default_rng(0)

    def fill(path, leaf):
        around = 1.0 if path[-1].key == 'scale' else 0.0
        return jnp.asarray(around + 0.2 * random.standard_normal(leaf.shape), jnp.float32)

    params = jax.tree_util.tree_map_with_path(fill, shapes)
    return config, jax.jit(module.apply, static_argnames='mutable'), params


def row(length: int, seed: int = 1) -> jax.Array:
    """Two rows of ids without padding, the second with a [MASK]."""
    tokens = np.random.default_rng(seed).integers(5, 30, (2, length))
    tokens[1, 4] = MASK
    return jnp.asarray(tokens, jnp.int32)


@pytest.mark.parametrize('name', FAMILIES)
def test_padding_changes_nothing_and_bfloat16_little(name):
    config, apply, params = build(**FAMILIES[name])
    tokens = row(33)  # nine blocks of four, the last of them cut
    plain = apply(params, tokens)
    padded = apply(params, jnp.pad(tokens, ((0, 0), (0, 2)), constant_values=config.pad_id))
    assert plain.logits_BTV.shape == (2, 33, 30)
    assert np.allclose(padded.logits_BTV[:, :33], plain.logits_BTV, atol=2e-5)
    assert np.allclose(padded.pooled_BD, plain.pooled_BD, atol=1e-5)

    rough = models.build(dataclasses.replace(config, dtype='bfloat16'))
    result = jax.jit(rough.apply)(params, tokens)
    assert result.hidden_BTD.dtype == jnp.bfloat16 and result.logits_BTV.dtype == jnp.float32
    # bf16 has 8 bits, so one rounding is 2^-9 of a value; two blocks add up a few dozen of them.
    error = np.abs(result.logits_BTV - plain.logits_BTV).mean() / plain.logits_BTV.std()
    assert 0 < error < 2e-2


def test_a_token_moves_what_its_blocks_can_reach_and_nothing_else():
    local = self_attention.AttentionConfig(kind='local', window=3)
    _, apply, params = build(**FAMILIES['nt_v2'], attention=local)
    tokens = row(40)
    before = apply(params, tokens).hidden_BTD
    after = apply(params, tokens.at[:, 20].set(29)).hidden_BTD
    moved_T = np.any(np.asarray(before != after), axis=(0, 2))
    assert np.array_equal(np.flatnonzero(moved_T), np.arange(20 - 6, 20 + 7))


def test_published_bigbird_is_full_attention_while_short():
    short, long = (SPARSE.pattern(length) for length in (28, 32))
    assert short.mask().all()
    assert not long.mask().all()
    assert long.weights().max() == 2  # the first block, in its own right and for the random one
    uniform = dataclasses.replace(SPARSE, plan='uniform')
    assert not uniform.pattern(28).mask().all()


def test_rows_padded_inside_are_rows_padded_outside():
    config, apply, params = build(**FAMILIES['gena_bigbird'])
    outside = jnp.pad(row(45), ((0, 0), (0, 3)), constant_values=config.pad_id)
    inside, padded = apply(params, row(45)), apply(params, outside)
    assert np.allclose(inside.logits_BTV, padded.logits_BTV[:, :45], atol=1e-5)
    assert np.allclose(inside.pooled_BD, padded.pooled_BD, atol=1e-6)


def test_counted_positions_start_with_the_first_real_token():
    """ESM numbers real tokens only, so padding in front changes nothing; place in the row would."""
    _, apply, params = build(**FAMILIES['nt_v1'])
    tokens = row(33)
    shifted = jnp.pad(tokens, ((0, 0), (2, 0)), constant_values=1)
    result = apply(params, shifted).logits_BTV[:, 2:]
    assert np.allclose(result, apply(params, tokens).logits_BTV, atol=2e-5)


def test_token_dropout_is_the_formula():
    part = blocks.TokenDropout(MASK)
    words = jnp.ones((2, 6, 1))
    tokens = jnp.asarray([[7, MASK, 8, 9, 5, 1], [7, 7, 7, 7, 7, 7]])
    result = np.asarray(blocks.drop_masked(part, words, tokens, tokens != 1))[..., 0]
    # One of five real tokens is masked in the first row, none in the second; 12 % were in
    # pretraining.
    assert result[0] == pytest.approx([1.1, 0, 1.1, 1.1, 1.1, 1.1])
    assert result[1] == pytest.approx([0.88] * 6)
    everything = blocks.drop_masked(part, words[:1], jnp.full((1, 6), MASK), jnp.ones((1, 6), bool))
    assert np.array_equal(everything, np.zeros((1, 6, 1)))


def test_words_beyond_the_vocabulary_have_no_chance_and_change_nothing():
    _, apply, params = build(**FAMILIES['nt_v2'], depth=1)
    _, wider, _ = build(**FAMILIES['nt_v2'], depth=1, vocab_multiple=16)

    def widened(path, x):
        axis = {'words': 0, 'decoder': 1, 'head_bias': 0}.get(path[1].key)
        return x if axis is None else jnp.pad(x, [(0, 2 * (i == axis)) for i in range(x.ndim)])

    more = jax.tree_util.tree_map_with_path(widened, params)
    plain, padded = apply(params, row(9)), wider(more, row(9))
    assert np.allclose(padded.logits_BTV[..., :30], plain.logits_BTV, atol=1e-6)
    assert np.all(np.isneginf(padded.logits_BTV[..., 30:]))
    bias_V = more['params']['head_bias']

    def normaliser(bias_V):
        again = {'params': more['params'] | {'head_bias': bias_V}}
        return jax.nn.logsumexp(wider(again, row(9)).logits_BTV[0, 0])

    slope_V = jax.grad(normaliser)(bias_V)  # a softmax
    assert slope_V.sum() == pytest.approx(1)
    assert np.array_equal(slope_V[30:], [0, 0])


def test_pre_norm_blocks_whose_parts_give_nothing_are_the_identity():
    _, apply, params = build(**FAMILIES['nt_v2'])
    block = params['params']['layers']['block']
    block['attention'] |= {
        name: jnp.zeros_like(block['attention'][name]) for name in ('kernel', 'bias')
    }
    block['mlp']['down'] = jax.tree.map(jnp.zeros_like, block['mlp']['down'])
    result, sown = apply(params, row(9), mutable='intermediates')
    taps = sown['intermediates']
    (embedded_BTD,), (layer_NBTD,) = taps['embedded'], taps['layers']['layer']
    assert layer_NBTD.shape == (2, 2, 9, 24)
    assert np.array_equal(layer_NBTD[-1], embedded_BTD)
    norm = params['params']['final_norm']
    x = np.asarray(embedded_BTD)
    expected = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    expected = expected * np.asarray(norm['scale']) + np.asarray(norm['bias'])
    assert np.allclose(result.hidden_BTD, expected, atol=1e-5)


def test_a_row_padded_to_whole_blocks_can_be_split_over_devices():
    sparse = self_attention.AttentionConfig(kind='bigbird', block=8, random_blocks=1)
    _, apply, params = build(**FAMILIES['nt_v2'], attention=sparse, length_multiple=4 * 8)
    tokens = row(250)
    one = apply(params, tokens).hidden_BTD
    mesh = sharding.make_mesh(sharding.MeshConfig(data=2, sequence=4), jax.devices())
    with jax.set_mesh(mesh):
        split = apply(params, tokens).hidden_BTD
    assert np.allclose(split, one, atol=2e-5)


def test_counted_positions_end_and_are_no_distances():
    too_long = models.build(bert.BertConfig(**(SIZES | FAMILIES['nt_v1'])))
    with pytest.raises(ValueError, match='65 tokens are more than the 64 learned positions'):
        jax.eval_shape(too_long.init, jax.random.key(0), jnp.zeros((1, 65), jnp.int32))
    with pytest.raises(ValueError, match='needs relative positions'):
        bert.BertConfig(vocab=30, positions='counted', coordinate='cpg')
