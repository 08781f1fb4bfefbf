"""Attention over collected key blocks one head, and a few rows, at a time.

Where a device collects several times what it owns (BigBird's random blocks: three per row), the
collected keys of all heads would dominate its memory. So heads are computed one by one and their
rows in rounds, each of which collects what its own rows need; the backward pass collects again.

Keys and values are returned unchanged. The next user takes these, and then the gradients of that
user are what the gradients here are added to: two full arrays less than a sum at the end.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from genojax.attention.sharded import collect, exchange
from genojax.attention.xla import block_sparse, operands
from genojax.typing import Array


@dataclasses.dataclass(frozen=True)
class RoundSpec:
    """Which rows of which pattern, over which mesh axis; static.

    Attributes:
        block_spec: whose pattern is an `exchange.ShardPattern` of sparse or dense rows.
        axis: mesh axis of the sequence.
    """

    block_spec: operands.BlockSparseSpec
    axis: str

    @property
    def shard(self) -> exchange.ShardPattern:
        return self.block_spec.pattern

    @property
    def block(self) -> int:
        return self.shard.block

    @property
    def plan(self) -> exchange.ExchangePlan:
        shard = self.shard
        return exchange.plan(shard.pattern, shard.devices, shard.block, shard.rounds)

    def rows(self, round_index: Array) -> Array:
        """The own rows, or gathered dense rows, of a round."""
        if self.shard.part == 'dense':
            return jnp.arange(self.shard.length // self.block)
        return jnp.asarray(self.plan.round_rows)[jax.lax.axis_index(self.axis), round_index]

    def take_rows(self, x: Array, round_index: Array) -> Array:
        """The rows of a round, [B, rows * block, ...]."""
        x_rows = collect.take_blocks(x, self.rows(round_index), self.block)
        return x_rows.reshape(x.shape[0], -1, *x.shape[2:])

    def keys(self, x: Array, round_index: Array) -> Array:
        """The keys that the rows need: collected for sparse rows, own ones for dense rows."""
        if self.shard.part == 'dense':
            return x
        return collect.collect_keys(self.plan, self.axis, x, self.block, round_index)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class HeadInputs:
    """Optional inputs of rows and own keys.

    Attributes:
        tokens: `TokenInputs`, [B, L] like the queries and keys.
        dropout_words: two uint32, or None.
        row_ids, q_blocks: as in `operands.ShardPosition`.
        k_blocks: the same of the own keys, for dense rows; else None.
    """

    # Any: while JAX rebuilds a tree, its leaves are not always arrays.
    tokens: Any
    dropout_words: Any
    row_ids: Any
    q_blocks: Any
    k_blocks: Any = None


class HeadResiduals(NamedTuple):
    """What the backward pass needs."""

    q: Any
    k: Any
    v: Any
    head_inputs: Any
    o: Any
    lse: Any


def _head(x: Array, h: Array) -> Array:
    return jax.lax.dynamic_slice_in_dim(x, h, 1, 2)


def _set_head(whole: Array, part: Array, h: Array) -> Array:
    return jax.lax.dynamic_update_slice_in_dim(whole, part.astype(whole.dtype), h, 2)


def _set_rows(whole: Array, part: Array, index: Array, block: int) -> Array:
    """A round's rows in their places among all rows of the head."""
    shape = whole.shape
    blocked = whole.reshape(shape[0], -1, block, *shape[2:])
    part = part.reshape(shape[0], -1, block, *shape[2:]).astype(whole.dtype)
    return blocked.at[:, index].set(part, unique_indices=True).reshape(shape)


def _round(spec: RoundSpec, head_inputs: HeadInputs, h: Array, round_index: Array):
    """The block-sparse description and the block inputs of one head and round."""
    block_spec, shard = spec.block_spec, spec.shard
    device = jax.lax.axis_index(spec.axis)
    k_blocks = head_inputs.k_blocks
    if shard.part == 'sparse':
        k_blocks = jnp.asarray(spec.plan.key_blocks)[device, round_index]
    row_ids = head_inputs.row_ids.reshape(block_spec.batch, block_spec.heads)
    position = operands.ShardPosition(
        shard=device * shard.rounds + round_index,
        row_ids=jax.lax.dynamic_slice_in_dim(row_ids, h, 1, 1).reshape(-1),
        q_blocks=head_inputs.q_blocks[spec.rows(round_index)],
        k_blocks=k_blocks,
    )
    tokens = head_inputs.tokens.map(
        lambda x: spec.take_rows(x, round_index).reshape(-1, spec.block),
        lambda x: spec.keys(x, round_index).reshape(-1, spec.block),
    )
    if tokens.slopes is not None:
        slope = jax.lax.dynamic_slice_in_dim(tokens.slopes, h, 1)
        tokens = dataclasses.replace(tokens, slopes=slope)
    block_inputs = operands.BlockInputs(
        tokens=tokens, dropout_words=head_inputs.dropout_words, position=position
    )
    return dataclasses.replace(block_spec, heads=1), block_inputs


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def attend(
    spec: RoundSpec, q: Array, k: Array, v: Array, head_inputs: HeadInputs
) -> tuple[Array, Array, Array, Array]:
    """Output and log-sum-exp of the sparse or dense rows, and keys and values for the next user."""
    return (*_forward(spec, q, k, v, head_inputs), k, v)


