"""The residual dilated CNN: its block by hand, its reach, and rows of any length."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import models, sharding
from genojax.models import dilated_cnn
from genojax.tokenizers import nucleotide

TRACKS = dilated_cnn.DilatedCnnConfig(
    width=8, stages=2, depth=3, inner=4, multiple=4, crop=1, organisms=('a', 'b'), tracks=(3, 1)
)
ROWS = dataclasses.replace(TRACKS, stages=0, organisms=(), tracks=(), crop=0, dropout=0.0)
TOKENIZER = nucleotide.NucleotideTokenizer()


def tokens_of(rows: int, length: int, special: bool = False) -> np.ndarray:
    codes = np.random.default_rng(0).integers(0, 4, (rows, length)).astype(np.uint8)
    return TOKENIZER.encode(codes, special=special)


def build(config, tokens):
    """The module's apply, jitted, and variables of which none is trivial."""
    module = models.build(config)
    boxed = jax.jit(module.init)(jax.random.key(0), tokens)
    for leaf in jax.tree.leaves(boxed, is_leaf=lambda leaf: isinstance(leaf, meta.AxisMetadata)):
        if isinstance(leaf, meta.AxisMetadata):
            assert all(name is None or name in sharding.RULES for name in leaf.names)
    variables, rng = meta.unbox(boxed), np.random.default_rng(1)
    variables['params'] = jax.tree.map(
        lambda x: x + 0.2 * rng.normal(size=x.shape).astype(np.float32), variables['params']
    )
    return jax.jit(module.apply), variables


@pytest.fixture(scope='module')
def tracks():
    return build(TRACKS, tokens_of(2, 96))


@pytest.fixture(scope='module')
def rows():
    return build(ROWS, tokens_of(2, 40))


