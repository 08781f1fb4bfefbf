"""Attention on a mesh: batch and heads split as they are, the sequence as its pattern needs.

`attention.attend` comes here when a mesh is set (`jax.set_mesh`) that has one of the axes of
`mesh.py` with more than one device. Windows exchange halos, global blocks are gathered, random
blocks are sent to the devices that use them (`exchange.py` has the tables and the bytes moved),
`anchored` regroups tokens by residue with an all-to-all, dense patterns pass keys and values around
a ring.
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from genojax.attention import bias as biases
from genojax.attention import inputs, patterns
from genojax.attention.sharded import block_rows, exchange, mesh, residue_classes, ring
from genojax.attention.sharded.shard_call import ShardCall
from genojax.attention.xla import anchored, operands
from genojax.typing import Array


def attend(
    local: Callable,
    axes: dict[str, int],
    q: Array,
    k: Array,
    v: Array,
    pattern: patterns.Pattern,
    modifiers: inputs.Modifiers,
    *,
    scale: float,
) -> tuple[Array, Array]:
    """Output and log-sum-exp; see `attention.attend`.

    Args:
        local: `attend` of the implementation to use where the sequence is not split.
        axes: sizes of the mesh axes to split over, from `mesh.axes`.

    Raises:
        NotImplementedError: an array bias with a split sequence.
        ValueError: tokens that do not make whole blocks on every device.
    """
    B, _, H, _ = q.shape
    split = mesh.split(axes, B, H, pattern)
    run = _implementation(split, local, pattern, scale)
    modifiers = _broadcast(modifiers, B)
    specs = _partition_specs(split, modifiers)

    def body(q, k, v, modifiers):
        with jax.named_scope('attention'):
            modifiers = dataclasses.replace(modifiers, row_ids=_row_ids(split, q))
            return run(q, k, v, modifiers)

    x = split.spec('B', 'L', 'H', '.')
    mapped = jax.shard_map(
        body, in_specs=(x, x, x, specs), out_specs=(x, split.spec('B', 'L', 'H')), check_vma=False
    )
    return mapped(q, k, v, modifiers)


def _implementation(
    split: mesh.AttentionSplit, local: Callable, pattern: patterns.Pattern, scale: float
) -> Callable:
    """What runs on each device: a function of queries, keys, values and modifiers."""
    if split.devices == 1:

        def run(q, k, v, modifiers):
            return local(q, k, v, pattern, modifiers, scale=scale)

        return run
    block = pattern.natural_block or operands.DEFAULT_BLOCK
    exchange.check(pattern, split.devices, block)
    call = ShardCall(pattern, split.devices, block, scale)
    if anchored.match(pattern) is not None:
        return functools.partial(residue_classes.attend, call)
    if exchange.needs_ring(pattern, split.devices, block):
        block = exchange.ring_block(pattern, split.devices, block)
        return functools.partial(ring.attend, dataclasses.replace(call, block=block))
    return functools.partial(block_rows.attend, call)


def _broadcast(modifiers: inputs.Modifiers, B: int) -> inputs.Modifiers:
    """Explicit segments of keys, and per-token arrays with a full batch axis."""

    def rows(x):
        return None if x is None else jnp.broadcast_to(x, (B, *x.shape[1:]))

    bias = modifiers.bias
    if isinstance(bias, biases.LinearBias):
        bias = biases.LinearBias(bias.slopes_H, rows(bias.q_coord_BL), rows(bias.k_coord_BM))
    return dataclasses.replace(
        modifiers,
        segments_BL=rows(modifiers.segments_BL),
        key_segments_BM=rows(modifiers.key_segments),
        bias=bias,
    )


def _partition_specs(split: mesh.AttentionSplit, modifiers: inputs.Modifiers) -> inputs.Modifiers:
    """Partition specs in the form of the modifiers."""
    per_token, bias = split.spec('B', 'L'), modifiers.bias
    if isinstance(bias, biases.LinearBias):
        bias = biases.LinearBias(split.spec('H'), per_token, per_token)
    elif bias is not None:
        if split.devices > 1:
            raise NotImplementedError(
                'an array bias with a sequence split over devices; use a LinearBias'
            )
        batch, head = 'B' if bias.shape[0] > 1 else '.', 'H' if bias.shape[1] > 1 else '.'
        bias = split.spec(batch, head, '.', '.')
    dropout = modifiers.dropout
    return inputs.Modifiers(
        segments_BL=None if modifiers.segments_BL is None else per_token,
        key_segments_BM=None if modifiers.key_segments_BM is None else per_token,
        bias=bias,
        dropout=None if dropout is None else biases.Dropout(dropout.rate, jax.P()),
    )


def _row_ids(split: mesh.AttentionSplit, q: Array) -> Array:
    """batch * heads + head in the whole, per batch entry and head here; dropout needs it."""
    B, H = q.shape[0], q.shape[2]
    batch = jnp.arange(B) + (jax.lax.axis_index(split.batch) * B if split.batch else 0)
    head = jnp.arange(H) + (jax.lax.axis_index(split.head) * H if split.head else 0)
    return (batch[:, None] * split.heads + head[None, :]).reshape(-1)
