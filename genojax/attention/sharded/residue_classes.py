"""Anchored patterns: the window by halo, the stripes by an all-to-all of whole residue classes."""

import dataclasses
import functools

import jax
import numpy as np

from genojax.attention import inputs
from genojax.attention.sharded import block_rows, collect, shard_call
from genojax.attention.sharded.shard_call import ShardCall
from genojax.attention.xla import anchored, stripes
from genojax.typing import Array


def attend(
    call: ShardCall, q: Array, k: Array, v: Array, modifiers: inputs.Modifiers
) -> tuple[Array, Array]:
    """Output and log-sum-exp of this device's queries.

    Raises:
        ValueError: devices and period that do not divide the sequence into whole residue classes.
    """
    window, residue = anchored.match(call.pattern)
    n, period = call.devices, residue.period
    if q.shape[1] % period or (residue.a and period % n):
        raise ValueError(
            f'anchored attention over {n} devices needs {n * period} to divide'
            f' {call.pattern.length} tokens and {n} to divide the period {period}'
        )
    window_call = dataclasses.replace(call, pattern=window, partial=True)
    windowed = block_rows.attend(window_call, q, k, v, modifiers)
    spec = stripes.StripesSpec(
        window, residue, call.scale, q.shape[2], modifiers.dropout_rate, shards=n
    )
    device = jax.lax.axis_index(call.axis)
    if residue.a:
        of_queries = functools.partial(collect.by_residue, n, period, call.axis)
        origin = device * (period // n)
        of_keys = functools.partial(_mirrored_residues, call, period)
    else:
        of_queries, origin = _unchanged, device * q.shape[1]
        of_keys = functools.partial(collect.anchor_keys, period, call.axis)
    stripes_inputs = stripes.StripesInputs(
        tokens=modifiers.token_inputs(*q.shape[:2]).map(of_queries, of_keys),
        dropout_words=shard_call.dropout_words(modifiers),
        origin=origin,
        row_ids=modifiers.row_ids,
    )
    o, lse = stripes.attend(spec, of_queries(q), of_keys(k), of_keys(v), stripes_inputs)
    if residue.a:
        o, lse = (collect.by_token(n, period, call.axis, x) for x in (o, lse))
    o, lse = anchored.merge(windowed, (o, lse))
    return o.astype(q.dtype), lse


def _unchanged(x: Array) -> Array:
    return x


def _mirrored_residues(call: ShardCall, period: int, x: Array) -> Array:
    """`collect.by_residue` with residue -r in the place of r: the keys of query residue r."""
    B, L, *rest = x.shape
    mirrored = np.arange(period) * -1 % period
    x = x.reshape(B, L // period, period, *rest)[:, :, mirrored].reshape(B, L, *rest)
    return collect.by_residue(call.devices, period, call.axis, x)
