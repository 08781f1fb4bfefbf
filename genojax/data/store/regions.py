"""Labels of bases by annotation: region bits, introns, promoters, named genes.

Introns are the file's own rows and the gaps between the exons of one transcript. Promoters are the
file's own rows or, on a contig without any, a span of `PROMOTER_SPAN` around each transcript start;
that span is a convention, not a measurement.
"""

from collections.abc import Iterable

import numpy as np

from genojax import dna, errors, genome
from genojax.data.formats import annotation

# Bases up- and downstream of a transcript's first base that count as promoter if none is annotated.
PROMOTER_SPAN = (200, 0)

_TRANSCRIPTS = frozenset({'mRNA', 'transcript', 'primary_transcript', 'lnc_RNA', 'lncRNA'})
_EXONS = ('exon', 'noncoding_exon', 'pseudogenic_exon', 'five_prime_UTR', 'three_prime_UTR', 'UTR',
          'five_prime_utr', 'three_prime_utr', '5UTR', '3UTR')  # fmt: skip
_SPLICED = ('exon', 'noncoding_exon', 'pseudogenic_exon')  # gaps between these are introns
_CODING = ('CDS', 'start_codon', 'stop_codon')
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
) -> np.ndarray:
    """The `genome.Region` bits of every base of a contig, uint8 [length].

    Args:
        features: of this contig or of a whole file; those of other contigs are ignored.
        promoter_span: bases upstream and downstream of transcript starts, see `promoters`.
        soft_mask: bool [length], adds REPEAT; only for files whose lower case means repeat.
        circular: a feature may pass the end and continue at the start.
        path: of the annotation, for messages.

    Raises:
        errors.InputError: BD03, a feature that ends beyond the contig.
    """
    features = [feature for feature in features if feature.interval.contig == contig]
    bits = np.zeros(length, np.uint8)
    for feature in features:
        _check_inside(feature, length, circular, path)
        bit = BITS_OF_KIND.get(feature.kind.lower())
        if bit is not None:
            _mark(bits, feature.interval.start, feature.interval.end, bit)
    for intron in introns(features, contig):
        _mark(bits, intron.start, intron.end, int(_Region.INTRON))
    for start, end in promoters(features, contig, promoter_span):
        if not circular:
            start, end = max(start, 0), min(end, length)
        _mark(bits, start, end, int(_Region.PROMOTER))
    if soft_mask is not None:
        bits |= np.asarray(soft_mask, bool) * np.uint8(_Region.REPEAT)
    return bits


def _mark(bits: np.ndarray, start: int, end: int, bit: int) -> None:
    """Set bits from start to end, wrapping what is beyond either end of the array."""
    length = len(bits)
    bits[max(start, 0) : end] |= bit
    if start < 0:
        bits[max(start + length, 0) :] |= bit
    if end > length:
        bits[: end - length] |= bit


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
    """Introns, each once and sorted: the file's own and the gaps between exons of one transcript.

    In a transcript with exons on both strands (trans-splicing) gaps are not introns.
    """
    result: set[genome.Interval] = set()
    exons: dict[str, list[genome.Interval]] = {}
    for feature in features:
        if feature.interval.contig != contig:
            continue
        kind = feature.kind.lower()
        if kind == 'intron':
            result.add(feature.interval)
        elif kind in _SPLICED:
            for parent in feature.parents:
                exons.setdefault(parent, []).append(feature.interval)
    for parts in exons.values():
        if len({exon.strand for exon in parts}) > 1:
            continue
        parts.sort()
        end = parts[0].end
        for exon in parts[1:]:
            if exon.start > end:
                result.add(genome.Interval(contig, end, exon.start, exon.strand))
            end = max(end, exon.end)
    return sorted(result)


def promoters(
    features: Iterable[annotation.Feature], contig: str, span: tuple[int, int] = PROMOTER_SPAN
) -> list[tuple[int, int]]:
    """Spans around transcript starts of a contig; [] if it has promoter rows of its own.

    A gene without a transcript row counts by its own start. A feature without a strand has no
    upstream and is ignored. A span may start below 0 or end past the contig.
    """
    features = [feature for feature in features if feature.interval.contig == contig]
    kinds = {feature.kind.lower() for feature in features}
    if any(BITS_OF_KIND.get(kind) == _Region.PROMOTER for kind in kinds):
        return []
    transcripts = [feature for feature in features if feature.kind in _TRANSCRIPTS]
    covered = {parent for transcript in transcripts for parent in transcript.parents}
    genes = [
        feature
        for feature in features
        if feature.kind in annotation.GENE_ROWS and feature.id not in covered
    ]
    upstream, downstream = span
    spans = set()
    for feature in transcripts + genes:
        interval = feature.interval
        if interval.strand == '+':
            spans.add((interval.start - upstream, interval.start + downstream))
        elif interval.strand == '-':
            spans.add((interval.end - downstream, interval.end + upstream))
    return sorted(spans)


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


def splice_agreement(
    codes: np.ndarray, intervals: Iterable[genome.Interval], shift: int = 0
) -> tuple[int, int]:
    """How many introns read GT..AG or GC..AG on their strand, and how many were compared.

    Args:
        codes: base codes of the contig.
        intervals: its introns.
        shift: bases by which they are moved first; an annotation that is off by one agrees only
            when shifted.
    """
    agree = total = 0
    for interval in intervals:
        start, end = interval.start + shift, interval.end + shift
        if interval.strand == '.' or len(interval) < 4 or start < 0 or end > len(codes):
            continue
        intron = codes[start:end]
        if interval.strand == '-':
            intron = dna.reverse_complement(intron)
        agree += dna.decode(intron[:2]) in ('GT', 'GC') and dna.decode(intron[-2:]) == 'AG'
        total += 1
    return agree, total


def kinds_of(annotated: annotation.Annotation) -> genome.Region:
    """The region kinds that a file annotates, on any contig; about others it says nothing."""
    kinds = {feature.kind for rows in annotated.features.values() for feature in rows}
    annotated_kinds = genome.Region(0)
    for kind in kinds:
        annotated_kinds |= genome.Region(BITS_OF_KIND.get(kind.lower(), 0))
        if kind.lower() in _SPLICED:
            annotated_kinds |= genome.Region.INTRON
        if kind in _TRANSCRIPTS or kind in annotation.GENE_ROWS:
            annotated_kinds |= genome.Region.PROMOTER
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
    if not any(contig in annotated.features for contig in lengths):
        raise _no_common_contig(annotated, list(lengths))
    if not kinds_of(annotated):
        kinds = {feature.kind for rows in annotated.features.values() for feature in rows}
        raise errors.InputError(
            'BD08',
            f'no row labels a base; the kinds are {", ".join(map(repr, sorted(kinds)[:5]))}',
            path=annotated.path,
            fix='name the kind: exon, CDS, intron, promoter, enhancer or repeat (BED: in column 4)',
        )


def _no_common_contig(annotated: annotation.Annotation, contigs: list[str]) -> errors.InputError:
    similar = [
        f'{contig} = {name}'
        for contig in contigs
        for name in annotated.contigs
        if contig.lower().removeprefix('chr') == name.lower().removeprefix('chr')
    ]
    return errors.InputError(
        'BD04',
        f'none of the contigs {", ".join(contigs[:4])} is annotated; the file has '
        f'{", ".join(annotated.contigs[:4])}',
        path=annotated.path,
        fix=f'rename: {similar[0]}' if similar else 'use the same contig names in both files',
    )
