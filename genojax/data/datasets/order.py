"""Random order as a function: the place of the i-th element can be computed directly, so resuming only counts.

A Feistel network keyed with counter-based random bits is a permutation of any size that is computed
one element at a time.
"""

import numpy as np

from genojax.data import counter_random

_ROUNDS = 4  # each changes both halves


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
    mixed = np.broadcast_to(counter_random.random_bits(*key), index.shape)
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
            key = key + counter_random.GOLDEN
            left = (left + _scatter(key, right, a)) % a
            key = key + counter_random.GOLDEN
            right = (right + _scatter(key, left, b)) % b
    return left * b + right


def _scatter(key: np.ndarray, value: np.ndarray, size: np.ndarray) -> np.ndarray:
    word = (key ^ value.view(np.uint64)) * counter_random.FIRST
    word = (word ^ (word >> np.uint64(29))) * counter_random.SECOND
    return ((word >> np.uint64(33)).view(np.int64)) % size
