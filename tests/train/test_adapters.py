"""Laws of training on a frozen model: what moves, what does not, and that both are one model."""

import contextlib
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

import genojax
from genojax import checkpoint, errors, models, tokenizers
from genojax import experiment as experiments
from genojax.cli import flags, main
from genojax.convert import store
from genojax.inference import adapters, pretrained
from genojax.optim import trainable
from genojax.train import loop, modes, runs

STEPS = 4
SMALL = {
    'model.width': '8', 'model.inner': '16', 'model.depth': '2', 'model.unroll': '1',
    'model.max_tokens': '64', 'optim.peak': '0.01', 'optim.warmup': '1', 'steps': f'{STEPS}',
    'validate_every': f'{STEPS}', 'tasks.promoters.data.batch_size': '8',
}  # fmt: skip
LORA = {'optim.train': 'lora', 'optim.train.rank': '2', 'optim.train.pattern': 'attention|mlp'}


@pytest.fixture(scope='module')
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    rows = [''.join(rng.choice(list('ACGT'), 40)) + f'\t{i % 2}\n' for i in range(60)]
    path = tmp_path_factory.mktemp('adapters') / 'table.tsv'
    path.write_text('sequence\tlabel\n' + ''.join(rows))
    return path


def experiment(table, **overrides):
    values = flags.load('demo_promoters')
    data = {'tasks.promoters.data.path': str(table)}
    flags.apply_overrides(values, SMALL | data | overrides)
    return experiments.from_config(values)


@pytest.fixture(scope='module')
def base(table):
    """A converted model with random parameters."""
    network = experiment(table).model
    variables = jax.jit(models.build(network).init)(jax.random.key(5), jnp.zeros((1, 8), int))
    params = jax.tree.map(lambda x: np.asarray(x) + np.float32(0.01), meta.unbox(variables))
    provenance = {'kind': 'dnabert', 'source': 'here', 'origin': 'nowhere'}
    model = store.ConvertedModel(
        network, params['params'], {}, tokenizers.TokenizerConfig('kmer', 3), 'MIT', provenance
    )
    store.write(model, table.parent / 'base')
    return table.parent / 'base'


@contextlib.contextmanager
def opened(table, base, name, devices=1, **overrides):
    settings = LORA | {'init_from': str(base)} | overrides
    run = runs.open_run(experiment(table, **settings), table.parent / name, jax.devices()[:devices])
    with contextlib.closing(run):
        yield run


@dataclasses.dataclass
class Adapted:
    """A run of four steps, still open, with its first and last state."""

    run: runs.Run
    first: experiments.TrainState
    last: experiments.TrainState


@pytest.fixture(scope='module')
def adapted(table, base):
    with opened(table, base, 'whole') as run:
        first = jax.tree.map(np.array, run.start())
        yield Adapted(run, first, loop.train(run))


def assert_same(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_first_step_computes_what_the_base_computes(adapted, base):
    task, state = adapted.run.tasks['promoters'], adapted.first
    batch = next(adapted.run.datasets['promoters'].test())
    composed = adapted.run.trained(state).params
    plain = {'model': pretrained.read(base).params, 'heads': state.params['heads']}
    logits = [task.jitted_logits(params, {}, batch) for params in (composed, plain)]
    np.testing.assert_array_equal(*logits)
    assert np.abs(logits[0]).max() > 0


def test_only_adapters_and_heads_have_an_optimizer_and_move(adapted, base):
    state = adapted.last
    assert state.params.keys() == {'adapters', 'heads'}
    moments = [leaf for leaf in jax.tree.leaves(state.opt_state) if leaf.ndim]
    assert trainable.count(moments) == 2 * trainable.count(state.params)
    for before, after in zip(
        jax.tree.leaves(adapted.first.params), jax.tree.leaves(state.params), strict=True
    ):
        assert not np.array_equal(before, after)
    frozen = jax.tree.map(np.asarray, state.frozen)
    stored = pretrained.read(base)
    assert adapters.digest(frozen, {}) == adapters.digest(stored.params, {})
    assert adapted.run.base.sha256 == adapters.digest(stored.params, stored.extra)


def test_a_checkpoint_holds_the_delta_and_the_hash_of_the_base(adapted):
    folder = adapted.run.workdir / 'checkpoints'
    with contextlib.closing(checkpoint.Checkpoints(folder, read_only=True)) as checkpoints:
        raw = checkpoints.restore_raw(STEPS, ('step', 'params', 'extra', 'opt_state', 'frozen'))
        assert checkpoints.data(STEPS)['base'] == adapted.run.base.sha256
    assert 'frozen' not in raw and raw['params'].keys() == {'adapters', 'heads'}
    saved = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(raw))
    size = modes.size(adapted.run.abstract)
    assert saved == size.checkpoint
    record = adapted.run.directory.record()
    assert record['base']['sha256'] == adapted.run.base.sha256
    assert record['trained'] == size.trained < sum(record['parameters'].values())


