"""Genomes to shards.

Every FASTA file is read once into a cache. Every species is built from the caches, species in
parallel in worker processes or by an Apache Beam pipeline. The manifest is written last. All of
this is in a working directory beside the final one; a complete cache or species in it is used again
after the process was killed. The bytes do not depend on the number of workers. Memory holds one
contig and one part of a species at a time, whatever the size of the genome.
"""

import contextlib
import dataclasses
import functools
import os
import pathlib
import shutil
from collections.abc import Callable

import tensorflow_datasets as tfds

from genojax import errors, json_files
from genojax.data.formats import genome_table, input_file
from genojax.data.store import (
    contig_summary,
    fasta_cache,
    jobs,
    manifest,
    regions,
    shard_files,
    species_builder,
)

_WORK = '.building'
_AGAIN = 'remove {}; the same command reads the genomes again'


@dataclasses.dataclass(frozen=True)
class Ingested:
    """Result of `ingest`: 'written' or 'up to date', the manifest and its hash."""

    status: str
    manifest: dict
    fingerprint: str


def ingest(
    genomes_dir: str | os.PathLike,
    out_dir: str | os.PathLike,
    workers: int = 1,
    *,
    replace: bool = False,
    promoter_span: tuple[int, int] = regions.PROMOTER_SPAN,
    rna: bool = False,
    beam: str | None = None,
) -> Ingested:
    """Check the genomes of a table and write their shards, unless those are there already.

    Args:
        workers: processes; the shards do not depend on their number.
        replace: overwrite shards of other genomes.
        promoter_span: bases up- and downstream of transcript starts, where no promoter is
            annotated.
        rna: read U as T.
        beam: options of an Apache Beam pipeline that does the work in place of processes; its
            workers must see all files by the same paths.

    Raises:
        errors.InputError: the first mistake in the genomes.
        errors.UsageError: `out_dir` holds genomes or shards of other genomes, or cannot be
            written to.
    """
    if workers < 1:
        raise errors.UsageError(f'{workers=} must be at least 1')
    if beam is not None and workers > 1:
        raise errors.UsageError(
            f"{workers=} are of this machine, Beam's are named by its options. Fix: one of the two"
        )
    run_jobs = (
        functools.partial(jobs.by_processes, workers=workers)
        if beam is None
        else jobs.beam_runner(beam)
    )
    genomes = genome_table.read(genomes_dir, rna)
    out = pathlib.Path(out_dir)
    if (out / genome_table.NAME).exists():
        raise errors.UsageError(
            f'{out} holds genomes, and no shards may be among them. '
            f'Fix: --out={errors.new_name("shards")} (a folder of its own)'
        )
    new = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.UsageError(f'cannot write to {out}: {error.strerror}') from error
    with manifest.locked(out):
        plan = _plan(genomes, promoter_span)
        if rna:
            plan['rna'] = True
        existing = _up_to_date(out, plan, replace) if (out / manifest.NAME).exists() else None
        if existing is not None:
            return existing
        try:
            return _write(genomes, out, plan, run_jobs)
        except errors.InputError:
            _remove(out, new)
            raise
        except OSError as error:
            raise errors.UsageError(f'cannot write shards to {out}: {error}') from error


def _remove(out: pathlib.Path, new: list[pathlib.Path]) -> None:
    """Removes what genomes with a mistake have left.

    Args:
        new: the folders that were made for them, the deepest first.
    """
    shutil.rmtree(out / _WORK, ignore_errors=True)
    if new:
        (out / manifest.LOCK).unlink(missing_ok=True)
    for folder in new:
        with contextlib.suppress(OSError):  # something else is in it
            folder.rmdir()


def _up_to_date(out: pathlib.Path, plan: dict, replace: bool) -> Ingested | None:
    """The shards in a directory if they are those of the plan; None if they are to be replaced."""
    try:
        value, fingerprint = manifest.load(out)
        changed = [key for key in {**plan, 'rna': None} if value.get(key) != plan.get(key)]
        if not changed:
            shard_files.check_files(out, value)
    except errors.DamageError:
        if replace:
            return None
        raise
    if not changed:
        # The process may have been killed just after it wrote the manifest.
        shutil.rmtree(out / _WORK, ignore_errors=True)
        return Ingested('up to date', value, fingerprint)
    if not replace:
        raise errors.UsageError(
            f'{out} holds shards of other genomes (different: {", ".join(changed)}). '
            f'Fix: --out={errors.new_name(out)}, or --replace'
        )
    return None


