"""Local copies of URLs: where they are, what they are called, and what is read only once."""

import pathlib

import pytest

from genojax import errors, stores
from genojax.cli import flags
from genojax.stores import bucket, staging
from genojax.train import workdir as workdirs
from tests.stores import memory, test_mirror

URL = 's3://bucket/runs/one'


@pytest.fixture
def target(tmp_path, monkeypatch):
    """The bucket behind `URL`, and an empty staging folder."""
    monkeypatch.setenv(staging.VARIABLE, str(tmp_path / 'staging'))
    for name in ('_names', '_read'):
        monkeypatch.setattr(staging, name, {})
    monkeypatch.setattr(bucket.time, 'sleep', lambda seconds: None)
    bucket_of_url, _ = memory.new_bucket()
    monkeypatch.setattr(bucket, 'open_bucket', lambda url: bucket_of_url)
    monkeypatch.setattr(staging.atexit, 'register', lambda function: None)
    return bucket_of_url


def test_messages_name_the_url(target):
    folder = staging.folder_of(URL, 'run')
    assert folder.name == 'one' and folder != staging.folder_of(URL, 'read')
    assert staging.as_named(f'{folder}_2 is free, {folder}/a is not') == (
        f'{URL}_2 is free, {URL}/a is not'
    )
    assert flags.location(URL) == URL and flags.location('runs/a') == pathlib.Path('runs/a')


def test_a_model_in_a_bucket_is_read_once(target, tmp_path):
    with pytest.raises(errors.UsageError, match=f'{URL}: there is nothing'):
        stores.local(URL)
    target.write('config.json', b'{}')
    folder = stores.local(URL)
    assert (folder / 'config.json').read_bytes() == b'{}'
    target.write('other.json', b'{}')
    assert stores.local(f'{URL}/') == folder and not (folder / 'other.json').exists()
    (folder / 'report.html').write_text('page')
    staging.push_additions()
    assert target.read('report.html') == b'page'


def test_shards_are_checked_when_they_arrive(target):
    target.write('manifest.json', b'{}')
    checked = []
    folder = staging.local_shards(URL, checked.append)
    (folder / 'splits').mkdir()
    (folder / 'splits' / 'one.json').write_text('{}')
    assert staging.local_shards(URL, checked.append) == folder and checked == [folder]
    assert (folder / 'splits' / 'one.json').exists()  # computed here, not in the bucket
    target.write('manifest.json', b'{ }')

    def refuse(folder):
        raise errors.DamageError('damaged')

    for _ in range(2):  # damaged copies are read anew
        with pytest.raises(errors.DamageError):
            staging.local_shards(URL, refuse)
    assert staging.local_shards(URL, checked.append) == folder and len(checked) == 2


def test_shards_are_complete_only_with_the_manifest_that_is_written_last(target):
    folder = staging.folder_of(URL, 'shards')
    folder.mkdir(parents=True)
    for name in ('manifest.json', 'manifest.sha256', 'shard-0'):
        (folder / name).write_text(name)
    written = target._system.written
    staging.push_shards(URL)
    assert [path.rpartition('/')[2] for path in written][0] == 'shard-0' and len(written) == 3


def test_a_workdir_in_a_bucket_is_claimed_there_before_the_first_step(target, tmp_path):
    one = workdirs.open_workdir(URL)
    assert not one.claimed and staging.token_of(one.path) > 0
    (one.path / 'datasets.json').write_text('{}')
    assert target.list().keys() == {'run.lock'}
    one.claim({'started': 'today'}, {'steps': 1})
    one.publish()
    assert {'config.json', 'run.json', 'datasets.json'} <= target.list().keys()
    test_mirror.write_run(one.path, 1)
    one.close()
    assert 'checkpoints/integrity/1.json' in target.list() and 'run.lock' not in target.list()
    assert workdirs.open_workdir(URL, read_only=True).claimed


def test_a_start_that_failed_leaves_the_bucket_as_it_was(target):
    one = workdirs.open_workdir(URL)
    (one.path / 'datasets.json').write_text('{}')
    one.close()
    assert target.list() == {}


def test_a_bucket_that_refuses_writes_is_found_before_the_first_step(target, monkeypatch):
    target._system.forever = True
    with pytest.raises(errors.UsageError, match=r'cannot be written: 503 slow down\. Fix: '):
        workdirs.open_workdir(URL)
