"""Positions: rotary, ALiBi, Enformer's basis functions, and a coordinate that follows CpG density.

All are pure functions of positions. A position is a number per token, [B, L] or [1, L], and need
not be an integer. So `cpg_coordinate` can replace the token number in `rotary` and `alibi`, at
linear cost and under every attention pattern. Learned positions are an `nn.Embed` in the model.
"""

import math
from typing import Literal

import jax.numpy as jnp
import numpy as np

from genojax import attention
from genojax.typing import Array, Bool, Float, Int, UInt8

CPG_HALF_WINDOW = 250  # bases on each side: a CpG island is 200 bases or longer
CPG_RATES = (0.25, 1.0)  # bulk human DNA has observed/expected 0.2 to 0.25, islands 0.6 and more
_COARSE = 1024  # positions: see `rotary`


def count(real_BL: Bool[Array, 'B L'], pad_id: int) -> Int[Array, 'B L']:
    """Row of each token in ESM's table of positions: real tokens are counted from pad_id + 1 on.

    Padding has row pad_id, as in fairseq. A table for n tokens has n + pad_id + 1 rows.
    """
    return jnp.cumsum(real_BL, axis=1) * real_BL + pad_id


def rotary(
    x_BLHK: Float[Array, 'B L H K'],
    positions_BL: Float[Array, '#B L'] | Int[Array, '#B L'],
    base: float = 1e4,
) -> Float[Array, 'B L H K']:
    """Rotates pairs of features by angles proportional to position; q.k then depends on distance.

    RoFormer (Su et al., arXiv 2104.09864, equation 34), half-split as in GPT-NeoX and ESM-2:
    feature f and feature f + K/2 rotate by position * base^(-2f/K). Computed in f32.

    The angle is the sum of two: that of the position's multiple of 1024, modulo 2 pi, and that of
    the remainder. At position 2^20 a single product would be rounded to 1/16 radian.

    Raises:
        ValueError: an odd number of features.
    """
    K = x_BLHK.shape[-1]
    if K % 2:
        raise ValueError(f'rotary positions pair features, but K = {K} is odd')
    frequency_K = base ** (-np.arange(0, K, 2, dtype=np.float64) / K)
    coarse_BL, fine_BL = jnp.divmod(positions_BL.astype(jnp.float32), _COARSE)
    coarse_K = _COARSE * frequency_K % (2 * np.pi)
    angle_BLK = _outer(fine_BL, frequency_K) + _outer(coarse_BL, coarse_K)
    cos, sin = jnp.cos(angle_BLK)[:, :, None], jnp.sin(angle_BLK)[:, :, None]
    first, second = jnp.split(x_BLHK.astype(jnp.float32), 2, axis=-1)
    rotated = jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    return rotated.astype(x_BLHK.dtype)


def _outer(x_BL: Float[Array, 'B L'], y_K: Float[np.ndarray, 'K']) -> Float[Array, 'B L K']:
    return x_BL[:, :, None] * jnp.asarray(y_K, jnp.float32)[None, None]


def alibi_slopes(heads: int) -> Float[np.ndarray, 'H']:
    """ALiBi's slopes (Press et al., arXiv 2108.12409, section 3): 2^(-8h/H), h = 1..H.

    For H not a power of two: the slopes of the next lower power of two, then every other slope of
    the next higher, as in the paper's code and in DNABERT-2 (12 heads: 8 and 4).
    """
    power = 2 ** int(math.log2(heads))
    slopes = 2.0 ** (-8 * np.arange(1, power + 1) / power)
    between = 2.0 ** (-8 * np.arange(1, 2 * power + 1, 2) / (2 * power))
    return np.concatenate([slopes, between])[:heads].astype(np.float32)


def alibi(
    heads: int, positions_BL: Float[Array, '#B L'] | Int[Array, '#B L']
) -> attention.LinearBias:
    """Symmetric ALiBi along any coordinate, as a bias for `attend`."""
    return attention.LinearBias(jnp.asarray(alibi_slopes(heads)), positions_BL, positions_BL)


def enformer_basis(length: int, features: int = 192) -> Float[np.ndarray, 'P F']:
    """Enformer's features of the distances -(length-1) .. length-1 (Avsec et al. 2021, methods).

    Exponentials, central masks and gamma densities of |distance|, a third each, then the same times
    the sign. The gamma densities are divided by their maximum over positions, which the published
    weights need (some ports divide by the maximum over features and differ by up to 1).

    Raises:
        ValueError: `features` is not a multiple of six.
    """
    if features % 6:
        raise ValueError(f'{features=} must be a multiple of 6')
    count = features // 6
    signed = np.arange(1 - length, length, dtype=np.float64)[:, None]
    distance = np.abs(signed)
    half_life = 2.0 ** np.linspace(3, math.log2(length), count)
    exponential = np.exp(-math.log(2) / half_life * distance)
    mask = (2.0 ** np.arange(1, count + 1) - 1 > distance).astype(np.float64)
    basis = np.concatenate([exponential, mask, _gamma(distance, length, count)], axis=1)
    return np.concatenate([basis, np.sign(signed) * basis], axis=1).astype(np.float32)


def _gamma(distance: np.ndarray, length: int, count: int) -> np.ndarray:
    """Gamma densities of the distances, each divided by its maximum, [P, count]."""
    deviation, mean = length / (2 * count), np.linspace(length / count, length, count)
    shape, rate = (mean / deviation) ** 2, mean / deviation**2
    with np.errstate(divide='ignore'):
        log_density = (shape - 1) * np.log(distance) - rate * distance
    log_density -= np.array([math.lgamma(a) for a in shape]) - shape * np.log(rate)
    density = np.exp(log_density) + 1e-8
    return density / density.max(axis=0, keepdims=True)


