"""Block-sparse attention for TPU as Pallas kernels: forward, and backward for queries and for keys.

Scores are stored transposed, [keys, queries]: per-query values (maximum, log-sum-exp, segment) then
lie along lanes, and dK and dV are plain products. Products take the inputs' dtype and accumulate in
float32; softmax is float32.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from genojax.attention import bias as biases
from genojax.attention import inputs as call_inputs
from genojax.attention import patterns
from genojax.attention.tpu import block_table
from genojax.attention.tpu.block_table import MASKED_SCORE, Visit
from genojax.attention.xla import operands
from genojax.typing import Array, Float


@dataclasses.dataclass(frozen=True)
class KernelSpec:
    """The static part of a call.

    Attributes:
        pattern: of the pairs.
        block: tokens per block.
        scale: factor of the scores.
        partial: whether the rows attend to further keys elsewhere. The output then stays float32,
            because it is to be merged.
        min_distance: pairs whose positions differ by no more than this are masked; None for no
            limit.
    """

    pattern: patterns.Pattern
    block: int
    scale: float
    partial: bool = False
    min_distance: int | None = None


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class KernelInputs:
    """The optional inputs of a call.

    Attributes:
        tokens: `TokenInputs` with a full batch axis.
        q_position, k_position: integers [B, L] and [B, M], for `KernelSpec.min_distance`.
    """

    # Any: while JAX rebuilds a tree, its leaves are not always arrays.
    tokens: Any = call_inputs.TokenInputs()
    q_position: Any = None
    k_position: Any = None


class KernelResiduals(NamedTuple):
    """What the backward pass needs."""

    q_BLHK: Any
    k_BMHK: Any
    v_BMHV: Any
    kernel_inputs: Any
    o_BLHV: Any
    lse_BLH: Any


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def attend(
    spec: KernelSpec,
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    v_BMHV: Float[Array, 'B M H V'],
    kernel_inputs: KernelInputs,
) -> tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Output and log-sum-exp."""
    return _forward(spec, q_BLHK, k_BMHK, v_BMHV, kernel_inputs)


def _attend_fwd(spec: KernelSpec, q_BLHK, k_BMHK, v_BMHV, kernel_inputs: KernelInputs):
    # The residual output is not rounded: where a row effectively attends to one key, its score
    # gradients are the difference of two almost equal numbers, one of which is computed from the
    # output.
    unrounded = dataclasses.replace(spec, partial=True)
    o, lse = _forward(unrounded, q_BLHK, k_BMHK, v_BMHV, kernel_inputs)
    residuals = KernelResiduals(
        q_BLHK=q_BLHK,
        k_BMHK=k_BMHK,
        v_BMHV=v_BMHV,
        kernel_inputs=kernel_inputs,
        o_BLHV=o,
        lse_BLH=lse,
    )
    return (o if spec.partial else o.astype(q_BLHK.dtype), lse), residuals


