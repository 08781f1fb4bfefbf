"""TensorFlow's checkpoint files ('tensor bundles', version 2), read and written without TensorFlow.

A checkpoint PREFIX consists of `PREFIX.index`, a sorted table of names (`tf_table`), and of
`PREFIX.data-00000-of-00001` and so on with the bytes of the tensors. The empty key of the table
holds a BundleHeaderProto, each other key a BundleEntryProto
(tensorflow/core/protobuf/tensor_bundle.proto) with the position and the checksum of a tensor.

Why not `tf.train.load_checkpoint`: Enformer's weights are published by their authors in this format
only, so everyone who starts from them would need TensorFlow, which no other part of genojax does.
It would also leave the tests of reading to machines that have TensorFlow. Here every byte is
checked before it is used, nothing in a file is executed, and an error names the file and the byte.
The writer adds the graph of objects, so that `tf.train.Checkpoint.restore` in DeepMind's code
accepts the result.
"""

import dataclasses
import math
import os
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence

import ml_dtypes
import numpy as np

from genojax import errors
from genojax.convert.tf import crc32c, tf_table

VERSION = 1  # of the bundle format; a file names the lowest version that can read it
# tensorflow/core/framework/types.proto, without quantised, resource and variant types.
DTYPES: dict[int, np.dtype] = {
    number: np.dtype(kind)
    for number, kind in {
        1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 5: np.int16, 6: np.int8,
        8: np.complex64, 9: np.int64, 10: np.bool_, 14: ml_dtypes.bfloat16, 17: np.uint16,
        18: np.complex128, 19: np.float16, 22: np.uint32, 23: np.uint64,
        24: ml_dtypes.float8_e5m2, 25: ml_dtypes.float8_e4m3fn,
    }.items()
}  # fmt: skip
STRING = 7  # the number of the string type
OBJECT_GRAPH = '_CHECKPOINTABLE_OBJECT_GRAPH'  # the tensor that holds a TrackableObjectGraph
# The name of a variable is the path to its object, then this suffix.
VARIABLE_SUFFIX = '/.ATTRIBUTES/VARIABLE_VALUE'


@dataclasses.dataclass(frozen=True)
class TensorEntry:
    """Position and type of a tensor. The dtype of a tensor of byte strings is `object`."""

    dtype: np.dtype
    shape: tuple[int, ...]
    shard: int  # index of its file
    offset: int  # of its first byte in that file
    size: int  # bytes
    crc: int  # masked


class TensorBundle(Mapping):
    """The tensors of a checkpoint by name; each is read, and its checksum compared, on access.

    Args:
        path: PREFIX, PREFIX.index, or a directory: one with a single checkpoint, one with
            TensorFlow's file `checkpoint`, which names the latest, or a SavedModel.

    Raises:
        InputError: CV05, no checkpoint, several, or one with unsupported content.
        DamageError: a file is damaged; the message names the file and the byte.
    """

    def __init__(self, path: str | os.PathLike):
        self.prefix = find(path)
        self.index = pathlib.Path(f'{self.prefix}.index')
        table = dict(tf_table.read(self.index))
        if b'' not in table:
            raise tf_table.damage(self.index, 0, 'the table has no header')
        count = _num_shards(self.index, *table.pop(b''))
        self.shards = [
            pathlib.Path(f'{self.prefix}.data-{n:05d}-of-{count:05d}') for n in range(count)
        ]
        self._sizes = [shard.stat().st_size if shard.exists() else None for shard in self.shards]
        self.entries: dict[str, TensorEntry] = {}
        for key, (value, offset) in table.items():
            if key[0] == 0:  # the first byte of the names of slices
                raise errors.InputError('CV05', f'{key!r} is a slice', path=self.index)
            try:
                name = key.decode()
            except UnicodeDecodeError as error:
                problem = f'the name {key!r} is not UTF-8'
                raise tf_table.damage(self.index, offset, problem) from error
            entry = _read_entry(self.index, name, value, offset)
            self._check_position(name, entry, offset)
            self.entries[name] = entry

    def _check_position(self, name: str, entry: TensorEntry, offset: int) -> None:
        """Raises DamageError if a tensor is not inside its shard; `offset` is that of its entry."""
        if entry.shard >= len(self.shards):
            problem = f'{name} is in shard {entry.shard} of {len(self.shards)}'
            raise tf_table.damage(self.index, offset, problem)
        shard, size = self.shards[entry.shard], self._sizes[entry.shard]
        if size is None:
            raise errors.DamageError(f'{shard} is missing; it holds {name}')
        end = entry.offset + entry.size
        if end > size:
            raise tf_table.damage(shard, size, f'the file ends here, but {name} ends at byte {end}')

    def __getitem__(self, name: str) -> np.ndarray:
        entry = self.entries[name]
        shard = self.shards[entry.shard]
        with shard.open('rb') as file:
            file.seek(entry.offset)
            data = file.read(entry.size)
        if entry.dtype.hasobject:
            return _unpack_strings(shard, name, entry, data)
        if crc32c.mask(crc32c.crc32c(data)) != entry.crc:
            raise tf_table.damage(shard, entry.offset, f'the checksum of {name} does not match')
        return np.frombuffer(data, entry.dtype).reshape(entry.shape)

    def __contains__(self, name) -> bool:
        return name in self.entries  # without reading it

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def files(self) -> list[pathlib.Path]:
        """The files of the checkpoint."""
        return [self.index, *self.shards]


