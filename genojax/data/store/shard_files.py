"""Shards of one species: a TFDS builder (ArrayRecord, without TensorFlow) and their reader."""

import contextlib
import functools
import io
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.core import writer as tfds_writer
from tensorflow_datasets.proto import tf_example_pb2

from genojax.data.store import checked_parts, manifest, species_builder

# TFDS keeps a split in memory until all of it is written, so a species has one split per 64 Mb.
PART = 1_024  # records per split


class _StableWriter(tfds_writer.ExampleWriter):
    """Writes features in order, because protobuf's own order differs between processes."""

    def write(self, path, examples):
        return super().write(path, ((key, self._stable(example)) for key, example in examples))

    @staticmethod
    def _stable(example: bytes) -> bytes:
        return tf_example_pb2.Example.FromString(example).SerializeToString(deterministic=True)


class GenojaxShards(tfds.core.GeneratorBasedBuilder):
    """One species as chunks of packed bases with their region bits, in contig order."""

    # TFDS writes this name into dataset_info.json. It stays what it was in version 1.0.0, so that
    # the bytes of shards do not depend on where the class is defined.
    __module__ = 'genojax.data.ingest'
    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES = {'1.0.0': 'The first.'}  # noqa: RUF012
    pkg_dir_path = pathlib.Path(__file__).parent  # this class is outside a TFDS package

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
def quiet() -> Iterator[None]:
    """Suppress the banners of TFDS, and its warnings of configurations outside its catalogue."""
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


def check_files(folder: pathlib.Path, value: dict) -> None:
    """Compare every file with its size and hash in the manifest `value`.

    Where they are large, those that were compared before as `checked_parts` does.

    Raises:
        errors.DamageError: AR01 or AR02, naming the file and, where possible, the record.
    """
    unchanged = _unchanged(folder, value)
    for species in value['species']:
        for entry in species['files'] + species['shards']:
            if entry['file'] in unchanged:
                continue
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
            raise manifest.damaged(
                'AR01', path, f'it was changed after it was written (its {wrong} differs)'
            )


def _unchanged(folder: pathlib.Path, value: dict) -> set[str]:
    """The files of the manifest that are known to have their hashes."""
    parts = {
        entry['file']: checked_parts.Part(
            folder / entry['file'], 0, entry['bytes'], entry['sha256']
        )
        for species in value['species']
        for entry in species['files'] + species['shards']
    }
    sized = {
        name: part
        for name, part in parts.items()
        if part.path.is_file() and part.path.stat().st_size == part.size
    }
    wrong = checked_parts.wrong(folder, list(sized.values()))
    return {name for name, part in sized.items() if part not in wrong}


def entries(builder: GenojaxShards, folder: pathlib.Path, work: pathlib.Path) -> list[dict]:
    """Name, size and hash of every file of a species, and part and records of every shard."""
    counts = {
        f'{part}.array_record-{number:05d}': {'part': part, 'records': count}
        for part, split in builder.info.splits.items()
        for number, count in enumerate(split.shard_lengths)
    }
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    return [_file_entry(path, work, counts) for path in files]


def _file_entry(path: pathlib.Path, work: pathlib.Path, counts: dict[str, dict]) -> dict:
    entry = {
        'file': path.relative_to(work).as_posix(),
        'bytes': path.stat().st_size,
        'sha256': manifest.sha256_of(path),
    }
    shard = path.name.removeprefix(f'{GenojaxShards.name}-').partition('-of-')[0]
    return entry | counts.get(shard, {})


def _positions(species: dict) -> list[tuple[str, int, int]]:
    """Contig, start and length of every record of a species."""
    return [
        (contig['name'], start, min(species_builder.CHUNK, contig['length'] - start))
        for contig in species['contigs']
        for start in range(0, contig['length'], species_builder.CHUNK)
    ]


def read_species(folder: pathlib.Path, species: dict) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Stored bases and region bits of every record of a species in order, uint8 [L] each.

    Args:
        species: its entry of the manifest.

    Raises:
        errors.DamageError: AR01 or AR02, a record that is missing, unreadable or of another
            position.
    """
    positions = _positions(species)
    if len(positions) != sum(entry['records'] for entry in species['shards']):
        problem = f'{species["name"]} has not {len(positions)} records'
        raise manifest.damaged('AR02', folder, problem)
    expected = iter(positions)
    for entry in species['shards']:
        for number, example in enumerate(_read_shard(folder, species, entry)):
            position = next(expected)
            contig, length = example['contig'].decode(), len(example['regions'])
            stored = (contig, int(example['start']), length)
            if stored != position or len(example['bases']) != (length + 1) // 2:
                problem = f'record {number} of {species["name"]} is {stored} in place of {position}'
                raise manifest.damaged('AR01', folder / entry['file'], problem)
            bits = np.ascontiguousarray(example['regions'])
            yield species_builder.unpack(example['bases'], length), bits


def _read_shard(folder: pathlib.Path, species: dict, entry: dict) -> Iterator[dict]:
    """The examples of one shard.

    Raises:
        errors.DamageError: AR01, naming the record that cannot be read.
    """
    path = folder / entry['file']
    earlier = [other for other in species['shards'] if other['file'] < entry['file']]
    in_part = sum(other['records'] for other in earlier if other['part'] == entry['part'])
    in_species = sum(other['records'] for other in earlier)
    positions, failed = _positions(species), 'it cannot be opened'
    try:
        with quiet():
            builder = tfds.builder_from_directory(path.parent)
            source = builder.as_data_source(split=entry['part'])
        for number in range(entry['records']):
            contig, start, _ = positions[in_species + number]
            failed = f'record {number} of {species["name"]} ({contig} from base {start + 1:,})'
            yield source[in_part + number]
    except Exception as error:  # array_record raises what its C++ code reports, of several types
        first = str(error).strip().split('\n')[0][:200]
        raise manifest.damaged(
            'AR01', path, f'{failed}: {first or type(error).__name__}'
        ) from error
