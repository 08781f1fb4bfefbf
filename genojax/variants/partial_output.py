"""An output file that survives a kill: what is written is durable, and a journal says how far."""

import contextlib
import hashlib
import os
import pathlib
import shlex
import shutil
import sys

from genojax import config, errors, json_files
from genojax.data.formats import input_file
from genojax.data.formats.variant_files import bgzip, vcf

JOURNAL, LOCK = 'journal.json', 'run.lock'  # in the folder of a partial output
FORMAT = 2  # of what the journal counts and the output has; another one is not continued
_FIELDS = {'identity': dict, 'done': dict}


def is_unused(folder: pathlib.Path) -> bool:
    """Whether a partial output has nothing that a later call could continue; not if damaged."""
    path = folder / JOURNAL
    try:
        return not (path.exists() and json_files.read_hashed(path, fields=_FIELDS)['done'])
    except errors.DamageError:
        return False


class Journal:
    """How much of the input the partial output covers.

    Attributes:
        identity: all that the output depends on; another one is refused.
        done: lines, bytes, sha256 of the input and of the output so far, counts; empty at the
            start.

    Raises:
        UsageError: the folder holds the partial output of another command.
    """

    def __init__(self, path: pathlib.Path, identity: dict):
        self.path, self.identity, self.done = path, identity, {}
        if path.exists():
            remove = f'rm -r {shlex.quote(str(path.parent))}'
            saved = json_files.read_hashed(path, remove, fields=_FIELDS)
            wrong = config.differences(saved['identity'], identity)
            if wrong and not saved['done']:  # nothing of it was written yet
                for entry in path.parent.iterdir():
                    if entry.name != LOCK:
                        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            elif wrong:
                title = f'{path.parent} is the partial output of another command (it -> this one):'
                raise errors.UsageError('\n  '.join([title, *wrong[:10], f'Fix: {remove}']))
            self.done = saved['done']

    def save(self, **done) -> None:
        """Replaces the journal; the output that it describes must be durable already."""
        json_files.write_hashed(self.path, {'identity': self.identity, 'done': done})


class PartialFile:
    """The output file while it is written: OUT.partial/records, or standard output for '-'.

    Args:
        done: of the journal.

    Attributes:
        size: bytes that are written and durable.

    Raises:
        DamageError: the bytes that an earlier call wrote are not there any more.
    """

    def __init__(self, out: str, folder: pathlib.Path, done: dict):
        self.out, self.folder = out, folder
        self.compressed = out.endswith(('.gz', '.bgz'))
        self.partial = folder / 'records'
        self.size, self._sha256 = done.get('bytes', 0), hashlib.sha256()
        if self.size:
            self._check(done['output'])

    @property
    def sha256(self) -> str:
        """Of the bytes that are written."""
        return self._sha256.hexdigest()

    def _check(self, expected: str) -> None:
        left = self.size
        with contextlib.suppress(FileNotFoundError), open(self.partial, 'rb') as file:
            while left and (block := file.read(min(left, 1 << 20))):
                self._sha256.update(block)
                left -= len(block)
        if left or self.sha256 != expected:
            raise errors.DamageError(
                f'{self.partial} was changed after it was written. Fix: rm -r {self.folder}'
            )

    def __enter__(self) -> 'PartialFile':
        if self.out == vcf.STANDARD_STREAM:
            self.file = sys.stdout.buffer
        else:
            self.file = open(self.partial, 'r+b' if self.partial.exists() else 'w+b')  # noqa: SIM115
            self.file.truncate(self.size)
            self.file.seek(self.size)
        return self

    def __exit__(self, *error) -> None:
        if self.out != vcf.STANDARD_STREAM:
            self.file.close()

    def write(self, data: bytes) -> None:
        """Appends bytes and makes them durable; bgzip blocks end with them."""
        data = bgzip.blocks(data) if self.compressed else data
        self.file.write(data)
        self.size += len(data)
        self._sha256.update(data)
        self.file.flush()
        if self.out != vcf.STANDARD_STREAM:
            os.fsync(self.file.fileno())

    def finish(self) -> None:
        """The complete file in its place; the partial folder is removed."""
        if self.compressed:
            self.file.write(input_file.BGZIP_END)
        self.file.flush()
        if self.out != vcf.STANDARD_STREAM:
            os.fsync(self.file.fileno())
            os.replace(self.partial, self.out)
            shutil.rmtree(self.folder)
