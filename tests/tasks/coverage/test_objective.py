"""The coverage loss: formulas by hand, unknown bins, organisms, and batch statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from genojax import errors, models, simulate
from genojax.models import basset, enformer, enformer_accessibility, features
from genojax.tasks.coverage import dataset, objective
from genojax.tokenizers import kmer, nucleotide
from tests.tasks import variables


class Pooled(nn.Module):
    """Two heads on bins of 4 bases, one bin cropped at each end, and a simple batch norm."""

    heads: tuple[tuple[str, int], ...] = (('human', 3), ('mouse', 2))

    @nn.compact
    def __call__(self, tokens_BT, train=False, accessibility_BNA=None, accessibility_known_BN=None):
        x = jax.nn.one_hot(tokens_BT - 5, 4)
        x = x.reshape(x.shape[0], -1, 4, 4).sum(2)
        mean = self.variable('batch_stats', 'mean', jnp.zeros, (4,))
        if train and not self.is_initializing():
            batch_mean = x.mean((0, 1))
            mean.value = 0.9 * mean.value + 0.1 * batch_mean
            x = x - batch_mean[None, None]
        else:
            x = x - mean.value[None, None]
        if accessibility_BNA is not None:
            x = jnp.concatenate([x, accessibility_BNA, accessibility_known_BN[..., None]], -1)
        x = x[:, 1:-1]
        tracks = {
            name: jax.nn.softplus(nn.Dense(count, name=f'head_{name}')(x))
            for name, count in self.heads
        }
        return features.Features(x, x.mean(1), x[:, 0], None, tracks)


SIZES = {'width': 16, 'depth': 1, 'heads': 2, 'key_width': 4, 'basis': 12, 'multiple': 8}
MEANS = {
    'human': np.array([3.0, 0.5, 0.0], np.float32),  # the last is raised to 0.001
    'mouse': np.array([1.0, 20.0], np.float32),
}


def make_batch(seed=0, rows=4, bins=6, width=3):
    rng = np.random.default_rng(seed)
    known = np.zeros((rows, bins, width), bool)
    known[:, 2:5] = True
    known[2:, :, 2] = False  # the mouse has two tracks
    return {
        'tokens': rng.integers(5, 9, (rows, bins * 4)).astype(np.int32),
        'targets': rng.poisson(3.0, (rows, bins, width)).astype(np.float32),
        'known': known,
        'organism': np.array([0, 0, 1, 1], np.int32),
        'weight': np.ones(rows, np.float32),
        'valid': np.full(rows, bins * 4, np.int32),
    }


def build(model=None, **more):
    data = dataset.CoverageDataConfig(organisms={'human': 'hg38', 'mouse': 'mm10'})
    config = objective.CoverageConfig(data=data, **more)
    tokenizer = nucleotide.NucleotideTokenizer()
    task = objective.Coverage('coverage', config, model or Pooled(), tokenizer, MEANS)
    return task, *variables.init(task, make_batch())


def value(task, params, extra, batch, train=False):
    return jax.jit(task.loss, static_argnums=4)(params, extra, batch, jax.random.key(1), train)


def test_the_loss_is_the_mean_over_known_bins_by_hand():
    task, params, extra = build()
    batch = make_batch()
    loss, (_, states) = value(task, params, extra, batch)
    predicted = jax.jit(task.predict)(params, extra, batch)
    total, count, of = 0.0, 0, {'human': [], 'mouse': []}
    for row in range(4):
        name = ('human', 'mouse')[batch['organism'][row]]
        for position in range(2, 5):
            for c in range(3 if name == 'human' else 2):
                hat = float(predicted[name][row, position - 1, c])  # the model crops one bin
                y = float(batch['targets'][row, position, c])
                of[name].append(hat - y * np.log(hat))
                total, count = total + of[name][-1], count + 1
    assert float(loss) == pytest.approx(total / count, rel=1e-5)
    by_organism = np.asarray(states['loss/organism'].total / states['loss/organism'].count)
    np.testing.assert_allclose(by_organism, [np.mean(x) for x in of.values()], rtol=1e-5)
    assert float(states['loss'].count) == count == 2 * 9 + 2 * 6


@pytest.mark.parametrize('loss', ['poisson', 'poisson_multinomial'])
def test_unknown_bins_and_rows_of_weight_0_change_nothing(loss):
    task, params, extra = build(loss=loss)
    batch = make_batch()
    changed = dict(batch)
    changed['targets'] = np.where(batch['known'], batch['targets'], 1e4).astype(np.float32)
    assert value(task, params, extra, batch)[0] == value(task, params, extra, changed)[0]
    fewer = {**batch, 'weight': np.array([1, 0, 1, 1], np.float32)}
    alone = {name: np.delete(x, 1, 0) for name, x in batch.items()}
    a, b = (value(task, params, extra, x)[0] for x in (fewer, alone))
    assert float(a) == pytest.approx(float(b), rel=1e-6)


def test_only_the_head_of_the_batch_s_organism_has_a_gradient():
    task, params, extra = build()
    batch = {**make_batch(), 'organism': np.ones(4, np.int32)}
    batch['known'] = batch['known'].copy()
    batch['known'][..., 2] = False
    gradient = jax.grad(lambda p: value(task, p, extra, batch, True)[0])(params)
    assert not any(np.asarray(x).any() for x in jax.tree.leaves(gradient['model']['head_human']))
    assert all(np.asarray(x).any() for x in jax.tree.leaves(gradient['model']['head_mouse']))


def test_no_prediction_is_better_than_the_truth():
    target = jnp.array([[[0.5], [2.0], [7.0]]])
    slope = jax.jit(jax.grad(lambda x: objective.poisson(x, target).sum()))(target)
    np.testing.assert_allclose(slope, 0, atol=1e-6)


def test_a_poisson_is_a_total_and_a_multinomial():
    """The identity in the module's docstring, with half of the bins not known."""
    rng = np.random.default_rng(0)
    predicted = jnp.asarray(rng.uniform(0.1, 4, (2, 8, 3)), jnp.float32)
    target = jnp.asarray(rng.poisson(2.0, (2, 8, 3)), jnp.float32)
    known = jnp.broadcast_to((jnp.arange(8) % 2 == 0)[None, :, None], predicted.shape)
    divided = objective.poisson_multinomial(predicted, target, known, 1.0)
    whole = objective.poisson(predicted, target)
    sums = [jnp.where(known, x, 0).sum(1) for x in (divided, whole)]
    np.testing.assert_allclose(*sums, rtol=1e-5)