def find(path: str | os.PathLike) -> pathlib.Path:
    """The PREFIX of the checkpoint at a path; see `TensorBundle` for the paths that are accepted.

    Raises:
        InputError: CV05, there is none or there are several.
    """
    path = pathlib.Path(path)
    fix = 'name PREFIX.index; the files PREFIX.data-* must be in the same directory'
    if path.is_dir():
        folder = path / 'variables' if (path / 'saved_model.pb').exists() else path
        indices = sorted(folder.glob('*.index'))
        latest = folder / 'checkpoint'
        if len(indices) > 1 and latest.exists():
            # A line such as model_checkpoint_path: "model.ckpt-7"; the path may be another
            # machine's.
            text = latest.read_text(errors='replace')
            match = re.search(r'^model_checkpoint_path: "(?:[^"]*/)?([^"]*)"', text, re.M)
            indices = [folder / f'{match[1]}.index'] if match else indices
        if len(indices) != 1:
            names = ', '.join(file.name for file in indices[:5]) or 'none'
            problem = f'a directory must hold one checkpoint, found: {names}'
            raise errors.InputError('CV05', problem, path=folder, fix=fix)
        path = indices[0]
    prefix = path.with_suffix('') if path.suffix == '.index' else path
    if not pathlib.Path(f'{prefix}.index').is_file():
        raise errors.InputError('CV05', 'no such checkpoint', path=path, fix=fix)
    return prefix


def _num_shards(path: pathlib.Path, value: bytes, offset: int) -> int:
    """The number of shards, from the BundleHeaderProto."""
    header = tf_table.ByteReader(path, value, offset).numbers({1: 'num_shards', 2: 'endianness'})
    version = 0
    for number, nested in tf_table.ByteReader(path, value, offset).fields():
        if number == 3 and isinstance(nested, tf_table.ByteReader):
            version = nested.numbers({2: 'min_consumer'})['min_consumer']
    if version > VERSION:
        raise errors.InputError('CV05', f'the file is of version {version}', path=path)
    if header['endianness']:
        raise errors.InputError('CV05', 'the tensors are big-endian', path=path)
    # The names of shards have five digits.
    if not 1 <= header['num_shards'] < 100_000:
        raise tf_table.damage(path, offset, f'the header has {header["num_shards"]} shards')
    return header['num_shards']


def _read_entry(path: pathlib.Path, name: str, value: bytes, offset: int) -> TensorEntry:
    """A tensor's entry from its BundleEntryProto; `offset` is that of the message in the index."""
    names = {1: 'dtype', 3: 'shard', 4: 'offset', 5: 'size', 6: 'crc'}
    numbers = tf_table.ByteReader(path, value, offset).numbers(names)
    shape = _read_shape(path, name, value, offset)
    number = numbers.pop('dtype')
    if number != STRING and number not in DTYPES:
        raise errors.InputError('CV05', f'{name} has the unsupported type {number}', path=path)
    if max([numbers['offset'], numbers['size'], *shape]) >> 63:
        raise tf_table.damage(path, offset, f'{name} has a negative size')
    dtype = np.dtype(object) if number == STRING else DTYPES[number]
    count, size = math.prod(shape), numbers['size']
    # A string has at least one byte, that of its length; the lengths have a checksum of four bytes.
    fits = count + 4 <= size if number == STRING else count * dtype.itemsize == size
    # The other sizes of an empty tensor have no such limit, but an array cannot have them.
    if not fits or len(shape) > 32 or math.prod(dim for dim in shape if dim) >> 56:
        problem = f'{name} of shape {list(shape)} cannot have {size} bytes'
        raise tf_table.damage(path, offset, problem)
    return TensorEntry(dtype, shape, **numbers)


def _read_shape(path: pathlib.Path, name: str, value: bytes, offset: int) -> tuple[int, ...]:
    shape: list[int] = []
    for number, nested in tf_table.ByteReader(path, value, offset).fields():
        if number == 7:
            raise errors.InputError('CV05', f'{name} is stored in slices', path=path)
        if number == 2 and isinstance(nested, tf_table.ByteReader):
            for kind, dim in nested.fields():
                if kind == 2 and isinstance(dim, tf_table.ByteReader):
                    shape.append(dim.numbers({1: 'size'})['size'])
                elif kind == 3 and dim:
                    raise tf_table.damage(path, offset, f'{name} has no shape')
    return tuple(shape)


