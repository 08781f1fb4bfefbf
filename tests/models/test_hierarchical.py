"""The hierarchical encoder: what passes between chunks, padding, and eight devices against one."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import models, sharding
from genojax.models import hierarchical
from genojax.nn import self_attention

CHUNKS, CHUNK, FRONT = 4, 16, 1
SMALL = hierarchical.HierarchicalConfig(
    vocab=10,
    chunks=CHUNKS,
    chunk=CHUNK,
    width=8,
    heads=2,
    inner=16,
    before=1,
    cross=1,
    after=1,
    attention=self_attention.AttentionConfig(kind='local', window=4),
    at_once=2,
)


def tokens_of(rows: int, bases: int) -> jax.Array:
    """[CLS], bases, [SEP]."""
    ids = np.random.default_rng(0).integers(5, 9, (rows, bases + 2))
    ids[:, 0], ids[:, -1] = 2, 3
    return jnp.asarray(ids, jnp.int32)


@pytest.fixture(scope='module')
def small():
    module = models.build(SMALL)
    tokens = tokens_of(1, CHUNKS * CHUNK)
    params = meta.unbox(jax.jit(module.init)(jax.random.key(0), tokens))['params']

    # Biases and what starts small get values, so that every way through the network carries
    # something.
    @jax.jit
    def noisy(leaves):
        keys = jax.random.split(jax.random.key(1), len(leaves))
        return [
            x + 0.3 * jax.random.normal(key, x.shape) for x, key in zip(leaves, keys, strict=True)
        ]

    leaves, tree = jax.tree.flatten(params)
    return module, jax.tree.unflatten(tree, noisy(leaves)), tokens


@pytest.fixture(scope='module')
def flow(small):
    """A function of parameters: [T, T], how much each output depends on each word vector."""
    module, params, _ = small
    table = jnp.asarray(np.random.default_rng(1).normal(size=(CHUNKS * CHUNK + 2, 8)), jnp.float32)

    def outputs(table, params):
        # A vocabulary as large as the row: each token has a vector of its own.
        ids = jnp.arange(1, len(table) + 1)[None]
        words = jnp.concatenate([jnp.zeros((1, 8)), table])
        model = models.build(dataclasses.replace(SMALL, vocab=len(table) + 1))
        head = {**params['head'], 'decoder': _no_decoder(len(table) + 1)}
        return model.apply({'params': {**params, 'words': words, 'head': head}}, ids).hidden_BTD[0]

    # Not jacrev: XLA:CPU of jaxlib 0.10.2 miscompiles x * x.sum(-1, keepdims=True) under vmap of
    # its VJP (YNN fusion).
    jacobian = jax.jit(lambda params: jnp.abs(jax.jacfwd(outputs)(table, params)).sum((1, 3)))
    return lambda params: np.asarray(jacobian(params))


def _no_decoder(vocab: int):
    return {'kernel': jnp.zeros((8, vocab)), 'bias': jnp.zeros(vocab)}


def blocks_of(flow_TT: np.ndarray) -> np.ndarray:
    """The largest entry from chunk to chunk, [C, C]; output chunk first."""
    body = flow_TT[FRONT:-1, FRONT:-1].reshape(CHUNKS, CHUNK, CHUNKS, CHUNK)
    return body.max((1, 3))


def test_nothing_crosses_chunks_but_through_the_summaries(small, flow):
    params = small[1]
    through = blocks_of(flow(params))
    assert (through > 1e-6).all()  # every chunk hears of every other
    after = params['after']
    silent = jax.tree.map(jnp.zeros_like, after['broadcast'])
    cut = flow({**params, 'after': {**after, 'broadcast': silent}})
    between = blocks_of(cut)
    assert (np.diag(between) > 0).all()
    assert (between[~np.eye(CHUNKS, dtype=bool)] == 0).all()
    # With the summaries cut off from the cross blocks, special tokens alone are heard.
    assert (cut[0, FRONT:-1] > 0).all()  # [CLS] still reads every chunk's summary


def test_a_token_sees_as_far_as_the_pattern_inside_its_chunk(small, flow):
    params = small[1]
    after = {
        **params['after'],
        'broadcast': jax.tree.map(jnp.zeros_like, params['after']['broadcast']),
    }
    result = flow({**params, 'after': after})[FRONT:-1, FRONT:-1]
    distance = np.abs(np.subtract.outer(np.arange(64), np.arange(64)))
    assert (result[distance > 2 * 4] == 0).all()  # two blocks of half-width 4
    reachable = (distance <= 8) & (np.arange(64)[:, None] // CHUNK == np.arange(64)[None] // CHUNK)
    assert (result[reachable] > 0).all()


def test_padding_changes_nothing_and_steps_do_not_matter(small):
    """[PAD] in [SEP]'s place: among the summaries in one row, in the last chunk in the other."""
    module, params, _ = small
    apply = jax.jit(lambda tokens: module.apply({'params': params}, tokens))
    tokens = np.array(tokens_of(1, 40))  # two and a half chunks
    tokens[:, -1] = SMALL.pad_id
    ids = np.zeros((1, CHUNKS * CHUNK + 2), np.int32)
    ids[:, :41] = tokens[:, :-1]
    plain, padded = apply(tokens), apply(ids)
    assert np.allclose(padded.hidden_BTD[:, :41], plain.hidden_BTD[:, :41], atol=1e-5)
    assert np.allclose(padded.pooled_BD, plain.pooled_BD, atol=1e-5)
    change = {'at_once': 3, 'chunk_remat': False, 'remat': 'block'}
    other = models.build(dataclasses.replace(SMALL, **change))
    result = jax.jit(other.apply)({'params': params}, ids)
    assert np.allclose(result.hidden_BTD, padded.hidden_BTD, atol=1e-5)
    assert np.allclose(result.first_BD, padded.hidden_BTD[:, 0], atol=1e-5)


