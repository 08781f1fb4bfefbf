"""Held-out bits: a species that the genome table holds out whole is scored, and never drawn for training."""

import jax
import numpy as np
import pytest

from genojax import dna, experiment
from genojax.cli import flags
from genojax.data.store import ingest
from genojax.tasks.masked_lm import evaluate as held_out
from genojax.train import runs


def test_a_species_held_out_whole_is_scored_against_all_others_together(tmp_path):
    folder = tmp_path / 'genomes'
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = ['species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\tsplit']
    for name, split, p in (
        ('a', 'train', [0.4, 0.1, 0.1, 0.4]),
        ('b', 'train', [0.1, 0.4, 0.4, 0.1]),
        ('c', 'held_out', [0.1, 0.2, 0.6, 0.1]),
    ):
        letters = dna.decode(rng.choice(4, 4_000, p=p).astype(np.uint8))
        (folder / f'{name}.fa').write_text(f'>{name}1\n{letters}\n')
        lines.append(f'{name}\t{name}.fa\t*\t\tno\tno\t{split}')
    (folder / 'genomes.tsv').write_text('\n'.join(lines) + '\n')
    ingest.ingest(folder, tmp_path / 'shards')
    values = flags.load('debug_cpu')
    flags.override(values, 'data.shards', str(tmp_path / 'shards'))
    run = runs.Run(experiment.from_config(values), tmp_path / 'run', jax.devices()[:1])
    assert run.feed.mixture.shares == {'a': 0.5, 'b': 0.5}
    found = held_out.score(run, run.start())
    run.close()
    assert list(found['species']) == found['held_out_whole'] == ['c']
    assert found['not_scored'] == ['a', 'b']
    # Composition of a and b together is uniform, whatever c is made of: two bits a base.
    assert found['species']['c']['order0'][0] == pytest.approx(2.0, abs=0.01)
    assert found['all']['n_bases'] == found['species']['c']['n_bases'] > 200