def _unpack_strings(shard: pathlib.Path, name: str, entry: TensorEntry, data: bytes) -> np.ndarray:
    """Byte strings from all lengths, their masked checksum, and all bytes.

    In a checksum, a length counts as a number of four bytes, or eight where it needs them.
    """
    reader = tf_table.ByteReader(shard, data, entry.offset)
    lengths = [reader.varint() for _ in range(math.prod(entry.shape))]
    crc = 0
    for length in lengths:
        crc = crc32c.crc32c(length.to_bytes(4 if length < 1 << 32 else 8, 'little'), crc)
    stored = reader.take(4)
    if crc32c.mask(crc) != int.from_bytes(stored, 'little'):
        problem = f'the checksum of the lengths of {name} does not match'
        raise tf_table.damage(shard, entry.offset, problem)
    strings = np.empty(len(lengths), object)
    strings[:] = [reader.take(length) for length in lengths]
    crc = crc32c.crc32c(b''.join(strings), crc32c.crc32c(stored, crc))
    if reader or crc32c.mask(crc) != entry.crc:
        raise tf_table.damage(shard, entry.offset, f'the checksum of {name} does not match')
    return strings.reshape(entry.shape)


def write(prefix: str | os.PathLike, tensors: Mapping[str, np.ndarray]) -> list[pathlib.Path]:
    """Writes a checkpoint of one shard, with the object graph that TensorFlow restores from.

    Args:
        prefix: PREFIX of its files.
        tensors: by name. Names that end in `VARIABLE_SUFFIX` are variables of the objects whose
            path is before it.

    Returns:
        The files written.

    Raises:
        ValueError: a tensor has a type without a number in `DTYPES`.
    """
    variables = [name for name in tensors if name.endswith(VARIABLE_SUFFIX)]
    graph = np.array(_object_graph(variables), object)
    items = {b'': tf_table.field(1, 1) + tf_table.field(3, tf_table.field(1, VERSION))}
    shard = pathlib.Path(f'{prefix}.data-00000-of-00001')
    index = pathlib.Path(f'{prefix}.index')
    offset = 0
    with shard.open('wb') as file:
        for name, tensor in sorted({**tensors, OBJECT_GRAPH: graph}.items()):
            data, entry = _pack(name, np.asarray(tensor), offset)
            items[name.encode()] = entry
            offset += file.write(data)
    index.write_bytes(tf_table.write(items))
    return [index, shard]


def _pack(name: str, tensor: np.ndarray, offset: int) -> tuple[bytes, bytes]:
    """The bytes of a tensor and its BundleEntryProto."""
    numbers = {dtype: number for number, dtype in DTYPES.items()}
    if not tensor.dtype.hasobject and tensor.dtype not in numbers:
        raise ValueError(f'{name} has the type {tensor.dtype}, which is not supported')
    if tensor.dtype.hasobject:
        data, crc = _pack_strings(tensor)
    else:
        data = tensor.tobytes()
        crc = crc32c.crc32c(data)
    dims = [tf_table.field(1, size) if size else b'' for size in tensor.shape]
    entry = (
        tf_table.field(1, numbers.get(tensor.dtype, STRING))
        + tf_table.field(2, b''.join(tf_table.field(2, dim) for dim in dims))
        + tf_table.field(4, offset)
        + tf_table.field(5, len(data))
        + tf_table.field(6, crc32c.mask(crc), size=4)
    )
    return data, entry


def _pack_strings(strings: np.ndarray) -> tuple[bytes, int]:
    """The inverse of `_unpack_strings`: bytes and checksum."""
    flat = strings.ravel().tolist()
    crc = 0
    for string in flat:
        crc = crc32c.crc32c(len(string).to_bytes(4, 'little'), crc)
    tail = crc32c.mask(crc).to_bytes(4, 'little') + b''.join(flat)
    return b''.join(tf_table.varint(len(s)) for s in flat) + tail, crc32c.crc32c(tail, crc)


def _object_graph(names: Sequence[str]) -> bytes:
    """The TrackableObjectGraph of variables: a tree of objects, named by the parts of their paths.

    The first object is the root. Field 1 of an object lists its children (index of the object,
    name), field 2 its tensors (kind, name of the variable, name in the checkpoint).
    """
    indices = {'': 0}
    children: list[list[bytes]] = [[]]
    attributes: dict[int, bytes] = {}
    for name in sorted(names):
        path = name.removesuffix(VARIABLE_SUFFIX)
        parts = path.split('/')
        for depth in range(1, len(parts) + 1):
            child, parent = '/'.join(parts[:depth]), '/'.join(parts[: depth - 1])
            if child not in indices:
                indices[child] = len(children)
                children.append([])
                local_name = parts[depth - 1].encode()
                reference = tf_table.field(1, indices[child]) + tf_table.field(2, local_name)
                children[indices[parent]].append(tf_table.field(1, reference))
        texts = (b'VARIABLE_VALUE', path.encode(), name.encode())
        attribute = b''.join(tf_table.field(1 + n, text) for n, text in enumerate(texts))
        attributes[indices[path]] = tf_table.field(2, attribute)
    return b''.join(
        tf_table.field(1, b''.join(references) + attributes.get(index, b''))
        for index, references in enumerate(children)
    )
