"""JSON files: written in one step, hashed where their values count, damage named by file and place.

A hashed file has a field `sha256` of its other fields, so a value that changed on disk is noticed
when the file is read. The hash is of the values, not of the text: another indentation is no damage.
"""

import hashlib
import json
import os
import pathlib
import stat
from collections.abc import Mapping
from typing import Any

from genojax import errors

HASH_FIELD = 'sha256'
_ROW_DIGITS = 8  # of the hash of a row in a log: 32 bits
# What values must be: a type or several; an object with the fields of a mapping, where 'NAME?' may
# be absent and `...` is every other field; the list of one shape: a list of values of that shape.
Shape = type | tuple[type, ...] | Mapping[Any, Any] | list[Any]
Fields = Mapping[Any, Shape]


def read(
    path: str | os.PathLike,
    fix: str = 'restore the file',
    *,
    fields: Fields | None = None,
    error: type[errors.GenojaxError] = errors.DamageError,
) -> dict[str, Any]:
    """The object in a JSON file, with no hash or without comparing it.

    Args:
        fix: what to do about a damaged file, for the message.
        fields: what the values must be (`Shape`).
        error: raised for a damaged file; `UsageError` for one that a user wrote.

    Raises:
        error: the file cannot be read, is empty, not UTF-8, not JSON text or holds no object, or a
            field is missing or of another type.
    """
    try:
        mode = os.stat(path).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a device or a pipe may never end
            raise error(f'{path} cannot be read: it is not a regular file. Fix: {fix}')
        data = pathlib.Path(path).read_bytes()
    except OSError as problem:
        reason = f'{path} cannot be read: {problem.strerror}'
        raise error(f'{reason}. Fix: {fix}') from problem
    return parse(data, str(path), fix, fields=fields, error=error)


def parse(
    data: bytes,
    where: str,
    fix: str = 'restore the file',
    *,
    fields: Fields | None = None,
    error: type[errors.GenojaxError] = errors.DamageError,
) -> dict[str, Any]:
    """What `read` returns, of bytes from the file, or the line of a file, that `where` names."""
    try:
        values = _object(data)
        _check_shape(values, fields or {}, '')
    except ValueError as problem:
        raise error(f'{where} {problem}. Fix: {fix}') from problem
    return values


def read_hashed(
    path: str | os.PathLike,
    fix: str = 'restore the file',
    required: bool = True,
    *,
    fields: Fields | None = None,
) -> dict[str, Any]:
    """The object in a file of `write_hashed`, without its hash, which is compared.

    Args:
        fix: what to do about a damaged file, for the message.
        required: a file without a hash is damage; else it is read as it is (older versions).
        fields: as of `read`.

    Raises:
        DamageError: as of `read`, or the values are not those that were written.
    """
    values = read(path, fix, fields=fields)
    written = values.pop(HASH_FIELD, None)
    if written is None and (required or _renamed_hash(values, None)):
        raise errors.DamageError(f'{path} has no field {HASH_FIELD!r}. Fix: {fix}')
    if written is not None and written != digest(values, finite=False):
        raise errors.DamageError(
            f'{path} was changed after it was written: its values do not have the hash that it '
            f'records. Fix: {fix}'
        )
    return values


def write(path: str | os.PathLike, values: Any) -> None:
    """Writes JSON so that a kill leaves the old file or the new one; makes the folder."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, json.dumps(values, indent=1) + '\n')


def replace(path: pathlib.Path, text: str) -> None:
    """Writes text so that a kill or a full disk leaves the old file or the new one."""
    partial = path.with_name(f'{path.name}.partial')
    try:
        partial.write_text(text, encoding='utf-8')
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        error.filename = error.filename or str(path)
        raise


def write_hashed(
    path: str | os.PathLike, values: Mapping[str, Any], *, finite: bool = True
) -> None:
    """Writes an object with the hash of its values, which `read_hashed` compares.

    Args:
        finite: refuse NaN and infinity, which other programs may not read; else they are written as
            Python does, for results in which undefined is a value.

    Raises:
        ValueError: a value is not finite, or the object has a field `sha256` of its own.
    """
    if HASH_FIELD in values:
        raise ValueError(f'{path}: the field {HASH_FIELD!r} is that of the hash')
    write(path, {**values, HASH_FIELD: digest(values, finite=finite)})


def digest(values: Mapping[str, Any], *, finite: bool = True) -> str:
    """SHA-256 of an object's values: of their JSON text without spaces, keys in order.

    Args:
        finite: refuse NaN and infinity; else they count as the words that Python writes.

    Raises:
        ValueError: a value is not finite.
    """
    plain = json.loads(json.dumps(values))  # keys are text, and tuples are lists, as when read
    text = json.dumps(plain, sort_keys=True, separators=(',', ':'), allow_nan=not finite)
    return hashlib.sha256(text.encode()).hexdigest()


def row(values: Mapping[str, Any]) -> str:
    """One line of a log of JSON rows, with the beginning of its hash.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    return json.dumps({**values, HASH_FIELD: digest(values)[:_ROW_DIGITS]}) + '\n'


