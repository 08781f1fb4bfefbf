"""Key blocks brought to the device that wants them, and attention over them one head, and a few rows, at a time.

Where a device collects several times what it owns (BigBird's random blocks: three for each of its rows), the collected
keys of all heads would be the most of its memory. So heads go one by one and their rows in rounds, each of which collects
what its own rows want; the backward pass collects again.

Keys and values come out as they went in. Whoever uses them next takes these, and then the gradients of the next user are
what the gradients here are added to: two full arrays less than adding them up at the end.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from genojax.attention import block_sparse, exchange, tiles
from genojax.typing import Array


def take_blocks(x: Array, index: Array, block: int) -> Array:
    """Blocks of [B, L, ...] by number, [B, index..., block, ...]."""
    return x.reshape(x.shape[0], -1, block, *x.shape[2:])[:, index]


def collect(
    plan: exchange.Exchange, axis: str, x: Array, block: int, turn: Array | int = 0
) -> Array:
    """All key blocks that a round of this device needs, [B, keys * block, ...], in the order of `Exchange.near`."""
    n, me = plan.devices, jax.lax.axis_index(axis)
    B, rest = x.shape[0], x.shape[2:]
    parts = [x]
    if plan.halo:
        edge = plan.halo * block
        right_of = [(d, (d + 1) % n) for d in range(n)]
        left_of = [(d, (d - 1) % n) for d in range(n)]
        parts.append(jax.lax.ppermute(x[:, -edge:], axis, right_of))
        parts.append(jax.lax.ppermute(x[:, :edge], axis, left_of))
    if plan.gathered.size:
        mine = take_blocks(x, jnp.asarray(plan.gathered)[me], block)
        every = jax.lax.all_gather(mine, axis, axis=1)
        parts.append(every.reshape(B, -1, *rest))
    if plan.sent.size:
        mine = take_blocks(x, jnp.asarray(plan.sent)[me, turn], block)
        received = jax.lax.all_to_all(mine, axis, 1, 1)
        parts.append(received.reshape(B, -1, *rest))
    return jnp.concatenate(parts, axis=1)


@dataclasses.dataclass(frozen=True)
class Which:
    """Which rows of which pattern, over which mesh axis; static."""

    static: tiles.Static  # its pattern is an `exchange.Shard`, near or far
    axis: str

    @property
    def shard(self) -> exchange.Shard:
        return self.static.pattern

    @property
    def plan(self) -> exchange.Exchange:
        shard = self.shard
        return exchange.plan(shard.pattern, shard.devices, shard.block, shard.rounds)

    def rows(self, turn: Array) -> Array:
        """The own rows, or gathered wide rows, of a round."""
        if self.shard.part == 'far':
            return jnp.arange(self.shard.length // self.shard.block)
        return jnp.asarray(self.plan.rows)[jax.lax.axis_index(self.axis), turn]

    def bring(self, x: Array, turn: Array) -> Array:
        """The keys that the rows need: collected for narrow rows, own ones for wide rows."""
        if self.shard.part == 'far':
            return x
        return collect(self.plan, self.axis, x, self.shard.block, turn)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Tokens:
    """What belongs to rows and own keys; optional arrays are [B, L, ...] as queries and keys are.

    `rows` and `q_blocks` are as in `tiles.Place`; `k_blocks` of the own keys, for wide rows.
    """

    q_segment: Any
    k_segment: Any
    slopes: Any
    q_coord: Any
    k_coord: Any
    words: Any
    rows: Any
    q_blocks: Any
    k_blocks: Any


def _head(x: Array, h: Array) -> Array:
    return jax.lax.dynamic_slice_in_dim(x, h, 1, 2)


def _extras(which: Which, tokens: Tokens, h: Array, turn: Array):
    """The static description and the extras of one head and round."""
    static, shard = which.static, which.shard
    index = which.rows(turn)

    def of_rows(x):
        return None if x is None else take_blocks(x, index, shard.block).reshape(-1, shard.block)

    def of_keys(x):
        return None if x is None else which.bring(x, turn).reshape(-1, shard.block)

    me = jax.lax.axis_index(which.axis)
    k_blocks = tokens.k_blocks
    if shard.part == 'near':
        k_blocks = jnp.asarray(which.plan.key_blocks)[me, turn]
    rows = tokens.rows.reshape(static.batch, static.heads)
    rows = jax.lax.dynamic_slice_in_dim(rows, h, 1, 1).reshape(-1)
    place = tiles.Place(me * shard.rounds + turn, rows, tokens.q_blocks[index], k_blocks)
    slopes = None
    if tokens.slopes is not None:
        slopes = jax.lax.dynamic_slice_in_dim(tokens.slopes, h, 1)
    extras = tiles.Extras(
        of_rows(tokens.q_segment),
        of_keys(tokens.k_segment),
        slopes,
        of_rows(tokens.q_coord),
        of_keys(tokens.k_coord),
        None,
        tokens.words,
        place,
    )
    return dataclasses.replace(static, heads=1), extras


def _put_head(whole: Array, part: Array, h: Array) -> Array:
    return jax.lax.dynamic_update_slice_in_dim(whole, part.astype(whole.dtype), h, 2)


def _put_rows(whole: Array, part: Array, index: Array, block: int) -> Array:
    """A round's rows in their places among all rows of the head."""
    shape = whole.shape
    blocked = whole.reshape(shape[0], -1, block, *shape[2:])
    part = part.reshape(shape[0], -1, block, *shape[2:]).astype(whole.dtype)
    return blocked.at[:, index].set(part, unique_indices=True).reshape(shape)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def by_head(
    which: Which, q: Array, k: Array, v: Array, tokens: Tokens
) -> tuple[Array, Array, Array, Array]:
    """Output and log-sum-exp of the narrow or wide rows, and keys and values for the next to use."""
    return (*_forward(which, q, k, v, tokens), k, v)


