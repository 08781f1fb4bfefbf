"""A masked bin counts for nothing: its value changes loss, gradient and metrics by exactly 0."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest

from genojax.data.store.signals import shards
from genojax.tasks.coverage import baselines, dataset, objective
from genojax.tasks.coverage import evaluate as evaluation
from genojax.tokenizers import nucleotide
from tests.data import signal_files
from tests.tasks import variables
from tests.tasks.coverage import test_objective

TOKENIZER = nucleotide.NucleotideTokenizer()
SIZES = {'window': 128, 'crop': 32, 'bin': 4, 'block': 2}
CHANGES = {'huge': 1e30, 'nan': np.nan, 'infinite': np.inf, 'negative': -7.0}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = signal_files.write(tmp_path_factory.mktemp('signals'))
    signal_files.prepared(folder, **SIZES)
    return folder


def open_datasets(folder, **changes):
    config = dataset.CoverageDataConfig(
        path=str(folder / 'out'), organisms={'human': 'genome'}, bin=4, batch_size=4, **changes
    )
    return dataset.CoverageDatasets(config, 0, TOKENIZER, folder)


@pytest.fixture(scope='module')
def batch(folder):
    """A training batch in which masks of several tracks differ within rows."""
    for batch in itertools.islice(open_datasets(folder).train(), 60):
        share = batch['known'][:, 8:-8].mean((0, 1))
        if (share < 1).all() and len(set(share.tolist())) > 1:
            return batch
    raise AssertionError('no such batch')


@pytest.mark.parametrize('loss', ['poisson', 'poisson_multinomial'])
def test_loss_and_gradient_do_not_change(batch, loss):
    model = test_objective.Pooled((('human', 4),))
    config = objective.CoverageConfig(
        loss=loss, data=dataset.CoverageDataConfig(organisms={'human': 'genome'})
    )
    task = objective.Coverage('coverage', config, model, TOKENIZER)
    params, extra = variables.init(task, batch)

    @jax.jit
    def values(params, batch):
        def total(params):
            loss, (_, states) = task.loss(params, extra, batch, jax.random.key(0), False)
            return loss, states

        return jax.value_and_grad(total, has_aux=True)(params)

    expected = jax.tree.leaves(values(params, batch))
    assert all(np.isfinite(leaf).all() for leaf in expected)
    for value in CHANGES.values():
        targets = np.where(batch['known'], batch['targets'], value).astype(np.float32)
        changed = jax.tree.leaves(values(params, {**batch, 'targets': targets}))
        for one, other in zip(expected, changed, strict=True):
            np.testing.assert_array_equal(one, other)
    # A known bin does count.
    first = tuple(np.argwhere(batch['known'])[0])
    targets = batch['targets'].copy()
    targets[first] += 1
    assert values(params, {**batch, 'targets': targets})[0][0] != expected[0]


def test_the_mask_is_read_with_the_rows_on_either_strand(folder):
    datasets = open_datasets(folder, shift=0)
    organism = shards.open_organism(folder / 'out', 'genome', 4, True)
    windows = organism.parts['test'].load()
    for flip in (False, True):
        batches = list(datasets.in_order('test', flip=flip))
        real = np.concatenate([b['weight'] for b in batches]) > 0
        known = np.concatenate([b['known'] for b in batches])[real]
        targets = np.concatenate([b['targets'] for b in batches])[real]
        expected, values = windows.known_NPC, windows.target_NPC
        if flip:
            expected, values = (x[:, ::-1][..., [1, 0, 2, 3]] for x in (expected, values))
        np.testing.assert_array_equal(known[:, 8:-8], expected)
        np.testing.assert_array_equal(targets[:, 8:-8], values)
        assert not known[:, :8].any() and not known[:, -8:].any() and not targets[~known].any()


def test_metrics_do_not_change():
    rng = np.random.default_rng(0)
    truth = rng.gamma(1.0, 2.0, (6, 20, 4))
    models = {'model': truth + rng.normal(size=truth.shape), 'flat': np.ones_like(truth)}
    known = rng.random(truth.shape) < 0.7
    known[:, :, 3] = False
    table = evaluation_tracks()
    expected = evaluation.compare(truth, models, table, np.ones(4, bool), known_NPC=known)
    assert expected['n_tracks'] == 3
    for value in CHANGES.values():
        changed = {name: np.where(known, x, value) for name, x in models.items()}
        result = evaluation.compare(
            np.where(known, truth, value), changed, table, np.ones(4, bool), known_NPC=known
        )
        assert result == expected
    for c in range(3):
        x, y = models['model'][..., c][known[..., c]], truth[..., c][known[..., c]]
        value = np.corrcoef(x, y)[0, 1]
        assert expected['tracks'][c]['model'][0] == pytest.approx(value, abs=1e-4)
        assert baselines.correlation(models['model'], truth, known)[c] == pytest.approx(value)


def evaluation_tracks():
    from genojax import simulate

    return simulate.tracks.table()


def fit(source, scored, train) -> tuple:
    """The mean window, and the ridge regression with the fewest features."""
    views, scored_views = (baselines._both_views(source, x) for x in (train, scored))
    groups = np.arange(len(train))
    ridge = baselines.ridge(
        'composition', ('composition',), source, views, scored_views, groups=groups
    )
    return baselines._position_mean(views, len(scored)), ridge


def test_baselines_and_track_means_do_not_change(folder):
    datasets = open_datasets(folder)
    source, scored = datasets.sources[0], datasets.windows(0, 'test').load()
    train = source.organism.parts['train'].load()
    assert not train.known_NPC.all()
    fitted = fit(source, scored, train)
    for value in (1e30, np.nan):
        other = np.where(train.known_NPC, train.target_NPC, value).astype(np.float32)
        again = fit(source, scored, dataclasses.replace(train, target_NPC=other))
        for one, baseline in zip(again, fitted, strict=True):
            np.testing.assert_array_equal(one.predicted_NPC, baseline.predicted_NPC)
        mean = dataset._known_mean(dataclasses.replace(train, target_NPC=other))
        np.testing.assert_array_equal(mean, dataset._known_mean(train))
    for c in range(4):
        known = train.known_NPC[..., c]
        assert mean[c] == pytest.approx(train.target_NPC[..., c][known].mean(), rel=1e-6)


def test_a_value_under_a_mask_does_not_reach_the_shards(folder, tmp_path):
    copy = signal_files.write(tmp_path)
    lines = (copy / 'plus.bg').read_text().splitlines()
    for number, line in enumerate(lines):
        cells = line.split('\t')
        if cells[0] == 'chr1' and 900 <= int(cells[1]) and int(cells[2]) <= 1000:
            lines[number] = '\t'.join([*cells[:3], '12345'])
    (copy / 'plus.bg').write_text('\n'.join(lines) + '\n')
    signal_files.prepared(copy, **SIZES)
    first, second = (
        shards.read_value(where / 'out')['organisms']['genome'] for where in (folder, copy)
    )
    assert first == second


def test_ridge_regressions_with_different_masks_are_those_of_the_tracks_alone(folder):
    """Tracks are fitted in groups of equal masks; each alone gives the same."""
    datasets = open_datasets(folder)
    source, scored = datasets.sources[0], datasets.windows(0, 'test').load()
    train = source.organism.parts['train'].load()
    groups = baselines._equal_masks(
        [view.known_BPC for view in baselines._both_views(source, train)]
    )
    assert 1 < len(groups) < 4
    fitted = fit(source, scored, train)[1]
    known = train.known_NPC & (np.arange(4) == 2)
    alone = fit(source, scored, dataclasses.replace(train, known_NPC=known))[1]
    np.testing.assert_allclose(alone.predicted_NPC[..., 2], fitted.predicted_NPC[..., 2], rtol=1e-5)
