"""Where bgzip blocks start, by the indexes beside a file: .gzi, and tabix's .tbi and .csi.

Formats: bgzip(1), and the tabix and CSI specifications (samtools/hts-specs).
"""

import os
import pathlib
import struct
import zlib

_MAX_INDEX = 64 << 20  # bytes, also when decompressed
_TBI_SUMMARY = 37450  # number of the bin that holds counts, not offsets


def listed(path: str | os.PathLike) -> dict[int, tuple[str, int | None]]:
    """Compressed offset of every block that an index lists -> (index, uncompressed offset).

    The uncompressed offset is None where the index does not say it; an offset may be the end of the
    file. {} without an index or with one that is not readable: only what it lists can be missed.
    """
    blocks: dict[int, tuple[str, int | None]] = {}
    for suffix, read in (('.tbi', _tabix), ('.csi', _tabix), ('.gzi', _gzi)):
        file = pathlib.Path(f'{path}{suffix}')
        try:
            if file.is_file() and file.stat().st_size <= _MAX_INDEX:
                starts = read(file.read_bytes())
                blocks |= {start: (file.name, at) for start, at in starts.items()}
        except (OSError, ValueError, struct.error, zlib.error):
            continue
    return blocks


def _gzi(data: bytes) -> dict[int, int | None]:
    (count,) = struct.unpack_from('<Q', data)
    if len(data) != 8 + 16 * count:
        raise ValueError
    numbers = struct.unpack_from(f'<{2 * count}Q', data, 8)
    return dict(zip(numbers[::2], numbers[1::2], strict=True))


def _tabix(data: bytes) -> dict[int, int | None]:
    data = _decompress(data)
    is_csi = data.startswith(b'CSI\1')
    if is_csi:
        _, depth, auxiliary = struct.unpack_from('<3i', data, 4)
        at, summary = 16 + auxiliary, ((1 << 3 * (depth + 1)) - 1) // 7 + 1
        (contigs,) = struct.unpack_from('<i', data, at)
        at += 4
    elif data.startswith(b'TBI\1'):
        (contigs,), (names,) = (struct.unpack_from('<i', data, place) for place in (4, 32))
        at, summary = 36 + names, _TBI_SUMMARY
    else:
        raise ValueError
    offsets: set[int] = set()
    for _ in range(contigs):
        at = _contig(data, at, is_csi, summary, offsets)
    return dict.fromkeys(offset >> 16 for offset in offsets)


def _contig(data: bytes, at: int, is_csi: bool, summary: int, offsets: set[int]) -> int:
    """Add the virtual offsets of one contig.

    Returns:
        The place of the next contig.
    """
    (bins,) = struct.unpack_from('<i', data, at)
    at += 4
    for _ in range(bins):
        if is_csi:
            number, first, chunks = struct.unpack_from('<IQi', data, at)
            at += 16
        else:
            number, chunks = struct.unpack_from('<Ii', data, at)
            at, first = at + 8, 0
        if number != summary:
            offsets.add(first)
            offsets.update(struct.unpack_from(f'<{2 * chunks}Q', data, at))
        at += 16 * chunks
    if is_csi:
        return at
    (intervals,) = struct.unpack_from('<i', data, at)
    offsets.update(struct.unpack_from(f'<{intervals}Q', data, at + 4))
    return at + 4 + 8 * intervals


def _decompress(data: bytes) -> bytes:
    parts, size = [], 0
    while data:
        member = zlib.decompressobj(31)
        parts.append(member.decompress(data, _MAX_INDEX - size + 1))
        size += len(parts[-1])
        if size > _MAX_INDEX or not member.eof:
            raise ValueError
        data = member.unused_data
    return b''.join(parts)
