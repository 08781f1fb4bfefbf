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
import shutil
from collections.abc import Mapping, Sequence

from genojax import errors, json_files, progress
from genojax.data.formats import input_file
from genojax.data.formats.track_files import signal_file, signal_table, track_windows
from genojax.data.store.signals import masks, sources, species_writer, track_settings

NAME = 'tracks.json'
GENES = 'genes.tsv'
FORMAT, VERSION = 'genojax tracks', 1


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Result of `prepare_tracks`: 'written' or 'up to date', and the content of tracks.json."""

    status: str
    value: dict


def prepare_tracks(
    genomes: str | os.PathLike,
    table: str | os.PathLike,
    out: str | os.PathLike,
    settings: track_settings.TrackSettings | None = None,
    *,
    replace: bool = False,
) -> Prepared:
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
    settings, out = settings or track_settings.TrackSettings(), pathlib.Path(out)
    rows = signal_table.read(table)
    by_species: dict[str, list[signal_table.SignalRow]] = {}
    for row in rows:
        by_species.setdefault(row.species, []).append(row)
    parts = sources.find(genomes, list(by_species), settings.annotation)
    plan = _plan(settings, parts, list(by_species.values()))
    if _is_written(out, plan, replace):
        return Prepared('up to date', json_files.read_hashed(out / NAME))
    partial = out.with_name(f'{out.name}.partial.{os.getpid()}')
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        organisms = _write(parts, by_species, settings, partial)
        value = {**plan, 'organisms': organisms}
        json_files.write_hashed(partial / NAME, value)
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    except OSError as error:
        raise errors.UsageError(f'cannot write to {out}: {error.strerror or error}') from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Prepared('written', value)


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
    _check_names(settings, [contig.name for contigs, _ in read.values() for contig in contigs])
    organisms = {}
    for (name, (contigs, notes)), rows in zip(read.items(), by_species.values(), strict=True):
        fasta = parts[name][0].fasta
        mask_files = {kind: settings.mask_files(kind, name, list(parts)) for kind in masks.KINDS}
        source = species_writer.Source(name, tuple(contigs), fasta, mask_files)
        entry = species_writer.write(source, rows, settings, folder / name)
        all_read = not settings.contigs and not any(part.contigs for part in parts[name])
        genes, remarks = sources.gene_starts(parts[name], contigs, all_read)
        _write_genes(folder / name / GENES, genes)
        files = sorted((folder / name).iterdir())
        organisms[name] = {
            'contigs': [dataclasses.asdict(contig) for contig in contigs],
            **entry,
            'genes': len(genes),
            'notes': [*notes, *remarks, *entry['notes']],
            'files': {path.name: _file(path) for path in files},
        }
    return organisms


def _write_genes(path: pathlib.Path, genes: Sequence[track_windows.GeneStart]) -> None:
    rows = ['\t'.join(track_windows.GeneStart._fields), *('\t'.join(map(str, g)) for g in genes)]
    path.write_text('\n'.join(rows) + '\n', encoding='utf-8')


def _check_names(settings: track_settings.TrackSettings, names: list[str]) -> None:
    """Raises UsageError for a contig that the command names and no genome has."""
    for flag, chosen in (('test', settings.test), ('contigs', settings.contigs)):
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise errors.UsageError(
                f'--{flag}: no contig {unknown[0]!r} is read; there are {signal_file.listed(names)}'
            )


def _plan(settings: track_settings.TrackSettings, parts: Mapping, rows: Sequence) -> dict:
    """Everything that the shards depend on; the names of files, but not their folders."""
    fields = dataclasses.asdict(settings)
    fields.pop('annotation')  # is in the genomes
    for kind in masks.KINDS:
        files = {name: settings.mask_files(kind, name, list(parts)) for name in parts}
        fields[kind] = {name: [_file(path) for path in paths] for name, paths in files.items()}
    for name in ('contigs', 'test'):
        fields[name] = list(fields[name])
    genomes = {
        name: [
            _file(part.fasta)
            | {'contigs': list(part.contigs), 'circular': part.circular, 'split': part.split}
            | {'annotation': _file(part.annotation) if part.annotation else None}
            for part in listed
        ]
        for name, listed in parts.items()
    }
    signals = {
        name: [row.settings() | _file(row.path) for row in listed]
        for name, listed in zip(parts, rows, strict=True)
    }
    head = {'format': FORMAT, 'version': VERSION}
    return head | {'settings': fields, 'genomes': genomes, 'signals': signals}


def _file(path: str | os.PathLike) -> dict:
    """Name, size and hash of a file.

    Raises:
        InputError: FA20.
    """
    path = pathlib.Path(path)
    sha256 = input_file.InputFile(path).file_sha256()
    return {'file': path.name, 'bytes': path.stat().st_size, 'sha256': sha256}


def _is_written(out: pathlib.Path, plan: dict, replace: bool) -> bool:
    """Whether a folder holds the shards of a plan.

    Raises:
        UsageError: it holds something else, and is not to be replaced.
    """
    if not out.exists() or out.is_dir() and not any(out.iterdir()):
        return False
    if (out / NAME).exists():
        holds = 'holds tracks of other files or settings'
        try:
            value = json_files.read_hashed(out / NAME)
            if {name: value.get(name) for name in plan} == plan:
                return True
        except errors.DamageError:
            holds = 'holds damaged tracks'
        if replace:
            return False
        raise errors.UsageError(f'{out} {holds}. Fix: --out={errors.new_name(out)}, or --replace')
    raise errors.UsageError(
        f'{out} is not empty. Fix: name an empty folder, as in --out={errors.new_name(out)}'
    )
