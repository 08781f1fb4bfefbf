"""A workdir has one writer, belongs to a run that has started, and is left clean by others."""

import os
import pathlib
import subprocess
import sys

import pytest

from genojax import errors
from genojax.train import workdir as workdirs


def test_a_second_writer_is_refused_at_once_and_told_the_first(tmp_path):
    first = workdirs.open_workdir(tmp_path / 'run')
    with pytest.raises(errors.UsageError, match=f'in use: process {os.getpid()} on .* since'):
        workdirs.open_workdir(tmp_path / 'run')
    first.claim({'a': 1}, {'steps': 1})
    with pytest.raises(errors.UsageError, match='in use'):
        workdirs.open_workdir(tmp_path / 'run')
    workdirs.open_workdir(tmp_path / 'run', read_only=True).close()
    first.close()
    second = workdirs.open_workdir(tmp_path / 'run')
    assert second.record() == {'a': 1}
    second.close()
    assert sorted(os.listdir(tmp_path / 'run')) == ['config.json', 'run.json']


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path):
    code = (
        'import fcntl, os, pathlib, sys; path = pathlib.Path(sys.argv[1]); path.mkdir(); '
        "file = open(path / 'run.lock', 'w'); fcntl.flock(file, fcntl.LOCK_EX); "
        "file.write('process 1'); file.flush(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, '-c', code, str(tmp_path / 'run')])
    assert (tmp_path / 'run' / 'run.lock').exists()
    workdirs.open_workdir(tmp_path / 'run').close()
    assert not (tmp_path / 'run' / 'run.lock').exists()


def test_a_start_that_fails_leaves_what_was_there(tmp_path):
    workdirs.open_workdir(tmp_path / 'a' / 'b').close()
    assert not (tmp_path / 'a').exists()
    (tmp_path / 'own').mkdir()
    (tmp_path / 'own' / 'notes.txt').write_text('mine')
    opened = workdirs.open_workdir(tmp_path / 'own')
    (opened.path / 'checkpoints').mkdir()
    (opened.path / 'tokenizer.json').write_text('{}')
    opened.close()
    assert os.listdir(tmp_path / 'own') == ['notes.txt']


def test_what_a_start_that_was_killed_left_is_no_run(tmp_path):
    (tmp_path / 'run' / 'checkpoints' / 'integrity').mkdir(parents=True)
    (tmp_path / 'run' / 'datasets.json').write_text('{')
    workdirs.open_workdir(tmp_path / 'run').close()
    (tmp_path / 'run' / 'checkpoints' / '3').mkdir()
    with pytest.raises(errors.DamageError, match='holds checkpoints of a run, but no config.json'):
        workdirs.open_workdir(tmp_path / 'run')


def test_a_workdir_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    with pytest.raises(errors.UsageError, match='is not a directory'):
        workdirs.open_workdir(tmp_path / 'file')

    def full(file):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(workdirs.os, 'fsync', full)
    with pytest.raises(errors.UsageError, match='cannot be written: No space left on device'):
        workdirs.open_workdir(tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


def test_a_disk_without_room_for_the_checkpoints_is_refused(tmp_path):
    workdirs.check_free(pathlib.Path(tmp_path), 1, 1)
    with pytest.raises(errors.UsageError, match='4 checkpoints need 1,000,000,000.00 GB'):
        workdirs.check_free(pathlib.Path(tmp_path), 10**18, 4)


def test_reading_needs_a_run(tmp_path):
    with pytest.raises(errors.UsageError, match='is not the workdir of a run'):
        workdirs.open_workdir(tmp_path / 'none', read_only=True)
    assert not (tmp_path / 'none').exists()
