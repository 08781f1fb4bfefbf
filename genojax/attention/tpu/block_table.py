"""One Pallas call over a flat table of key blocks: the tiles that a kernel visits, and its inputs.

The table is one-dimensional and prefetched into scalar memory: a two-dimensional one is padded to
128 lanes per row and overflows it at 2^20 tokens. Rows with many key blocks (global ones) are a
second, dense call, so all rows of the first have the same small width; in the backward pass the
same holds for columns.
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
from genojax.attention.patterns.block_lists import BlockLists
from genojax.typing import Array

SPARSE_WIDTH = 16  # rows (or columns) with more blocks than this go to the dense call
MASKED_SCORE = -1e30  # stands in for minus infinity
_COLUMN_BITS = 20
# Limits of a table entry.
MAX_COLUMNS, MAX_TILES = 2**_COLUMN_BITS, 2 ** (31 - _COLUMN_BITS)


@dataclasses.dataclass(frozen=True, eq=False)
class TablePart:
    """The rows of one call.

    Attributes:
        rows: int32 [R] row blocks.
        table: int32 [heads * R * width], column + tile << 20 of each key block, -1 if empty.
        width: entries per row.
    """

    rows: np.ndarray
    table: np.ndarray
    width: int


@dataclasses.dataclass(frozen=True, eq=False)
class BlockTable:
    """All calls for the rows of a pattern, or for its columns.

    Attributes:
        parts: one call of sparse rows, one of dense rows; either may be absent.
        tiles: log multiplicities of partial tiles, f32 [T, keys, queries]; tile 0 is all zeros.
        heads: 1, or the number of heads with a table of their own.
        by_column: whether the table's rows are key blocks.
        num_rows: number of query blocks (by column: key blocks).
    """

    parts: tuple[TablePart, ...]
    tiles: np.ndarray
    heads: int
    by_column: bool
    num_rows: int


def fits(pattern: patterns.Pattern, block: int) -> bool:
    """Whether the entries of a table can hold the pattern's tiles and blocks."""
    lists = pattern.block_lists(block)
    longest = max(lists.num_q_blocks, lists.num_kv_blocks)
    return len(lists.tiles) < MAX_TILES and longest <= MAX_COLUMNS


@functools.lru_cache(maxsize=32)
def build(pattern: patterns.Pattern, block: int, by_column: bool) -> BlockTable:
    """The table of a pattern's rows, or of its columns.

    Raises:
        NotImplementedError: more tiles or blocks than an entry can hold.
    """
    lists = pattern.block_lists(block)
    if not fits(pattern, block):
        raise NotImplementedError(
            f'pallas_tpu supports at most {MAX_TILES - 1:,} different partial tiles and'
            f' {MAX_COLUMNS:,} blocks per side, got {len(lists.tiles):,} and'
            f' {max(lists.num_q_blocks, lists.num_kv_blocks):,} (blocks of {block});'
            ' block_sparse has no such limit'
        )
    tiles = np.log(np.maximum(lists.tiles, 1).astype(np.float32))
    tiles = np.where(lists.tiles > 0, tiles, MASKED_SCORE).astype(np.float32).swapaxes(1, 2)
    if by_column:
        lists = lists.transposed()
    counts = lists.counts().max(0)
    sparse = np.flatnonzero(counts <= SPARSE_WIDTH)
    dense = np.flatnonzero(counts > SPARSE_WIDTH)
    return BlockTable(
        parts=tuple(_part(lists, rows, counts) for rows in (sparse, dense) if len(rows)),
        tiles=np.concatenate([np.zeros((1, block, block), np.float32), tiles]),
        heads=lists.heads,
        by_column=by_column,
        num_rows=lists.num_q_blocks,
    )


def _part(lists: BlockLists, rows: np.ndarray, counts: np.ndarray) -> TablePart:
    width = max(int(counts[rows].max()), 1)
    table = np.full((lists.heads, len(rows), width), -1, np.int32)
    for head in range(lists.heads):
        start = lists.start[head * lists.num_q_blocks + rows]
        count = lists.start[head * lists.num_q_blocks + rows + 1] - start
        filled = np.arange(width) < count[:, None]
        at = (start[:, None] + np.arange(width))[filled]
        table[head][filled] = lists.column[at] + (lists.kind[at] << _COLUMN_BITS)
    return TablePart(rows.astype(np.int32), table.reshape(-1), width)


