"""The arrays of block-sparse attention, by block, and the static description of a call.

Arrays are stored by block, one row per batch entry, head and block, so that a step of the scan
gathers the rows that its schedule names.
"""

import dataclasses
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genojax import sharding
from genojax.attention import inputs
from genojax.attention.xla import schedule
from genojax.typing import Array

DEFAULT_BLOCK = 64  # tokens
MIN_SCORE = -1e30  # stands in for the maximum of a row without keys


def default_chunk() -> int:
    """Query blocks per step: 4 fit a core's second-level cache; other devices need larger steps."""
    if sharding.platform() == 'cpu':
        return 4 if (os.cpu_count() or 1) <= 4 else 16
    return 256


@dataclasses.dataclass(frozen=True)
class BlockSparseSpec:
    """The static part of a block-sparse call.

    Attributes:
        pattern: a `Pattern`, or a `ShardPattern` on a mesh.
        block: tokens per block.
        chunk: query blocks per step.
        scale: factor of the scores.
        batch, heads: sizes of the arrays.
        dropout_rate: 0.0 for none.
        shards: the head axis of the schedule holds this many times the pattern's heads; see
            `sharded`.
        partial: whether the rows attend to further keys elsewhere. The output then stays float32,
            because it is to be merged, and the output and log-sum-exp that the backward pass gets
            may be those of the whole rows.
    """

    pattern: Any
    block: int
    chunk: int
    scale: float
    batch: int
    heads: int
    dropout_rate: float
    shards: int = 1
    partial: bool = False

    def schedule(self) -> schedule.Schedule:
        """The steps of the scan; cached."""
        return schedule.make(self.pattern, self.block, self.chunk)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ShardPosition:
    """Where the rows and blocks of a shard lie in the whole, for per-shard tables and for dropout.

    Attributes:
        shard: index of this shard's tables.
        row_ids: [batch * heads], batch * heads + head in the whole.
        q_blocks: [num_q_blocks], block numbers in the whole.
        k_blocks: [num_kv_blocks], block numbers in the whole.
    """

    # Any: while JAX rebuilds a tree, its leaves are not always arrays.
    shard: Any
    row_ids: Any
    q_blocks: Any
    k_blocks: Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class BlockInputs:
    """The optional inputs of a call, by block; None where not used.

    Attributes:
        tokens: `TokenInputs` whose per-token arrays are [batch * blocks, block]; slopes are
            [heads].
        array_bias: [B or 1, H or 1, num_q_blocks, num_kv_blocks, block, block].
        dropout_words: two uint32.
        position: `ShardPosition` where this is a part of a larger whole.
    """

    tokens: Any
    array_bias: Any = None
    dropout_words: Any = None
    position: Any = None


def make_spec(
    pattern,
    q_BLHK: Array,
    modifiers: inputs.Modifiers,
    *,
    scale: float,
    block: int,
    chunk: int | None = None,
    shards: int = 1,
    partial: bool = False,
) -> BlockSparseSpec:
    """The static description of a call with these queries; `chunk` by the device by default."""
    return BlockSparseSpec(
        pattern=pattern,
        block=block,
        chunk=chunk or default_chunk(),
        scale=scale,
        batch=q_BLHK.shape[0],
        heads=q_BLHK.shape[2],
        dropout_rate=modifiers.dropout_rate,
        shards=shards,
        partial=partial,
    )


def make_inputs(spec: BlockSparseSpec, modifiers: inputs.Modifiers) -> BlockInputs:
    """The optional inputs of a call by block."""
    plan = spec.schedule()
    M, b = spec.pattern.key_length, spec.block
    key_segments_BM = modifiers.key_segments
    if key_segments_BM is None and M % b:
        # the padding of the last block is segment 0
        key_segments_BM = jnp.ones((spec.batch, M), jnp.int32)
    elif modifiers.segments_BL is None and key_segments_BM is not None:
        key_segments_BM = (key_segments_BM > 0).astype(jnp.int32)
    tokens = dataclasses.replace(
        modifiers.bias_inputs(), q_segment=modifiers.segments_BL, k_segment=key_segments_BM
    )
    position = None
    if modifiers.row_ids is not None and spec.dropout_rate:
        q_blocks, k_blocks = jnp.arange(plan.num_q_blocks), jnp.arange(plan.num_kv_blocks)
        position = ShardPosition(jnp.int32(0), modifiers.row_ids, q_blocks, k_blocks)
    return BlockInputs(
        tokens=tokens.map(
            lambda x: _token_blocks(spec, x, plan.num_q_blocks),
            lambda x: _token_blocks(spec, x, plan.num_kv_blocks),
        ),
        array_bias=_bias_blocks(modifiers.array_bias, plan),
        dropout_words=modifiers.dropout.words() if spec.dropout_rate else None,
        position=position,
    )


def _token_blocks(spec: BlockSparseSpec, x_BL: Array, count: int) -> Array:
    """[B or 1, L] to [B * count, block], padded with zeros."""
    x_BL = jnp.broadcast_to(x_BL, (spec.batch, x_BL.shape[1]))
    return jnp.pad(x_BL, [(0, 0), (0, count * spec.block - x_BL.shape[1])]).reshape(-1, spec.block)


def _bias_blocks(bias: Array | None, plan: schedule.Schedule) -> Array | None:
    """[B or 1, H or 1, L, M] to [.., .., num_q_blocks, num_kv_blocks, block, block], f32."""
    if bias is None:
        return None
    b, num_q_blocks, num_kv_blocks = plan.block, plan.num_q_blocks, plan.num_kv_blocks
    missing = num_q_blocks * b - bias.shape[2], num_kv_blocks * b - bias.shape[3]
    array = jnp.pad(bias.astype(jnp.float32), [(0, 0), (0, 0), *((0, n) for n in missing)])
    shape = array.shape[:2] + (num_q_blocks, b, num_kv_blocks, b)
    return array.reshape(shape).swapaxes(3, 4)


def split_blocks(x_BLHK: Array, count: int, block: int, fill: float = 0.0) -> Array:
    """[B, L, H, K] to [B * H * count, block, K], `fill` beyond the end."""
    B, L, H, K = x_BLHK.shape
    pad = [(0, 0), (0, count * block - L), (0, 0), (0, 0)]
    x_BLHK = jnp.pad(x_BLHK, pad, constant_values=fill)
    return x_BLHK.transpose(0, 2, 1, 3).reshape(B * H * count, block, K)


def join_blocks(x: Array, B: int, H: int, L: int) -> Array:
    """[B * H * count, block, K] back to [B, L, H, K]."""
    return x.reshape(B, H, -1, x.shape[-1]).transpose(0, 2, 1, 3)[:, :L]


def zero_cotangent(x: Array):
    """The cotangent of an input without gradient."""
    if jnp.issubdtype(x.dtype, jnp.floating):
        return jnp.zeros(x.shape, x.dtype)
    return np.zeros(x.shape, jax.dtypes.float0)
