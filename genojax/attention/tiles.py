"""What one step of block-sparse attention reads: a few query blocks, their key blocks, and everything added to the scores.

Arrays are kept by block, one row of them for each batch, head and block, so that a step takes what its schedule names.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genojax.attention import bias as biases
from genojax.attention import schedule
from genojax.typing import Array

LOWEST = -1e30  # stands in for the maximum of a row that sees nothing


@dataclasses.dataclass(frozen=True)
class Static:
    """What is known before the arrays are."""

    pattern: Any  # a Pattern, or an exchange.Shard
    block: int
    chunk: int
    scale: float
    batch: int
    heads: int
    dropout_rate: float
    shards: int = 1  # the schedule's head axis holds this many times the pattern's heads; see sequence_parallel
    # Whether rows see other keys elsewhere. Then the output stays float32, because it is to be merged, and the output and
    # log-sum-exp that the backward pass gets may be the whole rows'.
    part: bool = False


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Extras:
    """What is optional, by block: [rows, block] for queries and keys, `batch * blocks` rows each."""

    # Any: while JAX takes the tree apart, its leaves are not always arrays.
    q_segment: Any
    k_segment: Any
    slopes: Any  # [heads]
    q_coord: Any
    k_coord: Any
    array: Any  # [B or 1, H or 1, tall, wide, block, block]
    words: Any  # two uint32
    place: Any = None  # `Place`, where this is a part of a larger whole


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Place:
    """Where a shard's rows and blocks lie in the whole, for tables that differ by shard and for dropout."""

    shard: Any  # index of this shard's tables
    rows: Any  # [batch * heads], batch * heads + head in the whole
    q_blocks: Any  # [tall]
    k_blocks: Any  # [wide]


def make_extras(static, segments_BL, key_segments_BM, bias, dropout, rows=None) -> Extras:
    """Optional inputs by block."""
    plan = schedule.make(static.pattern, static.block, static.chunk)
    M, b = static.pattern.key_length, static.block
    if segments_BL is not None and key_segments_BM is None:
        key_segments_BM = segments_BL
    if key_segments_BM is None and M % b:
        key_segments_BM = jnp.ones(
            (static.batch, M), jnp.int32
        )  # the padding of the last block is segment 0
    if segments_BL is None and key_segments_BM is not None:
        key_segments_BM = (key_segments_BM > 0).astype(jnp.int32)
    by_block = functools.partial(_rows, batch=static.batch, block=b)
    q_segment = None if segments_BL is None else by_block(segments_BL, plan.tall)
    k_segment = None if key_segments_BM is None else by_block(key_segments_BM, plan.wide)
    linear = bias if isinstance(bias, biases.Linear) else None
    array = None
    if bias is not None and linear is None:
        pad = [
            (0, 0),
            (0, 0),
            (0, plan.tall * b - bias.shape[2]),
            (0, plan.wide * b - bias.shape[3]),
        ]
        array = jnp.pad(bias.astype(jnp.float32), pad)
        array = array.reshape(array.shape[:2] + (plan.tall, b, plan.wide, b)).swapaxes(3, 4)
    place = None
    if rows is not None and static.dropout_rate:
        place = Place(jnp.int32(0), rows, jnp.arange(plan.tall), jnp.arange(plan.wide))
    return Extras(
        q_segment,
        k_segment,
        None if linear is None else linear.slopes_H.astype(jnp.float32),
        None if linear is None else by_block(linear.q_coord_BL.astype(jnp.float32), plan.tall),
        None if linear is None else by_block(linear.k_coord_BM.astype(jnp.float32), plan.wide),
        array,
        dropout.words() if static.dropout_rate else None,
        place,
    )


def _rows(x_BL: Array, count: int, batch: int, block: int) -> Array:
    """[B or 1, L] to [B * count, block], padded with zeros."""
    x_BL = jnp.broadcast_to(x_BL, (batch, x_BL.shape[1]))
    return jnp.pad(x_BL, [(0, 0), (0, count * block - x_BL.shape[1])]).reshape(-1, block)


def split_blocks(x_BLHK: Array, count: int, block: int, fill: float = 0.0) -> Array:
    """[B, L, H, K] to [B * H * count, block, K], `fill` beyond the end."""
    B, L, H, K = x_BLHK.shape
    pad = [(0, 0), (0, count * block - L), (0, 0), (0, 0)]
    x_BLHK = jnp.pad(x_BLHK, pad, constant_values=fill)
    return x_BLHK.transpose(0, 2, 1, 3).reshape(B * H * count, block, K)


def join_blocks(x: Array, B: int, H: int, L: int) -> Array:
    """[B * H * count, block, K] back to [B, L, H, K]."""
    return x.reshape(B, H, -1, x.shape[-1]).transpose(0, 2, 1, 3)[:, :L]


def take(x: Array, index: Array) -> Array:
    return x.at[index].get(mode='promise_in_bounds')


