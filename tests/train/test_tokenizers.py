"""Runs with tokenizers that cut: from the command line's config to a score, and files that change under a run."""

import pathlib

import jax
import numpy as np
import pytest

from genojax import errors, experiment, simulate
from genojax.cli import flags
from genojax.data.store import ingest
from genojax.inference import trained
from genojax.tasks.masked_lm import evaluate as held_out
from genojax.tokenizers import bpe
from genojax.train import log, loop, runs
from tests.tokenizers import files


@pytest.fixture(scope='module')
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clade')
    small = simulate.SimulationConfig(species=2, length=60_000, genes=12, task_rows=0)
    simulate.write(folder / 'genomes', small)
    ingest.ingest(folder / 'genomes', folder / 'shards')
    return folder / 'shards'


def recipe(shards, tokenizer, **more):
    values = flags.load('debug_cpu')
    changes = {
        'data.shards': str(shards), 'data.eval_windows': '16', 'data.mixture.weights': "{'*': 1.0}",
        'objective.mask.rate': '0.15', 'steps': '4', 'log_every': '2', 'eval_every': '4', 'save_every': '2',
        **{f'tokenizer.{name}': value for name, value in tokenizer.items()}, **more,
    }  # fmt: skip
    for name, text in changes.items():
        flags.override(values, name, text)
    return experiment.from_config(values)


def finish(config, folder, **options):
    run = runs.Run(config, folder, jax.devices()[:1])
    state = loop.train(run, **options)
    return run, state


def test_six_mers_side_by_side_train_and_are_scored_beside_markov_on_the_same_bases(
    shards, tmp_path
):
    tokenizer = {'kind': 'nonoverlapping', 'k': '3', 'tokens': '20'}  # 22 would hold the window
    config = recipe(shards, tokenizer, **{'model.vocab': '73', 'model.pad_id': '1'})
    run, state = finish(config, tmp_path / 'run')
    found = held_out.score(run, state)
    windows = sum(len(held) for _, held in run.feed.windows.values())
    run.close()
    assert found['all']['n_bases'] > 100
    # A third of a tenth of a step: it knows nothing yet, and a base costs 2 bits and a little (68 words for 64).
    assert found['all']['model'][0] == pytest.approx(np.log2(68) / 3, abs=0.1)
    assert 1.8 < found['all']['order0'][0] < 2.05
    # 64 bases in 19 tokens: 57 of them.
    assert found['bases_left_out'] == 7 * windows
    rows = [row for row in log.read(tmp_path / 'run') if row['kind'] == 'train']
    assert rows[-1]['left_out'] == pytest.approx(7 / 64)


def test_a_bpe_run_lives_on_its_own_copy_of_the_file(shards, tmp_path):
    path = pathlib.Path(files.write(tmp_path / 'mine.json'))
    vocab = bpe.BpeTokenizer(str(path)).vocab_size
    config = recipe(
        shards,
        {'kind': 'bpe', 'file': str(path), 'tokens': '60'},
        **{'model.vocab': str(vocab), 'model.pad_id': '3'},
    )
    text = path.read_text()
    finish(config, tmp_path / 'run', stop_at=2)[0].close()
    path.unlink()
    opened = trained.read_config(tmp_path / 'run')  # as `genojax evaluate` does
    run, state = finish(opened, tmp_path / 'run')
    assert int(state.step) == 4
    assert np.isfinite(held_out.score(run, state)['all']['model'][0])
    run.close()
    path.write_text(text)
    runs.Run(config, tmp_path / 'run', jax.devices()[:1]).close()  # the same command again
    files.write(path, words=['T', 'G', 'C', 'A', 'AC', 'GT', 'TA', 'ACGT', 'TATA'])
    with pytest.raises(errors.UsageError, match='tokenizer.sha256'):
        runs.Run(config, tmp_path / 'run', jax.devices()[:1])
    (tmp_path / 'run' / 'tokenizer.json').write_text(path.read_text())
    with pytest.raises(errors.DamageError, match='is not the tokenizer of this run'):
        trained.read_config(tmp_path / 'run')


def test_ids_that_the_model_reads_otherwise_are_refused(shards):
    tokenizer = {'kind': 'nonoverlapping', 'k': '3'}
    with pytest.raises(errors.UsageError, match='model.pad_id=0, but 1 by the tokenizer'):
        recipe(shards, tokenizer, **{'model.vocab': '73'})
