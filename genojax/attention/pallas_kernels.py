"""Block-sparse attention for TPU as Pallas kernels: forward, and backward for queries and for keys.

Scores are kept transposed, [keys, queries]: what belongs to queries (maximum, log-sum-exp, segment) then lies along
lanes, and dK and dV are plain products. Products take the inputs' dtype and add up in float32; softmax is float32.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from genojax.attention import bias as biases
from genojax.attention import pallas_table, patterns, tiles
from genojax.attention.pallas_table import LOW
from genojax.typing import Array, Float


@dataclasses.dataclass(frozen=True)
class Static:
    """What is known before the arrays are."""

    pattern: patterns.Pattern
    block: int
    scale: float
    part: bool = (
        False  # rows see other keys elsewhere: the output stays float32, because it is to be merged
    )
    apart: int | None = None  # pairs whose positions are at most that far apart are masked


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Tokens:
    """Optional arrays per query and key: segment, coordinate, position; each [B, L]."""

    q_segment: Any = None
    k_segment: Any = None
    q_coord: Any = None
    k_coord: Any = None
    q_position: Any = None
    k_position: Any = None
    slopes: Any = None  # [H]


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def attend(
    static: Static,
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    v_BMHV: Float[Array, 'B M H V'],
    tokens: Tokens,
) -> tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Output and log-sum-exp."""
    return _forward(static, q_BLHK, k_BMHK, v_BMHV, tokens)


def _attend_fwd(static: Static, q_BLHK, k_BMHK, v_BMHV, tokens: Tokens):
    # Kept as it is before it is rounded: where a row sees one key in effect, its score gradients are a difference of two
    # numbers that are almost the same, and one of them is made from it.
    o, lse = _forward(dataclasses.replace(static, part=True), q_BLHK, k_BMHK, v_BMHV, tokens)
    rounded = o if static.part else o.astype(q_BLHK.dtype)
    return (rounded, lse), (q_BLHK, k_BMHK, v_BMHV, tokens, o, lse)


