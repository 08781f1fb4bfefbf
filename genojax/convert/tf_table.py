"""Sorted tables in LevelDB's format, and the two ways of writing numbers that they and protocol buffers share.

A table is a row of blocks, each followed by a byte for its compression and a masked CRC-32C of all that; a block is a
row of entries (how many bytes the key shares with the one before, how many follow, how many the value has; then these)
and the list of places where nothing is shared. The last block maps each other block's last key, or one between it and
the next block's first, to the block's place, and a footer of 48 bytes says where it is. Nothing is believed before its
checksum fits.
"""

import pathlib
from collections.abc import Iterator, Mapping

from genojax import errors
from genojax.convert import crc32c

MAGIC = 0xDB4775248B80FB57  # the last eight bytes of a table
FOOTER = 48  # two block handles, zeros up to byte 40, the magic number
TRAILER = 5  # after each block: the kind of compression and the checksum
BLOCK = 1 << 18  # bytes at which a block is closed; TensorFlow's
RESTART = 16  # entries after which one shares nothing, where a binary search can begin


def damage(path: pathlib.Path, offset: int, problem: str) -> errors.DamageError:
    return errors.DamageError(f'{path}: byte {offset}: {problem}; get the file again')


class Reader:
    """Bytes read in order; `at` is where the first of them lies in the file."""

    def __init__(self, path: pathlib.Path, data: bytes, at: int):
        self.path, self.data, self.at, self.place = path, data, at, 0

    def __bool__(self) -> bool:
        return self.place < len(self.data)

    def damage(self, problem: str) -> errors.DamageError:
        return damage(self.path, self.at + self.place, problem)

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.place:
            raise self.damage(f'{count} bytes are wanted, {len(self.data) - self.place} are left')
        self.place += count
        return self.data[self.place - count : self.place]

    def fixed(self, size: int) -> int:
        """A little-endian number of so many bytes."""
        return int.from_bytes(self.take(size), 'little')

    def varint(self, bits: int = 63) -> int:
        """A number in groups of seven bits, the lowest first; negative ones (bit 63) mean nothing in these files."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.fixed(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                # A zero last group says nothing; in the footer, where no checksum is, it would be a flipped bit.
                if shift and not byte:
                    raise self.damage('a number with an empty last group')
                if value >> bits:
                    raise self.damage(f'{value} is too large a number')
                return value
        raise self.damage('a number of more than ten bytes')

    def fields(self) -> Iterator[tuple[int, 'int | Reader']]:
        """Field numbers and values of a protocol-buffer message; a nested message or text is a reader."""
        while self:
            tag = self.varint()
            field, wire = tag >> 3, tag & 7
            if wire == 0:
                yield field, self.varint(64)
            elif wire == 2:
                length = self.varint()
                at = self.at + self.place
                yield field, Reader(self.path, self.take(length), at)
            elif wire in (1, 5):
                yield field, self.fixed(8 if wire == 1 else 4)
            else:
                raise self.damage(f'field {field} is of unknown wire type {wire}')

    def numbers(self, names: Mapping[int, str]) -> dict[str, int]:
        """The named numeric fields of a message, 0 where absent; the others are passed over."""
        found = dict.fromkeys(names.values(), 0)
        for field, value in self.fields():
            if field in names:
                if isinstance(value, Reader):
                    raise self.damage(f'{names[field]} should be a number')
                found[names[field]] = value
        return found


def read(path: pathlib.Path) -> Iterator[tuple[bytes, tuple[bytes, int]]]:
    """Keys of a sorted table with their values and the bytes of the file where these begin."""
    data = path.read_bytes()
    if len(data) < FOOTER or int.from_bytes(data[-8:], 'little') != MAGIC:
        problem = 'this is no TensorFlow checkpoint index, or its end is cut off'
        raise damage(path, max(0, len(data) - 8), problem)
    footer = Reader(path, data[-FOOTER:-8], len(data) - FOOTER)
    meta, index = [(footer.varint(), footer.varint()) for _ in range(2)]
    if any(footer.take(len(footer.data) - footer.place)):
        raise footer.damage('there should be zeros here')
    end = 0  # blocks follow one another without gaps, so that every byte is under some checksum
    last = None
    for key, (value, at) in _block(path, data, *index):
        handle = Reader(path, value, at)
        offset, size = handle.varint(), handle.varint()
        if offset != end or handle:
            raise handle.damage(f'the block of {key!r} does not follow the one before it')
        for name, found in _block(path, data, offset, size):
            if last is not None and name <= last:
                raise damage(path, found[1], f'the names {last!r} and {name!r} are out of order')
            last = name
            yield name, found
        end = offset + size + TRAILER
    for offset, size in (meta, index):
        if offset != end:
            raise damage(path, len(data) - FOOTER, f'a block at {offset} should be at {end}')
        end = offset + size + TRAILER
    list(_block(path, data, *meta))
    if end != len(data) - FOOTER:
        raise damage(path, end, 'there are bytes that belong to no block')


def _block(
    path: pathlib.Path, data: bytes, offset: int, size: int
) -> Iterator[tuple[bytes, tuple[bytes, int]]]:
    """Keys and values of one block: each key tells how many of its first bytes it shares with the one before it."""
    whole = data[offset : offset + size + TRAILER]
    if len(whole) < size + TRAILER or size < 4:
        raise damage(path, offset, f'a block of {size} bytes does not fit into the file')
    if crc32c.mask(crc32c.crc32c(whole[:-4])) != int.from_bytes(whole[-4:], 'little'):
        raise damage(path, offset, f'the checksum of the block of {size} bytes does not fit')
    if whole[size]:
        # TensorFlow never compresses an index; its table format could.
        raise errors.InputError('CV05', f'block at byte {offset} is compressed', path=path)
    # After the entries: where those begin that share nothing, for binary search, and how many they are.
    restarts = int.from_bytes(whole[size - 4 : size], 'little')
    if 4 * (restarts + 1) > size:
        raise damage(path, offset + size - 4, f'{restarts} restarts do not fit into the block')
    reader = Reader(path, whole[: size - 4 * (restarts + 1)], offset)
    key = b''
    while reader:
        shared, rest, length = reader.varint(), reader.varint(), reader.varint()
        if shared > len(key):
            raise reader.damage(f'a key shares {shared} bytes with one of {len(key)}')
        key = key[:shared] + reader.take(rest)
        at = offset + reader.place
        yield key, (reader.take(length), at)


def varint(value: int) -> bytes:
    """A number in groups of seven bits, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes, size: int = 0) -> bytes:
    """A field of a protocol-buffer message: a nested message or text, a varint, or a number of `size` = 4 or 8 bytes."""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if size:
        return varint(number << 3 | {4: 5, 8: 1}[size]) + value.to_bytes(size, 'little')
    return varint(number << 3) + varint(value)


