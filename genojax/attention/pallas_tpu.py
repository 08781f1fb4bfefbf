"""Block-sparse attention for TPU: own Pallas kernels, forward and backward, over a flat block table.

The table of key blocks is one-dimensional and prefetched into scalar memory: a two-dimensional one is padded to 128
lanes a row and overflows it at 2^20 tokens. Rows with many key blocks (global ones) are a second, dense call, so every
row of the first has the same small width; the backward pass does the same with columns. Scores are kept transposed,
[keys, queries]: what belongs to queries (maximum, log-sum-exp, segment) then lies along lanes, and dK and dV are plain
products. `anchored` runs as its window plus full attention within residue classes.
On CPU the kernels are interpreted: right, slow, for tests. Not run on a TPU yet: compiled for one only.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from genojax.attention import anchored, block_sparse, patterns
from genojax.attention import bias as biases
from genojax.attention.blocks import Blocks
from genojax.typing import Array, Float, Int

DEFAULT_BLOCK = 128
NARROW = 16  # columns or rows with more blocks than this go by the dense call
LOW = -1e30
_COLUMN_BITS = 20


@dataclasses.dataclass(frozen=True)
class Static:
    """What is known before the arrays are; `apart` masks pairs whose positions are at most that far apart."""

    pattern: patterns.Pattern
    block: int
    scale: float
    heads: int
    apart: int | None = None


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


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """Rows of one call: int32 [R] row blocks and the flat table [heads * R * W] of column + tile << 20, -1 if empty."""

    rows: np.ndarray
    table: np.ndarray
    width: int


@functools.lru_cache(maxsize=32)
def parts(
    pattern: patterns.Pattern, block: int, turned: bool
) -> tuple[tuple[Part, ...], np.ndarray]:
    """The calls for rows (or, turned, for columns) and the tiles' log multiplicities, [T, keys, queries]."""
    lists = pattern.blocks(block)
    tiles = np.log(np.maximum(lists.tiles, 1).astype(np.float32))
    tiles = np.where(lists.tiles > 0, tiles, LOW).astype(np.float32).swapaxes(1, 2)
    if turned:
        lists = lists.transposed()
    counts = lists.counts().max(0)
    narrow = np.flatnonzero(counts <= NARROW)
    wide = np.flatnonzero(counts > NARROW)
    calls = tuple(_part(lists, rows, counts) for rows in (narrow, wide) if len(rows))
    return calls, np.concatenate([np.zeros((1, block, block), np.float32), tiles])


