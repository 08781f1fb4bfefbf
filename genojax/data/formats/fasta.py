"""FASTA in and out: one record at a time, every byte checked, nothing dropped.

An own reader, because the common ones return wrong bases without a word in ordinary accidents (a space inside a line, a
stale index, an empty record). It needs no index and no even line lengths, keeps lower case as a soft mask, and turns
ambiguous IUPAC codes into N and counts them. What is accepted but unusual goes into `notes`; what is wrong is one
`errors.InputError` with file, line, record, position, byte and fix.
"""

import dataclasses
import gzip
import hashlib
import os
from collections.abc import Iterable, Iterator

import numpy as np

from genojax import dna, errors, genome
from genojax.data.formats import source

_NEWLINE = 10
_BAD = 255
_MAX_NAME = 255  # bytes
_MAX_HEADER = 1 << 20  # bytes


def _byte_table(rna: bool) -> np.ndarray:
    """Byte -> base code | soft mask << 3, _BAD for what is no IUPAC DNA letter."""
    table = np.full(256, _BAD, np.uint8)
    for letter in dna.IUPAC + ('U' if rna else ''):
        code = dna.ALPHABET.find('T' if letter == 'U' else letter)
        code = code if code >= 0 else dna.UNKNOWN
        table[ord(letter)] = code
        table[ord(letter.lower())] = code | 1 << genome.SOFT_SHIFT
    return table


_DNA_TABLE = _byte_table(rna=False)
_RNA_TABLE = _byte_table(rna=True)


@dataclasses.dataclass(frozen=True)
class Stats:
    """What was counted while a record was read.

    Attributes:
        line: of the header, 1-based.
        counts: number of A, C, G, T and unknown bases, in the order of the base codes.
        iupac: number of each ambiguous letter but N (upper case), now unknown bases.
        soft_masked: bases in lower case.
        digest: GA4GH refget digest of the letters as they were, in upper case.
        uneven_lines: a line but the last has another length than the first (samtools faidx would refuse).
    """

    line: int
    counts: tuple[int, int, int, int, int]
    iupac: dict[str, int]
    soft_masked: int
    digest: str
    blank_lines: int = 0
    uneven_lines: bool = False

    @property
    def gc(self) -> float:
        """Share of G and C among the known bases; NaN where none is known."""
        known = sum(self.counts[:4])
        return (self.counts[1] + self.counts[2]) / known if known else float('nan')


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """One sequence: base codes uint8 [L] and the soft mask bool [L]."""

    name: str
    description: str
    codes: np.ndarray
    soft_masked: np.ndarray
    stats: Stats | None = None


