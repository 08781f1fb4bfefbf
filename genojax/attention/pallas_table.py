"""One Pallas call over a flat table of key blocks: which tiles a kernel visits and what it sees of each array.

The table is one-dimensional and prefetched into scalar memory: a two-dimensional one is padded to 128 lanes a row and
overflows it at 2^20 tokens. Rows with many key blocks (global ones) are a second, dense call, so every row of the first
has the same small width; for the backward pass the same is done with columns.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from genojax.attention import patterns
from genojax.attention.blocks import Blocks
from genojax.typing import Array

NARROW = 16  # columns or rows with more blocks than this go by the dense call
LOW = -1e30  # stands in for minus infinity where nothing is seen
_COLUMN_BITS = 20
MOST_COLUMNS, MOST_TILES = 2**_COLUMN_BITS, 2 ** (31 - _COLUMN_BITS)  # that an entry has room for


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """Rows of one call: int32 [R] row blocks and the flat table [heads * R * W] of column + tile << 20, -1 if empty."""

    rows: np.ndarray
    table: np.ndarray
    width: int


def fits(pattern: patterns.Pattern, block: int) -> bool:
    """Whether the table's entries have room for the pattern's tiles and blocks."""
    lists = pattern.blocks(block)
    return len(lists.tiles) < MOST_TILES and max(lists.tall, lists.wide) <= MOST_COLUMNS


@functools.lru_cache(maxsize=32)
def parts(
    pattern: patterns.Pattern, block: int, turned: bool
) -> tuple[tuple[Part, ...], np.ndarray]:
    """The calls for rows (or, turned, for columns) and the tiles' log multiplicities, [T, keys, queries]."""
    lists = pattern.blocks(block)
    if not fits(pattern, block):
        raise NotImplementedError(
            f'pallas_tpu has room for {MOST_TILES - 1:,} different partial tiles and {MOST_COLUMNS:,} blocks on a side, not for '
            f'{len(lists.tiles):,} and {max(lists.tall, lists.wide):,} (blocks of {block}); block_sparse takes them'
        )
    tiles = np.log(np.maximum(lists.tiles, 1).astype(np.float32))
    tiles = np.where(lists.tiles > 0, tiles, LOW).astype(np.float32).swapaxes(1, 2)
    if turned:
        lists = lists.transposed()
    counts = lists.counts().max(0)
    narrow = np.flatnonzero(counts <= NARROW)
    wide = np.flatnonzero(counts > NARROW)
    calls = tuple(_part(lists, rows, counts) for rows in (narrow, wide) if len(rows))
    return calls, np.concatenate([np.zeros((1, block, block), np.float32), tiles])


def _part(lists: Blocks, rows: np.ndarray, counts: np.ndarray) -> Part:
    width = max(int(counts[rows].max()), 1)
    table = np.full((lists.heads, len(rows), width), -1, np.int32)
    for head in range(lists.heads):
        start = lists.start[head * lists.tall + rows]
        count = lists.start[head * lists.tall + rows + 1] - start
        filled = np.arange(width) < count[:, None]
        at = (start[:, None] + np.arange(width))[filled]
        table[head][filled] = lists.column[at] + (lists.kind[at] << _COLUMN_BITS)
    return Part(rows.astype(np.int32), table.reshape(-1), width)


