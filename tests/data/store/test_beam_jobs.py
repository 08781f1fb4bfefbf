"""Ingest as an Apache Beam pipeline, and without it."""

import sys

import pytest

from genojax import errors
from genojax.data.store import beam_jobs, ingest, processes
from tests.data import genome_files
from tests.data.store import test_ingest


def test_without_beam_the_fix_is_named_and_nothing_is_written(genomes, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'apache_beam', None)
    with pytest.raises(errors.UsageError, match=r"pip install 'genojax\[beam\]'"):
        ingest.ingest(genomes, tmp_path / 'out', beam='')
    with pytest.raises(errors.UsageError, match='one of the two'):
        ingest.ingest(genomes, tmp_path / 'out', workers=2, beam='')
    assert not (tmp_path / 'out').exists()


def test_a_job_that_raises_does_not_end_the_pipeline(tmp_path):
    """The process that started it raises the error anew."""

    def bad(job):
        raise errors.InputError('FA01', 'no records', path=job)

    assert beam_jobs._run(tmp_path, bad) is None
    assert processes.caught(bad, tmp_path)[1][0] == 'FA01'


@pytest.mark.slow
def test_a_pipeline_writes_the_same_bytes_and_raises_the_same_errors(genomes, shards, tmp_path):
    pytest.importorskip('apache_beam', reason="pip install 'genojax[beam]'")
    ingest.ingest(genomes, tmp_path / 'out', beam='')
    assert test_ingest._hashes(tmp_path / 'out') == test_ingest._hashes(shards)
    bad = genome_files.write_genomes(tmp_path / 'in')
    (bad / 'c.fa').write_text('>c\nAC GT\n')
    with pytest.raises(errors.InputError, match=r"GX-FA07: .*c.fa:2: record 'c', base 3"):
        ingest.ingest(bad, tmp_path / 'bad', beam='')
    with pytest.raises(errors.UsageError, match='Unexpected pipeline runner: Nope'):
        ingest.ingest(genomes, tmp_path / 'nope', beam='--runner=Nope')
    assert not (tmp_path / 'bad').exists() and not (tmp_path / 'nope').exists()
