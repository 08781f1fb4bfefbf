"""One row of an annotation: GFF3 and GTF attributes, and BED columns, as features.

Column 9 of a GFF row is parsed by its own dialect, so a file whose first rows have no attributes,
or bare names, is read like any other; `annotation` counts the dialects and decides by all rows.
"""

import dataclasses
import re
import sys
import urllib.parse
from collections.abc import Iterator
from typing import NamedTuple

from genojax import errors, genome

# Attributes that name a gene, best first. The second tuple is for rows that are genes themselves.
_GENE_KEYS = ('gene', 'gene_name', 'gene_id')
_GENE_ROW_KEYS = ('gene', 'gene_name', 'locus', 'Name', 'gene_id', 'locus_tag', 'ID')
GENE_ROWS = frozenset({'gene', 'pseudogene', 'ncRNA_gene', 'protein_coding_gene'})
TRANSCRIPT_ROWS = frozenset({'mRNA', 'transcript', 'primary_transcript', 'lnc_RNA', 'lncRNA'})
# NCBI writes such an id in GTF rows of genes without a transcript, as those of bacteria.
NO_TRANSCRIPT = ('unassigned_transcript', 'unknown_transcript')
_GTF_ATTRIBUTE = re.compile(r'\s*([^\s;"]+)\s+(?:"([^"]*)"|([^\s;]+))\s*;?')
_GFF3_START = re.compile(r'\s*[^\s=;"]+\s*=')
_GTF_START = re.compile(r'\s*[^\s=;"]+\s+\S')
_GTF_KEYS = ('gene_id', 'transcript_id', 'gene_name', 'gene')
# The attributes of a GFF3 row that are read.
_GFF3_KEYS = sorted({'Parent', *_GENE_KEYS, *_GENE_ROW_KEYS})
_GFF3_ATTRIBUTE = re.compile(rf'(?:^|;)\s*({"|".join(_GFF3_KEYS)})\s*=([^;]*)')
_GFF3_STARTS = tuple((key, f';{key}=') for key in _GFF3_KEYS)
_DIGITS = re.compile(r'[0-9]{1,18}').fullmatch  # of all valid coordinates
_GFF_STRANDS = ('+', '-', '.', '?')
_LOWER_CASE = 'gff3 in lower case'
_REMEMBERED = 4096  # attributes: those of one gene's rows are often equal


class Feature(NamedTuple):
    """One row of an annotation (a BED12 row gives a transcript and its parts).

    Attributes:
        kind: the Sequence Ontology term of column 3; of a BED file the name column, '' without one.
        interval: on a circular contig its end may pass the contig's length.
        id: GFF3 ID, or the GTF transcript_id or gene_id of the row.
        parents: ids of the features it is a part of.
        gene: name of the gene it belongs to, '' if the row does not say.
        line: 1-based, for messages.
    """

    kind: str
    interval: genome.Interval
    id: str
    parents: tuple[str, ...]
    gene: str
    line: int


