"""Jobs by processes or a Beam pipeline: results in order, and a mistake crosses the border whole."""

import sys

import pytest

from genojax import errors
from genojax.data.store import ingest, jobs
from tests.data import genome_files
from tests.data.store import test_ingest


def _square(job):
    if job == 5:
        raise errors.InputError('FA07', 'five', path='x.fa', line=3, record='r', fix='use six')
    return job * job


@pytest.mark.parametrize('workers', [1, 2])
def test_results_are_in_the_order_of_the_jobs(workers):
    assert list(jobs.by_processes(_square, [3, 1, 2], 'squares', workers)) == [9, 1, 4]


@pytest.mark.parametrize('workers', [1, 2])
def test_an_input_error_is_the_same_from_any_process(workers):
    with pytest.raises(errors.InputError) as caught:
        list(jobs.by_processes(_square, [1, 5, 2], 'squares', workers))
    error = caught.value
    assert (error.code, error.path, error.line, error.record) == ('FA07', 'x.fa', 3, 'r')
    assert 'five' in str(error) and 'use six' in str(error)


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

    assert jobs._run(tmp_path, bad) is None
    assert jobs.caught(bad, tmp_path)[1][0] == 'FA01'


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
