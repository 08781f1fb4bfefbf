"""JSON files: what is written is read, and a changed value is noticed."""

import pytest

from genojax import errors, json_files

VALUES = {'epsilon': 1e-12, 'kind': 'bert', 'layers': (1, 2), 'nested': {'é': None, 'on': True}}


@pytest.mark.parametrize('text', ['', '{"a": 1', '[1]', '3', '\ufffe', '[' * 100_000])
def test_a_file_that_is_not_a_json_object_is_damaged(tmp_path, text):
    path = tmp_path / 'config.json'
    path.write_text(text, encoding='utf-16' if text == '\ufffe' else 'utf-8')
    for read in (json_files.read, json_files.read_hashed):
        with pytest.raises(errors.DamageError, match='config.json is not'):
            read(path)


def test_a_json_object_is_read(tmp_path):
    path = tmp_path / 'config.json'
    path.write_text('{"a": {"b": "é"}}', encoding='utf-8')
    assert json_files.read(path) == {'a': {'b': 'é'}}
    assert json_files.read_hashed(path, required=False) == {'a': {'b': 'é'}}
    with pytest.raises(errors.DamageError, match="no field 'sha256'. Fix: start again"):
        json_files.read_hashed(path, fix='start again')
    with pytest.raises(errors.DamageError, match='cannot be read: Is a directory'):
        json_files.read(tmp_path)


def test_hashed_values_are_read_back(tmp_path):
    path = tmp_path / 'folder' / 'model.json'
    json_files.write_hashed(path, VALUES)
    assert json_files.read_hashed(path) == {**VALUES, 'layers': [1, 2]}
    assert [file.name for file in path.parent.iterdir()] == ['model.json']
    # Another layout of the same values is no damage.
    path.write_text(' '.join(path.read_text().split()))
    json_files.read_hashed(path)


def test_every_flipped_bit_of_a_hashed_file_is_noticed_or_changes_no_value(tmp_path):
    path = tmp_path / 'model.json'
    json_files.write_hashed(path, VALUES)
    written, values = path.read_bytes(), json_files.read_hashed(path)
    caught = 0
    for bit in range(8 * len(written)):
        data = bytearray(written)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        try:
            assert json_files.read_hashed(path) == values
        except errors.DamageError:
            caught += 1
    assert caught > 0.99 * 8 * len(written)


def test_what_json_cannot_hold_is_not_written(tmp_path):
    for values in ({'a': float('nan')}, {'a': float('inf')}, {'sha256': 'of something else'}):
        with pytest.raises(ValueError):
            json_files.write_hashed(tmp_path / 'a.json', values)
    (tmp_path / 'a.json').write_text('{"a": NaN, "sha256": "0"}')
    with pytest.raises(errors.DamageError, match='changed after it was written'):
        json_files.read_hashed(tmp_path / 'a.json')
