"""InfoNCE against a slow definition; rows that count for nothing; eight devices equal to one."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import models, sharding, tasks, tokenizers
from genojax.models import bert
from genojax.tasks.contrastive import objective
from tests.tasks import variables
from tests.tasks.contrastive import small_genes

B = 32
info_nce = jax.jit(objective.info_nce)  # eager operations are compiled one by one
bin_means = jax.jit(objective.bin_means, static_argnums=2)


@pytest.fixture(scope='module')
def opened(tmp_path_factory):
    """A bound task, its datasets and variables."""
    folder = tmp_path_factory.mktemp('genes')
    small_genes.write_table(folder / 'genes.tsv', 20)
    config = tasks.ContrastiveConfig(
        hidden=16,
        projection=8,
        data=tasks.OrthologuesDataConfig(
            path=str(folder / 'genes.tsv'), batch_size=B, matched_negatives=8, length=48
        ),
    )
    tokenizer = tokenizers.make(tokenizers.TokenizerConfig('kmer', 3))
    model = models.build(
        bert.BertConfig(
            vocab=tokenizer.vocab_size, width=16, depth=1, heads=2, inner=16, max_tokens=64
        )
    )
    task = config.build('genes', model, tokenizer)
    datasets = task.open(folder, 0)
    batch = next(datasets.train())
    return task.bind(datasets), datasets, variables.init(task, batch)


@pytest.fixture(scope='module')
def gradients(opened):
    """A function of (batch, mesh): the loss, its metrics and its gradient, without dropout."""
    task, _, (params, extra) = opened

    @jax.jit
    def compute(params, batch):
        def loss(params):
            value, (_, states) = task.loss(params, extra, batch, jax.random.key(0), train=False)
            return value, states

        return jax.value_and_grad(loss, has_aux=True)(params)

    def call(batch, mesh=None):
        if mesh is None:
            return compute(params, batch)
        with jax.set_mesh(mesh):
            placed = jax.device_put(params, sharding.replicated(mesh))
            return compute(placed, sharding.shard_batch(batch, mesh))

    return call


def slow_loss(z, temperature, partner, family, weight):
    """Mean over the rows with a partner of -log(positive / (positive + negatives))."""
    losses, nearest = [], []
    for i, p in enumerate(partner):
        if p < 0 or not weight[i] or not weight[p]:
            continue
        s = np.exp(z @ z[i] / temperature)
        negatives = [s[j] for j in range(len(z)) if family[j] != family[i] and weight[j]]
        losses.append(-np.log(s[p] / (s[p] + sum(negatives))))
        nearest.append(s[p] > max(negatives, default=0))
    return np.mean(losses), np.mean(nearest)


@pytest.mark.parametrize('temperature', [0.05, 1.0])
def test_the_loss_is_that_of_a_slow_definition(temperature):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(10, 4))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    partner = np.array([1, 0, 3, 2, 5, 4, 7, 6, -1, -1])
    family = np.array([0, 0, 1, 1, 0, 0, 2, 2, 1, 3])  # two pairs of one family
    weight = np.array([1, 1, 1, 1, 1, 1, 1, 0, 1, 1.0])
    loss, counts, nearest, negatives = info_nce(
        jnp.asarray(z, jnp.float32), jnp.float32(temperature), jnp.asarray(partner),
        jnp.asarray(family), jnp.asarray(weight, jnp.float32),
    )  # fmt: skip
    expected, expected_nearest = slow_loss(z, temperature, partner, family, weight)
    assert counts.tolist() == [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]
    assert float((loss * counts).sum() / counts.sum()) == pytest.approx(expected, rel=1e-5)
    assert float((nearest * counts).sum() / counts.sum()) == pytest.approx(expected_nearest)
    assert negatives[:3].tolist() == [5, 5, 6]


def test_pairs_alone_in_their_batch_have_no_loss():
    z = jnp.eye(2, dtype=jnp.float32)
    loss, counts, _, negatives = info_nce(
        z, jnp.float32(0.1), jnp.array([1, 0]), jnp.array([4, 4]), jnp.ones(2)
    )
    assert loss.tolist() == negatives.tolist() == [0, 0] and counts.tolist() == [1, 1]


def test_eight_devices_give_the_loss_and_the_gradient_of_one(opened, gradients):
    batch = next(opened[1].train(1))
    (loss, states), grads = gradients(batch)
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:8])
    (sharded_loss, sharded_states), sharded_grads = gradients(batch, mesh)
    assert float(sharded_loss) == pytest.approx(float(loss), rel=1e-5)
    # A row's negatives are on all devices: 24 rows in pairs and 8 others, less its family.
    negatives = float(sharded_states['negatives'].compute())
    assert negatives == float(states['negatives'].compute()) > B / 8 * 4
    largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(grads))
    for leaf, other in zip(jax.tree.leaves(grads), jax.tree.leaves(sharded_grads), strict=True):
        np.testing.assert_allclose(other, leaf, atol=1e-5 * largest)


def test_rows_of_weight_0_count_for_nothing(opened, gradients):
    _, datasets, _ = opened
    batch = next(datasets.train(2))
    rng = np.random.default_rng(0)
    batch['weight'][[3, 20, 28]] = 0
    (loss, states), grads = gradients(batch)
    changed = {**batch, 'tokens': batch['tokens'].copy(), 'family': batch['family'].copy()}
    for row in (3, 20, 28):
        changed['tokens'][row, 1:-1] = rng.integers(5, 69, changed['tokens'].shape[1] - 2)
        changed['family'][row] = 99
    (other, other_states), other_grads = gradients(changed)
    assert float(other) == float(loss)
    jax.tree.map(np.testing.assert_array_equal, other_grads, grads)
    jax.tree.map(np.testing.assert_array_equal, other_states, states)
    assert float(states['loss'].count) == 24 - 4  # both rows of two pairs


def test_the_loss_is_its_parts(opened, gradients):
    batch = next(opened[1].train(3))
    (loss, states), _ = gradients(batch)
    assert float(states['loss'].compute()) == pytest.approx(float(loss), rel=1e-6)
    assert float(states['temperature'].compute()) == pytest.approx(0.1, rel=1e-5)
    assert 0 <= float(states['accuracy'].compute()) <= 1


def test_the_temperature_stays_between_its_bounds(opened):
    task, _, (params, _) = opened
    head = params['heads']['genes']
    for logit, expected in ((-50.0, 1.0), (50.0, 0.01)):
        changed = {'params': {**head, 'temperature_logit': jnp.float32(logit)}}
        _, temperature = task.head.apply(changed, jnp.ones((2, 16)))
        assert float(temperature) == pytest.approx(expected, rel=1e-5)


def test_bins_are_means_of_equal_parts_of_the_real_tokens():
    hidden = np.random.default_rng(0).normal(size=(3, 9, 2)).astype(np.float32)
    real = np.ones((3, 9), bool)
    real[:, 0] = False  # [CLS]
    real[1, 5:] = False  # padding
    real[2, 3:] = False
    result = np.array(bin_means(jnp.asarray(hidden), jnp.asarray(real), 4))
    for row, parts in enumerate(([[1, 2], [3, 4], [5, 6], [7, 8]], [[1], [2], [3], [4]])):
        expected = [hidden[row, part].mean(0) for part in parts]
        np.testing.assert_allclose(result[row].reshape(4, 2), expected, rtol=1e-5)
    # Two tokens in four parts: the first and the third.
    np.testing.assert_allclose(result[2].reshape(4, 2)[[0, 2]], hidden[2, [1, 2]], rtol=1e-5)
    assert not result[2].reshape(4, 2)[[1, 3]].any()


def test_a_model_without_the_pooled_vector_is_named(opened):
    task, _, _ = opened
    config = dataclasses.replace(task.config, pool='first')
    assert config.build('genes', task.model, task.tokenizer).misfits() == []
    from genojax.models import basset

    model = models.build(basset.BassetConfig(vocab=10))
    assert 'no output first' in config.build('genes', model, task.tokenizer).misfits()[0]


@pytest.mark.parametrize(
    'options', [{'temperature': 1.5}, {'projection': 0}, {'hidden': -1}, {'evaluated_species': 1}]
)
def test_a_value_out_of_range_is_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        tasks.ContrastiveConfig(**options)


def test_a_batch_is_never_read_in_parts(opened):
    """Gradient accumulation would take rows out of each other's negatives."""
    assert not opened[0].loss_is_row_mean