def write(items: Mapping[bytes, bytes], block: int = BLOCK) -> bytes:
    """A table of the items, with blocks of about so many bytes."""
    out, places, waiting, room = bytearray(), {}, {}, 0
    keys = sorted(items)
    for key in keys:
        waiting[key] = items[key]
        room += len(key) + len(items[key])
        if room >= block or key == keys[-1]:
            places[key] = _append(out, waiting)
            waiting, room = {}, 0
    meta = _append(out, {})
    footer = meta + _append(out, places)
    return bytes(out + footer.ljust(FOOTER - 8, bytes(1)) + MAGIC.to_bytes(8, 'little'))


def _append(out: bytearray, items: Mapping[bytes, bytes]) -> bytes:
    """Puts a block at the end; its handle."""
    body, restarts, last = bytearray(), [0], b''
    for number, (key, value) in enumerate(items.items()):
        shared = 0
        if number % RESTART:
            while shared < min(len(last), len(key)) and last[shared] == key[shared]:
                shared += 1
        elif number:
            restarts.append(len(body))
        for size in (shared, len(key) - shared, len(value)):
            body += varint(size)
        body += key[shared:] + value
        last = key
    for number in (*restarts, len(restarts)):
        body += number.to_bytes(4, 'little')
    handle = varint(len(out)) + varint(len(body))
    whole = bytes(body) + bytes(1)
    out += whole + crc32c.mask(crc32c.crc32c(whole)).to_bytes(4, 'little')
    return handle
