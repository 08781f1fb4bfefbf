"""CRC-32C (Castagnoli, RFC 3720 appendix B.4) of large buffers in numpy.

TensorFlow's checkpoints use it; see `tf_bundle` for why genojax reads them without TensorFlow. A
CRC is computed byte by byte, but it is linear: split the buffer into lanes, process all lanes at
once, and join neighbouring lanes by advancing the state of the left one over the length of the
right one. Leading zero bytes do not change a state that starts at zero, so the first lane may be
padded with them.
"""

import functools

import numpy as np

POLYNOMIAL = 0x82F63B78  # with reversed bits, like every state here
MAX_LANES = 4096  # beyond this, the arithmetic of one step takes longer than its numpy calls
CHUNK = 1 << 26  # bytes that are split into lanes at once; bounds the copy of a padded chunk
CACHE_LINE = 64  # bytes
_MASK_DELTA = 0xA282EAD8


def crc32c(data: bytes | np.ndarray, previous: int = 0) -> int:
    """The checksum of bytes, or of bytes that continue those with the checksum `previous`."""
    array = np.frombuffer(data, np.uint8)
    state = np.array([~previous & 0xFFFFFFFF], np.uint32)
    for start in range(0, len(array), CHUNK):
        chunk = array[start : start + CHUNK]
        state = _advance(state, len(chunk)) ^ _from_zero(chunk)
    return int(~state[0])


def mask(crc: int) -> int:
    """The form in which LevelDB and TensorFlow store a checksum.

    With it, a checksum over bytes that contain a stored checksum is still a good one.
    """
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def _from_zero(chunk: np.ndarray) -> np.ndarray:
    """The state [1] after at most CHUNK bytes, for a state that starts at zero."""
    lanes = min(MAX_LANES, 1 << max(0, (len(chunk).bit_length() - 4) // 2))
    width = -(-len(chunk) // lanes)
    # An odd number of cache lines per lane: lanes a power of two apart share one set of the cache.
    long = width >= CACHE_LINE
    width = (-(-width // CACHE_LINE) | 1) * CACHE_LINE if long else -(-width // 4) * 4
    if lanes * width > len(chunk):
        padded = np.zeros(lanes * width, np.uint8)
        padded[len(padded) - len(chunk) :] = chunk
        chunk = padded
    low, high = _tables()
    state = np.zeros(lanes, np.uint32)
    for word in chunk.view('<u4').reshape(lanes, -1).T:
        state ^= word
        state = low[state & 0xFFFF] ^ high[state >> 16]
    while len(state) > 1:
        state = _advance(state[0::2], width) ^ state[1::2]
        width *= 2
    return state


@functools.cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """The state after four bytes for each low half and each high half of a state, both [65536]."""
    halves = np.arange(1 << 16, dtype=np.uint32)
    return _advance(halves, 4), _advance(halves << np.uint32(16), 4)


def _advance(states: np.ndarray, length: int) -> np.ndarray:
    """States after `length` zero bytes."""
    power = 0
    while length >> power:
        if length >> power & 1:
            states = _apply(_zero_bytes(power), states)
        power += 1
    return states


@functools.cache
def _zero_bytes(power: int) -> np.ndarray:
    """The effect of 2**power zero bytes on each bit of a state: a matrix [32] over GF(2)."""
    if power:
        return _apply(_zero_bytes(power - 1), _zero_bytes(power - 1))
    states = np.uint32(1) << np.arange(32, dtype=np.uint32)
    for _ in range(8):
        states = states >> np.uint32(1) ^ (states & np.uint32(1)) * np.uint32(POLYNOMIAL)
    return states


def _apply(matrix: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Multiplies states, as vectors of 32 bits, by a matrix over GF(2)."""
    bits = states[:, None] >> np.arange(32, dtype=np.uint32) & np.uint32(1)
    return np.bitwise_xor.reduce(bits * matrix, axis=-1)