class TableCall:
    """One pallas_call: its inputs by name, in order, with their block specs.

    Args:
        table: the table that `part` belongs to.
        part: the rows of this call.
        batch, heads: sizes of the arrays.
    """

    def __init__(self, table: BlockTable, part: TablePart, batch: int, heads: int):
        self.table, self.part = table, part
        self.batch, self.heads = batch, heads
        self.names, self.arrays, self.specs = [], [], []
        self._add_tiles()

    def _entry(self, bh, r, w, table):
        """The table's entry of this step, -1 if empty."""
        head = jax.lax.rem(bh, self.heads) if self.table.heads > 1 else 0
        return table[(head * len(self.part.rows) + r) * self.part.width + w]

    def _column(self, bh, r, w, table):
        return jnp.maximum(self._entry(bh, r, w, table), 0) & (2**_COLUMN_BITS - 1)

    def _append(self, name: str, x: Array, shape: tuple, index_map: Callable) -> None:
        self.names.append(name)
        self.arrays.append(x)
        self.specs.append(pl.BlockSpec(shape, index_map))

    def add(self, name: str, x: Array, of: str, by_head: bool = True) -> None:
        """Adds an array [B*H or B, blocks, a, b] of 'q' or 'k'; the kernel sees [a, b]."""
        row_wise = (of == 'q') != self.table.by_column

        # lax.div: // on a signed integer asks the device for its kind, and while lowering there may
        # be none.
        def lead(bh):
            return bh if by_head else jax.lax.div(bh, self.heads)

        def index_map(bh, r, w, rows, table):
            return (lead(bh), rows[r] if row_wise else self._column(bh, r, w, table), 0, 0)

        self._append(name, x, (None, None, *x.shape[2:]), index_map)

    def _add_tiles(self) -> None:
        """Adds log multiplicities; absent if no tile is partial."""
        tiles = self.table.tiles
        if len(tiles) == 1:
            return

        def index_map(bh, r, w, rows, table):
            return jnp.maximum(self._entry(bh, r, w, table), 0) >> _COLUMN_BITS, 0, 0

        self._append('tile', jnp.asarray(tiles), (None, *tiles.shape[1:]), index_map)

    def add_slopes(self, slopes: Array) -> None:
        """Adds slopes, [B * H, 1, 1]."""
        self._append('slope', slopes, (None, 1, 1), lambda bh, r, w, rows, table: (bh, 0, 0))

    def run(
        self,
        kernel: Callable,
        outputs: Sequence[tuple[tuple[int, int], Any]],
        scratch: Sequence[tuple[int, int]],
    ) -> Sequence[Array]:
        """Runs `kernel(inputs, outputs, scratch, visit)` on every entry of the table.

        Args:
            kernel: gets input refs by name, output refs, scratch refs and a `Visit`.
            outputs: shape [a, b] and dtype of each output of a row; each is returned as [B*H, R, a,
                b].
            scratch: shapes of float32 arrays that persist over a row's entries.
        """
        rows, table = jnp.asarray(self.part.rows), jnp.asarray(self.part.table)
        leading = self.batch * self.heads, len(self.part.rows)

        def out_index(bh, r, w, rows, table):
            return (bh, r, 0, 0)

        out_specs = [pl.BlockSpec((None, None, *shape), out_index) for shape, _ in outputs]
        out_shape = [jax.ShapeDtypeStruct((*leading, *shape), dtype) for shape, dtype in outputs]

        def call(interpret):
            return pl.pallas_call(
                functools.partial(self._body, kernel, len(outputs)),
                grid_spec=pltpu.PrefetchScalarGridSpec(
                    num_scalar_prefetch=2,
                    grid=(*leading, self.part.width),
                    in_specs=self.specs,
                    out_specs=out_specs,
                    scratch_shapes=[pltpu.VMEM(shape, jnp.float32) for shape in scratch],
                ),
                out_shape=out_shape,
                compiler_params=pltpu.CompilerParams(
                    dimension_semantics=('parallel', 'parallel', 'arbitrary')
                ),
                interpret=interpret,
            )

        # No branch for other devices: there it fails to lower, as it should.
        return jax.lax.platform_dependent(
            rows, table, *self.arrays, cpu=call(True), tpu=call(False)
        )

    def _body(self, kernel, num_outputs, rows_ref, table_ref, *refs):
        inputs = dict(zip(self.names, refs, strict=False))
        rest = refs[len(self.names) :]
        bh, r, w = pl.program_id(0), pl.program_id(1), pl.program_id(2)
        filled = self._entry(bh, r, w, table_ref) >= 0
        visit = Visit(filled=filled, first=w == 0, last=w == self.part.width - 1)
        kernel(inputs, rest[:num_outputs], rest[num_outputs:], visit)


@dataclasses.dataclass(frozen=True)
class Visit:
    """One entry of the table, as a kernel sees it.

    Attributes:
        filled: whether the entry holds a tile.
        first, last: whether it is the first or the last of its row.
    """

    filled: Any
    first: Any
    last: Any


def gather(table: BlockTable, results: Sequence[Sequence[Array]]) -> list[Array]:
    """Results of all parts, [B*H, R, a, b] each, in the order of the row blocks."""
    order = np.argsort(np.concatenate([part.rows for part in table.parts]))
    joined = [
        jnp.concatenate(x, axis=1) if len(x) > 1 else x[0] for x in zip(*results, strict=False)
    ]
    in_order = np.array_equal(order, np.arange(table.num_rows))
    return [x if in_order else x[:, order] for x in joined]
