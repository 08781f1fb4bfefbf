"""One step of the scan of block-sparse attention: what it gathers, its mask and its dropout."""

import jax.numpy as jnp

from genojax.attention import bias as biases
from genojax.attention.xla import operands, schedule
from genojax.typing import Array


def take(x: Array, index: Array) -> Array:
    """x[index] without bounds checks."""
    return x.at[index].get(mode='promise_in_bounds')


class Step:
    """Indices and masks of one step: g groups of r query blocks against n key blocks of b tokens.

    Args:
        spec: the call's static description.
        table: the steps that this one belongs to.
        block_inputs: the call's optional inputs.
        s: number of the step, over batch * heads * steps of the table.

    Attributes:
        bh, batch, head: batch * heads + head, and its parts.
        row: [g, r] query blocks; 0 where `real` is False.
        real: [g, r], whether the slot holds a query block.
        column: [g, n] key blocks.
        first: whether a dense row's group begins here; None for sparse rows.
        out_row: [g * r] rows of the output; beyond its end where not `real`, so that writes are
            dropped.
        key_row: [g * n] rows of keys and values.
    """

    def __init__(
        self,
        spec: operands.BlockSparseSpec,
        table: schedule.StepTable,
        block_inputs: operands.BlockInputs,
        s: Array,
    ):
        self.spec, self.inputs, self.plan = spec, block_inputs, spec.schedule()
        count, self.g, self.r = table.rows.shape
        self.n, self.b = table.columns.shape[-1], spec.block
        self.bh, c = s // count, s % count
        self.batch, self.head = self.bh // spec.heads, self.bh % spec.heads
        at = self._variant() * count + c

        def entry(x):
            return take(jnp.asarray(x.reshape((-1,) + x.shape[2:])), at)

        self.row = take(jnp.asarray(table.rows), c)
        self.real = self.row < self.plan.num_q_blocks
        self.row = jnp.where(self.real, self.row, 0)
        self.column = entry(table.columns)
        self.slot_bias = entry(table.slot_bias)
        self.tile = None if table.tile is None else entry(table.tile)
        self.first = None if table.first is None else take(jnp.asarray(table.first), c)
        beyond = spec.batch * spec.heads * self.plan.num_q_blocks
        out_row = jnp.where(self.real, self.bh * self.plan.num_q_blocks + self.row, beyond)
        self.out_row = out_row.reshape(-1)
        self.key_row = (self.bh * self.plan.num_kv_blocks + self.column).reshape(-1)

    def _variant(self) -> Array | int:
        """Index on the head axis of the schedule, which holds the heads of all shards."""
        per_shard = self.plan.heads // self.spec.shards
        variant = self.head if per_shard > 1 else 0
        if self.spec.shards > 1:
            variant = self.inputs.position.shard * per_shard + variant
        return variant

    def queries(self, x: Array) -> Array:
        """[g, r*b, K] of an array stored by head and query block."""
        x = take(x, self.bh * self.plan.num_q_blocks + self.row)
        return x.reshape(self.g, self.r * self.b, *x.shape[3:])

    def keys(self, x: Array) -> Array:
        """[g, n*b, K] of an array stored by head and key block."""
        x = take(x, self.bh * self.plan.num_kv_blocks + self.column)
        return x.reshape(self.g, self.n * self.b, *x.shape[3:])

    def _query_tokens(self, x: Array) -> Array:
        """[g, r*b, 1] of a per-token array stored by batch and query block."""
        x = take(x, self.batch * self.plan.num_q_blocks + self.row)
        return x.reshape(self.g, -1)[:, :, None]

    def _key_tokens(self, x: Array) -> Array:
        """[g, 1, n*b] of a per-token array stored by batch and key block."""
        x = take(x, self.batch * self.plan.num_kv_blocks + self.column)
        return x.reshape(self.g, -1)[:, None, :]

    def distance(self) -> Array:
        """|q_coord - k_coord|, [g, r*b, n*b]."""
        tokens = self.inputs.tokens
        return jnp.abs(self._query_tokens(tokens.q_coord) - self._key_tokens(tokens.k_coord))

    def tile_index(self) -> tuple[Array, ...]:
        """Where the tiles of this step lie in the array bias, [g, r, n] each."""
        shape = (self.g, self.r, self.n)
        B, H = self.inputs.array_bias.shape[:2]
        index = (
            self.batch if B > 1 else 0,
            self.head if H > 1 else 0,
            self.row[:, :, None],
            self.column[:, None, :],
        )
        return tuple(jnp.broadcast_to(x, shape) for x in index)

    def _join_tiles(self, x: Array) -> Array:
        """[g, r, n, b, b] to [g, r*b, n*b]."""
        return x.swapaxes(2, 3).reshape(self.g, self.r * self.b, self.n * self.b)

    def mask(self, s: Array) -> Array:
        """Scores [g, r*b, n*b] plus all biases; -inf for pairs that do not attend."""
        g, r, n, b = self.g, self.r, self.n, self.b
        if r == 1:
            s = s + jnp.repeat(self.slot_bias[:, 0], b, axis=-1)[:, None, :]
        else:
            slots = jnp.broadcast_to(self.slot_bias[:, :, None, :, None], (g, r, b, n, b))
            s = s + slots.reshape(s.shape)
        if self.tile is not None:
            s = s + self._join_tiles(take(jnp.asarray(self.plan.tiles), self.tile))
        if self.inputs.array_bias is not None:
            s = s + self._join_tiles(self.inputs.array_bias[self.tile_index()])
        tokens = self.inputs.tokens
        if tokens.slopes is not None:
            s = s - take(tokens.slopes, self.head) * self.distance()
        if tokens.k_segment is not None:
            k_segment = self._key_tokens(tokens.k_segment)
            attended = k_segment > 0
            if tokens.q_segment is not None:
                attended = attended & (self._query_tokens(tokens.q_segment) == k_segment)
            s = jnp.where(attended, s, -jnp.inf)
        return s

    def keep(self) -> Array:
        """Dropout factors, [g, r*b, n*b]: 0 for dropped pairs, 1 / (1 - rate) for the others."""
        row, column, bh = self.row, self.column, self.bh
        if self.inputs.position is not None:
            position = self.inputs.position
            row, column = position.q_blocks[row], position.k_blocks[column]
            bh = position.row_ids[bh]
        i, j = self._token_numbers(row)[:, :, None], self._token_numbers(column)[:, None, :]
        rate = self.spec.dropout_rate
        bh = jnp.reshape(bh, (1, 1, 1))
        return biases.keep_pairs(self.inputs.dropout_words, rate, bh, i, j) / (1 - rate)

    def _token_numbers(self, blocks: Array) -> Array:
        """[g, n] block numbers to [g, n*b] token numbers."""
        tokens = blocks[:, :, None] * self.b + jnp.arange(self.b)[None, None]
        return tokens.reshape(self.g, -1)
