"""VCF files as lines of bytes, so that a record can be written back unchanged but for INFO.

Coordinates stay as in the file (POS, 1-based). Only the first eight columns are looked at. Values
that are not VCF (a POS that is no number, an empty REF) are left to the caller, which can name
them; a file whose structure is not VCF's is an error with its line. The rules are those of VCF 4.5
(samtools/hts-specs).
"""

import dataclasses
import os
import pathlib
import re
import shlex
import stat
import types
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping

from genojax import errors
from genojax.data.formats import input_file

COLUMNS = ('#CHROM', 'POS', 'ID', 'REF', 'ALT', 'QUAL', 'FILTER', 'INFO')
STANDARD_STREAM = '-'
STANDARD_INPUT = pathlib.Path('/dev/stdin')  # the path of what is read for it
_MAX_LINE = 1 << 26  # bytes; a million samples with depths have fewer
_COLUMN_FIX = f'write a line {" ".join(COLUMNS)}, with TABs, before the records'
_MAX_HEADER = 1 << 26  # bytes
_MAX_HEADER_LINES = 1_000_000
_MAX_EMPTY = 10_000  # lines after the header that hold no record
_CONTIG = re.compile(r'[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*')
_NO_LIMIT = 1 << 62  # genotypes of many samples compress more than 100:1, and lines are streamed


@dataclasses.dataclass(frozen=True, slots=True)
class VcfRecord:
    """One line of a VCF file after its header.

    Attributes:
        line: its number, from 1.
        text: its bytes without the line end; `end`: the line end, empty on an unfinished last line.
        fields: the first eight columns; empty for a line without a record (blank, or a comment).
    """

    line: int
    text: bytes
    end: bytes
    fields: tuple[str, ...] = ()

    @property
    def contig(self) -> str:
        return self.fields[0]

    @property
    def position(self) -> int | None:
        """POS, 1-based; None where the column is not a whole number of at least 0."""
        text = self.fields[1]
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None

    @property
    def id(self) -> str:
        return self.fields[2]

    @property
    def reference(self) -> str:
        return self.fields[3]

    @property
    def alternates(self) -> tuple[str, ...]:
        """The ALT alleles as they are written; '.' is one of them where there is none."""
        return tuple(self.fields[4].split(','))

    def with_changes(self, info: str, reference: str = '') -> bytes:
        """The line with more INFO, and with another REF if there is one; line end included."""
        columns = self.text.split(b'\t', 8)
        old = columns[7]
        if old in (b'.', b''):
            columns[7] = info.encode('latin-1')
        else:
            columns[7] = old + (b'' if old.endswith(b';') else b';') + info.encode('latin-1')
        if reference:
            columns[3] = reference.encode('latin-1')
        return b'\t'.join(columns) + self.end


class PipedInput(input_file.InputFile):
    """A pipe: its size is unknown, and it cannot be read again."""

    def _stat(self):
        return types.SimpleNamespace(st_size=0, st_mtime_ns=0)


def open_input(path: str | os.PathLike) -> input_file.InputFile:
    """A file, a named pipe, or standard input for '-'; plain, gzip or bgzip."""
    if str(path) == STANDARD_STREAM:
        return PipedInput(STANDARD_INPUT, max_uncompressed=_NO_LIMIT)
    if pathlib.Path(path).exists() and not stat.S_ISREG(os.stat(path).st_mode):
        if not pathlib.Path(path).is_dir():
            return PipedInput(path, max_uncompressed=_NO_LIMIT)
    return input_file.InputFile(path, max_uncompressed=_NO_LIMIT)


