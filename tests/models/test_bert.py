"""BERT: the published sizes, padding that changes nothing, and a clear refusal of too long rows."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import experiment, models, sharding
from genojax.cli import flags
from genojax.models import bert

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
    params = jax.jit(lambda key: meta.unbox(module.init(key, tokens)))(jax.random.key(0))
    return jax.jit(module.apply, static_argnames='train'), params, tokens


# NT v1 and BigBird: counted from the original classes by experiments/oracles/count.py.
PUBLISHED = {
    'dnabert:k3': 86_095_941,
    'dnabert:k4': 86_243_589,
    'dnabert:k5': 86_834_181,
    'dnabert:k6': 89_196_549,
    'dnabert2': 117_074_176,
    'nucleotide_transformer:v1_500m': 485_698_825,
    'nucleotide_transformer:v1_2500m': 2_547_800_585,
    'nucleotide_transformer:v2_50m': 54_855_179,
    'nucleotide_transformer:v2_100m': 96_839_179,
    'nucleotide_transformer:v2_500m': 496_245_771,
    'gena_bigbird': 113_403_392,
}


def parameters(name: str) -> int:
    """Number of parameters of a named config; none is allocated."""
    module = models.build(experiment.from_config(flags.load(name)).model)
    shapes = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 8), jnp.int32))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


@pytest.mark.parametrize('name', PUBLISHED)
def test_parameter_counts_are_the_published_checkpoints(name):
    assert parameters(name) == PUBLISHED[name]


def test_nucleotransformer_has_350_million_parameters():
    assert parameters('nucleotransformer') == 353_758_218 == pytest.approx(350e6, rel=0.03)
    assert parameters('nucleotransformer:6mer') == 357_955_593 == pytest.approx(350e6, rel=0.03)


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
    result = apply(params, tokens)
    assert np.allclose(result.pooled_BD[0], result.hidden_BTD[0, :8].mean(0), atol=1e-6)
    assert np.array_equal(result.first_BD, result.hidden_BTD[:, 0])


def test_dropout_is_off_unless_training_and_a_function_of_its_key(small):
    apply, params, tokens = small
    one = apply(params, tokens, train=True, rngs={'dropout': jax.random.key(1)}).pooled_BD
    again = apply(params, tokens, train=True, rngs={'dropout': jax.random.key(1)}).pooled_BD
    other = apply(params, tokens, train=True, rngs={'dropout': jax.random.key(2)}).pooled_BD
    assert np.array_equal(one, again)
    assert not np.allclose(one, other)
    assert not np.allclose(one, apply(params, tokens).pooled_BD)


def test_a_row_longer_than_the_position_table_is_refused():
    with pytest.raises(ValueError, match='21 tokens are more than the 20 learned positions'):
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
    apply, params, tokens = small
    for change in ({'unroll': 2}, {'remat': 'block'}, {'remat': 'dots'}):
        other = models.build(dataclasses.replace(SMALL, **change))
        result = jax.jit(other.apply)(params, tokens).pooled_BD
        assert np.allclose(result, apply(params, tokens).pooled_BD, atol=1e-5)


@pytest.mark.parametrize(
    'wrong', [{'heads': 5}, {'depth': 0}, {'dropout': 1.0}, {'token_types': -1}]
)
def test_sizes_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        bert.BertConfig(vocab=69, **{'width': 24, **wrong})
