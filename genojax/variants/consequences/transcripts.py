"""Transcripts of an annotation: exons and coding parts on their strand, with a frame.

Coding parts are CDS, start and stop codon rows; where a transcript has exons and UTR rows but no
CDS, the exons without the UTRs; where it has only start and stop codons, what lies between. A CDS
without a transcript (genes of bacteria) is a transcript of its own.

The frame is that of the first coding base. Files do not always say it, so it is read off the
sequence: 0 where the coding sequence begins with an annotated or a usual start codon, else the
first frame without a stop before the last codon; a transcript without one has no frame.
"""

import collections
import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from genojax import dna, errors, genome
from genojax.data.formats import annotation
from genojax.data.store import contig_names
from genojax.variants.consequences import translation
from genojax.variants.reference import Bases

_EXONS = ('exon', 'noncoding_exon', 'pseudogenic_exon')
_CODING = ('cds', 'start_codon', 'stop_codon')
_UTRS = ('five_prime_utr', 'three_prime_utr', 'utr', '5utr', '3utr')
_KINDS = frozenset((*_EXONS, *_CODING, *_UTRS))
SHORTEST_INTRON = 15  # bases; a shorter gap is a frameshift and has no splice sites
_STARTS = ('ATG',)

Part = tuple[int, int]  # start and end on the contig, 0-based, half-open


@dataclasses.dataclass(frozen=True, eq=False)
class Transcript:
    """One transcript.

    Attributes:
        name: its id; gene: the name of its gene, '' if the file does not say.
        exons: ascending on the contig, not overlapping; coding: likewise, () for a transcript that
            is not translated.
        has_start: whether the first codon is annotated as a start codon, or is ATG.
        frame: bases of the coding sequence before its first whole codon; None if unknown.
        bases: the coding sequence on the transcript's strand.
    """

    name: str
    gene: str
    contig: str
    strand: str
    exons: tuple[Part, ...]
    coding: tuple[Part, ...] = ()
    has_start: bool = False
    frame: int | None = None
    bases: str = ''

    @property
    def start(self) -> int:
        return self.exons[0][0]

    @property
    def end(self) -> int:
        return self.exons[-1][1]

    @property
    def introns(self) -> list[Part]:
        """Gaps between exons, ascending on the contig."""
        gaps = zip(self.exons, self.exons[1:], strict=False)
        return [(left[1], right[0]) for left, right in gaps]

    def coding_offset(self, position: int) -> int | None:
        """Bases of the coding sequence before a position of the contig; None outside of it."""
        done = 0
        parts = self.coding if self.strand == '+' else self.coding[::-1]
        for start, end in parts:
            if start <= position < end:
                return done + (position - start if self.strand == '+' else end - 1 - position)
            done += end - start
        return None


@dataclasses.dataclass(frozen=True, eq=False)
class TranscriptSet:
    """The transcripts of an annotation by contig, searchable by place.

    Attributes:
        by_contig: sorted by start.
        notes: what was left out or is unusual, one line each.
        sha256: of the annotation file.
    """

    by_contig: Mapping[str, tuple[Transcript, ...]]
    notes: tuple[str, ...] = ()
    sha256: str = ''

    def __post_init__(self):
        index = {}
        for contig, rows in self.by_contig.items():
            ends = np.maximum.accumulate([row.end for row in rows])
            index[contig] = np.array([row.start for row in rows]), ends
        object.__setattr__(self, '_index', index)

    def __len__(self) -> int:
        return sum(map(len, self.by_contig.values()))

    def near(self, contig: str, start: int, end: int) -> list[Transcript]:
        """Transcripts that overlap start .. end - 1 of a contig."""
        if contig not in self.by_contig:
            return []
        starts, ends = self._index[contig]
        first, last = np.searchsorted(ends, start, 'right'), np.searchsorted(starts, end)
        rows = self.by_contig[contig][first:last]
        return [row for row in rows if row.end > start]


