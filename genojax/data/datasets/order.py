"""Random order as a function: the i-th draw can be asked for directly, so resuming is only counting.

Nothing here keeps state. A 64-bit mixer (SplitMix64; Steele, Lea & Flood 2014) turns a seed and any
counters into bits, and a Feistel network keyed with them is a permutation of any size that is
computed an element at a time.
"""

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_ROUNDS = 4  # each changes both halves


def bits(*parts: int | np.integer | np.ndarray) -> np.ndarray:
    """64 random bits for every combination of `parts` (a seed, a purpose, counters), uint64; shapes broadcast."""
    state = np.uint64(0)
    with np.errstate(over='ignore'):
        for part in parts:
            word = np.asarray(part).astype(np.int64).view(np.uint64)
            state = (state ^ word) + _GOLDEN
            state = (state ^ (state >> np.uint64(30))) * _FIRST
            state = (state ^ (state >> np.uint64(27))) * _SECOND
            state = state ^ (state >> np.uint64(31))
    return np.asarray(state, np.uint64)


def below(size: int | np.ndarray, *parts: int | np.integer | np.ndarray) -> np.ndarray:
    """A random integer in 0 .. size-1 for every combination of `parts`, int64."""
    return (bits(*parts) % np.asarray(size).astype(np.uint64)).astype(np.int64)


def permute(
    index: np.ndarray, size: int | np.ndarray, *key: int | np.integer | np.ndarray
) -> np.ndarray:
    """Where position `index` of 0 .. size-1 lands in the permutation named by `key`, int64.

    Every size and key give a bijection. Both may be arrays of the shape of `index`: a permutation
    for each species and epoch, say.

    Raises:
        ValueError: an index outside 0 .. size-1.
    """
    index = np.asarray(index, np.int64)
    size = np.broadcast_to(np.asarray(size, np.int64), index.shape)
    if ((index < 0) | (index >= size)).any():
        raise ValueError('an index is not in 0 .. size-1')
    # The network works on a rectangle a x b that is hardly larger than `size`; what lands outside
    # is sent through again until it is inside (cycle walking), which keeps the map a bijection.
    a = np.ceil(np.sqrt(size)).astype(np.int64)
    b = -(-size // np.maximum(a, 1))
    mixed = np.broadcast_to(bits(*key), index.shape)
    result = _feistel(index, a, b, mixed)
    outside = result >= size
    while outside.any():
        result[outside] = _feistel(result[outside], a[outside], b[outside], mixed[outside])
        outside = result >= size
    return result


def _feistel(index: np.ndarray, a: np.ndarray, b: np.ndarray, key: np.ndarray) -> np.ndarray:
    left, right = np.divmod(index, b)
    with np.errstate(over='ignore'):
        for _ in range(_ROUNDS):
            key = key + _GOLDEN
            left = (left + _scatter(key, right, a)) % a
            key = key + _GOLDEN
            right = (right + _scatter(key, left, b)) % b
    return left * b + right


def _scatter(key: np.ndarray, value: np.ndarray, size: np.ndarray) -> np.ndarray:
    word = (key ^ value.view(np.uint64)) * _FIRST
    word = (word ^ (word >> np.uint64(29))) * _SECOND
    return ((word >> np.uint64(33)).view(np.int64)) % size
