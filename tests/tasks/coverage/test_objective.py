"""The Poisson objective: formulas worked out by hand, masks, organisms, and the model's batch statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from genojax.models import features
from genojax.tasks.coverage import objective as tracks
from genojax.tokenizers import nucleotide


class Pooled(nn.Module):
    """A model of two heads with a batch norm of its own: bins of 4 bases, one bin cropped at each end."""

    heads: tuple[tuple[str, int], ...] = (('human', 3), ('mouse', 2))

    @nn.compact
    def __call__(self, tokens_BT, train=False, accessibility_BNA=None, accessibility_known_BN=None):
        x = jax.nn.one_hot(tokens_BT - 5, 4)
        x = x.reshape(x.shape[0], -1, 4, 4).sum(2)
        mean = self.variable('batch_stats', 'mean', jnp.zeros, (4,))
        if train and not self.is_initializing():
            now = x.mean((0, 1))
            mean.value = 0.9 * mean.value + 0.1 * now
            x = x - now[None, None]
        else:
            x = x - mean.value[None, None]
        if accessibility_BNA is not None:
            x = jnp.concatenate([x, accessibility_BNA, accessibility_known_BN[..., None]], -1)
        x = x[:, 1:-1]
        found = {
            name: jax.nn.softplus(nn.Dense(count, name=f'head_{name}')(x))
            for name, count in self.heads
        }
        return features.Features(x, x.mean(1), x[:, 0], None, found)


MEANS = {
    'human': np.array([3.0, 0.5, 0.0], np.float32),  # the last counts as one of 0.001
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
    model = model or Pooled()
    config, tokenizer = tracks.TracksConfig(**more), nucleotide.NucleotideTokenizer()
    objective = tracks.Tracks(config, model, tokenizer, tuple(MEANS), MEANS)
    variables = dict(objective.init(jax.random.key(0), make_batch()))
    return objective, variables.pop('params'), variables


def value(objective, params, extra, batch, train=False):
    return objective.loss(params, extra, batch, jax.random.key(1), train)


def test_the_loss_is_the_mean_over_known_bins_by_hand():
    objective, params, extra = build()
    batch = make_batch()
    loss, (_, states) = value(objective, params, extra, batch)
    predicted = objective.predict(params, extra, batch)
    total, count, of = 0.0, 0, {'human': [], 'mouse': []}
    for row in range(4):
        name = ('human', 'mouse')[batch['organism'][row]]
        for place in range(2, 5):
            for c in range(3 if name == 'human' else 2):
                hat = float(predicted[name][row, place - 1, c])  # the model crops one bin
                y = float(batch['targets'][row, place, c])
                of[name].append(hat - y * np.log(hat))
                total, count = total + of[name][-1], count + 1
    assert float(loss) == pytest.approx(total / count, rel=1e-5)
    by_organism = np.asarray(states['loss/organism'].total / states['loss/organism'].count)
    np.testing.assert_allclose(by_organism, [np.mean(x) for x in of.values()], rtol=1e-5)
    assert float(states['loss'].count) == count == 2 * 9 + 2 * 6


@pytest.mark.parametrize('loss', ['poisson', 'poisson_multinomial'])
def test_what_is_not_known_and_rows_of_no_weight_change_nothing(loss):
    objective, params, extra = build(loss=loss)
    batch = make_batch()
    changed = dict(batch)
    changed['targets'] = np.where(batch['known'], batch['targets'], 1e4).astype(np.float32)
    assert value(objective, params, extra, batch)[0] == value(objective, params, extra, changed)[0]
    fewer = {**batch, 'weight': np.array([1, 0, 1, 1], np.float32)}
    alone = {name: np.delete(x, 1, 0) for name, x in batch.items()}
    a, b = (value(objective, params, extra, x)[0] for x in (fewer, alone))
    assert float(a) == pytest.approx(float(b), rel=1e-6)


def test_only_the_head_of_the_batch_s_organism_learns():
    objective, params, extra = build()
    batch = {**make_batch(), 'organism': np.ones(4, np.int32)}
    batch['known'] = batch['known'].copy()
    batch['known'][..., 2] = False
    gradient = jax.grad(lambda p: value(objective, p, extra, batch, True)[0])(params)
    assert not any(np.asarray(x).any() for x in jax.tree.leaves(gradient['head_human']))
    assert all(np.asarray(x).any() for x in jax.tree.leaves(gradient['head_mouse']))


def test_no_prediction_is_better_than_the_truth():
    target = jnp.array([[[0.5], [2.0], [7.0]]])
    slope = jax.grad(lambda x: tracks.poisson(x, target).sum())(target)
    np.testing.assert_allclose(slope, 0, atol=1e-6)


def test_a_poisson_is_a_total_and_a_multinomial():
    """The law in the module's docstring; with half of the bins not known."""
    rng = np.random.default_rng(0)
    predicted = jnp.asarray(rng.uniform(0.1, 4, (2, 8, 3)), jnp.float32)
    target = jnp.asarray(rng.poisson(2.0, (2, 8, 3)), jnp.float32)
    known = jnp.broadcast_to((jnp.arange(8) % 2 == 0)[None, :, None], predicted.shape)
    parted = tracks.poisson_multinomial(predicted, target, known, 1.0)
    whole = tracks.poisson(predicted, target)
    sums = [jnp.where(known, x, 0).sum(1) for x in (parted, whole)]
    np.testing.assert_allclose(*sums, rtol=1e-5)


