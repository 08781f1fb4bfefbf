"""Small simulated directories of coverage tracks, whole and damaged, for the tests that read them."""

import shutil

import numpy as np

from genojax import simulate

ONE, TWO = 'one_train.npz', 'one_targets.tsv'


def write(directory):
    """Tracks of two organisms, 'one' and 'two'."""
    simulate.write_tracks(directory, 'one', seed=0)
    simulate.write_tracks(directory, 'two', windows=(9, 4), seed=1)
    return directory


def copy_of(folder, tmp_path):
    """A copy of a directory of tracks, to be changed."""
    copy = tmp_path / 'copy'
    shutil.copytree(folder, copy)
    return copy


def change_npz(path, **arrays):
    with np.load(path) as file:
        arrays_by_name = {name: file[name] for name in file.files}
    for name, change in arrays.items():
        arrays_by_name[name] = change(arrays_by_name[name])
    np.savez(path, **arrays_by_name)


def with_value(value):
    def change(target):
        target = target.copy()
        target[3, 2, 1] = value
        return target

    return change


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
