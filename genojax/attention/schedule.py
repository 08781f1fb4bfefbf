"""In which order tiles are computed: chunks of rows with few key blocks, and rows with many key blocks piece by piece.

A row with few key blocks gets its whole softmax at once from gathered keys (BigBird: 8 blocks of 64). A row with many
(BigBird's two global rows see all of them) is taken in items of `PIECE` key blocks and merged by the running maximum:
made at once, its scores are memory that grows with the sequence and pays page faults. numpy only.
"""

import dataclasses
import functools

import numpy as np

MOST_SLOTS = 16  # a row with more key blocks than this is never gathered whole
PIECE = 8  # key blocks of an item of a wide row
WIDE_ROWS = 2  # query blocks that share such an item
_PRICE = {'narrow': 1.0, 'wide': 1.05}  # per tile; a wide one also writes the running sums


@dataclasses.dataclass(frozen=True, eq=False)
class Steps:
    """S steps; step s computes g independent groups of r query blocks against n key blocks.

    Attributes:
        rows: int32 [S, g, r] query blocks; `tall` stands for none.
        columns: int32 [heads, S, g, n] key blocks; 0 where a slot is empty.
        slot_bias: f32 [heads, S, g, r, n]: 0, the log of a multiplicity, or -inf where nothing is seen.
        tile: int32 [heads, S, g, r, n], index into `Schedule.tiles`, 0 for a tile without inner mask; None if all are.
        first: bool [S], this step opens a new group; None where every step is a whole softmax.
    """

    rows: np.ndarray
    columns: np.ndarray
    slot_bias: np.ndarray
    tile: np.ndarray | None
    first: np.ndarray | None


@dataclasses.dataclass(frozen=True, eq=False)
class Schedule:
    """All steps of a pattern in blocks of one size; `tiles` are log multiplicities, f32 [T, block, block]."""

    block: int
    tall: int
    wide: int
    heads: int
    parts: tuple[Steps, ...]
    tiles: np.ndarray


@functools.lru_cache(maxsize=64)
def make(pattern, block: int, chunk: int) -> Schedule:
    """The schedule with `chunk` narrow rows in a step."""
    lists = pattern.blocks(block)
    with np.errstate(divide='ignore'):
        logs = np.log(lists.tiles.astype(np.float32))
    # A tile of one multiplicity throughout is a number, not a tile.
    uniform = np.array([tile.min() == tile.max() for tile in lists.tiles], bool)
    number = np.concatenate([[0.0], np.where(uniform, logs[:, 0, 0], 0.0)]).astype(np.float32)
    index = np.concatenate([[0], np.where(uniform, 0, np.cumsum(~uniform))]).astype(np.int32)
    tiles = np.concatenate([np.zeros((1, block, block), np.float32), logs[~uniform]])
    entries = (lists, number[lists.kind], index[lists.kind])

    counts = lists.counts().max(0)
    slots = _slots(counts, lists.wide)
    narrow = np.flatnonzero((counts <= slots) & (counts > 0))
    wide = np.flatnonzero(counts > slots)
    parts = []
    if len(narrow):
        parts.append(_narrow(entries, narrow, slots, min(chunk, len(narrow))))
    if len(wide):
        parts.append(_wide(entries, wide))
    return Schedule(block, lists.tall, lists.wide, lists.heads, tuple(parts), tiles)


def _slots(counts: np.ndarray, columns: int) -> int:
    """How many key blocks a narrow row has room for, so that the work, empty slots counted, is least."""
    best, best_cost = 0, np.inf
    whole = -(-columns // PIECE) * PIECE
    for slots in [0, *np.unique(counts[(counts > 0) & (counts <= MOST_SLOTS)]).tolist()]:
        cost = (counts[counts > 0] <= slots).sum() * slots * _PRICE['narrow']
        cost += (counts > slots).sum() * whole * _PRICE['wide']
        if cost < best_cost:
            best, best_cost = slots, cost
    return best


def _narrow(entries, rows: np.ndarray, slots: int, chunk: int) -> Steps:
    lists, number, index = entries
    steps = -(-len(rows) // chunk)
    shape = (lists.heads, steps * chunk, slots)
    columns = np.zeros(shape, np.int32)
    bias = np.full(shape, -np.inf, np.float32)
    tile = np.zeros(shape, np.int32)
    for head in range(lists.heads):
        start = lists.start[head * lists.tall + rows]
        count = lists.start[head * lists.tall + rows + 1] - start
        filled = np.arange(slots) < count[:, None]
        at = (start[:, None] + np.arange(slots))[filled]
        for table, source in ((columns, lists.column), (bias, number), (tile, index)):
            table[head, : len(rows)][filled] = source[at]
    padded = np.full(steps * chunk, lists.tall, np.int32)
    padded[: len(rows)] = rows
    return Steps(
        padded.reshape(steps, chunk, 1),
        columns.reshape(lists.heads, steps, chunk, slots),
        bias.reshape(lists.heads, steps, chunk, 1, slots),
        tile.reshape(lists.heads, steps, chunk, 1, slots) if tile.any() else None,
        None,
    )


def _wide(entries, rows: np.ndarray) -> Steps:
    lists, number, index = entries
    piece = min(PIECE, lists.wide)
    pieces = -(-lists.wide // piece)
    r = min(WIDE_ROWS, len(rows))
    groups = -(-len(rows) // r)
    group_of = np.full(lists.tall, -1)
    group_of[rows] = np.arange(len(rows)) // r
    row = lists.row_of()
    head, row = row // lists.tall, row % lists.tall
    take = group_of[row] >= 0
    head, row, column = head[take], row[take], lists.column[take]
    item = group_of[row].astype(np.int64) * pieces + column // piece
    used, item = np.unique(item, return_inverse=True)
    shape = (lists.heads, len(used), 1, r, piece)
    bias, tile = np.full(shape, -np.inf, np.float32), np.zeros(shape, np.int32)
    within = (np.arange(len(rows)) % r)[np.searchsorted(rows, row)]
    bias[head, item, 0, within, column % piece] = number[take]
    tile[head, item, 0, within, column % piece] = index[take]
    padded = np.full(groups * r, lists.tall, np.int32)
    padded[: len(rows)] = rows
    # The last piece may reach beyond the last key block: those slots are empty, so block 0 stands in.
    columns = (used % pieces)[:, None] * piece + np.arange(piece)
    columns = np.where(columns < lists.wide, columns, 0).astype(np.int32)
    group = used // pieces
    return Steps(
        padded.reshape(groups, r)[group][:, None],
        np.broadcast_to(columns[None, :, None], (lists.heads, len(used), 1, piece)),
        bias,
        tile if tile.any() else None,
        np.concatenate([[True], group[1:] != group[:-1]]),
    )
