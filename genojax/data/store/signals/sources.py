"""The genomes that signals lie along: contigs of a FASTA file or of a genome table, on disk.

Every FASTA file is read once, record by record; the base codes of a species go into one flat file.
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from genojax import dna, errors
from genojax.data.formats import annotation, fasta, genome_table
from genojax.data.formats.track_files import track_windows
from genojax.data.store import contig_names, regions


@dataclasses.dataclass(frozen=True)
class SourceContig:
    """One contig of a species.

    Attributes:
        offset: of its first base in the species' flat file.
        split: 'train', 'test' or '', as the genome table marks it.
    """

    name: str
    length: int
    offset: int
    circular: bool
    split: str


@dataclasses.dataclass(frozen=True)
class FastaPart:
    """Contigs of one FASTA file for one species; no names: all of them."""

    fasta: pathlib.Path
    contigs: tuple[str, ...] = ()
    circular: bool = False
    split: str = ''
    annotation: pathlib.Path | None = None


def find(
    path: str | os.PathLike, species: Sequence[str], annotated: str | os.PathLike = ''
) -> dict[str, list[FastaPart]]:
    """The files of every species that the table of signals names.

    Args:
        path: a directory with a genome table, or the table; else a FASTA file, of one species.
        species: names in the table of signals; '' where it has no such column.
        annotated: the genes of a FASTA file; those of a genome table are in its rows.

    Raises:
        InputError: GT.., the genome table; TK09, the species are not those of the genomes.
    """
    path = pathlib.Path(path)
    if not (path.is_dir() or path.suffix == '.tsv'):
        if len(species) > 1:
            problem = f'one FASTA file for {len(species)} species: {", ".join(species)}'
            raise errors.InputError(
                'TK09', problem, path=path, fix='name a directory with a genomes.tsv'
            )
        file = pathlib.Path(annotated) if annotated else None
        return {species[0] or path.name.partition('.')[0]: [FastaPart(path, annotation=file)]}
    table = genome_table.read(path)
    alone = len(table.species) == 1 and list(species) == ['']
    names = list(table.species) if alone else list(species)
    result: dict[str, list[FastaPart]] = {}
    for name in names:
        if name not in table.species:
            known = ', '.join(table.species)
            problem = f'the signals are of species {name!r}, the genomes of {known}'
            raise errors.InputError(
                'TK09', problem, path=table.path, fix='write a column species in the track table'
            )
        result[name] = [
            FastaPart(row.fasta, row.contigs, row.circular, row.split, row.annotation)
            for row in table.rows
            if row.species == name
        ]
    return result


def write_bases(
    parts: Sequence[FastaPart], chosen: Iterable[str], path: pathlib.Path, rna: bool = False
) -> tuple[list[SourceContig], list[str]]:
    """Writes the base codes of a species, one byte each; its contigs in order, and the notes.

    Args:
        chosen: names of contigs to read; none: all.

    Raises:
        InputError: FA..; GT06, a contig that its file does not have; GT07, one of two files.
        UsageError: no contig is left.
    """
    chosen, contigs, names, notes, offset = set(chosen), [], [], [], 0
    with open(path, 'wb') as file:
        for part in parts:
            in_file = []
            reader = fasta.FastaReader(part.fasta, rna=rna)
            for record in reader:
                in_file.append(record.name)
                if part.contigs and record.name not in part.contigs:
                    continue
                if record.name in names:
                    problem = f'contig {record.name!r} is in two rows of the genome table'
                    raise errors.InputError('GT07', problem, path=part.fasta)
                names.append(record.name)
                if chosen and record.name not in chosen:
                    continue
                file.write(np.ascontiguousarray(record.codes).data)
                length = len(record.codes)
                contigs.append(SourceContig(record.name, length, offset, part.circular, part.split))
                offset += length
            notes += [f'{part.fasta.name}: {note}' for note in reader.notes]
            _check_present(part, in_file)
    if not contigs:
        raise errors.UsageError(
            f'{parts[0].fasta} has none of the contigs of --contigs. '
            f'Fix: --contigs={",".join(names[:5])}'
        )
    return contigs, notes


def gene_starts(
    parts: Sequence[FastaPart], contigs: Sequence[SourceContig], all_read: bool = True
) -> tuple[list[track_windows.GeneStart], list[str]]:
    """The first base of every named gene with a strand, in the order of the contigs; and notes.

    Args:
        all_read: the contigs are all of the files; if not, features on others are no surprise.

    Raises:
        InputError: GF.., BD.. of the annotation; BD04, it has none of the contigs.
    """
    starts, notes = [], []
    lengths = {contig.name: contig.length for contig in contigs}
    for path in dict.fromkeys(part.annotation for part in parts if part.annotation):
        annotated = annotation.read(path)
        regions.check_fits(annotated, lengths)
        others = () if all_read else annotated.contigs
        notes += contig_names.notes(annotated, lengths, others)
        for contig, length in lengths.items():
            for name, interval in regions.genes(annotated.on(contig), contig):
                first = interval.start if interval.strand == '+' else interval.end - 1
                if interval.strand != '.' and first < length:
                    starts.append(track_windows.GeneStart(name, contig, first, interval.strand))
    return starts, notes


def _check_present(part: FastaPart, in_file: list[str]) -> None:
    missing = [name for name in part.contigs if name not in in_file]
    if missing:
        raise errors.InputError(
            'GT06',
            f'contig {missing[0]!r} is not in the file, which has {", ".join(in_file[:5])}',
            path=part.fasta,
        )


def read_codes(bases: np.ndarray, contig: SourceContig, start: int, end: int) -> np.ndarray:
    """Base codes from `start` to `end` - 1 of a contig, uint8; unknown beyond a linear one's ends.

    Positions of a circular contig that is long enough wrap, so that no base is read twice.

    Args:
        bases: the species' flat file.
    """
    codes_L = np.full(end - start, dna.UNKNOWN, np.uint8)
    own = bases[contig.offset : contig.offset + contig.length]
    wraps = contig.circular and len(codes_L) <= contig.length
    for origin in (-contig.length, 0, contig.length) if wraps else (0,):
        low, high = max(start, origin), min(end, origin + contig.length)
        if low < high:
            codes_L[low - start : high - start] = own[low - origin : high - origin]
    return codes_L