class VcfReader:
    """The header and the records of one VCF file, read once.

    Attributes:
        header: the lines before the records with their ends, after `read_header`.
    """

    def __init__(self, path: str | os.PathLike):
        self.file = open_input(path)
        self.path = self.file.path
        self.header: list[bytes] = []
        self._lines = self._raw_lines()

    def read_header(self) -> list[bytes]:
        """All lines up to the one that begins with #CHROM.

        Raises:
            InputError: VC01 for a file that is not VCF, VC02 for one without a #CHROM line, VC04
                for a header of 64 MiB or a million lines, FA.. for one that cannot be read.
        """
        size = 0
        for number, line in self._lines:
            if number == 1:
                line = self._first(line)
            self.header.append(line)
            size += len(line)
            if size > _MAX_HEADER:
                raise self._error('VC04', number, f'a header of more than {_MAX_HEADER:,} bytes')
            if number > _MAX_HEADER_LINES:
                problem = f'a header of more than {_MAX_HEADER_LINES:,} lines'
                raise self._error('VC04', number, problem)
            if line.startswith(b'#CHROM'):
                self._check_columns(number, line)
                return self.header
            if not line.startswith(b'##'):
                raise self._error(
                    'VC02', number, 'a record before the line #CHROM', fix=_COLUMN_FIX
                )
        if not self.header:
            raise self._error('VC01', None, 'the file is empty', fix='get the whole file')
        raise self._error('VC02', None, 'no line #CHROM', fix=_COLUMN_FIX)

    def __iter__(self) -> Iterator[VcfRecord]:
        """The lines after the header, in order; none is left out.

        Raises:
            InputError: VC03 for a record without eight columns or with a carriage return inside,
                VC04 for a line of 64 MiB, or 10,000 lines without a record.
        """
        empty = 0
        for number, line in self._lines:
            text = line.rstrip(b'\r\n')
            end = line[len(text) :]
            if not text.strip() or text.startswith(b'#'):
                empty += 1
                if empty > _MAX_EMPTY:
                    problem = f'more than {_MAX_EMPTY:,} lines without a record'
                    raise self._error('VC04', number, problem, fix='get the file again')
                yield VcfRecord(number, text, end)
                continue
            if b'\r' in text:  # a record after it would be taken for INFO
                old, new = input_file.shell_words(self.path)
                fix = f"write one record per line: {old} | tr '\\r' '\\n' > {new}, and name {new}"
                raise self._error('VC03', number, 'a carriage return inside the line', fix=fix)
            columns = text.split(b'\t', 8)[:8]
            if len(columns) < 8:
                spaces = len(text.split()) >= 8
                fix = 'separate columns by TAB' if spaces else 'write CHROM ... INFO, 8 columns'
                problem = f'{len(columns)} of the 8 columns of a record'
                raise self._error('VC03', number, problem, fix=fix)
            yield VcfRecord(number, text, end, tuple(c.decode('latin-1') for c in columns))

    def _raw_lines(self) -> Iterator[tuple[int, bytes]]:
        """Line numbers from 1 and lines with their ends."""
        number, rest, size = 0, [], 0
        for block in self.file.blocks():
            if not number and not rest and not block.startswith(b'BCF'):  # `_first` names BCF
                block = self.file.check_text(block)
            *whole, last = block.split(b'\n')
            for line in whole:
                number += 1
                yield number, b''.join((*rest, line, b'\n'))
                rest, size = [], 0
            rest.append(last)
            size += len(last)
            if size > _MAX_LINE:
                raise self._error('VC04', number + 1, f'a line of more than {_MAX_LINE:,} bytes')
        if any(rest):
            yield number + 1, b''.join(rest)

    def _first(self, line: bytes) -> bytes:
        if line.startswith(b'BCF'):
            old, new = shlex.quote(str(self.path)), errors.new_name(f'{self.path}.vcf')
            fix = f'bcftools view -Ov -o {new} {old}, and name {new}'
            raise self._error('VC01', None, 'this is BCF', fix=fix)
        if not line.startswith(b'##fileformat=VCF'):
            problem = f'the first line is {line[:30].decode("latin-1")!r}'
            fix = "a VCF file begins with '##fileformat=VCFv4.2'"
            raise self._error('VC01', 1, problem, fix=fix)
        return line

    def _check_columns(self, number: int, line: bytes) -> None:
        names = tuple(line.decode('latin-1').rstrip('\r\n').split('\t')[: len(COLUMNS)])
        if names != COLUMNS:
            problem = f'the columns are {" ".join(names)}'
            raise self._error('VC02', number, problem, fix=_COLUMN_FIX)

    def _error(self, code: str, line: int | None, problem: str, fix: str = '') -> errors.InputError:
        return errors.InputError(code, problem, path=self.path, line=line, fix=fix)


def info_ids(header: Iterable[bytes]) -> set[str]:
    """The INFO keys that a header declares."""
    ids = set()
    for line in header:
        if line.startswith(b'##INFO=<ID='):
            text = line[len(b'##INFO=<ID=') :].decode('latin-1')
            ids.add(text.split(',')[0].split('>')[0])
    return ids


def contigs(header: Iterable[bytes]) -> dict[str, int]:
    """The contigs that a header declares: length by name, 0 where it does not say."""
    declared = {}
    for line in header:
        if line.startswith(b'##contig=<'):
            text = line.decode('latin-1')
            name, length = (re.search(rf'[<,]{key}=([^,>]+)', text) for key in ('ID', 'length'))
            if name:
                declared[name[1]] = int(length[1]) if length and length[1].isdecimal() else 0
    return declared


def contig_lines(lengths: Mapping[str, int]) -> list[bytes]:
    """Header lines ##contig=<ID=..,length=..>, but for names that VCF does not allow."""
    known = [(name, length) for name, length in lengths.items() if _CONTIG.fullmatch(name)]
    return [f'##contig=<ID={name},length={length}>\n'.encode() for name, length in known]


def info_line(fields: dict[str, str], quoted: dict[str, str]) -> bytes:
    """A header line ##INFO=<...>; the values of `quoted` are escaped and in quotes."""
    cells = [f'{name}={value}' for name, value in fields.items()]
    for name, value in quoted.items():
        escaped = value.replace('\\', '\\\\').replace('"', '\\"')
        cells.append(f'{name}="{escaped}"')
    return f'##INFO=<{",".join(cells)}>\n'.encode('latin-1', 'replace')


def escape(value: str) -> str:
    """A value inside INFO: the characters that have a meaning there are percent-encoded."""
    return ''.join(
        urllib.parse.quote(c, safe='') if c in '%;=,|"' or c.isspace() else c for c in value
    )
