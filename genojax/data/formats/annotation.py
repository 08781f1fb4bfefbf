"""Annotation files (GFF3, GTF, BED) as features with 0-based, half-open intervals.

The format is recognised by content, not by name. Coordinates are shifted here and nowhere else.
What features mean for each base is in `data.store.regions`.
"""

import dataclasses
import os
import re
import sys
import urllib.parse
from collections.abc import Iterator

from genojax import errors, genome
from genojax.data.formats import input_file

# Attributes that name a gene, best first. The second tuple is for rows that are genes themselves.
_GENE_KEYS = ('gene', 'gene_name', 'gene_id')
_GENE_ROW_KEYS = ('gene', 'gene_name', 'locus', 'Name', 'gene_id', 'locus_tag', 'ID')
GENE_ROWS = frozenset({'gene', 'pseudogene', 'ncRNA_gene', 'protein_coding_gene'})
_GTF_ATTRIBUTE = re.compile(r'\s*([^\s;"]+)\s+(?:"([^"]*)"|([^\s;]+))\s*;?')
_IGNORED = ('#', 'track ', 'track\t', 'browser ')


@dataclasses.dataclass(frozen=True, slots=True)
class Feature:
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


@dataclasses.dataclass(frozen=True)
class Annotation:
    """The features of one file.

    Attributes:
        format: 'gff3', 'gtf' or 'bed'.
        features: by contig, in file order.
        lengths: contig lengths that the file itself declares (##sequence-region).
        notes: remarks on unusual content that was accepted.
        sha256: of the file.
    """

    path: str
    format: str
    features: dict[str, list[Feature]]
    lengths: dict[str, int]
    notes: tuple[str, ...]
    sha256: str

    @property
    def contigs(self) -> tuple[str, ...]:
        """The contigs that the file mentions, in its order."""
        return tuple(self.features)

    def on(self, contig: str) -> list[Feature]:
        """The features of one contig; [] for a contig that the file does not mention."""
        return self.features.get(contig, [])


def read(path: str | os.PathLike) -> Annotation:
    """Read a whole annotation file, plain, gzip or bgzip.

    Raises:
        errors.InputError: GF.. for GFF3 and GTF rows, BD.. for BED rows, FA.. for the file as a
            file.
    """
    return _AnnotationReader(path).read()


