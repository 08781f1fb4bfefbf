"""Convolution, batch norm over a global batch, softmax pooling, and a tower under remat."""

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta
from jax.sharding import NamedSharding, PartitionSpec

from genojax import sharding
from genojax.nn import bases, conv, remat


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def variables_of(module, *arguments):
    return jax.jit(lambda key: meta.unbox(module.init(key, *arguments)))(jax.random.key(0))


def by_hand(x, kernel, bias):
    """Convolution as sums over a window, in f64."""
    x, kernel, bias = (np.asarray(a, np.float64) for a in (x, kernel, bias))
    half = len(kernel) // 2
    y = np.zeros((*x.shape[:2], kernel.shape[2])) + bias
    for i in range(x.shape[1]):
        for tap in range(len(kernel)):
            j = i + tap - half
            if 0 <= j < x.shape[1]:
                y[:, i] += x[:, j] @ kernel[tap]
    return y


@pytest.mark.parametrize(
    ('window', 'inputs', 'features', 'chunk'),
    [(1, 3, 5, 12), (3, 2, 7, 12), (5, 3, 4, 12), (5, 3, 4, 3)],
)
def test_convolution_by_hand(monkeypatch, window, inputs, features, chunk):
    """Width 1, few channels (one product of windows), XLA's convolution, and it in four chunks."""
    monkeypatch.setattr(conv, '_CHUNK', chunk)
    assert conv.chunks_of(12) == 12 // chunk
    x = draw(2, 12, inputs)
    module = conv.Conv(features, window)
    variables = variables_of(module, x)
    variables['params']['bias'] = draw(features)
    y, pull = jax.vjp(lambda v, x: module.apply(v, x), variables, x)
    params = variables['params']
    np.testing.assert_allclose(y, by_hand(x, params['kernel'], params['bias']), atol=1e-5)
    # Gradients of a linear map, against XLA's own of its convolution.
    plain = lambda kernel, x: jax.lax.conv_general_dilated(  # noqa: E731
        x, kernel, (1,), 'SAME', dimension_numbers=('NWC', 'WIO', 'NWC')
    )
    g = draw(*y.shape, seed=1)
    (ours, of_x), expected = pull(g), jax.vjp(plain, params['kernel'], x)[1](g)
    np.testing.assert_allclose(ours['params']['kernel'], expected[0], atol=1e-5)
    np.testing.assert_allclose(of_x, expected[1], atol=1e-5)
    np.testing.assert_allclose(ours['params']['bias'], g.sum((0, 1)), atol=1e-5)


def test_an_even_window_has_no_middle():
    with pytest.raises(ValueError, match='must be odd'):
        conv.Conv(3, 4).init(jax.random.key(0), draw(1, 8, 3))


def test_averages_are_those_of_the_batches_seen_free_of_their_start():
    """After n updates: sum of decay^(n-i) value_i / sum of decay^(n-i), for both averages."""
    module = conv.BatchNorm()
    batches = [draw(2, 5, 3, seed=s) * (s + 1) + s for s in range(3)]
    variables = variables_of(module, batches[0], True)
    assert variables['batch_stats']['count'] == 0
    train = jax.jit(lambda v, x: module.apply(v, x, True, mutable=['batch_stats']))
    for x in batches:
        y, changed = train(variables, x)
        variables = {**variables, **changed}
        flat = np.asarray(y).reshape(-1, 3)
        np.testing.assert_allclose(flat.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(flat.std(0), 1, atol=1e-4)
    weight = 0.9 ** np.arange(2, -1, -1)
    stats = variables['batch_stats']
    for name, of in (('mean', np.mean), ('variance', np.var)):
        values = np.stack([of(np.asarray(x, np.float64), axis=(0, 1)) for x in batches])
        expected = (weight[:, None] * values).sum(0) / weight.sum()
        np.testing.assert_allclose(stats[name], expected, rtol=1e-5)
    assert stats['count'] == 3
    y = jax.jit(module.apply, static_argnums=2)(variables, batches[0], False)
    expected = (np.asarray(batches[0]) - np.asarray(stats['mean'])) / np.sqrt(
        stats['variance'] + 1e-5
    )
    np.testing.assert_allclose(y, expected, atol=1e-5)


def test_training_without_a_place_for_the_averages_is_refused():
    module = conv.BatchNorm()
    x = draw(2, 4, 3)
    variables = variables_of(module, x, True)
    with pytest.raises(flax.errors.ModifyScopeVariableError):
        module.apply(variables, x, True)


def test_pooling_by_hand_and_at_first_near_the_greater_one():
    x = draw(2, 6, 3)
    module = conv.SoftmaxPool()
    variables = variables_of(module, x)
    np.testing.assert_array_equal(variables['params']['kernel'], 2 * np.eye(3))
    variables['params']['kernel'] = draw(3, 3)
    y = np.asarray(jax.jit(module.apply)(variables, x))
    logits = np.asarray(x, np.float64) @ np.asarray(variables['params']['kernel'], np.float64)
    for row in range(2):
        for pair in range(3):
            places = [2 * pair, 2 * pair + 1]
            weight = np.exp(logits[row, places])
            expected = (np.asarray(x)[row, places] * weight / weight.sum(0)).sum(0)
            np.testing.assert_allclose(y[row, pair], expected, atol=1e-5)
    with pytest.raises(ValueError, match='5 positions'):
        module.apply(variables, x[:, :5])


def test_gelu_is_the_published_approximation():
    np.testing.assert_allclose(
        conv.gelu(jnp.array([-1.0, 0.0, 2.0])), [-0.154204, 0.0, 1.935659], atol=1e-6
    )


def test_published_widths():
    assert conv.widths(768, 1536, 6, 128) == (768, 896, 1024, 1152, 1280, 1536)
    with pytest.raises(ValueError, match='must be a multiple of 128'):
        conv.widths(50, 100, 6, 128)


def tower():
    """A stem and a tower block on 64 bases: variables, and a function of them, x and policy."""
    x = bases.one_hot(jnp.asarray(np.random.default_rng(3).integers(5, 10, (8, 64))))

    class Both(flax.linen.Module):
        policy: str = 'none'

        @flax.linen.compact
        def __call__(self, x, train):
            stem = conv.Stem(8, remat=self.policy, name='stem')
            block = conv.TowerBlock(12, remat=self.policy, name='block')
            x = remat.call(stem, self.policy, x, train=train)
            return remat.call(block, self.policy, x, train=train)

    variables = variables_of(Both(), x, True)

    def value(params, stats, x, policy):
        variables = {'params': params, 'batch_stats': stats}
        y, changed = Both(policy).apply(variables, x, True, mutable=['batch_stats'])
        return jnp.square(y - draw(*y.shape, seed=5)).mean(), (y, changed)

    return variables, x, value


def close(one, other):
    """Equal to 1e-5 of the largest value per kind of output: loss, output, averages, gradients.

    It cannot be relative to each leaf: the gradient of a bias before batch norm is rounding only.
    """
    (value, (y, changed)), grads = one
    (other_value, (other_y, other_changed)), other_grads = other
    kinds = [(value, other_value), (y, other_y), (changed, other_changed), (grads, other_grads)]
    for ours, theirs in kinds:
        pairs = list(zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True))
        largest = max(np.abs(a).max() for a, _ in pairs)
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * largest)