def read_rows(path: str | os.PathLike, fix: str = 'restore the file') -> tuple[list[dict], bool]:
    """The rows of a log without their hashes, and whether a last line cut by a kill is left out.

    A row without a hash, of an earlier version, is taken as it is.

    Raises:
        DamageError: a line is not a row, or differs from its hash; the line is named.
        OSError: there is no such file.
    """
    *lines, rest = pathlib.Path(path).read_bytes().split(b'\n')
    rows = [_parse_row(line, f'{path}:{number}', fix) for number, line in enumerate(lines, 1)]
    if not rest:
        return rows, False
    if _is_cut_short(rest):
        return rows, True
    return [*rows, _parse_row(rest, f'{path}:{len(lines) + 1}', fix)], False


def _parse_row(line: bytes, where: str, fix: str) -> dict[str, Any]:
    values = parse(line, where, fix)
    check_row(values, where, fix)
    return values


def check_row(values: dict[str, Any], where: str, fix: str = 'restore the file') -> None:
    """Compares a row with its hash, which is removed from it.

    Raises:
        DamageError: they differ.
    """
    written = values.pop(HASH_FIELD, None)
    if written is None and _renamed_hash(values, _ROW_DIGITS):
        raise errors.DamageError(f'{where} has no field {HASH_FIELD!r}. Fix: {fix}')
    if written is not None and written != digest(values, finite=False)[:_ROW_DIGITS]:
        raise errors.DamageError(f'{where} does not have the hash that it records. Fix: {fix}')


def _renamed_hash(values: Mapping[str, Any], digits: int | None) -> bool:
    """Whether a field is the hash of the others: the name of the hash itself was changed."""
    *others, last = values or ['']
    written = values.get(last)
    if not isinstance(written, str) or len(written) != (digits or 64):
        return False
    return written == digest({name: values[name] for name in others}, finite=False)[:digits]


def _is_cut_short(line: bytes) -> bool:
    """Whether a line without an end is the beginning of a row, not a row that was changed."""
    try:
        json.loads(line.decode('utf-8'))
    except json.JSONDecodeError as error:
        return not error.msg.startswith('Extra data')
    except (ValueError, RecursionError):
        return False
    return False


def _object(data: bytes) -> dict[str, Any]:
    """The object in JSON bytes; raises ValueError that says what is wrong and where."""
    if not data.strip():
        raise ValueError('is not JSON: it is empty')
    try:
        values = json.loads(data.decode('utf-8'))
    except UnicodeDecodeError as error:
        byte = data[error.start]
        raise ValueError(f'is not UTF-8: byte {error.start + 1} is 0x{byte:02x}') from error
    except json.JSONDecodeError as error:
        place = f'line {error.lineno}, column {error.colno}'
        raise ValueError(f'is not JSON: {place}: {error.msg}') from error
    except RecursionError as error:
        raise ValueError('is not JSON: nested too deeply') from error
    except ValueError as error:  # of Python, which reads integers of up to 4,300 digits
        raise ValueError('is not JSON: a number has too many digits') from error
    if not isinstance(values, dict):
        raise ValueError(f'is not a JSON object but {_type_name(values)}')
    return values


def check(
    values: Any,
    where: str,
    fix: str = 'restore the file',
    *,
    fields: Fields,
    error: type[errors.GenojaxError] = errors.DamageError,
) -> None:
    """Compares values that were read with what they must be; arguments as of `parse`.

    Raises:
        error: a field is missing or of another type; the field is named.
    """
    try:
        _check_shape(values, fields, '')
    except ValueError as problem:
        raise error(f'{where} {problem}. Fix: {fix}') from problem


def _check_shape(value: Any, shape: Shape, path: str) -> None:
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            raise ValueError(_wrong_type(value, path))
        _check_object(value, shape, f'{path}.' if path else '')
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise ValueError(_wrong_type(value, path))
        for number, item in enumerate(value):
            _check_shape(item, shape[0], f'{path}[{number}]')
    else:
        types = shape if isinstance(shape, tuple) else (shape,)
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise ValueError(_wrong_type(value, path))


def _check_object(values: dict[str, Any], fields: Fields, prefix: str) -> None:
    named = [str(name).removesuffix('?') for name in fields if name is not ...]
    for name, shape in fields.items():
        if name is ...:
            for key in values.keys() - set(named):
                _check_shape(values[key], shape, f'{prefix}{key}')
        elif (key := name.removesuffix('?')) in values:
            _check_shape(values[key], shape, f'{prefix}{key}')
        elif key == name:
            raise ValueError(f'has no field {f"{prefix}{key}"!r}')


def _wrong_type(value: Any, path: str) -> str:
    place = f' in the field {path!r}' if path else ' in place of an object'
    return f'has {_type_name(value)}{place}'


def _type_name(value: Any) -> str:
    names = {dict: 'an object', list: 'a list', str: 'text', bool: 'a boolean', type(None): 'null'}
    return names.get(type(value), 'a number')
