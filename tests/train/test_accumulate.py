"""Gradient accumulation: microbatches give the loss, metrics and gradient of the whole batch."""

import contextlib
import dataclasses
import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import config as configs
from genojax import errors, experiment, sharding, tasks
from genojax.cli import flags
from genojax.models import bert
from genojax.tokenizers import kmer
from genojax.train import accumulate, changes, loop, runs

ROWS, LENGTH = 8, 40
BOTH = {
    'classes': tasks.ClassificationConfig(
        pool='positions',
        dropout=0.0,
        weight=0.3,
        data=tasks.LabelledDataConfig(length=LENGTH, batch_size=ROWS),
    ),
    'masked': tasks.MaskedLmConfig(
        mask=tasks.MaskConfig(rate=0.1, region_rates={'exon': 0.3}),
        data=tasks.GenomesDataConfig(
            mixture=tasks.MixtureConfig(length=LENGTH, batch_size=ROWS // 2)
        ),
    ),
    'values': tasks.RegressionConfig(
        values=2,
        dropout=0.0,
        weight=2.0,
        data=tasks.ValueDataConfig(length=LENGTH, batch_size=ROWS),
    ),
}


def describe(**changed) -> experiment.Experiment:
    """Tasks of three kinds on one small encoder without dropout."""
    fields = {'tasks': BOTH, 'select_by': 'values', 'steps': 4, **changed}
    if len(fields['tasks']) == 1:
        fields['select_by'] = ''
    return experiment.Experiment(
        model=bert.BertConfig(
            vocab=kmer.vocab_size(3),
            width=16,
            depth=1,
            heads=2,
            inner=32,
            max_tokens=64,
            dropout=0.0,
            attention_dropout=0.0,
        ),
        tokenizer=experiment.TokenizerConfig('kmer', 3),
        optim=experiment.OptimConfig(warmup=1),
        **fields,
    )


def make_batches(built) -> dict:
    """Random rows; some of weight 0, some values absent, and exons in some rows only."""
    rng, batches = np.random.default_rng(0), {}
    for name, task in built.items():
        rows = task.batch_spec()['tokens'].shape[0]
        bases = rng.integers(0, 4, (rows, LENGTH)).astype(np.uint8)
        batch = {'bases': bases, **task.tokenizer.batch_entries(bases, np.full(rows, LENGTH))}
        if name == 'masked':
            regions = np.where(np.arange(rows)[:, None] % 3, 0, 1).astype(np.uint8)
            batch |= {'regions': np.broadcast_to(regions, bases.shape).copy()}
            batch |= {'species': np.zeros(rows, np.int32)}
        else:
            # All rows of the second of two microbatches count for nothing, and some of the first.
            batch['weight'] = np.where(np.arange(rows) % 2, 0, np.arange(rows) / 2).astype('f')
        if name == 'classes':
            batch['label'] = rng.integers(0, 2, rows).astype(np.int32)
        if name == 'values':
            batch['label'] = rng.normal(size=(rows, 2)).astype(np.float32)
            batch['known'] = rng.random((rows, 2)) < 0.5
        batches[name] = jax.tree.map(jnp.asarray, batch)
    return batches


def random_state(described, built, batches) -> experiment.TrainState:
    """Random parameters; nothing is compiled."""
    init = functools.partial(experiment.init_state, described, built)
    shapes = jax.eval_shape(init, jax.eval_shape(jax.random.key, 0), batches)
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda leaf: jnp.asarray(0.1 * rng.normal(size=leaf.shape), leaf.dtype), shapes
    )


def test_microbatches_give_the_loss_and_gradient_of_the_batch():
    built = experiment.build_tasks(describe())
    batches, key = make_batches(built), jax.random.key(3)
    state = random_state(describe(), built, batches)
    (extra, metrics, grads), (_, other_metrics, other_grads) = [
        jax.jit(functools.partial(accumulate.value_and_grad, described, built))(state, batches, key)
        for described in (describe(), describe(accumulate=4))
    ]
    assert extra == {} and other_metrics.keys() == metrics.keys()
    for name, (total, count) in other_metrics.items():
        np.testing.assert_allclose(total, metrics[name].total, rtol=1e-6, err_msg=name)
        np.testing.assert_allclose(count, metrics[name].count, rtol=1e-6, err_msg=name)
    largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(grads))
    assert 0.01 < largest < 100
    for a, b in zip(jax.tree.leaves(other_grads), jax.tree.leaves(grads), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6 * largest)