def test_with_a_small_total_weight_the_shape_counts_more_than_the_amount():
    target = jnp.array([[[1.0], [3.0]]])
    known = jnp.ones(target.shape, bool)

    def cost(x, weight):
        return float(objective.poisson_multinomial(jnp.array(x), target, known, weight).mean())

    twice, swapped = [[[2.0], [6.0]]], [[[3.0], [1.0]]]
    for weight in (0.2, 1.0):
        assert cost([[[1.0], [3.0]]], weight) < min(cost(twice, weight), cost(swapped, weight))
    excess = [cost(twice, weight) - cost([[[1.0], [3.0]]], weight) for weight in (0.2, 1.0)]
    assert excess[0] == pytest.approx(0.2 * excess[1], rel=1e-4)


@pytest.mark.parametrize('power', [0.5, 1.0])
def test_balanced_losses_are_divided_by_a_power_of_the_track_s_mean(power):
    task, params, extra = build(balance=power)
    batch = make_batch()
    loss = float(value(task, params, extra, batch)[0])
    predicted = jax.jit(task.predict)(params, extra, batch)
    total = 0.0
    for row, name in enumerate(('human', 'human', 'mouse', 'mouse')):
        mean_C = np.maximum(MEANS[name], 1e-3)
        hat_PC = np.asarray(predicted[name][row, 1:4])  # bins 2 to 4, of a model that crops one
        y_PC = batch['targets'][row, 2:5, : len(mean_C)]
        total += ((hat_PC - y_PC * np.log(hat_PC)) / mean_C**power).sum()
    assert loss == pytest.approx(total / (2 * 9 + 2 * 6), rel=1e-5)