class _Arrays:
    """The arrays of one call by block, and the calls of the pattern's table over them."""

    def __init__(self, static: Static, q_BLHK, k_BMHK, v_BMHV, tokens: Tokens):
        self.static, self.tokens, b = static, tokens, static.block
        self.B, self.L, self.H, self.K = q_BLHK.shape
        self.M, self.V = v_BMHV.shape[1], v_BMHV.shape[-1]
        self.tall, self.wide = -(-self.L // b), -(-self.M // b)
        self.blocked = [('q', self.of_queries(q_BLHK), 'q')]
        self.blocked += [
            (name, self._of_keys(x), 'k') for name, x in (('k', k_BMHK), ('v', v_BMHV))
        ]

    def of_queries(self, x: Array) -> Array:
        """[B, L, H, K] to [B * H, blocks, block, K]."""
        x = tiles.split_blocks(x, self.tall, self.static.block)
        return x.reshape(self.B * self.H, self.tall, self.static.block, -1)

    def _of_keys(self, x: Array) -> Array:
        x = tiles.split_blocks(x, self.wide, self.static.block)
        return x.reshape(self.B * self.H, self.wide, self.static.block, -1)

    def row(self, x_BLH: Array, fill: float) -> Array:
        """[B, L, H] to [B * H, blocks, 1, block]."""
        b = self.static.block
        x = x_BLH.swapaxes(1, 2).reshape(self.B * self.H, self.L)
        pad = [(0, 0), (0, self.tall * b - self.L)]
        return jnp.pad(x, pad, constant_values=fill).reshape(-1, self.tall, 1, b)

    def join(self, x: Array, length: int) -> Array:
        """[B * H, blocks, block, K] to [B, length, H, K]."""
        return tiles.join_blocks(x, self.B, self.H, length)

    def join_row(self, x: Array) -> Array:
        """[B * H, blocks, 1, block] to [B, L, H]."""
        return x.reshape(self.B, self.H, -1)[:, :, : self.L].swapaxes(1, 2)

    def run(self, turned: bool, kernel, outputs, scratch) -> list[Array]:
        """The kernel over every entry of the table; see `pallas_table.Call.run`."""
        pattern = self.static.pattern
        calls, tiles = pallas_table.parts(pattern, self.static.block, turned)
        results = []
        for part in calls:
            call = pallas_table.Call(part, pattern.heads, turned, self.B, self.H)
            for name, x, of in self.blocked:
                call.add(name, x, of)
            call.add_tiles(tiles)
            self._add_tokens(call)
            results.append(call.run(kernel, outputs, scratch))
        return pallas_table.gather(calls, results, self.wide if turned else self.tall)

    def _add_tokens(self, call: pallas_table.Call) -> None:
        b, tokens = self.static.block, self.tokens

        def rows(x, n, dtype):
            x = jnp.pad(x, [(0, 0), (0, n * b - x.shape[1])]).astype(dtype)
            return x.reshape(self.B, n, 1, b)

        segments = tokens.q_segment, tokens.k_segment
        if tokens.k_segment is None and self.M % b:  # what fills up the last block is segment 0
            ones = [jnp.ones((self.B, n), jnp.int32) for n in (self.tall * b, self.M)]
            segments = tuple(ones)
        pairs = {
            'segment': segments,
            'coord': (tokens.q_coord, tokens.k_coord),
            'position': (tokens.q_position, tokens.k_position),
        }
        for name, (q, k) in pairs.items():
            if k is not None:
                # as numbers of 24 bits two segments could become one
                dtype = jnp.int32 if name == 'segment' else jnp.float32
                call.add(f'q_{name}', rows(q, self.tall, dtype), 'q', by_head=False)
                call.add(f'k_{name}', rows(k, self.wide, dtype), 'k', by_head=False)
        if tokens.slopes is not None:
            call.add_slopes(jnp.tile(tokens.slopes, self.B).reshape(-1, 1, 1))


def _dot(a: Array, b: Array, contract: tuple[int, int]) -> Array:
    precision = jax.lax.Precision.HIGHEST if a.dtype == jnp.float32 else None
    dims = (((contract[0],), (contract[1],)), ((), ()))
    return jax.lax.dot_general(a, b, dims, preferred_element_type=jnp.float32, precision=precision)


def _down(row: Array, queries: int) -> Array:
    """What lies along keys in lanes, [1, keys], as [keys, queries]."""
    return jnp.broadcast_to(row, (queries, row.shape[1])).T


def _distance(inputs, queries: int) -> Array:
    return jnp.abs(inputs['q_coord'][...] - _down(inputs['k_coord'][...], queries))


def _scores(static: Static, inputs) -> Array:
    """Masked scores [keys, queries], `LOW` where nothing is seen."""
    q, k = inputs['q'][...], inputs['k'][...]
    s = _dot(k, q, (1, 1)) * static.scale
    queries = q.shape[0]
    if 'slope' in inputs:
        s = s - inputs['slope'][0, 0] * _distance(inputs, queries)
    if 'tile' in inputs:
        tile = inputs['tile'][...]
        s = jnp.where(tile > LOW / 2, s + tile, LOW)
    if 'k_segment' in inputs:
        k_segment = _down(inputs['k_segment'][...], queries)
        s = jnp.where((k_segment == inputs['q_segment'][...]) & (k_segment > 0), s, LOW)
    if static.apart is not None:
        gap = jnp.abs(inputs['q_position'][...] - _down(inputs['k_position'][...], queries))
        s = jnp.where(gap > static.apart, s, LOW)
    return s


def _exp(s: Array, top: Array) -> Array:
    return jnp.where(s > LOW / 2, jnp.exp(s - top), 0.0)


def _zero(scratch) -> None:
    for x in scratch:
        x[...] = jnp.zeros_like(x)


def _forward(static: Static, q_BLHK, k_BMHK, v_BMHV, tokens: Tokens):
    arrays = _Arrays(static, q_BLHK, k_BMHK, v_BMHV, tokens)
    b, V = static.block, arrays.V
    dtype = jnp.float32 if static.part else q_BLHK.dtype
    outputs = [((b, V), dtype), ((1, b), jnp.float32)]
    kernel = functools.partial(_softmax_kernel, static)
    o, lse = arrays.run(False, kernel, outputs, [(1, b), (1, b), (V, b)])
    return arrays.join(o, arrays.L), arrays.join_row(lse)


def _softmax_kernel(static: Static, inputs, outputs, scratch, seen, first, last) -> None:
    """Output and log-sum-exp of a row's queries by the running maximum."""
    top, total, acc = scratch

    @pl.when(first)
    def _():
        _zero((total, acc))
        top[...] = jnp.full_like(top, LOW)

    @pl.when(seen)
    def _():
        s = _scores(static, inputs)
        new = jnp.maximum(top[...], s.max(0, keepdims=True))
        p, shrink = _exp(s, new), jnp.exp(top[...] - new)
        total[...] = total[...] * shrink + p.sum(0, keepdims=True)
        v = inputs['v'][...]
        acc[...] = acc[...] * shrink + _dot(v, p.astype(v.dtype), (0, 0))
        top[...] = new

    @pl.when(last)
    def _():
        some = total[...] > 0
        safe = jnp.where(some, total[...], 1.0)
        outputs[0][...] = (acc[...] / safe).T.astype(outputs[0].dtype)
        outputs[1][...] = jnp.where(some, top[...] + jnp.log(safe), -jnp.inf)


def _attend_bwd(static: Static, kept, cotangents):
    q_BLHK, k_BMHK, v_BMHV, tokens, o_BLHV, lse_BLH = kept
    do_BLHV, dlse_BLH = cotangents
    arrays = _Arrays(static, q_BLHK, k_BMHK, v_BMHV, tokens)
    delta_BLH = (do_BLHV.astype(jnp.float32) * o_BLHV.astype(jnp.float32)).sum(-1) - dlse_BLH
    lse_BLH = jnp.where(jnp.isneginf(lse_BLH), -LOW, lse_BLH)
    arrays.blocked += [
        ('do', arrays.of_queries(do_BLHV.astype(q_BLHK.dtype)), 'q'),
        ('lse', arrays.row(lse_BLH, -LOW), 'q'),
        ('delta', arrays.row(delta_BLH, 0.0), 'q'),
    ]
    b, K, V = static.block, arrays.K, arrays.V
    linear = tokens.slopes is not None
    sums = 3 * linear  # see biases.slope_sums
    dq, *slope_sums = arrays.run(
        False,
        functools.partial(_query_kernel, static),
        [((b, K), q_BLHK.dtype)] + [((1, b), jnp.float32)] * sums,
        [(K, b)] + [(1, b)] * sums,
    )
    dk, dv = arrays.run(
        True,
        functools.partial(_key_kernel, static),
        [((b, K), k_BMHK.dtype), ((b, V), v_BMHV.dtype)],
        [(b, K), (b, V)],
    )
    dslopes = None
    if linear:
        sums_BLH3 = jnp.stack([arrays.join_row(x) for x in slope_sums], axis=-1)
        dslopes = biases.slope_gradient(sums_BLH3, dlse_BLH)
    nothing = dataclasses.replace(jax.tree.map(tiles.zero_cotangent, tokens), slopes=dslopes)
    join = arrays.join
    return join(dq, arrays.L), join(dk, arrays.M), join(dv, arrays.M), nothing


attend.defvjp(_attend_fwd, _attend_bwd)


def _weights_and_gradients(static: Static, inputs) -> tuple[Array, Array]:
    """Probabilities and gradients of the scores, [keys, queries]."""
    p = _exp(_scores(static, inputs), inputs['lse'][...])
    dp = _dot(inputs['v'][...], inputs['do'][...], (1, 1))
    return p, p * (dp - inputs['delta'][...])


def _query_kernel(static: Static, inputs, outputs, scratch, seen, first, last) -> None:
    """dQ of a row's queries and, with slopes, what their gradient is made of."""
    pl.when(first)(lambda: _zero(scratch))

    @pl.when(seen)
    def _():
        p, ds = _weights_and_gradients(static, inputs)
        k = inputs['k'][...]
        scratch[0][...] += _dot(k, ds.astype(k.dtype), (0, 0))
        if 'slope' in inputs:
            distance = _distance(inputs, static.block)
            for sums, x in zip(scratch[1:], (ds * distance, ds, p * distance), strict=True):
                sums[...] += x.sum(0, keepdims=True)

    @pl.when(last)
    def _():
        outputs[0][...] = (scratch[0][...] * static.scale).T.astype(outputs[0].dtype)
        for output, sums in zip(outputs[1:], scratch[1:], strict=True):
            output[...] = sums[...]


def _key_kernel(static: Static, inputs, outputs, scratch, seen, first, last) -> None:
    """dK and dV of a column's keys."""
    pl.when(first)(lambda: _zero(scratch))

    @pl.when(seen)
    def _():
        p, ds = _weights_and_gradients(static, inputs)
        q, do = inputs['q'][...], inputs['do'][...]
        scratch[0][...] += _dot(ds.astype(q.dtype), q, (1, 0))
        scratch[1][...] += _dot(p.astype(do.dtype), do, (1, 0))

    @pl.when(last)
    def _():
        outputs[0][...] = (scratch[0][...] * static.scale).astype(outputs[0].dtype)
        outputs[1][...] = scratch[1][...].astype(outputs[1].dtype)