class Call:
    """One pallas_call: its inputs by name, in order, with their block specs.

    Args:
        tables: heads that have a table of their own; 1 where all share one.
        turned: the part's rows are key blocks.
        batch, heads: of the arrays.
    """

    def __init__(self, part: Part, tables: int, turned: bool, batch: int, heads: int):
        self.part, self.tables, self.turned = part, tables, turned
        self.batch, self.heads = batch, heads
        self.names, self.arrays, self.specs = [], [], []

    def entry(self, bh, r, w, table):
        """The table's entry of this step, -1 if empty."""
        head = jax.lax.rem(bh, self.heads) if self.tables > 1 else 0
        return table[(head * len(self.part.rows) + r) * self.part.width + w]

    def _column(self, bh, r, w, table):
        return jnp.maximum(self.entry(bh, r, w, table), 0) & (2**_COLUMN_BITS - 1)

    def _spec(self, shape, at):
        return pl.BlockSpec(shape, at)

    def add(self, name: str, x: Array, of: str, by_head: bool = True) -> None:
        """An array [B*H or B, blocks, a, b], of 'q' or 'k'; the kernel sees [a, b]."""
        row_wise = (of == 'q') != self.turned

        # lax.div: // on a signed number asks the device for its kind, and there may be none while lowering
        def lead(bh):
            return bh if by_head else jax.lax.div(bh, self.heads)

        def at(bh, r, w, rows, table):
            return (lead(bh), rows[r] if row_wise else self._column(bh, r, w, table), 0, 0)

        self.names.append(name)
        self.arrays.append(x)
        self.specs.append(self._spec((None, None, *x.shape[2:]), at))

    def add_tiles(self, tiles: np.ndarray) -> None:
        """Log multiplicities, [T, keys, queries]; not there if no tile is partial."""
        if len(tiles) == 1:
            return

        def at(bh, r, w, rows, table):
            return jnp.maximum(self.entry(bh, r, w, table), 0) >> _COLUMN_BITS, 0, 0

        self.names.append('tile')
        self.arrays.append(jnp.asarray(tiles))
        self.specs.append(self._spec((None, *tiles.shape[1:]), at))

    def add_slopes(self, slopes: Array) -> None:
        """[B * H, 1, 1]."""
        self.names.append('slope')
        self.arrays.append(slopes)
        self.specs.append(self._spec((None, 1, 1), lambda bh, r, w, rows, table: (bh, 0, 0)))

    def run(
        self,
        kernel: Callable,
        outputs: Sequence[tuple[tuple[int, int], Any]],
        scratch: Sequence[tuple[int, int]],
    ) -> Sequence[Array]:
        """Runs `kernel(names to refs, outputs, scratch, seen, first, last)` on every entry of the table.

        Args:
            outputs: shape [a, b] and dtype of what a row gives; each comes back as [B*H, R, a, b].
            scratch: shapes of float32 arrays that stay while a row's entries pass.
        """
        rows, table = jnp.asarray(self.part.rows), jnp.asarray(self.part.table)
        count, width = len(self.part.rows), self.part.width

        def body(rows_ref, table_ref, *refs):
            inputs = dict(zip(self.names, refs, strict=False))
            rest = refs[len(self.names) :]
            bh, r, w = pl.program_id(0), pl.program_id(1), pl.program_id(2)
            seen = self.entry(bh, r, w, table_ref) >= 0
            kernel(inputs, rest[: len(outputs)], rest[len(outputs) :], seen, w == 0, w == width - 1)

        def out_at(bh, r, w, rows, table):
            return (bh, r, 0, 0)

        def call(interpret):
            return pl.pallas_call(
                body,
                grid_spec=pltpu.PrefetchScalarGridSpec(
                    num_scalar_prefetch=2,
                    grid=(self.batch * self.heads, count, width),
                    in_specs=self.specs,
                    out_specs=[self._spec((None, None, *shape), out_at) for shape, _ in outputs],
                    scratch_shapes=[pltpu.VMEM(shape, jnp.float32) for shape in scratch],
                ),
                out_shape=[
                    jax.ShapeDtypeStruct((self.batch * self.heads, count, *shape), dtype)
                    for shape, dtype in outputs
                ],
                compiler_params=pltpu.CompilerParams(
                    dimension_semantics=('parallel', 'parallel', 'arbitrary')
                ),
                interpret=interpret,
            )

        # No branch for other devices: there it fails to lower, as it should.
        return jax.lax.platform_dependent(
            rows, table, *self.arrays, cpu=call(True), tpu=call(False)
        )


def gather(calls: Sequence[Part], results: Sequence[Sequence[Array]], count: int) -> list[Array]:
    """Results of all calls, [B*H, R, a, b] each, put in the order of the row blocks."""
    order = np.argsort(np.concatenate([part.rows for part in calls]))
    joined = [
        jnp.concatenate(x, axis=1) if len(x) > 1 else x[0] for x in zip(*results, strict=False)
    ]
    return [x if np.array_equal(order, np.arange(count)) else x[:, order] for x in joined]
