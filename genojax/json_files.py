"""JSON files that genojax writes: replaced in one step, and hashed where their values count.

A hashed file has a field `sha256` of its other fields, so a value that changed on disk is noticed
when the file is read. The hash is of the values, not of the text: another indentation is no damage.
"""

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from genojax import errors

HASH_FIELD = 'sha256'


def read(path: pathlib.Path, fix: str = 'restore the file') -> dict[str, Any]:
    """The object in a JSON file, with no hash or without comparing it.

    Args:
        fix: what to do about a damaged file, for the message.

    Raises:
        DamageError: the file cannot be read, is not JSON text, or holds no object.
    """
    path = pathlib.Path(path)
    try:
        values = json.loads(path.read_bytes().decode('utf-8'))
    except OSError as error:
        problem = f'{path} cannot be read: {error.strerror}'
        raise errors.DamageError(f'{problem}. Fix: {fix}') from error
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError too
        raise errors.DamageError(f'{path} is not JSON: {error}. Fix: {fix}') from error
    if not isinstance(values, dict):
        raise errors.DamageError(f'{path} is not a JSON object. Fix: {fix}')
    return values


def read_hashed(
    path: pathlib.Path, fix: str = 'restore the file', required: bool = True
) -> dict[str, Any]:
    """The object in a file of `write_hashed`, without its hash, which is compared.

    Args:
        fix: what to do about a damaged file, for the message.
        required: a file without a hash is damage; else it is read as it is (older versions).

    Raises:
        DamageError: as of `read`, or the values are not those that were written.
    """
    values = read(path, fix)
    written = values.pop(HASH_FIELD, None)
    if written is None and required:
        raise errors.DamageError(f'{path} has no field {HASH_FIELD!r}. Fix: {fix}')
    if written is not None and written != _digest_or_none(values):
        raise errors.DamageError(
            f'{path} was changed after it was written: its values do not have the hash that it '
            f'records. Fix: {fix}'
        )
    return values


def write(path: pathlib.Path, values: Any) -> None:
    """Writes JSON so that a kill leaves the old file or the new one; makes the folder."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'{path.name}.partial')
    partial.write_text(json.dumps(values, indent=1) + '\n', encoding='utf-8')
    partial.replace(path)


def write_hashed(path: pathlib.Path, values: Mapping[str, Any]) -> None:
    """Writes an object with the hash of its values, which `read_hashed` compares.

    Raises:
        ValueError: a value is NaN or infinite, or the object has a field `sha256` of its own.
    """
    if HASH_FIELD in values:
        raise ValueError(f'{path}: the field {HASH_FIELD!r} is that of the hash')
    write(path, {**values, HASH_FIELD: digest(values)})


def digest(values: Mapping[str, Any]) -> str:
    """SHA-256 of an object's values: of their JSON text without spaces, keys in order.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    plain = json.loads(json.dumps(values))  # keys are text, and tuples are lists, as when read
    text = json.dumps(plain, sort_keys=True, separators=(',', ':'), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _digest_or_none(values: Mapping[str, Any]) -> str | None:
    try:
        return digest(values)
    except ValueError:  # NaN or infinity, which `write_hashed` does not write
        return None
