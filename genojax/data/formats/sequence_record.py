"""One sequence of a FASTA, and its construction from the bytes of its lines."""

import dataclasses
import hashlib
import os

import numpy as np

from genojax import dna, errors, genome
from genojax.data.formats import input_file

_NEWLINE = 10
_BAD = 255


def _byte_table(rna: bool) -> bytes:
    """Byte -> base code | soft mask << 3, _BAD for bytes that are not IUPAC DNA letters."""
    table = np.full(256, _BAD, np.uint8)
    for letter in dna.IUPAC + ('U' if rna else ''):
        code = dna.ALPHABET.find('T' if letter == 'U' else letter)
        code = code if code >= 0 else dna.UNKNOWN
        table[ord(letter)] = code
        table[ord(letter.lower())] = code | 1 << genome.SOFT_SHIFT
    return table.tobytes()


# The fix for U, and that of verbs without the option.
READ_AS_RNA = '--rna reads U as T (in Python rna=True)'
REPLACE_U = {READ_AS_RNA: 'replace U by T in the file'}
_DNA_TABLE = _byte_table(rna=False)
_RNA_TABLE = _byte_table(rna=True)
_DNA_UPPER = (np.arange(256, dtype=np.uint8) & np.uint8(0xDF)).tobytes()
_RNA_UPPER = _DNA_UPPER.replace(b'U', b'T')


@dataclasses.dataclass(frozen=True)
class RecordStats:
    """What was counted while a record was read.

    Attributes:
        line: of the header, 1-based.
        counts: number of A, C, G, T and unknown bases, in the order of the base codes.
        iupac: number of each ambiguous letter but N (upper case), now unknown bases.
        soft_masked: bases in lower case.
        digest: GA4GH refget digest of the letters of the file, in upper case.
        uneven_lines: a line other than the last has another length than the first, which samtools
            faidx refuses.
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
    stats: RecordStats | None = None


class RecordBuilder:
    """A record while its lines are read.

    Bases are appended to byte arrays, so that memory stays at two bytes per base.

    Args:
        line: of the header, 1-based.
        path: of the file, for messages.
        rna: read U as T.
    """

    def __init__(self, name: str, description: str, line: int, path: str | os.PathLike, rna: bool):
        self.name, self.description, self.line = name, description, line
        self.path, self.rna = path, rna
        self.codes, self.soft = bytearray(), bytearray()
        self.counts = np.zeros(16, np.int64)
        self.iupac: dict[str, int] = {}
        self.sha512 = hashlib.sha512()
        self.table = _RNA_TABLE if rna else _DNA_TABLE
        self.upper = _RNA_UPPER if rna else _DNA_UPPER
        self.blank_lines, self.uneven = 0, False
        self._width, self._short, self._open = 0, False, 0

    def add(self, segment: bytes, line: int) -> int:
        """Append whole or partial sequence lines; `line` is the number of the first.

        Returns:
            The number of newlines.

        Raises:
            errors.InputError: FA07 to FA10, a byte that is not a DNA letter.
        """
        text = np.frombuffer(segment, np.uint8)
        # One pass of `translate` is four times as fast as a mask, an index and a table of numpy.
        bases = np.frombuffer(segment.translate(self.table, b'\n'), np.uint8)
        if bases.size and bases.max() == _BAD:
            raise self._bad_byte(text, bases, line)
        ends = np.flatnonzero(text == _NEWLINE)
        self._count_lines(ends, len(text))
        counts = _counts(bases)
        upper_case = segment.translate(self.upper, b'\n')
        self.sha512.update(upper_case)
        if counts[dna.UNKNOWN] + counts[dna.UNKNOWN | 8]:
            ambiguous = np.frombuffer(upper_case, np.uint8)[
                (bases & genome.CODE_BITS) == dna.UNKNOWN
            ]
            number = np.bincount(ambiguous, minlength=128)
            for byte in np.flatnonzero(number):
                if byte != ord('N'):
                    letter = chr(byte)
                    self.iupac[letter] = self.iupac.get(letter, 0) + int(number[byte])
        self.counts += counts
        self.codes += (bases & genome.CODE_BITS).data
        self.soft += (bases >> genome.SOFT_SHIFT).data
        return len(ends)

    def finish(self) -> Record:
        """The whole record.

        Raises:
            errors.InputError: FA03, no sequence.
        """
        if not self.codes:
            raise errors.InputError(
                'FA03',
                'a header without a sequence',
                path=self.path,
                line=self.line,
                record=self.name,
                fix='remove the header, or get the file again if its end is missing',
            )
        self._end_line(self._open)
        counts = self.counts[:5] + self.counts[8:13]
        stats = RecordStats(
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

    def _bad_byte(self, text, bases, line: int) -> errors.InputError:
        is_base, bad = text != _NEWLINE, bases == _BAD
        letters = text[is_base]
        first = int(np.argmax(bad))
        byte = int(letters[first])
        offset = int(np.flatnonzero(is_base)[first])
        count = int((letters == byte).sum())
        code, problem, fix = _explain_byte(byte, count, letters, bad, self.path)
        return errors.InputError(
            code,
            problem,
            path=self.path,
            line=line + int((~is_base[:offset]).sum()),
            record=self.name,
            position=len(self.codes) + first + 1,
            fix=fix,
        )


def _counts(bases: np.ndarray) -> np.ndarray:
    """How often each number below 16 occurs, int64 [16]; pairs of bytes are counted at once."""
    even = len(bases) & ~1
    pairs = np.bincount(bases[:even].view('<u2'), minlength=16 << 8)
    pairs = pairs.reshape(16, -1)[:, :16]
    return pairs.sum(0) + pairs.sum(1) + np.bincount(bases[even:], minlength=16)


def _explain_byte(byte: int, count: int, letters, bad, path) -> tuple[str, str, str]:
    shown = f'byte {byte:#04x} ({chr(byte)!r})' if 32 < byte < 127 else f'byte {byte:#04x}'
    if byte in b'Uu':
        return (
            'FA08',
            f'{shown}: RNA, {count:,} U in this block',
            READ_AS_RNA,
        )
    if byte in b'-.':
        old, new = input_file.shell_words(path, '.fa')
        fix = f"{old} | sed '/^>/!s/[-.]//g' > {new} removes the gaps; name {new}"
        return 'FA09', f'{shown}: a gap, as in an alignment', fix
    is_letter = ((letters | 0x20) >= ord('a')) & ((letters | 0x20) <= ord('z'))
    foreign = int((bad & is_letter).sum())
    if byte == ord('*') or (chr(byte).isalpha() and byte < 128 and foreign > 0.05 * len(letters)):
        return 'FA10', f'{shown}: this looks like protein', 'use the DNA sequence'
    name = {9: ' (TAB)', 32: ' (space)', 0: ' (NUL)'}.get(byte, '')
    why = {
        ord('>'): ': a header must begin its line',
        ord(';'): ': a comment may only precede the first record',
    }.get(byte, '')
    return (
        'FA07',
        f'{shown}{name} inside a sequence line{why}',
        'remove it: only IUPAC DNA letters are allowed here',
    )
