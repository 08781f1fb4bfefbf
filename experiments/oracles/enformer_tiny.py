"""What both originals of Enformer are asked: the sizes, the windows and random weights, so that both oracles look alike."""

import zlib

import numpy as np

WIDTH, DEPTH, HEADS = 24, 2, 2
TRACKS = {'human': 5, 'mouse': 3}
CROP = 5  # bins at each end
BINS = (16, 19)  # of the two lengths; the second is odd
STEM_STEP = 16  # the stem's activations are many: one position in so many is kept
COUNT = 7  # updates behind the averages of batch norm: few, so that their correction for the start matters


def value(name: str, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
    """Random weights, the same for the same name, float32 numbers that float16 can hold.

    Args:
        fan_in: inputs of one output; 0 for a scale of a norm, -1 for a bias, -2 for a variance.
    """
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    x = rng.standard_normal(shape)
    match fan_in:
        case 0:
            x = 1 + 0.2 * x
        case -1:
            x = 0.3 * x
        case -2:
            x = np.exp(0.7 * x)
        case _:
            x *= 1.5 / np.sqrt(fan_in)
    return x.astype(np.float16).astype(np.float32)


def codes(bins: int) -> np.ndarray:
    """Two windows of bases, 0 ... 3 and 4 for N: one with a run of N inside, one whose end is N (padding)."""
    rng = np.random.default_rng(bins)
    found = rng.integers(0, 4, (2, bins * 128)).astype(np.uint8)
    found[0, 300:800] = 4
    found[1, -437:] = 4
    return found


def one_hot(found: np.ndarray) -> np.ndarray:
    """Channels A, C, G, T; N is all zeros."""
    return np.concatenate([np.eye(4), np.zeros((1, 4))]).astype(np.float32)[found]


def sizes() -> dict[str, np.ndarray]:
    return {
        'width': np.int32(WIDTH),
        'depth': np.int32(DEPTH),
        'heads': np.int32(HEADS),
        'crop': np.int32(CROP),
        'organisms': np.array(list(TRACKS)),
        'tracks': np.array(list(TRACKS.values()), np.int32),
    }
