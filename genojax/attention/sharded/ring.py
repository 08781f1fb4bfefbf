"""Dense patterns: keys and values pass around a ring of devices."""

import jax
import jax.numpy as jnp

from genojax.attention import inputs
from genojax.attention.sharded import shard_call
from genojax.attention.sharded.shard_call import ShardCall
from genojax.attention.xla import anchored, block_sparse, operands
from genojax.typing import Array


def attend(
    call: ShardCall, q: Array, k: Array, v: Array, modifiers: inputs.Modifiers
) -> tuple[Array, Array]:
    """Output and log-sum-exp of this device's queries, merged over the steps of the ring."""
    n, own = call.devices, q.shape[1] // call.block
    device = jax.lax.axis_index(call.axis)
    tokens = modifiers.token_inputs(*q.shape[:2])
    spec = call.spec(call.shard('ring'), q, modifiers, shards=n * n)

    @jax.checkpoint
    def part(q, moving, slopes, step):
        k, v, k_segment, k_coord = moving
        position = operands.ShardPosition(
            shard=step * n + device,
            row_ids=modifiers.row_ids,
            q_blocks=shard_call.own_blocks(device, own),
            k_blocks=shard_call.own_blocks((device - step) % n, own),
        )
        step_tokens = inputs.TokenInputs(
            q_segment=tokens.q_segment,
            k_segment=k_segment,
            q_coord=tokens.q_coord,
            k_coord=k_coord,
            slopes=slopes,
        )
        block_inputs = shard_call.shard_inputs(call, step_tokens, modifiers, position)
        return block_sparse.sparse(spec, q, k, v, block_inputs)

    onward = [(d, (d + 1) % n) for d in range(n)]

    def one_step(carry, step):
        moving, merged = carry
        moving = jax.tree.map(lambda x: jax.lax.ppermute(x, call.axis, onward), moving)
        merged = anchored.merge(merged, part(q, moving, tokens.slopes, step))
        return (moving, merged), None

    moving = (k, v, tokens.k_segment, tokens.k_coord)
    first = part(q, moving, tokens.slopes, jnp.int32(0))
    (_, (o, lse)), _ = jax.lax.scan(one_step, (moving, first), jnp.arange(1, n))
    return o.astype(q.dtype), lse
