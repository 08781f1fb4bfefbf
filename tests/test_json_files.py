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


def test_results_that_are_undefined_have_a_hash_too(tmp_path):
    path = tmp_path / 'a.json'
    values = {'a': float('nan'), 'b': [1.5, float('-inf')]}
    json_files.write_hashed(path, values, finite=False)
    assert str(json_files.read_hashed(path)) == str(values)
    text = path.read_text()
    for other in (
        text.replace('NaN', '0.5'),
        text.replace('-Inf', 'Inf'),
        text.replace('1.5', 'NaN'),
    ):
        path.write_text(other)
        with pytest.raises(errors.DamageError, match='changed after it was written'):
            json_files.read_hashed(path)


@pytest.mark.parametrize(
    ('data', 'words'),
    [
        (b'', 'is not JSON: it is empty'),
        (b' \n', 'is not JSON: it is empty'),
        (b'{"a": 1', 'is not JSON: line 1, column 8'),
        (b'{"a": 1,\n "b": }', 'is not JSON: line 2, column 7'),
        (b'[1]', 'is not a JSON object but a list'),
        (b'3', 'is not a JSON object but a number'),
        (b'null', 'is not a JSON object but null'),
        (b'\xff\xfe{}', 'is not UTF-8: byte 1 is 0xff'),
        (b'{"a": "\xe9"}', 'is not UTF-8: byte 8 is 0xe9'),
        (b'[' * 100_000, 'nested too deeply'),
        (b'{"steps": ' + b'9' * 5_000 + b'}', 'too many digits'),
        (b'{"stesp": 1}', "has no field 'steps'"),
        (b'{"steps": [1]}', "has a list in the field 'steps'"),
    ],
)
def test_a_malformed_file_is_named_with_the_place(tmp_path, data, words):
    path = tmp_path / 'config.json'
    path.write_bytes(data)
    for error in (errors.DamageError, errors.UsageError):
        with pytest.raises(error, match=words) as caught:
            json_files.read(path, fields={'steps': int}, error=error)
        assert str(caught.value).startswith(f'{path} ')
        assert 'Fix: ' in str(caught.value) and '\n' not in str(caught.value)


def test_no_flipped_bit_changes_or_drops_a_row_unnoticed(tmp_path):
    path = tmp_path / 'metrics.jsonl'
    rows = [{'kind': 'train', 'step': step, 'loss': 4.0 / step} for step in (1, 2, 3)]
    path.write_text(''.join(map(json_files.row, rows)))
    written = path.read_bytes()
    assert json_files.read_rows(path) == (rows, False)
    for bit in range(8 * len(written)):
        data = bytearray(written)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        try:
            read, _ = json_files.read_rows(path)
        except errors.DamageError as error:
            assert 'metrics.jsonl:' in str(error)
            continue
        assert read == rows


def test_a_last_row_that_a_kill_cut_short_is_left_out(tmp_path):
    path = tmp_path / 'metrics.jsonl'
    lines = [json_files.row({'step': step}) for step in (1, 2)]
    for end in range(1, len(lines[1]) - 1):
        path.write_text(lines[0] + lines[1][:end])
        assert json_files.read_rows(path) == ([{'step': 1}], True)
    path.write_text(lines[0] + lines[1][:-1])  # only the line end is missing
    assert json_files.read_rows(path) == ([{'step': 1}, {'step': 2}], False)
    path.write_text(lines[0] + '\n' + lines[1])
    with pytest.raises(errors.DamageError, match='metrics.jsonl:2 is not JSON: it is empty'):
        json_files.read_rows(path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'a.json'
    json_files.write(path, {'a': 1})

    def full(*arguments, **options):
        raise OSError(28, 'No space left on device', 'a.json')

    monkeypatch.setattr(json_files.pathlib.Path, 'replace', full)
    with pytest.raises(OSError, match='No space'):
        json_files.write(path, {'a': 2})
    assert json_files.read(path) == {'a': 1}
    assert [file.name for file in tmp_path.iterdir()] == ['a.json']


SHAPE = {
    'name': str,
    'size?': (int, type(None)),
    'rows?': {'tokens?': {...: int}},
    'list?': [{'id': int}],
}


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({}, "has no field 'name'"),
        ({'name': 3}, "has a number in the field 'name'"),
        ({'name': 'x', 'size': '3'}, "has text in the field 'size'"),
        ({'name': 'x', 'size': True}, "has a boolean in the field 'size'"),
        ({'name': 'x', 'rows': []}, "has a list in the field 'rows'"),
        ({'name': 'x', 'rows': {'tokens': [1]}}, "has a list in the field 'rows.tokens'"),
        ({'name': 'x', 'rows': {'tokens': {'a': None}}}, "has null in the field 'rows.tokens.a'"),
        ({'name': 'x', 'list': {}}, "has an object in the field 'list'"),
        ({'name': 'x', 'list': [{'id': 1}, 3]}, "has a number in the field 'list[1]'"),
        ({'name': 'x', 'list': [{}]}, "has no field 'list[0].id'"),
    ],
)
def test_a_value_of_another_type_is_named_with_its_field(tmp_path, values, words):
    path = tmp_path / 'x.json'
    json_files.write(path, values)
    for error in (errors.DamageError, errors.UsageError):
        with pytest.raises(error) as failure:
            json_files.read(path, 'copy it', fields=SHAPE, error=error)
        assert str(failure.value) == f'{path} {words}. Fix: copy it'


def test_values_of_the_right_types_pass(tmp_path):
    for values in (
        {'name': ''},
        {'name': 'x', 'size': None, 'rows': {'tokens': {'a': 1}, 'other': []}, 'list': []},
        {'name': 'x', 'size': 4, 'list': [{'id': 1, 'more': 'x'}], 'unknown': None},
    ):
        json_files.write(tmp_path / 'x.json', values)
        assert json_files.read(tmp_path / 'x.json', fields=SHAPE) == values
