"""One file from a bad server: it is the right bytes in the end, or an error and no file."""

import gzip
import hashlib
import os
import shutil

import numpy as np
import pytest

from genojax import errors
from genojax.download import remote, transfer
from tests.download import conftest, local_server

DATA = gzip.compress(np.random.default_rng(0).bytes(60_000), mtime=0)
NAME = '/host/a.gz'
IMPATIENT = transfer.TransferSettings(timeout=0.05, attempts=2, first_wait=0.01)


def fetch(server, path, page=None, notices=None, **values):
    if page is not None:
        server.pages[NAME] = page
    return transfer.fetch(
        f'{server.url}{NAME}',
        path,
        settings=conftest.SETTINGS,
        notice=(notices if notices is not None else []).append,
        **values,
    )


def is_whole(got, data=DATA):
    sums = hashlib.sha256(data).hexdigest(), hashlib.md5(data).hexdigest()
    return got.path.read_bytes() == data and (got.sha256, got.md5, got.size) == (*sums, len(data))


@pytest.mark.parametrize(
    ('values', 'requests'),
    [
        ({}, 1),
        ({'cuts': [20_000]}, 2),
        ({'cuts': [20_000, 1, 0, 0, 30_000]}, 6),
        ({'statuses': [503, 429]}, 3),
        ({'stall': 0.002}, 1),
        ({'headers': {'Content-Length': None, 'Connection': 'close'}}, 1),
        ({'headers': {'ETag': None, 'Last-Modified': None}, 'cuts': [9_000]}, 2),
        ({'headers': {'Content-Encoding': 'x-gzip'}}, 1),
        ({'ranges': False, 'cuts': [20_000]}, 2),
    ],
    ids=['plain', 'cut', 'cut often', 'busy', 'slow', 'no length', 'no validator', 'labelled',
         'no ranges'],
)  # fmt: skip
def test_the_bytes_are_those_of_the_server(server, tmp_path, values, requests):
    got = fetch(server, tmp_path / 'a.gz', local_server.Page(DATA, **values))
    assert is_whole(got) and len(server.requests) == requests
    got.in_place(tmp_path / 'a.gz')
    assert os.listdir(tmp_path) == ['a.gz']


def test_what_came_is_not_asked_for_again(server, tmp_path):
    fetch(server, tmp_path / 'a.gz', local_server.Page(DATA, cuts=[20_000, 5_000]))
    assert server.ranges(NAME) == ['', 'bytes=20000-', 'bytes=25000-']


def test_without_a_validator_nothing_is_joined(server, tmp_path):
    page = local_server.Page(DATA, headers={'ETag': None}, cuts=[20_000])
    fetch(server, tmp_path / 'a.gz', page)
    assert server.ranges(NAME) == ['', '']


def test_a_weak_etag_is_no_validator(server, tmp_path):
    page = local_server.Page(DATA, headers={'ETag': 'W/"1"'}, cuts=[20_000])
    fetch(server, tmp_path / 'a.gz', page)
    assert server.ranges(NAME) == ['', '']


def stop_after(server, path, count):
    """A process that ended: the part that it left is there."""
    page = local_server.Page(DATA, cuts=[count, *[0] * 9])
    with pytest.raises(remote.Temporary, match='ended after'):
        fetch(server, path, page)
    server.requests.clear()


def test_another_process_continues(server, tmp_path):
    stop_after(server, tmp_path / 'a.gz', 20_000)
    assert (tmp_path / 'a.gz.partial').stat().st_size == 20_000
    got = fetch(server, tmp_path / 'a.gz', local_server.Page(DATA))
    assert is_whole(got) and got.resumed and server.ranges(NAME) == ['bytes=20000-']


def test_a_file_that_was_whole_when_the_process_ended_is_not_fetched_again(server, tmp_path):
    fetch(server, tmp_path / 'a.gz', local_server.Page(DATA))  # and was not put in its place
    got = fetch(server, tmp_path / 'a.gz')
    assert is_whole(got) and server.ranges(NAME) == ['', f'bytes={len(DATA) - 1}-']


def test_a_file_that_changed_in_between_is_fetched_anew(server, tmp_path):
    stop_after(server, tmp_path / 'a.gz', 20_000)
    other, notices = gzip.compress(b'another version' * 4000, mtime=0), []
    got = fetch(server, tmp_path / 'a.gz', local_server.Page(other), notices)
    assert is_whole(got, other)
    assert any('changed on the server' in notice for notice in notices)


def test_a_server_that_joins_versions_is_not_believed(server, tmp_path):
    """It ignores If-Range: the ETag of its part tells."""
    stop_after(server, tmp_path / 'a.gz', 20_000)
    other = DATA[:100] + bytes(len(DATA) - 100)
    got = fetch(server, tmp_path / 'a.gz', local_server.Page(other, obeys=False))
    assert is_whole(got, other) and server.ranges(NAME) == ['bytes=20000-', '']


