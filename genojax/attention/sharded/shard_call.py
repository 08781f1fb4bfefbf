"""What the functions that run inside `shard_map` share: the call, its spec and its inputs."""

import dataclasses

import jax.numpy as jnp

from genojax.attention import inputs, patterns
from genojax.attention.sharded import exchange
from genojax.attention.sharded.mesh import SEQUENCE_AXIS
from genojax.attention.xla import operands
from genojax.typing import Array


@dataclasses.dataclass(frozen=True)
class ShardCall:
    """The static part of a call whose sequence is split.

    Attributes:
        pattern: of the whole sequence.
        devices: along the sequence.
        block: tokens per block.
        scale: factor of the scores.
        partial: whether the pattern is a part of a larger one; the output then stays float32.
        axis: mesh axis of the sequence.
    """

    pattern: patterns.Pattern
    devices: int
    block: int
    scale: float
    partial: bool = False
    axis: str = SEQUENCE_AXIS

    def shard(self, part: str, rounds: int = 1) -> exchange.ShardPattern:
        """A part of the pattern as it lies on one device; see `ShardPattern`."""
        return exchange.ShardPattern(self.pattern, self.devices, self.block, part, rounds)

    def spec(
        self,
        shard: exchange.ShardPattern,
        q: Array,
        modifiers: inputs.Modifiers,
        *,
        shards: int,
        partial: bool = True,
    ) -> operands.BlockSparseSpec:
        """The block-sparse description of a shard; `shards` tables lie along its head axis."""
        return operands.make_spec(
            shard,
            q,
            modifiers,
            scale=self.scale,
            block=self.block,
            shards=shards,
            partial=partial,
        )


def dropout_words(modifiers: inputs.Modifiers):
    """Two uint32, or None without dropout."""
    return modifiers.dropout.words() if modifiers.dropout_rate else None


def shard_inputs(
    call: ShardCall,
    tokens: inputs.TokenInputs,
    modifiers: inputs.Modifiers,
    position: operands.ShardPosition,
) -> operands.BlockInputs:
    """Block inputs of a shard, whose per-token arrays match its queries and keys already."""

    def blocks(x):
        return x.reshape(-1, call.block)

    return operands.BlockInputs(
        tokens=tokens.map(blocks, blocks),
        dropout_words=dropout_words(modifiers),
        position=position,
    )


def own_blocks(device: Array, count: int) -> Array:
    """Numbers in the whole of a device's `count` blocks."""
    return device * count + jnp.arange(count)
