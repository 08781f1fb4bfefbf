"""Writes bgzip: gzip in blocks, so that a file can be cut after any of them and indexed."""

import struct
import zlib

_BLOCK = 65_280  # uncompressed bytes per block, as htslib writes


def blocks(data: bytes) -> bytes:
    """Data as whole bgzip blocks (SAM specification, section 4.1), without the end-of-file block.

    The bytes are a function of `data` alone: there is no time stamp.
    """
    packed = []
    for start in range(0, len(data), _BLOCK):
        part = data[start : start + _BLOCK]
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        body = deflate.compress(part) + deflate.flush()
        head = b'\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0'
        size = struct.pack('<H', len(head) + 2 + len(body) + 8 - 1)
        packed.append(head + size + body + struct.pack('<II', zlib.crc32(part), len(part)))
    return b''.join(packed)
