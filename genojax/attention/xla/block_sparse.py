"""Block-sparse attention in plain XLA: a scan over chunks of query blocks, with its own VJP.

The forward pass stores the output and the log-sum-exp only; the backward pass recomputes the
scores, chunk by chunk. What makes it fast on XLA:CPU, measured on one core: small chunks (large
temporaries cause page faults), dK and dV written as gqd,gqk->gdk (75 GFLOP/s; as gqk,gqd->gkd 33)
and accumulated transposed, dense rows computed in pieces. Probabilities are float32 whatever the
dtype of the inputs.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from genojax import sharding
from genojax.attention import bias as biases
from genojax.attention import inputs, patterns
from genojax.attention.xla import operands, schedule
from genojax.attention.xla.step import Step
from genojax.typing import Array, Float

# Names for the policies of jax.checkpoint.
OUTPUT, LOG_SUM_EXP = 'attention_output', 'attention_log_sum_exp'


class Residuals(NamedTuple):
    """What the backward pass needs; `o`, `lse` may be of whole rows: see `BlockSparseSpec`."""

    q_BLHK: Any
    k_BMHK: Any
    v_BMHV: Any
    block_inputs: Any
    o_BLHV: Any
    lse_BLH: Any


class Gradients(NamedTuple):
    """Cotangents of queries, keys, values and optional inputs, as the VJP returns them."""

    dq_BLHK: Any
    dk_BMHK: Any
    dv_BMHV: Any
    block_inputs: Any


def attend(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    v_BMHV: Float[Array, 'B M H V'],
    pattern: patterns.Pattern,
    modifiers: inputs.Modifiers,
    *,
    scale: float,
    block: int | None = None,
    chunk: int | None = None,
) -> tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Attention and log-sum-exp; see `attention.attend`.

    Time and memory are linear in the number of tiles.

    Args:
        block: tokens per side of a tile; the pattern's own block by default.
        chunk: query blocks per step of the scan; by the number of cores by default.
    """
    longest = max(q_BLHK.shape[1], pattern.key_length)
    block = block or pattern.natural_block or min(operands.DEFAULT_BLOCK, longest)
    spec = operands.make_spec(pattern, q_BLHK, modifiers, scale=scale, block=block, chunk=chunk)
    return sparse(spec, q_BLHK, k_BMHK, v_BMHV, operands.make_inputs(spec, modifiers))


def _compute_dtype(q: Array) -> np.dtype:
    # XLA:CPU's bf16 products are no faster than f32 ones, and less exact.
    return jnp.dtype(jnp.float32) if sharding.platform() == 'cpu' else q.dtype


def _einsum(expression: str, a: Array, b: Array) -> Array:
    return jnp.einsum(expression, a, b, preferred_element_type=jnp.float32)


class _Blocked:
    """Queries, keys and values of one call by block, and the products that both passes compute."""

    def __init__(self, spec: operands.BlockSparseSpec, block_inputs, q_BLHK, k_BMHK, v_BMHV):
        self.spec, self.inputs, self.plan = spec, block_inputs, spec.schedule()
        self.q, self.k, self.v = self.of_queries(q_BLHK), self.of_keys(k_BMHK), self.of_keys(v_BMHV)
        self.dtype = _compute_dtype(q_BLHK)

    def of_queries(self, x_BLHK: Array, fill: float = 0.0) -> Array:
        """[B, L, H, K] to [B * H * num_q_blocks, block, K]."""
        return operands.split_blocks(x_BLHK, self.plan.num_q_blocks, self.plan.block, fill)

    def of_keys(self, x_BMHK: Array) -> Array:
        """[B, M, H, K] to [B * H * num_kv_blocks, block, K]."""
        return operands.split_blocks(x_BMHK, self.plan.num_kv_blocks, self.plan.block)

    def join(self, x: Array, length: int) -> Array:
        """[B * H * blocks, block, K] to [B, length, H, K]."""
        return operands.join_blocks(x, self.spec.batch, self.spec.heads, length)

    def step(self, table: schedule.StepTable, s: Array) -> Step:
        return Step(self.spec, table, self.inputs, s)

    def step_numbers(self, table: schedule.StepTable) -> Array:
        """All steps of a table for each batch entry and head."""
        return jnp.arange(self.spec.batch * self.spec.heads * len(table.rows))

    def keys_and_values(self, step: Step) -> tuple[Array, Array]:
        return step.keys(self.k).astype(self.dtype), step.keys(self.v).astype(self.dtype)

    def scaled_queries(self, step: Step) -> Array:
        return (step.queries(self.q).astype(jnp.float32) * self.spec.scale).astype(self.dtype)