def _forward(which: Which, q, k, v, tokens: Tokens):
    static, block = which.static, which.shard.block

    def head(carry, h):
        q1, k1, v1 = (_head(x, h) for x in (q, k, v))

        def some_rows(carry, turn):
            here, extras = _extras(which, tokens, h, turn)
            index = which.rows(turn)
            q2 = take_blocks(q1, index, block).reshape(q1.shape[0], -1, *q1.shape[2:])
            keys, values = (which.bring(x, turn) for x in (k1, v1))
            found = block_sparse.forward(here, q2, keys, values, extras)
            return tuple(
                _put_rows(x, y, index, block) for x, y in zip(carry, found, strict=True)
            ), None

        empty = tuple(jnp.zeros_like(_head(x, h)) for x in carry)
        found, _ = jax.lax.scan(some_rows, empty, jnp.arange(which.shard.rounds))
        return tuple(_put_head(x, y, h) for x, y in zip(carry, found, strict=True)), None

    dtype = jnp.float32 if static.part else q.dtype
    empty = (jnp.zeros((*q.shape[:3], v.shape[-1]), dtype), jnp.zeros(q.shape[:3], jnp.float32))
    return jax.lax.scan(head, empty, jnp.arange(static.heads))[0]


def _by_head_fwd(which, q, k, v, tokens):
    o, lse = _forward(which, q, k, v, tokens)
    return (o, lse, k, v), (q, k, v, tokens, o, lse)


def _by_head_bwd(which: Which, kept, cotangents):
    q, k, v, tokens, o, lse = kept
    *cotangents, dk, dv = cotangents
    block = which.shard.block

    def head(carry, h):
        *whole, dslopes = carry
        of_queries = [_head(x, h) for x in (q, o, lse, *cotangents)]
        k1, v1 = _head(k, h), _head(v, h)

        def some_rows(carry, turn):
            dq1, dk1, dv1, dslope = carry
            here, extras = _extras(which, tokens, h, turn)
            index = which.rows(turn)
            q2, o2, lse2, do2, dlse2 = (
                take_blocks(x, index, block).reshape(x.shape[0], -1, *x.shape[2:])
                for x in of_queries
            )
            (keys, values), give_back = jax.vjp(
                lambda k, v: (which.bring(k, turn), which.bring(v, turn)), k1, v1
            )
            kept2 = (q2, keys, values, extras, o2, lse2)
            dq2, dkeys, dvalues, dextras = block_sparse.backward(here, kept2, (do2, dlse2))
            dk2, dv2 = give_back((dkeys, dvalues))
            if dslope is not None:
                dslope = dslope + dextras.slopes[0]
            return (_put_rows(dq1, dq2, index, block), dk1 + dk2, dv1 + dv2, dslope), None

        first = [jnp.zeros_like(of_queries[0]), *(_head(x, h) for x in whole[1:])]
        first = (*first, None if dslopes is None else jnp.float32(0))
        (*found, dslope), _ = jax.lax.scan(some_rows, first, jnp.arange(which.shard.rounds))
        whole = [_put_head(x, y, h) for x, y in zip(whole, found, strict=True)]
        return (*whole, None if dslopes is None else dslopes.at[h].set(dslope)), None

    dslopes = None if tokens.slopes is None else jnp.zeros_like(tokens.slopes)
    carry = (jnp.zeros_like(q), dk, dv, dslopes)
    (dq, dk, dv, dslopes), _ = jax.lax.scan(head, carry, jnp.arange(which.static.heads))
    nothing = jax.tree.map(tiles.zero_cotangent, tokens)
    return dq, dk, dv, dataclasses.replace(nothing, slopes=dslopes)


by_head.defvjp(_by_head_fwd, _by_head_bwd)
