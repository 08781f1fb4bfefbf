"""Bits per base of the test windows beside Markov models, also of species not trained on."""

import jax
import numpy as np
import pytest

from genojax import dna, experiment
from genojax.cli import flags
from genojax.data.store import ingest
from genojax.tasks.masked_lm import evaluate
from genojax.train import runs


def test_a_test_species_is_scored_by_markov_models_of_all_training_species(tmp_path):
    folder = tmp_path / 'genomes'
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = ['species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\tsplit']
    for name, split, p in (
        ('a', 'train', [0.4, 0.1, 0.1, 0.4]),
        ('b', 'train', [0.1, 0.4, 0.4, 0.1]),
        ('c', 'test', [0.1, 0.2, 0.6, 0.1]),
    ):
        letters = dna.decode(rng.choice(4, 4_000, p=p).astype(np.uint8))
        (folder / f'{name}.fa').write_text(f'>{name}1\n{letters}\n')
        lines.append(f'{name}\t{name}.fa\t*\t\tno\tno\t{split}')
    (folder / 'genomes.tsv').write_text('\n'.join(lines) + '\n')
    ingest.ingest(folder, tmp_path / 'shards')
    values = flags.load('debug_cpu')
    flags.override(values, 'tasks.masked_lm.data.shards', str(tmp_path / 'shards'))
    run = runs.open_run(experiment.from_config(values), tmp_path / 'run', jax.devices()[:1])
    task, datasets = run.tasks['masked_lm'], run.datasets['masked_lm']
    assert datasets.mixture.shares == {'a': 0.5, 'b': 0.5}
    result = task.evaluate(run.trained(run.start()), datasets)
    run.close()
    assert list(result['species']) == result['test_only'] == ['c']
    assert result['not_scored'] == ['a', 'b']
    # The composition of a and b together is uniform, whatever that of c is: two bits per base.
    assert result['species']['c']['order0'][0] == pytest.approx(2.0, abs=0.01)
    # Half of the windows of c are the validation split.
    windows = len(datasets.test_windows['c'])
    assert result['all']['n_windows'] <= windows
    assert windows + len(datasets.validation_windows['c']) == 4_000 // 64 + 1
    assert result['all']['n_bases'] == result['species']['c']['n_bases'] > 100
    assert 'order 5' in evaluate.as_text(result)