def test_with_a_small_total_weight_the_shape_counts_more_than_the_amount():
    target = jnp.array([[[1.0], [3.0]]])
    known = jnp.ones(target.shape, bool)

    def cost(x, weight):
        return float(tracks.poisson_multinomial(jnp.array(x), target, known, weight).mean())

    twice, swapped = [[[2.0], [6.0]]], [[[3.0], [1.0]]]
    for weight in (0.2, 1.0):
        assert cost([[[1.0], [3.0]]], weight) < min(cost(twice, weight), cost(swapped, weight))
    excess = [cost(twice, weight) - cost([[[1.0], [3.0]]], weight) for weight in (0.2, 1.0)]
    assert excess[0] == pytest.approx(0.2 * excess[1], rel=1e-4)


@pytest.mark.parametrize('power', [0.5, 1.0])
def test_balanced_losses_are_divided_by_a_power_of_the_track_s_mean(power):
    objective, params, extra = build(balance=power)
    batch = make_batch()
    loss = float(value(objective, params, extra, batch)[0])
    predicted = objective.predict(params, extra, batch)
    total = 0.0
    for row, name in enumerate(('human', 'human', 'mouse', 'mouse')):
        mean_C = np.maximum(MEANS[name], 1e-3)
        hat_PC = np.asarray(predicted[name][row, 1:4])  # bins 2 to 4, of a model that crops one
        y_PC = batch['targets'][row, 2:5, : len(mean_C)]
        total += ((hat_PC - y_PC * np.log(hat_PC)) / mean_C**power).sum()
    assert loss == pytest.approx(total / (2 * 9 + 2 * 6), rel=1e-5)


def test_training_moves_the_batch_statistics_and_evaluation_does_not():
    objective, params, extra = build()
    batch = make_batch()
    _, (after, _) = value(objective, params, extra, batch, True)
    counts = np.stack([(batch['tokens'] - 5 == base) for base in range(4)], -1)
    meant = 0.1 * counts.reshape(4, 6, 4, 4).sum(2).mean((0, 1))
    np.testing.assert_allclose(after['batch_stats']['mean'], meant, rtol=1e-5)
    _, (kept, _) = value(objective, params, after, batch, False)
    np.testing.assert_array_equal(kept['batch_stats']['mean'], after['batch_stats']['mean'])


def test_accessibility_reaches_the_model():
    objective, _, _ = build()
    batch = make_batch()
    batch['accessibility'] = np.ones((4, 6, 1), np.float32)
    batch['accessibility_known'] = np.ones((4, 6), bool)
    variables = dict(objective.init(jax.random.key(0), batch))
    params = variables.pop('params')
    assert params['head_human']['kernel'].shape == (6, 3)
    more = {**batch, 'accessibility': 2 * batch['accessibility']}
    a, b = (float(value(objective, params, variables, x)[0]) for x in (batch, more))
    assert a != b


@pytest.mark.parametrize('heads', [(('human', 3),), (('human', 4), ('mouse', 2))])
def test_a_model_without_the_data_s_heads_is_refused(heads):
    objective, params, extra = build(Pooled(heads))
    with pytest.raises(ValueError, match='the data'):
        value(objective, params, extra, make_batch())
