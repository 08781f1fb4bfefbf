"""Length, GC, N, repeats and region kinds of the genomes of a directory, per species and contig.

A figure that was not measured is None here and 'not annotated' in print, never 0 (see
`contig_summary`).
"""

import collections
import dataclasses
import os
import pathlib

from genojax import errors, genome, progress
from genojax.data.formats import (
    annotation,
    content,
    fasta,
    genome_table,
    input_file,
    table_draft,
)
from genojax.data.store import contig_names, contig_summary, regions

NOT_ANNOTATED = 'not annotated'
_CONTIGS_SHOWN = 12
_NOTES_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class GenomesSummary:
    """Every contig of a genome table, in table order, and remarks on the files.

    Attributes:
        names: of each annotation, the contigs that it does not share with its sequence.
    """

    contigs: tuple[contig_summary.ContigSummary, ...]
    notes: tuple[str, ...]
    names: tuple[contig_names.NameComparison, ...] = ()

    @property
    def species(self) -> tuple[str, ...]:
        """Each species once, in table order."""
        return tuple(dict.fromkeys(contig.species for contig in self.contigs))

    def of(self, species: str) -> list[contig_summary.ContigSummary]:
        """The contigs of one species."""
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
        names = [one.to_json() for one in self.names if one.unannotated or one.unknown]
        return {'species': listed, 'annotation_names': names, 'notes': list(self.notes)}

    def text(self, all_contigs: bool = False) -> str:
        """A table to print: one line per species, then its first contigs, or all of them."""
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
        text += f'\n- {NOT_ANNOTATED}: not measured, which does not mean that there are none\n'
        if any(contig.promoters == 'inferred' for contig in self.contigs):
            text += '* inferred from transcript starts, not annotated\n'
        shown = self.notes if all_contigs else self.notes[:_NOTES_SHOWN]
        text += ''.join(f'note: {note}\n' for note in shown)
        if len(shown) < len(self.notes):
            text += f'note: .. {len(self.notes) - len(shown):,} more\n'
        return text


def summarize(directory: str | os.PathLike, rna: bool = False) -> GenomesSummary:
    """Read and check every file of a genome table, one record at a time.

    Args:
        rna: read U as T.

    Raises:
        errors.InputError: the first mistake.
    """
    with annotation.without_collector():
        return _summarize(genome_table.read(directory, rna), rna)


def _summarize(genomes: genome_table.GenomeTable, rna: bool) -> GenomesSummary:
    summaries: dict[tuple[int, str], contig_summary.ContigSummary] = {}
    names_of: dict[pathlib.Path, tuple[str, ...]] = {}
    notes: list[str] = []
    annotations = {
        row.annotation: annotation.read(row.annotation) for row in genomes.rows if row.annotation
    }
    for path, read in annotations.items():
        notes += [
            f'{path.name}: {note}' for note in (*read.notes, *contig_summary.annotation_notes(read))
        ]
    files = genomes.fasta_files
    for path in progress.track(files, 'checking genomes', float(len(files))):
        reader = fasta.FastaReader(path, rna=rna)
        names_of[path] = _summarize_fasta(genomes, reader, annotations, summaries, notes)
    genomes.check_contigs(names_of)
    names = _compare_names(genomes, annotations, names_of, summaries)
    notes = [note for one in names for note in one.notes()] + notes
    contigs = [
        summaries[row.line, name]
        for row in genomes.rows
        for name in genomes.contigs_of(row, names_of[row.fasta])
    ]
    contigs.sort(key=lambda contig: genomes.species.index(contig.species))
    genomes.check_digests((c.species, c.contig, c.digest) for c in contigs)
    for species in genomes.species:
        own = [contig for contig in contigs if contig.species == species]
        notes = contig_summary.shift_notes(species, own) + notes
    notes = genomes.notes() + notes
    return GenomesSummary(tuple(contigs), tuple(dict.fromkeys(notes)), names)


def _summarize_fasta(
    genomes: genome_table.GenomeTable,
    reader: fasta.FastaReader,
    annotations: dict[pathlib.Path, annotation.Annotation],
    summaries: dict[tuple[int, str], contig_summary.ContigSummary],
    notes: list[str],
) -> tuple[str, ...]:
    """Add the contigs of one FASTA file to `summaries`, by (line of the table, name).

    Returns:
        The names of all its records.
    """
    rows = [row for row in genomes.rows if row.fasta == reader.path]
    names = []
    for record in reader:
        names.append(record.name)
        for row in rows:
            if not row.contigs or record.name in row.contigs:
                labelled = contig_summary.label(row, record, annotations.get(row.annotation))
                summaries[row.line, record.name] = labelled.summary
                notes += labelled.notes
    notes += [f'{reader.path.name}: {note}' for note in reader.notes]
    for row in rows:
        contigs = genomes.contigs_of(row, names)
        if row.annotation:
            lengths = {name: summaries[row.line, name].length for name in contigs}
            regions.check_fits(annotations[row.annotation], lengths)
    return tuple(names)


def _compare_names(
    genomes: genome_table.GenomeTable,
    annotations: dict[pathlib.Path, annotation.Annotation],
    names_of: dict[pathlib.Path, tuple[str, ...]],
    summaries: dict[tuple[int, str], contig_summary.ContigSummary],
) -> tuple[contig_names.NameComparison, ...]:
    """Every annotation beside all contigs that the rows with it name."""
    compared = []
    for path, annotated in annotations.items():
        rows = [row for row in genomes.rows if row.annotation == path]
        lengths = {
            name: summaries[row.line, name].length
            for row in rows
            for name in genomes.contigs_of(row, names_of[row.fasta])
        }
        in_files = [name for row in rows for name in names_of[row.fasta]]
        compared.append(contig_names.compare(annotated, path.name, lengths, in_files))
    return tuple(compared)


