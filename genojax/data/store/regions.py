"""Labels of bases by annotation: region bits, introns, promoters, named genes.

Introns are the file's own rows (not those in `annotation.Annotation.evidence`) and the gaps between
the exons of one transcript, or between its CDS and UTR rows if it has no exons. Promoters are the
file's own rows or, on a contig without any, a span of `PROMOTER_SPAN` around each transcript start;
that span is a convention, not a measurement.
"""

import collections
import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from genojax import errors, genome
from genojax.data.formats import annotation
from genojax.data.store import contig_names

# Bases up- and downstream of a transcript's first base that count as promoter if none is annotated.
PROMOTER_SPAN = (200, 0)

_TRANSCRIPTS = annotation.TRANSCRIPT_ROWS
_EXONS = ('exon', 'noncoding_exon', 'pseudogenic_exon', 'five_prime_UTR', 'three_prime_UTR', 'UTR',
          'five_prime_utr', 'three_prime_utr', '5UTR', '3UTR')  # fmt: skip
_SPLICED = ('exon', 'noncoding_exon', 'pseudogenic_exon')  # gaps between these are introns
_CODING = ('CDS', 'start_codon', 'stop_codon')
_PARTS = frozenset(kind.lower() for kind in (*_EXONS, *_CODING)) - frozenset(_SPLICED)
# A shorter gap between coding parts is a frameshift: the shortest known introns have 15 bases.
SHORTEST_INTRON = 15
# The order of intervals of one contig; a key is faster than comparisons.
_POSITION = operator.attrgetter('start', 'end', 'strand')
_REPEATS = (
    'repeat', 'repeat_region', 'repeat_element', 'transposable_element', 'transposon',
    'retrotransposon', 'mobile_genetic_element', 'long_terminal_repeat', 'LTR_retrotransposon',
    'LINE_element', 'SINE_element', 'terminal_inverted_repeat', 'inverted_repeat',
    'direct_repeat', 'dispersed_repeat', 'tandem_repeat', 'microsatellite', 'minisatellite',
    'satellite_DNA', 'low_complexity_region',
)  # fmt: skip
_Region = genome.Region
# A coding base is in an exon, also in files that have CDS rows only.
BITS_OF_KIND: dict[str, int] = (
    dict.fromkeys((kind.lower() for kind in _EXONS), int(_Region.EXON))
    | dict.fromkeys((kind.lower() for kind in _CODING), int(_Region.EXON | _Region.CDS))
    | dict.fromkeys(('intron',), int(_Region.INTRON))
    | dict.fromkeys(('promoter', 'core_promoter', 'promoter_region'), int(_Region.PROMOTER))
    | dict.fromkeys(('enhancer', 'enhancer_region'), int(_Region.ENHANCER))
    | dict.fromkeys((kind.lower() for kind in _REPEATS), int(_Region.REPEAT))
)


def region_bits(
    features: Iterable[annotation.Feature],
    contig: str,
    length: int,
    *,
    promoter_span: tuple[int, int] = PROMOTER_SPAN,
    soft_mask: np.ndarray | None = None,
    circular: bool = False,
    path: str | None = None,
    spliced: list[genome.Interval] | None = None,
) -> np.ndarray:
    """The `genome.Region` bits of every base of a contig, uint8 [length].

    Args:
        features: of this contig or of a whole file; those of other contigs are ignored.
        promoter_span: bases upstream and downstream of transcript starts, see `promoters`.
        soft_mask: bool [length], adds REPEAT; only for files whose lower case means repeat.
        circular: a feature may pass the end and continue at the start.
        path: of the annotation, for messages.
        spliced: the contig's `introns`, if they are known already.

    Raises:
        errors.InputError: BD03, a feature that ends beyond the contig.
    """
    features = [feature for feature in features if feature.interval.contig == contig]
    bit_of = _by_kind(features, BITS_OF_KIND)
    spans: dict[int, list[tuple[int, int]]] = collections.defaultdict(list)
    for feature in features:
        interval, bit = feature.interval, bit_of[feature.kind]
        if interval.end > length:
            _check_inside(feature, length, circular, path)
        if bit is not None:
            spans[bit].append((interval.start, interval.end))
    introns_here = introns(features, contig) if spliced is None else spliced
    spans[int(_Region.INTRON)] += [(intron.start, intron.end) for intron in introns_here]
    for start, end in promoters(features, contig, promoter_span):
        if not circular:
            start, end = max(start, 0), min(end, length)
        spans[int(_Region.PROMOTER)].append((start, end))
    bits = _bits_of_spans(spans, length)
    if soft_mask is not None:
        bits |= np.asarray(soft_mask, bool) * np.uint8(_Region.REPEAT)
    return bits