def test_training_moves_the_batch_statistics_and_evaluation_does_not():
    task, params, extra = build()
    batch = make_batch()
    _, (after, _) = value(task, params, extra, batch, True)
    counts = np.stack([(batch['tokens'] - 5 == base) for base in range(4)], -1)
    expected = 0.1 * counts.reshape(4, 6, 4, 4).sum(2).mean((0, 1))
    np.testing.assert_allclose(after['batch_stats']['mean'], expected, rtol=1e-5)
    _, (evaluated, _) = value(task, params, after, batch, False)
    np.testing.assert_array_equal(evaluated['batch_stats']['mean'], after['batch_stats']['mean'])


def test_accessibility_reaches_the_model():
    task, _, _ = build()
    batch = make_batch()
    batch['accessibility'] = np.ones((4, 6, 1), np.float32)
    batch['accessibility_known'] = np.ones((4, 6), bool)
    params, extra = variables.init(task, batch)
    assert params['model']['head_human']['kernel'].shape == (6, 3)
    more = {**batch, 'accessibility': 2 * batch['accessibility']}
    a, b = (float(value(task, params, extra, x)[0]) for x in (batch, more))
    assert a != b


@pytest.mark.parametrize('heads', [(('human', 3),), (('human', 4), ('mouse', 2))])
def test_a_model_without_the_data_s_heads_is_refused(heads):
    task, params, extra = build(Pooled(heads))
    with pytest.raises(ValueError, match='the data'):
        value(task, params, extra, make_batch())


def make_misfits(model, tokenizer=None, **data):
    values = {'organisms': {'human': 'hg38'}, **data}
    config = objective.CoverageConfig(data=dataset.CoverageDataConfig(**values))
    tokenizer = tokenizer or nucleotide.NucleotideTokenizer()
    return config.build('tracks', models.build(model), tokenizer).misfits()


def test_parts_that_do_not_fit_are_named_one_per_line():
    model = enformer.EnformerConfig(**SIZES, organisms=('human',), tracks=(4,))
    assert make_misfits(model) == []
    (line,) = make_misfits(model, kmer.KmerTokenizer(3))
    assert "tokenizer.kind='nucleotide'" in line
    (line,) = make_misfits(model, organisms={'human': 'hg38', 'fly': 'dm6'})
    assert 'fly' in line and 'the model has heads' in line
    (line,) = make_misfits(model, bin=32)
    assert 'data.bin=32, but the model predicts bins of 128 bp' in line
    (line,) = make_misfits(model, accessibility={'human': 'open_one'})
    assert 'the model reads 0 accessibility tracks' in line
    (line,) = make_misfits(basset.BassetConfig(vocab=10))
    assert 'predicts no tracks' in line


def test_the_batch_spec_has_the_shapes_of_a_batch(tmp_path):
    simulate.write_tracks(tmp_path, 'one', windows=(6, 3), seed=0)
    for rules, inputs in ({}, 0), ({'sim': 'open_one'}, 1):
        data = dataset.CoverageDataConfig(
            path=str(tmp_path), organisms={'sim': 'one'}, accessibility=rules
        )
        sizes = {**SIZES, 'crop': 8}
        model = enformer.EnformerConfig(**sizes, organisms=('sim',), tracks=(4,))
        if inputs:
            model = enformer_accessibility.EnformerAccessibilityConfig(
                **sizes, organisms=('sim',), tracks=(4,), inputs=inputs
            )
        task = objective.CoverageConfig(data=data).build(
            'tracks', models.build(model), nucleotide.NucleotideTokenizer()
        )
        with pytest.raises(errors.UsageError, match='data.length=0'):
            task.batch_spec()
        datasets = task.open(tmp_path, 0)
        spec = task.bind(datasets).batch_spec()
        batch = next(datasets.train())
        assert {name: (x.shape, x.dtype) for name, x in spec.items()} == {
            name: (x.shape, x.dtype) for name, x in batch.items()
        }
