"""The manifest of a directory of shards: its sources, its contents, and the hash of every file.

It is written last, so a directory with a manifest is complete. Its own hash is the fingerprint of
the corpus and is in a file beside it. It holds no absolute path and no time, so the same genomes
yield the same bytes anywhere.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import shlex
from collections.abc import Iterator

from genojax import errors, genome, json_files, locks
from genojax.data.formats import genome_table

NAME = 'manifest.json'
HASH = 'manifest.sha256'  # as sha256sum writes it
GENES = 'genes.json'
LOCK = '.lock'
FORMAT = 'genojax shards'
VERSION = 1
_FILE = {'file': str, 'bytes': int, 'sha256': str}
_CONTIG = {
    **{'name': str, 'length': int, 'circular': bool, 'softmasked': bool},
    **{'split': str, 'digest': str},
}
_FIELDS = {
    'genes': {'sha256': str},
    'chunk': int,
    'part': int,
    'sources': [_FILE],
    'species': [
        {
            'name': str,
            'contigs': [_CONTIG],
            'files': [_FILE],
            'shards': [{**_FILE, 'part': str, 'records': int}],
        }
    ],
}
# The word of a split in manifests of this version; the words of the code are train and test.
SPLIT_WORD = {'': '', 'train': 'train', 'test': 'held_out'}
_SPLIT_OF_WORD = {word: split for split, word in SPLIT_WORD.items()}


def sha256_of(path: pathlib.Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def to_bytes(value) -> bytes:
    """JSON with sorted keys: the same value gives the same bytes."""
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + '\n').encode()


def save(directory: pathlib.Path, name: str, value) -> str:
    """Write a JSON file in one step, so that it is never incomplete; returns its SHA-256."""
    data = to_bytes(value)
    _save_bytes(directory / name, data)
    return hashlib.sha256(data).hexdigest()


def finish(directory: pathlib.Path, value: dict) -> str:
    """Write the manifest, which completes the directory; returns the fingerprint."""
    fingerprint = hashlib.sha256(to_bytes(value)).hexdigest()
    _save_bytes(directory / HASH, f'{fingerprint}  {NAME}\n'.encode())
    return save(directory, NAME, value)


def _save_bytes(path: pathlib.Path, data: bytes) -> None:
    unfinished = path.with_name(f'{path.name}.new')
    with open(unfinished, 'wb') as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def damaged(code: str, where: os.PathLike, problem: str) -> errors.DamageError:
    """The error about shards that differ from what was written."""
    if code not in errors.EXPLANATIONS:
        raise KeyError(f'{code} has no entry in EXPLANATIONS')
    where = pathlib.Path(where)
    return errors.DamageError(f'GX-{code}: {where}: {problem}. Fix: {_fix(where)}')


def _no_shards(directory: pathlib.Path) -> errors.InputError:
    """The error about a path at which no ingest has begun."""
    problem, genomes = 'this is no folder of shards', 'GENOMES'
    if (directory / genome_table.NAME).exists():
        problem, genomes = 'these are genomes, and no shards', shlex.quote(str(directory))
    elif not directory.exists():
        problem = 'no such folder'
    fix = f'genojax ingest {genomes} --out={errors.new_name("shards")}'
    return errors.InputError('AR04', problem, path=directory, fix=fix)


def _fix(where: pathlib.Path) -> str:
    """The command that writes the shards again in which a file or folder is."""
    folders = [where, *where.parents]
    folder = next((one for one in folders[:4] if (one / NAME).exists()), where)
    return f'genojax ingest GENOMES --out={shlex.quote(str(folder))} --replace'


@contextlib.contextmanager
def locked(directory: pathlib.Path, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a directory; it is released when the process ends, also when it is killed.

    Raises:
        errors.UsageError: another process holds it, which is named; unless `wait`.
    """
    try:
        file = locks.take(directory / LOCK, None if wait else locks.in_use(directory))
    except OSError as error:
        raise errors.UsageError(f'cannot write to {directory}: {error.strerror}') from error
    with file:
        yield


def load(directory: pathlib.Path) -> tuple[dict, str]:
    """The manifest and its fingerprint.

    Raises:
        errors.InputError: AR04, nothing in the folder is of shards, or there is no folder.
        errors.DamageError: AR03, it is missing beside other files of shards, or changed, or of
            another version.
    """
    path = directory / NAME
    try:
        data = path.read_bytes()
        recorded = (directory / HASH).read_bytes()
    except OSError as error:
        missing = pathlib.Path(error.filename).name
        if not any((directory / name).exists() for name in (NAME, HASH, GENES, LOCK)):
            raise _no_shards(directory) from error
        raise damaged(
            'AR03', directory, f'no {missing}: there are no complete shards here'
        ) from error
    fingerprint = hashlib.sha256(data).hexdigest()
    if recorded != f'{fingerprint}  {NAME}\n'.encode():
        raise damaged('AR03', path, f'the manifest does not have the hash in {HASH}')
    fields = {'format': str, 'version': int}
    value = json_files.parse(data, str(path), _fix(directory), fields=fields)
    if (value['format'], value['version']) != (FORMAT, VERSION):
        version = f'{value["format"]!r} version {value["version"]!r}'
        raise damaged('AR03', path, f'this is {version}, not {FORMAT!r} version {VERSION}')
    try:
        json_files.check(value, str(path), fields=_FIELDS)
    except errors.DamageError as error:
        problem = str(error).partition('. Fix: ')[0].removeprefix(f'{path} ')
        raise damaged('AR03', path, f'the manifest {problem}') from error
    return value, fingerprint


def contigs_of(species: dict) -> tuple[genome.Contig, ...]:
    """The contigs of one entry of manifest['species']."""
    return tuple(
        genome.Contig(
            name=contig['name'],
            length=contig['length'],
            circular=contig['circular'],
            softmasked=contig['softmasked'],
            split=_SPLIT_OF_WORD[contig['split']],
            digest=contig['digest'],
        )
        for contig in species['contigs']
    )


def genes(directory: pathlib.Path, value: dict) -> dict[str, list[genome.Gene]]:
    """Named genes by species, from the file beside the manifest."""
    path = directory / GENES
    try:
        data = path.read_bytes()
    except OSError as error:
        raise damaged('AR02', path, 'the file of genes is missing') from error
    if hashlib.sha256(data).hexdigest() != value['genes']['sha256']:
        raise damaged('AR01', path, 'the file of genes was changed after it was written')
    rows_of = json_files.parse(data, str(path), _fix(directory))
    return {species: [genome.Gene(*gene) for gene in rows] for species, rows in rows_of.items()}


def wrong_file(directory: pathlib.Path, entry: dict) -> str | None:
    """What is wrong with a file of the manifest: 'missing', 'size', 'content', or None."""
    path = directory / entry['file']
    if not path.is_file():
        return 'missing'
    if path.stat().st_size != entry['bytes']:
        return 'size'
    if sha256_of(path) != entry['sha256']:
        return 'content'
    return None
