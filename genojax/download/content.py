"""What a fetched file must be: the bytes its publisher states, whole gzip data, known sequences."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping

from genojax import errors, progress
from genojax.data.formats import fasta, input_file
from genojax.download import remote, source_files

_MAX_LIST = 64 << 20  # bytes of a list of sums
_BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True)
class FastaContent:
    """What was read of a FASTA file.

    Attributes:
        contigs: name -> length in bases and refget digest.
        soft_masked: bases in lower case.
    """

    contigs: dict[str, tuple[int, str]] = dataclasses.field(default_factory=dict)
    soft_masked: int = 0

    @property
    def bases(self) -> int:
        """Of all contigs."""
        return sum(length for length, _ in self.contigs.values())


@dataclasses.dataclass(frozen=True)
class FileSums:
    """Size in bytes and hashes of a file."""

    size: int
    sha256: str
    md5: str


def sums(path: pathlib.Path) -> FileSums:
    """Reads a file for its hashes."""
    sha256, md5, size = hashlib.sha256(), hashlib.md5(), 0
    with open(path, 'rb') as file:
        while block := file.read(_BLOCK):
            sha256.update(block)
            md5.update(block)
            size += len(block)
    return FileSums(size, sha256.hexdigest(), md5.hexdigest())


def published_md5(url: str, name: str, timeout: float) -> str:
    """The MD5 sum of a file in its publisher's list, lines `SUM  PATH`; '' if it is not in there.

    Raises:
        remote.Temporary, remote.Absent: the list cannot be read.
    """
    text = remote.read_small(url, _MAX_LIST, timeout).decode('utf-8', 'replace')
    for line in text.splitlines():
        md5, _, path = line.strip().partition(' ')
        if path.strip().removeprefix('*').removeprefix('./') == name and len(md5) == 32:
            return md5.lower()
    return ''


def compare(
    path: pathlib.Path,
    actual: FileSums,
    file: source_files.RemoteFile,
    md5: str = '',
    sha256: str = '',
) -> list[str]:
    """Compares a file with what is stated of it; what it was compared with, in words.

    Args:
        md5, sha256: that the publisher states; '' where it states none.

    Raises:
        DamageError: DL03, they differ.
    """
    stated = {'size': file.size, 'MD5': file.md5 or md5, 'SHA-256': sha256}
    values = {'size': actual.size, 'MD5': actual.md5, 'SHA-256': actual.sha256}
    compared = []
    for what, value in stated.items():
        if value and value != values[what]:
            raise damaged(path, f'its {what} is {values[what]}, and its publisher states {value}')
        if value:
            compared.append(f'{what} of the publisher')
    return compared


def damaged(path: pathlib.Path, problem: str) -> errors.DamageError:
    """The error about a file that is not what it should be."""
    return errors.DamageError(
        f'GX-DL03: {path}: {problem}. Fix: remove it and run the same command; if it differs '
        'again, the publisher has changed it'
    )


def check_fasta(path: pathlib.Path, label: str, refget: Mapping[str, str]) -> FastaContent:
    """Reads every record of a FASTA file.

    Args:
        refget: contig -> published digest.

    Raises:
        InputError: the file is no whole, valid FASTA file.
        DamageError: DL03, a contig is absent or has another sequence.
    """
    contigs, soft_masked = {}, 0
    with progress.bar(f'checking {label}, Mb') as display:
        for record in fasta.FastaReader(path):
            contigs[record.name] = len(record.codes), record.stats.digest
            soft_masked += record.stats.soft_masked
            display.advance(len(record.codes) / 1e6)
    for name, digest in refget.items():
        if name not in contigs:
            raise damaged(path, f'contig {name!r} is not in it')
        if contigs[name][1] != digest:
            raise damaged(path, f'contig {name!r} is {contigs[name][1]}, not {digest}')
    return FastaContent(contigs, soft_masked)


def check_compressed(path: pathlib.Path, label: str) -> None:
    """Reads a gzip file to its end.

    Raises:
        InputError: it is cut off or damaged.
    """
    reader = input_file.InputFile(path, max_uncompressed=input_file.MAX_UNCOMPRESSED)
    with progress.bar(f'checking {label}, MB') as display:
        for block in reader.blocks():
            display.advance(len(block) / 1e6)