class Reader:
    """The records of one file, in order; a second iteration reads the file again.

    Args:
        rna: read U as T.
        max_uncompressed: bytes that a compressed file may expand to at any ratio.

    Attributes:
        source: its `sha256` and `compression` are known after the last record.
        notes: remarks on what was accepted, complete after the last record.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        rna: bool = False,
        max_uncompressed: int = source.MAX_UNCOMPRESSED,
    ):
        self.path, self.rna, self.max_uncompressed = path, rna, max_uncompressed
        self.notes: list[str] = []
        self.source = source.Source(path, max_uncompressed=max_uncompressed)

    def __iter__(self) -> Iterator[Record]:
        self.notes = []
        self.source = source.Source(self.path, max_uncompressed=self.max_uncompressed)
        self._lines_of: dict[str, int] = {}
        self._line, self._record, preamble = 1, None, b''
        header, line_start = None, True
        for block in self.source.text():
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
                    end = block.find(b'\n>', at) + 1 or len(block)
                    segment = block[at:end]
                    if self._record is None:
                        preamble = self._before_first(preamble + segment)
                    else:
                        self._record.add(segment, self._line)
                        self._line += segment.count(b'\n')
                    at, line_start = end, segment.endswith(b'\n')
        if header is not None:
            self._record = self._start(header)
        if self._record is None:
            raise errors.InputError(
                'FA01', 'no records', path=self.path, fix='check that this is the file you meant'
            )
        yield self._finish()
        self._note_file()

    def _error(self, code: str, problem: str, fix: str = '', **where) -> errors.InputError:
        return errors.InputError(code, problem, path=self.path, line=self._line, fix=fix, **where)

    def _before_first(self, text: bytes) -> bytes:
        """Blank lines and ; comments may precede the first record, nothing else; returns the unfinished line."""
        *whole, rest = text.split(b'\n')
        for line in [*whole, rest]:
            start = line.lstrip()
            if start.startswith(b'@'):
                fix = 'convert it: awk \'NR%4==1{print ">" substr($0,2)} NR%4==2\' reads.fq > reads.fa'
                raise self._error('FA12', 'this is FASTQ, not FASTA', fix)
            if start and not start.startswith(b';'):
                shown = line[:20].decode('latin-1')
                raise self._error(
                    'FA02',
                    f'text before the first header: {shown!r}',
                    "begin the record with '>name'",
                )
            self._line += 1
        self._line -= 1  # the last one is not over
        return rest

    def _start(self, header: bytes) -> '_Record':
        words = header.split(None, 1)
        if not words:
            raise self._error('FA04', 'a header without a name', "write '>name' with a name")
        raw = words[0]
        name = raw.decode('latin-1')
        unfit = (
            f'is longer than {_MAX_NAME} bytes' if len(raw) > _MAX_NAME
            else "holds '/'" if '/' in name
            else "holds '..'" if '..' in name
            else 'holds a byte that is not printable ASCII' if not raw.isascii() or not name.isprintable()
            else ''
        )  # fmt: skip
        if unfit:
            raise self._error(
                'FA06', f'the name {unfit}', 'rename the record', record=ascii(name[:60])[1:-1]
            )
        if name in self._lines_of:
            problem = f'the name is used twice: lines {self._lines_of[name]} and {self._line}'
            fix = 'rename one of them; only the first word of a header counts'
            raise self._error('FA05', problem, fix, record=name)
        self._lines_of[name] = self._line
        description = words[1].strip().decode('latin-1') if len(words) > 1 else ''
        return _Record(name, description, self._line, self)

    def _finish(self) -> Record:
        record = self._record.finish()
        self.source.reached = f'; the last complete record is {record.name!r}'
        stats = record.stats
        if stats.counts[dna.UNKNOWN] > 0.9 * len(record.codes):
            share = stats.counts[dna.UNKNOWN] / len(record.codes)
            self.notes.append(f'{record.name!r} is {share:.1%} N')
        if stats.iupac:
            listed = ', '.join(f'{letter} {count:,}' for letter, count in stats.iupac.items())
            self.notes.append(f'{record.name!r}: ambiguous codes read as N: {listed}')
        if stats.blank_lines:
            self.notes.append(f'{record.name!r}: blank lines passed over: {stats.blank_lines:,}')
        if stats.uneven_lines:
            self.notes.append(f'{record.name!r}: lines of uneven length (samtools would refuse)')
        return record

    def _note_file(self) -> None:
        seen, named_gzip = self.source, str(self.path).endswith(('.gz', '.bgz'))
        if seen.bom:
            self.notes.append('a byte-order mark was dropped')
        if seen.crlf:
            self.notes.append(f'{seen.crlf:,} lines end in CR LF')
        if seen.bare_cr:
            self.notes.append(f'{seen.bare_cr:,} lines end in CR alone')
        if named_gzip != (seen.compression != 'plain'):
            self.notes.append(f'the content is {seen.compression} whatever the name says')
        alike: dict[str, str] = {}
        for name in self._lines_of:
            other = alike.setdefault(name.lower().removeprefix('chr'), name)
            if other != name:
                self.notes.append(f'names {other!r} and {name!r} differ only in case or in chr')


class _Record:
    """A record while its lines come in. Bases go to growing byte arrays, so that memory stays at two bytes a base."""

    def __init__(self, name: str, description: str, line: int, reader: Reader):
        self.name, self.description, self.line, self.reader = name, description, line, reader
        self.codes, self.soft = bytearray(), bytearray()
        self.counts = np.zeros(16, np.int64)
        self.iupac: dict[str, int] = {}
        self.sha512 = hashlib.sha512()
        self.table = _RNA_TABLE if reader.rna else _DNA_TABLE
        self.blank_lines, self.uneven = 0, False
        self._width, self._short, self._open = 0, False, 0

    def add(self, segment: bytes, line: int) -> None:
        """Take whole or partial sequence lines; `line` is the number of the first."""
        text = np.frombuffer(segment, np.uint8)
        is_base = text != _NEWLINE
        letters = text[is_base]
        bases = self.table[letters]
        if bases.size and bases.max() == _BAD:
            raise self._bad_byte(text, is_base, letters, bases, line)
        self._count_lines(np.flatnonzero(~is_base), len(text))
        counts = np.bincount(bases, minlength=16)
        upper = letters & np.uint8(0xDF)
        if self.reader.rna:
            upper[upper == ord('U')] = ord('T')
        self.sha512.update(upper)
        if counts[dna.UNKNOWN] + counts[dna.UNKNOWN | 8]:
            found = np.bincount(upper[(bases & genome.CODE_BITS) == dna.UNKNOWN], minlength=128)
            for byte in np.flatnonzero(found):
                if byte != ord('N'):
                    letter = chr(byte)
                    self.iupac[letter] = self.iupac.get(letter, 0) + int(found[byte])
        self.counts += counts
        self.codes += (bases & genome.CODE_BITS).data
        self.soft += (bases >> genome.SOFT_SHIFT).data

    def finish(self) -> Record:
        if not self.codes:
            raise errors.InputError(
                'FA03',
                'a header without a sequence',
                path=self.reader.path,
                line=self.line,
                record=self.name,
                fix='remove the header, or get the file again if its end is missing',
            )
        self._end_line(self._open)
        counts = self.counts[:5] + self.counts[8:13]
        stats = Stats(
            line=self.line,
            counts=tuple(counts.tolist()),
            iupac=dict(sorted(self.iupac.items())),
            soft_masked=int(self.counts[8:].sum()),
            digest=genome.refget_from_sha512(self.sha512),
            blank_lines=self.blank_lines,
            uneven_lines=self.uneven,
        )
        codes = np.frombuffer(self.codes, np.uint8)
        soft = np.frombuffer(self.soft, np.bool_)
        return Record(self.name, self.description, codes, soft, stats)

    def _count_lines(self, ends: np.ndarray, size: int) -> None:
        if not len(ends):
            self._open += size
            return
        lengths = np.diff(ends, prepend=-1) - 1
        lengths[0] += self._open
        self._open = size - 1 - int(ends[-1])
        self.blank_lines += int((lengths == 0).sum())
        lengths = lengths[lengths > 0]
        if not len(lengths) or self.uneven:
            return
        # Only the ends can differ from the run between them in a well-formed record.
        self._end_line(int(lengths[0]))
        if len(lengths) > 1:
            self.uneven |= bool((lengths[1:-1] != self._width).any())
            self._end_line(int(lengths[-1]))

    def _end_line(self, length: int) -> None:
        if not length:
            return
        self._width = self._width or length
        self.uneven |= self._short or length > self._width
        self._short = length < self._width

    def _bad_byte(self, text, is_base, letters, bases, line: int) -> errors.InputError:
        bad = bases == _BAD
        first = int(np.argmax(bad))
        byte = int(letters[first])
        offset = int(np.flatnonzero(is_base)[first])
        count = int((letters == byte).sum())
        code, problem, fix = _explain_byte(byte, count, letters, bad)
        return errors.InputError(
            code,
            problem,
            path=self.reader.path,
            line=line + int((~is_base[:offset]).sum()),
            record=self.name,
            position=len(self.codes) + first + 1,
            fix=fix,
        )


def _explain_byte(byte: int, count: int, letters, bad) -> tuple[str, str, str]:
    shown = f'byte {byte:#04x} ({chr(byte)!r})' if 32 < byte < 127 else f'byte {byte:#04x}'
    if byte in b'Uu':
        return 'FA08', f'{shown}: RNA, {count:,} U in this block', 'read it with rna=True, or put T'
    if byte in b'-.':
        return 'FA09', f'{shown}: a gap, as in an alignment', 'remove the gaps (seqkit seq -g)'
    is_letter = ((letters | 0x20) >= ord('a')) & ((letters | 0x20) <= ord('z'))
    foreign = int((bad & is_letter).sum())
    if byte == ord('*') or (chr(byte).isalpha() and byte < 128 and foreign > 0.05 * len(letters)):
        return 'FA10', f'{shown}: this looks like protein', 'give the DNA sequence'
    name = {9: ' (TAB)', 32: ' (space)', 0: ' (NUL)'}.get(byte, '')
    why = {
        ord('>'): ': a header must begin its line',
        ord(';'): ': a comment may only precede the first record',
    }.get(byte, '')
    return (
        'FA07',
        f'{shown}{name} inside a sequence line{why}',
        'remove it: only IUPAC DNA letters may stand here',
    )


def read(path: str | os.PathLike, **options) -> Iterator[Record]:
    """The records of a FASTA file, one at a time; see `Reader` for the options and for the notes."""
    return iter(Reader(path, **options))


def write(path: str | os.PathLike, written: Iterable[Record], line_width: int = 80) -> None:
    """Write records, soft-masked bases in lower case; gzip (without a time stamp) if the name ends in .gz."""
    with open(path, 'wb') as plain:
        packed = str(path).endswith('.gz')
        file = gzip.GzipFile('', 'wb', 6, plain, mtime=0) if packed else plain
        for record in written:
            header = f'>{record.name} {record.description}'.rstrip()
            file.write(header.encode('utf-8') + b'\n')
            letters = np.frombuffer(b'ACGTN', np.uint8)[record.codes]
            letters = letters | np.asarray(record.soft_masked, np.uint8) << 5
            for start in range(0, len(letters), line_width):
                file.write(letters[start : start + line_width].tobytes() + b'\n')
        if packed:
            file.close()
