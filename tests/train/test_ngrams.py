"""A run of a model that reads n-gram counts: they are counted once, kept and read without data."""

import jax
import numpy as np
import pytest

import genojax
from genojax import errors
from genojax import experiment as experiments
from genojax.cli import flags, main
from genojax.inference import prediction
from genojax.interpret import attribution
from genojax.nn import ngram_config
from genojax.train import loop, runs

FIELDS = {
    'steps': '2', 'optim.warmup': '1', 'validate_every': '2', 'save_every': '2',
    'model.width': '8', 'model.depth': '1', 'model.heads': '1', 'model.inner': '8',
    'model.ngrams.side': '2', 'model.ngrams.both': '1', 'model.ngrams.species': '2',
    'tasks.masked_lm.data.mixture.length': '64', 'tasks.masked_lm.data.mixture.batch_size': '8',
    'tasks.masked_lm.data.validation_windows': '16',
}  # fmt: skip


def make_experiment(shards, **more):
    values = flags.load('ngrams')
    for name, text in {**FIELDS, 'tasks.masked_lm.data.shards': str(shards), **more}.items():
        flags.override(values, name, text)
    return experiments.from_config(values)


@pytest.fixture(scope='module')
def finished(shards, tmp_path_factory):
    """A run of two steps, and its state at the start and at the end."""
    folder = tmp_path_factory.mktemp('ngrams') / 'run'
    run = runs.open_run(make_experiment(shards), folder, jax.devices()[:1])
    states = [jax.device_get(run.start()), jax.device_get(loop.train(run))]
    run.close()
    return run, states


def test_the_counts_are_those_of_the_training_windows_and_do_not_change(finished):
    run, states = finished
    collection = run.datasets['masked_lm'].counts(run.experiment.model.ngrams)
    expected = collection[ngram_config.COLLECTION]['ngrams']
    for state in states:
        tables = state.extra[ngram_config.COLLECTION]['ngrams']
        assert tables.keys() == expected.keys()
        for name, table in tables.items():
            np.testing.assert_array_equal(table, expected[name])
    windows = run.datasets['masked_lm'].train_windows
    both_strands = 2 * sum(part.bases for part in windows.values())
    assert 0.9 * both_strands < tables['left0_right0'][0].sum() <= both_strands
    strengths = [state.params['model']['ngrams']['side'] for state in states]
    assert (strengths[0] != strengths[1]).any()  # a_j are trained


def test_a_loaded_model_reads_its_counts_and_needs_no_data(finished, one_device):
    run, _ = finished
    model = genojax.load(run.workdir)
    result = model.log_likelihood(['ACGTTGCATTAGCATGCATTGACCATGA'])
    assert np.isfinite(result.per_base[0]).all() and (result.scored_N == 28).all()
    head = prediction.TaskHead('any', 'values', (), None, list, list, list)
    with pytest.raises(errors.UsageError, match='genojax interpret mutagenesis'):
        attribution.integrated_gradients(model, head, [])


def test_no_published_format_holds_it(finished, tmp_path, capsys, one_device):
    run, _ = finished
    with pytest.raises(SystemExit) as stop:
        main.main(['convert', str(run.workdir), str(tmp_path / 'out')])
    assert stop.value.code == 2
    assert 'cannot be written in a published format' in capsys.readouterr().err


def test_other_species_and_overlapping_windows_are_refused_with_the_field(shards, tmp_path):
    with pytest.raises(errors.UsageError, match=r'--config\.model\.ngrams\.species=2 '):
        run = runs.open_run(
            make_experiment(shards, **{'model.ngrams.species': '3'}), tmp_path / 'run'
        )
        loop.train(run)
    with pytest.raises(errors.UsageError, match=r'data\.stride=0'):
        make_experiment(shards, **{'tasks.masked_lm.data.stride': '32'})
