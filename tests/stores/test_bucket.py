"""Whole objects, in several attempts; URLs that name a bucket."""

import pathlib
import sys

import pytest

from genojax import errors, stores
from genojax.cli import main
from genojax.stores import bucket
from tests.stores import memory


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Seconds that were slept, which take none."""
    seconds = []
    monkeypatch.setattr(bucket.time, 'sleep', seconds.append)
    return seconds


@pytest.mark.parametrize('fault', ['fail', 'half', 'lost'])
def test_a_write_that_went_wrong_is_repeated(fault, waits, tmp_path):
    target, faults = memory.new_bucket()
    faults.plan = [fault, fault]
    assert target.write('a/b', b'12345678').size == 8
    assert target.read('a/b') == b'12345678' and waits == [0.5, 1.0]
    faults.plan = [fault]
    (tmp_path / 'file').write_bytes(b'abcd')
    target.upload(tmp_path / 'file', 'c')
    assert {name: stored.size for name, stored in target.list().items()} == {'a/b': 8, 'c': 4}


def test_large_files_are_not_read_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(bucket, '_AT_ONCE', 2)
    target, faults = memory.new_bucket()
    (tmp_path / 'file').write_bytes(b'abcd')
    faults.plan = ['half']
    assert target.upload(tmp_path / 'file', 'c').size == 4


def test_after_some_attempts_it_is_one_line(waits):
    target, faults = memory.new_bucket()
    faults.forever = True
    with pytest.raises(errors.UsageError) as caught:
        target.write('a', b'1')
    assert f'{target.url}/a cannot be written: 503 slow down. Fix: ' in str(caught.value)
    assert '\n' not in str(caught.value) and len(waits) == 5 and waits[-1] == 8.0


def test_refused_is_not_tried_again(waits, monkeypatch):
    target, faults = memory.new_bucket()

    def refuse(path, data):
        raise PermissionError('403 Forbidden')

    monkeypatch.setattr(faults, 'pipe_file', refuse)
    with pytest.raises(errors.UsageError, match='403 Forbidden'):
        target.write('a', b'1')
    assert waits == []


def test_an_object_that_arrives_half_leaves_no_file(tmp_path):
    target, _ = memory.new_bucket()
    target.write('a', b'1234')
    with pytest.raises(errors.UsageError, match='4 of 5 bytes arrived'):
        target.download('a', tmp_path / 'x' / 'a', 5)
    assert list((tmp_path / 'x').iterdir()) == []
    target.download('a', tmp_path / 'x' / 'a', 4)
    assert (tmp_path / 'x' / 'a').read_bytes() == b'1234'


def test_what_is_not_there_is_none_and_can_be_removed():
    target, _ = memory.new_bucket()
    assert target.read('a') is None
    target.remove('a')
    assert target.list() == {}


def test_urls():
    assert stores.is_url('gs://bucket/run') and stores.is_url('s3://bucket/run')
    for path in ('runs/a', pathlib.Path('/runs/a'), './s3:/bucket', 'a:b', 'x/gs://y'):
        assert not stores.is_url(path)
    assert stores.local('runs/a') == pathlib.Path('runs/a')
    for url in ('s3://', 's3:///folder'):
        with pytest.raises(errors.UsageError, match='names no bucket'):
            bucket.open_bucket(url)
    with pytest.raises(errors.UsageError, match="'..' name no folder"):
        bucket.open_bucket('gs://bucket/../other')
    assert not stores.is_url(pathlib.Path('./s3:/bucket'))  # as a flag has it


@pytest.mark.parametrize('text', ['s3:/bucket/a', 'GS://b/a', 'file:///a', 'http://host/run'])
def test_other_urls_are_no_local_folders(text, tmp_path, monkeypatch):
    """They would be written below the current directory, and lost with the machine."""
    monkeypatch.chdir(tmp_path)
    for use in (stores.is_url, stores.local):
        with pytest.raises(errors.UsageError, match='is no place that can be read or written'):
            use(text)
    with pytest.raises(SystemExit) as stopped:
        main.main(['train', '--config=debug_cpu', f'--workdir={text}'])
    assert stopped.value.code == 2 and not list(tmp_path.iterdir())


@pytest.mark.parametrize(('scheme', 'package'), [('s3', 's3fs'), ('gs', 'gcsfs')])
def test_a_package_that_is_absent_is_one_line(scheme, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(errors.UsageError, match=r'needs the extra \w+\. Fix: .*pip install'):
        bucket.open_bucket(f'{scheme}://bucket/run')