class _Partial(NamedTuple):
    """Unnormalised output [g, r*b, V], sum and maximum [g, r*b, 1] over some keys of a step."""

    o: Any
    total: Any
    max: Any


class _Output(NamedTuple):
    """Output [rows, block, V] and log-sum-exp [rows, block] of all rows."""

    o: Any
    lse: Any


def forward(
    spec: operands.BlockSparseSpec, q_BLHK, k_BMHK, v_BMHV, block_inputs: operands.BlockInputs
) -> tuple[Array, Array]:
    """Output and log-sum-exp, without a VJP."""
    blocked = _Blocked(spec, block_inputs, q_BLHK, k_BMHK, v_BMHV)
    rows, b = spec.batch * spec.heads * blocked.plan.num_q_blocks, spec.block
    o_dtype = jnp.float32 if spec.partial else q_BLHK.dtype
    out = _Output(
        jnp.zeros((rows, b, v_BMHV.shape[-1]), o_dtype), jnp.full((rows, b), -jnp.inf, jnp.float32)
    )
    for table in blocked.plan.tables:
        scan = _scan_sparse if table.first is None else _scan_dense
        out = scan(blocked, table, out)
    length = spec.pattern.length
    return blocked.join(out.o, length), blocked.join(out.lse[..., None], length)[..., 0]


def _partial_attention(blocked: _Blocked, step: Step) -> _Partial:
    kc, vc = blocked.keys_and_values(step)
    s = step.mask(_einsum('gqd,gkd->gqk', blocked.scaled_queries(step), kc))
    top = jnp.maximum(s.max(-1, keepdims=True), operands.MIN_SCORE)
    p = jnp.exp(s - top)
    total = p.sum(-1, keepdims=True)
    if blocked.spec.dropout_rate:
        p = p * step.keep()
    return _Partial(_einsum('gqk,gkd->gqd', p.astype(blocked.dtype), vc), total, top)


def _write(out: _Output, step: Step, part: _Partial) -> _Output:
    """The output with the normalised rows of a step."""
    nonempty = part.total > 0
    safe = jnp.where(nonempty, part.total, 1.0)
    lse = jnp.where(nonempty, part.max + jnp.log(safe), -jnp.inf)
    o = (part.o / safe).reshape(-1, step.b, part.o.shape[-1]).astype(out.o.dtype)
    write = {'mode': 'drop', 'unique_indices': True}
    return _Output(
        out.o.at[step.out_row].set(o, **write),
        out.lse.at[step.out_row].set(lse.reshape(-1, step.b), **write),
    )


def _scan_sparse(blocked: _Blocked, table: schedule.StepTable, out: _Output) -> _Output:
    """Each step is the whole softmax of its rows."""

    def body(out, s):
        step = blocked.step(table, s)
        return _write(out, step, _partial_attention(blocked, step)), None

    return jax.lax.scan(body, out, blocked.step_numbers(table))[0]


def _scan_dense(blocked: _Blocked, table: schedule.StepTable, out: _Output) -> _Output:
    """Steps of one group are merged by the running maximum; each writes the merged rows."""

    def body(carry, s):
        out, old = carry
        step = blocked.step(table, s)
        new = _partial_attention(blocked, step)
        old_max = jnp.where(step.first, operands.MIN_SCORE, old.max)
        top = jnp.maximum(old_max, new.max)
        old_weight = jnp.where(step.first, 0.0, jnp.exp(old_max - top))
        new_weight = jnp.exp(new.max - top)
        merged = _Partial(
            old.o * old_weight + new.o * new_weight,
            old.total * old_weight + new.total * new_weight,
            top,
        )
        return (_write(out, step, merged), merged), None

    _, g, r = table.rows.shape
    queries, width = r * blocked.spec.block, blocked.v.shape[-1]
    zero = jnp.zeros((g, queries, 1))
    start = (out, _Partial(jnp.zeros((g, queries, width)), zero, zero))
    (out, _), _ = jax.lax.scan(body, start, blocked.step_numbers(table))
    return out


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def sparse(
    spec: operands.BlockSparseSpec, q_BLHK, k_BMHK, v_BMHV, block_inputs: operands.BlockInputs
) -> tuple[Array, Array]:
    """Output and log-sum-exp, with the VJP of `backward`."""
    return forward(spec, q_BLHK, k_BMHK, v_BMHV, block_inputs)


