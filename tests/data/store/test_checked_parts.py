"""Large files are hashed in turn: a changed one at once, each within a known number of starts."""

import hashlib

import pytest

from genojax.data.store import checked_parts


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """Six parts of 100 bytes in three files, of which two may be hashed per start."""
    monkeypatch.setattr(checked_parts, 'LIMIT', 200)
    result = []
    for name in 'abc':
        data = name.encode() * 100 + name.upper().encode() * 100
        (tmp_path / name).write_bytes(data)
        for start in (0, 100):
            sha256 = hashlib.sha256(data[start : start + 100]).hexdigest()
            result.append(checked_parts.Part(tmp_path / name, start, 100, sha256))
    return result


@pytest.fixture
def hashed(monkeypatch):
    """The parts that are hashed."""
    calls, is_whole = [], checked_parts.Part.is_whole
    monkeypatch.setattr(
        checked_parts.Part, 'is_whole', lambda part: calls.append(part) or is_whole(part)
    )
    return calls


def test_every_part_is_hashed_first_and_then_in_turn(tmp_path, parts, hashed):
    assert checked_parts.wrong(tmp_path, parts) == set() and set(hashed) == set(parts)
    hashed.clear()
    for _ in range(3):
        assert checked_parts.wrong(tmp_path, parts) == set()
    assert len(hashed) == 6 and set(hashed) == set(parts)


def test_a_changed_file_is_hashed_at_once_and_stays_wrong(tmp_path, parts, hashed):
    checked_parts.note(tmp_path, parts)
    checked_parts.wrong(tmp_path, parts)
    assert len(hashed) == 2  # what was written is known
    (tmp_path / 'b').write_bytes(b'b' * 99 + b'x' + b'B' * 100)
    for _ in range(2):
        assert checked_parts.wrong(tmp_path, parts) == {parts[2]}
    (tmp_path / 'c').unlink()
    assert checked_parts.wrong(tmp_path, parts) == {parts[2], parts[4], parts[5]}


def test_a_part_of_other_content_is_hashed(tmp_path, parts, hashed):
    checked_parts.note(tmp_path, parts)
    other = parts[0]._replace(sha256='0' * 64)
    assert checked_parts.wrong(tmp_path, [other, *parts[1:]]) == {other}


def test_a_damaged_list_and_small_files_are_hashed_as_a_whole(tmp_path, parts, hashed):
    checked_parts.note(tmp_path, parts)
    state = tmp_path / checked_parts.NAME
    for text in ('', '{}', state.read_text().replace('"count": 1', '"count": 9')):
        state.write_text(text)
        hashed.clear()
        assert checked_parts.wrong(tmp_path, parts) == set() and len(hashed) == 6
    state.unlink()
    hashed.clear()
    assert checked_parts.wrong(tmp_path, parts[:2]) == set() and len(hashed) == 2
    assert not state.exists()