@pytest.mark.slow
def test_chunks_split_over_devices_mean_the_same_as_one(small):
    config = dataclasses.replace(SMALL, chunks=16, at_once=8, chunk=64)
    module, params, tokens = models.build(config), small[1], tokens_of(1, 16 * 64)

    def loss(params, tokens):
        result = module.apply({'params': params}, tokens)
        return (result.logits_BTV**2).mean() + (result.pooled_BD**2).sum()

    step = jax.jit(jax.value_and_grad(loss)).lower(params, tokens).compile()
    mesh = sharding.make_mesh(sharding.MeshConfig(sequence=8))
    with jax.set_mesh(mesh):
        split = jax.jit(jax.value_and_grad(loss)).lower(params, tokens).compile()
        result = split(params, tokens)
    for one, expected in zip(
        jax.tree.leaves(result), jax.tree.leaves(step(params, tokens)), strict=True
    ):
        assert np.allclose(one, expected, atol=1e-5 * (1 + np.abs(expected).max()))
    # A step's eight chunks lie one on each device.
    shares = [x.memory_analysis().temp_size_in_bytes for x in (split, step)]
    assert shares[0] < shares[1] / 3
    with (
        jax.set_mesh(mesh),
        pytest.raises(ValueError, match='at_once=2 chunks cannot be split over 8'),
    ):
        small[0].apply({'params': params}, small[2])


@pytest.mark.slow
def test_bfloat16_runs_and_stays_near(small):
    _, params, tokens = small
    low = models.build(dataclasses.replace(SMALL, dtype='bfloat16'))
    result = jax.jit(low.apply)({'params': params}, tokens)
    exact = jax.jit(small[0].apply)({'params': params}, tokens)
    assert result.hidden_BTD.dtype == jnp.bfloat16
    assert result.logits_BTV.dtype == jnp.float32
    error = np.abs(result.logits_BTV - exact.logits_BTV).max() / np.abs(exact.logits_BTV).max()
    assert error < 0.05  # half a dozen layers of three digits each


def test_the_named_size_reads_a_million_bases_and_no_more():
    config = hierarchical.HierarchicalConfig(vocab=10)
    assert config.max_tokens == 2**20 + 2
    shapes = jax.eval_shape(
        models.build(config).init, jax.random.key(0), jnp.zeros((1, 2**20 + 2), jnp.int32)
    )
    for leaf in jax.tree.leaves(shapes, is_leaf=lambda leaf: isinstance(leaf, meta.AxisMetadata)):
        assert all(name is None or name in sharding.RULES for name in leaf.names)
    with pytest.raises(ValueError, match='the model reads 1 to 64 chunks of 16384'):
        jax.eval_shape(
            models.build(config).init, jax.random.key(0), jnp.zeros((1, 2**20 + 3), jnp.int32)
        )


@pytest.mark.parametrize('wrong', [{'heads': 5}, {'chunks': 0}, {'after': -1}])
def test_sizes_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        hierarchical.HierarchicalConfig(vocab=10, **wrong)
