"""A small classifier of rows of several lengths, in the workdir of a run."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from genojax import experiment as experiments
from genojax.cli import flags
from genojax.train import runs

LENGTHS = (36, 40)  # bases of the rows


@dataclasses.dataclass(frozen=True)
class Trained:
    """A run that is still open, and the table that it read."""

    run: runs.Run
    state: Any
    table: Any
    sequences: list[str]


@pytest.fixture(scope='session')
def trained(tmp_path_factory) -> Trained:
    """Parameters are random, heads too: nothing is trained."""
    folder = tmp_path_factory.mktemp('predict')
    rng = np.random.default_rng(0)
    sequences = [''.join(rng.choice(list('ACGT'), LENGTHS[i % 7 == 0])) for i in range(90)]
    table = folder / 'table.tsv'
    lines = [f'{sequence}\t{i % 2}\t{i * 0.5}' for i, sequence in enumerate(sequences)]
    table.write_text('\n'.join(['sequence\tlabel\tscore', *lines]) + '\n')
    values = flags.load('demo_promoters')
    small = {'model.depth': '1', 'model.unroll': '1', 'model.width': '16', 'model.inner': '16'}
    for name, text in (small | {'tasks.promoters.data.path': str(table)}).items():
        flags.override(values, name, text)
    run = runs.open_run(experiments.from_config(values), folder / 'run', jax.devices()[:1])
    state = run.start()
    noisy = jax.tree.map(
        lambda x: x + 0.3 * jax.random.normal(jax.random.key(x.size), x.shape), state.params
    )
    state = state.replace(params=noisy)
    run.save(state, 1.0)
    run.checkpoints.wait()
    return Trained(run, state, table, sequences)
