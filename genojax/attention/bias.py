"""Linear bias of scores and dropout of probabilities, as values that can be evaluated per tile."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from genojax.typing import Array, Bool, Float


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LinearBias:
    """Bias -slope * |q_coord - k_coord|: ALiBi for token positions, or by the CpG coordinate.

    ALiBi: Press, Smith, Lewis, "Train short, test long", ICLR 2022, in its symmetric form for
    encoders. Coordinates may have a batch axis of 1. Slopes have gradients; coordinates are data
    and have none.
    """

    # Any: while JAX rebuilds a tree, its leaves are not always arrays.
    slopes_H: Any
    q_coord_BL: Any
    k_coord_BM: Any

    def dense(self) -> Float[Array, 'B H L M']:
        """The bias as a dense array, for the reference."""
        q_BL = jax.lax.stop_gradient(self.q_coord_BL).astype(jnp.float32)
        k_BM = jax.lax.stop_gradient(self.k_coord_BM).astype(jnp.float32)
        distance_BLM = jnp.abs(q_BL[:, :, None] - k_BM[:, None, :])
        slopes_H = self.slopes_H.astype(jnp.float32)
        return -slopes_H[None, :, None, None] * distance_BLM[:, None]


def slope_sums(ds: Array, p: Array, distance: Array, axis: int = -1) -> Array:
    """Sums over a row's keys that `slope_gradient` needs, stacked on the last axis.

    They are additive over blocks of keys.

    Args:
        ds: gradients of the scores.
        p: probabilities.
        distance: |q_coord - k_coord|.
        axis: the axis of the keys.
    """
    return jnp.stack([(ds * distance).sum(axis), ds.sum(axis), (p * distance).sum(axis)], axis=-1)


def slope_gradient(
    sums_BLH3: Float[Array, 'B L H 3'], dlse_BLH: Float[Array, 'B L H'] | None
) -> Float[Array, 'H']:
    """Gradient with respect to the slopes from `slope_sums` over all keys of each row.

    The ds of a row must sum to the cotangent of its log-sum-exp. Computed with an output rounded to
    bf16 they do so only approximately, and the excess would be multiplied by distances, which grow
    with the sequence although their differences within a row need not. So the excess is subtracted
    at the row's mean distance.

    Args:
        dlse_BLH: cotangent of the log-sum-exp; None where the sums cover some of the keys only. The
            sums must then be exact.
    """
    moment_BLH, total_BLH, mean_BLH = (sums_BLH3[..., i] for i in range(3))
    if dlse_BLH is not None:
        moment_BLH = moment_BLH - (total_BLH - dlse_BLH) * mean_BLH
    return -moment_BLH.sum((0, 1))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Dropout:
    """Drops each attention weight with probability `rate`, scales the others by 1 / (1 - rate).

    The dropped pairs are a function of (key, batch, head, query, key position) alone, so every
    implementation drops the same pairs whatever its block size.
    """

    rate: float = dataclasses.field(metadata={'static': True})
    key: Any

    def __post_init__(self):
        if not 0 <= self.rate < 1:
            raise ValueError(f'{self.rate=} must be in [0, 1)')

    def words(self) -> tuple[Array, Array]:
        """Two uint32 that seed the hash."""
        data = self.key
        if jnp.issubdtype(data.dtype, jax.dtypes.prng_key):
            data = jax.random.key_data(data)
        return data.reshape(-1)[0].astype(jnp.uint32), data.reshape(-1)[-1].astype(jnp.uint32)

    def keep(self, row: Array, i: Array, j: Array) -> Bool[Array, '...']:
        """Whether pairs (i, j) stay; row = batch * heads + head. Integer arrays that broadcast."""
        return keep_pairs(self.words(), self.rate, row, i, j)


def _mix(x: Array) -> Array:
    """The finalizer of MurmurHash3 (Appleby, public domain): input bits affect all output bits."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)


def keep_pairs(words: tuple[Array, Array], rate: float, row: Array, i: Array, j: Array) -> Array:
    """See `Dropout.keep`; separate because custom VJPs carry the words, not the key."""
    row, i, j = (x.astype(jnp.uint32) for x in (row, i, j))
    query = _mix(_mix(row * jnp.uint32(0x9E3779B1) + words[0]) + i * jnp.uint32(0x85EBCA77))
    return _mix((query ^ words[1]) + j * jnp.uint32(0xC2B2AE3D)) >= jnp.uint32(round(rate * 2**32))
