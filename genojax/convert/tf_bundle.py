"""TensorFlow's checkpoint files ('tensor bundles', version 2), read and written without TensorFlow.

A checkpoint PREFIX is `PREFIX.index`, a sorted table of names (`tf_table`), and `PREFIX.data-00000-of-00001` and so on
with the bytes. The table's empty key holds a BundleHeaderProto, each other key a BundleEntryProto
(tensorflow/core/protobuf/tensor_bundle.proto) that says where the tensor lies and what its checksum is. Nothing is
believed before its checksum fits, and nothing is executed.
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
from genojax.convert import crc32c, tf_table

VERSION = 1  # of the bundle format; a file names the lowest version that may read it
# tensorflow/core/framework/types.proto; quantised, resource and variant tensors are no weights.
DTYPES: dict[int, np.dtype] = {
    number: np.dtype(kind)
    for number, kind in {
        1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 5: np.int16, 6: np.int8,
        8: np.complex64, 9: np.int64, 10: np.bool_, 14: ml_dtypes.bfloat16, 17: np.uint16,
        18: np.complex128, 19: np.float16, 22: np.uint32, 23: np.uint64,
        24: ml_dtypes.float8_e5m2, 25: ml_dtypes.float8_e4m3fn,
    }.items()
}  # fmt: skip
STRING = 7
GRAPH = '_CHECKPOINTABLE_OBJECT_GRAPH'  # the tensor that holds a TrackableObjectGraph
VALUE = (
    '/.ATTRIBUTES/VARIABLE_VALUE'  # ends the name of a variable; before it, the path to the object
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """Where a tensor lies. A string tensor has the dtype object and comes back as an array of bytes objects."""

    dtype: np.dtype
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int  # masked


class Bundle(Mapping):
    """The tensors of a checkpoint by name; each is read, and its checksum compared, when it is asked for.

    Args:
        path: PREFIX, PREFIX.index, or a directory: with one checkpoint, with TensorFlow's `checkpoint` file that
            names the latest, or a SavedModel, whose variables are one.

    Raises:
        InputError: CV05, no checkpoint, several, or one that holds what is not read here.
        DamageError: bytes that are not what was written; the message names the file and the byte.
    """

    def __init__(self, path: str | os.PathLike):
        self.prefix = find(path)
        self.index = pathlib.Path(f'{self.prefix}.index')
        table = dict(tf_table.read(self.index))
        if b'' not in table:
            raise tf_table.damage(self.index, 0, 'the table has no header')
        shards = _header(self.index, *table.pop(b''))
        self.shards = [
            pathlib.Path(f'{self.prefix}.data-{n:05d}-of-{shards:05d}') for n in range(shards)
        ]
        self._sizes = [shard.stat().st_size if shard.exists() else None for shard in self.shards]
        self.entries: dict[str, Entry] = {}
        for key, (value, at) in table.items():
            if key[0] == 0:  # what the names of slices begin with
                raise errors.InputError('CV05', f'{key!r} is a slice', path=self.index)
            try:
                name = key.decode()
            except UnicodeDecodeError as error:
                raise tf_table.damage(self.index, at, f'the name {key!r} is not UTF-8') from error
            self.entries[name] = self._checked(name, _entry(self.index, name, value, at), at)

    def _checked(self, name: str, entry: Entry, at: int) -> Entry:
        if entry.shard >= len(self.shards):
            raise tf_table.damage(
                self.index, at, f'{name} is in shard {entry.shard} of {len(self.shards)}'
            )
        shard, size = self.shards[entry.shard], self._sizes[entry.shard]
        if size is None:
            raise errors.DamageError(f'{shard} is missing; it holds {name}')
        if entry.offset + entry.size > size:
            end = entry.offset + entry.size
            raise tf_table.damage(
                shard, size, f'the file ends here, but {name} lies up to byte {end}'
            )
        return entry

    def __getitem__(self, name: str) -> np.ndarray:
        entry = self.entries[name]
        shard = self.shards[entry.shard]
        with shard.open('rb') as file:
            file.seek(entry.offset)
            data = file.read(entry.size)
        if entry.dtype.hasobject:
            return _strings(shard, name, entry, data)
        if crc32c.mask(crc32c.crc32c(data)) != entry.crc:
            raise tf_table.damage(shard, entry.offset, f'the checksum of {name} does not fit')
        return np.frombuffer(data, entry.dtype).reshape(entry.shape)

    def __contains__(self, name) -> bool:
        return name in self.entries  # without reading it

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def files(self) -> list[pathlib.Path]:
        return [self.index, *self.shards]


def find(path: str | os.PathLike) -> pathlib.Path:
    """The PREFIX of the checkpoint that a path names.

    Raises:
        InputError: CV05, there is none or there are several.
    """
    path = pathlib.Path(path)
    fix = 'name PREFIX.index, beside which the PREFIX.data-* files lie.'
    if path.is_dir():
        folder = path / 'variables' if (path / 'saved_model.pb').exists() else path
        found = sorted(folder.glob('*.index'))
        latest = folder / 'checkpoint'
        if len(found) > 1 and latest.exists():
            # Text like model_checkpoint_path: "model.ckpt-7"; it lies beside this file.
            text = latest.read_text(errors='replace')
            named = re.search(r'^model_checkpoint_path: "(?:[^"]*/)?([^"]*)"', text, re.M)
            found = [folder / f'{named[1]}.index'] if named else found
        if len(found) != 1:
            names = ', '.join(file.name for file in found[:5]) or 'none'
            raise errors.InputError(
                'CV05', f'one checkpoint is wanted, found: {names}', path=folder, fix=fix
            )
        path = found[0]
    prefix = path.with_suffix('') if path.suffix == '.index' else path
    if not pathlib.Path(f'{prefix}.index').is_file():
        raise errors.InputError('CV05', 'there is no such checkpoint', path=path, fix=fix)
    return prefix


def _header(path: pathlib.Path, value: bytes, at: int) -> int:
    """The number of shards."""
    names = {1: 'num_shards', 2: 'endianness'}
    found = tf_table.Reader(path, value, at).numbers(names)
    version = {'min_consumer': 0}
    for field, nested in tf_table.Reader(path, value, at).fields():
        if field == 3 and isinstance(nested, tf_table.Reader):
            version = nested.numbers({2: 'min_consumer'})
    if version['min_consumer'] > VERSION:
        needed = version['min_consumer']
        raise errors.InputError('CV05', f'the file is of version {needed}', path=path)
    if found['endianness']:
        raise errors.InputError('CV05', 'the tensors are big-endian', path=path)
    # The names of shards have five digits.
    if not 1 <= found['num_shards'] < 100_000:
        raise tf_table.damage(path, at, f'{found["num_shards"]} shards')
    return found['num_shards']


def _entry(path: pathlib.Path, name: str, value: bytes, at: int) -> Entry:
    names = {1: 'dtype', 3: 'shard_id', 4: 'offset', 5: 'size', 6: 'crc32c'}
    found = tf_table.Reader(path, value, at).numbers(names)
    shape: list[int] = []
    for field, nested in tf_table.Reader(path, value, at).fields():
        if field == 7:
            raise errors.InputError('CV05', f'{name} is stored in slices', path=path)
        if field == 2 and isinstance(nested, tf_table.Reader):
            for kind, dim in nested.fields():
                if kind == 2 and isinstance(dim, tf_table.Reader):
                    shape.append(dim.numbers({1: 'size'})['size'])
                elif kind == 3 and dim:
                    raise tf_table.damage(path, at, f'{name} has no shape')
    if found['dtype'] != STRING and found['dtype'] not in DTYPES:
        number = found['dtype']
        raise errors.InputError('CV05', f'{name} is of type {number}, not read here', path=path)
    if max([found['offset'], found['size'], *shape]) >> 63:
        raise tf_table.damage(path, at, f'{name} has a negative size')
    string = found['dtype'] == STRING
    dtype = np.dtype(object) if string else DTYPES[found['dtype']]
    count = math.prod(shape)
    # A string takes at least the byte that tells its length, and the lengths have a checksum of four bytes.
    fits = count + 4 <= found['size'] if string else count * dtype.itemsize == found['size']
    # An empty tensor's other sizes are under no such limit, but no array could have them.
    if not fits or len(shape) > 32 or math.prod(size for size in shape if size) >> 56:
        raise tf_table.damage(
            path, at, f'{name} of shape {shape} cannot have {found["size"]} bytes'
        )
    shard, offset, size, crc = (found[key] for key in ('shard_id', 'offset', 'size', 'crc32c'))
    return Entry(dtype, tuple(shape), shard, offset, size, crc)


def _strings(shard: pathlib.Path, name: str, entry: Entry, data: bytes) -> np.ndarray:
    """Byte strings: all lengths, their masked checksum, all bytes. Checksums take lengths as four-byte numbers."""
    reader = tf_table.Reader(shard, data, entry.offset)
    count = math.prod(entry.shape)
    lengths = [reader.varint() for _ in range(count)]
    crc = 0
    for length in lengths:
        crc = crc32c.crc32c(length.to_bytes(4 if length < 1 << 32 else 8, 'little'), crc)
    stored = reader.take(4)
    if crc32c.mask(crc) != int.from_bytes(stored, 'little'):
        raise tf_table.damage(
            shard, entry.offset, f'the checksum of the lengths of {name} does not fit'
        )
    found = np.empty(count, object)
    found[:] = [reader.take(length) for length in lengths]
    crc = crc32c.crc32c(b''.join(found), crc32c.crc32c(stored, crc))
    if reader or crc32c.mask(crc) != entry.crc:
        raise tf_table.damage(shard, entry.offset, f'the checksum of {name} does not fit')
    return found.reshape(entry.shape)


def write(prefix: str | os.PathLike, tensors: Mapping[str, np.ndarray]) -> list[pathlib.Path]:
    """Writes a checkpoint of one shard, with the graph of objects by which `tf.train.Checkpoint.restore` finds its way.

    Args:
        tensors: by name; those that end in `VALUE` are variables of the objects that their paths name.

    Returns:
        The files written.

    Raises:
        ValueError: a tensor is of a type that has no number in `DTYPES`.
    """
    graph = np.array(_object_graph([name for name in tensors if name.endswith(VALUE)]), object)
    numbers = {dtype: number for number, dtype in DTYPES.items()}
    items = {b'': tf_table.field(1, 1) + tf_table.field(3, tf_table.field(1, VERSION))}
    prefix = pathlib.Path(prefix)
    shard, index = (pathlib.Path(f'{prefix}.{end}') for end in ('data-00000-of-00001', 'index'))
    offset = 0
    with shard.open('wb') as file:
        for name, tensor in sorted({**tensors, GRAPH: graph}.items()):
            tensor = np.asarray(tensor)
            if not tensor.dtype.hasobject and tensor.dtype not in numbers:
                raise ValueError(f'{name} is of type {tensor.dtype}, which is not written')
            number = numbers.get(tensor.dtype, STRING)
            data, crc = _packed(tensor) if number == STRING else _raw(tensor)
            dims = b''.join(
                tf_table.field(2, tf_table.field(1, size) if size else b'') for size in tensor.shape
            )
            items[name.encode()] = (
                tf_table.field(1, number)
                + tf_table.field(2, dims)
                + tf_table.field(4, offset)
                + tf_table.field(5, len(data))
                + tf_table.field(6, crc32c.mask(crc), size=4)
            )
            offset += file.write(data)
    index.write_bytes(tf_table.write(items))
    return [index, shard]


def _raw(tensor: np.ndarray) -> tuple[bytes, int]:
    data = tensor.tobytes()
    return data, crc32c.crc32c(data)


def _packed(strings: np.ndarray) -> tuple[bytes, int]:
    """The inverse of `_strings`."""
    found = strings.ravel().tolist()
    crc = 0
    for string in found:
        crc = crc32c.crc32c(len(string).to_bytes(4, 'little'), crc)
    tail = crc32c.mask(crc).to_bytes(4, 'little') + b''.join(found)
    return b''.join(tf_table.varint(len(s)) for s in found) + tail, crc32c.crc32c(tail, crc)


def _object_graph(names: Sequence[str]) -> bytes:
    """The TrackableObjectGraph of variables: a tree of objects, each known to its parent by a local name.

    The first object is the root; field 1 of an object lists its children (object number, local name), field 2 its
    tensors (kind, name of the variable, name in the checkpoint).
    """
    numbers = {'': 0}
    children: list[list[bytes]] = [[]]
    attributes: dict[int, bytes] = {}
    for name in sorted(names):
        path = name.removesuffix(VALUE)
        parts = path.split('/')
        for depth in range(1, len(parts) + 1):
            inner, outer = '/'.join(parts[:depth]), '/'.join(parts[: depth - 1])
            if inner not in numbers:
                numbers[inner] = len(children)
                children.append([])
                local = parts[depth - 1].encode()
                child = tf_table.field(1, numbers[inner]) + tf_table.field(2, local)
                children[numbers[outer]].append(tf_table.field(1, child))
        texts = (b'VARIABLE_VALUE', path.encode(), name.encode())
        found = b''.join(tf_table.field(1 + place, text) for place, text in enumerate(texts))
        attributes[numbers[path]] = tf_table.field(2, found)
    return b''.join(
        tf_table.field(1, b''.join(listed) + attributes.get(number, b''))
        for number, listed in enumerate(children)
    )