def summarize_file(path: str | os.PathLike, **options: bool) -> str:
    """A few lines on the contents of a single FASTA or annotation file, which is checked.

    Args:
        options: of `fasta.FastaReader`.

    Raises:
        errors.InputError: the first mistake; GF06, neither FASTA nor an annotation.
    """
    first = next(input_file.InputFile(path).text(), b'')
    name = content.sniff(first)
    named_fasta = not name and table_draft.is_fasta_name(path)
    if name in ('FASTA', 'FASTQ', 'bare sequence') or named_fasta or not first.strip():
        return _summarize_records(fasta.FastaReader(path, **options))
    if name not in ('', 'GFF3 or GTF', 'BED', 'bedGraph'):
        raise errors.InputError(
            'GF06',
            f'this is {name}, which check does not read',
            path=path,
            fix='name FASTA, GFF3, GTF or BED files, or a directory with a genomes.tsv',
        )
    annotated = annotation.read(path)
    lines = [['kind', 'rows', 'bases']]
    rows = collections.Counter()
    bases = collections.Counter()
    for features in (*annotated.features.values(), *annotated.evidence.values()):
        for feature in features:
            rows[feature.kind] += 1
            bases[feature.kind] += len(feature.interval)
    lines += [[kind, f'{rows[kind]:,}', f'{bases[kind]:,}'] for kind in sorted(rows)]
    head = f'{annotated.format} on {len(annotated.features):,} contigs\n'
    notes = (*annotated.notes, *contig_summary.annotation_notes(annotated))
    return head + _columns(lines) + '\n' + ''.join(f'note: {note}\n' for note in notes)


def _summarize_records(reader: fasta.FastaReader) -> str:
    lines = [['record', 'bases', 'GC %', 'N %', 'lower case %']]
    for record in reader:
        stats, length = record.stats, len(record.codes)
        gc = contig_summary.gc(stats.counts)
        lines.append(
            [
                record.name,
                f'{length:,}',
                '-' if gc is None else f'{100 * gc:.2f}',
                _percent(stats.counts[4], length),
                _percent(stats.soft_masked, length),
            ]
        )
    return _columns(lines) + '\n' + ''.join(f'note: {note}\n' for note in reader.notes)


def _percent(part: int, whole: int) -> str:
    return f'{100 * part / whole:.2f}'


def _figures(name: str, parts: list[contig_summary.ContigSummary]) -> dict:
    """The figures of some contigs together."""
    masked, masked_share = _total([part.soft_masked for part in parts], parts)
    kinds = {
        kind: _total([part.regions[kind] for part in parts], parts) for kind in genome.REGION_NAMES
    }
    counts = tuple(map(sum, zip(*(part.counts for part in parts), strict=True)))
    agree, all_introns = map(sum, zip(*(part.introns for part in parts), strict=True))
    length = sum(part.length for part in parts)
    return {
        'name': name,
        'length': length,
        'circular': all(part.circular for part in parts),
        'gc': contig_summary.gc(counts),
        'n': counts[4],
        'n_fraction': counts[4] / length,
        'soft_masked': masked,
        'soft_masked_fraction': masked_share,
        'regions': {kind: bases for kind, (bases, _) in kinds.items()},
        'region_fractions': {kind: share for kind, (_, share) in kinds.items()},
        'genes': _total([part.genes for part in parts], parts)[0],
        'promoters': next((part.promoters for part in parts if part.promoters), None),
        'introns': {'gt_ag': agree, 'all': all_introns},
        'shifts': _shifts(parts),
        'digest': parts[0].digest if len(parts) == 1 else None,
    }


def _shifts(parts: list[contig_summary.ContigSummary]) -> dict[str, dict[str, int]]:
    """Introns that read GT..AG and CDS that begin with a start codon, by the shift in bases."""
    result = {}
    for key in ('introns', 'starts'):
        columns = zip(*(part.shifts.get(key, (0, 0, 0, 0)) for part in parts), strict=True)
        result[key] = dict(zip(('-1', '0', '+1', 'all'), map(sum, columns), strict=True))
    return result


def _total(
    values: list[int | None], parts: list[contig_summary.ContigSummary]
) -> tuple[int | None, float | None]:
    """The sum of the values that are not None, and its share of the bases of their contigs."""
    pairs = [(v, p.length) for v, p in zip(values, parts, strict=True) if v is not None]
    if not pairs:
        return None, None
    total, bases = map(sum, zip(*pairs, strict=True))
    return total, total / bases


def _cells(label: str, parts: list[contig_summary.ContigSummary]) -> list[str]:
    figures = _figures(label, parts)
    shares = [figures['gc'], figures['n_fraction'], figures['soft_masked_fraction']]
    shares += list(figures['region_fractions'].values())
    cells = [label, f'{figures["length"]:,}']
    cells += ['-' if share is None else f'{100 * share:.2f}' for share in shares]
    if figures['promoters'] == 'inferred':
        cells[5 + genome.REGION_NAMES.index('promoter')] += '*'
    cells.append('-' if figures['genes'] is None else f'{figures["genes"]:,}')
    introns = figures['introns']
    cells.append(f'{introns["gt_ag"]:,} of {introns["all"]:,}' if introns['all'] else '-')
    return cells


def _columns(lines: list[list[str]]) -> str:
    """Lines of cells as text, the first column left-aligned, the others right-aligned."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return '\n'.join(
        '  '.join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
