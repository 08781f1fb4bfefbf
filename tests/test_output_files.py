"""Outputs that cannot be written: one line, and nothing is left behind."""

import os
import pathlib
import resource

import numpy as np
import pytest
import safetensors.numpy

from genojax import errors, locks, output_files
from genojax.cli import main


@pytest.fixture
def small_files():
    """Files can have 1 kB, as on a disk that is full after it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    'write',
    [
        lambda path: path.write_bytes(bytes(4096)),
        lambda path: np.savez(path, x=np.zeros(999)),
        lambda path: safetensors.numpy.save_file({'x': np.zeros(999)}, path),
    ],
)
def test_a_file_without_room_is_one_line_and_leaves_the_old_one(tmp_path, small_files, write):
    path = tmp_path / 'x.npz'
    path.write_text('old')
    words = f'{path} cannot be written: File too large. Fix: free disk space'
    with pytest.raises(errors.UsageError, match=words), output_files.replaced(path, '.npz') as file:
        write(file)
    assert os.listdir(tmp_path) == ['x.npz'] and path.read_text() == 'old'


def test_a_new_folder_without_room_is_removed_and_an_old_one_left(tmp_path, small_files):
    for folder, left in ((tmp_path / 'a' / 'b', []), (tmp_path, ['mine.txt'])):
        for name in left:
            (folder / name).write_text('')
        with pytest.raises(errors.UsageError, match='too large'), output_files.new_folder(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / 'x').write_bytes(bytes(4096))
        assert os.listdir(tmp_path) == left


def test_errors_of_other_files_and_of_the_program_are_as_they_are(tmp_path):
    path = tmp_path / 'x.tsv'
    with pytest.raises(FileNotFoundError), output_files.replaced(path):
        (tmp_path.parent / 'no_such_input').read_text()
    with pytest.raises(KeyError), output_files.replaced(path):
        {}['x']
    assert not os.listdir(tmp_path)


def test_a_device_is_written_and_never_replaced():
    words = '/dev/full cannot be written: No space left on device. Fix'
    with pytest.raises(errors.UsageError, match=words):
        with output_files.replaced('/dev/full') as file:
            file.write_text('x' * 10_000)
    assert not os.path.isfile('/dev/full') and not os.path.exists('/dev/full.partial')


def test_standard_output_that_goes_to_a_file_is_written_and_its_link_stays(tmp_path):
    with open(tmp_path / 'x', 'w') as file:
        link = pathlib.Path(f'/proc/self/fd/{file.fileno()}')
        with output_files.replaced(link) as place, locks.output(link):
            place.write_text('text')
        assert link.is_symlink() and (tmp_path / 'x').read_text() == 'text'


def test_standard_output_that_is_full_is_one_line(capsys, monkeypatch):
    with open('/dev/full', 'w') as full:
        monkeypatch.setattr('sys.stdout', full)
        with pytest.raises(SystemExit) as stop:
            main.main(['--help'])
        monkeypatch.undo()
    assert stop.value.code == 2
    text = capsys.readouterr().err
    assert text.startswith('genojax: error the output cannot be written: No space left on device')
    assert text.count('\n') == 1
