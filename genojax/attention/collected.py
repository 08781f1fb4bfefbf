"""Key blocks brought to the device that wants them, and attention over them one head at a time.

Where a device collects several times what it owns (BigBird's random blocks: three for each of its rows), the collected
keys of all heads would be the most of its memory. So heads go one by one, and the backward pass collects again.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp

from genojax.attention import block_sparse, exchange
from genojax.typing import Array


def take_blocks(x: Array, index: Array, block: int) -> Array:
    """Blocks of [B, L, ...] by number, [B, index..., block, ...]."""
    return x.reshape(x.shape[0], -1, block, *x.shape[2:])[:, index]


def collect(plan: exchange.Exchange, axis: str, x: Array, block: int) -> Array:
    """All key blocks this device needs, [B, keys * block, ...], in the order of `Exchange.near`."""
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
        mine = take_blocks(x, jnp.asarray(plan.sent)[me], block)
        received = jax.lax.all_to_all(mine, axis, 1, 1)
        parts.append(received.reshape(B, -1, *rest))
    return jnp.concatenate(parts, axis=1)


def _head(which, h, q, k, v, extras):
    """One head's arrays, [B, L, 1, K], and what goes with them."""
    static, _, _, _ = which
    one = [jax.lax.dynamic_slice_in_dim(x, h, 1, 2) for x in (q, k, v)]
    slopes = None if extras.slopes is None else jax.lax.dynamic_slice_in_dim(extras.slopes, h, 1)
    rows = extras.place.rows.reshape(static.batch, static.heads)
    rows = jax.lax.dynamic_slice_in_dim(rows, h, 1, 1).reshape(-1)
    place = dataclasses.replace(extras.place, rows=rows)
    extras = dataclasses.replace(extras, slopes=slopes, place=place)
    return dataclasses.replace(static, heads=1), one, extras


def _bring(which, x: Array) -> Array:
    """The keys that the rows need: collected for narrow rows, own ones for wide rows."""
    static, pattern, devices, axis = which
    if static.pattern.part == 'far':
        return x
    return collect(exchange.plan(pattern, devices, static.block), axis, x, static.block)


def _put(whole: Array, part: Array, h: Array) -> Array:
    return jax.lax.dynamic_update_slice_in_dim(whole, part.astype(whole.dtype), h, 2)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def by_head(
    which, q: Array, k: Array, v: Array, extras: block_sparse.Extras
) -> tuple[Array, Array]:
    """Output and log-sum-exp of the narrow or wide rows; `which` is (static, pattern, devices, mesh axis)."""
    return _forward(which, q, k, v, extras)


def _forward(which, q, k, v, extras):
    static = which[0]

    def turn(carry, h):
        here, (q1, k1, v1), extras1 = _head(which, h, q, k, v, extras)
        keys, values = (_bring(which, x) for x in (k1, v1))
        o, lse = block_sparse.forward(here, q1, keys, values, extras1)
        return (_put(carry[0], o, h), _put(carry[1], lse, h)), None

    empty = (jnp.zeros((*q.shape[:3], v.shape[-1]), q.dtype), jnp.zeros(q.shape[:3], jnp.float32))
    return jax.lax.scan(turn, empty, jnp.arange(static.heads))[0]


def _by_head_fwd(which, q, k, v, extras):
    o, lse = _forward(which, q, k, v, extras)
    return (o, lse), (q, k, v, extras, o, lse)


def _by_head_bwd(which, kept, cotangents):
    q, k, v, extras, o, lse = kept
    static = which[0]

    def turn(carry, h):
        dq, dk, dv, dslopes = carry
        here, (q1, k1, v1), extras1 = _head(which, h, q, k, v, extras)
        (keys, values), give_back = jax.vjp(
            lambda k, v: (_bring(which, k), _bring(which, v)), k1, v1
        )
        rest = [jax.lax.dynamic_slice_in_dim(x, h, 1, 2) for x in (o, lse, *cotangents)]
        kept1 = (q1, keys, values, extras1, *rest[:2])
        dq1, dkeys, dvalues, dextras = block_sparse.backward(here, kept1, tuple(rest[2:]))
        dk1, dv1 = give_back((dkeys, dvalues))
        if dslopes is not None:
            dslopes = dslopes.at[h].set(dextras.slopes[0])
        return (_put(dq, dq1, h), _put(dk, dk1, h), _put(dv, dv1, h), dslopes), None

    dslopes = None if extras.slopes is None else jnp.zeros_like(extras.slopes)
    carry = (jnp.zeros_like(q), jnp.zeros_like(k), jnp.zeros_like(v), dslopes)
    (dq, dk, dv, dslopes), _ = jax.lax.scan(turn, carry, jnp.arange(static.heads))
    nothing = jax.tree.map(block_sparse.zero_cotangent, extras)
    return dq, dk, dv, dataclasses.replace(nothing, slopes=dslopes)


by_head.defvjp(_by_head_fwd, _by_head_bwd)
