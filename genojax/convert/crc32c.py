"""CRC-32C (Castagnoli, RFC 3720 appendix B.4) of large buffers in numpy, the checksum of TensorFlow's checkpoints.

A checksum is a chain over bytes, but a linear one: cut the buffer into lanes, run the chain over all lanes at once, and
join neighbours by advancing the left one over the right one's length. Zero bytes in front change nothing as long as the
chain starts at zero, so a short first lane is padded there.
"""

import functools

import numpy as np

POLYNOMIAL = 0x82F63B78  # bits reversed, as everything here
LANES = 4096  # at most; one step over so many words costs more in arithmetic than in numpy calls
PIECE = 1 << 26  # bytes cut into lanes at a time, since a first piece may be copied
LINE = 64  # bytes of a cache line
_MASK_DELTA = 0xA282EAD8


def crc32c(data: bytes | np.ndarray, previous: int = 0) -> int:
    """The checksum of bytes; of their continuation, when `previous` is that of what came before."""
    array = np.frombuffer(data, np.uint8)
    state = np.array([~previous & 0xFFFFFFFF], np.uint32)
    for start in range(0, len(array), PIECE):
        piece = array[start : start + PIECE]
        state = _advance(state, len(piece)) ^ _linear(piece)
    return int(~state[0])


def mask(crc: int) -> int:
    """As LevelDB and TensorFlow store a checksum, so that the checksum of bytes that hold one stays meaningful."""
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def _linear(piece: np.ndarray) -> np.ndarray:
    """The chain over at most PIECE bytes, begun at zero: one state, [1]."""
    lanes = min(LANES, 1 << max(0, (len(piece).bit_length() - 4) // 2))
    width = -(-len(piece) // lanes)
    # An odd number of cache lines a lane: lanes a power of two apart would all want the same place in the cache.
    width = (-(-width // LINE) | 1) * LINE if width >= LINE else -(-width // 4) * 4
    if lanes * width > len(piece):
        padded = np.zeros(lanes * width, np.uint8)
        padded[len(padded) - len(piece) :] = piece
        piece = padded
    low, high = _tables()
    state = np.zeros(lanes, np.uint32)
    for word in piece.view('<u4').reshape(lanes, -1).T:
        state ^= word
        state = low[state & 0xFFFF] ^ high[state >> 16]
    while len(state) > 1:
        state = _advance(state[0::2], width) ^ state[1::2]
        width *= 2
    return state


@functools.cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """What four bytes of the chain make of a state's low half and of its high half, both [65536]."""
    halves = np.arange(1 << 16, dtype=np.uint32)
    return _advance(halves, 4), _advance(halves << np.uint32(16), 4)


def _advance(states: np.ndarray, length: int) -> np.ndarray:
    """States after `length` zero bytes."""
    power = 0
    while length >> power:
        if length >> power & 1:
            states = _apply(_zeros(power), states)
        power += 1
    return states


@functools.cache
def _zeros(power: int) -> np.ndarray:
    """What 2**power zero bytes make of each bit of a state, [32]: a matrix over GF(2), squared for the next power."""
    if power:
        return _apply(_zeros(power - 1), _zeros(power - 1))
    states = np.uint32(1) << np.arange(32, dtype=np.uint32)
    for _ in range(8):
        states = states >> np.uint32(1) ^ (states & np.uint32(1)) * np.uint32(POLYNOMIAL)
    return states


def _apply(matrix: np.ndarray, states: np.ndarray) -> np.ndarray:
    bits = states[:, None] >> np.arange(32, dtype=np.uint32) & np.uint32(1)
    return np.bitwise_xor.reduce(bits * matrix, axis=-1)
