"""Block-sparse attention in plain XLA for any device: a scan over chunks of query blocks, with its own VJP.

The forward pass keeps the output and the log-sum-exp only; the backward pass makes the scores again, chunk by chunk.
What made this fast on XLA:CPU, measured on one core: small chunks (big temporaries pay page faults), dK and dV written
as gqd,gqk->gdk (75 GFLOP/s; as gqk,gqd->gkd 33) and added up transposed, rows that see everything taken in pieces.
Probabilities are made in f32 whatever the inputs are.
"""

import dataclasses
import functools
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from genojax.attention import bias as biases
from genojax.attention import patterns, schedule
from genojax.typing import Array, Float, Int

DEFAULT_BLOCK = 64
OUTPUT, LOG_SUM_EXP = (
    'attention_output',
    'attention_log_sum_exp',
)  # names for jax.checkpoint policies
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


def default_chunk() -> int:
    """Query blocks in a step: 4 keeps a core's second-level cache; other devices want fewer, larger steps."""
    if jax.default_backend() == 'cpu':
        return 4 if (os.cpu_count() or 1) <= 4 else 16
    return 256


def attend(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    v_BMHV: Float[Array, 'B M H V'],
    pattern: patterns.Pattern,
    scale: float,
    segments_BL: Int[Array, 'B L'] | None = None,
    key_segments_BM: Int[Array, 'B M'] | None = None,
    bias: biases.Linear | Array | None = None,
    dropout: biases.Dropout | None = None,
    rows: Array | None = None,
    block: int | None = None,
    chunk: int | None = None,
) -> tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Attention and log-sum-exp; see `attention.attend`. Time and memory are linear in the number of tiles.

    Args:
        rows: batch * heads + head of the whole for each batch and head here, where this is a part; dropout needs it.
        block: tokens on a tile's side; the pattern's own block by default.
        chunk: query blocks in a step of the scan; by the number of cores by default.
    """
    B, L, H, _ = q_BLHK.shape
    block = block or pattern.natural_block or min(DEFAULT_BLOCK, max(L, pattern.key_length))
    rate = dropout.rate if dropout is not None else 0.0
    static = Static(pattern, block, chunk or default_chunk(), scale, B, H, rate)
    extras = make_extras(static, segments_BL, key_segments_BM, bias, dropout, rows)
    return sparse(static, q_BLHK, k_BMHK, v_BMHV, extras)


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


def split_blocks(x_BLHK: Array, count: int, block: int) -> Array:
    """[B, L, H, K] to [B * H * count, block, K], padded with zeros."""
    B, L, H, K = x_BLHK.shape
    x_BLHK = jnp.pad(x_BLHK, [(0, 0), (0, count * block - L), (0, 0), (0, 0)])
    return x_BLHK.transpose(0, 2, 1, 3).reshape(B * H * count, block, K)


def join_blocks(x: Array, B: int, H: int, L: int) -> Array:
    """[B * H * count, block, K] back to [B, L, H, K]."""
    return x.reshape(B, H, -1, x.shape[-1]).transpose(0, 2, 1, 3)[:, :L]


def _take(x: Array, index: Array) -> Array:
    return x.at[index].get(mode='promise_in_bounds')


class _Step:
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
            return _take(jnp.asarray(x.reshape((-1,) + x.shape[2:])), at)

        self.row = _take(jnp.asarray(steps.rows), c)
        self.real = self.row < plan.tall
        self.row = jnp.where(self.real, self.row, 0)
        self.column = table(steps.columns)
        self.slot_bias = table(steps.slot_bias)
        self.tile = None if steps.tile is None else table(steps.tile)
        self.first = None if steps.first is None else _take(jnp.asarray(steps.first), c)
        # Where rows that stand for none are written: beyond the end, so the write is dropped.
        beyond = static.batch * static.heads * plan.tall
        self.out_row = jnp.where(self.real, self.bh * plan.tall + self.row, beyond).reshape(-1)
        self.key_row = (self.bh * plan.wide + self.column).reshape(-1)

    def queries(self, x: Array) -> Array:
        """[g, r*b, K] of what is kept by head and query block."""
        return _take(x, self.bh * self.plan.tall + self.row).reshape(
            self.g, self.r * self.b, *x.shape[2:]
        )

    def keys(self, x: Array) -> Array:
        """[g, n*b, K] of what is kept by head and key block."""
        return _take(x, self.bh * self.plan.wide + self.column).reshape(
            self.g, self.n * self.b, *x.shape[2:]
        )

    def _by_batch(self, x: Array, index: Array, count: int) -> Array:
        return _take(x, self.batch * count + index).reshape(self.g, -1)

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
            s = s + self._flat(_take(jnp.asarray(self.plan.tiles), self.tile))
        if self.extras.array is not None:
            s = s + self._flat(self.extras.array[self.tile_index()])
        if self.extras.slopes is not None:
            s = s - _take(self.extras.slopes, self.head) * self.distance()
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


def _compute_dtype(q: Array) -> np.dtype:
    # XLA:CPU's bf16 products are no faster than f32 ones, and less exact.
    return jnp.dtype(jnp.float32) if jax.default_backend() == 'cpu' else q.dtype


def _dot(expression: str, a: Array, b: Array) -> Array:
    return jnp.einsum(expression, a, b, preferred_element_type=jnp.float32)


def forward(static: Static, q_BLHK, k_BMHK, v_BMHV, extras: Extras):
    plan = schedule.make(static.pattern, static.block, static.chunk)
    b, rows = plan.block, static.batch * static.heads * plan.tall
    q, k, v = (
        split_blocks(q_BLHK, plan.tall, b),
        split_blocks(k_BMHK, plan.wide, b),
        split_blocks(v_BMHV, plan.wide, b),
    )
    dtype = _compute_dtype(q)
    out = (jnp.zeros((rows, b, v.shape[-1]), q.dtype), jnp.full((rows, b), -jnp.inf, jnp.float32))

    def piece(step):
        """Unnormalised output, sum and maximum of one step."""
        kc, vc = step.keys(k).astype(dtype), step.keys(v).astype(dtype)
        qc = (step.queries(q).astype(jnp.float32) * static.scale).astype(dtype)
        s = step.mask(_dot('gqd,gkd->gqk', qc, kc))
        top = jnp.maximum(s.max(-1, keepdims=True), LOWEST)
        p = jnp.exp(s - top)
        total = p.sum(-1, keepdims=True)
        if static.dropout_rate:
            p = p * step.keep()
        return _dot('gqk,gkd->gqd', p.astype(dtype), vc), total, top

    def write(out, step, o, total, top):
        o = o / jnp.where(total > 0, total, 1.0)
        lse = jnp.where(total > 0, top + jnp.log(jnp.where(total > 0, total, 1.0)), -jnp.inf)
        o = o.reshape(-1, b, o.shape[-1]).astype(out[0].dtype)
        o_all = out[0].at[step.out_row].set(o, mode='drop', unique_indices=True)
        return o_all, out[1].at[step.out_row].set(
            lse.reshape(-1, b), mode='drop', unique_indices=True
        )

    def narrow(steps, out, s):
        step = _Step(static, plan, steps, extras, s)
        return write(out, step, *piece(step)), None

    def wide(steps, carry, s):
        out, (o, total, top) = carry
        step = _Step(static, plan, steps, extras, s)
        o_new, total_new, top_new = piece(step)
        top_old = jnp.where(step.first, LOWEST, top)
        both = jnp.maximum(top_old, top_new)
        old, new = jnp.where(step.first, 0.0, jnp.exp(top_old - both)), jnp.exp(top_new - both)
        merged = (o * old + o_new * new, total * old + total_new * new, both)
        return (write(out, step, *merged), merged), None

    for steps in plan.parts:
        count, g, r = steps.rows.shape
        turns = jnp.arange(static.batch * static.heads * count)
        if steps.first is None:
            out, _ = jax.lax.scan(functools.partial(narrow, steps), out, turns)
        else:
            one = jnp.zeros((g, r * b, 1))
            carry = (out, (jnp.zeros((g, r * b, v.shape[-1])), one, one))
            (out, _), _ = jax.lax.scan(functools.partial(wide, steps), carry, turns)
    o_BLHV = join_blocks(out[0], static.batch, static.heads, static.pattern.length)
    lse_BLH = join_blocks(out[1][..., None], static.batch, static.heads, static.pattern.length)[
        ..., 0
    ]
    return o_BLHV, lse_BLH


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def sparse(static: Static, q_BLHK, k_BMHK, v_BMHV, extras: Extras):
    return forward(static, q_BLHK, k_BMHK, v_BMHV, extras)


def sparse_fwd(static: Static, q_BLHK, k_BMHK, v_BMHV, extras: Extras):
    o_BLHV, lse_BLH = forward(static, q_BLHK, k_BMHK, v_BMHV, extras)
    o_BLHV, lse_BLH = checkpoint_name(o_BLHV, OUTPUT), checkpoint_name(lse_BLH, LOG_SUM_EXP)
    return (o_BLHV, lse_BLH), (q_BLHK, k_BMHK, v_BMHV, extras, o_BLHV, lse_BLH)


def backward(static: Static, kept, cotangents):
    q_BLHK, k_BMHK, v_BMHV, extras, o_BLHV, lse_BLH = kept
    do_BLHV, dlse_BLH = cotangents
    plan = schedule.make(static.pattern, static.block, static.chunk)
    b, B, H = plan.block, static.batch, static.heads
    dtype = _compute_dtype(q_BLHK)
    q, o, do = (split_blocks(x, plan.tall, b) for x in (q_BLHK, o_BLHV, do_BLHV))
    k, v = (split_blocks(x, plan.wide, b) for x in (k_BMHK, v_BMHV))
    # exp(s - inf) = 0 is what a row that sees nothing needs
    lse_BLH = jnp.where(jnp.isneginf(lse_BLH), jnp.inf, lse_BLH)
    lse, dlse = (split_blocks(x[..., None], plan.tall, b)[..., 0] for x in (lse_BLH, dlse_BLH))

    def body(steps, carry, s):
        dq, dk, dv, dslopes, darray = carry
        step = _Step(static, plan, steps, extras, s)
        kc, vc = step.keys(k).astype(dtype), step.keys(v).astype(dtype)
        qc = (step.queries(q).astype(jnp.float32) * static.scale).astype(dtype)
        doc = step.queries(do).astype(jnp.float32)
        delta = (doc * step.queries(o).astype(jnp.float32)).sum(-1) - step.queries(dlse)
        doc = doc.astype(dtype)
        lc = jnp.where(jnp.repeat(step.real, b, axis=-1), step.queries(lse), jnp.inf)
        p = jnp.exp(step.mask(_dot('gqd,gkd->gqk', qc, kc)) - lc[..., None])
        dp = _dot('gqd,gkd->gqk', doc, vc)
        kept_p = p
        if static.dropout_rate:
            keep = step.keep()
            kept_p, dp = p * keep, dp * keep
        ds = p * (dp - delta[..., None])
        if dslopes is not None:
            dslopes = dslopes.at[step.head].add(-(ds * step.distance()).sum())
        if darray is not None:
            tile = ds.reshape(step.g, step.r, b, step.n, b).swapaxes(2, 3)
            darray = darray.at[step.tile_index()].add(tile)
        ds, kept_p = ds.astype(dtype), kept_p.astype(dtype)
        dqc = _dot('gqk,gkd->gqd', ds, kc).reshape(-1, b, q.shape[-1]) * static.scale
        dq = dq.at[step.out_row].add(dqc.astype(dq.dtype), mode='drop')

        def by_block(x):
            return x.reshape(step.g, -1, step.n, b).swapaxes(1, 2).reshape(step.g * step.n, -1, b)

        dk = dk.at[step.key_row].add(
            by_block(_dot('gqd,gqk->gdk', qc, ds)), mode='promise_in_bounds'
        )
        dv = dv.at[step.key_row].add(
            by_block(_dot('gqd,gqk->gdk', doc, kept_p)), mode='promise_in_bounds'
        )
        return (dq, dk, dv, dslopes, darray), None

    carry = (
        jnp.zeros(q.shape, jnp.float32),
        jnp.zeros((k.shape[0], k.shape[2], b), jnp.float32),
        jnp.zeros((v.shape[0], v.shape[2], b), jnp.float32),
        None if extras.slopes is None else jnp.zeros((H,), jnp.float32),
        None if extras.array is None else jnp.zeros(extras.array.shape, jnp.float32),
    )
    for steps in plan.parts:
        turns = jnp.arange(B * H * len(steps.rows))
        carry, _ = jax.lax.scan(functools.partial(body, steps), carry, turns)
    dq, dk, dv, dslopes, darray = carry
    dq = join_blocks(dq, B, H, static.pattern.length).astype(q_BLHK.dtype)
    dk, dv = (
        join_blocks(x.swapaxes(1, 2), B, H, static.pattern.key_length).astype(y.dtype)
        for x, y in ((dk, k_BMHK), (dv, v_BMHV))
    )
    nothing = jax.tree.map(zero_cotangent, extras)
    return dq, dk, dv, dataclasses.replace(nothing, slopes=dslopes, array=darray)


def zero_cotangent(x: Array):
    if jnp.issubdtype(x.dtype, jnp.floating):
        return jnp.zeros(x.shape, x.dtype)
    return np.zeros(x.shape, jax.dtypes.float0)


sparse.defvjp(sparse_fwd, backward)
