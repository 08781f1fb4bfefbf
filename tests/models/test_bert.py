"""BERT: the published sizes, padding that changes nothing, and a clear refusal of too long rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import models, sharding
from genojax.models import bert
from genojax.tokenizers import kmer

SMALL = bert.BertConfig(
    vocab=69,
    width=16,
    depth=2,
    heads=2,
    inner=32,
    max_tokens=20,
    dropout=0.3,
    attention_dropout=0.3,
)


@pytest.fixture(scope='module')
def small():
    module = models.build(SMALL)
    tokens = jnp.asarray(np.random.default_rng(0).integers(5, 69, (2, 12)), jnp.int32)
    params = meta.unbox(module.init(jax.random.key(0), tokens))
    return jax.jit(module.apply, static_argnames='train'), params, tokens


@pytest.mark.parametrize(
    ('k', 'published'), [(3, 86_095_941), (4, 86_243_589), (5, 86_834_181), (6, 89_196_549)]
)
def test_parameter_counts_are_the_published_checkpoints(k, published):
    module = models.build(bert.BertConfig(vocab=kmer.vocab_size(k)))
    shapes = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 8), jnp.int32))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == published


def test_padding_changes_nothing(small):
    apply, params, tokens = small
    plain = apply(params, tokens)
    padded = apply(params, jnp.pad(tokens, ((0, 0), (0, 5))))
    assert np.allclose(padded.hidden_BTD[:, :12], plain.hidden_BTD, atol=1e-5)
    assert np.allclose(padded.pooled_BD, plain.pooled_BD, atol=1e-5)
    assert np.allclose(padded.logits_BTV[:, :12], plain.logits_BTV, atol=1e-5)


def test_pooled_is_the_mean_over_real_tokens_and_first_is_the_first(small):
    apply, params, tokens = small
    tokens = tokens.at[0, 8:].set(SMALL.pad_id)
    found = apply(params, tokens)
    assert np.allclose(found.pooled_BD[0], found.hidden_BTD[0, :8].mean(0), atol=1e-6)
    assert np.array_equal(found.first_BD, found.hidden_BTD[:, 0])


def test_dropout_is_off_unless_training_and_a_function_of_its_key(small):
    apply, params, tokens = small
    one = apply(params, tokens, train=True, rngs={'dropout': jax.random.key(1)}).pooled_BD
    again = apply(params, tokens, train=True, rngs={'dropout': jax.random.key(1)}).pooled_BD
    other = apply(params, tokens, train=True, rngs={'dropout': jax.random.key(2)}).pooled_BD
    assert np.array_equal(one, again)
    assert not np.allclose(one, other)
    assert not np.allclose(one, apply(params, tokens).pooled_BD)


def test_a_row_longer_than_the_position_table_is_refused():
    with pytest.raises(ValueError, match='21 tokens are more than the model has positions: 20'):
        jax.eval_shape(models.build(SMALL).init, jax.random.key(0), jnp.zeros((1, 21), jnp.int32))


def test_every_parameter_names_its_axes():
    boxed = jax.eval_shape(
        models.build(SMALL).init, jax.random.key(0), jnp.zeros((1, 8), jnp.int32)
    )
    leaves = jax.tree.leaves(boxed, is_leaf=lambda leaf: isinstance(leaf, meta.AxisMetadata))
    assert leaves
    for leaf in leaves:
        assert isinstance(leaf, meta.AxisMetadata)
        assert all(name is None or name in sharding.RULES for name in leaf.names)


def test_unrolled_and_recomputed_blocks_mean_the_same(small):
    import dataclasses

    apply, params, tokens = small
    for change in ({'unroll': 2}, {'remat': 'block'}, {'remat': 'dots'}):
        other = models.build(dataclasses.replace(SMALL, **change))
        found = jax.jit(other.apply)(params, tokens).pooled_BD
        assert np.allclose(found, apply(params, tokens).pooled_BD, atol=1e-5)


@pytest.mark.parametrize('wrong', [{'heads': 5}, {'depth': 0}, {'dropout': 1.0}])
def test_sizes_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        bert.BertConfig(vocab=69, **{'width': 24, **wrong})