def cpg_coordinate(
    bases_BL: UInt8[Array, 'B L'] | Int[Array, 'B L'],
    valid_B: Int[Array, 'B'] | None = None,
    half_window: int = CPG_HALF_WINDOW,
    rates: tuple[float, float] = CPG_RATES,
) -> Float[Array, 'B L']:
    """A position in bases, f32, that advances faster where CpGs are dense.

    For the step from base i to i + 1, with N_C, N_G and N_CpG counted among the `known` bases of
    the 2 * half_window bases around it, fewer at the ends (codes A 0, C 1, G 2, T 3, unknown 4):

        expected = N_C * N_G / known      Gardiner-Garden and Frommer 1987 (J. Mol. Biol. 196:261)
        density  = (N_CpG + 1) / (expected + 1)   pseudocount: 1 for a window without C or G
        rate     = clip(density, *rates)
        s(0) = 0,  s(i + 1) = s(i) + rate / mean(rate)

    So s is strictly increasing, s(L - 1) = L - 1, and no step exceeds rates[1] / rates[0]. Constant
    density gives s(i) = i, the token number. The reverse complement has the mirrored coordinate
    L - 1 - s(L - 1 - i), because C and G change places and CpG is its own reverse complement. The
    mean is over the model's window, so the same DNA has the same relative, not absolute, rates in
    each window.

    In f32 a coordinate near 2^20 has a resolution of 1/16 base, and the sum up to there is off by
    some multiples of it.

    Args:
        valid_B: number of real bases per row; beyond them s advances by 1.
        half_window: bases on each side of a step.
        rates: lowest and highest rate before normalisation.

    Raises:
        ValueError: not 0 < rates[0] <= rates[1], or a half_window below 1.
    """
    if not 0 < rates[0] <= rates[1] or half_window < 1:
        raise ValueError(f'{rates=} must be 0 < low <= high, {half_window=} at least 1')
    B, L = bases_BL.shape
    inside_BL = jnp.ones((B, L), bool)
    if valid_B is not None:
        inside_BL = jnp.arange(L)[None] < valid_B[:, None]
    is_c, is_g = (bases_BL == 1) & inside_BL, (bases_BL == 2) & inside_BL
    known = (bases_BL < 4) & inside_BL
    step = jnp.arange(L - 1)
    low, high = jnp.maximum(step + 1 - half_window, 0), jnp.minimum(step + 1 + half_window, L)
    c, g, n = (_between(x, low, high) for x in (is_c, is_g, known))
    cpg = _between(is_c[:, :-1] & is_g[:, 1:], low, high - 1)
    expected = c * g / jnp.maximum(n, 1)
    rate = jnp.clip((cpg + 1) / (expected + 1), *rates)
    real = inside_BL[:, 1:]
    mean = jnp.where(real, rate, 0).sum(-1, keepdims=True) / jnp.maximum(
        real.sum(-1, keepdims=True), 1
    )
    rate = jnp.where(real, rate / jnp.where(mean > 0, mean, 1.0), 1.0)
    # The sum of (step - 1) stays small, so it has more accurate digits than the sum of the steps.
    drift = jnp.pad(jnp.cumsum(rate - 1, axis=-1), [(0, 0), (1, 0)])
    return jnp.arange(L, dtype=jnp.float32)[None] + drift


def _between(flags_BL: Array, low: Array, high: Array) -> Float[Array, 'B S']:
    """Number of flags set at low .. high - 1."""
    total = jnp.pad(jnp.cumsum(flags_BL.astype(jnp.int32), axis=-1), [(0, 0), (1, 0)])
    return (total[:, high] - total[:, low]).astype(jnp.float32)


def token_coordinate(
    coordinate_BL: Float[Array, 'B L'],
    spans_BT2: Int[Array, '#B T 2'],
    anchors: Literal['ends', 'middle'],
) -> Float[Array, 'B T']:
    """The coordinate of tokens that span bases start .. stop - 1.

    A token without bases (span -1, -1) has the coordinate of base 0 if it precedes all tokens with
    bases, else that of the last base that any token covers. Mirrored spans have mirrored
    coordinates.

    Args:
        spans_BT2: one row of spans for all rows, or one per row.
        anchors: 'ends': the mean of a token's first and last base (overlapping k-mers); 'middle':
            the mean of its one or two middle bases (adjacent tokens of any length).
    """
    start_BT, end_BT = spans_BT2[..., 0], spans_BT2[..., 1]
    has_BT = start_BT >= 0
    behind_BT = jnp.cumsum(has_BT, axis=1) > 0
    last_B1 = jnp.maximum(end_BT.max(axis=1, keepdims=True) - 1, 0)
    outside_BT = jnp.where(behind_BT, jnp.broadcast_to(last_B1, start_BT.shape), 0)
    if anchors == 'ends':
        pairs = start_BT, end_BT - 1
    else:
        pairs = (start_BT + end_BT - 1) // 2, (start_BT + end_BT) // 2
    low_BT, high_BT = (
        jnp.take_along_axis(coordinate_BL, jnp.where(has_BT, at_BT, outside_BT), axis=1)
        for at_BT in pairs
    )
    return (low_BT + high_BT) / 2
