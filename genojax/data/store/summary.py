"""What a folder of genomes holds: length, GC, N, repeats and region kinds per species and contig, before any training.

A figure that nobody measured is None here and 'not annotated' in print, never 0: a genome that is not soft-masked has
unknown repeats, and an annotation without enhancer rows says nothing about enhancers.
"""

import collections
import dataclasses
import os
import pathlib

import numpy as np

from genojax import genome, progress
from genojax.data.formats import annotation, fasta, genome_table, source
from genojax.data.store import regions

NOT_ANNOTATED = 'not annotated'
_CONTIGS_SHOWN = 12
_NOTES_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class ContigSummary:
    """Counts of one contig.

    Attributes:
        counts: A, C, G, T and unknown bases.
        soft_masked: bases in lower case, None where lower case has no meaning.
        regions: bases per region kind, None for a kind that neither the annotation nor the soft mask speaks of.
        genes: number of named genes, None without an annotation.
        introns: (introns that read GT..AG or GC..AG, introns with a strand).
    """

    species: str
    contig: str
    length: int
    circular: bool
    counts: tuple[int, int, int, int, int]
    soft_masked: int | None
    regions: dict[str, int | None]
    genes: int | None
    introns: tuple[int, int]
    digest: str

    @property
    def gc(self) -> float | None:
        return _gc(self.counts)

    @property
    def unknown(self) -> int:
        return self.counts[4]


@dataclasses.dataclass(frozen=True)
class Described:
    """A contig with all that the rows of its table say of it."""

    summary: ContigSummary
    bits: np.ndarray
    genes: list[tuple[str, genome.Interval]]
    notes: tuple[str, ...]


def describe(
    row: genome_table.Row,
    record: fasta.Record,
    annotated: annotation.Annotation | None,
    promoter_span: tuple[int, int] = regions.PROMOTER_SPAN,
) -> Described:
    """Label one contig by its row of the table and count what it has."""
    features = annotated.on(record.name) if annotated else []
    length = len(record.codes)
    bits = regions.region_bits(
        features,
        record.name,
        length,
        promoter_span=promoter_span,
        soft_mask=record.soft_masked if row.softmasked else None,
        circular=row.circular,
        path=os.fspath(row.annotation) if row.annotation else None,
    )
    spoken_of = regions.kinds_of(annotated) if annotated else genome.Region(0)
    if row.softmasked:
        spoken_of |= genome.Region.REPEAT
    count = {
        kind: int(np.count_nonzero(bits & np.uint8(kind))) if kind in spoken_of else None
        for kind in genome.REGIONS
    }
    places = regions.introns(features, record.name)
    agree = regions.splice_agreement(record.codes, places)
    named = regions.genes(features, record.name)
    summary = ContigSummary(
        species=row.species,
        contig=record.name,
        length=length,
        circular=row.circular,
        counts=record.stats.counts,
        soft_masked=record.stats.soft_masked if row.softmasked else None,
        regions={kind.name.lower(): bases for kind, bases in count.items()},
        genes=len(named) if annotated else None,
        introns=agree,
        digest=record.stats.digest,
    )
    return Described(summary, bits, named, tuple(_remarks(row, record, places, agree)))


def _remarks(row: genome_table.Row, record: fasta.Record, places, agree: tuple[int, int]):
    where = f'{row.species} {record.name}'
    lower, length = record.stats.soft_masked, len(record.codes)
    if lower and not row.softmasked:
        yield f'{where}: {lower / length:.1%} is lower case, which the table calls meaningless'
    if row.softmasked and not lower:
        yield f'{where}: no lower case, though the table calls it soft-masked'
    # An annotation off by one moves every splice site: real introns agree 95 in 100.
    if agree[1] >= 20 and agree[0] < 0.5 * agree[1]:
        shifted = {s: regions.splice_agreement(record.codes, places, s)[0] for s in (-1, 1)}
        best = max(shifted, key=shifted.get)
        line = f'{where}: only {agree[0]} of {agree[1]} introns read GT..AG'
        if shifted[best] > 0.5 * agree[1]:
            line += f', but {shifted[best]} when moved by {best:+d}: the annotation is off by one'
        yield line


