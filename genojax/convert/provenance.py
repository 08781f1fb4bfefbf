"""Where weights come from and under which licence: read, written and never invented.

`provenance.json` beside exported weights holds both, with the SHA-256 of every file, so that a
changed file is noticed when the directory is read again. Other sources may state a licence in the
card beside them (README.md). What nobody states is unknown: a file in the format of a published
model need not hold the published weights.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import genojax
from genojax import errors, json_files
from genojax.convert import files, store

FILE = 'provenance.json'
CARD = 'README.md'
UNKNOWN = 'unknown'
FIELDS = {
    **dict.fromkeys(('license?', 'origin?', 'kind?'), str),
    'trained_tokens?': (int, type(None)),
    'files?': {...: str},
}


def write(
    directory: pathlib.Path, license: str, record: Mapping[str, Any], paths: Sequence[pathlib.Path]
) -> pathlib.Path:
    """Writes licence, provenance and the hashes of exported files; returns the file.

    Args:
        directory: of the files.
        record: JSON, with `kind`.
        paths: the files.
    """
    hashes = {path.name: files.sha256(path) for path in paths}
    own = {'genojax': genojax.__version__, 'license': license or UNKNOWN, 'files': hashes}
    values = dict(record)
    if json_files.HASH_FIELD in values:  # of the files that were converted before
        values['source_sha256'] = values.pop(json_files.HASH_FIELD)
    path = directory / FILE
    json_files.write_hashed(path, {**values, **own})
    return path


def read(folder: pathlib.Path) -> dict[str, Any]:
    """The record beside exported weights, after comparing their hashes; {} if there is none.

    Raises:
        DamageError: the record or a file that it lists differs from what was written.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    fix = f'export the model again; if the files were changed on purpose, remove {FILE}'
    required = 'files' in json_files.read(path, fix, fields=FIELDS)
    values = json_files.read_hashed(path, fix, required)
    listed = values.get('files', {})
    for name, digest in listed.items():
        file = folder / name
        if not file.is_file():
            raise errors.DamageError(f'{file} is missing, which {FILE} lists. Fix: {fix}')
        if files.sha256(file) != digest:
            raise errors.DamageError(f'{file} differs from what was written. Fix: {fix}')
    return values


def statement(
    stored: Mapping[str, Any], folder: pathlib.Path, kind: store.ModelKind
) -> dict[str, Any]:
    """`license` and `origin` of a source, and what its record of an export holds besides.

    Args:
        stored: what `read` returned.
        folder: of the source.
        kind: of the source.
    """
    published = f'the published {kind.title} weights'
    license, origin = _card_license(folder), ''
    result: dict[str, Any] = {}
    if stored:
        license, origin = stored.get('license', ''), stored.get('origin', '')
        result = {name: stored[name] for name in ('init_from', 'step', 'source') if name in stored}
        result = {'exported': {**result, 'kind': stored.get('kind', UNKNOWN)}}
        if 'trained_tokens' in stored:  # of the longest rows of the training
            result['trained_tokens'] = stored['trained_tokens']
    elif not license:
        license = f'{UNKNOWN} ({published}: {kind.license})'
    if not stored:
        origin = f'{UNKNOWN} ({published}: {kind.origin})'
    return {**result, 'license': license or UNKNOWN, 'origin': origin or UNKNOWN}


def note(license: str, kind: store.ModelKind) -> str:
    """What a user must know of a kind's licence, if it is or may be that of the weights."""
    return kind.note if kind.note and kind.license.lower() in license.lower() else ''


def _card_license(folder: pathlib.Path) -> str:
    """The licence in the header of the card beside the weights; '' if there is none.

    The header is YAML between two lines '---', as on the Hugging Face hub.
    """
    path = folder / CARD
    if not path.is_file():
        return ''
    lines = path.read_text(encoding='utf-8', errors='replace').splitlines()
    if not lines or lines[0].strip() != '---':
        return ''
    for line in lines[1:]:
        name, colon, value = line.partition(':')
        if line.strip() == '---':
            break
        if name == 'license' and colon and value.strip():
            return f'{value.strip().strip(chr(34))} (stated in {CARD})'
    return ''
