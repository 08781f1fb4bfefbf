"""The loss on contacts: masked pairs count exactly 0, parts add up; a run, resumed and loaded."""

import functools
import json
import pathlib
import re

import jax
import numpy as np
import pytest

import genojax
from genojax import config, errors, tasks
from genojax import experiment as experiments
from genojax.cli import main
from genojax.data.store.contacts import contact_settings, prepare
from genojax.models import dilated_cnn, enformer
from genojax.tasks.contacts import dataset, objective
from genojax.tokenizers import kmer, nucleotide
from tests.data import contact_files
from tests.tasks import variables

h5py = pytest.importorskip('h5py')
pytestmark = pytest.mark.usefixtures('one_device')
TOKENIZER = nucleotide.NucleotideTokenizer()
MODEL = dilated_cnn.DilatedCnnConfig(width=8, stages=3, depth=1, inner=8, multiple=2)
SIZES = {'length': 1_024, 'crop': 128, 'bin': 128}


def task_of(model=MODEL, tokenizer=TOKENIZER, **sizes) -> objective.Contacts:
    data = dataset.ContactsDataConfig(batch_size=4, **{**SIZES, **sizes})
    chosen = objective.ContactsConfig(width=4, inner=8, data=data)
    return chosen.build('hic', model.build(), tokenizer)