class Step:
    """The indices and masks of one step of the scan: g groups of r query blocks against n key blocks."""

    def __init__(
        self,
        static: Static,
        plan: schedule.Schedule,
        steps: schedule.Steps,
        extras: Extras,
        s: Array,
    ):
        self.static, self.plan, self.extras = static, plan, extras
        count, self.g, self.r = steps.rows.shape
        self.n, self.b = steps.columns.shape[-1], plan.block
        self.bh, c = s // count, s % count
        self.batch, head = self.bh // static.heads, self.bh % static.heads
        self.head = head
        own = plan.heads // static.shards
        variant = head if own > 1 else 0
        if static.shards > 1:
            variant = extras.place.shard * own + variant
        at = variant * count + c

        def table(x):
            return take(jnp.asarray(x.reshape((-1,) + x.shape[2:])), at)

        self.row = take(jnp.asarray(steps.rows), c)
        self.real = self.row < plan.tall
        self.row = jnp.where(self.real, self.row, 0)
        self.column = table(steps.columns)
        self.slot_bias = table(steps.slot_bias)
        self.tile = None if steps.tile is None else table(steps.tile)
        self.first = None if steps.first is None else take(jnp.asarray(steps.first), c)
        # Where rows that stand for none are written: beyond the end, so the write is dropped.
        beyond = static.batch * static.heads * plan.tall
        self.out_row = jnp.where(self.real, self.bh * plan.tall + self.row, beyond).reshape(-1)
        self.key_row = (self.bh * plan.wide + self.column).reshape(-1)

    def queries(self, x: Array) -> Array:
        """[g, r*b, K] of what is kept by head and query block."""
        return take(x, self.bh * self.plan.tall + self.row).reshape(
            self.g, self.r * self.b, *x.shape[2:]
        )

    def keys(self, x: Array) -> Array:
        """[g, n*b, K] of what is kept by head and key block."""
        return take(x, self.bh * self.plan.wide + self.column).reshape(
            self.g, self.n * self.b, *x.shape[2:]
        )

    def _by_batch(self, x: Array, index: Array, count: int) -> Array:
        return take(x, self.batch * count + index).reshape(self.g, -1)

    def distance(self) -> Array | None:
        """|q_coord - k_coord|, [g, r*b, n*b]."""
        if self.extras.slopes is None:
            return None
        q = self._by_batch(self.extras.q_coord, self.row, self.plan.tall)
        k = self._by_batch(self.extras.k_coord, self.column, self.plan.wide)
        return jnp.abs(q[:, :, None] - k[:, None, :])

    def tile_index(self) -> tuple[Array, ...]:
        """Where the tiles of this step lie in the array bias, [g, r, n] each."""
        shape = (self.g, self.r, self.n)
        B, H = self.extras.array.shape[:2]

        def full(x):
            return jnp.broadcast_to(x, shape)

        batch, head = self.batch if B > 1 else 0, self.head if H > 1 else 0
        return full(batch), full(head), full(self.row[:, :, None]), full(self.column[:, None, :])

    def _flat(self, x: Array) -> Array:
        """[g, r, n, b, b] to [g, r*b, n*b]."""
        return x.swapaxes(2, 3).reshape(self.g, self.r * self.b, self.n * self.b)

    def mask(self, s: Array) -> Array:
        """Scores [g, r*b, n*b] with every bias, -inf where nothing is seen."""
        g, r, n, b = self.g, self.r, self.n, self.b
        if r == 1:
            s = s + jnp.repeat(self.slot_bias[:, 0], b, axis=-1)[:, None, :]
        else:
            slots = jnp.broadcast_to(self.slot_bias[:, :, None, :, None], (g, r, b, n, b))
            s = s + slots.reshape(s.shape)
        if self.tile is not None:
            s = s + self._flat(take(jnp.asarray(self.plan.tiles), self.tile))
        if self.extras.array is not None:
            s = s + self._flat(self.extras.array[self.tile_index()])
        if self.extras.slopes is not None:
            s = s - take(self.extras.slopes, self.head) * self.distance()
        if self.extras.k_segment is not None:
            k = self._by_batch(self.extras.k_segment, self.column, self.plan.wide)[:, None, :]
            seen = k > 0
            if self.extras.q_segment is not None:
                q = self._by_batch(self.extras.q_segment, self.row, self.plan.tall)
                seen = seen & (q[:, :, None] == k)
            s = jnp.where(seen, s, -jnp.inf)
        return s

    def keep(self) -> Array:
        """1 / (1 - rate) for kept pairs, 0 for dropped ones, [g, r*b, n*b]."""
        inside = jnp.arange(self.b)
        row, column, bh = self.row, self.column, self.bh
        if self.extras.place is not None:
            place = self.extras.place
            row, column, bh = place.q_blocks[row], place.k_blocks[column], place.rows[bh]
        i = (row[:, :, None] * self.b + inside[None, None]).reshape(self.g, -1, 1)
        j = (column[:, :, None] * self.b + inside[None, None]).reshape(self.g, 1, -1)
        rate = self.static.dropout_rate
        bh = jnp.reshape(bh, (1, 1, 1))
        return biases.keep_pairs(self.extras.words, rate, bh, i, j) / (1 - rate)


def zero_cotangent(x: Array):
    if jnp.issubdtype(x.dtype, jnp.floating):
        return jnp.zeros(x.shape, x.dtype)
    return np.zeros(x.shape, jax.dtypes.float0)
