"""The classification head: what it pools, its loss by hand, and what does not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import dna, errors, models
from genojax.models import basset, bert
from genojax.tasks.classification import objective
from genojax.tokenizers import kmer, nucleotide
from tests.tasks import variables

TOKENIZER = kmer.KmerTokenizer(3)
SIZES = {'width': 8, 'depth': 1, 'heads': 2, 'inner': 8}


def make(model=None, tokenizer=TOKENIZER, **changes):
    model = model or bert.BertConfig(TOKENIZER.vocab_size, **SIZES)
    config = objective.ClassificationConfig(**changes)
    return config.build('task', models.build(model), tokenizer)


def make_batch(rows=6, length=20, seed=0):
    rng = np.random.default_rng(seed)
    bases = rng.integers(0, 4, (rows, length)).astype(np.uint8)
    batch = {
        'bases': bases,
        'label': rng.integers(0, 2, rows).astype(np.int32),
        'weight': np.ones(rows, np.float32),
        **TOKENIZER.batch_entries(bases, np.full(rows, length)),
    }
    return jax.tree.map(jnp.asarray, batch)


def randomize(params, seed=1):
    """The head's parameters with no zeros left."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: x + rng.normal(size=x.shape).astype(np.float32), params)


@pytest.mark.parametrize('pool', ['mean', 'first', 'positions'])
def test_logits_are_a_linear_map_of_the_pooled_vectors(pool):
    task, batch = make(pool=pool), make_batch()
    params, extra = variables.init(task, batch)
    head = params['heads']['task'] = randomize(params['heads']['task'])
    features, _ = jax.jit(task.apply_model)(params, extra, batch)
    x_BD = features.first_BD if pool == 'first' else features.pooled_BD
    expected = x_BD @ head['linear']['kernel'] + head['linear']['bias'][None]
    if pool == 'positions':
        expected += jnp.einsum('BTD,TDC->BC', features.hidden_BTD, head['kernel'])
    logits = jax.jit(task.logits)(params, extra, batch)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)


def test_position_weights_start_at_zero():
    params, _ = variables.init(make(pool='positions'), make_batch())
    assert not np.asarray(params['heads']['task']['kernel']).any()


def test_the_loss_is_the_mean_cross_entropy_and_rows_of_weight_0_change_nothing():
    task, batch = make(classes=3), make_batch()
    batch['label'] = jnp.array([0, 1, 2, 0, 1, 2], jnp.int32)
    params, extra = variables.init(task, batch)
    params['heads']['task'] = randomize(params['heads']['task'])
    compute = jax.jit(task.loss, static_argnums=4)
    loss, (_, states) = compute(params, extra, batch, jax.random.key(0), False)
    logits = np.asarray(jax.jit(task.logits)(params, extra, batch), np.float64)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = -np.log(p[np.arange(6), np.asarray(batch['label'])])
    assert float(loss) == pytest.approx(expected.mean(), rel=1e-5)
    right = (logits.argmax(-1) == np.asarray(batch['label'])).mean()
    assert float(states['accuracy'].compute()) == pytest.approx(right)
    half = {**batch, 'weight': jnp.array([1, 1, 1, 0, 0, 0], jnp.float32)}
    changed = {**half, 'label': batch['label'].at[3:].set(0)}
    losses = [
        float(compute(params, extra, x, jax.random.key(0), False)[0]) for x in (half, changed)
    ]
    assert losses[0] == losses[1] == pytest.approx(expected[:3].mean(), rel=1e-5)


def test_dropout_acts_in_training_only():
    task, batch = make(dropout=0.5), make_batch()
    params, extra = variables.init(task, batch)
    params['heads']['task'] = randomize(params['heads']['task'])
    loss = jax.jit(task.loss, static_argnums=4)
    train = [float(loss(params, extra, batch, jax.random.key(seed), True)[0]) for seed in (0, 1)]
    scored = [float(loss(params, extra, batch, jax.random.key(seed), False)[0]) for seed in (0, 1)]
    assert train[0] != train[1] and scored[0] == scored[1]


def test_the_batch_spec_has_the_shapes_of_a_batch(tmp_path):
    rng = np.random.default_rng(0)
    lines = [f'{dna.decode(rng.integers(0, 4, 30).astype(np.uint8))}\t{i % 2}' for i in range(60)]
    path = tmp_path / 'rows.tsv'
    path.write_text('\n'.join(['sequence\tlabel', *lines]))
    task = make(data=objective.dataset.LabelledDataConfig(path=str(path)))
    with pytest.raises(errors.UsageError, match='data.length=0'):
        task.batch_spec()
    datasets = task.open(tmp_path, 0)
    spec, batch = task.bind(datasets).batch_spec(), next(datasets.train())
    assert {name: (x.shape, x.dtype) for name, x in spec.items()} == {
        name: (x.shape, x.dtype) for name, x in batch.items()
    }
    for refused, message in (({'classes': 3}, 'classes=3'), ({'loss': 'sigmoid'}, 'one. Fix')):
        with pytest.raises((errors.InputError, errors.UsageError), match=message):
            make(data=task.config.data, **refused).open(tmp_path, 0)


def test_predictions_are_the_probabilities_behind_the_loss(tmp_path):
    """Rows read by `read_row` and batched again give the softmax of `logits`, class names as is."""
    task, batch = make(classes=3), make_batch()
    params, extra = variables.init(task, batch)
    params['heads']['task'] = randomize(params['heads']['task'])
    description = {'length': 20, 'classes': ['a', 'b', 'c']}
    assert task.outputs(description) == (('a', 'b', 'c'), 'classes')
    rows = [task.read_row(codes, description) for codes in np.asarray(batch['bases'])]
    again = jax.tree.map(jnp.asarray, task.prediction_batch(rows, description))
    p_BC = task.predict(params, extra, again, description)
    expected_BC = jax.nn.softmax(task.logits(params, extra, batch))
    assert np.array_equal(p_BC, expected_BC)
    for length, message in ((21, '21 bases, but'), (2, '2 bases, fewer than a token')):
        with pytest.raises(errors.InputError, match=f"record 'x': {message}"):
            task.read_row(np.zeros(length, np.uint8), description, record='x')


def test_a_model_without_the_pooled_vectors_is_refused():
    assert not make(pool='positions').misfits()
    model = basset.BassetConfig(vocab=10)
    (line,) = make(model, nucleotide.NucleotideTokenizer(), pool='first').misfits()
    assert "pools by 'first'" in line and 'has no output first' in line


@pytest.mark.parametrize('wrong', [{'classes': 1}, {'dropout': 1.0}, {'weight': 0.0}])
def test_invalid_configs_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        objective.ClassificationConfig(**wrong)
