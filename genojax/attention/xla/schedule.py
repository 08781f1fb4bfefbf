"""The order in which tiles are computed: chunks of sparse rows, dense rows by pieces. numpy only.

A sparse row, one with few key blocks, gets its whole softmax at once from gathered keys (BigBird: 8
blocks of 64). A dense row, one with many (BigBird's two global rows attend to all blocks), is
computed in pieces of `PIECE_BLOCKS` key blocks that are merged by the running maximum: computed at
once, its scores need memory that grows with the sequence and cause page faults.
"""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from genojax.attention.patterns import block_lists

MAX_SLOTS = 16  # a row with more key blocks than this is dense
PIECE_BLOCKS = 8  # key blocks per step of a dense row
DENSE_GROUP_ROWS = 2  # query blocks that share such a step
_COST = {'sparse': 1.0, 'dense': 1.05}  # per tile; a dense one also writes the running sums


@dataclasses.dataclass(frozen=True, eq=False)
class StepTable:
    """S steps; each computes g independent groups of r query blocks against n key blocks.

    Attributes:
        rows: int32 [S, g, r] query blocks; `num_q_blocks` stands for none.
        columns: int32 [heads, S, g, n] key blocks; 0 where a slot is empty.
        slot_bias: f32 [heads, S, g, r, n]: 0, the log of a multiplicity, or -inf for an empty slot.
        tile: int32 [heads, S, g, r, n], index into `Schedule.tiles`, 0 for a tile without inner
            mask; None if no tile has one.
        first: bool [S], whether this step opens a new group; None where each step is a whole
            softmax.
    """

    rows: np.ndarray
    columns: np.ndarray
    slot_bias: np.ndarray
    tile: np.ndarray | None
    first: np.ndarray | None


@dataclasses.dataclass(frozen=True, eq=False)
class Schedule:
    """All steps of a pattern in blocks of one size.

    Attributes:
        block: tokens per block.
        num_q_blocks, num_kv_blocks: number of query and key blocks.
        heads: 1, or the number of heads that differ.
        tables: the steps of sparse rows, then those of dense rows; either may be absent.
        tiles: log multiplicities of partial tiles, f32 [T, block, block]; tile 0 is all zeros.
    """

    block: int
    num_q_blocks: int
    num_kv_blocks: int
    heads: int
    tables: tuple[StepTable, ...]
    tiles: np.ndarray


class _Entries(NamedTuple):
    """Block lists with, per tile, its bias as one number and its index in `Schedule.tiles`."""

    lists: block_lists.BlockLists
    slot_bias: np.ndarray  # f32 [n]
    tile: np.ndarray  # int32 [n]


@functools.lru_cache(maxsize=64)
def make(pattern, block: int, chunk: int) -> Schedule:
    """The schedule with `chunk` sparse rows per step."""
    lists = pattern.block_lists(block)
    with np.errstate(divide='ignore'):
        logs = np.log(lists.tiles.astype(np.float32))
    # A tile of one multiplicity throughout is a number, not a tile.
    uniform = np.array([tile.min() == tile.max() for tile in lists.tiles], bool)
    number = np.concatenate([[0.0], np.where(uniform, logs[:, 0, 0], 0.0)]).astype(np.float32)
    index = np.concatenate([[0], np.where(uniform, 0, np.cumsum(~uniform))]).astype(np.int32)
    tiles = np.concatenate([np.zeros((1, block, block), np.float32), logs[~uniform]])
    entries = _Entries(lists, number[lists.kind], index[lists.kind])

    counts = lists.counts().max(0)
    slots = _num_slots(counts, lists.num_kv_blocks)
    sparse = np.flatnonzero((counts <= slots) & (counts > 0))
    dense = np.flatnonzero(counts > slots)
    tables = []
    if len(sparse):
        tables.append(_sparse_table(entries, sparse, slots, min(chunk, len(sparse))))
    if len(dense):
        tables.append(_dense_table(entries, dense))
    return Schedule(
        block=block,
        num_q_blocks=lists.num_q_blocks,
        num_kv_blocks=lists.num_kv_blocks,
        heads=lists.heads,
        tables=tuple(tables),
        tiles=tiles,
    )