def test_masks_are_drawn_once_for_the_whole_batch(monkeypatch):
    built = experiment.build_tasks(describe())
    batches, key = make_batches(built), jax.random.key(4)
    task, batch = built['masked'], batches['masked']
    drawn = task.draw(key, batch)
    expected, _ = task.corrupt(jax.random.split(key)[0], batch, task.config.mask)
    jax.tree.map(np.testing.assert_array_equal, drawn['masked'], expected)
    assert drawn['masked'].target_BT.any()
    params = random_state(describe(), built, batches).params

    def refuse(*arguments):
        raise AssertionError('drawn again')

    monkeypatch.setattr(type(task.masks), 'hide', refuse)
    assert jax.eval_shape(task.loss, params, {}, drawn, key)[0].shape == ()
    with pytest.raises(AssertionError, match='drawn again'):
        jax.eval_shape(task.loss, params, {}, batch, key)


def test_rows_are_divided_so_that_none_leaves_its_device():
    mesh = sharding.make_mesh(experiment.MeshConfig(data=2, fsdp=2), jax.devices()[:4])
    rows = np.arange(24).reshape(12, 2)
    batch = sharding.shard_batch({'rows': rows}, mesh)
    with jax.set_mesh(mesh):
        compiled = jax.jit(accumulate.split, static_argnums=1).lower(batch, 3).compile()
        parts = compiled(batch)['rows']
    assert 'all-' not in compiled.as_text() and 'collective' not in compiled.as_text()
    for number in range(3):
        np.testing.assert_array_equal(parts[number], rows[number::3])
    assert {shard.data.shape for shard in parts.addressable_shards} == {(3, 1, 2)}


def test_no_microbatch_shares_a_key_with_another_or_a_task():
    key = jax.random.key(0)
    keys = [experiment.task_key(key, number) for number in range(3)]
    keys += [
        jax.random.fold_in(task, accumulate._MICROBATCH_STREAM + number)
        for task in keys[:3]
        for number in range(4)
    ]
    derived = [
        {tuple(jax.random.key_data(one).tolist()) for one in (own, *jax.random.split(own, 8))}
        for own in keys
    ]
    assert len(set.union(*derived)) == sum(map(len, derived))


def test_a_batch_statistic_or_a_loss_of_the_whole_batch_is_refused(monkeypatch):
    values = flags.load('enformer_small')
    flags.override(values, 'accumulate', '2')
    with pytest.raises(errors.UsageError, match="'enformer': accumulate=2 .* batch statistics"):
        experiment.from_config(values)
    built = experiment.build_tasks(describe())
    monkeypatch.setattr(type(built['values']), 'loss_is_row_mean', False)
    with pytest.raises(ValueError, match="task 'values': accumulate=2 would change its loss"):
        describe(accumulate=2)
    assert describe(accumulate=1)


@pytest.mark.parametrize(('rows', 'number', 'ways'), [(8, 3, 1), (8, 4, 4), (6, 4, 2)])
def test_rows_that_do_not_divide_into_microbatches_are_refused(rows, number, ways):
    mesh = sharding.make_mesh(experiment.MeshConfig(), jax.devices()[:ways])
    mixture = tasks.MixtureConfig(length=LENGTH, batch_size=rows)
    task = tasks.MaskedLmConfig(data=tasks.GenomesDataConfig(mixture=mixture))
    described = describe(tasks={'masked': task}, accumulate=number)
    (built,) = experiment.build_tasks(described).values()
    with pytest.raises(errors.UsageError, match=f'{rows // ways} per device, does not divide'):
        experiment.check_rows(built, mesh, number)


def test_a_run_may_change_it_and_is_told_what_that_means():
    before, after = describe(), describe(accumulate=2)
    changed = configs.changed(configs.to_dict(before), configs.to_dict(after))
    changes.check(before, after, changed, pathlib.Path('run'), 3)
    (line,) = changes.describe(after, changed)
    assert line.startswith('accumulate: 1 -> 2') and 'last bits may differ' in line
    assert line.endswith('dropout drops other elements')


@pytest.mark.slow
def test_a_stopped_run_equals_an_uninterrupted_one(shards, tmp_path):
    data = tasks.GenomesDataConfig(
        shards=str(shards),
        mixture=tasks.MixtureConfig(length=LENGTH, batch_size=ROWS),
        validation_windows=8,
    )
    model = dataclasses.replace(describe().model, dropout=0.1)
    described = describe(
        tasks={'masked': tasks.MaskedLmConfig(data=data)}, accumulate=2, validate_every=4
    )
    described = dataclasses.replace(described, model=model)

    def train(name, **options):
        run = runs.open_run(described, tmp_path / name, jax.devices()[:1])
        with contextlib.closing(run):
            return loop.train(run, **options)

    whole = train('whole')
    train('parts', stop_at=2)
    for a, b in zip(jax.tree.leaves(train('parts')), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(a, b)
