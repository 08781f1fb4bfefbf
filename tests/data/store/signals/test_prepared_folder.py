"""Folders of shards: whole or not there, and known by everything that they depend on."""

import pathlib

import pytest

from genojax import errors
from genojax.data.store.signals import prepared_folder


def folder(path: pathlib.Path, replace: bool = False) -> prepared_folder.ShardFolder:
    return prepared_folder.ShardFolder(path / 'out', 'facts.json', 'shards', replace)


def write(partial: pathlib.Path) -> dict:
    (partial / 'x').write_text('1')
    return {'files': prepared_folder.describe_files(partial)}


def test_a_plan_is_written_once_and_another_is_refused_or_replaces_it(tmp_path):
    assert folder(tmp_path).write({'a': 1}, write).status == 'written'
    again = folder(tmp_path).write({'a': 1}, write)
    assert again.status == 'up to date' and again.value['files']['x']['bytes'] == 1
    with pytest.raises(errors.UsageError, match='holds shards of other files.*--replace'):
        folder(tmp_path).write({'a': 2}, write)
    assert folder(tmp_path, True).write({'a': 2}, write).value['a'] == 2


def test_a_mistake_leaves_nothing(tmp_path):
    def fail(partial):
        write(partial)
        raise errors.UsageError('no')

    with pytest.raises(errors.UsageError, match='no'):
        folder(tmp_path).write({}, fail)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'mine').touch()
    with pytest.raises(errors.UsageError, match='is not empty'):
        folder(tmp_path).write({}, write)


def test_a_changed_file_is_refused(tmp_path):
    (tmp_path / 'x').write_text('1')
    facts = prepared_folder.describe(tmp_path / 'x')
    prepared_folder.check_file(tmp_path, facts, 'again')
    (tmp_path / 'x').write_text('2')
    with pytest.raises(errors.DamageError, match='AR01.*Fix: again'):
        prepared_folder.check_file(tmp_path, facts, 'again')
    (tmp_path / 'x').unlink()
    with pytest.raises(errors.DamageError, match='AR02'):
        prepared_folder.check_file(tmp_path, facts, 'again')