def _plan(genomes: genome_table.GenomeTable, promoter_span: tuple[int, int]) -> dict:
    """Everything that the shards depend on, as in the manifest."""
    files = [*genomes.fasta_files, *(row.annotation for row in genomes.rows if row.annotation)]
    rows = [
        {
            'species': row.species,
            'fasta': genomes.shown(row.fasta),
            'contigs': list(row.contigs) or ['*'],
            'annotation': genomes.shown(row.annotation) if row.annotation else '',
            'circular': row.circular,
            'softmasked': row.softmasked,
            'split': manifest.SPLIT_WORD[row.split],
        }
        for row in genomes.rows
    ]
    return {
        'format': manifest.FORMAT,
        'version': manifest.VERSION,
        'chunk': species_builder.CHUNK,
        'part': shard_files.PART,
        'promoter_span': list(promoter_span),
        'table': rows,
        'sources': [_source(genomes, path) for path in dict.fromkeys(files)],
    }


def _source(genomes: genome_table.GenomeTable, path: pathlib.Path) -> dict:
    """Name, size and hash of an input file."""
    sha256 = input_file.InputFile(path).file_sha256()  # also refuses what is no file, as a pipe
    size = path.stat().st_size
    return {'file': genomes.shown(path), 'bytes': size, 'sha256': sha256}


def _write(
    genomes: genome_table.GenomeTable, out: pathlib.Path, plan: dict, run_jobs: Callable
) -> Ingested:
    work = out / _WORK
    plan_file = work / 'plan.json'
    if not plan_file.exists() or plan_file.read_bytes() != manifest.to_bytes(plan):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        manifest.save(work, plan_file.name, plan)
    caches = _cache_all(genomes, work, plan, run_jobs)
    parts = _parts_of_species(genomes, caches)
    of_species = [
        (work, name, listed, tuple(plan['promoter_span'])) for name, listed in parts.items()
    ]
    built = list(run_jobs(_build_species, of_species, label='writing shards'))
    planned = {entry['file']: entry['sha256'] for entry in plan['sources']}
    for species in built:
        for name, sha256 in species.pop('annotations').items():
            path = pathlib.Path(name)
            _check_unchanged(path, sha256, planned[genomes.shown(path)], work)
    notes = [f'{path.name}: {note}' for path, cache in caches.items() for note in cache.notes]
    notes += [note for species in built for note in species.pop('notes')]
    genes = {species['name']: species.pop('genes') for species in built}
    value = {**plan, 'species': built, 'notes': list(dict.fromkeys(notes))}
    return _publish(out, value, genes)


def _publish(out: pathlib.Path, value: dict, genes: dict) -> Ingested:
    """Move the shards out of the working directory and write the manifest."""
    work = out / _WORK
    # From here to the new manifest there is none: a killed process leaves an incomplete directory,
    # not one with old and new files.
    (out / manifest.NAME).unlink(missing_ok=True)
    for old in (shard_files.GenojaxShards.name, 'cache'):
        shutil.rmtree(out / old, ignore_errors=True)
    value['genes'] = {'file': manifest.GENES, 'sha256': manifest.save(out, manifest.GENES, genes)}
    os.replace(work / shard_files.GenojaxShards.name, out / shard_files.GenojaxShards.name)
    fingerprint = manifest.finish(out, value)
    shutil.rmtree(work)
    return Ingested('written', value, fingerprint)


def _parts_of_species(
    genomes: genome_table.GenomeTable, caches: dict[pathlib.Path, fasta_cache.FastaCache]
) -> dict[str, list[species_builder.RowContigs]]:
    """The contigs of every species, checked against the files and each other."""
    genomes.check_contigs({path: cache.names for path, cache in caches.items()})
    parts = {name: [] for name in genomes.species}
    for row in genomes.rows:
        contigs = genomes.contigs_of(row, caches[row.fasta].names)
        elsewhere = {
            other.fasta
            for other in genomes.rows
            if row.annotation and other.annotation == row.annotation and other.fasta != row.fasta
        }
        parts[row.species].append(
            species_builder.RowContigs(
                row=row,
                cache=caches[row.fasta].path,
                contigs=contigs,
                elsewhere=tuple(name for path in elsewhere for name in caches[path].names),
            )
        )
    genomes.check_digests(
        (name, contig, caches[part.row.fasta].entries[contig].stats.digest)
        for name, listed in parts.items()
        for part in listed
        for contig in part.contigs
    )
    return parts


