"""Sorted tables in LevelDB's format, and the encoding of numbers shared with protocol buffers.

A table is a sequence of blocks. Each block is followed by a byte that names its compression and by
a masked CRC-32C of block and byte. A block is a list of entries and an array of restarts: the
offsets of entries whose keys are stored in full. An entry holds the number of bytes that its key
shares with the key before it, the number of further bytes of the key, the number of bytes of the
value, then these bytes. The last block is the index: it maps a key, not less than any in a block
and less than any in the next one, to the handle (offset and size) of that block. A footer of 48
bytes holds the handle of the index. Bytes are used only after their checksum was compared.
"""

import pathlib
from collections.abc import Iterator, Mapping

from genojax import errors
from genojax.convert.tf import crc32c

MAGIC = 0xDB4775248B80FB57  # the last eight bytes of a table
FOOTER_SIZE = 48  # two block handles, zeros up to byte 40, the magic number
TRAILER_SIZE = 5  # after each block: the kind of compression and the checksum
BLOCK_SIZE = 1 << 18  # bytes after which TensorFlow ends a block
RESTART_INTERVAL = 16  # entries between two whose keys are stored in full

Entries = Iterator[tuple[bytes, tuple[bytes, int]]]  # key, (value, offset of the value in the file)


def damage(path: pathlib.Path, offset: int, problem: str) -> errors.DamageError:
    """The error for bytes that no writer produces. `offset` is that of the first wrong byte."""
    return errors.DamageError(f'{path}: byte {offset}: {problem}. Fix: get the file again')