def build(
    source: annotation.Annotation,
    contigs: Mapping[str, Bases],
    *,
    only: Iterable[str] = (),
    genetic_code: int = 1,
) -> TranscriptSet:
    """The transcripts of an annotation on the contigs of a genome.

    Args:
        contigs: base codes by name.
        only: ids of transcripts, with or without a version; all others are left out. (): all.
        genetic_code: NCBI's number, for stops in the frame.

    Raises:
        InputError: GF07, no transcript lies on these contigs, or one of `only` is not in the file.
    """
    counts: collections.Counter[str] = collections.Counter()
    requested, present = set(only), set()
    by_contig = {}
    for contig in contigs:
        rows = []
        for transcript in _on_contig(source, contig, len(contigs[contig]), counts):
            names = {transcript.name, transcript.name.partition('.')[0]} & requested
            if requested and not names:
                continue
            present |= names
            rows.append(_with_frame(transcript, contigs[contig], genetic_code, counts))
        if rows:
            by_contig[contig] = tuple(sorted(rows, key=lambda row: (row.start, row.end, row.name)))
    missing = sorted(requested - present)
    lengths = {name: len(bases) for name, bases in contigs.items()}
    if not by_contig and (not missing or not any(map(source.covers, contigs))):
        alike = contig_names.similar(lengths, source.contigs, lengths, source.lengths)
        raise errors.InputError(
            'GF07',
            f'no transcript on the contigs of the FASTA file ({", ".join(list(contigs)[:3])}, ..): '
            f'it has {", ".join(source.contigs[:3])}, ..'
            + contig_names.in_brackets((other, name) for name, other in alike),
            path=source.path,
            fix='use the annotation of this assembly, with the same names of contigs',
        )
    if missing:
        raise errors.InputError(
            'GF07',
            f'no transcript {missing[0]!r} on the contigs of the FASTA file',
            path=source.path,
            fix='name one of its transcripts',
        )
    notes = contig_names.notes(source, lengths)
    notes += [f'{count:,} {reason}' for reason, count in sorted(counts.items())]
    notes += _code_notes(by_contig, genetic_code)
    return TranscriptSet(by_contig, tuple(notes), source.sha256)


def _code_notes(by_contig: Mapping[str, tuple[Transcript, ...]], genetic_code: int) -> list[str]:
    """Says that one genetic code was used where organelles have one of their own."""
    organelles = [
        contig
        for contig, rows in by_contig.items()
        if genome.is_organelle(contig) and any(row.coding for row in rows)
    ]
    if genetic_code != 1 or not organelles:
        return []
    return [
        f'genes on {", ".join(organelles)} are read by genetic code 1, as all are: mitochondria of '
        'vertebrates have 2, of insects and worms 5, of moulds 4, plastids 11 (as 1, but for start '
        'codons). Score such contigs in a run of their own, with --genetic-code'
    ]


@dataclasses.dataclass(eq=False)
class _Draft:
    """The parts of a transcript by kind while rows are collected."""

    gene: str = ''
    strands: set[str] = dataclasses.field(default_factory=set)
    exons: list[Part] = dataclasses.field(default_factory=list)
    coding: list[Part] = dataclasses.field(default_factory=list)
    utrs: list[Part] = dataclasses.field(default_factory=list)
    codons: dict[str, list[Part]] = dataclasses.field(default_factory=dict)

    def add(self, kind: str, row: annotation.Feature) -> None:
        part = row.interval.start, row.interval.end
        self.gene = self.gene or row.gene
        self.strands.add(row.interval.strand)
        if kind in _EXONS:
            self.exons.append(part)
        elif kind in _UTRS:
            self.utrs.append(part)
        else:
            self.coding.append(part)
            if kind != 'cds':
                self.codons.setdefault(kind, []).append(part)


