"""Annotation files (GFF3, GTF, BED) as features with 0-based, half-open intervals.

The format is recognised by content, not by name, and GFF3 or GTF by all rows, not the first.
Coordinates are shifted in `annotation_rows` and nowhere else. What features mean for each base is
in `data.store.regions`.
"""

import collections
import contextlib
import dataclasses
import functools
import gc
import os
from collections.abc import Iterable, Iterator

from genojax.data.formats import annotation_rows, content, input_file

Feature = annotation_rows.Feature
GENE_ROWS, TRANSCRIPT_ROWS = annotation_rows.GENE_ROWS, annotation_rows.TRANSCRIPT_ROWS
_IGNORED = ('#', 'track ', 'track\t', 'browser ')
_PART_ROWS = frozenset({'exon', 'noncoding_exon', 'pseudogenic_exon'})


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

    @functools.cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of its features."""
        return frozenset(row.kind for rows in self.features.values() for row in rows)

    @functools.cached_property
    def has_structure(self) -> bool:
        """Whether any exon says its transcript, or any CDS is part of one, so introns are known."""
        every = [row for rows in self.features.values() for row in rows]
        if any(row.kind in _PART_ROWS and row.parents for row in every):
            return True
        transcripts = {row.id for row in every if row.kind in TRANSCRIPT_ROWS}
        return any(row.kind == 'CDS' and transcripts.intersection(row.parents) for row in every)

    def covers(self, contig: str) -> bool:
        """Whether the file says anything about a contig: it has rows there or declares it."""
        return contig in self.features or contig in self.lengths

    def on(self, contig: str) -> list[Feature]:
        """The features of one contig; [] for a contig that the file does not mention."""
        return self.features.get(contig, [])


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Within the block, Python does not look for cycles among objects: features have none.

    It would look at all of them again and again, which takes as long as the reading.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read(path: str | os.PathLike) -> Annotation:
    """Read a whole annotation file, plain, gzip or bgzip.

    Raises:
        errors.InputError: GF.. for GFF3 and GTF rows, BD.. for BED rows, FA.. for the file as a
            file.
    """
    with without_collector():
        return _AnnotationReader(path).read()


class _AnnotationReader:
    def __init__(self, path: str | os.PathLike):
        self.path = os.fspath(path)
        self.format = ''  # 'gff' or 'bed' while rows are read
        self.features: dict[str, list[Feature]] = {}
        self.lengths: dict[str, int] = {}
        self.notes: list[str] = []
        self.rows = annotation_rows.RowParser(self.path)

    def read(self) -> Annotation:
        file = input_file.InputFile(self.path)
        ended, contig, rows = False, None, []
        for number, line in file.lines(first=self._check_content):
            if ended:  # the sequence section; it is read for the hash and the gzip checks only
                continue
            # The first characters of _IGNORED, '' of an empty line, '#', '>', white space.
            if line[:1] in 'tb' or not line[:1].isalnum():
                # GFF3 allows the sequence section without its directive.
                ended = line.startswith(('##FASTA', '>'))
                if line.startswith('##'):
                    self._directive(number, line)
                if ended or not line.strip() or line.startswith(_IGNORED):
                    continue
            gff = self.format == 'gff'  # then without a call that finds out
            for feature in (
                (self.rows.gff(number, line.split('\t')),) if gff else self._row(number, line)
            ):
                if feature.interval.contig != contig:
                    contig = feature.interval.contig
                    rows = self.features.setdefault(contig, [])
                rows.append(feature)
        if not self.features:
            raise self.rows.error('GF06', None, 'no features', 'check that this is the right file')
        if self.format == 'gff':
            self._decide_dialect()
        self._check_family()
        return Annotation(
            path=self.path,
            format=self.format,
            features=self.features,
            lengths=self.lengths,
            notes=tuple(self.notes),
            sha256=file.sha256,
        )

    def _check_content(self, first: bytes) -> None:
        """Name a format that is not an annotation."""
        name = content.sniff(first)
        if name == 'bedGraph' or name == 'BED' and content.is_bedgraph_name(self.path):
            raise self.rows.error(
                'GF06',
                None,
                'this is bedGraph, a value per interval, which only `genojax tracks` reads',
                'if the intervals alone are meant: grep -v ^track FILE | cut -f1-3 > FILE.bed',
            )
        if name in ('', 'GFF3 or GTF', 'BED'):
            return
        if name == 'bare sequence':
            name = 'a sequence without a header'
        raise self.rows.error(
            'GF06', None, f'this is {name}, not GFF3, GTF or BED', 'name an annotation file'
        )

    def _directive(self, number: int, line: str) -> None:
        words = line.split()
        if words[0] == '##sequence-region' and len(words) == 4:
            start, end = (self.rows.integer(number, word, 'GF05') for word in words[2:])
            if start == 1:  # a region that starts later declares a piece, not a length
                self.lengths[words[1]] = end

    def _row(self, number: int, line: str) -> Iterable[Feature]:
        columns = line.split('\t')
        if not self.format:
            self.format = self._detect(number, line, columns)
        if self.format == 'gff':
            return (self.rows.gff(number, columns),)
        if len(columns) >= 8 and content.is_vcf(columns):
            raise self.rows.error(
                'GF06', number, 'this is a row of a VCF, not BED', 'name a BED, GFF3 or GTF file'
            )
        return self.rows.bed(number, columns)

    def _detect(self, number: int, line: str, columns: list[str]) -> str:
        """'gff' or 'bed' by the columns that hold numbers."""
        if len(columns) >= 5 and columns[3].isdigit() and columns[4].isdigit():
            if not (columns[1].isdigit() and columns[2].isdigit()):
                return 'gff'
        if len(columns) == 9 and not (columns[1].isdigit() and columns[2].isdigit()):
            return 'gff'
        if len(columns) >= 3:
            return 'bed'
        code = 'GF04' if len(line.split()) >= 8 else 'BD06'
        if len(line.split()) < 3:
            raise self.rows.error(
                'GF06',
                number,
                'neither GFF3, GTF nor BED',
                'use an annotation in one of these formats',
            )
        raise self.rows.error(
            code, number, 'columns are not separated by TABs', 'replace the spaces by TABs'
        )

    def _decide_dialect(self) -> None:
        """GFF3 or GTF by the rows, and notes on rows that are neither."""
        rows = self.rows.dialects
        gff3, gtf = rows.get('gff3', 0), rows.get('gtf', 0)
        self.format = 'gtf' if gtf > gff3 else 'gff3'
        total = sum(rows.values())
        other, count = ('GFF3', gff3) if self.format == 'gtf' else ('GTF', gtf)
        if count:
            self.notes.append(f'{count:,} of {total:,} rows have the attributes of {other}')
        if rows.get('bare'):
            self.notes.append(f'{rows["bare"]:,} rows have a bare name in column 9, read as the id')
        if self.rows.lower_case:
            self.notes.append(
                f'{self.rows.lower_case:,} rows write id and parent for ID and Parent'
            )
        if rows.get('unknown'):
            line, text = self.rows.first_unknown
            self.notes.append(
                f'{rows["unknown"]:,} of {total:,} rows have attributes that are not understood, '
                f'so they belong to no gene or transcript (first: line {line}, {text!r})'
            )
        parts = [row for rows in self.features.values() for row in rows if row.kind in _PART_ROWS]
        loose = sum(not row.parents for row in parts)
        if loose:
            self.notes.append(
                f'{loose:,} of {len(parts):,} exon rows name no transcript: introns between them '
                'are unknown'
            )
        if self.format == 'gff3':
            self._unquote_contigs()

    def _unquote_contigs(self) -> None:
        """Contig names without the %XX escapes of GFF3."""
        for contig in [name for name in self.features if '%' in name]:
            name = annotation_rows.unquote(contig)
            self.features.setdefault(name, []).extend(
                row._replace(interval=dataclasses.replace(row.interval, contig=name))
                for row in self.features.pop(contig)
            )

    def _check_family(self) -> None:
        """Check that an ID is on one contig, and count parents that are not in the file.

        Rows of one id at several places of a contig become features of their own.
        """
        contig_of: dict[str, str] = {}
        parents: set[str] = set()
        for contig, rows in self.features.items():
            for row in rows:
                parents.update(row.parents)
                if not row.id:
                    continue
                other = contig_of.setdefault(row.id, contig)
                if other != contig and self.format == 'gff3':
                    problem = f'ID {row.id!r} is on {other!r} and on {contig!r}'
                    raise self.rows.error('GF03', row.line, problem, 'give each feature its own ID')
        separated = sorted(
            {name for rows in self.features.values() for name in _separate_places(rows)}
        )
        if separated:
            self.notes.append(
                f'{len(separated):,} ids of transcripts or genes occur at several places '
                f'({", ".join(separated[:3])} ..): each place is a feature of its own'
            )
        missing = parents - contig_of.keys()
        if missing and self.format == 'gff3':
            shown = ', '.join(sorted(missing)[:3])
            self.notes.append(f'{len(missing):,} parents are not in the file ({shown} ..)')


def _separate_places(rows: list[Feature]) -> set[str]:
    """Give the rows of one id at disjoint places of a contig ids of their own, and their parts too.

    A transcript is one place: UCSC's tables, for example, repeat a transcript's id for every place
    that it aligns to.

    Returns:
        The ids that were used for several places.
    """
    ids = [row.id for row in rows if row.id]
    repeated = {name for name, count in collections.Counter(ids).items() if count > 1}
    if not repeated:
        return set()
    parents = {parent for row in rows for parent in row.parents}
    by_id: dict[str, list[Feature]] = {}
    for row in rows:
        if row.id in repeated and (row.id in parents or row.kind in TRANSCRIPT_ROWS):
            by_id.setdefault(row.id, []).append(row)
    places = {name: _places(same) for name, same in by_id.items() if len(same) > 1}
    places = {name: listed for name, listed in places.items() if len(listed) > 1}
    if not places:
        return set()
    for number, row in enumerate(rows):
        own = row.id
        if own in by_id and own in places:
            own = _place_id(own, row.interval, places)
        parts_of = tuple(
            _place_id(parent, row.interval, places) if parent in places else parent
            for parent in row.parents
        )
        if own != row.id or parts_of != row.parents:
            rows[number] = row._replace(id=own, parents=parts_of)
    return set(places)


def _places(rows: list[Feature]) -> list[tuple[int, int, str]]:
    """(start, end, strand) of the rows, those that overlap on one strand joined."""
    joined: list[tuple[int, int, str]] = []
    for row in sorted(rows, key=lambda row: (row.interval.strand, row.interval.start)):
        start, end, strand = row.interval.start, row.interval.end, row.interval.strand
        if joined and joined[-1][2] == strand and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end), strand
        else:
            joined.append((start, end, strand))
    return joined


def _place_id(name: str, interval, places: dict[str, list[tuple[int, int, str]]]) -> str:
    """The id of the place of `name` that contains an interval; the first keeps the name."""
    for number, (start, end, strand) in enumerate(places[name]):
        inside = start <= interval.start and interval.end <= end
        if inside and interval.strand in (strand, '.'):
            return name if number == 0 else f'{name}@{start + 1}{strand}'
    return name
