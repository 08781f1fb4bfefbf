"""Collectives that bring key blocks to the device that needs them, inside `shard_map`."""

import jax
import jax.numpy as jnp

from genojax.attention.sharded import exchange
from genojax.typing import Array


def take_blocks(x: Array, index: Array, block: int) -> Array:
    """Blocks of [B, L, ...] by number, [B, index..., block, ...]."""
    return x.reshape(x.shape[0], -1, block, *x.shape[2:])[:, index]


def collect_keys(
    plan: exchange.ExchangePlan, axis: str, x: Array, block: int, round_index: Array | int = 0
) -> Array:
    """All key blocks that a round of this device needs, ordered as in `ExchangePlan.sparse_lists`.

    Args:
        axis: mesh axis of the sequence.
        x: this device's keys, [B, own * block, ...]; the result is [B, keys * block, ...].
    """
    n, device = plan.devices, jax.lax.axis_index(axis)
    B, rest = x.shape[0], x.shape[2:]
    parts = [x]
    if plan.halo:
        edge = plan.halo * block
        to_right = [(d, (d + 1) % n) for d in range(n)]
        to_left = [(d, (d - 1) % n) for d in range(n)]
        parts.append(jax.lax.ppermute(x[:, -edge:], axis, to_right))
        parts.append(jax.lax.ppermute(x[:, :edge], axis, to_left))
    if plan.gathered.size:
        own = take_blocks(x, jnp.asarray(plan.gathered)[device], block)
        gathered = jax.lax.all_gather(own, axis, axis=1)
        parts.append(gathered.reshape(B, -1, *rest))
    if plan.sent.size:
        own = take_blocks(x, jnp.asarray(plan.sent)[device, round_index], block)
        received = jax.lax.all_to_all(own, axis, 1, 1)
        parts.append(received.reshape(B, -1, *rest))
    return jnp.concatenate(parts, axis=1)


def gather_dense_rows(plan: exchange.ExchangePlan, axis: str, x: Array, block: int) -> Array:
    """The dense rows of all devices, [B, W * block, ...]."""
    rows = jnp.asarray(plan.dense_rows)[jax.lax.axis_index(axis)]
    gathered = jax.lax.all_gather(take_blocks(x, rows, block), axis, axis=1)
    gathered = gathered.reshape(x.shape[0], -1, block, *x.shape[2:])
    gathered = gathered[:, jnp.asarray(plan.dense_index)]
    return gathered.reshape(x.shape[0], -1, *x.shape[2:])


def by_residue(n: int, period: int, axis: str, x: Array) -> Array:
    """[B, L/n, ...] of consecutive tokens to [B, L/n, ...] of whole residue classes.

    The result's token m * (period/n) + r is the m-th token of this device's r-th residue.
    """
    B, L, *rest = x.shape
    x = x.reshape(B, L // period, n, period // n, *rest)
    # [B, n from, L/n/period, period/n, ...]
    x = jax.lax.all_to_all(jnp.moveaxis(x, 2, 1), axis, 1, 1)
    return x.reshape(B, L, *rest)


def by_token(n: int, period: int, axis: str, x: Array) -> Array:
    """The inverse of `by_residue`."""
    B, L, *rest = x.shape
    x = x.reshape(B, n, L // period, period // n, *rest)
    x = jnp.moveaxis(jax.lax.all_to_all(x, axis, 1, 1), 1, 2)
    return x.reshape(B, L, *rest)


def anchor_keys(period: int, axis: str, x: Array) -> Array:
    """The anchor keys (every period-th token) of all devices, [B, anchors, ...]."""
    gathered = jax.lax.all_gather(x[:, ::period], axis, axis=1)
    return gathered.reshape(x.shape[0], -1, *x.shape[2:])