@dataclasses.dataclass(frozen=True)
class Summary:
    """Every contig of a genome table, in table order, and remarks on the files."""

    contigs: tuple[ContigSummary, ...]
    notes: tuple[str, ...]

    @property
    def species(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(contig.species for contig in self.contigs))

    def of(self, species: str) -> list[ContigSummary]:
        return [contig for contig in self.contigs if contig.species == species]

    def to_json(self) -> dict:
        """Plain values for a JSON file; None stands for 'not annotated'.

        Fractions are of the bases of those contigs for which the figure is known.
        """
        listed = []
        for species in self.species:
            parts = self.of(species)
            contigs = [_figures(part.contig, [part]) for part in parts]
            listed.append({**_figures(species, parts), 'contigs': contigs})
        return {'species': listed, 'notes': list(self.notes)}

    def text(self, all_contigs: bool = False) -> str:
        """The table for people: a line per species, then its contigs (the first few, unless all are asked for)."""
        head = ['species / contig', 'bases', 'GC %', 'N %', 'soft-masked %']
        head += [f'{kind} %' for kind in genome.REGION_NAMES] + ['genes', 'GT-AG introns']
        lines = [head]
        for species in self.species:
            parts = self.of(species)
            lines.append(_cells(species, parts))
            shown = parts if all_contigs else parts[:_CONTIGS_SHOWN]
            lines += [_cells(f'  {part.contig}', [part]) for part in shown]
            if len(shown) < len(parts):
                lines.append([f'  .. {len(parts) - len(shown):,} more'] + [''] * (len(head) - 1))
        text = _columns(lines)
        text += f'\n- {NOT_ANNOTATED}: nobody looked, which is not the same as none\n'
        shown = self.notes if all_contigs else self.notes[:_NOTES_SHOWN]
        text += ''.join(f'note: {note}\n' for note in shown)
        if len(shown) < len(self.notes):
            text += f'note: .. {len(self.notes) - len(shown):,} more\n'
        return text


def summarize(directory: str | os.PathLike) -> Summary:
    """Read and check every file of a genome table, one record at a time.

    Raises:
        errors.InputError: the first thing that is wrong.
    """
    genomes = genome_table.read(directory)
    found: dict[tuple[int, str], ContigSummary] = {}
    names_of: dict[pathlib.Path, tuple[str, ...]] = {}
    notes: list[str] = []
    files = genomes.fasta_files
    for path in progress.track(files, 'checking genomes', float(len(files))):
        rows = [row for row in genomes.rows if row.fasta == path]
        annotated = {
            row.annotation: annotation.read(row.annotation) for row in rows if row.annotation
        }
        reader = fasta.Reader(path)
        names = []
        for record in reader:
            names.append(record.name)
            for row in rows:
                if not row.contigs or record.name in row.contigs:
                    labelled = describe(row, record, annotated.get(row.annotation))
                    found[row.line, record.name] = labelled.summary
                    notes += labelled.notes
        names_of[path] = tuple(names)
        notes += [f'{path.name}: {note}' for note in reader.notes]
        notes += [f'{a.name}: {note}' for a, what in annotated.items() for note in what.notes]
        for row in rows:
            chosen = genomes.contigs_of(row, names)
            if row.annotation:
                lengths = {name: found[row.line, name].length for name in chosen}
                regions.check_fits(annotated[row.annotation], lengths)
    genomes.check_contigs(names_of)
    contigs = [
        found[row.line, name]
        for row in genomes.rows
        for name in genomes.contigs_of(row, names_of[row.fasta])
    ]
    contigs.sort(key=lambda contig: genomes.species.index(contig.species))
    genomes.check_digests((c.species, c.contig, c.digest) for c in contigs)
    return Summary(tuple(contigs), tuple(dict.fromkeys(notes)))


