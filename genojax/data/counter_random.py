"""Random numbers as a function of a seed and counters, without state.

The i-th draw can be computed directly, so resuming only counts.

The bits are those of a 64-bit mixer (SplitMix64; Steele, Lea & Flood 2014).
"""

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)


def random_bits(*parts: int | np.integer | np.ndarray) -> np.ndarray:
    """64 random bits for every combination of `parts`, uint64.

    Args:
        parts: a seed, a purpose, counters; their shapes broadcast.
    """
    state = np.uint64(0)
    with np.errstate(over='ignore'):
        for part in parts:
            word = np.asarray(part).astype(np.int64).view(np.uint64)
            state = (state ^ word) + GOLDEN
            state = (state ^ (state >> np.uint64(30))) * FIRST
            state = (state ^ (state >> np.uint64(27))) * SECOND
            state = state ^ (state >> np.uint64(31))
    return np.asarray(state, np.uint64)


def randint(size: int | np.ndarray, *parts: int | np.integer | np.ndarray) -> np.ndarray:
    """A random integer in 0 .. size-1 for every combination of `parts`, int64."""
    return (random_bits(*parts) % np.asarray(size).astype(np.uint64)).astype(np.int64)


def uniform(*parts: int | np.integer | np.ndarray) -> np.ndarray:
    """A random number in [0, 1) for every combination of `parts`, float64."""
    return np.asarray((random_bits(*parts) >> np.uint64(11)) * 2.0**-53)
