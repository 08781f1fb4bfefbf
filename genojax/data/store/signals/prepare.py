"""Signals to shards: bins of windows and their mask, for the coverage task to read in parts.

The output of `prepare_tracks` is a folder:

    tracks.json              what was read and how, counts, and the hash of every file; written last
    SPECIES/bases.u8         base codes, contig after contig
    SPECIES/windows.tsv      contig, start and end of every window's centre, and its part
    SPECIES/genes.tsv        first base and strand of the genes of the annotation
    SPECIES/PART.bins.f32    values of the bins of a part's windows, [windows, bins, tracks]
    SPECIES/PART.known.u8    1 where a bin is known, same shape

Memory holds one contig of sequence, and the bins of some megabases of one genome.
"""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence

from genojax import progress
from genojax.data.formats.track_files import signal_table, track_windows
from genojax.data.store.signals import (
    masks,
    prepared_folder,
    sources,
    species_writer,
    track_settings,
)

NAME = 'tracks.json'
GENES = 'genes.tsv'
FORMAT, VERSION = 'genojax tracks', 1


def prepare_tracks(
    genomes: str | os.PathLike,
    table: str | os.PathLike,
    out: str | os.PathLike,
    settings: track_settings.TrackSettings | None = None,
    *,
    replace: bool = False,
) -> prepared_folder.Prepared:
    """Writes the shards of the signals of a table, unless they are there already.

    Args:
        genomes: a FASTA file, or a directory with a genome table.
        table: see `signal_table`.
        out: the folder; other shards in it are refused.
        replace: overwrite other shards.

    Raises:
        InputError: FA.., GT.., BD.. of the genomes and masks; TK09 to TK14 of the signals.
        UsageError: settings that do not fit, or a folder that cannot be written to.
    """
    settings = settings or track_settings.TrackSettings()
    rows = signal_table.read(table)
    by_species: dict[str, list[signal_table.SignalRow]] = {}
    for row in rows:
        by_species.setdefault(row.species, []).append(row)
    parts = sources.find(genomes, list(by_species), settings.annotation)
    plan = _plan(settings, parts, list(by_species.values()))
    folder = prepared_folder.ShardFolder(pathlib.Path(out), NAME, 'tracks', replace)
    return folder.write(
        plan, lambda partial: {'organisms': _write(parts, by_species, settings, partial)}
    )


def _write(
    parts: Mapping, by_species: Mapping, settings: track_settings.TrackSettings, folder
) -> dict:
    """All species: first their sequences, then, if contigs are as named, their signals."""
    read = {}
    for name, listed in parts.items():
        (folder / name).mkdir()
        path = folder / name / 'bases.u8'
        with progress.stage(f'reading the sequence of {name}'):
            read[name] = sources.write_bases(listed, settings.contigs, path, settings.rna)
    names = [contig.name for contigs, _ in read.values() for contig in contigs]
    prepared_folder.check_names(settings, names)
    organisms = {}
    for (name, (contigs, notes)), rows in zip(read.items(), by_species.values(), strict=True):
        fasta = parts[name][0].fasta
        mask_files = {kind: settings.mask_files(kind, name, list(parts)) for kind in masks.KINDS}
        source = species_writer.Source(name, tuple(contigs), fasta, mask_files)
        entry = species_writer.write(source, rows, settings, folder / name)
        all_read = not settings.contigs and not any(part.contigs for part in parts[name])
        genes, remarks = sources.gene_starts(parts[name], contigs, all_read)
        _write_genes(folder / name / GENES, genes)
        organisms[name] = {
            'contigs': [dataclasses.asdict(contig) for contig in contigs],
            **entry,
            'genes': len(genes),
            'notes': [*notes, *remarks, *entry['notes']],
            'files': prepared_folder.describe_files(folder / name),
        }
    return organisms


def _write_genes(path: pathlib.Path, genes: Sequence[track_windows.GeneStart]) -> None:
    rows = ['\t'.join(track_windows.GeneStart._fields), *('\t'.join(map(str, g)) for g in genes)]
    path.write_text('\n'.join(rows) + '\n', encoding='utf-8')


def _plan(settings: track_settings.TrackSettings, parts: Mapping, rows: Sequence) -> dict:
    """Everything that the shards depend on; the names of files, but not their folders."""
    fields = prepared_folder.describe_settings(settings, list(parts))
    genomes = prepared_folder.describe_genomes(parts)
    signals = {
        name: [row.settings() | prepared_folder.describe(row.path) for row in listed]
        for name, listed in zip(parts, rows, strict=True)
    }
    head = {'format': FORMAT, 'version': VERSION}
    return head | {'settings': fields, 'genomes': genomes, 'signals': signals}
