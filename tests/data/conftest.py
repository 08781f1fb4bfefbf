"""Fixtures of the data tests: a directory of genomes and its shards, written once. Do not change them."""

import pytest

from genojax.data.store import ingest
from tests.data import genome_files


@pytest.fixture(scope='session')
def genomes(tmp_path_factory):
    return genome_files.write_genomes(tmp_path_factory.mktemp('in') / 'genomes')


@pytest.fixture(scope='session')
def shards(genomes, tmp_path_factory):
    out = tmp_path_factory.mktemp('out') / 'shards'
    assert ingest.ingest(genomes, out).status == 'written'
    return out