def _sparse_fwd(spec, q_BLHK, k_BMHK, v_BMHV, block_inputs):
    o_BLHV, lse_BLH = forward(spec, q_BLHK, k_BMHK, v_BMHV, block_inputs)
    o_BLHV, lse_BLH = checkpoint_name(o_BLHV, OUTPUT), checkpoint_name(lse_BLH, LOG_SUM_EXP)
    residuals = Residuals(
        q_BLHK=q_BLHK,
        k_BMHK=k_BMHK,
        v_BMHV=v_BMHV,
        block_inputs=block_inputs,
        o_BLHV=o_BLHV,
        lse_BLH=lse_BLH,
    )
    return (o_BLHV, lse_BLH), residuals


def _sparse_bwd(spec, residuals, cotangents):
    return tuple(backward(spec, residuals, cotangents))


class _RowArrays(NamedTuple):
    """Per-query arrays of the backward pass by block; the last two are [rows, block]."""

    o: Any
    do: Any
    lse: Any
    dlse: Any


class _Accumulated(NamedTuple):
    """Sums over steps, float32; None where there is no such input.

    dk and dv are stored transposed, [B * H * num_kv_blocks, K, block]; slope_sums is
    [B * H * num_q_blocks, block, 3], see `biases.slope_sums`.
    """

    dq: Any
    dk: Any
    dv: Any
    slope_sums: Any
    darray_bias: Any


def backward(
    spec: operands.BlockSparseSpec,
    residuals: Residuals,
    cotangents: tuple[Array, Array],
) -> Gradients:
    """Gradients from the cotangents of output and log-sum-exp."""
    q_BLHK, k_BMHK, v_BMHV, block_inputs, o_BLHV, lse_BLH = residuals
    do_BLHV, dlse_BLH = cotangents
    blocked = _Blocked(spec, block_inputs, q_BLHK, k_BMHK, v_BMHV)
    # exp(s - inf) = 0 is right for a row without keys and for one that pads the last block: its
    # scores are the bias alone, which has no bound.
    lse_BLH = jnp.where(jnp.isneginf(lse_BLH), jnp.inf, lse_BLH)
    rows = _RowArrays(
        o=blocked.of_queries(o_BLHV),
        do=blocked.of_queries(do_BLHV),
        lse=blocked.of_queries(lse_BLH[..., None], jnp.inf)[..., 0],
        dlse=blocked.of_queries(dlse_BLH[..., None])[..., 0],
    )
    # A row whose keys are all in one step has its sum of p * dp there; computed from an output that
    # was rounded to bf16 it is less exact.
    rounded = o_BLHV.dtype != jnp.float32 and not spec.partial
    sums = _empty_sums(blocked)
    for table in blocked.plan.tables:
        delta_from_p = rounded and table.first is None
        body = functools.partial(_backward_step, blocked, rows, table, delta_from_p)
        sums, _ = jax.lax.scan(body, sums, blocked.step_numbers(table))
    return _gradients(blocked, residuals, sums, dlse_BLH)


def _empty_sums(blocked: _Blocked) -> _Accumulated:
    q, k, v, b = blocked.q, blocked.k, blocked.v, blocked.spec.block
    slopes, array = blocked.inputs.tokens.slopes, blocked.inputs.array_bias
    return _Accumulated(
        dq=jnp.zeros(q.shape, jnp.float32),
        dk=jnp.zeros((k.shape[0], k.shape[2], b), jnp.float32),
        dv=jnp.zeros((v.shape[0], v.shape[2], b), jnp.float32),
        slope_sums=None if slopes is None else jnp.zeros((*q.shape[:2], 3), jnp.float32),
        darray_bias=None if array is None else jnp.zeros(array.shape, jnp.float32),
    )