def test_computing_again_changes_nothing():
    variables, x, value = tower()
    step = jax.jit(jax.value_and_grad(value, has_aux=True), static_argnums=3)
    params, stats = variables['params'], variables['batch_stats']
    output = [step(params, stats, x, name) for name in ('none', 'block', 'dots')]
    for other in output[1:]:
        close(output[0], other)


def test_chunk_by_chunk_is_the_same_function():
    """Values and gradients, of the sequence and of what the function closes over."""
    x, kernel = draw(2, 24, 6), draw(6, 6, seed=1)

    def value(x, kernel, name):
        y = remat.in_chunks(lambda x: conv.pool(x * 2 + 1, kernel), name, x, chunks=4, min_size=6)
        return jnp.square(y - 1).mean(), y

    step = jax.jit(jax.value_and_grad(value, (0, 1), has_aux=True), static_argnums=2)
    whole, parts = step(x, kernel, 'none'), step(x, kernel, 'block')
    assert 'while' in step.lower(x, kernel, 'block').as_text()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), whole, parts)


def test_statistics_are_those_of_all_devices_rows():
    """Eight shards of one row equal one device with eight rows: values, averages and gradients."""
    variables, x, value = tower()
    step = jax.jit(jax.value_and_grad(value, has_aux=True), static_argnums=3)
    params, stats = variables['params'], variables['batch_stats']
    alone = step(params, stats, x, 'block')
    mesh = sharding.make_mesh(sharding.MeshConfig())
    assert mesh.size == 8
    spread = jax.device_put(x, sharding.batch_sharding(mesh))
    params, stats = jax.device_put((params, stats), NamedSharding(mesh, PartitionSpec()))
    together = step(params, stats, spread, 'block')
    assert len(together[0][1][0].sharding.device_set) == 8
    close(alone, jax.device_get(together))


def test_a_bin_further_on_moves_the_result_by_a_bin():
    """With fixed statistics the output for DNA does not depend on its place, except at the ends."""
    variables, _, _ = tower()
    module = conv.Stem(8)
    part = {name: tree['stem'] for name, tree in variables.items()}
    tokens = np.random.default_rng(1).integers(5, 9, (1, 66))
    x = bases.one_hot(jnp.asarray(tokens))
    apply = jax.jit(lambda x: module.apply(part, x, False))
    here, further = (apply(x[:, i : i + 64]) for i in (0, 2))
    np.testing.assert_allclose(here[:, 5:-4], further[:, 4:-5], atol=1e-5)


def test_one_hot_of_ids_and_of_channels():
    tokens = jnp.array([[5, 6, 7, 8, 9, 0, 4]])
    expected = np.vstack([np.eye(4), np.zeros((3, 4))])[None]
    np.testing.assert_array_equal(bases.one_hot(tokens), expected)
    np.testing.assert_array_equal(bases.one_hot(jnp.asarray(expected)), expected)
    with pytest.raises(ValueError, match='channels'):
        bases.one_hot(jnp.zeros((1, 7, 5)))
