"""The bytes of an input file, read once, a block at a time, and hashed on the way.

Plain text, gzip and bgzip are recognised by their first bytes. zlib is called directly: the gzip
module hides where a truncated file ends, and checks neither the end-of-file block of bgzip nor how
much a small file expands. Every text input of every verb is read through this module.
"""

import hashlib
import os
import pathlib
import shlex
import stat
import zlib
from collections.abc import Callable, Iterator

from genojax import errors
from genojax.data.formats.variant_files import block_index

BLOCK = 1 << 20  # decompressed bytes per block
_RAW_BLOCK = 1 << 18  # small, because each bgzip member copies the rest of the raw block
_GZIP_MAGIC = b'\x1f\x8b'
# The empty member that ends every complete bgzip file (SAM specification, section 4.1.2).
BGZIP_END = bytes.fromhex('1f8b08040000000000ff0600424302001b0003000000000000000000')

# DNA compresses about 4:1; only long runs of N, or an attack, exceed 100:1.
MAX_RATIO = 100
MAX_UNCOMPRESSED = 64 << 20  # bytes of sequence; up to this size any ratio is accepted
MAX_TABLE = 1 << 19  # bytes of any other text, whose rows take many times their bytes in memory
MAX_LINE = 64 << 20  # bytes

_FOREIGN = {
    b'PK\x03\x04': ('a zip archive', 'unpack it'),
    b'BZh': ('bzip2 data', 'run bunzip2 on it'),
    b'\xfd7zXZ': ('xz data', 'run unxz on it'),
    b'\x28\xb5\x2f\xfd': ('zstd data', 'run unzstd on it'),
    b'\x43\x27\x41\x1a': ('a .2bit file', 'run twoBitToFa on it'),
    b'\x1a\x41\x27\x43': ('a .2bit file', 'run twoBitToFa on it'),
    b'LOCUS ': ('a GenBank record', 'download it as FASTA and GFF3'),
    b'%PDF': ('a PDF document', 'export it as text'),
    b'\x1f\x8b': ('gzip data inside gzip data', 'run gunzip on it once'),
    b'BAM\1': ('BAM alignments', 'name the file of the sequences or intervals themselves'),
    b'BCF\2': ('BCF variants', 'run bcftools view on it, which writes VCF'),
    b'CRAM': ('CRAM alignments', 'name the file of the sequences or intervals themselves'),
    b'\x26\xfc\x8f\x88': ('a bigWig file', 'name a text file'),
    b'\x88\x8f\xfc\x26': ('a bigWig file', 'name a text file'),
    b'\xeb\xf2\x89\x87': ('a bigBed file', 'run bigBedToBed on it'),
    b'\x87\x89\xf2\xeb': ('a bigBed file', 'run bigBedToBed on it'),
    b'\x89HDF': ('an HDF5 file', 'export it as text'),
    b'PAR1': ('a Parquet file', 'export it as TSV'),
    b'TBI\1': ('a tabix index', 'name the file beside it'),
    b'CSI\1': ('a tabix index', 'name the file beside it'),
    b'\x93NUMPY': ('a numpy array', 'export it as text'),
    b'\x7fELF': ('a program', 'name a data file'),
}