def _part(lists: Blocks, rows: np.ndarray, counts: np.ndarray) -> Part:
    width = max(int(counts[rows].max()), 1)
    table = np.full((lists.heads, len(rows), width), -1, np.int32)
    for head in range(lists.heads):
        start = lists.start[head * lists.tall + rows]
        count = lists.start[head * lists.tall + rows + 1] - start
        filled = np.arange(width) < count[:, None]
        at = (start[:, None] + np.arange(width))[filled]
        table[head][filled] = lists.column[at] + (lists.kind[at] << _COLUMN_BITS)
    return Part(rows.astype(np.int32), table.reshape(-1), width)


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
) -> tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Attention and log-sum-exp; see `attention.attend`.

    Raises:
        NotImplementedError: an array bias or dropout (block_sparse takes both).
    """
    if bias is not None and not isinstance(bias, biases.Linear):
        raise NotImplementedError('pallas_tpu takes a Linear bias, not an array')
    if dropout is not None and dropout.rate > 0:
        raise NotImplementedError('pallas_tpu has no attention dropout')
    if segments_BL is not None and key_segments_BM is None:
        key_segments_BM = segments_BL
    if segments_BL is None and key_segments_BM is not None:
        segments_BL = jnp.ones(q_BLHK.shape[:2], key_segments_BM.dtype)
        key_segments_BM = (key_segments_BM > 0).astype(key_segments_BM.dtype)
    tokens = Tokens(segments_BL, key_segments_BM)
    if bias is not None:
        q_coord, k_coord = (
            jnp.broadcast_to(x.astype(jnp.float32), (q_BLHK.shape[0], x.shape[1]))
            for x in (bias.q_coord_BL, bias.k_coord_BM)
        )
        slopes = bias.slopes_H.astype(jnp.float32)
        tokens = dataclasses.replace(tokens, q_coord=q_coord, k_coord=k_coord, slopes=slopes)
    H = q_BLHK.shape[2]
    if anchored.match(pattern) is not None:
        return _anchored(q_BLHK, k_BMHK, v_BMHV, pattern, scale, tokens, block)
    block = block or pattern.natural_block or DEFAULT_BLOCK
    return _attend(Static(pattern, block, scale, H), q_BLHK, k_BMHK, v_BMHV, tokens)


def _anchored(q, k, v, pattern, scale, tokens: Tokens, block: int | None):
    """The window, and full attention between residue classes without the pairs the window has."""
    window, stripes = anchored.match(pattern)
    B, L, H, _ = q.shape
    M = k.shape[1]
    block = block or DEFAULT_BLOCK
    near = _attend(Static(window, block, scale, H), q, k, v, tokens)
    groups = dataclasses.replace(anchored.sizes(stripes), together=1)
    groups = dataclasses.replace(
        groups, chunk=-(-L // groups.groups), queries=-(-L // groups.groups)
    )

    def fold(x, f):
        return None if x is None else f(x, groups).reshape(-1, *f(x, groups).shape[3:])

    to_q, to_k = (
        functools.partial(fold, f=anchored.regroup_queries),
        functools.partial(fold, f=anchored.regroup_keys),
    )

    def each(n):
        return jnp.broadcast_to(jnp.arange(n), (B, n))

    def ones(n):
        return jnp.ones((B, n), jnp.int32)

    q_segment = ones(L) if tokens.q_segment is None else tokens.q_segment
    k_segment = ones(M) if tokens.k_segment is None else tokens.k_segment
    # padding tokens get segment 0 by the padding of the regrouping
    far_tokens = Tokens(
        to_q(q_segment),
        to_k(k_segment),
        to_q(tokens.q_coord),
        to_k(tokens.k_coord),
        to_q(each(L)),
        to_k(each(M)),
        tokens.slopes,
    )
    whole = patterns.full(groups.queries, groups.keys)
    size = min(block, max(8, -(-groups.keys // 8) * 8))
    static = Static(whole, size, scale, H, window.window)
    o, lse = _attend(static, to_q(q), to_k(k), to_k(v), far_tokens)

    def unfold(x):
        return anchored.unregroup_queries(x.reshape(B, -1, 1, *x.shape[1:]), groups, L)

    o, lse = anchored.merge(
        (near[0].astype(jnp.float32), near[1]), (unfold(o).astype(jnp.float32), unfold(lse))
    )
    return o.astype(q.dtype), lse


class _Call:
    """One pallas_call: its inputs by name, in order, with their block specs."""

    def __init__(self, static: Static, part: Part, turned: bool, shape: tuple[int, int]):
        self.static, self.part, self.turned = static, part, turned
        self.batch_heads, self.heads = shape
        self.names, self.arrays, self.specs = [], [], []
        self.tables = static.pattern.heads

    def entry(self, bh, r, w, table):
        """The table's entry of this step, -1 if empty."""
        head = jax.lax.rem(bh, self.heads) if self.tables > 1 else 0
        return table[(head * len(self.part.rows) + r) * self.part.width + w]

    def _column(self, bh, r, w, table):
        return jnp.maximum(self.entry(bh, r, w, table), 0) & (2**_COLUMN_BITS - 1)

    def _spec(self, shape, at):
        return pl.BlockSpec(shape, at)

    def add(self, name: str, x: Array, of: str, by_head: bool = True) -> None:
        """An array [B*H or B, blocks, a, b], of 'q' or 'k'; the kernel sees [a, b]."""
        row_wise = (of == 'q') != self.turned

        # lax.div: // on a signed number asks the device for its kind, and there may be none while lowering
        def lead(bh):
            return bh if by_head else jax.lax.div(bh, self.heads)

        def at(bh, r, w, rows, table):
            return (lead(bh), rows[r] if row_wise else self._column(bh, r, w, table), 0, 0)

        self.names.append(name)
        self.arrays.append(x)
        self.specs.append(self._spec((None, None, *x.shape[2:]), at))

    def add_tiles(self, tiles: np.ndarray) -> None:
        """Log multiplicities, [T, keys, queries]; not there if no tile is partial."""
        if len(tiles) == 1:
            return

        def at(bh, r, w, rows, table):
            return jnp.maximum(self.entry(bh, r, w, table), 0) >> _COLUMN_BITS, 0, 0

        self.names.append('tile')
        self.arrays.append(jnp.asarray(tiles))
        self.specs.append(self._spec((None, *tiles.shape[1:]), at))

    def add_slopes(self, slopes: Array) -> None:
        """[B * H, 1, 1]."""
        self.names.append('slope')
        self.arrays.append(slopes)
        self.specs.append(self._spec((None, 1, 1), lambda bh, r, w, rows, table: (bh, 0, 0)))

    def run(self, kernel, outputs, scratch) -> Sequence[Array]:
        """Runs `kernel(names to refs, outputs, scratch, seen, first, last)`; an output is [B*H, R, a, b]."""
        rows, table = jnp.asarray(self.part.rows), jnp.asarray(self.part.table)
        count, width = len(self.part.rows), self.part.width

        def body(rows_ref, table_ref, *refs):
            inputs = dict(zip(self.names, refs, strict=False))
            rest = refs[len(self.names) :]
            bh, r, w = pl.program_id(0), pl.program_id(1), pl.program_id(2)
            seen = self.entry(bh, r, w, table_ref) >= 0
            kernel(inputs, rest[: len(outputs)], rest[len(outputs) :], seen, w == 0, w == width - 1)

        def out_at(bh, r, w, rows, table):
            return (bh, r, 0, 0)

        def call(interpret):
            return pl.pallas_call(
                body,
                grid_spec=pltpu.PrefetchScalarGridSpec(
                    num_scalar_prefetch=2,
                    grid=(self.batch_heads, count, width),
                    in_specs=self.specs,
                    out_specs=[self._spec((None, None, *shape), out_at) for shape, _ in outputs],
                    scratch_shapes=[pltpu.VMEM(shape, jnp.float32) for shape in scratch],
                ),
                out_shape=[
                    jax.ShapeDtypeStruct((self.batch_heads, count, *s), d) for s, d in outputs
                ],
                compiler_params=pltpu.CompilerParams(
                    dimension_semantics=('parallel', 'parallel', 'arbitrary')
                ),
                interpret=interpret,
            )

        # No branch for other devices: there it fails to lower, as it should.
        return jax.lax.platform_dependent(
            rows, table, *self.arrays, cpu=call(True), tpu=call(False)
        )


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


