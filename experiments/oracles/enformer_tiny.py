"""Sizes, windows and random weights for both originals of Enformer."""

import zlib

import numpy as np

WIDTH, DEPTH, HEADS = 24, 2, 2
TRACKS = {'human': 5, 'mouse': 3}
CROP = 5  # bins at each end
BINS = (16, 19)  # of the two windows; the second is odd
STEM_STEP = 16  # one in 16 positions of the stem's output is stored, to keep the file small
# Updates of the averages of the batch norms: few, so that the correction for their start matters.
COUNT = 7


def value(name: str, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
    """Random weights that depend on the name, float32 numbers that float16 can represent.

    Args:
        name: of the tensor.
        shape: of the tensor.
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
    """Two windows of base codes, 4 for N: one with a run of N inside, one with N at its end."""
    rng = np.random.default_rng(bins)
    windows = rng.integers(0, 4, (2, bins * 128)).astype(np.uint8)
    windows[0, 300:800] = 4
    windows[1, -437:] = 4
    return windows


def one_hot(windows: np.ndarray) -> np.ndarray:
    """Channels A, C, G, T; N is all zeros."""
    return np.concatenate([np.eye(4), np.zeros((1, 4))]).astype(np.float32)[windows]


def sizes() -> dict[str, np.ndarray]:
    """The sizes, as arrays of an oracle."""
    return {
        'width': np.int32(WIDTH),
        'depth': np.int32(DEPTH),
        'heads': np.int32(HEADS),
        'crop': np.int32(CROP),
        'organisms': np.array(list(TRACKS)),
        'tracks': np.array(list(TRACKS.values()), np.int32),
    }