class _AnnotationReader:
    def __init__(self, path: str | os.PathLike):
        self.path = os.fspath(path)
        self.format = ''
        self.features: dict[str, list[Feature]] = {}
        self.lengths: dict[str, int] = {}
        self.notes: list[str] = []

    def read(self) -> Annotation:
        file = input_file.InputFile(self.path)
        ended = False
        for number, line in file.lines():
            if ended:  # the sequence section; it is read for the hash and the gzip checks only
                continue
            if line.startswith('##'):
                ended = line.startswith('##FASTA')
                self._directive(number, line)
            elif line.startswith('>'):  # GFF3 allows the sequence section without its directive
                ended = True
            elif line.strip() and not line.startswith(_IGNORED):
                for feature in self._row(number, line):
                    self.features.setdefault(feature.interval.contig, []).append(feature)
        if not self.features:
            raise self._error('GF06', None, 'no features', 'check that this is the right file')
        self._check_family()
        return Annotation(
            path=self.path,
            format=self.format,
            features=self.features,
            lengths=self.lengths,
            notes=tuple(self.notes),
            sha256=file.sha256,
        )

    def _error(self, code: str, line: int | None, problem: str, fix: str) -> errors.InputError:
        return errors.InputError(code, problem, path=self.path, line=line, fix=fix)

    def _directive(self, number: int, line: str) -> None:
        words = line.split()
        if words[0] == '##sequence-region' and len(words) == 4:
            start, end = (self._integer(number, word, 'GF05') for word in words[2:])
            if start == 1:  # a region that starts later declares a piece, not a length
                self.lengths[words[1]] = end

    def _row(self, number: int, line: str) -> Iterator[Feature]:
        columns = line.split('\t')
        if not self.format:
            self.format = self._detect(number, line, columns)
        if self.format == 'bed':
            yield from self._bed(number, columns)
        else:
            yield self._gff(number, columns)

    def _detect(self, number: int, line: str, columns: list[str]) -> str:
        if len(columns) == 9 and not (columns[1].isdigit() and columns[2].isdigit()):
            gtf = re.match(r'\s*[^\s=;]+\s+("|[^\s=;]+\s*;)', columns[8])
            return 'gtf' if gtf else 'gff3'
        if len(columns) >= 3:
            return 'bed'
        code = 'GF04' if len(line.split()) >= 8 else 'BD06'
        if len(line.split()) < 3:
            raise self._error(
                'GF06',
                number,
                'neither GFF3, GTF nor BED',
                'use an annotation in one of these formats',
            )
        raise self._error(
            code, number, 'columns are not separated by TABs', 'replace the spaces by TABs'
        )

    def _integer(self, number: int, text: str, code: str) -> int:
        if text.isascii() and text.removeprefix('-').isdigit():
            return int(text)
        raise self._error(
            code,
            number,
            f'{text[:40]!r} is not a whole number',
            'write coordinates as plain digits',
        )

    def _gff(self, number: int, columns: list[str]) -> Feature:
        if len(columns) != 9:
            problem = f'{len(columns)} TAB-separated columns in place of 9'
            raise self._error('GF04', number, problem, 'restore the row')
        contig, _, kind, first, last, _, strand, _, text = columns
        start, end = self._integer(number, first, 'GF05'), self._integer(number, last, 'GF05')
        if start < 1:
            raise self._error(
                'GF01', number, f'start {start}', 'GFF and GTF count from 1; is the file 0-based?'
            )
        if start > end:
            raise self._error('GF02', number, f'start {start} > end {end}', 'swap them')
        if strand not in ('+', '-', '.', '?'):
            raise self._error('GF02', number, f'strand {strand!r}', 'write +, -, . or ?')
        interval = genome.Interval(
            sys.intern(contig if self.format == 'gtf' else _unquote(contig)),
            start - 1,
            end,
            '.' if strand == '?' else strand,
        )
        feature = self._gtf_feature if self.format == 'gtf' else self._gff3_feature
        return feature(number, sys.intern(kind), interval, text)

    def _gff3_feature(
        self, number: int, kind: str, interval: genome.Interval, text: str
    ) -> Feature:
        attributes = {}
        for pair in text.split(';'):
            key, equals, value = pair.strip().partition('=')
            if equals:
                attributes[key] = value
        keys = _GENE_ROW_KEYS if kind in GENE_ROWS else _GENE_KEYS
        gene = next((attributes[key] for key in keys if attributes.get(key)), '')
        # A comma separates parents; one inside an id is written %2C, so the split comes first.
        parents = tuple(_unquote(part) for part in attributes.get('Parent', '').split(',') if part)
        own = _unquote(attributes.get('ID', ''))
        return Feature(kind, interval, own, parents, gene=_unquote(gene), line=number)

    def _gtf_feature(self, number: int, kind: str, interval: genome.Interval, text: str) -> Feature:
        attributes = {
            match[1]: match[2] if match[2] is not None else match[3]
            for match in _GTF_ATTRIBUTE.finditer(text)
        }
        gene_id, transcript = attributes.get('gene_id', ''), attributes.get('transcript_id', '')
        gene = attributes.get('gene_name') or attributes.get('gene') or gene_id
        if kind in GENE_ROWS:
            own, parents = gene_id, ()
        elif kind == 'transcript':
            own, parents = transcript, (gene_id,) if gene_id else ()
        else:
            own, parents = '', (transcript,) if transcript else ()
        return Feature(kind, interval, own, parents, gene=gene, line=number)

    def _bed(self, number: int, columns: list[str]) -> Iterator[Feature]:
        if len(columns) < 3:
            problem = f'{len(columns)} TAB-separated columns, fewer than 3'
            raise self._error('BD06', number, problem, 'write contig, start, end with TABs')
        start, end = (self._integer(number, text, 'BD05') for text in columns[1:3])
        if start < 0:
            raise self._error('BD02', number, f'start {start}', 'BED counts from 0')
        if start > end:
            raise self._error('BD01', number, f'start {start} > end {end}', 'swap them')
        if start == end:
            raise self._error('BD07', number, f'no bases at {start}', 'remove the row')
        strand = columns[5] if len(columns) > 5 else '.'
        if strand not in ('+', '-', '.'):
            raise self._error('GF02', number, f'strand {strand!r}', 'write +, - or .')
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
            [self._integer(number, text, 'BD05') for text in column.rstrip(',').split(',')]
            for column in columns[10:12]
        )
        thick = [self._integer(number, text, 'BD05') for text in columns[6:8]]
        count = self._integer(number, columns[9], 'BD05')
        blocks = [
            (interval.start + a, interval.start + a + n)
            for a, n in zip(starts, sizes, strict=False)
        ]
        if not len(sizes) == len(starts) == count or any(
            not interval.start <= a < b <= interval.end for a, b in blocks
        ):
            problem = 'blockCount, blockSizes and blockStarts do not fit the row'
            raise self._error('BD01', number, problem, 'restore the row')
        own = f'{name}@{number}'  # names repeat in UCSC tables
        yield Feature('transcript', interval, own, (), gene=name, line=number)
        for start, end in blocks:
            part = dataclasses.replace(interval, start=start, end=end)
            yield Feature('exon', part, '', (own,), gene=name, line=number)
            start, end = max(start, thick[0]), min(end, thick[1])
            if start < end:
                part = dataclasses.replace(interval, start=start, end=end)
                yield Feature('CDS', part, '', (own,), gene=name, line=number)

    def _check_family(self) -> None:
        """Check that an ID is on one contig, and count parents that are not in the file."""
        contig_of: dict[str, str] = {}
        for contig, rows in self.features.items():
            for row in rows:
                if not row.id:
                    continue
                other = contig_of.setdefault(row.id, contig)
                if other != contig and self.format == 'gff3':
                    problem = f'ID {row.id!r} is on {other!r} and on {contig!r}'
                    raise self._error('GF03', row.line, problem, 'give each feature its own ID')
        if self.format != 'gff3':
            return
        missing = {p for rows in self.features.values() for row in rows for p in row.parents}
        missing -= contig_of.keys()
        if missing:
            shown = ', '.join(sorted(missing)[:3])
            self.notes.append(f'{len(missing):,} parents are not in the file ({shown} ..)')


def _unquote(text: str) -> str:
    return urllib.parse.unquote(text) if '%' in text else text