def _bits_of_spans(spans: dict[int, list[tuple[int, int]]], length: int) -> np.ndarray:
    """Every base's bits, uint8 [length]; what of a span is beyond an end continues at the other.

    Bits change at the ends of spans only, so they are computed between these and repeated: one
    array operation per span takes several times as long.
    """
    inside = {}
    for bit, pairs in spans.items():
        start_N, end_N = np.array(pairs, np.int64).reshape(-1, 2).T
        before, after = start_N < 0, end_N > length
        wrapped = ((start_N + length)[before], (end_N.clip(max=0) + length)[before])
        again = ((start_N.clip(length) - length)[after], (end_N - length)[after])
        starts, ends = zip((start_N, end_N), wrapped, again, strict=True)
        inside[bit] = [np.concatenate(places).clip(0, length) for places in (starts, ends)]
    places = [place for pair in inside.values() for place in pair]
    edge_J = np.unique(np.concatenate([[0, length], *places]))
    bits_J = np.zeros(len(edge_J), np.uint8)  # from each edge to the next
    for bit, (start_N, end_N) in inside.items():
        opened, closed = (
            np.bincount(np.searchsorted(edge_J, place), minlength=len(edge_J))
            for place in (start_N, end_N)
        )
        bits_J |= np.where(np.cumsum(opened - closed) > 0, bit, 0).astype(np.uint8)
    return np.repeat(bits_J[:-1], np.diff(edge_J))


def _by_kind(features: Iterable[annotation.Feature], table: Mapping[str, Any]) -> dict[str, Any]:
    """What a table with lower-case keys says of the kinds of some features, None for others."""
    return {kind: table.get(kind.lower()) for kind in {feature.kind for feature in features}}


def _check_inside(
    feature: annotation.Feature, length: int, circular: bool, path: str | None
) -> None:
    interval = feature.interval
    wraps = circular and interval.start < length and len(interval) <= length
    if interval.end <= length or wraps:
        return
    raise errors.InputError(
        'BD03',
        f'{feature.kind} {interval.start + 1}-{interval.end} passes the end of {interval.contig!r} '
        f'({length:,} bases)',
        path=path,
        line=feature.line,
        fix='use the annotation of this assembly, or mark the contig circular if it is',
    )


def introns(features: Iterable[annotation.Feature], contig: str) -> list[genome.Interval]:
    """Introns, each once and sorted: the file's own and the gaps between parts of one transcript.

    The parts are the exons; in a transcript without exon rows its CDS and UTR rows, of which gaps
    of fewer than 15 bases are frameshifts. A CDS that is not part of a transcript has no introns:
    its rows may be pieces of a pseudogene. In a transcript with exons on both strands
    (trans-splicing) gaps are not introns.
    """
    features = [feature for feature in features if feature.interval.contig == contig]
    own = _by_kind(features, {'intron': True})
    result = {row.interval for row in features if own[row.kind]}
    exons, others = parts_of_transcripts(features)
    for parts in exons.values():
        result.update(gaps(parts, 1))
    for parts in others.values():
        result.update(gaps(parts, SHORTEST_INTRON))
    return sorted(result, key=_POSITION)


def parts_of_transcripts(
    features: list[annotation.Feature],
) -> tuple[dict[str, list[genome.Interval]], dict[str, list[genome.Interval]]]:
    """Exons by transcript, and CDS and UTR parts by transcript for those without exon rows."""
    exons: dict[str, list[genome.Interval]] = {}
    others: dict[str, list[genome.Interval]] = {}
    partners: dict[str, set[str]] = {}  # a CDS may be part of a transcript and of a protein
    place = dict.fromkeys(_SPLICED, exons) | dict.fromkeys(_PARTS, others)
    place = _by_kind(features, place)
    for feature in features:
        by_parent = place[feature.kind]
        if by_parent is None:
            continue
        for parent in feature.parents:
            by_parent.setdefault(parent, []).append(feature.interval)
            if len(feature.parents) > 1:
                partners.setdefault(parent, set()).update(feature.parents)
    if not others:
        return exons, others
    ids = {row.id: row.kind for row in features if row.id}
    others = {
        parent: parts
        for parent, parts in others.items()
        if parent not in exons
        and exons.keys().isdisjoint(partners.get(parent, ()))
        and ids.get(parent, 'transcript') in _TRANSCRIPTS
        and not parent.startswith(annotation.NO_TRANSCRIPT)
    }
    return exons, others


def gaps(parts: list[genome.Interval], shortest: int) -> list[genome.Interval]:
    """The gaps of at least `shortest` bases between intervals, [] if they are on two strands."""
    if len({part.strand for part in parts}) > 1:
        return []
    parts, gaps = sorted(parts, key=_POSITION), []
    end = parts[0].end
    for part in parts[1:]:
        if part.start - end >= shortest:
            gaps.append(genome.Interval(part.contig, end, part.start, part.strand))
        end = max(end, part.end)
    return gaps


def has_promoter_rows(features: Iterable[annotation.Feature]) -> bool:
    """Whether promoters are annotated; if not, those of `promoters` are inferred."""
    return int(_Region.PROMOTER) in _by_kind(features, BITS_OF_KIND).values()


