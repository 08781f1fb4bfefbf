"""Genomes to shards and back: a TFDS builder that writes ArrayRecord, without TensorFlow, and `open` to read them.

The steps: every FASTA is read once into a spool; every species is built from the spools, species side by side in
worker processes; the manifest is written last. All of it happens in a folder beside its final place, a finished species
or spool is used again after a kill, and the bytes do not depend on the number of workers. Memory holds one contig and
one part of a species at a time, whatever the size of the genome.
"""

import dataclasses
import json
import os
import pathlib
import shutil

import tensorflow_datasets as tfds

from genojax import errors
from genojax.data.formats import genome_table
from genojax.data.store import (
    fasta_cache,
    manifest,
    processes,
    regions,
    shard_files,
    species_builder,
)

_WORK = '.building'


@dataclasses.dataclass(frozen=True)
class Ingested:
    """What `ingest` did: 'written' or 'up to date', with the manifest."""

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
) -> Ingested:
    """Check the genomes of a table and write their shards; does nothing if the same are there already.

    Args:
        workers: processes; the shards do not depend on it.
        replace: write over shards of other genomes.
        promoter_span: bases up- and downstream of transcript starts, where no promoter is annotated.

    Raises:
        errors.InputError: for the first thing wrong with the genomes.
        errors.UsageError: `out_dir` holds shards of other genomes.
    """
    if workers < 1:
        raise errors.UsageError(f'{workers} workers')
    genomes = genome_table.read(genomes_dir)
    out = pathlib.Path(out_dir)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.UsageError(f'cannot write to {out}: {error.strerror}') from error
    with manifest.locked(out):
        plan = _plan(genomes, promoter_span)
        if (out / manifest.NAME).exists():
            there, fingerprint = manifest.load(out)
            changed = [key for key in plan if there.get(key) != plan[key]]
            if not changed:
                shard_files.check_files(out, there)
                shutil.rmtree(
                    out / _WORK, ignore_errors=True
                )  # a kill came just after the manifest
                return Ingested('up to date', there, fingerprint)
            if not replace:
                raise errors.UsageError(
                    f'{out} holds shards of other genomes (not the same: {", ".join(changed)});'
                    ' name another folder, or --replace them'
                )
        try:
            return _write(genomes, out, plan, workers)
        except OSError as error:
            raise errors.UsageError(f'cannot write shards to {out}: {error}') from error


def _plan(genomes: genome_table.GenomeTable, promoter_span: tuple[int, int]) -> dict:
    """All that the shards depend on, as it stands in the manifest."""
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
    sources = []
    for path in dict.fromkeys(files):
        try:
            size, sha256 = path.stat().st_size, manifest.sha256_of(path)
        except OSError as error:
            problem = f'cannot be read: {error.strerror}'
            raise errors.InputError(
                'FA20', problem, path=path, fix='check its permissions'
            ) from error
        sources.append({'file': genomes.shown(path), 'bytes': size, 'sha256': sha256})
    return {
        'format': manifest.FORMAT,
        'version': manifest.VERSION,
        'chunk': species_builder.CHUNK,
        'part': shard_files.PART,
        'promoter_span': list(promoter_span),
        'table': rows,
        'sources': sources,
    }


def _write(
    genomes: genome_table.GenomeTable, out: pathlib.Path, plan: dict, workers: int
) -> Ingested:
    work = out / _WORK
    plan_file = work / 'plan.json'
    if not plan_file.exists() or plan_file.read_bytes() != manifest.to_bytes(plan):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        manifest.save(work, plan_file.name, plan)
    spools = _spool_all(genomes, work, plan, workers)
    genomes.check_contigs({path: found.names for path, found in spools.items()})
    parts = {name: [] for name in genomes.species}
    for row in genomes.rows:
        chosen = genomes.contigs_of(row, spools[row.fasta].names)
        parts[row.species].append(species_builder.Part(row, spools[row.fasta].path, chosen))
    genomes.check_digests(
        (name, contig, spools[part.row.fasta].entries[contig].stats.digest)
        for name, listed in parts.items()
        for part in listed
        for contig in part.contigs
    )
    span = tuple(plan['promoter_span'])
    jobs = [(work, name, listed, span) for name, listed in parts.items()]
    built = list(processes.each(_build_species, jobs, workers, 'writing shards'))
    planned = {entry['file']: entry['sha256'] for entry in plan['sources']}
    for found in built:
        for name, sha256 in found.pop('annotations').items():
            path = pathlib.Path(name)
            _check_unchanged(path, sha256, planned[genomes.shown(path)], work)
    notes = [f'{p.name}: {note}' for p, found in spools.items() for note in found.notes]
    notes += [note for found in built for note in found.pop('notes')]
    genes = {found['name']: found.pop('genes') for found in built}
    value = {**plan, 'species': built, 'notes': list(dict.fromkeys(notes))}
    # From here to the new manifest the folder has none, so a kill leaves it unfinished, not half old.
    (out / manifest.NAME).unlink(missing_ok=True)
    for old in (shard_files.GenojaxShards.name, 'cache'):
        shutil.rmtree(out / old, ignore_errors=True)
    value['genes'] = {'file': manifest.GENES, 'sha256': manifest.save(out, manifest.GENES, genes)}
    os.replace(work / shard_files.GenojaxShards.name, out / shard_files.GenojaxShards.name)
    fingerprint = manifest.finish(out, value)
    shutil.rmtree(work)
    return Ingested('written', value, fingerprint)