def _on_contig(source, contig: str, length: int, counts):
    """The transcripts of a contig, without frames."""
    drafts: dict[str, _Draft] = {}
    partners: dict[str, set[str]] = {}  # a CDS may be part of a transcript and of a protein
    names: dict[str, str] = {}  # id of a transcript -> name of its gene
    genes = {row.id: row.gene for row in source.on(contig) if row.kind in annotation.GENE_ROWS}
    for row in source.on(contig):
        if row.kind in annotation.TRANSCRIPT_ROWS or row.kind.lower().endswith('rna'):
            names[row.id] = row.gene or next((genes[p] for p in row.parents if p in genes), '')
        kind = row.kind.lower()
        if kind not in _KINDS:
            continue
        owners = row.parents or (row.id or f'{contig}:{row.interval.start + 1}',)
        for owner in owners:
            drafts.setdefault(owner, _Draft()).add(kind, row)
            partners.setdefault(owner, set()).update(owners)
    with_exons = {name for name, draft in drafts.items() if draft.exons}
    for name, draft in drafts.items():
        if not draft.exons and name not in names and not with_exons.isdisjoint(partners[name]):
            continue  # a protein
        gene = draft.gene or names.get(name) or genes.get(name, '')
        transcript = _finished(name, gene, contig, draft, counts)
        if transcript is None:
            continue
        if transcript.end > length:
            counts['transcripts pass the end of their contig and are left out'] += 1
            continue
        yield transcript


def _finished(name: str, gene: str, contig: str, draft: _Draft, counts) -> Transcript | None:
    strands = draft.strands - {'.'}
    if len(strands) != 1:
        counts['transcripts have no strand, or parts on both, and are left out'] += 1
        return None
    exons = _joined(draft.exons or [*draft.coding, *draft.utrs], touching=not draft.exons)
    only_codons = len(draft.coding) == sum(map(len, draft.codons.values()))
    coding = draft.coding
    if only_codons and draft.utrs:
        coding = _without(exons, draft.utrs)
    elif only_codons and len(draft.codons) == 2:
        ends = [end for parts in draft.codons.values() for part in parts for end in part]
        span = min(ends), max(ends)
        coding = [(max(a, span[0]), min(b, span[1])) for a, b in exons]
    elif only_codons and coding:
        counts['transcripts have one end of their coding sequence only, read as not coding'] += 1
        coding = []
    coding = [part for part in _joined(coding, touching=True) if part[0] < part[1]]
    return Transcript(
        name=name,
        gene=gene,
        contig=contig,
        strand=strands.pop(),
        exons=tuple(exons),
        coding=tuple(coding),
        has_start='start_codon' in draft.codons,
    )


def _joined(parts: Iterable[Part], touching: bool) -> list[Part]:
    """Parts in ascending order, those that overlap joined.

    Args:
        touching: join parts without a gap too, such as a UTR and a CDS of one exon.
    """
    joined: list[Part] = []
    for start, end in sorted(part for part in parts if part[0] < part[1]):
        if joined and (start < joined[-1][1] or touching and start == joined[-1][1]):
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def _without(parts: Iterable[Part], removed: Iterable[Part]) -> list[Part]:
    """What remains of some parts without others."""
    rest = list(parts)
    for low, high in removed:
        pieces = [((a, min(b, low)), (max(a, high), b)) for a, b in rest]
        rest = [part for pair in pieces for part in pair if part[0] < part[1]]
    return rest


def _with_frame(transcript: Transcript, contig: Bases, code: int, counts) -> Transcript:
    if not transcript.coding:
        return transcript
    bases = ''.join(dna.decode(contig[start:end]) for start, end in transcript.coding)
    if transcript.strand == '-':
        bases = dna.reverse_complement_text(bases)
    begins = transcript.has_start or bases.startswith(_STARTS)
    open_frames = [
        frame for frame in range(3) if '*' not in translation.translate(bases[frame:], code)[:-1]
    ]
    frame = open_frames[0] if open_frames else None
    if begins and 0 in open_frames:
        frame = 0
    if frame is None:
        counts['coding transcripts have a stop in every frame: what they translate is unknown'] += 1
    return dataclasses.replace(
        transcript, has_start=begins and frame == 0, frame=frame, bases=bases
    )