class _BlockedArrays:
    """The arrays of one call by block, and the calls of the pattern's table over them."""

    def __init__(self, spec: KernelSpec, q_BLHK, k_BMHK, v_BMHV, kernel_inputs: KernelInputs):
        self.spec, self.inputs, b = spec, kernel_inputs, spec.block
        self.B, self.L, self.H, self.K = q_BLHK.shape
        self.M, self.V = v_BMHV.shape[1], v_BMHV.shape[-1]
        self.num_q_blocks, self.num_kv_blocks = -(-self.L // b), -(-self.M // b)
        self.blocked = [
            ('q', self.of_queries(q_BLHK), 'q'),
            ('k', self._of_keys(k_BMHK), 'k'),
            ('v', self._of_keys(v_BMHV), 'k'),
        ]

    def _split(self, x: Array, count: int) -> Array:
        x = operands.split_blocks(x, count, self.spec.block)
        return x.reshape(self.B * self.H, count, self.spec.block, -1)

    def of_queries(self, x: Array) -> Array:
        """[B, L, H, K] to [B * H, num_q_blocks, block, K]."""
        return self._split(x, self.num_q_blocks)

    def _of_keys(self, x: Array) -> Array:
        return self._split(x, self.num_kv_blocks)

    def row(self, x_BLH: Array, fill: float) -> Array:
        """[B, L, H] to [B * H, num_q_blocks, 1, block]."""
        b = self.spec.block
        x = x_BLH.swapaxes(1, 2).reshape(self.B * self.H, self.L)
        pad = [(0, 0), (0, self.num_q_blocks * b - self.L)]
        return jnp.pad(x, pad, constant_values=fill).reshape(-1, self.num_q_blocks, 1, b)

    def join(self, x: Array, length: int) -> Array:
        """[B * H, blocks, block, K] to [B, length, H, K]."""
        return operands.join_blocks(x, self.B, self.H, length)

    def join_row(self, x: Array) -> Array:
        """[B * H, blocks, 1, block] to [B, L, H]."""
        return x.reshape(self.B, self.H, -1)[:, :, : self.L].swapaxes(1, 2)

    def run(self, by_column: bool, kernel, outputs, scratch) -> list[Array]:
        """Runs the kernel over every entry of the table; see `block_table.TableCall.run`."""
        table = block_table.build(self.spec.pattern, self.spec.block, by_column)
        results = []
        for part in table.parts:
            call = block_table.TableCall(table, part, self.B, self.H)
            for name, x, of in self.blocked:
                call.add(name, x, of)
            self._add_inputs(call)
            results.append(call.run(functools.partial(kernel, self.spec), outputs, scratch))
        return block_table.gather(table, results)

    def _segments(self) -> tuple:
        tokens, b = self.inputs.tokens, self.spec.block
        if tokens.k_segment is None and self.M % b:  # what pads the last block is segment 0
            lengths = self.num_q_blocks * b, self.M
            return tuple(jnp.ones((self.B, n), jnp.int32) for n in lengths)
        return tokens.q_segment, tokens.k_segment

    def _add_inputs(self, call: block_table.TableCall) -> None:
        b, tokens = self.spec.block, self.inputs.tokens

        def rows(x, n, dtype):
            x = jnp.pad(x, [(0, 0), (0, n * b - x.shape[1])]).astype(dtype)
            return x.reshape(self.B, n, 1, b)

        pairs = {
            'segment': self._segments(),
            'coord': (tokens.q_coord, tokens.k_coord),
            'position': (self.inputs.q_position, self.inputs.k_position),
        }
        for name, (q, k) in pairs.items():
            if k is not None:
                # As floats of 24 bits two segment ids could become equal.
                dtype = jnp.int32 if name == 'segment' else jnp.float32
                call.add(f'q_{name}', rows(q, self.num_q_blocks, dtype), 'q', by_head=False)
                call.add(f'k_{name}', rows(k, self.num_kv_blocks, dtype), 'k', by_head=False)
        if tokens.slopes is not None:
            call.add_slopes(jnp.tile(tokens.slopes, self.B).reshape(-1, 1, 1))


def _dot(a: Array, b: Array, contract: tuple[int, int]) -> Array:
    precision = jax.lax.Precision.HIGHEST if a.dtype == jnp.float32 else None
    dims = (((contract[0],), (contract[1],)), ((), ()))
    return jax.lax.dot_general(a, b, dims, preferred_element_type=jnp.float32, precision=precision)


def _along_keys(row: Array, queries: int) -> Array:
    """Per-key values in lanes, [1, keys], broadcast to [keys, queries]."""
    return jnp.broadcast_to(row, (queries, row.shape[1])).T


def _distance(inputs, queries: int) -> Array:
    return jnp.abs(inputs['q_coord'][...] - _along_keys(inputs['k_coord'][...], queries))


def _scores(spec: KernelSpec, inputs) -> Array:
    """Masked scores [keys, queries], `MASKED_SCORE` for pairs that do not attend."""
    q, k = inputs['q'][...], inputs['k'][...]
    s = _dot(k, q, (1, 1)) * spec.scale
    queries = q.shape[0]
    if 'slope' in inputs:
        s = s - inputs['slope'][0, 0] * _distance(inputs, queries)
    if 'tile' in inputs:
        tile = inputs['tile'][...]
        s = jnp.where(tile > MASKED_SCORE / 2, s + tile, MASKED_SCORE)
    if 'k_segment' in inputs:
        k_segment = _along_keys(inputs['k_segment'][...], queries)
        attended = (k_segment == inputs['q_segment'][...]) & (k_segment > 0)
        s = jnp.where(attended, s, MASKED_SCORE)
    if spec.min_distance is not None:
        k_position = _along_keys(inputs['k_position'][...], queries)
        distance = jnp.abs(inputs['q_position'][...] - k_position)
        s = jnp.where(distance > spec.min_distance, s, MASKED_SCORE)
    return s


def _exp(s: Array, top: Array) -> Array:
    return jnp.where(s > MASKED_SCORE / 2, jnp.exp(s - top), 0.0)


def _clear(scratch) -> None:
    for x in scratch:
        x[...] = jnp.zeros_like(x)


def _forward(spec: KernelSpec, q_BLHK, k_BMHK, v_BMHV, kernel_inputs: KernelInputs):
    arrays = _BlockedArrays(spec, q_BLHK, k_BMHK, v_BMHV, kernel_inputs)
    b, V = spec.block, arrays.V
    dtype = jnp.float32 if spec.partial else q_BLHK.dtype
    outputs = [((b, V), dtype), ((1, b), jnp.float32)]
    o, lse = arrays.run(False, _softmax_kernel, outputs, [(1, b), (1, b), (V, b)])
    return arrays.join(o, arrays.L), arrays.join_row(lse)


def _softmax_kernel(spec: KernelSpec, inputs, outputs, scratch, visit: Visit) -> None:
    """Output and log-sum-exp of a row's queries by the running maximum."""
    top, total, acc = scratch

    @pl.when(visit.first)
    def _():
        _clear((total, acc))
        top[...] = jnp.full_like(top, MASKED_SCORE)

    @pl.when(visit.filled)
    def _():
        s = _scores(spec, inputs)
        new = jnp.maximum(top[...], s.max(0, keepdims=True))
        p, shrink = _exp(s, new), jnp.exp(top[...] - new)
        total[...] = total[...] * shrink + p.sum(0, keepdims=True)
        v = inputs['v'][...]
        acc[...] = acc[...] * shrink + _dot(v, p.astype(v.dtype), (0, 0))
        top[...] = new

    @pl.when(visit.last)
    def _():
        nonempty = total[...] > 0
        safe = jnp.where(nonempty, total[...], 1.0)
        outputs[0][...] = (acc[...] / safe).T.astype(outputs[0].dtype)
        outputs[1][...] = jnp.where(nonempty, top[...] + jnp.log(safe), -jnp.inf)


def _attend_bwd(spec: KernelSpec, residuals: KernelResiduals, cotangents):
    q_BLHK, k_BMHK, v_BMHV, kernel_inputs, o_BLHV, lse_BLH = residuals
    do_BLHV, dlse_BLH = cotangents
    arrays = _BlockedArrays(spec, q_BLHK, k_BMHK, v_BMHV, kernel_inputs)
    delta_BLH = (do_BLHV.astype(jnp.float32) * o_BLHV.astype(jnp.float32)).sum(-1) - dlse_BLH
    lse_BLH = jnp.where(jnp.isneginf(lse_BLH), -MASKED_SCORE, lse_BLH)
    arrays.blocked += [
        ('do', arrays.of_queries(do_BLHV.astype(q_BLHK.dtype)), 'q'),
        ('lse', arrays.row(lse_BLH, -MASKED_SCORE), 'q'),
        ('delta', arrays.row(delta_BLH, 0.0), 'q'),
    ]
    b, K, V = spec.block, arrays.K, arrays.V
    linear = kernel_inputs.tokens.slopes is not None
    sums = 3 * linear  # see biases.slope_sums
    outputs = [((b, K), q_BLHK.dtype)] + [((1, b), jnp.float32)] * sums
    dq, *slope_sums = arrays.run(False, _query_kernel, outputs, [(K, b)] + [(1, b)] * sums)
    outputs = [((b, K), k_BMHK.dtype), ((b, V), v_BMHV.dtype)]
    dk, dv = arrays.run(True, _key_kernel, outputs, [(b, K), (b, V)])
    dslopes = None
    if linear:
        sums_BLH3 = jnp.stack([arrays.join_row(x) for x in slope_sums], axis=-1)
        dslopes = biases.slope_gradient(sums_BLH3, dlse_BLH)
    zeros = jax.tree.map(operands.zero_cotangent, kernel_inputs)
    dinputs = dataclasses.replace(zeros, tokens=dataclasses.replace(zeros.tokens, slopes=dslopes))
    join = arrays.join
    return join(dq, arrays.L), join(dk, arrays.M), join(dv, arrays.M), dinputs


attend.defvjp(_attend_fwd, _attend_bwd)


def _weights_and_gradients(spec: KernelSpec, inputs) -> tuple[Array, Array]:
    """Probabilities and gradients of the scores, [keys, queries]."""
    p = _exp(_scores(spec, inputs), inputs['lse'][...])
    dp = _dot(inputs['v'][...], inputs['do'][...], (1, 1))
    return p, p * (dp - inputs['delta'][...])


def _query_kernel(spec: KernelSpec, inputs, outputs, scratch, visit: Visit) -> None:
    """dQ of a row's queries and, with slopes, the sums of their gradient."""
    pl.when(visit.first)(lambda: _clear(scratch))

    @pl.when(visit.filled)
    def _():
        p, ds = _weights_and_gradients(spec, inputs)
        k = inputs['k'][...]
        scratch[0][...] += _dot(k, ds.astype(k.dtype), (0, 0))
        if 'slope' in inputs:
            distance = _distance(inputs, spec.block)
            for sums, x in zip(scratch[1:], (ds * distance, ds, p * distance), strict=True):
                sums[...] += x.sum(0, keepdims=True)

    @pl.when(visit.last)
    def _():
        outputs[0][...] = (scratch[0][...] * spec.scale).T.astype(outputs[0].dtype)
        for output, sums in zip(outputs[1:], scratch[1:], strict=True):
            output[...] = sums[...]


def _key_kernel(spec: KernelSpec, inputs, outputs, scratch, visit: Visit) -> None:
    """dK and dV of a column's keys."""
    pl.when(visit.first)(lambda: _clear(scratch))

    @pl.when(visit.filled)
    def _():
        p, ds = _weights_and_gradients(spec, inputs)
        q, do = inputs['q'][...], inputs['do'][...]
        scratch[0][...] += _dot(ds.astype(q.dtype), q, (1, 0))
        scratch[1][...] += _dot(p.astype(do.dtype), do, (1, 0))

    @pl.when(visit.last)
    def _():
        outputs[0][...] = (scratch[0][...] * spec.scale).astype(outputs[0].dtype)
        outputs[1][...] = scratch[1][...].astype(outputs[1].dtype)
