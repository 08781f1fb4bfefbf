"""FASTA files, read and written one record at a time, with every byte checked and nothing dropped.

genojax has its own reader because common ones return wrong bases without a message in ordinary
accidents (a space inside a line, a stale index, an empty record). It needs no index and no lines of
even length, keeps lower case as a soft mask, and turns ambiguous IUPAC codes into N and counts
them. Unusual content that is accepted is listed in `notes`; a mistake is one `errors.InputError`
with file, line, record, position, byte and fix.
"""

import gzip
import os
from collections.abc import Iterable, Iterator

import numpy as np

from genojax import dna, errors
from genojax.data.formats import content, input_file, sequence_record

_MAX_NAME = 255  # bytes
_MAX_HEADER = 1 << 20  # bytes
_MAX_PREAMBLE = 1 << 20  # bytes before the first header


class FastaReader:
    """The records of one file, in order; a second iteration reads the file again.

    Args:
        rna: read U as T.
        full_names: a record's name is its whole header, not the first word; None: the first word,
            and the caller has no option for that.
        numbered: a record's name is its number in the file, from 1.
        max_uncompressed: bytes that a compressed file may expand to at any ratio.

    Attributes:
        file: its `sha256` and `compression` are known after the last record.
        notes: remarks on unusual content that was accepted, complete after the last record.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        rna: bool = False,
        full_names: bool | None = None,
        numbered: bool = False,
        max_uncompressed: int = input_file.MAX_UNCOMPRESSED,
    ):
        self.path, self.rna, self.max_uncompressed = path, rna, max_uncompressed
        self.full_names, self.numbered = full_names, numbered
        self.notes: list[str] = []
        self.file = input_file.InputFile(path, max_uncompressed=max_uncompressed)

    def __iter__(self) -> Iterator[sequence_record.Record]:
        self.notes = []
        self.file = input_file.InputFile(self.path, max_uncompressed=self.max_uncompressed)
        self._lines_of: dict[str, int] = {}
        self._lengths: dict[str, int] = {}
        self._line, self._record, preamble = 1, None, b''
        self._preamble = 0  # bytes
        header, line_start = None, True
        for block in self.file.text():
            at = 0
            while at < len(block):
                if header is not None:
                    end = block.find(b'\n', at)
                    header += block[at : end if end >= 0 else len(block)]
                    if len(header) > _MAX_HEADER:
                        raise self._error(
                            'FA06', f'a header of more than {_MAX_HEADER:,} bytes', 'shorten it'
                        )
                    if end < 0:
                        break
                    self._record, header = self._start(header), None
                    self._line += 1
                    at, line_start = end + 1, True
                elif line_start and block[at] == ord('>'):
                    if self._record is not None:
                        yield self._finish()
                    header, at, line_start = b'', at + 1, False
                else:
                    # Most blocks have no '>' at all, and one byte is searched for fast.
                    end = len(block)
                    if block.find(b'>', at) >= 0:
                        end = block.find(b'\n>', at) + 1 or end
                    segment = block[at:end]
                    if self._record is None:
                        preamble = self._before_first(preamble + segment)
                    else:
                        self._line += self._record.add(segment, self._line)
                    at, line_start = end, segment.endswith(b'\n')
        if header is not None:
            self._record = self._start(header)
        if self._record is None:
            raise errors.InputError(
                'FA01', 'no records', path=self.path, fix='check that this is the right file'
            )
        yield self._finish()
        self._note_file()
        self._compare_index()

    def _error(self, code: str, problem: str, fix: str = '', **where) -> errors.InputError:
        return errors.InputError(code, problem, path=self.path, line=self._line, fix=fix, **where)

    def _before_first(self, text: bytes) -> bytes:
        """Check what precedes the first record: only blank lines and ; comments may.

        Returns:
            The last line, which may not be complete.
        """
        self._preamble += len(text)
        if self._preamble > _MAX_PREAMBLE:
            problem = f'no header in the first {_MAX_PREAMBLE >> 20} MiB'
            raise self._error('FA02', problem, 'check that this is the right file')
        first = text.lstrip()
        if first and not first.startswith((b';', b'>')) and self._line == 1:
            self._name_format(text)
        *whole, rest = text.split(b'\n')
        for line in [*whole, rest]:
            start = line.lstrip()
            if start.startswith(b'@'):
                old, new = input_file.shell_words(self.path, '.fa')
                awk = 'awk \'NR%4==1{print ">" substr($0,2)} NR%4==2\''
                fix = f'{old} | {awk} > {new} converts it; name {new}'
                raise self._error('FA12', 'this is FASTQ, not FASTA', fix)
            if start and not start.startswith(b';'):
                shown = line[:20].decode('latin-1')
                raise self._error(
                    'FA02',
                    f'text before the first header: {shown!r}',
                    "begin the record with '>name'",
                )
            self._line += 1
        self._line -= 1  # the last line is not complete
        return rest

    def _name_format(self, text: bytes) -> None:
        """Name another format than FASTA, if the text is known to be one."""
        name, first = content.sniff(text), text.lstrip()
        self._line += text[: len(text) - len(first)].count(b'\n')
        if name == 'bare sequence':
            shown = first.split(b'\n')[0][:20].decode('latin-1')
            problem = f'text before the first header: {shown!r}, a sequence without a header'
            old, new = input_file.shell_words(self.path, '.fa')
            fix = f"(printf '>name\\n'; {old}) > {new} adds one; name {new}"
            raise self._error('FA02', problem, fix)
        if name not in ('', 'FASTA', 'FASTQ'):
            fix = 'name the FASTA file that it refers to'
            raise self._error('FA02', f'this is {name}, not FASTA', fix)
        self._line = 1

    def _start(self, header: bytes) -> sequence_record.RecordBuilder:
        words = header.split(None, 1)
        if not words:
            raise self._error('FA04', 'a header without a name', "write '>name' with a name")
        raw = header.strip() if self.full_names else words[0]
        name = str(len(self._lines_of) + 1) if self.numbered else raw.decode('latin-1')
        unfit = not self.numbered and _unfit_name(raw, name)
        if unfit:
            raise self._error(
                'FA06', f'the name {unfit}', 'rename the record', record=ascii(name[:60])[1:-1]
            )
        if name in self._lines_of:
            problem = f'the name is used twice: lines {self._lines_of[name]} and {self._line}'
            fix = 'rename one of them'
            if not self.full_names:
                fix += '; only the first word of a header counts'
            if self.full_names is False:
                fix += ', unless --names=full'
            if self.full_names is not None:
                fix += '; --names=number numbers the records'
            raise self._error('FA05', problem, fix, record=name)
        self._lines_of[name] = self._line
        description = words[1].strip().decode('latin-1') if len(words) > 1 else ''
        return sequence_record.RecordBuilder(name, description, self._line, self.path, self.rna)

    def _finish(self) -> sequence_record.Record:
        record = self._record.finish()
        self._lengths[record.name] = len(record.codes)
        self.file.progress = f'; the last complete record is {record.name!r}'
        stats = record.stats
        if stats.counts[dna.UNKNOWN] > 0.9 * len(record.codes):
            share = stats.counts[dna.UNKNOWN] / len(record.codes)
            self.notes.append(f'{record.name!r} is {share:.1%} N')
        if stats.iupac:
            listed = ', '.join(f'{letter} {count:,}' for letter, count in stats.iupac.items())
            self.notes.append(f'{record.name!r}: ambiguous codes read as N: {listed}')
        if stats.blank_lines:
            self.notes.append(f'{record.name!r}: blank lines ignored: {stats.blank_lines:,}')
        if stats.uneven_lines:
            self.notes.append(f'{record.name!r}: lines of uneven length (samtools would refuse)')
        return record

    def _note_file(self) -> None:
        file, named_gzip = self.file, str(self.path).endswith(('.gz', '.bgz'))
        if file.bom:
            self.notes.append('a byte-order mark was dropped')
        if file.crlf:
            self.notes.append(f'{file.crlf:,} lines end in CR LF')
        if file.bare_cr:
            self.notes.append(f'{file.bare_cr:,} lines end in CR alone')
        if named_gzip != (file.compression != 'plain'):
            self.notes.append(f'the content is {file.compression}, unlike the name')
        alike: dict[str, str] = {}
        for name in self._lines_of:
            other = alike.setdefault(name.lower().removeprefix('chr'), name)
            if other != name:
                self.notes.append(f'names {other!r} and {name!r} differ only in case or in chr')

    def _compare_index(self) -> None:
        """Compare the lengths with the .fai index beside the file, which is never read from.

        Raises:
            errors.InputError: FA17, a bgzip file with less sequence than its index lists: a lost
                block leaves no other trace.
        """
        indexed = _indexed_lengths(f'{os.fspath(self.path)}.fai')
        if not indexed or self.full_names or self.numbered:
            return
        for name, length in indexed.items():
            actual = self._lengths.get(name, 0)
            if actual < length and self.file.compression == 'bgzip':
                raise errors.InputError(
                    'FA17',
                    f'{actual:,} bases, but {os.path.basename(self.path)}.fai lists {length:,}: a '
                    'block of the file is missing, or the index is of another file',
                    path=self.path,
                    record=name,
                    fix='get the whole file again, or delete the index if the file is right',
                )
        if indexed != self._lengths:
            self.notes.append('the .fai index beside it is of another file; it was not used')


def _unfit_name(raw: bytes, name: str) -> str:
    """What is wrong with a name, '' if nothing is. A name is never used as a path."""
    if len(raw) > _MAX_NAME:
        return f'is longer than {_MAX_NAME} bytes'
    if '..' in name or name.startswith('/'):
        return "holds '..'" if '..' in name else "begins with '/'"
    if not raw.isascii() or not name.isprintable():
        return 'holds a byte that is not printable ASCII'
    return ''


def _indexed_lengths(path: str) -> dict[str, int]:
    """Length by name in a .fai index; {} without one, or if it is not an index."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > 64 << 20:
            return {}
        with open(path, encoding='latin-1') as file:
            rows = [line.split('\t') for line in file]
        return {row[0]: int(row[1]) for row in rows}
    except (OSError, ValueError, IndexError):
        return {}