def _backward_step(
    blocked: _Blocked,
    rows: _RowArrays,
    table: schedule.StepTable,
    delta_from_p: bool,
    sums: _Accumulated,
    s: Array,
) -> tuple[_Accumulated, None]:
    spec, dtype, step = blocked.spec, blocked.dtype, blocked.step(table, s)
    kc, vc = blocked.keys_and_values(step)
    qc = blocked.scaled_queries(step)
    doc = step.queries(rows.do)
    if not delta_from_p:
        delta = (doc.astype(jnp.float32) * step.queries(rows.o).astype(jnp.float32)).sum(-1)
    doc = doc.astype(dtype)
    lse = jnp.where(jnp.repeat(step.real, step.b, axis=-1), step.queries(rows.lse), jnp.inf)
    p = jnp.exp(step.mask(_einsum('gqd,gkd->gqk', qc, kc)) - lse[..., None])
    dp = _einsum('gqd,gkd->gqk', doc, vc)
    dropped_p = p
    if spec.dropout_rate:
        keep = step.keep()
        dropped_p, dp = p * keep, dp * keep
    if delta_from_p:
        delta = (p * dp).sum(-1)
    ds = p * (dp - (delta - step.queries(rows.dlse))[..., None])
    slope_sums, darray_bias = _bias_sums(step, sums, ds, p)
    ds, dropped_p = ds.astype(dtype), dropped_p.astype(dtype)
    dqc = _einsum('gqk,gkd->gqd', ds, kc).reshape(-1, step.b, qc.shape[-1]) * spec.scale
    dq = sums.dq.at[step.out_row].add(dqc.astype(sums.dq.dtype), mode='drop')
    dk = _add_keys(sums.dk, step, _einsum('gqd,gqk->gdk', qc, ds))
    dv = _add_keys(sums.dv, step, _einsum('gqd,gqk->gdk', doc, dropped_p))
    return _Accumulated(dq, dk, dv, slope_sums, darray_bias), None


def _bias_sums(step: Step, sums: _Accumulated, ds: Array, p: Array) -> tuple:
    slope_sums, darray_bias = sums.slope_sums, sums.darray_bias
    if slope_sums is not None:
        terms = biases.slope_sums(ds, p, step.distance()).reshape(-1, step.b, 3)
        slope_sums = slope_sums.at[step.out_row].add(terms, mode='drop')
    if darray_bias is not None:
        tile = ds.reshape(step.g, step.r, step.b, step.n, step.b).swapaxes(2, 3)
        darray_bias = darray_bias.at[step.tile_index()].add(tile)
    return slope_sums, darray_bias


def _add_keys(total: Array, step: Step, x: Array) -> Array:
    """Adds [g, K, n*b] to the key blocks of a step, [B * H * num_kv_blocks, K, b]."""
    x = x.reshape(step.g, -1, step.n, step.b).swapaxes(1, 2)
    x = x.reshape(step.g * step.n, -1, step.b)
    return total.at[step.key_row].add(x, mode='promise_in_bounds')


def _gradients(
    blocked: _Blocked, residuals: Residuals, sums: _Accumulated, dlse_BLH: Array
) -> Gradients:
    length, key_length = blocked.spec.pattern.length, blocked.spec.pattern.key_length
    dslopes = None
    if sums.slope_sums is not None:
        sums_BLH3 = blocked.join(sums.slope_sums, length)
        dslopes = biases.slope_gradient(sums_BLH3, None if blocked.spec.partial else dlse_BLH)
    dk, dv = (blocked.join(x.swapaxes(1, 2), key_length) for x in (sums.dk, sums.dv))
    zeros = jax.tree.map(operands.zero_cotangent, blocked.inputs)
    tokens = dataclasses.replace(zeros.tokens, slopes=dslopes)
    return Gradients(
        blocked.join(sums.dq, length).astype(residuals.q_BLHK.dtype),
        dk.astype(residuals.k_BMHK.dtype),
        dv.astype(residuals.v_BMHV.dtype),
        dataclasses.replace(zeros, tokens=tokens, array_bias=sums.darray_bias),
    )


sparse.defvjp(_sparse_fwd, _sparse_bwd)
