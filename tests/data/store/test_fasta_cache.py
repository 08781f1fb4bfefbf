"""A FASTA in a cache is the FASTA as it was read; an incomplete cache is none."""

import numpy as np

from genojax.data.formats import fasta
from genojax.data.store import fasta_cache


def test_a_cached_record_is_the_record_that_was_read(genomes, tmp_path):
    path = genomes / 'ab.fa.gz'
    written = fasta_cache.write(path, tmp_path / 'x.u8', None)
    loaded = fasta_cache.load(tmp_path / 'x.u8')
    assert loaded == written
    for record in fasta.read(path):
        cached = loaded.record(record.name)
        np.testing.assert_array_equal(cached.codes, record.codes)
        np.testing.assert_array_equal(cached.soft_masked, record.soft_masked)
        assert cached.stats == record.stats


def test_only_the_named_records_are_cached_but_all_names_are_known(genomes, tmp_path):
    cache = fasta_cache.write(genomes / 'ab.fa.gz', tmp_path / 'x.u8', frozenset({'b1', 'a2'}))
    assert cache.names == ('a1', 'a2', 'b1', 'b2') and list(cache.entries) == ['a2', 'b1']
    assert cache.path.stat().st_size == 65_536 + 7


def test_an_incomplete_cache_is_not_used(genomes, tmp_path):
    path = tmp_path / 'x.u8'
    assert fasta_cache.load(path) is None
    fasta_cache.write(genomes / 'c.fa', path, None)
    path.write_bytes(path.read_bytes()[:-1])
    assert fasta_cache.load(path) is None
    path.unlink()
    assert fasta_cache.load(path) is None
