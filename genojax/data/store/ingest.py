"""Genomes to shards and back: a TFDS builder that writes ArrayRecord, without TensorFlow, and `open` to read them.

The steps: every FASTA is read once into a spool; every species is built from the spools, species side by side in
worker processes; the manifest is written last. All of it happens in a folder beside its final place, a finished species
or spool is used again after a kill, and the bytes do not depend on the number of workers. Memory holds one contig and
one part of a species at a time, whatever the size of the genome.
"""

import contextlib
import dataclasses
import functools
import io
import json
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.core import writer as tfds_writer
from tensorflow_datasets.proto import tf_example_pb2

from genojax import errors
from genojax.data.formats import genome_table
from genojax.data.genomes import assemblies
from genojax.data.store import cache, fasta_cache, manifest, processes, regions, species_builder

# TFDS holds what it writes of a split in memory until the split ends, so a species is cut into splits of 64 Mb.
PART = 1_024  # records of a split
_WORK = '.building'


@dataclasses.dataclass(frozen=True)
class Ingested:
    """What `ingest` did: 'written' or 'up to date', with the manifest."""

    status: str
    manifest: dict
    fingerprint: str


class _StableWriter(tfds_writer.ExampleWriter):
    """Writes each example with its features in order: protobuf's own order changes from process to process."""

    def write(self, path, examples):
        return super().write(path, ((key, self._stable(example)) for key, example in examples))

    @staticmethod
    def _stable(example: bytes) -> bytes:
        return tf_example_pb2.Example.FromString(example).SerializeToString(deterministic=True)