def _blocked(x: Array, count: int, block: int) -> Array:
    """[B, L, H, K] to [B * H, count, block, K]."""
    return block_sparse.split_blocks(x, count, block).reshape(
        x.shape[0] * x.shape[2], count, block, -1
    )


def _tokens(
    call: _Call, static: Static, tokens: Tokens, tall: int, wide: int, B: int, M: int
) -> None:
    b = static.block

    def rows(x, n):
        return jnp.pad(x, [(0, 0), (0, n * b - x.shape[1])]).reshape(B, n, 1, b).astype(jnp.float32)

    pairs = [('segment', tokens.q_segment, tokens.k_segment)]
    if tokens.k_segment is None and M % b:
        pairs = [('segment', jnp.ones((B, tall * b), jnp.int32), jnp.ones((B, M), jnp.int32))]
    pairs.append(('coord', tokens.q_coord, tokens.k_coord))
    pairs.append(('position', tokens.q_position, tokens.k_position))
    for name, q, k in pairs:
        if k is not None:
            call.add(f'q_{name}', rows(q, tall), 'q', by_head=False)
            call.add(f'k_{name}', rows(k, wide), 'k', by_head=False)
    if tokens.slopes is not None:
        call.add_slopes(jnp.tile(tokens.slopes, B).reshape(-1, 1, 1))


def _gather_parts(calls, results, count: int) -> list[Array]:
    """Results of all calls, [B*H, R, a, b] each, put in the order of the row blocks."""
    order = np.argsort(np.concatenate([part.rows for part in calls]))
    joined = [
        jnp.concatenate(x, axis=1) if len(x) > 1 else x[0] for x in zip(*results, strict=False)
    ]
    return [x if np.array_equal(order, np.arange(count)) else x[:, order] for x in joined]