def headers(path: str | os.PathLike) -> Iterator[str]:
    """The headers of a FASTA file without '>', fast: sequences and names are not checked.

    Raises:
        errors.InputError: FA01, no records; FA.. for the file as a file.
    """
    file = input_file.InputFile(path, max_uncompressed=input_file.MAX_UNCOMPRESSED)
    pending, empty = b'\n', True
    for block in file.text():
        # `pending` holds a newline, or a header whose end is in a later block.
        block = pending + block
        at = block.find(b'\n>')
        while at >= 0:
            end = block.find(b'\n', at + 1)
            if end < 0:
                break
            text = block[at + 2 : end].decode('latin-1').strip()
            if text:
                yield text
                empty = False
            at = block.find(b'\n>', end)
        pending = block[at:] if at >= 0 else block[-1:]
        if len(pending) > _MAX_HEADER:
            break
    text = pending[2:].decode('latin-1').strip()
    if pending.startswith(b'\n>') and text:
        yield text
        empty = False
    if empty:
        raise errors.InputError(
            'FA01', 'no records', path=path, fix='check that this is the right file'
        )


def read(path: str | os.PathLike, **options) -> Iterator[sequence_record.Record]:
    """The records of a FASTA file, one at a time; `FastaReader` describes the options."""
    return iter(FastaReader(path, **options))


def write(
    path: str | os.PathLike, records: Iterable[sequence_record.Record], line_width: int = 80
) -> None:
    """Write records, soft-masked bases in lower case; .gz files have no time stamp."""
    with open(path, 'wb') as plain:
        compressed = str(path).endswith('.gz')
        file = gzip.GzipFile('', 'wb', 6, plain, mtime=0) if compressed else plain
        for record in records:
            header = f'>{record.name} {record.description}'.rstrip()
            file.write(header.encode('utf-8') + b'\n')
            letters = np.frombuffer(b'ACGTN', np.uint8)[record.codes]
            letters = letters | np.asarray(record.soft_masked, np.uint8) << 5
            for start in range(0, len(letters), line_width):
                file.write(letters[start : start + line_width].tobytes() + b'\n')
        if compressed:
            file.close()
