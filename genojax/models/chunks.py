"""Chunks of a long row, and how a scan takes several of them per step."""

import dataclasses

import jax.numpy as jnp

from genojax import sharding
from genojax.attention.sharded import mesh as attention_mesh
from genojax.typing import Array


@dataclasses.dataclass(frozen=True)
class ChunkLayout:
    """How a row is divided into chunks and these into steps of the scan.

    The chunk number is index within the step * steps + step.

    Attributes:
        size: tokens per chunk.
        count: chunks with tokens.
        steps: steps of the scan.
        at_once: chunks of a row per step.
    """

    size: int
    count: int
    steps: int
    at_once: int

    @property
    def padded(self) -> int:
        """Chunks of a row, fillers of the last step included."""
        return self.steps * self.at_once

    def to_steps(self, x_BC: Array) -> Array:
        """[B, padded, ...] to [steps, B, at_once, ...]."""
        shape = (len(x_BC), self.at_once, self.steps, *x_BC.shape[2:])
        return self._constrain(jnp.moveaxis(x_BC.reshape(shape), 2, 0))

    def from_steps(self, x_SBG: Array) -> Array:
        """[steps, B, at_once, ...] to [B, padded, ...]."""
        x_BGS = jnp.moveaxis(self._constrain(x_SBG), 0, 2)
        return x_BGS.reshape(len(x_BGS), self.padded, *x_SBG.shape[3:])

    def _constrain(self, x_SBG: Array) -> Array:
        rest = (None,) * (x_SBG.ndim - 3)
        return sharding.with_logical_constraint(x_SBG, None, 'batch', 'chunks', *rest)


def layout(length: int, *, size: int, max_chunks: int, at_once: int) -> ChunkLayout:
    """The layout of rows of `length` tokens; a row shorter than a chunk is one chunk of its length.

    Args:
        size: tokens per chunk.
        at_once: chunks of a row per step of the scan.

    Raises:
        ValueError: too many tokens or none, or a sequence axis that does not divide the chunks.
    """
    if not 0 < length <= max_chunks * size:
        raise ValueError(
            f'{length} tokens between the special ones, but the model reads 1 to {max_chunks} '
            f'chunks of {size}'
        )
    devices = attention_mesh.axes().get(attention_mesh.SEQUENCE_AXIS, 1)
    if at_once % devices:
        raise ValueError(
            f'at_once={at_once} chunks cannot be split over {devices} devices of the sequence '
            f'axis; set model.at_once to a multiple of {devices}'
        )
    size = min(size, length)
    count = -(-length // size)
    return ChunkLayout(size, count, -(-count // at_once), at_once)
