"""Basset: the published sizes, its layers by hand, and batch norm in the classification task."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import models, sharding
from genojax.models import basset
from genojax.tasks.classification import objective
from genojax.tokenizers import nucleotide
from tests.tasks import variables as task_variables

SMALL = basset.BassetConfig(
    vocab=10,
    length=40,
    filters=(6, 5),
    windows=(7, 3),
    pools=(3, 4),
    hidden=(8, 7),
    targets=4,
    dropout=0.0,
)
TOKENIZER = nucleotide.NucleotideTokenizer()


def batch_of(rows: int, length: int = 40) -> dict:
    """Rows of bases, class 1 where the second half of the row holds more C and G than the first."""
    bases = np.random.default_rng(0).integers(0, 4, (rows, length)).astype(np.uint8)
    strong = (bases == 1) | (bases == 2)
    label = strong[:, length // 2 :].sum(1) > strong[:, : length // 2].sum(1)
    return {
        'tokens': TOKENIZER.encode(bases, special=True),
        'bases': bases,
        'label': label.astype(np.int32),
        'weight': np.ones(rows, np.float32),
    }


@pytest.fixture(scope='module')
def small():
    """The module, variables of which none is trivial, and a jitted apply."""
    module, batch = models.build(SMALL), batch_of(2)
    variables = meta.unbox(jax.jit(module.init)(jax.random.key(0), batch['tokens']))
    rng = np.random.default_rng(1)
    variables['params'] = jax.tree.map(
        lambda x: x + 0.2 * rng.normal(size=x.shape).astype(np.float32), variables['params']
    )
    for norm in variables['batch_stats'].values():
        norm['mean'] = rng.normal(size=norm['mean'].shape).astype(np.float32)
        norm['variance'] = rng.uniform(0.5, 2, norm['variance'].shape).astype(np.float32)
    return module, variables, jax.jit(module.apply)


def test_the_published_network_has_4_135_064_parameters_and_2000_positions_to_connect():
    published = basset.BassetConfig(vocab=10)
    assert published.positions * published.filters[-1] == 2000
    shapes = jax.eval_shape(
        models.build(published).init, jax.random.key(0), jnp.zeros((1, 602), jnp.int32)
    )['params']
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 4_135_064
    for leaf in jax.tree.leaves(shapes, is_leaf=lambda leaf: isinstance(leaf, meta.AxisMetadata)):
        assert all(name is None or name in sharding.RULES for name in leaf.names)


def test_every_layer_is_what_the_docstring_says(small):
    """One row by loops: whole windows only, batch norm by its averages, pooling that rounds up."""
    _, variables, apply = small
    tokens = batch_of(2)['tokens']
    params, stats = (jax.device_get(variables[name]) for name in ('params', 'batch_stats'))
    x = np.eye(4)[tokens[0, 1:-1] - 5]
    for number, (window, pool) in enumerate(zip(SMALL.windows, SMALL.pools, strict=True)):
        kernel, bias = params[f'conv_{number}']['kernel'], params[f'conv_{number}']['bias']
        y = np.array(
            [
                (x[i : i + window, :, None] * kernel).sum((0, 1)) + bias
                for i in range(len(x) - window + 1)
            ]
        )
        y = np.maximum(_norm(y, params, stats, f'conv_norm_{number}'), 0)
        x = np.array([y[i : i + pool].max(0) for i in range(0, len(y), pool)])
    assert x.shape == (SMALL.positions, SMALL.filters[-1])
    result = apply(variables, tokens)
    assert np.allclose(result.hidden_BTD[0], x, atol=1e-5)
    x = x.reshape(-1)
    for number in range(len(SMALL.hidden)):
        part = params[f'hidden_{number}']
        x = x @ part['kernel'] + part['bias']
        x = np.maximum(_norm(x, params, stats, f'hidden_norm_{number}'), 0)
    assert np.allclose(result.pooled_BD[0], x, atol=1e-5)
    scores = x @ params['head']['kernel'] + params['head']['bias']
    assert np.allclose(result.logits_BTV[0, 0], scores, atol=1e-5)


def _norm(x, params, stats, name):
    mean, variance = stats[name]['mean'], stats[name]['variance']
    return (x - mean) / np.sqrt(variance + 1e-5) * params[name]['scale'] + params[name]['bias']


def test_special_tokens_and_channels_make_no_difference(small):
    _, variables, apply = small
    tokens = batch_of(2)['tokens']
    framed = apply(variables, tokens).pooled_BD
    assert np.array_equal(framed, apply(variables, tokens[:, 1:-1]).pooled_BD)
    channels = jax.nn.one_hot(tokens[:, 1:-1] - 5, 4)
    assert np.allclose(framed, apply(variables, channels).pooled_BD, atol=1e-6)
    # A shorter row is one with zeros behind, whatever stands for them.
    short = tokens.copy()
    short[:, 31:] = TOKENIZER.special.pad
    shorter = tokens[:, :32].copy()
    shorter[:, 31] = TOKENIZER.special.sep
    assert np.array_equal(apply(variables, short).pooled_BD, apply(variables, shorter).pooled_BD)
    with pytest.raises(ValueError, match='43 tokens are more than the 40 bases'):
        apply(variables, np.pad(tokens, ((0, 0), (0, 1))))
    # Bare rows may be padded to a frame's width; one that has more bases than the model reads says
    # so.
    bare = np.pad(tokens[:, 1:-1], ((0, 0), (0, 2)))
    assert np.array_equal(framed, apply(variables, bare).pooled_BD)
    bare[1, 40] = 6
    assert np.isnan(apply(variables, bare).logits_BTV).all((1, 2)).tolist() == [False, True]


def test_it_learns_and_its_averages_move_in_training_only():
    config = dataclasses.replace(SMALL, targets=0)
    task_config = objective.ClassificationConfig(dropout=0.0)
    task = task_config.build('task', models.build(config), TOKENIZER)
    batch = batch_of(64)
    params, extra = task_variables.init(task, batch)
    step = jax.jit(jax.value_and_grad(task.loss, has_aux=True))
    first = None
    for _ in range(30):
        (loss, (after, _)), grads = step(params, extra, batch, jax.random.key(0))
        first = float(loss) if first is None else first
        params = jax.tree.map(lambda p, g: p - 0.3 * g, params, grads)
        assert jax.tree.structure(after) == jax.tree.structure(extra)
        extra = after
    assert loss < 0.6 * first
    norm = extra['batch_stats']['conv_norm_0']
    assert int(norm['count']) == 30
    scored, (same, states) = jax.jit(task.loss, static_argnums=4)(
        params, extra, batch, jax.random.key(0), False
    )
    assert jax.tree.all(jax.tree.map(np.array_equal, same, extra))
    assert float(states['accuracy'].compute()) > 0.8


def test_several_labels_are_scored_each_by_its_sigmoid():
    task_config = objective.ClassificationConfig(classes=3, dropout=0.0, loss='sigmoid')
    model = models.build(dataclasses.replace(SMALL, targets=0))
    task = task_config.build('task', model, TOKENIZER)
    batch = jax.tree.map(jnp.asarray, batch_of(4))
    params, extra = task_variables.init(task, batch)
    with pytest.raises(ValueError, match="'sigmoid' with labels of shape"):
        task.loss(params, extra, batch, jax.random.key(0), False)
    batch['label'] = jnp.array([[0, 1, 1], [1, 0, 0], [1, 1, 1], [0, 0, 0]])
    logits = np.asarray(jax.jit(task.logits)(params, extra, batch), np.float64)
    loss, (_, states) = jax.jit(task.loss, static_argnums=4)(
        params, extra, batch, jax.random.key(0), False
    )
    p = 1 / (1 + np.exp(-logits))
    expected = -np.where(batch['label'], np.log(p), np.log(1 - p)).mean()
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    right = ((p > 0.5) == np.asarray(batch['label'])).mean()
    assert float(states['accuracy'].compute()) == pytest.approx(right)


@pytest.mark.parametrize(
    'wrong', [{'windows': (8, 3)}, {'filters': (6,)}, {'length': 10}, {'dropout': 1.0}]
)
def test_sizes_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dataclasses.replace(SMALL, **wrong)
    if 'length' in wrong:
        assert dataclasses.replace(SMALL, padding='same', **wrong).positions == 1