class InputFile:
    """One input file, read once from beginning to end.

    Args:
        max_uncompressed: bytes that a compressed file may expand to at any ratio.

    Attributes:
        compression: 'plain', 'gzip' or 'bgzip', known after the first block.
        sha256: of the file on disk, known after the last block.
        crlf, bare_cr: line ends that `text` replaced by newlines; bom: whether it removed a
            byte-order mark.
        progress: text on how much has been read, for the error about a truncated file.
    """

    def __init__(self, path: str | os.PathLike, *, max_uncompressed: int = MAX_TABLE):
        self.path = pathlib.Path(path)
        self.max_uncompressed = max_uncompressed
        self.compression, self.sha256, self.progress = 'plain', '', ''
        self.crlf = self.bare_cr = 0
        self.bom = False
        self._raw_bytes = 0

    def blocks(self) -> Iterator[bytes]:
        """The decompressed bytes.

        Raises:
            errors.InputError: FA15 truncated, FA16 damaged, FA17 bgzip data that lack a block of
                the index beside them, FA18 expands too much, FA19 changed while read, FA20
                unreadable.
        """
        before = self._stat()
        try:
            with open(self.path, 'rb', buffering=0) as file:
                raw = self._raw(file)
                first = next(raw, b'')
                if first.startswith(_GZIP_MAGIC):
                    yield from self._inflate(first, raw)
                elif first:
                    yield first
                    yield from raw
        except OSError as error:
            raise self._unreadable(error) from error
        after = self._stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise errors.InputError(
                'FA19',
                f'the file changed while it was read ({before.st_size:,} bytes, then '
                f'{after.st_size:,})',
                path=self.path,
                fix='start again when the program that writes it has finished',
            )

    def text(self) -> Iterator[bytes]:
        """The bytes with every line end as one newline and without a byte-order mark.

        Raises:
            errors.InputError: as `blocks`; FA11, FA13, FA14 or FA23 for what is not text.
        """
        pending_cr, first = b'', True
        for block in self.blocks():
            if first:
                block = self.check_text(block)
                first = False
            block = pending_cr + block
            pending_cr = b''
            if b'\r' in block:
                if block.endswith(b'\r'):  # its newline may begin the next block
                    block, pending_cr = block[:-1], b'\r'
                pairs = block.count(b'\r\n')
                self.crlf += pairs
                self.bare_cr += block.count(b'\r') - pairs
                block = block.replace(b'\r\n', b'\n').replace(b'\r', b'\n')
            if block:
                yield block
        if pending_cr:
            self.bare_cr += 1
            yield b'\n'

    def lines(self, first: Callable[[bytes], None] | None = None) -> Iterator[tuple[int, str]]:
        """Line numbers from 1 and lines without their ends; other than UTF-8 is read as Latin-1.

        Args:
            first: called with the first block of text, to refuse other formats.

        Raises:
            errors.InputError: as `text`; FA24, a line of more than `MAX_LINE` bytes.
        """
        number, pieces, size = 0, [], 0
        for block in self.text():
            if first is not None:
                first(block)
                first = None
            end = block.rfind(b'\n')
            if end >= 0:
                whole = b''.join([*pieces, block[:end]])
                pieces, size = [], 0
                for line in _decoded_lines(whole):
                    number += 1
                    yield number, line
            rest = block[end + 1 :]
            if rest:
                pieces.append(rest)
                size += len(rest)
            if size > MAX_LINE:
                raise errors.InputError(
                    'FA24',
                    f'the line has more than {MAX_LINE >> 20} MiB',
                    path=self.path,
                    line=number + 1,
                    fix='check that this is a table or annotation, one row per line',
                )
        if pieces:
            yield number + 1, _decode(b''.join(pieces))

    def read_text(self) -> str:
        """The whole text, with newlines as line ends.

        Raises:
            errors.InputError: as `lines`.
        """
        return '\n'.join(line for _, line in self.lines())

    def file_sha256(self) -> str:
        """The hash of the file on disk, which is not decompressed.

        Raises:
            errors.InputError: FA20, unreadable.
        """
        self._stat()
        try:
            with open(self.path, 'rb', buffering=0) as file:
                for _ in self._raw(file):
                    pass
        except OSError as error:
            raise self._unreadable(error) from error
        return self.sha256

    def _stat(self) -> os.stat_result:
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise self._unreadable(error) from error
        if not stat.S_ISREG(status.st_mode):
            kind = 'a directory' if stat.S_ISDIR(status.st_mode) else 'not a regular file'
            raise errors.InputError(
                'FA20',
                f'this is {kind}',
                path=self.path,
                fix='name a file (a pipe cannot be checked)',
            )
        return status

    def _unreadable(self, error: OSError) -> errors.InputError:
        return errors.InputError(
            'FA20',
            f'cannot be read: {error.strerror or error}',
            path=self.path,
            fix='check the name and the permissions',
        )

    def _raw(self, file) -> Iterator[bytes]:
        sha256 = hashlib.sha256()
        self._tail = b''
        while block := file.read(_RAW_BLOCK):
            sha256.update(block)
            self._raw_bytes += len(block)
            self._tail = (self._tail + block)[-len(BGZIP_END) :]
            yield block
        self.sha256 = sha256.hexdigest()

    def _inflate(self, pending: bytes, raw: Iterator[bytes]) -> Iterator[bytes]:
        bgzip = len(pending) > 14 and pending[3] & 4 and pending[12:14] == b'BC'
        self.compression = 'bgzip' if bgzip else 'gzip'
        index = block_index.listed(self.path) if bgzip else {}
        written, member = 0, None
        while True:
            if not pending:
                pending = next(raw, b'')
                if not pending:
                    break
            if member is None:
                pending = pending.lstrip(b'\0')  # tape blocks are padded with zeros
                if not pending:
                    continue
                start = self._raw_bytes - len(pending)
                if index and index.get(start, ('', -1))[1] in (written, None):
                    del index[start]
                member = zlib.decompressobj(31)
            try:
                block = member.decompress(pending, BLOCK)
            except zlib.error as error:
                raise self._damaged(error, len(pending)) from error
            pending = member.unused_data if member.eof else member.unconsumed_tail
            if member.eof:
                member = None
            written += len(block)
            used = self._raw_bytes - len(pending)
            if written > self.max_uncompressed and written > MAX_RATIO * used:
                raise self._bomb(written, used)
            if block:
                yield block
        if member is not None or (bgzip and self._tail != BGZIP_END):
            raise self._truncated(cut_inside=member is not None)
        index.pop(self._raw_bytes, None)  # the end of the file
        if index:
            raise self._lacks_block(min(index), index[min(index)][0])

    def _damaged(self, error: zlib.error, pending: int) -> errors.InputError:
        position = max(self._raw_bytes - pending, 0)
        return errors.InputError(
            'FA16',
            f'damaged {self.compression} data in the member or block at or after '
            f'compressed byte {position:,} ({str(error).split(": ")[-1]}){self.progress}',
            path=self.path,
            fix='get the file again and compare its checksum with the one published',
        )

    def _truncated(self, cut_inside: bool) -> errors.InputError:
        how = 'ends inside its compressed data' if cut_inside else 'has no bgzip end-of-file block'
        return errors.InputError(
            'FA15',
            f'truncated: the file {how} at compressed byte {self._raw_bytes:,}{self.progress}',
            path=self.path,
            fix='get the whole file again',
        )

    def _lacks_block(self, offset: int, index: str) -> errors.InputError:
        return errors.InputError(
            'FA17',
            f'{index} lists a block at compressed byte {offset:,} that is not there: '
            'a block is missing, or the index is of another file',
            path=self.path,
            fix='get the whole file again, or delete the index if the file is right',
        )

    def _bomb(self, written: int, used: int) -> errors.InputError:
        return errors.InputError(
            'FA18',
            f'{used:,} compressed bytes expand to {written:,}, more than {MAX_RATIO} to 1: no '
            'genome compresses like this',
            path=self.path,
            fix='if the file is intended, decompress it yourself and use the plain file',
        )

    def check_text(self, block: bytes) -> bytes:
        """The first block without a byte-order mark, where it is no known format but text.

        Raises:
            errors.InputError: FA11, FA13, FA14 or FA23.
        """
        if block.startswith((b'\xff\xfe', b'\xfe\xff')) or _is_wide(block[:64]):
            raise errors.InputError(
                'FA11',
                'the file is in UTF-16',
                path=self.path,
                line=1,
                fix='save it as plain ASCII or UTF-8 text',
            )
        for magic, (what, fix) in _FOREIGN.items():
            if block.startswith(magic):
                raise errors.InputError('FA23', f'this is {what}', path=self.path, fix=fix)
        if block.startswith(b'version https://git-lfs'):
            raise errors.InputError(
                'FA14',
                'this is a git-LFS pointer, not the file it points to',
                path=self.path,
                fix='run git lfs pull where it was cloned',
            )
        if block[:512].lstrip().startswith(b'<'):
            raise errors.InputError(
                'FA13',
                'this is a web page or XML (an error page saved as data?)',
                path=self.path,
                fix='open it in a text editor, then download the data itself',
            )
        self.bom = block.startswith(b'\xef\xbb\xbf')
        return block[3:] if self.bom else block


def _is_wide(start: bytes) -> bool:
    """Whether every second byte of the first bytes is NUL: UTF-16 without a byte-order mark."""
    return len(start) >= 8 and (not any(start[1::2]) or not any(start[::2]))


def _decoded_lines(whole: bytes) -> list[str]:
    """The lines of a text without its last newline."""
    if whole.isascii():  # at once, which is faster
        return whole.decode('ascii').split('\n')
    return [_decode(line) for line in whole.split(b'\n')]


def _decode(line: bytes) -> str:
    try:
        return line.decode('utf-8')
    except UnicodeDecodeError:
        return line.decode('latin-1')


def shell_words(path: str | os.PathLike, suffix: str = '') -> tuple[str, str]:
    """For a fix: the command that prints a file, and the name of a new plain file beside it.

    Args:
        suffix: of the new file; that of the file by default.
    """
    path = pathlib.Path(path)
    packed = path.suffix in ('.gz', '.bgz')
    plain = path.with_suffix('') if packed else path
    command = 'gzip -dc' if packed else 'cat'
    new = plain.with_suffix(suffix) if suffix else plain
    return f'{command} {shlex.quote(str(path))}', errors.new_name(new)