class RowParser:
    """Rows of one file as features.

    Args:
        path: of the file, for messages.

    Attributes:
        dialects: rows by what their column 9 is: 'gff3', 'gtf', 'bare' (one name), 'none' ('.' or
            empty), 'unknown'.
        first_unknown: (line, text) of the first row whose attributes are not understood.
        lower_case: GFF3 rows that write id and parent for ID and Parent.
        loose_introns: intron rows without a parent, by their source (column 2).
    """

    def __init__(self, path: str):
        self.path = path
        self.dialects: dict[str, int] = {}
        self.first_unknown: tuple[int, str] | None = None
        self.lower_case = 0
        self.loose_introns: dict[str, int] = {}
        self._known: dict[tuple[str, str], tuple[str, str, tuple[str, ...], str]] = {}

    def error(self, code: str, line: int | None, problem: str, fix: str) -> errors.InputError:
        """The error about a line of the file."""
        return errors.InputError(code, problem, path=self.path, line=line, fix=fix)

    def integer(self, number: int, text: str, code: str) -> int:
        """A coordinate.

        Raises:
            errors.InputError: `code`, it is not plain digits.
        """
        # Longer than 18 digits is beyond int64, and no coordinate.
        if text.isascii() and text.removeprefix('-').isdecimal() and len(text) <= 18:
            return int(text)
        raise self.error(
            code,
            number,
            f'{text[:40]!r} is not a whole number',
            'write coordinates as plain digits',
        )

    def gff(self, number: int, columns: list[str]) -> Feature:
        """The feature of a GFF3 or GTF row.

        Raises:
            errors.InputError: GF01, GF02, GF04, GF05.
        """
        if len(columns) != 9:
            problem = f'{len(columns)} TAB-separated columns in place of 9'
            raise self.error('GF04', number, problem, 'restore the row')
        contig, source, kind, first, last, _, strand, _, text = columns
        start = int(first) if _DIGITS(first) else self.integer(number, first, 'GF05')
        end = int(last) if _DIGITS(last) else self.integer(number, last, 'GF05')
        if start < 1:
            raise self.error(
                'GF01', number, f'start {start}', 'GFF and GTF count from 1; is the file 0-based?'
            )
        if start > end:
            raise self.error('GF02', number, f'start {start} > end {end}', 'swap them')
        if strand not in _GFF_STRANDS:
            raise self.error('GF02', number, f'strand {strand!r}', 'write +, -, . or ?')
        interval = genome.Interval(
            sys.intern(contig), start - 1, end, '.' if strand == '?' else strand
        )
        known = self._known.get((kind, text))
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[kind, text] = _attributes(kind, text)
        dialect, own, parents, gene = known
        if dialect == _LOWER_CASE:
            self.lower_case += 1
            dialect = 'gff3'
        self.dialects[dialect] = self.dialects.get(dialect, 0) + 1
        if dialect == 'unknown' and self.first_unknown is None:
            self.first_unknown = (number, text[:60])
        if not parents and kind.lower() == 'intron':
            self.loose_introns[source] = self.loose_introns.get(source, 0) + 1
        return Feature(sys.intern(kind), interval, own, parents, gene=gene, line=number)

    def bed(self, number: int, columns: list[str]) -> Iterator[Feature]:
        """The feature of a BED row, or the transcript and parts of a BED12 row.

        Raises:
            errors.InputError: BD01, BD02, BD05 to BD07, GF02.
        """
        if len(columns) < 3:
            problem = f'{len(columns)} TAB-separated columns, fewer than 3'
            raise self.error('BD06', number, problem, 'write contig, start, end with TABs')
        start, end = (self.integer(number, text, 'BD05') for text in columns[1:3])
        if start < 0:
            raise self.error('BD02', number, f'start {start}', 'BED counts from 0')
        if start > end:
            raise self.error('BD01', number, f'start {start} > end {end}', 'swap them')
        if start == end:
            raise self.error('BD07', number, f'no bases at {start}', 'remove the row')
        strand = columns[5] if len(columns) > 5 else '.'
        if strand not in ('+', '-', '.'):
            raise self.error('GF02', number, f'strand {strand!r}', 'write +, - or .')
        interval = genome.Interval(sys.intern(columns[0]), start, end, strand)
        name = columns[3] if len(columns) > 3 else ''
        if len(columns) >= 12:
            yield from self._bed12(number, columns, interval, name)
        else:
            yield Feature(sys.intern(name), interval, '', (), gene='', line=number)

    def _bed12(
        self, number: int, columns: list[str], interval: genome.Interval, name: str
    ) -> Iterator[Feature]:
        """A transcript and its blocks: exons, and CDS between thickStart and thickEnd."""
        sizes, starts = (
            [self.integer(number, text, 'BD05') for text in column.rstrip(',').split(',')]
            for column in columns[10:12]
        )
        thick = [self.integer(number, text, 'BD05') for text in columns[6:8]]
        count = self.integer(number, columns[9], 'BD05')
        blocks = [
            (interval.start + a, interval.start + a + n)
            for a, n in zip(starts, sizes, strict=False)
        ]
        if not len(sizes) == len(starts) == count or any(
            not interval.start <= a < b <= interval.end for a, b in blocks
        ):
            problem = 'blockCount, blockSizes and blockStarts do not fit the row'
            raise self.error('BD01', number, problem, 'restore the row')
        own = f'{name}@{number}'  # names repeat in UCSC tables
        yield Feature('transcript', interval, own, (), gene=name, line=number)
        for start, end in blocks:
            part = dataclasses.replace(interval, start=start, end=end)
            yield Feature('exon', part, '', (own,), gene=name, line=number)
            start, end = max(start, thick[0]), min(end, thick[1])
            if start < end:
                part = dataclasses.replace(interval, start=start, end=end)
                yield Feature('CDS', part, '', (own,), gene=name, line=number)


