"""Random order as a function: the position of element i is computed directly.

A Feistel network keyed with counter-based random bits is a permutation of any size that is computed
one element at a time.
"""

import numpy as np

from genojax.data import counter_random

_ROUNDS = 4  # each changes both halves


def permute(
    index: np.ndarray, size: int | np.ndarray, *key: int | np.integer | np.ndarray
) -> np.ndarray:
    """The image of each index in 0 .. size-1 under the permutation that `key` selects, int64.

    Every size and key give a bijection. Both may be arrays of the shape of `index`, for example
    to have one permutation per species and epoch.

    Raises:
        ValueError: an index outside 0 .. size-1.
    """
    index = np.asarray(index, np.int64)
    size = np.broadcast_to(np.asarray(size, np.int64), index.shape)
    if ((index < 0) | (index >= size)).any():
        raise ValueError('an index is not in 0 .. size-1')
    # The network permutes a rectangle a x b that is hardly larger than `size`. An image outside
    # `size` is permuted again until it is inside (cycle walking): the map stays a bijection.
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