class GenojaxShards(tfds.core.GeneratorBasedBuilder):
    """One species as chunks of packed bases with their region bits, in contig order."""

    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES = {'1.0.0': 'The first.'}  # noqa: RUF012
    pkg_dir_path = pathlib.Path(__file__).parent  # this class lies outside a TFDS package

    def __init__(self, *, keys: Sequence[tuple[int, int]], chunk_at: Callable, **options):
        self._keys, self._chunk_at = keys, chunk_at
        super().__init__(**options)

    def _info(self) -> tfds.core.DatasetInfo:
        raw = functools.partial(
            tfds.features.Tensor,
            shape=(None,),
            dtype=np.uint8,
            encoding=tfds.features.Encoding.BYTES,
        )
        return tfds.core.DatasetInfo(
            builder=self,
            description='Bases and region labels of one species.',
            features=tfds.features.FeaturesDict(
                {
                    'contig': tfds.features.Text(),
                    'start': tfds.features.Scalar(np.int64),
                    'bases': raw(doc='two bases a byte, first one high: code | soft mask << 3'),
                    'regions': raw(doc='genome.Region bits, one byte a base'),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {
            _split(part): self._generate_examples(part)
            for part in range(-(-len(self._keys) // PART))
        }

    def _generate_examples(self, part: int):
        for key, (contig, start) in enumerate(self._keys[part * PART : (part + 1) * PART]):
            yield key, self._chunk_at(contig, start)

    def _example_writer(self) -> tfds_writer.ExampleWriter:
        return _StableWriter(file_format=self.info.file_format)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TFDS prints banners, and warns of every configuration that is not part of its catalogue."""
    tfds.disable_progress_bar()
    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(before)


def _split(part: int) -> str:
    return f'part{part:05d}'


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
                _check_files(out, there)
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
            'split': row.split,
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
        'part': PART,
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
    for old in (GenojaxShards.name, 'cache'):
        shutil.rmtree(out / old, ignore_errors=True)
    value['genes'] = {'file': manifest.GENES, 'sha256': manifest.save(out, manifest.GENES, genes)}
    os.replace(work / GenojaxShards.name, out / GenojaxShards.name)
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
    folder = work / GenojaxShards.name / name
    if done.exists() and folder.exists():
        return json.loads(done.read_text())
    shutil.rmtree(folder, ignore_errors=True)
    species = species_builder.Species(parts, span)
    with _quiet():
        builder = GenojaxShards(
            keys=species.chunks(),
            chunk_at=species.chunk_at,
            data_dir=work,
            config=tfds.core.BuilderConfig(name=name, version=GenojaxShards.VERSION),
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
                'split': parts_row.split,
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
    shard = path.name.removeprefix(f'{GenojaxShards.name}-').partition('-of-')[0]
    return entry | counts.get(shard, {})


def open(directory: str | os.PathLike, verify: bool = True) -> assemblies.Corpus:
    """The genomes of a folder of shards, mapped into memory.

    The shards are unpacked once into a cache beside them, two bytes a base, which belongs to one manifest and is made
    anew for another.

    Args:
        verify: compare every shard and the cache with their hashes, about a second for 1.5 GB; without it the shards
            are only read if the cache has to be made.

    Raises:
        errors.DamageError: AR01.. naming the shard and, if it can be told, the record.
    """
    folder = pathlib.Path(directory)
    value, fingerprint = manifest.load(folder)
    genes = manifest.genes(folder, value)
    if verify:
        _check_files(folder, value)
    read = functools.partial(_read_species, folder)
    bases, bits = cache.arrays(folder, value, fingerprint, read, verify)
    genomes, offset = [], 0
    for species in value['species']:
        contigs = manifest.contigs_of(species)
        end = offset + sum(contig.length for contig in contigs)
        genomes.append(
            assemblies.Genome(
                species['name'],
                contigs,
                bases[offset:end],
                bits[offset:end],
                genes[species['name']],
            )
        )
        offset = end
    return assemblies.Corpus(genomes, fingerprint)


def _check_files(folder: pathlib.Path, value: dict) -> None:
    for species in value['species']:
        for entry in species['files'] + species['shards']:
            wrong = manifest.wrong_file(folder, entry)
            if wrong is None:
                continue
            path = folder / entry['file']
            if wrong == 'missing':
                raise manifest.damaged('AR02', path, 'the file is missing')
            if 'records' in entry:
                for _ in _read_shard(
                    folder, species, entry
                ):  # names the record, if one cannot be read
                    pass
            raise manifest.damaged('AR01', path, f'not what was written (its {wrong} differs)')


def _places(species: dict) -> list[tuple[str, int, int]]:
    """Contig, start and length of every record of a species."""
    return [
        (contig['name'], start, min(species_builder.CHUNK, contig['length'] - start))
        for contig in species['contigs']
        for start in range(0, contig['length'], species_builder.CHUNK)
    ]


def _read_species(folder: pathlib.Path, species: dict) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The chunks of a species in order, each checked to be the one that belongs there."""
    places = _places(species)
    if len(places) != sum(entry['records'] for entry in species['shards']):
        raise manifest.damaged('AR02', folder, f'{species["name"]} has not {len(places)} records')
    places = iter(places)
    for entry in species['shards']:
        for number, example in enumerate(_read_shard(folder, species, entry)):
            where = next(places)
            found = (example['contig'].decode(), int(example['start']), len(example['regions']))
            if found != where or len(example['bases']) != (found[2] + 1) // 2:
                problem = f'record {number} of {species["name"]} is {found}, where {where} belongs'
                raise manifest.damaged('AR01', folder / entry['file'], problem)
            bits = np.ascontiguousarray(example['regions'])
            yield species_builder.unpack(example['bases'], found[2]), bits


def _read_shard(folder: pathlib.Path, species: dict, entry: dict) -> Iterator[dict]:
    """The examples of one shard.

    Raises:
        errors.DamageError: AR01 naming the record that cannot be read.
    """
    path = folder / entry['file']
    earlier = [other for other in species['shards'] if other['file'] < entry['file']]
    in_part = sum(other['records'] for other in earlier if other['part'] == entry['part'])
    in_species = sum(other['records'] for other in earlier)
    places, where = _places(species), 'it cannot be opened'
    try:
        with _quiet():
            builder = tfds.builder_from_directory(path.parent)
            source = builder.as_data_source(split=entry['part'])
        for number in range(entry['records']):
            contig, start, _ = places[in_species + number]
            where = f'record {number} of {species["name"]} ({contig} from base {start + 1:,})'
            yield source[in_part + number]
    except Exception as error:  # array_record raises what its C++ side says, of several types
        first = str(error).strip().split('\n')[0][:200]
        raise manifest.damaged('AR01', path, f'{where}: {first or type(error).__name__}') from error