def _cache_all(
    genomes: genome_table.GenomeTable, work: pathlib.Path, plan: dict, run_jobs: Callable
) -> dict[pathlib.Path, fasta_cache.FastaCache]:
    """A cache of every FASTA file, with the contigs that the table names."""
    planned = {entry['file']: entry['sha256'] for entry in plan['sources']}
    of_files = []
    for number, path in enumerate(genomes.fasta_files):
        rows = [row for row in genomes.rows if row.fasta == path]
        names = frozenset(name for row in rows for name in row.contigs)
        all_named = all(row.contigs for row in rows)
        target = work / f'fasta{number:04d}.u8'
        of_files.append((path, target, names if all_named else None, plan.get('rna', False)))
    read = run_jobs(_cache_fasta, of_files, label='reading genomes')
    caches = dict(zip(genomes.fasta_files, read, strict=True))
    for path, cache in caches.items():
        _check_unchanged(path, cache.sha256, planned[genomes.shown(path)], work)
    return caches


def _cache_fasta(job: tuple) -> fasta_cache.FastaCache:
    path, target, names, rna = job
    return fasta_cache.load(target) or fasta_cache.write(path, target, names, rna)


def _check_unchanged(path: pathlib.Path, read: str, planned: str, work: pathlib.Path) -> None:
    """Compare the hash of a file as it was read with that of the plan."""
    if read != planned:
        shutil.rmtree(work)  # what was built from the other content must not be used again
        raise errors.InputError(
            'FA19',
            'the file changed while it was read',
            path=path,
            fix='start again when the program that writes it has finished',
        )


def _build_species(job: tuple) -> dict:
    """Build the shards of one species.

    Returns:
        Its entry of the manifest, with genes, notes and annotations to be taken out.
    """
    work, name, parts, promoter_span = job
    done = work / f'species-{name}.json'
    folder = work / shard_files.GenojaxShards.name / name
    if done.exists() and folder.exists():
        return json_files.read_hashed(done, _AGAIN.format(work))
    shutil.rmtree(folder, ignore_errors=True)
    species = species_builder.SpeciesBuilder(parts, promoter_span)
    with shard_files.quiet():
        builder = shard_files.GenojaxShards(
            keys=species.chunks(),
            chunk_at=species.chunk_at,
            data_dir=work,
            config=tfds.core.BuilderConfig(name=name, version=shard_files.GenojaxShards.VERSION),
            file_format='array_record',
        )
        builder.download_and_prepare()
    entries = shard_files.entries(builder, folder, work)
    result = {
        'name': name,
        'contigs': [
            _contig_entry(summary, species.contigs[number][0].row)
            for number, summary in sorted(species.summaries.items())
        ],
        'files': [entry for entry in entries if 'records' not in entry],
        'shards': [entry for entry in entries if 'records' in entry],
        'genes': species.genes,
        'notes': contig_summary.shift_notes(name, species.summaries.values()) + species.notes,
        'annotations': {os.fspath(path): a.sha256 for path, a in species.annotations.items()},
    }
    unshared = [one.to_json() for one in species.names if one.unannotated or one.unknown]
    if unshared:
        result['annotation_names'] = unshared
    json_files.write_hashed(done, result)
    return json_files.read_hashed(done, _AGAIN.format(work))


def _contig_entry(summary, row: genome_table.GenomeRow) -> dict:
    return {
        'name': summary.contig,
        'length': summary.length,
        'circular': summary.circular,
        'softmasked': row.softmasked,
        'split': manifest.SPLIT_WORD[row.split],
        'digest': summary.digest,
        'counts': dict(zip('ACGTN', summary.counts, strict=True)),
        'soft_masked': summary.soft_masked,
        'regions': summary.regions,
        'genes': summary.genes,
    }