def test_a_block_is_what_the_docstring_says():
    """A loop over positions and channels, with batch norm by averages of 0 and 1."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1, 11, 3)).astype(np.float32)
    block = dilated_cnn.DilatedBlock(inner=2, dilation=4, dropout=0.5)
    variables = meta.unbox(jax.jit(lambda x: block.init(jax.random.key(0), x, False))(x))
    params = jax.tree.map(
        lambda p: np.asarray(p) + 0.3 * rng.normal(size=p.shape).astype(np.float32),
        variables['params'],
    )

    def gelu(x):
        return x / (1 + np.exp(-1.702 * x))

    def norm(x, part):
        return x / np.sqrt(1 + 1e-5) * part['scale'] + part['bias']

    y = gelu(norm(x[0], params['norm']))
    hidden = np.zeros((11, 2))
    for at in range(11):
        for tap in range(3):
            source = at + (tap - 1) * 4
            if 0 <= source < 11:
                hidden[at] += y[source] @ params['dilated']['kernel'][tap]
        hidden[at] += params['dilated']['bias']
    inner = params['pointwise']
    hidden = gelu(norm(hidden, inner['norm'])) @ inner['conv']['kernel'][0] + inner['conv']['bias']
    result = jax.jit(lambda v, x: block.apply(v, x, False))({**variables, 'params': params}, x)
    np.testing.assert_allclose(result[0], x[0] + hidden, atol=1e-5)


def test_tracks_have_the_bins_of_the_window_without_the_crop(tracks):
    apply, variables = tracks
    result = apply(variables, tokens_of(2, 96))
    assert {name: x.shape for name, x in result.tracks.items()} == {
        'a': (2, 22, 3),
        'b': (2, 22, 1),
    }
    assert all((x > 0).all() for x in result.tracks.values())
    assert TRACKS.input_spec().bins(96) == 22 and TRACKS.track_heads == {'a': 3, 'b': 1}
    with pytest.raises(ValueError, match='not a multiple of the bin of 4'):
        apply(variables, tokens_of(1, 97))


def test_a_bin_depends_on_its_context_and_on_nothing_beyond(tracks):
    """The stem reaches 7 bases, the tower 2 positions of 2; the blocks what `context` says."""
    apply, variables = tracks
    one_hot = jnp.asarray(np.eye(4, dtype=np.float32)[np.zeros((1, 160), int)])
    gradient = jax.jit(jax.grad(lambda x: apply(variables, x).tracks['a'][0, 18].sum()))(one_hot)
    bases = np.flatnonzero(np.abs(gradient[0]).sum(1))
    first, last = 19 * 4, 20 * 4 - 1  # of bin 18 behind a crop of one
    reach = TRACKS.context + 7 + 2 * 2
    assert TRACKS.context == 4 * (1 + 2 + 4)
    assert bases.min() >= first - reach and bases.max() <= last + reach
    assert bases.min() <= first - TRACKS.context and bases.max() >= last + TRACKS.context


def test_accessibility_reaches_as_far_as_the_blocks():
    """It has a value per bin, and nothing of what is not known of it."""
    config = dataclasses.replace(TRACKS, inputs=2)
    tokens = tokens_of(1, 160)
    apply, variables = build(config, tokens)
    shape = variables['params']['accessibility']['kernel'].shape
    assert shape == (3, 8) and config.accessibility_inputs == 2
    values = jnp.asarray(np.random.default_rng(3).poisson(3.0, (1, 40, 2)), jnp.float32)

    def first_track(values, known=None):
        names = {'accessibility_BNA': values, 'accessibility_known_BN': known}
        return apply(variables, tokens, **names).tracks['a'][0, :, 0]

    gradient = jax.jit(jax.grad(lambda x: first_track(x)[18]))(values)
    bins = np.flatnonzero(np.abs(gradient[0]).sum(1))
    assert (bins.min(), bins.max()) == (19 - TRACKS.context // 4, 19 + TRACKS.context // 4)
    nothing = apply(variables, tokens).tracks['a'][0, :, 0]
    np.testing.assert_array_equal(first_track(values, jnp.zeros((1, 40), bool)), nothing)
    assert np.abs(first_track(values) - nothing).max() > 1e-3
    with pytest.raises(ValueError, match='1 accessibility tracks, but model.inputs=2'):
        first_track(values[..., :1])


def test_rows_are_pooled_over_their_bases(rows):
    apply, variables = rows
    result = apply(variables, tokens_of(2, 40))
    assert result.tracks is None and result.hidden_BTD.shape == (2, 40, 8)
    np.testing.assert_allclose(result.pooled_BD, result.hidden_BTD.mean(1), rtol=1e-4, atol=1e-6)
    padded = np.pad(tokens_of(2, 40), ((0, 0), (0, 8)), constant_values=TOKENIZER.special.pad)
    longer = apply(variables, padded)
    np.testing.assert_allclose(
        longer.pooled_BD, longer.hidden_BTD[:, :40].mean(1), rtol=1e-4, atol=1e-6
    )


def test_a_row_need_not_be_whole_positions():
    config = dataclasses.replace(ROWS, stages=3)
    module = models.build(config)
    variables = jax.eval_shape(module.init, jax.random.key(0), jnp.asarray(tokens_of(2, 37)))
    result = jax.eval_shape(module.apply, variables, jnp.asarray(tokens_of(2, 37)))
    assert result.hidden_BTD.shape == (2, 5, 8) and result.pooled_BD.shape == (2, 8)
    assert config.outputs == ('pooled',) and ROWS.outputs == ('pooled', 'hidden')


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'stages': 1}, 'stages'),
        ({'width': 6}, 'width'),
        ({'rate': 0.5}, 'rate'),
        ({'dropout': 1.0}, 'dropout'),
        ({'tracks': (3,)}, 'organisms'),
        ({'depth': 0}, 'depth'),
        ({'inputs': -1}, 'inputs'),
        ({'organisms': (), 'tracks': (), 'inputs': 1}, 'inputs'),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(TRACKS, **changes)
