"""An output file that survives a kill: what is written is durable, and a journal says how far."""

import os
import pathlib
import shutil
import sys

from genojax import config, errors, json_files
from genojax.data.formats import input_file
from genojax.data.formats.variant_files import bgzip, vcf

JOURNAL = 'journal.json'  # in the folder of a partial output
_FIELDS = {'identity': dict, 'done': dict}


class Journal:
    """How much of the input the partial output covers.

    Attributes:
        identity: all that the output depends on; another one is refused.
        done: lines, bytes, sha256 of the input so far, counts; empty at the start.

    Raises:
        UsageError: the folder holds the partial output of another command.
    """

    def __init__(self, path: pathlib.Path, identity: dict):
        self.path, self.identity, self.done = path, identity, {}
        if path.exists():
            saved = json_files.read_hashed(path, f'rm -r {path.parent}', fields=_FIELDS)
            wrong = config.differences(saved['identity'], identity)
            if wrong and not saved['done']:  # nothing of it was written yet
                shutil.rmtree(path.parent)
                path.parent.mkdir()
            elif wrong:
                title = f'{path.parent} is the partial output of another command (it -> this one):'
                fix = f'Fix: rm -r {path.parent}'
                raise errors.UsageError('\n  '.join([title, *wrong[:10], fix]))
            self.done = saved['done']

    def save(self, **done) -> None:
        """Replaces the journal; the output that it describes must be durable already."""
        json_files.write_hashed(self.path, {'identity': self.identity, 'done': done})


class PartialFile:
    """The output file while it is written: OUT.partial/records, or standard output for '-'.

    Attributes:
        size: bytes that are written and durable.
    """

    def __init__(self, out: str, folder: pathlib.Path, size: int):
        self.out, self.folder = out, folder
        self.compressed = out.endswith(('.gz', '.bgz'))
        self.partial = folder / 'records'
        self.size = size

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
