"""CRC-32C: the values of the standard, and the definition bit by bit."""

import numpy as np
import pytest

from genojax.convert.tf import crc32c


# RFC 3720, appendix B.4, and the check value of the catalogue of CRC algorithms.
@pytest.mark.parametrize(
    ('data', 'crc'),
    [
        (b'', 0),
        (b'123456789', 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b'\xff' * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_checksums_of_the_standard(data, crc):
    assert crc32c.crc32c(data) == crc


def bitwise(data):
    """The definition: one bit at a time."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize('length', [1, 3, 63, 64, 65, 1021, 4096, 30011])
def test_a_checksum_by_lanes_is_the_checksum_by_bits_and_continues(length):
    data = np.random.default_rng(length).integers(0, 256, length, np.uint8).tobytes()
    assert crc32c.crc32c(data) == bitwise(data)
    middle = length // 3
    first = crc32c.crc32c(data[:middle])
    assert crc32c.crc32c(data[middle:], first) == crc32c.crc32c(data)


def test_a_buffer_of_several_chunks(monkeypatch):
    data = np.random.default_rng(0).integers(0, 256, 10_000, np.uint8)
    expected = crc32c.crc32c(data)
    monkeypatch.setattr(crc32c, 'CHUNK', 1000)
    assert crc32c.crc32c(data) == expected
