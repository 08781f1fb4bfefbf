"""Runs with tokenizers that divide a sequence into pieces: from a config to a score.

A tokenizer's file may change or disappear while a run exists.
"""

import pathlib

import jax
import numpy as np
import pytest

from genojax import errors
from genojax import experiment as experiments
from genojax.cli import flags
from genojax.tokenizers import bpe
from genojax.train import log, loop, runs
from tests.tokenizers import files


def make_experiment(shards, tokenizer, **more):
    values = flags.load('debug_cpu')
    task = {
        'data.shards': str(shards),
        'data.validation_windows': '16',
        'data.mixture.weights': "{'*': 1.0}",
        'mask.rate': '0.15',
    }
    changes = {
        **{f'tasks.masked_lm.{name}': value for name, value in task.items()},
        'steps': '4',
        'optim.warmup': '2',
        'log_every': '2',
        'validate_every': '4',
        'save_every': '2',
        **{f'tokenizer.{name}': value for name, value in tokenizer.items()},
        **more,
    }
    for name, text in changes.items():
        flags.override(values, name, text)
    return experiments.from_config(values)


def finish(experiment, folder, **options):
    run = runs.open_run(experiment, folder, jax.devices()[:1])
    state = loop.train(run, **options)
    return run, state


def evaluate(run, state):
    """The evaluation of the run's only task on its test windows."""
    return run.tasks['masked_lm'].evaluate(run.trained(state), run.datasets['masked_lm'])


@pytest.mark.slow
def test_non_overlapping_kmers_train_and_are_scored_beside_markov_on_the_same_bases(
    shards, tmp_path
):
    tokenizer = {'kind': 'nonoverlapping', 'k': '3', 'tokens': '20'}  # 22 would hold the window
    experiment = make_experiment(shards, tokenizer, **{'model.vocab': '73', 'model.pad_id': '1'})
    run, state = finish(experiment, tmp_path / 'run')
    result = evaluate(run, state)
    windows = sum(len(part) for part in run.datasets['masked_lm'].test_windows.values())
    run.close()
    assert result['all']['n_bases'] > 100
    # After four steps the model knows nothing yet, and a base costs slightly more than 2 bits:
    # 68 words where 64 occur.
    assert result['all']['model'][0] == pytest.approx(np.log2(68) / 3, abs=0.1)
    assert 1.8 < result['all']['order0'][0] < 2.05
    # 64 bases in 19 tokens: 57 of them.
    assert result['bases_left_out'] == 7 * windows
    rows = [row for row in log.read(tmp_path / 'run') if row['kind'] == 'train']
    assert rows[-1]['masked_lm/left_out'] == pytest.approx(7 / 64)


def test_a_bpe_run_reads_its_own_copy_of_the_file(shards, tmp_path):
    path = pathlib.Path(files.write(tmp_path / 'source.json'))
    vocab = bpe.BpeTokenizer(str(path)).vocab_size
    experiment = make_experiment(
        shards,
        {'kind': 'bpe', 'file': str(path), 'tokens': '60'},
        **{'model.vocab': str(vocab), 'model.pad_id': '3'},
    )
    text = path.read_text()
    finish(experiment, tmp_path / 'run', stop_at=2)[0].close()
    path.unlink()
    reopened = runs.read_experiment(tmp_path / 'run')  # as `genojax evaluate` does
    run, state = finish(reopened, tmp_path / 'run')
    assert int(state.step) == 4
    assert np.isfinite(evaluate(run, state)['all']['model'][0])
    run.close()
    path.write_text(text)
    # The same command again.
    runs.open_run(experiment, tmp_path / 'run', jax.devices()[:1]).close()
    files.write(path, words=['T', 'G', 'C', 'A', 'AC', 'GT', 'TA', 'ACGT', 'TATA'])
    with pytest.raises(errors.UsageError, match='tokenizer.sha256'):
        runs.open_run(experiment, tmp_path / 'run', jax.devices()[:1])
    (tmp_path / 'run' / 'tokenizer.json').write_text(path.read_text())
    with pytest.raises(errors.DamageError, match='is not the tokenizer of this run'):
        runs.read_experiment(tmp_path / 'run')


def test_ids_that_the_model_reads_otherwise_are_refused(shards):
    tokenizer = {'kind': 'nonoverlapping', 'k': '3'}
    with pytest.raises(errors.UsageError, match='model.pad_id=0, but 1 by the tokenizer'):
        make_experiment(shards, tokenizer, **{'model.vocab': '73'})