def promoters(
    features: Iterable[annotation.Feature], contig: str, span: tuple[int, int] = PROMOTER_SPAN
) -> list[tuple[int, int]]:
    """Spans around transcript starts of a contig; [] if it has promoter rows of its own.

    A gene without a transcript row counts by its own start. A feature without a strand has no
    upstream and is ignored. A span may start below 0 or end past the contig.
    """
    features = [feature for feature in features if feature.interval.contig == contig]
    if has_promoter_rows(features):
        return []
    upstream, downstream = span
    return sorted(
        {
            (first - upstream, first + downstream)
            if strand == '+'
            else (first + 1 - downstream, first + 1 + upstream)
            for first, strand in transcript_starts(features, contig)
        }
    )


def transcript_starts(features: Iterable[annotation.Feature], contig: str) -> list[tuple[int, str]]:
    """First base and strand of every transcript of a contig, each pair once, in order.

    A gene without a transcript row counts by its own start. A feature without a strand is ignored.
    """
    features = [feature for feature in features if feature.interval.contig == contig]
    transcripts = [feature for feature in features if feature.kind in _TRANSCRIPTS]
    covered = {parent for transcript in transcripts for parent in transcript.parents}
    genes = [
        feature
        for feature in features
        if feature.kind in annotation.GENE_ROWS and feature.id not in covered
    ]
    starts = set()
    for feature in transcripts + genes:
        interval = feature.interval
        if interval.strand == '+':
            starts.add((interval.start, '+'))
        elif interval.strand == '-':
            starts.add((interval.end - 1, '-'))
    return sorted(starts)


def genes(features: Iterable[annotation.Feature], contig: str) -> list[tuple[str, genome.Interval]]:
    """Named genes by start: gene rows or, on a contig without any, rows that name a gene.

    Rows of one transcript are one interval, and overlapping intervals of one name and strand are
    joined; copies of a gene elsewhere on the contig stay separate.
    """
    features = [feature for feature in features if feature.interval.contig == contig]
    rows = [feature for feature in features if feature.kind in annotation.GENE_ROWS]
    if not rows:
        rows = [feature for feature in features if feature.gene]
    extent: dict[tuple, list[int]] = {}
    for number, row in enumerate(rows):
        part_of = row.id or (row.parents[0] if row.parents else str(number))
        key = (row.gene, row.interval.strand, part_of)
        reach = extent.setdefault(key, [row.interval.start, row.interval.end])
        reach[:] = min(reach[0], row.interval.start), max(reach[1], row.interval.end)
    joined: list[tuple[str, genome.Interval]] = []
    for (name, strand, _), (start, end) in sorted(
        extent.items(), key=lambda item: (item[0][:2], item[1])
    ):
        last = joined[-1] if joined else None
        if last and last[0] == name and last[1].strand == strand and start < last[1].end:
            end = max(end, last[1].end)
            start = last[1].start
            joined.pop()
        joined.append((name, genome.Interval(contig, start, end, strand)))
    return sorted((gene for gene in joined if gene[0]), key=lambda gene: (gene[1], gene[0]))


def kinds_of(annotated: annotation.Annotation) -> genome.Region:
    """The region kinds that a file annotates, on any contig; about others it says nothing.

    Introns are known where exons, or CDS rows, say which transcript they are part of.
    """
    annotated_kinds = genome.Region(0)
    for kind in annotated.kinds:
        annotated_kinds |= genome.Region(BITS_OF_KIND.get(kind.lower(), 0))
        if kind in _TRANSCRIPTS or kind in annotation.GENE_ROWS:
            annotated_kinds |= genome.Region.PROMOTER
    if annotated.has_structure:
        annotated_kinds |= genome.Region.INTRON
    return annotated_kinds


def check_fits(annotated: annotation.Annotation, lengths: dict[str, int]) -> None:
    """Check an annotation against the contigs that it labels.

    Args:
        lengths: of those contigs, by name.

    Raises:
        errors.InputError: FA17 the file declares another length, BD04 it has none of the contigs,
            BD08 no row labels a base.
    """
    for contig, length in lengths.items():
        declared = annotated.lengths.get(contig, length)
        if declared != length:
            raise errors.InputError(
                'FA17',
                f'{contig!r} is declared as {declared:,} bases but its sequence has {length:,}',
                path=annotated.path,
                fix='get sequence and annotation of one assembly, and the whole file',
            )
    if not any(annotated.covers(contig) for contig in lengths):
        raise _no_common_contig(annotated, lengths)
    if not kinds_of(annotated):
        raise errors.InputError(
            'BD08',
            'no row labels a base; the kinds are '
            f'{", ".join(map(repr, sorted(annotated.kinds)[:5]))}',
            path=annotated.path,
            fix='name the kind: exon, CDS, intron, promoter, enhancer or repeat (BED: in column 4)',
        )


def _no_common_contig(
    annotated: annotation.Annotation, lengths: dict[str, int]
) -> errors.InputError:
    similar = contig_names.similar(lengths, annotated.contigs, lengths, annotated.lengths)
    pairs = ', '.join(f'{name} = {other}' for name, other in similar[:4])
    return errors.InputError(
        'BD04',
        f'none of the contigs {", ".join(list(lengths)[:4])} is annotated; the file has '
        f'{", ".join(annotated.contigs[:4])}',
        path=annotated.path,
        fix=f'rename: {pairs}' if similar else 'use the same contig names in both files',
    )