def test_the_merged_model_is_the_adapted_one(adapted, capsys):
    """Predictions of `load`, which merges, are those of the run; a written model has its bits."""
    run = adapted.run
    task, datasets = run.tasks['promoters'], run.datasets['promoters']
    rows = datasets.rows('test')[:8]
    batch = next(datasets.test())
    trained = run.trained(run.restore_best())
    expected = jax.nn.softmax(task.jitted_logits(trained.params, {}, batch))[: len(rows)]
    predicted = genojax.load(run.workdir, devices=jax.devices()[:1]).predict(
        datasets.sequences(rows)
    )
    np.testing.assert_allclose(predicted.values, expected, atol=1e-6)
    out, again = (run.workdir.parent / name for name in ('written', 'again'))
    main.main(['convert', str(run.workdir), str(out)])
    main.main(['convert', str(out), str(again)])
    assert_same(pretrained.read(again).params, pretrained.read(run.workdir).params)
    capsys.readouterr()


@pytest.fixture(scope='module')
def halfway(table, base):
    """The state of step 2, after which the run 'stopped' was closed."""
    with opened(table, base, 'stopped') as run:
        return jax.tree.map(np.array, loop.train(run, stop_at=2))


def test_a_resumed_run_is_bitwise_equal_also_after_the_base_moved(adapted, halfway, table, base):
    elsewhere = base.rename(base.parent / 'elsewhere')
    try:
        with pytest.raises(errors.DamageError, match='ln -s MODEL .*stopped/base'):
            pretrained.read(table.parent / 'stopped')
        with pytest.raises(errors.DamageError, match='that model is not there'):
            with opened(table, base, 'stopped'):
                pass
        (table.parent / 'stopped' / 'base').symlink_to(elsewhere)
        with opened(table, base, 'stopped') as run:
            assert_same(loop.train(run), adapted.last)
    finally:
        elsewhere.rename(base)


def test_another_model_in_place_of_the_base_is_refused(adapted, base):
    folder, aside = adapted.run.workdir, base.parent / 'aside'
    model = store.read(base)
    other = jax.tree.map(lambda x: x + np.float32(1e-3), model.params)
    base.rename(aside)
    try:
        store.write(dataclasses.replace(model, params=other), base)
        for read in (lambda: pretrained.read(folder), lambda: adapted.run.restore(STEPS)):
            with pytest.raises(errors.DamageError, match='is not the model that .* SHA-256'):
                read()
    finally:
        base.rename(base.parent / 'other')
        aside.rename(base)


@pytest.mark.slow
def test_eight_devices_train_as_one_and_a_copied_base_opens_alone(halfway, table, base):
    mesh = {'mesh.data': '2', 'mesh.fsdp': '2', 'mesh.tensor': '2'}
    copy = {'optim.train.copy_base': 'True'}
    with opened(table, base, 'sharded', devices=8, **mesh, **copy) as run:
        state = loop.train(run, stop_at=2)
    for name, leaf in (
        ('frozen', state.frozen['layers']['block']['mlp']['up']['kernel']),
        ('adapter', state.params['adapters']['layers']['block']['mlp']['up']['kernel']['lora_b']),
    ):
        assert leaf.addressable_shards[0].data.size < leaf.size, name
    for one, eight in zip(
        jax.tree.leaves(halfway.params), jax.tree.leaves(state.params), strict=True
    ):
        np.testing.assert_allclose(eight, one, atol=1e-5)
    away = base.rename(base.parent / 'away')
    try:
        read = pretrained.read(run.workdir)
    finally:
        away.rename(base)
    assert read.provenance['base']['path'] == str(run.workdir / 'base')
    assert read.provenance['license'] == 'MIT'


def test_a_frozen_model_needs_one_and_something_that_trains(table):
    with pytest.raises(errors.UsageError, match="kind='probe' freezes the model.*init_from=MODEL"):
        runs.open_run(experiment(table, **{'optim.train': 'probe'}), table.parent / 'none')
    values = flags.load('debug_cpu')
    flags.apply_overrides(values, {'optim.train': 'probe'})
    with pytest.raises(errors.UsageError, match='no task of .*masked_lm.* has one.*train=lora'):
        experiments.abstract(experiments.from_config(values))


def test_the_start_says_what_trains_and_what_every_way_needs(adapted):
    lines = adapted.run.summary().splitlines()
    size = modes.size(adapted.run.abstract)
    assert f'optim.train=lora: {size.trained:,} of ' in lines[-2]
    assert 'full ' in lines[-1] and 'probe ' in lines[-1]
    sizes = adapted.run.mode_sizes
    assert sizes['lora'] == size
    assert sizes['probe'].memory < sizes['lora'].memory < sizes['full'].memory
    # Parameters, gradients and two moments, four bytes each, and the counts of steps.
    assert 0 <= sizes['full'].memory - 16 * sizes['full'].trained <= 16
    assert sizes['probe'].trained == trainable.count(adapted.last.params['heads'])
