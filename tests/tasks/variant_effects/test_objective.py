"""The head on two windows: loss by its parts, filler rows, what it may read, and learning."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genojax import models
from genojax.models import basset
from genojax.tasks import frozen
from genojax.tokenizers import nucleotide
from tests.tasks import variables


@pytest.fixture(scope='module')
def started(opened):
    """Task, a batch, variables, and the compiled loss with its gradient."""
    task, datasets = opened
    batch = jax.tree.map(jnp.asarray, next(datasets.train()))
    params, extra = variables.init(task, batch)
    loss = jax.jit(
        jax.value_and_grad(
            lambda p, b: task.loss(p, extra, b, jax.random.key(0), False), has_aux=True
        )
    )
    return task, batch, params, extra, loss


def test_a_batch_has_the_shapes_of_its_spec(opened):
    task, datasets = opened
    batch, spec = next(datasets.train()), task.batch_spec()
    assert {name: (x.shape, x.dtype) for name, x in spec.items()} == {
        name: (x.shape, x.dtype) for name, x in batch.items()
    }


def test_the_loss_is_the_mean_cross_entropy_of_the_logits(started):
    task, batch, params, extra, loss = started
    (total, (_, states)), _ = loss(params, batch)
    logit_B = np.asarray(jax.jit(lambda p, b: task.logits(p, extra, b)[0])(params, batch))
    p_B = 1 / (1 + np.exp(-logit_B.astype(np.float64)))
    truth_B = np.asarray(batch['label'])
    nats = -np.log(np.where(truth_B == 1, p_B, 1 - p_B))
    assert float(total) == pytest.approx(nats.mean(), rel=1e-5)
    parts = states['loss']
    assert float(parts.total / parts.count) == pytest.approx(float(total), rel=1e-6)


def test_a_row_of_weight_0_changes_loss_and_gradient_by_exactly_nothing(started):
    _, batch, params, _, loss = started
    ignored = {**batch, 'weight': batch['weight'].at[-1].set(0)}
    changed = {
        name: array if name == 'weight' else array.at[-1].set(array[0])
        for name, array in ignored.items()
    }
    (first, _), gradient = loss(params, ignored)
    (second, _), other = loss(params, changed)
    assert float(first) == float(second)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), gradient, other))
    (whole, _), _ = loss(params, batch)
    assert float(whole) != float(first)


def test_equal_windows_have_no_difference(started):
    task, batch, params, extra, _ = started
    same = {k: batch[k.removeprefix('alternate_')] for k in batch}
    x_BD, _ = jax.jit(lambda p, b: task.vectors(p, extra, b))(params, same)
    width = x_BD.shape[1] // 2
    assert not np.asarray(x_BD[:, width:]).any() and np.asarray(x_BD[:, :width]).any()


def test_without_annotation_the_head_reads_none(started):
    task, batch, params, extra, _ = started
    plain = dataclasses.replace(task.config, annotated=False).build('v', task.model, task.tokenizer)
    own, _ = variables.init(plain, batch)
    with_columns = params['heads']['variants']['linear']['kernel'].shape[0]
    without = own['heads']['v']['linear']['kernel'].shape[0]
    assert with_columns - without == batch['annotation'].shape[1]
    read = jax.jit(lambda b: plain.logits(own, extra, b)[0])
    np.testing.assert_array_equal(
        read(batch), read({**batch, 'annotation': batch['annotation'] + 1})
    )


def test_the_head_learns_what_the_annotation_says(started):
    """The label is a threshold of the column 'phylop', which has noise of its own."""
    _, batch, params, _, loss = started
    transform = optax.adam(0.03)

    @jax.jit
    def step(params, state):
        (value, _), gradient = loss(params, batch)
        updates, state = transform.update(gradient, state)
        return optax.apply_updates(params, updates), state, value

    state, values = transform.init(params), []
    for _ in range(60):
        params, state, value = step(params, state)
        values.append(float(value))
    assert values[-1] < 0.2 * values[0]


def test_a_probe_is_frozen_and_a_trained_encoder_is_not(opened):
    task, _ = opened
    assert not task.is_frozen
    for dropout, expected in ((False, True), (True, False)):
        model = frozen.FrozenModel(task.model, dropout)
        assert task.config.build('v', model, task.tokenizer).is_frozen is expected


def test_a_model_without_the_output_is_a_misfit(task_of):
    config = task_of().config
    model = models.build(basset.BassetConfig(vocab=10, length=32, targets=0, padding='same'))
    task = config.build('v', model, nucleotide.NucleotideTokenizer())
    missing = {'hidden'} - set(model.config.outputs)
    assert bool(task.misfits()) == bool(missing)
    with pytest.raises(ValueError, match='dropout'):
        dataclasses.replace(config, dropout=1.0)
    with pytest.raises(ValueError, match='two of positive'):
        dataclasses.replace(config.data, negative=('LOF',))
