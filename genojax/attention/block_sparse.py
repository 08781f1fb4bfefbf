"""Block-sparse attention in plain XLA for any device: a scan over chunks of query blocks, with its own VJP.

The forward pass keeps the output and the log-sum-exp only; the backward pass makes the scores again, chunk by chunk.
What made this fast on XLA:CPU, measured on one core: small chunks (big temporaries pay page faults), dK and dV written
as gqd,gqk->gdk (75 GFLOP/s; as gqk,gqd->gkd 33) and added up transposed, rows that see everything taken in pieces.
Probabilities are made in f32 whatever the inputs are.
"""

import dataclasses
import functools
import os

import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from genojax.attention import bias as biases
from genojax.attention import patterns, schedule, tiles
from genojax.typing import Array, Float, Int

DEFAULT_BLOCK = 64
OUTPUT, LOG_SUM_EXP = (
    'attention_output',
    'attention_log_sum_exp',
)  # names for jax.checkpoint policies


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
    static = tiles.Static(pattern, block, chunk or default_chunk(), scale, B, H, rate)
    extras = tiles.make_extras(static, segments_BL, key_segments_BM, bias, dropout, rows)
    return sparse(static, q_BLHK, k_BMHK, v_BMHV, extras)


def _compute_dtype(q: Array) -> np.dtype:
    # XLA:CPU's bf16 products are no faster than f32 ones, and less exact.
    return jnp.dtype(jnp.float32) if jax.default_backend() == 'cpu' else q.dtype


def _dot(expression: str, a: Array, b: Array) -> Array:
    return jnp.einsum(expression, a, b, preferred_element_type=jnp.float32)


def forward(static: tiles.Static, q_BLHK, k_BMHK, v_BMHV, extras: tiles.Extras):
    plan = schedule.make(static.pattern, static.block, static.chunk)
    b, rows = plan.block, static.batch * static.heads * plan.tall
    q, k, v = (
        tiles.split_blocks(q_BLHK, plan.tall, b),
        tiles.split_blocks(k_BMHK, plan.wide, b),
        tiles.split_blocks(v_BMHV, plan.wide, b),
    )
    dtype = _compute_dtype(q)
    kept_dtype = jnp.float32 if static.part else q.dtype
    out = (
        jnp.zeros((rows, b, v.shape[-1]), kept_dtype),
        jnp.full((rows, b), -jnp.inf, jnp.float32),
    )

    def piece(step):
        """Unnormalised output, sum and maximum of one step."""
        kc, vc = step.keys(k).astype(dtype), step.keys(v).astype(dtype)
        qc = (step.queries(q).astype(jnp.float32) * static.scale).astype(dtype)
        s = step.mask(_dot('gqd,gkd->gqk', qc, kc))
        top = jnp.maximum(s.max(-1, keepdims=True), tiles.LOWEST)
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
        step = tiles.Step(static, plan, steps, extras, s)
        return write(out, step, *piece(step)), None

    def wide(steps, carry, s):
        out, (o, total, top) = carry
        step = tiles.Step(static, plan, steps, extras, s)
        o_new, total_new, top_new = piece(step)
        top_old = jnp.where(step.first, tiles.LOWEST, top)
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
    o_BLHV = tiles.join_blocks(out[0], static.batch, static.heads, static.pattern.length)
    lse_BLH = tiles.join_blocks(
        out[1][..., None], static.batch, static.heads, static.pattern.length
    )[..., 0]
    return o_BLHV, lse_BLH


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def sparse(static: tiles.Static, q_BLHK, k_BMHK, v_BMHV, extras: tiles.Extras):
    return forward(static, q_BLHK, k_BMHK, v_BMHV, extras)


def sparse_fwd(static: tiles.Static, q_BLHK, k_BMHK, v_BMHV, extras: tiles.Extras):
    o_BLHV, lse_BLH = forward(static, q_BLHK, k_BMHK, v_BMHV, extras)
    o_BLHV, lse_BLH = checkpoint_name(o_BLHV, OUTPUT), checkpoint_name(lse_BLH, LOG_SUM_EXP)
    return (o_BLHV, lse_BLH), (q_BLHK, k_BMHK, v_BMHV, extras, o_BLHV, lse_BLH)