def _attributes(kind: str, text: str) -> tuple[str, str, tuple[str, ...], str]:
    """Dialect, own id, ids of the parents and gene name of a row."""
    text = text.strip()
    if text in ('', '.'):
        return 'none', '', (), ''
    if text.startswith(('ID=', 'Parent=')) or _GFF3_START.match(text):
        return _gff3(kind, text)
    if _GTF_START.match(text):
        return _gtf(kind, text)
    name = text.rstrip(';').strip('"')
    if not name or ';' in name:
        return 'unknown', '', (), ''
    # GFF1, and gene and transcript rows of AUGUSTUS and BRAKER: the name alone.
    if kind in GENE_ROWS:
        return 'bare', name, (), name
    if kind in TRANSCRIPT_ROWS:
        return 'bare', name, (), ''
    return 'bare', '', (name,), ''


def _gff3_attributes(text: str) -> dict[str, str]:
    """The attributes of a GFF3 row that are read; of one that is there twice the last."""
    if '; ' in text or ' =' in text or not (text.isascii() and text.isprintable()):
        return dict(_GFF3_ATTRIBUTE.findall(text))
    text = f';{text};'
    values = {}
    for key, start in _GFF3_STARTS:  # several times as fast
        at = text.rfind(start)
        if at >= 0:
            at += len(start)
            values[key] = text[at : text.index(';', at)]
    return values


def _gff3(kind: str, text: str) -> tuple[str, str, tuple[str, ...], str]:
    attributes, dialect = _gff3_attributes(text), 'gff3'
    own, parent = attributes.pop('ID', None), attributes.pop('Parent', None)
    if own is None and parent is None:
        pairs = [pair.partition('=') for pair in text.split(';')]
        capital = {key.strip().capitalize(): value for key, equals, value in pairs if equals}
        if 'Id' in capital or 'Parent' in capital:
            dialect = _LOWER_CASE
            own, parent = capital.get('Id'), capital.get('Parent')
    own = _value(own) if own else ''
    gene = ''
    if kind in GENE_ROWS:
        attributes['ID'] = own
    if attributes:
        for key in _GENE_ROW_KEYS if kind in GENE_ROWS else _GENE_KEYS:
            gene = gene or _value(attributes.get(key, ''))
    # A comma separates parents; one inside an id is written %2C, so the split comes first.
    listed = _value(parent).split(',') if parent else ()
    parents = tuple([unquote(name) for part in listed if (name := part.strip())])
    return dialect, unquote(own), parents, unquote(gene)


def _value(text: str) -> str:
    return text.strip().strip('"')


def _gtf(kind: str, text: str) -> tuple[str, str, tuple[str, ...], str]:
    attributes = {
        match[1]: match[2] if match[2] is not None else match[3]
        for match in _GTF_ATTRIBUTE.finditer(text)
    }
    if not any(key in attributes for key in _GTF_KEYS):
        return 'unknown', '', (), ''
    gene_id, transcript = attributes.get('gene_id', ''), attributes.get('transcript_id', '')
    gene = attributes.get('gene_name') or attributes.get('gene') or gene_id
    if kind in GENE_ROWS:
        return 'gtf', gene_id, (), gene
    if kind in TRANSCRIPT_ROWS:
        return 'gtf', transcript, (gene_id,) if gene_id else (), gene
    return 'gtf', '', (transcript,) if transcript else (), gene


def unquote(text: str) -> str:
    """Text without the %XX escapes of GFF3."""
    return urllib.parse.unquote(text) if '%' in text else text