def test_a_part_that_is_longer_than_the_file_is_dropped(server, tmp_path):
    stop_after(server, tmp_path / 'a.gz', 20_000)
    page = local_server.Page(DATA)
    (tmp_path / 'a.gz.partial').write_bytes(DATA + b'more')
    assert is_whole(fetch(server, tmp_path / 'a.gz', page))
    assert server.ranges(NAME)[-1] == ''


@pytest.mark.parametrize('state', ['', '{', '{"url": 3}', '{"url": "x", "validator": "y"}'])
def test_a_damaged_note_of_the_part_means_anew(server, tmp_path, state):
    stop_after(server, tmp_path / 'a.gz', 20_000)
    (tmp_path / 'a.gz.partial.json').write_text(state)
    assert is_whole(fetch(server, tmp_path / 'a.gz', local_server.Page(DATA)))
    assert server.ranges(NAME) == ['']


def test_a_connection_without_bytes_ends(server, tmp_path, monkeypatch):
    monkeypatch.setattr(conftest, 'SETTINGS', IMPATIENT)
    with pytest.raises(remote.Temporary, match='no byte came in time'):
        fetch(server, tmp_path / 'a.gz', local_server.Page(DATA, stall=0.3))
    assert len(server.requests) == 2


@pytest.mark.parametrize('more', [1, 1000])
def test_a_length_that_is_too_large_is_an_error(server, tmp_path, more):
    page = local_server.Page(DATA, stated_length=len(DATA) + more)
    with pytest.raises(remote.Temporary, match='ended after|no more bytes'):
        fetch(server, tmp_path / 'a.gz', page)
    assert not (tmp_path / 'a.gz').exists() and len(server.requests) <= 6


def test_no_connection_is_told_apart_and_soon(tmp_path, monkeypatch):
    monkeypatch.setenv('no_proxy', '*')
    with pytest.raises(remote.Temporary) as caught:
        transfer.fetch(
            'http://127.0.0.1:9/a.gz', tmp_path / 'a.gz', settings=conftest.SETTINGS, notice=print
        )
    assert not caught.value.connected


@pytest.mark.parametrize('status', [401, 403, 404, 410])
def test_an_absent_file_is_not_asked_for_twice(server, tmp_path, status):
    with pytest.raises(remote.Absent, match=f'answers {status}'):
        fetch(server, tmp_path / 'a.gz', local_server.Page(DATA, statuses=[status]))
    assert len(server.requests) == 1 and not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ('body', 'words'),
    [
        (b'<!DOCTYPE html><html>Sign in</html>', 'a web page'),
        (b'>chr1\nACGT\n', 'FASTA text'),
        (b'\x1f', ''),
        (b'PK\x03\x04', 'something else'),
    ],
)
def test_what_is_no_gzip_is_refused(server, tmp_path, body, words):
    page = local_server.Page(body)
    if not words:  # one byte tells nothing
        fetch(server, tmp_path / 'a.gz', page)
        return
    with pytest.raises(errors.InputError, match=f'DL02: http.*{words}, not gzip'):
        fetch(server, tmp_path / 'a.gz', page)
    assert not os.listdir(tmp_path)


def test_a_file_of_another_size_is_refused_before_its_bytes(server, tmp_path):
    with pytest.raises(errors.InputError, match='DL02.*not 12'):
        fetch(server, tmp_path / 'a.gz', local_server.Page(DATA), size=12)
    assert not os.listdir(tmp_path)


def test_too_little_disk_is_said_before_the_first_byte(server, tmp_path, monkeypatch):
    free = shutil.disk_usage(tmp_path)._replace(free=50_000)
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: free)
    with pytest.raises(errors.UsageError, match='GiB free.*another --out=DIR'):
        fetch(server, tmp_path / 'a.gz', local_server.Page(DATA))
    assert (tmp_path / 'a.gz.partial').stat().st_size == 0


def test_a_redirect_to_another_host_is_followed_and_its_words_count(server, tmp_path):
    digest = hashlib.sha256(DATA).hexdigest()
    headers = {'X-Linked-ETag': f'"{digest}"', 'X-Repo-Commit': 'abc'}
    target = f'{server.url.replace("127.0.0.1", "localhost")}/blob'
    server.pages['/blob'] = local_server.Page(DATA, cuts=[10_000])
    got = fetch(server, tmp_path / 'a.gz', local_server.Page(location=target, headers=headers))
    assert is_whole(got) and (got.stated_sha256, got.commit) == (digest, 'abc')
    assert server.ranges('/blob') == ['', 'bytes=10000-']


@pytest.mark.parametrize('target', ['file:///etc/passwd', 'ftp://host/a.gz'])
def test_no_other_scheme_is_followed(server, tmp_path, target):
    with pytest.raises(remote.Absent):
        fetch(server, tmp_path / 'a.gz', local_server.Page(location=target))


def test_https_is_not_left():
    redirects = remote._Redirects()
    request = remote._request('https://host/a', 0, '')
    with pytest.raises(remote.Absent, match='not HTTPS'):
        redirects.redirect_request(request, None, 302, 'Found', {}, 'http://host/a')