def summarize_file(path: str | os.PathLike) -> str:
    """Check a single FASTA or annotation file and say in a few lines what it holds."""
    first = next(source.Source(path).text(), b'').lstrip()
    if first.startswith((b'>', b';', b'@')) or not first:
        reader = fasta.Reader(path)
        lines = [['record', 'bases', 'GC %', 'N %', 'lower case %']]
        for record in reader:
            stats, length = record.stats, len(record.codes)
            lower = _percent(stats.soft_masked, length)
            gc = _gc(stats.counts)
            shown_gc = '-' if gc is None else f'{100 * gc:.2f}'
            unknown = _percent(stats.counts[4], length)
            lines.append([record.name, f'{length:,}', shown_gc, unknown, lower])
        return _columns(lines) + '\n' + ''.join(f'note: {note}\n' for note in reader.notes)
    annotated = annotation.read(path)
    lines = [['kind', 'rows', 'bases']]
    rows = collections.Counter()
    bases = collections.Counter()
    for features in annotated.features.values():
        for feature in features:
            rows[feature.kind] += 1
            bases[feature.kind] += len(feature.place)
    lines += [[kind, f'{rows[kind]:,}', f'{bases[kind]:,}'] for kind in sorted(rows)]
    what = f'{annotated.format} on {len(annotated.features):,} contigs\n'
    return what + _columns(lines) + '\n' + ''.join(f'note: {note}\n' for note in annotated.notes)


def _gc(counts) -> float | None:
    known = sum(counts[:4])
    return (counts[1] + counts[2]) / known if known else None


def _percent(part: int, whole: int) -> str:
    return f'{100 * part / whole:.2f}'


def _figures(name: str, parts: list[ContigSummary]) -> dict:
    """The figures of some contigs together."""
    masked, masked_share = _known([part.soft_masked for part in parts], parts)
    kinds = {
        kind: _known([part.regions[kind] for part in parts], parts) for kind in genome.REGION_NAMES
    }
    counts = tuple(map(sum, zip(*(part.counts for part in parts), strict=True)))
    agree, all_introns = map(sum, zip(*(part.introns for part in parts), strict=True))
    length = sum(part.length for part in parts)
    return {
        'name': name,
        'length': length,
        'circular': all(part.circular for part in parts),
        'gc': _gc(counts),
        'n': counts[4],
        'n_fraction': counts[4] / length,
        'soft_masked': masked,
        'soft_masked_fraction': masked_share,
        'regions': {kind: bases for kind, (bases, _) in kinds.items()},
        'region_fractions': {kind: share for kind, (_, share) in kinds.items()},
        'genes': _known([part.genes for part in parts], parts)[0],
        'introns': {'gt_ag': agree, 'all': all_introns},
        'digest': parts[0].digest if len(parts) == 1 else None,
    }


def _known(values: list[int | None], parts: list[ContigSummary]) -> tuple[int | None, float | None]:
    """The sum of the known values, and its share of the bases of the contigs where it is known."""
    pairs = [(v, p.length) for v, p in zip(values, parts, strict=True) if v is not None]
    if not pairs:
        return None, None
    total, bases = map(sum, zip(*pairs, strict=True))
    return total, total / bases


def _cells(label: str, parts: list[ContigSummary]) -> list[str]:
    found = _figures(label, parts)
    shares = [found['gc'], found['n_fraction'], found['soft_masked_fraction']]
    shares += list(found['region_fractions'].values())
    cells = [label, f'{found["length"]:,}']
    cells += ['-' if share is None else f'{100 * share:.2f}' for share in shares]
    cells.append('-' if found['genes'] is None else f'{found["genes"]:,}')
    introns = found['introns']
    cells.append(f'{introns["gt_ag"]:,} of {introns["all"]:,}' if introns['all'] else '-')
    return cells


def _columns(lines: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return '\n'.join(
        '  '.join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