def backward(static: tiles.Static, kept, cotangents):
    q_BLHK, k_BMHK, v_BMHV, extras, o_BLHV, lse_BLH = kept
    do_BLHV, dlse_BLH = cotangents
    plan = schedule.make(static.pattern, static.block, static.chunk)
    b, B, H = plan.block, static.batch, static.heads
    dtype = _compute_dtype(q_BLHK)
    q, o, do = (tiles.split_blocks(x, plan.tall, b) for x in (q_BLHK, o_BLHV, do_BLHV))
    k, v = (tiles.split_blocks(x, plan.wide, b) for x in (k_BMHK, v_BMHV))
    # exp(s - inf) = 0 is what a row needs that sees nothing, or that only fills up the last block: its scores are the bias,
    # which has no bound.
    lse_BLH = jnp.where(jnp.isneginf(lse_BLH), jnp.inf, lse_BLH)
    lse = tiles.split_blocks(lse_BLH[..., None], plan.tall, b, jnp.inf)[..., 0]
    dlse = tiles.split_blocks(dlse_BLH[..., None], plan.tall, b)[..., 0]

    # A row whose keys are all in one step has its sum of p * dp there; from an output rounded to bf16 it is less exact.
    rounded = o_BLHV.dtype != jnp.float32 and not static.part

    def body(steps, carry, s):
        dq, dk, dv, slope_sums, darray = carry
        step = tiles.Step(static, plan, steps, extras, s)
        kc, vc = step.keys(k).astype(dtype), step.keys(v).astype(dtype)
        qc = (step.queries(q).astype(jnp.float32) * static.scale).astype(dtype)
        doc = step.queries(do)
        if not (rounded and steps.first is None):
            delta = (doc.astype(jnp.float32) * step.queries(o).astype(jnp.float32)).sum(-1)
        doc = doc.astype(dtype)
        lc = jnp.where(jnp.repeat(step.real, b, axis=-1), step.queries(lse), jnp.inf)
        p = jnp.exp(step.mask(_dot('gqd,gkd->gqk', qc, kc)) - lc[..., None])
        dp = _dot('gqd,gkd->gqk', doc, vc)
        kept_p = p
        if static.dropout_rate:
            keep = step.keep()
            kept_p, dp = p * keep, dp * keep
        if rounded and steps.first is None:
            delta = (p * dp).sum(-1)
        ds = p * (dp - (delta - step.queries(dlse))[..., None])
        if slope_sums is not None:
            sums = biases.slope_sums(ds, p, step.distance()).reshape(-1, b, 3)
            slope_sums = slope_sums.at[step.out_row].add(sums, mode='drop')
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
        return (dq, dk, dv, slope_sums, darray), None

    carry = (
        jnp.zeros(q.shape, jnp.float32),
        jnp.zeros((k.shape[0], k.shape[2], b), jnp.float32),
        jnp.zeros((v.shape[0], v.shape[2], b), jnp.float32),
        None if extras.slopes is None else jnp.zeros((*q.shape[:2], 3), jnp.float32),
        None if extras.array is None else jnp.zeros(extras.array.shape, jnp.float32),
    )
    for steps in plan.parts:
        turns = jnp.arange(B * H * len(steps.rows))
        carry, _ = jax.lax.scan(functools.partial(body, steps), carry, turns)
    dq, dk, dv, slope_sums, darray = carry
    dslopes = None
    if slope_sums is not None:
        sums_BLH3 = tiles.join_blocks(slope_sums, B, H, static.pattern.length)
        dslopes = biases.slope_gradient(sums_BLH3, None if static.part else dlse_BLH)
    dq = tiles.join_blocks(dq, B, H, static.pattern.length).astype(q_BLHK.dtype)
    dk, dv = (
        tiles.join_blocks(x.swapaxes(1, 2), B, H, static.pattern.key_length).astype(y.dtype)
        for x, y in ((dk, k_BMHK), (dv, v_BMHV))
    )
    nothing = jax.tree.map(tiles.zero_cotangent, extras)
    return dq, dk, dv, dataclasses.replace(nothing, slopes=dslopes, array=darray)


sparse.defvjp(sparse_fwd, backward)