def _forward(spec: RoundSpec, q, k, v, head_inputs: HeadInputs):
    def one_head(out, h):
        q1, k1, v1 = (_head(x, h) for x in (q, k, v))

        def one_round(head_out, round_index):
            block_spec, block_inputs = _round(spec, head_inputs, h, round_index)
            q2 = spec.take_rows(q1, round_index)
            keys, values = (spec.keys(x, round_index) for x in (k1, v1))
            part = block_sparse.forward(block_spec, q2, keys, values, block_inputs)
            index = spec.rows(round_index)
            head_out = (
                _set_rows(x, y, index, spec.block) for x, y in zip(head_out, part, strict=True)
            )
            return tuple(head_out), None

        empty = tuple(jnp.zeros_like(_head(x, h)) for x in out)
        head_out, _ = jax.lax.scan(one_round, empty, jnp.arange(spec.shard.rounds))
        return tuple(_set_head(x, y, h) for x, y in zip(out, head_out, strict=True)), None

    dtype = jnp.float32 if spec.block_spec.partial else q.dtype
    empty = (jnp.zeros((*q.shape[:3], v.shape[-1]), dtype), jnp.zeros(q.shape[:3], jnp.float32))
    return jax.lax.scan(one_head, empty, jnp.arange(spec.block_spec.heads))[0]


def _attend_fwd(spec: RoundSpec, q, k, v, head_inputs: HeadInputs):
    o, lse = _forward(spec, q, k, v, head_inputs)
    residuals = HeadResiduals(q=q, k=k, v=v, head_inputs=head_inputs, o=o, lse=lse)
    return (o, lse, k, v), residuals


class _HeadGradients(NamedTuple):
    """Gradients of all heads, or of one head; dslopes is None without a linear bias."""

    dq: Any
    dk: Any
    dv: Any
    dslopes: Any


def _attend_bwd(spec: RoundSpec, residuals: HeadResiduals, cotangents):
    *row_cotangents, dk, dv = cotangents
    head_inputs, slopes = residuals.head_inputs, residuals.head_inputs.tokens.slopes
    dslopes = None if slopes is None else jnp.zeros_like(slopes)
    start = _HeadGradients(jnp.zeros_like(residuals.q), dk, dv, dslopes)
    body = functools.partial(_backward_head, spec, residuals, row_cotangents)
    sums, _ = jax.lax.scan(body, start, jnp.arange(spec.block_spec.heads))
    zeros = jax.tree.map(operands.zero_cotangent, head_inputs)
    tokens = dataclasses.replace(zeros.tokens, slopes=sums.dslopes)
    return sums.dq, sums.dk, sums.dv, dataclasses.replace(zeros, tokens=tokens)


def _backward_head(spec: RoundSpec, residuals, row_cotangents, sums: _HeadGradients, h: Array):
    """Adds the gradients of one head."""
    row_arrays = [_head(x, h) for x in (residuals.q, residuals.o, residuals.lse, *row_cotangents)]
    k1, v1 = _head(residuals.k, h), _head(residuals.v, h)

    def one_round(head_sums, round_index):
        block_spec, block_inputs = _round(spec, residuals.head_inputs, h, round_index)
        q2, o2, lse2, do2, dlse2 = (spec.take_rows(x, round_index) for x in row_arrays)
        (keys, values), to_owners = jax.vjp(
            lambda k, v: (spec.keys(k, round_index), spec.keys(v, round_index)), k1, v1
        )
        round_residuals = block_sparse.Residuals(
            q_BLHK=q2,
            k_BMHK=keys,
            v_BMHV=values,
            block_inputs=block_inputs,
            o_BLHV=o2,
            lse_BLH=lse2,
        )
        gradients = block_sparse.backward(block_spec, round_residuals, (do2, dlse2))
        dk2, dv2 = to_owners((gradients.dk_BMHK, gradients.dv_BMHV))
        dslope = head_sums.dslopes
        if dslope is not None:
            dslope = dslope + gradients.block_inputs.tokens.slopes[0]
        dq = _set_rows(head_sums.dq, gradients.dq_BLHK, spec.rows(round_index), spec.block)
        return _HeadGradients(dq, head_sums.dk + dk2, head_sums.dv + dv2, dslope), None

    start = _HeadGradients(
        dq=jnp.zeros_like(row_arrays[0]),
        dk=_head(sums.dk, h),
        dv=_head(sums.dv, h),
        dslopes=None if sums.dslopes is None else jnp.float32(0),
    )
    head_sums, _ = jax.lax.scan(one_round, start, jnp.arange(spec.shard.rounds))
    dslopes = None if sums.dslopes is None else sums.dslopes.at[h].set(head_sums.dslopes)
    dq, dk, dv = (_set_head(x, y, h) for x, y in zip(sums[:3], head_sums[:3], strict=True))
    return _HeadGradients(dq, dk, dv, dslopes), None


attend.defvjp(_attend_fwd, _attend_bwd)
