"""The anchored pattern exactly, in L * window + L^2 / period work.

`(i + j) % period == 0` pairs every query of residue r with every key of residue -r: after regrouping by residue these
are dense squares. Pairs the window has already are left out there, so each counts once, and the two softmaxes are
merged by their log-sum-exp. In the backward pass both parts use the merged log-sum-exp, so one VJP serves both.
`kind='columns'` (`j % period == 0`) is the case of a single group: all queries against the anchor keys.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp

from genojax.attention import bias as biases
from genojax.attention import block_sparse, kinds, patterns, tiles
from genojax.typing import Array, Float, Int

STEP_SCORES = 2**17  # scores made at once: half a MiB in f32 stays in a core's second-level cache
QUERY_CHUNK = 256


def match(pattern: patterns.Pattern) -> tuple[patterns.Pattern, patterns.Pattern] | None:
    """The window and the stripes of an anchored pattern; None if the pattern is another one."""
    if not isinstance(pattern, kinds.Either):
        return None
    for window, stripes in ((pattern.left, pattern.right), (pattern.right, pattern.left)):
        known = isinstance(window, kinds.Local) and isinstance(stripes, kinds.Residue)
        if known and (stripes.a, stripes.b) in ((1, 1), (0, 1)):
            return window, stripes
    return None


@dataclasses.dataclass(frozen=True)
class Groups:
    """Sizes of the stripes regrouped by residue: `groups` squares of `queries` x `keys`, in steps of `together`.

    `matched`: keys come as the queries do, group r holding the keys of residue -r already (or the anchor keys only).
    """

    a: int
    period: int
    groups: int
    queries: int
    keys: int
    chunk: int
    together: int
    matched: bool = False

    @property
    def chunks(self) -> int:
        return self.queries // self.chunk


def sizes(stripes: kinds.Residue, shards: int = 1) -> Groups:
    """How a pattern's stripes are cut; on each of `shards` devices when the sequence is spread over them."""
    period, keys = stripes.period, -(-stripes.key_length // stripes.period)
    groups = period // shards if stripes.a else 1
    queries = -(-stripes.length // shards // groups)
    chunk = min(queries, QUERY_CHUNK)
    fits = [n for n in range(1, groups + 1) if groups % n == 0 and n * chunk * keys <= STEP_SCORES]
    queries = -(-queries // chunk) * chunk
    together = max(fits, default=1)
    return Groups(stripes.a, period, groups, queries, keys, chunk, together, shards > 1)


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
) -> tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Attention and log-sum-exp; see `attention.attend`.

    Raises:
        NotImplementedError: a pattern that is not anchored, or a dense array bias (block_sparse takes both).
    """
    if match(pattern) is None:
        raise NotImplementedError(f'anchored computes window + stripes only, not {pattern}')
    if bias is not None and not isinstance(bias, biases.Linear):
        raise NotImplementedError('anchored takes a Linear bias, not an array')
    B, L, H, _ = q_BLHK.shape
    rate = dropout.rate if dropout is not None else 0.0
    window, _ = match(pattern)
    block = min(block_sparse.DEFAULT_BLOCK, max(L, k_BMHK.shape[1]))
    chunk = block_sparse.default_chunk()
    static = tiles.Static(window, block, chunk, scale, B, H, rate, part=True)
    if segments_BL is not None and key_segments_BM is None:
        key_segments_BM = segments_BL
    extras = tiles.make_extras(static, segments_BL, key_segments_BM, bias, dropout, rows)
    slopes = q_coord = k_coord = None
    if bias is not None:
        slopes = bias.slopes_H.astype(jnp.float32)
        q_coord, k_coord = (x.astype(jnp.float32) for x in (bias.q_coord_BL, bias.k_coord_BM))
    if segments_BL is None and key_segments_BM is not None:
        segments_BL = jnp.ones((B, L), key_segments_BM.dtype)
        key_segments_BM = (key_segments_BM > 0).astype(key_segments_BM.dtype)
    tokens = (
        segments_BL,
        key_segments_BM,
        q_coord,
        k_coord,
        slopes,
        extras.words,
        jnp.int32(0),
        rows,
    )
    return _anchored((static, pattern), q_BLHK, k_BMHK, v_BMHV, extras, tokens)


def regroup_queries(x_BLX: Array, groups: Groups) -> Array:
    """[B, L, ...] to [B, steps, together, chunk, ...], by residue."""
    total = groups.groups * groups.queries
    x = jnp.pad(x_BLX, [(0, 0), (0, total - x_BLX.shape[1])] + [(0, 0)] * (x_BLX.ndim - 2))
    rest = x.shape[2:]
    # token m * groups + r is query m of group r
    x = x.reshape(x.shape[0], groups.chunks, groups.chunk, -1, groups.together, *rest)
    x = jnp.moveaxis(x, (3, 1, 4, 2), (1, 2, 3, 4))
    return x.reshape(x.shape[0], -1, groups.together, groups.chunk, *rest)


def unregroup_queries(x: Array, groups: Groups, length: int) -> Array:
    """The inverse of `regroup_queries`."""
    rest = x.shape[4:]
    x = x.reshape(x.shape[0], -1, groups.chunks, groups.together, groups.chunk, *rest)
    x = jnp.moveaxis(x, (1, 2, 3, 4), (3, 1, 4, 2))
    return x.reshape(x.shape[0], -1, *rest)[:, :length]


def regroup_keys(x_BMX: Array, groups: Groups) -> Array:
    """[B, M, ...] to [B, groups / together, together, keys, ...]: group r holds the keys of residue -r."""
    total, rest = groups.keys * groups.period, x_BMX.shape[2:]
    if groups.matched:
        x = x_BMX.reshape(x_BMX.shape[0], groups.keys, groups.groups, *rest)
    elif groups.a == 0:
        x = x_BMX[:, :: groups.period][:, :, None]
    else:
        x = jnp.pad(x_BMX, [(0, 0), (0, total - x_BMX.shape[1])] + [(0, 0)] * len(rest))
        x = x.reshape(x.shape[0], groups.keys, groups.period, *rest)
        x = x[:, :, (-jnp.arange(groups.period)) % groups.period]
    x = jnp.swapaxes(x, 1, 2)
    return x.reshape(x.shape[0], -1, groups.together, groups.keys, *rest)


def unregroup_keys(x: Array, groups: Groups, length: int) -> Array:
    """The transpose of `regroup_keys`: cotangents back to their tokens."""
    rest = x.shape[4:]
    x = jnp.swapaxes(x.reshape(x.shape[0], groups.groups, groups.keys, *rest), 1, 2)
    if groups.matched:
        return x.reshape(x.shape[0], -1, *rest)
    if groups.a == 0:
        full = jnp.zeros((x.shape[0], length, *rest), x.dtype)
        return full.at[:, :: groups.period].set(x[:, :, 0])
    x = x[:, :, (-jnp.arange(groups.period)) % groups.period]
    return x.reshape(x.shape[0], -1, *rest)[:, :length]


def _heads_first(x: Array) -> Array:
    """[B, S, ..., H, K] to [B * H * S, ..., K]."""
    x = jnp.moveaxis(x, -2, 1)
    return x.reshape(-1, *x.shape[3:])


def _heads_last(x: Array, B: int, H: int) -> Array:
    x = x.reshape(B, H, -1, *x.shape[1:])
    return jnp.moveaxis(x, 1, -2)


class _Step:
    """Positions and masks of one step: `together` groups, a chunk of queries against all keys of the group."""

    def __init__(self, static, pattern, groups: Groups, tokens, s: Array):
        origin = tokens[6]  # the first residue, or the first query, of this shard
        self.static, self.groups, self.tokens = static, groups, tokens
        self.window, self.stripes = match(pattern)
        steps = groups.groups // groups.together * groups.chunks
        self.bh = s // steps
        self.batch, self.head = self.bh // static.heads, self.bh % static.heads
        square, chunk = s % steps // groups.chunks, s % groups.chunks
        self.key_row = s // groups.chunks  # into the regrouped keys
        self.query_step = self.batch * steps + s % steps
        self.key_step = self.batch * (groups.groups // groups.together) + square
        r = square * groups.together + jnp.arange(groups.together)[:, None]
        m = chunk * groups.chunk + jnp.arange(groups.chunk)[None, :]
        self.token = (m * groups.groups + r)[:, :, None]
        j = jnp.arange(groups.keys)[None, :] * groups.period
        if groups.a:
            self.i = (m * groups.period + r + origin)[:, :, None]
            self.j = (j + (-(r + origin)) % groups.period)[:, None, :]
        else:
            self.i, self.j = (m + origin)[:, :, None], j[:, None, :]

    def distance(self):
        _, _, q_coord, k_coord, slopes, *_ = self.tokens
        if slopes is None:
            return None
        return jnp.abs(q_coord[self.query_step][:, :, None] - k_coord[self.key_step][:, None, :])

    def mask(self, s: Array) -> Array:
        q_segment, k_segment, _, _, slopes, *_ = self.tokens
        if slopes is not None:
            s = s - slopes[self.head] * self.distance()
        seen = (jnp.abs(self.i - self.j) > self.window.window) & (self.j < self.stripes.key_length)
        if k_segment is not None:
            k = k_segment[self.key_step][:, None, :]
            seen = seen & (k > 0) & (q_segment[self.query_step][:, :, None] == k)
        return jnp.where(seen, s, -jnp.inf)

    def keep(self) -> Array:
        words, rows = self.tokens[5], self.tokens[7]
        row = self.bh if rows is None else rows[self.bh]
        rate = self.static.dropout_rate
        return biases.keep_pairs(words, rate, jnp.reshape(row, (1, 1, 1)), self.i, self.j) / (
            1 - rate
        )


def _regroup(tokens, groups: Groups, B: int):
    """Per-token extras by group, with batch and steps in one leading axis."""

    def flat(x):
        return x.reshape(-1, *x.shape[2:])

    def wide(x):
        return jnp.broadcast_to(x, (B, x.shape[1]))

    def turn(x, f):
        return None if x is None else flat(f(wide(x), groups))

    q_segment, k_segment, q_coord, k_coord, *others = tokens
    return (
        turn(q_segment, regroup_queries),
        turn(k_segment, regroup_keys),
        turn(q_coord, regroup_queries),
        turn(k_coord, regroup_keys),
        *others,
    )


def _stripes_forward(static, pattern, q_BLHK, k_BMHK, v_BMHV, tokens):
    B, L, H, _ = q_BLHK.shape
    groups = sizes(match(pattern)[1], static.shards)
    tokens = _regroup(tokens, groups, B)
    q = _heads_first(regroup_queries(q_BLHK, groups))
    k, v = (_heads_first(regroup_keys(x, groups)) for x in (k_BMHK, v_BMHV))

    def body(_, x):
        s, qc = x
        step = _Step(static, pattern, groups, tokens, s)
        kc, vc = k[step.key_row].astype(jnp.float32), v[step.key_row].astype(jnp.float32)
        scores = step.mask(jnp.einsum('gqd,gkd->gqk', qc.astype(jnp.float32) * static.scale, kc))
        top = jnp.maximum(scores.max(-1, keepdims=True), tiles.LOWEST)
        p = jnp.exp(scores - top)
        total = p.sum(-1, keepdims=True)
        safe = jnp.where(total > 0, total, 1.0)
        if static.dropout_rate:
            p = p * step.keep()
        o = jnp.einsum('gqk,gkd->gqd', p, vc) / safe
        lse = jnp.where(total > 0, top + jnp.log(safe), -jnp.inf)
        return None, (o, lse)

    _, (o, lse) = jax.lax.scan(body, None, (jnp.arange(len(q)), q))

    def back(x):
        return unregroup_queries(_heads_last(x, B, H), groups, L)

    return back(o), back(lse)[..., 0]


def _stripes_backward(static, pattern, kept, cotangents):
    q_BLHK, k_BMHK, v_BMHV, tokens, o_BLHV, lse_BLH = kept
    do_BLHV, dlse_BLH = cotangents
    B, L, H, _ = q_BLHK.shape
    groups = sizes(match(pattern)[1], static.shards)
    tokens = _regroup(tokens, groups, B)
    delta_BLH = (do_BLHV.astype(jnp.float32) * o_BLHV.astype(jnp.float32)).sum(-1) - dlse_BLH

    def turn(x):
        return _heads_first(regroup_queries(x, groups))

    q, do = turn(q_BLHK), turn(do_BLHV)
    lse_BLH = jnp.where(jnp.isneginf(lse_BLH), jnp.inf, lse_BLH)
    lse, delta = turn(lse_BLH[..., None]), turn(delta_BLH[..., None])
    k, v = (_heads_first(regroup_keys(x, groups)) for x in (k_BMHK, v_BMHV))

    def body(carry, x):
        dk, dv, dslopes = carry
        s, qc, doc, lc, dc = x
        step = _Step(static, pattern, groups, tokens, s)
        kc, vc = k[step.key_row].astype(jnp.float32), v[step.key_row].astype(jnp.float32)
        qc, doc = qc.astype(jnp.float32) * static.scale, doc.astype(jnp.float32)
        inside = step.token < L  # rows that only fill up the last chunk have lse 0
        p = jnp.exp(jnp.where(inside, step.mask(jnp.einsum('gqd,gkd->gqk', qc, kc)) - lc, -jnp.inf))
        dp, kept_p = jnp.einsum('gqd,gkd->gqk', doc, vc), p
        if static.dropout_rate:
            keep = step.keep()
            kept_p, dp = p * keep, dp * keep
        ds = p * (dp - dc)
        if dslopes is not None:
            dslopes = dslopes.at[step.head].add(-(ds * step.distance()).sum())
        # in this order of letters: see block_sparse
        dk = dk.at[step.key_row].add(jnp.einsum('gqd,gqk->gdk', qc, ds))
        dv = dv.at[step.key_row].add(jnp.einsum('gqd,gqk->gdk', doc, kept_p))
        return (dk, dv, dslopes), jnp.einsum('gqk,gkd->gqd', ds, kc) * static.scale

    def turned(x):
        return jnp.zeros(x.shape[:2] + (x.shape[3], x.shape[2]), jnp.float32)

    dslopes = None if tokens[4] is None else jnp.zeros((H,), jnp.float32)
    carry = (turned(k), turned(v), dslopes)
    (dk, dv, dslopes), dq = jax.lax.scan(body, carry, (jnp.arange(len(q)), q, do, lse, delta))
    dq = unregroup_queries(_heads_last(dq, B, H), groups, L)

    def back(x):
        return unregroup_keys(_heads_last(jnp.swapaxes(x, 2, 3), B, H), groups, k_BMHK.shape[1])

    return dq, back(dk), back(dv), dslopes


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _anchored(which, q_BLHK, k_BMHK, v_BMHV, extras, tokens):
    return _anchored_fwd(which, q_BLHK, k_BMHK, v_BMHV, extras, tokens)[0]


def _anchored_fwd(which, q_BLHK, k_BMHK, v_BMHV, extras, tokens):
    static, pattern = which
    o_near, lse_near = block_sparse.forward(static, q_BLHK, k_BMHK, v_BMHV, extras)
    o_far, lse_far = _stripes_forward(static, pattern, q_BLHK, k_BMHK, v_BMHV, tokens)
    o_BLHV, lse_BLH = merge((o_near, lse_near), (o_far, lse_far))
    # Kept as it is before it is rounded: both parts of the backward pass must agree on it.
    kept = (q_BLHK, k_BMHK, v_BMHV, extras, tokens, o_BLHV, lse_BLH)
    return (o_BLHV.astype(q_BLHK.dtype), lse_BLH), kept


def merge(
    one: tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']],
    two: tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']],
) -> tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Attention over disjoint sets of keys made one, in f32: outputs weighed by exp of their log-sum-exp."""
    (o_one, lse_one), (o_two, lse_two) = one, two
    top_BLH = jnp.maximum(jnp.maximum(lse_one, lse_two), tiles.LOWEST)
    e_one, e_two = jnp.exp(lse_one - top_BLH), jnp.exp(lse_two - top_BLH)
    total_BLH = e_one + e_two
    safe_BLH = jnp.where(total_BLH > 0, total_BLH, 1.0)
    o_BLHV = o_one * (e_one / safe_BLH)[..., None] + o_two * (e_two / safe_BLH)[..., None]
    return o_BLHV, jnp.where(total_BLH > 0, top_BLH + jnp.log(safe_BLH), -jnp.inf)


def _anchored_bwd(which, kept, cotangents):
    static, pattern = which
    q_BLHK, k_BMHK, v_BMHV, extras, tokens, o_BLHV, lse_BLH = kept
    near = block_sparse.backward(
        static, (q_BLHK, k_BMHK, v_BMHV, extras, o_BLHV, lse_BLH), cotangents
    )
    far = _stripes_backward(
        static, pattern, (q_BLHK, k_BMHK, v_BMHV, tokens, o_BLHV, lse_BLH), cotangents
    )
    dq, dk, dv = (
        (a.astype(jnp.float32) + b).astype(a.dtype) for a, b in zip(near[:3], far[:3], strict=False)
    )
    nothing = jax.tree.map(tiles.zero_cotangent, tokens)
    # slopes enter both parts, each returns its share of their gradient
    dtokens = nothing[:4] + (far[3],) + nothing[5:]
    return dq, dk, dv, near[3], dtokens


_anchored.defvjp(_anchored_fwd, _anchored_bwd)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def stripes_only(which, q_BLHK, k_BMHK, v_BMHV, tokens):
    """The stripes without the window, output and log-sum-exp; for a sequence spread over devices."""
    return _stripes_forward(*which, q_BLHK, k_BMHK, v_BMHV, tokens)


def _stripes_fwd(which, q_BLHK, k_BMHK, v_BMHV, tokens):
    o_BLHV, lse_BLH = _stripes_forward(*which, q_BLHK, k_BMHK, v_BMHV, tokens)
    return (o_BLHV, lse_BLH), (q_BLHK, k_BMHK, v_BMHV, tokens, o_BLHV, lse_BLH)


def _stripes_bwd(which, kept, cotangents):
    dq, dk, dv, dslopes = _stripes_backward(*which, kept, cotangents)
    nothing = jax.tree.map(tiles.zero_cotangent, kept[3])
    dq, dk, dv = (d.astype(x.dtype) for d, x in zip((dq, dk, dv), kept, strict=False))
    return dq, dk, dv, nothing[:4] + (dslopes,) + nothing[5:]


stripes_only.defvjp(_stripes_fwd, _stripes_bwd)
