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
import itertools
import os
from collections.abc import Iterable, Iterator

from genojax.data.formats import annotation_places, annotation_rows, content, input_file

Feature = annotation_rows.Feature
GENE_ROWS, TRANSCRIPT_ROWS = annotation_rows.GENE_ROWS, annotation_rows.TRANSCRIPT_ROWS
NO_TRANSCRIPT = annotation_rows.NO_TRANSCRIPT
_IGNORED = ('#', 'track ', 'track\t', 'browser ')
_PART_ROWS = annotation_places.EXONS


@dataclasses.dataclass(frozen=True)
class Annotation:
    """The features of one file.

    Attributes:
        format: 'gff3', 'gtf' or 'bed'.
        features: by contig, in file order.
        lengths: contig lengths that the file itself declares (##sequence-region).
        notes: remarks on unusual content that was accepted.
        sha256: of the file.
        evidence: intron rows of no transcript, by contig; they are not among the features.
    """

    path: str
    format: str
    features: dict[str, list[Feature]]
    lengths: dict[str, int]
    notes: tuple[str, ...]
    sha256: str
    evidence: dict[str, list[Feature]] = dataclasses.field(default_factory=dict)

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
        """Whether any exon says its transcript, or any CDS is part of one, so introns are known.

        A CDS is part of a transcript unless its parent is a row of another kind, such as a gene.
        """
        every = [row for rows in self.features.values() for row in rows]
        if any(row.kind in _PART_ROWS and row.parents for row in every):
            return True
        others = {row.id for row in every if row.kind not in TRANSCRIPT_ROWS}
        return any(
            parent not in others and not parent.startswith(annotation_rows.NO_TRANSCRIPT)
            for row in every
            if row.kind == 'CDS'
            for parent in row.parents
        )

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
        evidence = self._set_evidence_aside() if self.format != 'bed' else {}
        return Annotation(
            path=self.path,
            format=self.format,
            features=self.features,
            lengths=self.lengths,
            notes=tuple(self.notes),
            sha256=file.sha256,
            evidence=evidence,
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
        if len(columns) >= 5 and columns[3].isdecimal() and columns[4].isdecimal():
            if not (columns[1].isdecimal() and columns[2].isdecimal()):
                return 'gff'
        if len(columns) == 9 and not (columns[1].isdecimal() and columns[2].isdecimal()):
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
        every = [row for rows in self.features.values() for row in rows]
        for what, kinds in (('exon', _PART_ROWS), ('CDS', {'CDS'})):
            parts = [row for row in every if row.kind in kinds]
            loose = sum(not row.parents for row in parts)
            if loose:
                self.notes.append(
                    f'{loose:,} of {len(parts):,} {what} rows name no transcript: introns between '
                    'them are unknown'
                )
        if self.format == 'gff3':
            self._unquote_contigs()

    def _unquote_contigs(self) -> None:
        """Contig names without the %XX escapes of GFF3."""
        for contig in [name for name in self.features if '%' in name]:
            name = annotation_rows.unquote(contig)
            rows = self.features.pop(contig)  # before the name is looked up: it may be the same
            self.features.setdefault(name, []).extend(
                row._replace(interval=dataclasses.replace(row.interval, contig=name))
                for row in rows
            )

    def _check_family(self) -> None:
        """Check that an ID is on one contig, and count parents that are not in the file.

        Rows of one id at several places of a contig become features of their own. An ID on several
        contigs is refused where it makes a difference: for genes, transcripts and parents.
        """
        contig_of: dict[str, str] = {}
        repeated: dict[str, tuple[str, str, Feature]] = {}  # on two contigs: these, and the row
        parents: set[str] = set()
        for contig, rows in self.features.items():
            for row in rows:
                parents.update(row.parents)
                if not row.id:
                    continue
                other = contig_of.setdefault(row.id, contig)
                if other != contig and row.id not in repeated:
                    repeated[row.id] = other, contig, row
        if self.format == 'gff3':
            self._check_repeated(repeated, parents)
        separated = sorted(
            {name for rows in self.features.values() for name in annotation_places.separate(rows)}
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

    def _check_repeated(self, repeated: dict[str, tuple[str, str, Feature]], parents) -> None:
        """Refuse an ID on two contigs that others refer to, and count the others.

        Raises:
            InputError: GF03.
        """
        for name, (contig, other, row) in repeated.items():
            if name in parents or row.kind in GENE_ROWS or row.kind in TRANSCRIPT_ROWS:
                problem = f'ID {name!r} is on {contig!r} and on {other!r}'
                raise self.rows.error('GF03', row.line, problem, 'give each feature its own ID')
        if repeated:
            shown = ', '.join(list(repeated)[:3])
            self.notes.append(
                f"{len(repeated):,} IDs that are nobody's parent are on several contigs "
                f'({shown} ..): each row is a feature of its own'
            )

    def _set_evidence_aside(self) -> dict[str, list[Feature]]:
        """Take intron rows without a transcript out of the features, and return them by contig.

        TAIR and WormBase write the splice junctions of RNA reads as such rows beside their genes:
        with noise and rare splicing these cover twice as much of a genome as its introns. Where
        transcripts have several exons, introns follow from these; in other files the rows are all
        that is known. A transcript is here a parent that is a gene or transcript, or has exons or
        CDS.
        """
        exons, owners = collections.Counter(), set()
        for rows in self.features.values():
            for row in rows:
                if row.kind in _PART_ROWS:
                    exons.update(row.parents)
                elif row.kind == 'CDS':
                    owners.update(row.parents)
                elif row.kind in GENE_ROWS or row.kind in TRANSCRIPT_ROWS:
                    owners.add(row.id)
        if not any(count > 1 for count in exons.values()):
            return {}
        owners |= exons.keys()
        evidence = {}
        for contig, rows in self.features.items():
            is_loose = [r.kind.lower() == 'intron' and owners.isdisjoint(r.parents) for r in rows]
            if any(is_loose):
                evidence[contig] = list(itertools.compress(rows, is_loose))
                others = (not loose for loose in is_loose)
                self.features[contig] = list(itertools.compress(rows, others))
        if evidence:
            sources = self.rows.loose_introns
            listed = sorted(sources, key=lambda name: (-sources[name], name))
            shown = ', '.join(listed[:3]) + (' ..' if len(listed) > 3 else '')
            self.notes.append(
                f'{sum(map(len, evidence.values())):,} intron rows without a transcript'
                f'{f" (source {shown})" if listed else ""} are left out: introns follow from the '
                'exons of transcripts'
            )
        return evidence
