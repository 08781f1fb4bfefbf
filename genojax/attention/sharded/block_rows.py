"""Patterns of mostly sparse rows: keys are collected; dense rows computed everywhere, merged."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from genojax.attention import inputs
from genojax.attention.sharded import by_head, collect, exchange, shard_call
from genojax.attention.sharded.shard_call import ShardCall
from genojax.attention.xla import block_sparse, operands
from genojax.typing import Array

MAX_ROUNDS = 4  # of a head's rows, where a device collects much more than it owns
BY_HEAD_SHARE = 1.5  # collected blocks per own block above which heads are computed one by one


def attend(
    call: ShardCall, q: Array, k: Array, v: Array, modifiers: inputs.Modifiers
) -> tuple[Array, Array]:
    """Output and log-sum-exp of this device's queries."""
    plan = exchange.plan(call.pattern, call.devices, call.block)
    tokens = modifiers.token_inputs(*q.shape[:2])
    if plan.dense_lists is None:
        return _sparse_rows(call, (q, k, v), tokens, modifiers)
    dense, k, v = _dense_rows(call, (q, k, v), tokens, modifiers)
    o, lse = _sparse_rows(call, (q, k, v), tokens, modifiers)
    o_dense, lse_dense = merge_devices(*dense)
    home = jnp.asarray(plan.dense_home)[jax.lax.axis_index(call.axis)]

    def blocked(x):
        return x.reshape(x.shape[0], -1, call.block, *x.shape[2:])

    # Rows that lie on another device are beyond the end and dropped. The sparse part left zeros in
    # the dense rows, and adding is cheaper to differentiate than setting, which would have to
    # remember where.
    o_dense, lse_dense = blocked(o_dense).astype(o.dtype), blocked(lse_dense)
    o = blocked(o).at[:, home].add(o_dense, mode='drop').reshape(o.shape)
    lse = blocked(lse).at[:, home].set(lse_dense, mode='drop').reshape(lse.shape)
    return o, lse


def _by_head(call: ShardCall, q: Array) -> bool:
    """Whether heads are computed one by one: where a device collects much more than it owns."""
    plan = exchange.plan(call.pattern, call.devices, call.block)
    collected = plan.sparse_lists.num_kv_blocks > BY_HEAD_SHARE * plan.own_blocks
    return collected and call.pattern.heads == 1 and q.shape[2] > 1


def _dense_rows(
    call: ShardCall,
    arrays: tuple[Array, Array, Array],
    tokens: inputs.TokenInputs,
    modifiers: inputs.Modifiers,
) -> tuple[tuple[Array, Array], Array, Array]:
    """The dense rows of all devices against the own keys; keys and values for the next user."""
    q, k, v = arrays
    plan = exchange.plan(call.pattern, call.devices, call.block)
    device = jax.lax.axis_index(call.axis)
    spec = call.spec(call.shard('dense'), q, modifiers, shards=call.devices)

    def gather(x):
        return collect.gather_dense_rows(plan, call.axis, x, call.block)

    tokens = tokens.map(gather, lambda x: x)
    owner = np.repeat(np.arange(call.devices), plan.dense_rows.shape[1])
    numbers = owner * plan.own_blocks + plan.dense_rows.reshape(-1)
    position = operands.ShardPosition(
        shard=device,
        row_ids=modifiers.row_ids,
        q_blocks=jnp.asarray(numbers[plan.dense_index]),
        k_blocks=shard_call.own_blocks(device, plan.own_blocks),
    )
    if not _by_head(call, q):
        block_inputs = shard_call.shard_inputs(call, tokens, modifiers, position)
        return block_sparse.sparse(spec, gather(q), k, v, block_inputs), k, v
    head_inputs = by_head.HeadInputs(
        tokens=tokens,
        dropout_words=shard_call.dropout_words(modifiers),
        row_ids=position.row_ids,
        q_blocks=position.q_blocks,
        k_blocks=position.k_blocks,
    )
    round_spec = by_head.RoundSpec(spec, call.axis)
    o, lse, k, v = by_head.attend(round_spec, gather(q), k, v, head_inputs)
    return (o, lse), k, v


def _sparse_rows(
    call: ShardCall,
    arrays: tuple[Array, Array, Array],
    tokens: inputs.TokenInputs,
    modifiers: inputs.Modifiers,
) -> tuple[Array, Array]:
    """The sparse rows against keys collected from their owners; dense rows are zero."""
    q, k, v = arrays
    plan = exchange.plan(call.pattern, call.devices, call.block)
    device = jax.lax.axis_index(call.axis)
    q_blocks = shard_call.own_blocks(device, plan.own_blocks)
    if _by_head(call, q):
        rounds = math.gcd(plan.own_blocks, MAX_ROUNDS)
        shard = call.shard('sparse', rounds)
        spec = call.spec(shard, q, modifiers, shards=call.devices * rounds, partial=call.partial)
        words = shard_call.dropout_words(modifiers)
        head_inputs = by_head.HeadInputs(tokens, words, modifiers.row_ids, q_blocks)
        o, lse, _, _ = by_head.attend(by_head.RoundSpec(spec, call.axis), q, k, v, head_inputs)
        return o, lse

    def keys(x):
        return collect.collect_keys(plan, call.axis, x, call.block)

    spec = call.spec(call.shard('sparse'), q, modifiers, shards=call.devices, partial=call.partial)
    position = operands.ShardPosition(
        shard=device,
        row_ids=modifiers.row_ids,
        q_blocks=q_blocks,
        k_blocks=jnp.asarray(plan.key_blocks)[device, 0],
    )
    tokens = tokens.map(lambda x: x, keys)
    block_inputs = shard_call.shard_inputs(call, tokens, modifiers, position)
    return block_sparse.sparse(spec, q, keys(k), keys(v), block_inputs)


def merge_devices(
    o: Array, lse: Array, axis: str = shard_call.SEQUENCE_AXIS
) -> tuple[Array, Array]:
    """Partial results of the same rows on all devices as the result over all keys."""
    every = jax.lax.all_gather(lse, axis)
    top = jnp.maximum(jax.lax.stop_gradient(every).max(0), operands.MIN_SCORE)
    total = jnp.exp(every - top[None]).sum(0)
    nonempty = total > 0
    safe = jnp.where(nonempty, total, 1.0)
    weight = jnp.exp(lse - top) / safe
    o = jax.lax.psum(o * weight[..., None], axis)
    return o, jnp.where(nonempty, top + jnp.log(safe), -jnp.inf)
