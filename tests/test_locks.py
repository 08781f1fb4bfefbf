"""One writer of an output: the second is told who the first is; nothing is left behind."""

import os
import pathlib
import subprocess
import sys

import pytest

from genojax import errors, locks

WHO = rf'process {os.getpid()} on \S+ since \S+ is writing it'


@pytest.mark.parametrize('name', ['x.npz', 'x.npz/', './y/../x.npz'])
def test_an_output_has_one_writer_whatever_it_is_called(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with locks.output(tmp_path / 'x.npz'):
        words = f'is in use: {WHO}. Fix: wait for it or stop it, or --out='
        with pytest.raises(errors.UsageError, match=words) as caught, locks.output(name):
            pass
        assert not str(caught.value).endswith(f'--out={name}')
        with locks.output('other.npz'):
            pass
    assert not os.listdir()
    with locks.output(name):
        pass


def test_a_killed_writer_leaves_its_output_free(tmp_path):
    code = 'import os, sys; from genojax import locks\nwith locks.output(sys.argv[1]): os.kill(os.getpid(), 9)'
    subprocess.run([sys.executable, '-c', code, str(tmp_path / 'x')])
    assert os.listdir(tmp_path) == ['x.lock']
    with locks.output(tmp_path / 'x'):
        pass
    assert not os.listdir(tmp_path)


def test_folders_are_made_only_if_asked_and_not_left_empty(tmp_path):
    out = tmp_path / 'a' / 'b' / 'x'
    with pytest.raises(errors.UsageError, match='x cannot be written: No such file'):
        with locks.output(out):
            pass
    with locks.output(out, parents=True):
        assert os.listdir(out.parent) == ['x.lock']
    assert not os.listdir(tmp_path)
    with locks.output(out, parents=True):
        out.touch()
    assert os.listdir(out.parent) == ['x']


def test_streams_and_devices_are_not_locked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('-', '/dev/null'):
        with locks.output(name), locks.output(pathlib.Path(name)):
            assert not os.listdir()


def test_who_waits_gets_the_lock_when_it_is_free(tmp_path):
    with locks.take(tmp_path / 'x', None) as file:
        assert file.name.endswith('x')
    with locks.take(tmp_path / 'x', None):
        assert f'process {os.getpid()} on ' in (tmp_path / 'x').read_text()
