"""`genojax.load` opens runs of every task and converted models."""

import json
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

import genojax
from genojax import experiment as experiments
from genojax import simulate
from genojax.cli import flags, main
from genojax.data.store import ingest
from genojax.models import enformer
from genojax.train import runs
from tests.convert import published
from tests.convert import test_enformer as published_enformer

SEQUENCES = ['ACGTTGCA' * 3, 'TTGACATATAATGCGTACGATCA']


def open_and_save(config, overrides, folder):
    """A run whose fresh parameters are its checkpoint: nothing is trained."""
    values = flags.load(config)
    for name, text in overrides.items():
        flags.override(values, name, text)
    run = runs.open_run(experiments.from_config(values), folder, jax.devices()[:1])
    run.save(run.start(), 1.0)
    run.close()
    return folder


@pytest.fixture(scope='module')
def pretrained(tmp_path_factory):
    """A masked-LM run on a small simulated clade."""
    folder = tmp_path_factory.mktemp('masked_lm')
    small = simulate.SimulationConfig(species=2, length=60_000, genes=12, task_rows=0)
    simulate.write(folder / 'genomes', small)
    ingest.ingest(folder / 'genomes', folder / 'shards')
    overrides = {'tasks.masked_lm.data.shards': str(folder / 'shards')}
    return open_and_save('debug_cpu', overrides, folder / 'run')


def test_a_classification_run_loads_without_its_head(tmp_path):
    rng = np.random.default_rng(0)
    rows = [f'{"".join(rng.choice(list("ACGT"), 40))}\t{i % 2}\n' for i in range(60)]
    (tmp_path / 'table.tsv').write_text('sequence\tlabel\n' + ''.join(rows))
    overrides = {
        'tasks.promoters.data.path': str(tmp_path / 'table.tsv'),
        'model.depth': '1',
        'model.unroll': '1',
    }
    model = genojax.load(open_and_save('demo_promoters', overrides, tmp_path / 'run'))
    assert model.embed(SEQUENCES).shape == (2, 64)
    assert model.provenance['step'] == 0


def test_a_coverage_run_predicts_tracks(tmp_path):
    simulate.write_tracks(tmp_path, 'one', windows=(6, 3), length=256, crop=64, pool_width=4)
    network = enformer.EnformerConfig(
        width=16, depth=1, heads=2, key_width=4, basis=12, stages=2, multiple=8, crop=16,
        organisms=('sim',), tracks=(4,),
    )  # fmt: skip
    data = genojax.CoverageDataConfig(path=str(tmp_path), organisms={'sim': 'one'}, bin=4)
    experiment = genojax.Experiment(
        model=network,
        tasks={'coverage': genojax.CoverageConfig(data=data)},
        tokenizer=genojax.TokenizerConfig('nucleotide', k=1),
        optim=genojax.OptimConfig(warmup=1),
        steps=1,
    )
    run = runs.open_run(experiment, tmp_path / 'run', jax.devices()[:1])
    run.save(run.start(), 1.0)
    run.close()
    model = genojax.load(tmp_path / 'run', window=256)
    assert model.tracks(SEQUENCES)['sim'].shape == (2, 32, 4)
    assert model.embed(SEQUENCES).shape[0] == 2


@pytest.mark.parametrize('name', ['dnabert', 'nt_v1', 'gena_bigbird'])
def test_converted_encoders_load_and_score_sequences(name, tmp_path):
    source = published.write(name, tmp_path / 'published')
    main.main(['convert', str(source), str(tmp_path / 'converted')])
    model = genojax.load(tmp_path / 'converted')
    vectors = model.embed(SEQUENCES)
    assert np.isfinite(vectors).all() and len(vectors) == 2
    np.testing.assert_array_equal(model.embed(SEQUENCES[1:])[0], vectors[1])
    scored = model.log_likelihood(SEQUENCES[1:], mask=4)
    assert scored.scored_N[0] > 0 and scored.total_N[0] < 0
    assert model.provenance['license']


def test_a_converted_enformer_predicts_tracks(tmp_path):
    with np.load(published_enformer.HERE / 'oracles' / 'enformer.npz') as arrays:
        source = published_enformer.published({'source': 'enformer', **arrays}, tmp_path)
    main.main(['convert', str(source), str(tmp_path / 'converted'), '--kind=enformer'])
    spec = genojax.load(tmp_path / 'converted', window=2**14).input_spec
    model = genojax.load(tmp_path / 'converted', window=(2 * spec.crop + 4) * spec.bin)
    tracks = model.tracks(SEQUENCES)
    assert {x.shape[:2] for x in tracks.values()} == {(2, 4)}
    assert all(np.isfinite(x).all() for x in tracks.values())


def test_a_run_opens_quietly(pretrained):
    """Orbax warns of each checkpoint that is opened for reading."""
    code = f'import genojax; genojax.load({str(pretrained)!r})'
    process = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert 'WARNING' not in process.stderr and not process.stdout


def test_a_run_of_an_earlier_version_opens(pretrained, tmp_path):
    """Its config.json has fields that are gone, no hash, and its run.json no lengths."""
    old = shutil.copytree(pretrained, tmp_path / 'old')
    values = json.loads((old / 'config.json').read_text())
    values = {name: value for name, value in values.items() if name != 'sha256'}
    values['model']['attention']['global_tokens'] = 1
    values['optim']['beta1'] = 0.9
    (old / 'config.json').write_text(json.dumps(values))
    (old / 'run.json').write_text('{}')
    np.testing.assert_array_equal(
        genojax.load(old).embed(SEQUENCES), genojax.load(pretrained).embed(SEQUENCES)
    )
    main.main(['evaluate', str(old)])
    assert (old / 'evaluation' / 'masked_lm.test.json').is_file()


def test_an_exported_run_keeps_the_length_that_it_was_trained_at(pretrained, tmp_path):
    main.main(['convert', str(pretrained), str(tmp_path / 'out')])
    main.main(['convert', str(tmp_path / 'out'), str(tmp_path / 'back')])
    before, after = (genojax.load(path).reader for path in (pretrained, tmp_path / 'back'))
    assert after.trained_tokens == before.trained_tokens
    assert after.max_tokens == before.max_tokens