class ByteReader:
    """Reads bytes in order.

    Args:
        path: of the file, for error messages.
        data: the bytes to read.
        start: offset in the file of their first byte.
    """

    def __init__(self, path: pathlib.Path, data: bytes, start: int):
        self.path, self.data, self.start, self.position = path, data, start, 0

    def __bool__(self) -> bool:
        """Whether bytes are left."""
        return self.position < len(self.data)

    @property
    def offset(self) -> int:
        """Offset in the file of the next byte."""
        return self.start + self.position

    def damage(self, problem: str) -> errors.DamageError:
        return damage(self.path, self.offset, problem)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        left = len(self.data) - self.position
        if count > left:
            raise self.damage(f'{count} bytes are needed, {left} are left')
        self.position += count
        return self.data[self.position - count : self.position]

    def fixed(self, size: int) -> int:
        """A little-endian unsigned number of `size` bytes."""
        return int.from_bytes(self.take(size), 'little')

    def varint(self, bits: int = 63) -> int:
        """A number of at most `bits` bits in groups of seven, the lowest first.

        Negative numbers set bit 63; the fields used here have none.
        """
        value = 0
        for shift in range(0, 70, 7):
            byte = self.fixed(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                # Writers never add a zero group. In the footer, which has no checksum, it is
                # damage.
                if shift and not byte:
                    raise self.damage('a number ends with an empty group of bits')
                if value >> bits:
                    raise self.damage(f'the number {value} is too large')
                return value
        raise self.damage('a number has more than ten bytes')

    def fields(self) -> Iterator[tuple[int, 'int | ByteReader']]:
        """The fields of a protocol-buffer message: number and value.

        The value of a nested message or a text is a reader of its bytes.
        """
        while self:
            tag = self.varint()
            number, wire_type = tag >> 3, tag & 7
            if wire_type == 0:
                yield number, self.varint(64)
            elif wire_type == 2:
                length = self.varint()
                start = self.offset
                yield number, ByteReader(self.path, self.take(length), start)
            elif wire_type in (1, 5):
                yield number, self.fixed(8 if wire_type == 1 else 4)
            else:
                raise self.damage(f'field {number} has the unknown wire type {wire_type}')

    def numbers(self, names: Mapping[int, str]) -> dict[str, int]:
        """Numeric fields of a message by name; 0 where absent.

        Args:
            names: field number -> name. Other fields are skipped.
        """
        values = dict.fromkeys(names.values(), 0)
        for number, value in self.fields():
            if number in names:
                if isinstance(value, ByteReader):
                    raise self.damage(f'{names[number]} is not a number')
                values[names[number]] = value
        return values


def read(path: pathlib.Path) -> Entries:
    """The entries of a table, in the order of their keys.

    Raises:
        DamageError: a checksum does not match or a structure is invalid.
        InputError: CV05, a block is compressed.
    """
    data = path.read_bytes()
    if len(data) < FOOTER_SIZE or int.from_bytes(data[-8:], 'little') != MAGIC:
        problem = 'not the index of a TensorFlow checkpoint, or its end is cut off'
        raise damage(path, max(0, len(data) - 8), problem)
    footer = ByteReader(path, data[-FOOTER_SIZE:-8], len(data) - FOOTER_SIZE)
    meta, index = [(footer.varint(), footer.varint()) for _ in range(2)]
    if any(footer.take(len(footer.data) - footer.position)):
        raise footer.damage('padding that is not zero')
    # Blocks must be adjacent, so that every byte is covered by a checksum.
    end = 0
    last_key = None
    for block_key, (value, start) in _read_block(path, data, *index):
        handle = ByteReader(path, value, start)
        offset, size = handle.varint(), handle.varint()
        if offset != end or handle:
            raise handle.damage(f'the block of {block_key!r} does not follow the one before it')
        for key, entry in _read_block(path, data, offset, size):
            if last_key is not None and key <= last_key:
                raise damage(path, entry[1], f'keys {last_key!r} and {key!r} are out of order')
            last_key = key
            yield key, entry
        end = offset + size + TRAILER_SIZE
    _check_last_blocks(path, data, end, (meta, index))


def _check_last_blocks(path, data, end, handles) -> None:
    """Checks that the meta block starts at `end`, and that index and footer follow it."""
    for offset, size in handles:
        if offset != end:
            problem = f'a block is at {offset}, not at {end}'
            raise damage(path, len(data) - FOOTER_SIZE, problem)
        end = offset + size + TRAILER_SIZE
    for _ in _read_block(path, data, *handles[0]):
        pass  # only for its checksum
    if end != len(data) - FOOTER_SIZE:
        raise damage(path, end, 'bytes before the footer belong to no block')


def _read_block(path: pathlib.Path, data: bytes, offset: int, size: int) -> Entries:
    """The entries of the block at a handle."""
    block = data[offset : offset + size + TRAILER_SIZE]
    if len(block) < size + TRAILER_SIZE or size < 4:
        raise damage(path, offset, f'a block of {size} bytes does not fit into the file')
    if crc32c.mask(crc32c.crc32c(block[:-4])) != int.from_bytes(block[-4:], 'little'):
        raise damage(path, offset, f'the checksum of the block of {size} bytes does not match')
    if block[size]:
        # TensorFlow never compresses an index, but the format allows it.
        raise errors.InputError('CV05', f'block at byte {offset} is compressed', path=path)
    # The restarts, and their number, are at the end of the block.
    restarts = int.from_bytes(block[size - 4 : size], 'little')
    if 4 * (restarts + 1) > size:
        raise damage(path, offset + size - 4, f'{restarts} restarts do not fit into the block')
    reader = ByteReader(path, block[: size - 4 * (restarts + 1)], offset)
    key = b''
    while reader:
        shared, rest, length = reader.varint(), reader.varint(), reader.varint()
        if shared > len(key):
            raise reader.damage(f'a key shares {shared} bytes with a key of {len(key)}')
        key = key[:shared] + reader.take(rest)
        start = reader.offset
        yield key, (reader.take(length), start)


def varint(value: int) -> bytes:
    """A number in groups of seven bits, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes, size: int = 0) -> bytes:
    """A field of a protocol-buffer message.

    Args:
        number: of the field.
        value: bytes of a nested message or a text, or a number.
        size: 4 or 8 for a number of so many bytes, 0 for a varint.
    """
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if size:
        return varint(number << 3 | {4: 5, 8: 1}[size]) + value.to_bytes(size, 'little')
    return varint(number << 3) + varint(value)


def write(items: Mapping[bytes, bytes], block_size: int = BLOCK_SIZE) -> bytes:
    """The bytes of a table; a block ends after `block_size` bytes of keys and values."""
    out, handles, pending, pending_size = bytearray(), {}, {}, 0
    keys = sorted(items)
    for key in keys:
        pending[key] = items[key]
        pending_size += len(key) + len(items[key])
        if pending_size >= block_size or key == keys[-1]:
            handles[key] = _append_block(out, pending)
            pending, pending_size = {}, 0
    meta = _append_block(out, {})
    footer = meta + _append_block(out, handles)
    return bytes(out + footer.ljust(FOOTER_SIZE - 8, bytes(1)) + MAGIC.to_bytes(8, 'little'))


def _append_block(out: bytearray, items: Mapping[bytes, bytes]) -> bytes:
    """Appends a block; returns its handle."""
    block, restarts, last = bytearray(), [0], b''
    for number, (key, value) in enumerate(items.items()):
        shared = 0
        if number % RESTART_INTERVAL:
            while shared < min(len(last), len(key)) and last[shared] == key[shared]:
                shared += 1
        elif number:
            restarts.append(len(block))
        for size in (shared, len(key) - shared, len(value)):
            block += varint(size)
        block += key[shared:] + value
        last = key
    for number in (*restarts, len(restarts)):
        block += number.to_bytes(4, 'little')
    handle = varint(len(out)) + varint(len(block))
    uncompressed = bytes(block) + bytes(1)
    out += uncompressed + crc32c.mask(crc32c.crc32c(uncompressed)).to_bytes(4, 'little')
    return handle