def make_batch(seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    contacts = rng.normal(size=(4, 6, 6)).astype(np.float32)
    known = rng.random((4, 6, 6)) < 0.7
    return {
        'tokens': rng.integers(5, 9, (4, 1_024)).astype(np.int32),
        'contacts': contacts + contacts.swapaxes(1, 2),
        'known': known & known.swapaxes(1, 2),
        'weight': np.ones(4, np.float32),
        'valid': np.full(4, 1_024, np.int32),
    }


@pytest.fixture(scope='module')
def computed(one_device):
    """A function of a batch: loss with its metrics, and gradient, at random parameters."""
    task, batch = task_of(), make_batch()
    params, extra = variables.init(task, batch)
    leaves, tree = jax.tree.flatten(params)
    rng = np.random.default_rng(1)
    leaves = [leaf + 0.3 * rng.normal(size=leaf.shape).astype(np.float32) for leaf in leaves]
    params = jax.tree.unflatten(tree, leaves)

    @jax.jit
    def values(batch):
        def total(params):
            loss, (_, states) = task.loss(params, extra, batch, jax.random.key(0), False)
            return loss, states

        return jax.value_and_grad(total, has_aux=True)(params)

    return values


@pytest.mark.parametrize('value', [1e30, np.nan, np.inf, -7.0])
def test_what_unknown_pairs_hold_changes_nothing_by_a_bit(computed, value):
    batch = make_batch()
    expected = jax.tree.leaves(computed(batch))
    assert all(np.isfinite(leaf).all() for leaf in expected)
    changed = np.where(batch['known'], batch['contacts'], value).astype(np.float32)
    leaves = jax.tree.leaves(computed({**batch, 'contacts': changed}))
    for one, other in zip(expected, leaves, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_known_pair_counts_and_rows_of_weight_0_do_not(computed):
    batch = make_batch()
    (loss, states), _ = computed(batch)
    assert states['loss'].count == batch['known'].sum()
    at = tuple(np.argwhere(batch['known'])[0])
    changed = batch['contacts'].copy()
    changed[at] += 1
    assert computed({**batch, 'contacts': changed})[0][0] != loss
    totals = []
    for row in range(4):
        weight = (np.arange(4) == row).astype(np.float32)
        (_, alone), _ = computed({**batch, 'weight': weight})
        totals.append(np.array(alone['loss']))
    np.testing.assert_allclose(np.sum(totals, 0), np.array(states['loss']), rtol=1e-5)


def test_what_does_not_fit_is_said_from_the_config():
    assert task_of().misfits() == [] and task_of().batch_spec()['contacts'].shape == (4, 6, 6)
    (line,) = task_of(tokenizer=kmer.KmerTokenizer(3)).misfits()
    assert "tokenizer.kind='nucleotide'" in line
    sizes = {'width': 16, 'depth': 1, 'heads': 2, 'key_width': 4, 'basis': 12, 'multiple': 8}
    binned = functools.partial(enformer.EnformerConfig, **sizes, stages=5)
    assert task_of(binned(crop=4)).misfits() == []
    for wrong in (task_of(binned(crop=5)), task_of(binned(crop=0), bin=48, crop=128)):
        (line,) = wrong.misfits()
        assert 'do not fit a model with bins of 32 bp' in line
    with pytest.raises(errors.UsageError, match='data.length=0 leaves the sizes'):
        task_of(length=0).batch_spec()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Contacts of a simulated genome, in shards."""
    folder = tmp_path_factory.mktemp('hic')
    table = contact_files.write_simulated(folder)
    settings = contact_settings.ContactSettings(
        window=4_096, crop=512, bin=512, block=1, test=('chr4',)
    )
    prepare.prepare_contacts(folder / 'genome.fa', table, folder / 'shards', settings)
    return folder


def train(folder, workdir: str, steps: int) -> pathlib.Path:
    """A run of a small network by the command, in a folder beside the shards."""
    data = dataset.ContactsDataConfig(path=str(folder / 'shards'), batch_size=2)
    experiment = experiments.Experiment(
        model=dilated_cnn.DilatedCnnConfig(width=16, stages=7, depth=1, inner=8),
        tokenizer=experiments.TokenizerConfig('nucleotide', k=1),
        tasks={'hic': tasks.ContactsConfig(width=8, inner=8, data=data)},
        optim=experiments.OptimConfig(warmup=1, decay='none'),
        steps=steps,
        log_every=1,
        validate_every=2,
        save_every=2,
    )
    path = folder / f'{steps}.json'
    path.write_text(json.dumps(config.to_dict(experiment)))
    main.main(['train', f'--config={path}', f'--workdir={folder / workdir}'])
    return folder / workdir


@pytest.fixture(scope='module')
def workdir(folder):
    return train(folder, 'run', 2)


@pytest.mark.slow
def test_a_resumed_run_is_that_which_never_stopped(folder):
    train(folder, 'resumed', 2)
    rows = [
        [json.loads(line) for line in (path / 'metrics.jsonl').read_text().splitlines()]
        for path in (train(folder, 'resumed', 4), train(folder, 'whole', 4))
    ]
    losses = [[(row['step'], row['kind'], row['hic/loss']) for row in some] for some in rows]
    assert losses[0] == losses[1] and len(losses[0]) == 6


@pytest.mark.slow
def test_a_run_is_evaluated_beside_baselines_and_loaded_to_predict(folder, workdir, capsys):
    main.main(['evaluate', str(workdir)])
    main.main(['report', str(workdir)])
    printed = capsys.readouterr().out
    for words in ('GC and motif counts', '- GC, motif counts and strands', 'true rates (ceiling)'):
        assert words in printed
    main.main(['evaluate', str(workdir), '--limit=1'])
    assert re.search(r'1 of \d+ windows \(--limit\)', capsys.readouterr().out)
    assert 'Decay with distance earns nothing' in (workdir / 'report.html').read_text()
    model = genojax.load(workdir)
    data = dataset.ContactsDataConfig(path=str(folder / 'shards'))
    datasets = dataset.ContactsDatasets(data, 0, TOKENIZER)
    codes = datasets.load(datasets.windows['test'][:2]).codes_NL
    sequences = [''.join('ACGTN'[base] for base in row) for row in codes.tolist()]
    predicted = model.predict(sequences)
    assert predicted.names[0] == '0_2' and predicted.values.shape == (2, 10)
    with pytest.raises(errors.InputError, match='HC10.*4,095 bases.*windows of 4,096'):
        model.predict([sequences[0][1:]])