def _forward(static: Static, q_BLHK, k_BMHK, v_BMHV, tokens: Tokens):
    B, L, H, _ = q_BLHK.shape
    M, b, V = k_BMHK.shape[1], static.block, v_BMHV.shape[-1]
    calls, tiles = parts(static.pattern, b, False)
    tall, wide = -(-L // b), -(-M // b)
    q, k, v = _blocked(q_BLHK, tall, b), _blocked(k_BMHK, wide, b), _blocked(v_BMHV, wide, b)

    def kernel(inputs, outputs, scratch, seen, first, last):
        top, total, acc = scratch

        @pl.when(first)
        def _():
            top[...] = jnp.full_like(top, LOW)
            total[...] = jnp.zeros_like(total)
            acc[...] = jnp.zeros_like(acc)

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

    results = []
    for part in calls:
        call = _Call(static, part, False, (B * H, H))
        for name, x, of in (('q', q, 'q'), ('k', k, 'k'), ('v', v, 'k')):
            call.add(name, x, of)
        call.add_tiles(tiles)
        _tokens(call, static, tokens, tall, wide, B, M)
        outputs = [((b, V), q.dtype), ((1, b), jnp.float32)]
        results.append(call.run(kernel, outputs, [(1, b), (1, b), (V, b)]))
    o, lse = _gather_parts(calls, results, tall)
    lse = lse.reshape(B, H, tall * b)[:, :, :L].swapaxes(1, 2)
    return block_sparse.join_blocks(o, B, H, L), lse


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _attend(static: Static, q_BLHK, k_BMHK, v_BMHV, tokens: Tokens):
    return _forward(static, q_BLHK, k_BMHK, v_BMHV, tokens)


def _attend_fwd(static: Static, q_BLHK, k_BMHK, v_BMHV, tokens: Tokens):
    o, lse = _forward(static, q_BLHK, k_BMHK, v_BMHV, tokens)
    return (o, lse), (q_BLHK, k_BMHK, v_BMHV, tokens, o, lse)


def _weights_and_gradients(static: Static, inputs) -> tuple[Array, Array]:
    """Probabilities and gradients of the scores, [keys, queries]."""
    p = _exp(_scores(static, inputs), inputs['lse'][...])
    dp = _dot(inputs['v'][...], inputs['do'][...], (1, 1))
    return p, p * (dp - inputs['delta'][...])


def _attend_bwd(static: Static, kept, cotangents):
    q_BLHK, k_BMHK, v_BMHV, tokens, o_BLHV, lse_BLH = kept
    do_BLHV, dlse_BLH = cotangents
    B, L, H, K = q_BLHK.shape
    M, b, V = k_BMHK.shape[1], static.block, v_BMHV.shape[-1]
    tall, wide = -(-L // b), -(-M // b)
    delta_BLH = (do_BLHV.astype(jnp.float32) * o_BLHV.astype(jnp.float32)).sum(-1) - dlse_BLH
    lse_BLH = jnp.where(jnp.isneginf(lse_BLH), -LOW, lse_BLH)
    q, do = _blocked(q_BLHK, tall, b), _blocked(do_BLHV.astype(q_BLHK.dtype), tall, b)
    k, v = _blocked(k_BMHK, wide, b), _blocked(v_BMHV, wide, b)

    def row(x, fill):
        return jnp.pad(
            x.swapaxes(1, 2).reshape(B * H, L), [(0, 0), (0, tall * b - L)], constant_values=fill
        ).reshape(B * H, tall, 1, b)

    arrays = (
        ('q', q, 'q'),
        ('k', k, 'k'),
        ('v', v, 'k'),
        ('do', do, 'q'),
        ('lse', row(lse_BLH, -LOW), 'q'),
        ('delta', row(delta_BLH, 0.0), 'q'),
    )

    def run(turned, kernel, outputs, scratch):
        calls, tiles = parts(static.pattern, b, turned)
        results = []
        for part in calls:
            call = _Call(static, part, turned, (B * H, H))
            for name, x, of in arrays:
                call.add(name, x, of)
            call.add_tiles(tiles)
            _tokens(call, static, tokens, tall, wide, B, M)
            results.append(call.run(kernel, outputs, scratch))
        return _gather_parts(calls, results, wide if turned else tall)

    def for_queries(inputs, outputs, scratch, seen, first, last):
        @pl.when(first)
        def _():
            for x in scratch:
                x[...] = jnp.zeros_like(x)

        @pl.when(seen)
        def _():
            _, ds = _weights_and_gradients(static, inputs)
            k = inputs['k'][...]
            scratch[0][...] += _dot(k, ds.astype(k.dtype), (0, 0))
            if 'slope' in inputs:
                scratch[1][...] -= (ds * _distance(inputs, b)).sum(0, keepdims=True)

        @pl.when(last)
        def _():
            outputs[0][...] = (scratch[0][...] * static.scale).T.astype(outputs[0].dtype)
            if 'slope' in inputs:
                outputs[1][...] = scratch[1][...]

    def for_keys(inputs, outputs, scratch, seen, first, last):
        @pl.when(first)
        def _():
            for x in scratch:
                x[...] = jnp.zeros_like(x)

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

    linear = tokens.slopes is not None
    outputs, scratch = [((b, K), q.dtype)], [(K, b)]
    if linear:
        outputs, scratch = [*outputs, ((1, b), jnp.float32)], [*scratch, (1, b)]
    dq, *dslope = run(False, for_queries, outputs, scratch)
    dk, dv = run(True, for_keys, [((b, K), k.dtype), ((b, V), v.dtype)], [(b, K), (b, V)])
    dslopes = dslope[0].reshape(B, H, -1).sum((0, 2)) if linear else None
    nothing = dataclasses.replace(jax.tree.map(block_sparse.zero_cotangent, tokens), slopes=dslopes)
    join = block_sparse.join_blocks
    return join(dq, B, H, L), join(dk, B, H, M), join(dv, B, H, M), nothing


_attend.defvjp(_attend_fwd, _attend_bwd)