def _spool_all(
    genomes: genome_table.GenomeTable, work: pathlib.Path, plan: dict, workers: int
) -> dict[pathlib.Path, fasta_cache.Spool]:
    planned = {entry['file']: entry['sha256'] for entry in plan['sources']}
    jobs = []
    for number, path in enumerate(genomes.fasta_files):
        rows = [row for row in genomes.rows if row.fasta == path]
        named = frozenset(name for row in rows for name in row.contigs)
        jobs.append(
            (path, work / f'spool{number:04d}.u8', named if all(r.contigs for r in rows) else None)
        )
    read = processes.each(_spool_one, jobs, workers, 'reading genomes')
    found = dict(zip(genomes.fasta_files, read, strict=True))
    for path, one in found.items():
        _check_unchanged(path, one.sha256, planned[genomes.shown(path)], work)
    return found


def _check_unchanged(path: pathlib.Path, read: str, planned: str, work: pathlib.Path) -> None:
    if read != planned:
        shutil.rmtree(work)  # what was made from the other content must not be used again
        raise errors.InputError(
            'FA19',
            'the file changed while it was read',
            path=path,
            fix='start again when whatever writes it has finished',
        )


def _spool_one(job) -> fasta_cache.Spool:
    path, target, wanted = job
    return fasta_cache.load(target) or fasta_cache.write(path, target, wanted)


def _build_species(job) -> dict:
    """Build the shards of one species; returns its entry of the manifest, with genes and notes to be taken out."""
    work, name, parts, span = job
    done = work / f'species-{name}.json'
    folder = work / shard_files.GenojaxShards.name / name
    if done.exists() and folder.exists():
        return json.loads(done.read_text())
    shutil.rmtree(folder, ignore_errors=True)
    species = species_builder.Species(parts, span)
    with shard_files.quiet():
        builder = shard_files.GenojaxShards(
            keys=species.chunks(),
            chunk_at=species.chunk_at,
            data_dir=work,
            config=tfds.core.BuilderConfig(name=name, version=shard_files.GenojaxShards.VERSION),
            file_format='array_record',
        )
        builder.download_and_prepare()
    counts = {
        f'{part}.array_record-{number:05d}': {'part': part, 'records': count}
        for part, split in builder.info.splits.items()
        for number, count in enumerate(split.shard_lengths)
    }
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    entries = [_file_entry(path, work, counts) for path in files]
    found = {
        'name': name,
        'contigs': [
            {
                'name': contig.contig,
                'length': contig.length,
                'circular': contig.circular,
                'softmasked': parts_row.softmasked,
                'split': manifest.SPLIT_WORD[parts_row.split],
                'digest': contig.digest,
                'counts': dict(zip('ACGTN', contig.counts, strict=True)),
                'soft_masked': contig.soft_masked,
                'regions': contig.regions,
                'genes': contig.genes,
            }
            for number, contig in sorted(species.summaries.items())
            for parts_row in [species.places[number][0].row]
        ],
        'files': [entry for entry in entries if 'records' not in entry],
        'shards': [entry for entry in entries if 'records' in entry],
        'genes': species.genes,
        'notes': species.notes,
        'annotations': {os.fspath(path): a.sha256 for path, a in species.annotated.items()},
    }
    manifest.save(work, done.name, found)
    return json.loads(done.read_text())


def _file_entry(path: pathlib.Path, work: pathlib.Path, counts: dict[str, dict]) -> dict:
    entry = {
        'file': path.relative_to(work).as_posix(),
        'bytes': path.stat().st_size,
        'sha256': manifest.sha256_of(path),
    }
    shard = path.name.removeprefix(f'{shard_files.GenojaxShards.name}-').partition('-of-')[0]
    return entry | counts.get(shard, {})
