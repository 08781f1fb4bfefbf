"""Data that the runs of several test files share."""

import pytest

from genojax import simulate
from genojax.data.store import ingest


@pytest.fixture(scope='session')
def shards(tmp_path_factory):
    """Shards of a small simulated clade."""
    folder = tmp_path_factory.mktemp('clade')
    small = simulate.SimulationConfig(species=2, length=60_000, genes=12, task_rows=0)
    simulate.write(folder / 'genomes', small)
    ingest.ingest(folder / 'genomes', folder / 'shards')
    return folder / 'shards'