def _num_slots(counts: np.ndarray, columns: int) -> int:
    """Key blocks per sparse row that make the total work, empty slots included, smallest."""
    best, best_cost = 0, np.inf
    whole = -(-columns // PIECE_BLOCKS) * PIECE_BLOCKS
    for slots in [0, *np.unique(counts[(counts > 0) & (counts <= MAX_SLOTS)]).tolist()]:
        cost = (counts[counts > 0] <= slots).sum() * slots * _COST['sparse']
        cost += (counts > slots).sum() * whole * _COST['dense']
        if cost < best_cost:
            best, best_cost = slots, cost
    return best


def _sparse_table(entries: _Entries, rows: np.ndarray, slots: int, chunk: int) -> StepTable:
    lists = entries.lists
    steps = -(-len(rows) // chunk)
    shape = (lists.heads, steps * chunk, slots)
    columns = np.zeros(shape, np.int32)
    bias = np.full(shape, -np.inf, np.float32)
    tile = np.zeros(shape, np.int32)
    sources = ((columns, lists.column), (bias, entries.slot_bias), (tile, entries.tile))
    for head in range(lists.heads):
        start = lists.start[head * lists.num_q_blocks + rows]
        count = lists.start[head * lists.num_q_blocks + rows + 1] - start
        filled = np.arange(slots) < count[:, None]
        at = (start[:, None] + np.arange(slots))[filled]
        for table, source in sources:
            table[head, : len(rows)][filled] = source[at]
    padded = np.full(steps * chunk, lists.num_q_blocks, np.int32)
    padded[: len(rows)] = rows
    slot_shape = (lists.heads, steps, chunk, 1, slots)
    return StepTable(
        rows=padded.reshape(steps, chunk, 1),
        columns=columns.reshape(lists.heads, steps, chunk, slots),
        slot_bias=bias.reshape(slot_shape),
        tile=tile.reshape(slot_shape) if tile.any() else None,
        first=None,
    )


def _dense_table(entries: _Entries, rows: np.ndarray) -> StepTable:
    lists = entries.lists
    piece = min(PIECE_BLOCKS, lists.num_kv_blocks)
    pieces = -(-lists.num_kv_blocks // piece)
    r = min(DENSE_GROUP_ROWS, len(rows))
    group_of = np.full(lists.num_q_blocks, -1)
    group_of[rows] = np.arange(len(rows)) // r
    head, row = np.divmod(lists.row_of(), lists.num_q_blocks)
    dense = group_of[row] >= 0
    head, row, column = head[dense], row[dense], lists.column[dense]
    item = group_of[row].astype(np.int64) * pieces + column // piece
    used, item = np.unique(item, return_inverse=True)
    shape = (lists.heads, len(used), 1, r, piece)
    bias, tile = np.full(shape, -np.inf, np.float32), np.zeros(shape, np.int32)
    row_in_group = (np.arange(len(rows)) % r)[np.searchsorted(rows, row)]
    bias[head, item, 0, row_in_group, column % piece] = entries.slot_bias[dense]
    tile[head, item, 0, row_in_group, column % piece] = entries.tile[dense]
    padded = np.full(-(-len(rows) // r) * r, lists.num_q_blocks, np.int32)
    padded[: len(rows)] = rows
    # The last piece may extend beyond the last key block: its slots are empty, and block 0 stands
    # in.
    columns = (used % pieces)[:, None] * piece + np.arange(piece)
    columns = np.where(columns < lists.num_kv_blocks, columns, 0).astype(np.int32)
    group = used // pieces
    return StepTable(
        rows=padded.reshape(-1, r)[group][:, None],
        columns=np.broadcast_to(columns[None, :, None], (lists.heads, len(used), 1, piece)),
        slot_bias=bias,
        tile=tile if tile.any() else None,
        first=np.concatenate([[True], group[1:] != group[:-1]]),
    )
