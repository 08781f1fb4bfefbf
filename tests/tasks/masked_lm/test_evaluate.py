"""Bits per base of the test windows beside Markov models, also of species not trained on."""

import jax
import numpy as np
import pytest

from genojax import dna, experiment, metrics
from genojax.cli import flags
from genojax.data.store import ingest
from genojax.tasks.masked_lm import evaluate
from genojax.train import runs


def _evaluate(directory, species, **fields):
    """An untrained run on random genomes: the datasets and the evaluation of the test split.

    Args:
        species: (name, word of the split column, shares of the bases).
        fields: of the task's data.
    """
    folder = directory / 'genomes'
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = ['species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\tsplit']
    for name, split, p in species:
        letters = dna.decode(rng.choice(4, 4_000, p=p).astype(np.uint8))
        (folder / f'{name}.fa').write_text(f'>{name}1\n{letters}\n')
        lines.append(f'{name}\t{name}.fa\t*\t\tno\tno\t{split}')
    (folder / 'genomes.tsv').write_text('\n'.join(lines) + '\n')
    ingest.ingest(folder, directory / 'shards')
    values = flags.load('debug_cpu')
    for name, text in {'shards': str(directory / 'shards'), **fields}.items():
        flags.override(values, f'tasks.masked_lm.data.{name}', text)
    run = runs.open_run(experiment.from_config(values), directory / 'run', jax.devices()[:1])
    task, datasets = run.tasks['masked_lm'], run.datasets['masked_lm']
    result = task.evaluate(run.trained(run.start()), datasets)
    run.close()
    return datasets, result


def test_a_test_species_is_scored_by_markov_models_of_all_training_species(tmp_path):
    species = (
        ('a', 'train', [0.4, 0.1, 0.1, 0.4]),
        ('b', 'train', [0.1, 0.4, 0.4, 0.1]),
        ('c', 'test', [0.1, 0.2, 0.6, 0.1]),
    )
    datasets, result = _evaluate(tmp_path, species)
    assert datasets.mixture.shares == {'a': 0.5, 'b': 0.5}
    assert list(result['species']) == result['test_only'] == ['c']
    assert result['not_scored'] == ['a', 'b']
    # The composition of a and b together is uniform, whatever that of c is: two bits per base.
    assert result['species']['c']['order0'][0] == pytest.approx(2.0, abs=0.01)
    # Half of the windows of c are the validation split: the table leaves nothing else out.
    assert datasets.validates_on_test_contigs
    windows = len(datasets.test_windows['c'])
    assert result['all']['n_windows'] <= windows
    assert windows + len(datasets.validation_windows['c']) == 4_000 // 64 + 1
    assert result['all']['n_bases'] == result['species']['c']['n_bases'] > 100
    text = evaluate.as_text(result)
    assert all(name in text for name in evaluate.MODEL_NAMES.values())
    assert result['limited'] is None
    best = metrics.format_interval(result['all']['differences']['two_sided'])
    assert f'two-sided Markov {best}' in text
    assert 'masked bases' in text.splitlines()[0] and 'two-sided up to five on either side' in text
    # The genomes are random and share no 24 bases: every window is one without a training k-mer.
    clean = dict(result['without_training_kmer'])
    assert clean.pop('searched') == result['all']['n_windows'] and clean == result['all']
    assert result['validation']['n_windows'] == len(datasets.validation_windows['c'])


def test_a_species_in_leave_out_is_scored_by_markov_models_of_what_is_trained_on(tmp_path):
    """The model does not train on its windows, so the baselines may not count them either."""
    species = (('a', '', [0.4, 0.1, 0.1, 0.4]), ('b', '', [0.1, 0.4, 0.4, 0.1]))
    fields = {'mixture.leave_out': "('b',)", 'validation_windows': '4', 'homology': 'False'}
    datasets, result = _evaluate(tmp_path, species, **fields)
    assert datasets.mixture.shares == {'a': 1.0} and len(datasets.train_windows['b'])
    assert result['test_only'] == ['b'] and result['not_scored'] == []
    # Four of five bases of b are C or G, which are one in ten of the bases of a.
    expected = -0.2 * np.log2(0.4) - 0.8 * np.log2(0.1)
    assert result['species']['b']['order0'][0] == pytest.approx(expected, abs=0.25)
