"""Block lists: the tiles of the query-key matrix that a pattern touches, and their content.

numpy only. A tile is `block` queries times `block` keys.
"""

import dataclasses
import functools

import numpy as np

# 8 bytes each while they are sorted; a pattern with more tiles is dense and needs another path.
MAX_TILES = 2**25


@dataclasses.dataclass(frozen=True, eq=False)
class BlockLists:
    """The key blocks of each query block, per head, as compressed sparse rows.

    Tokens beyond the pattern's length pad the last row and column of tiles. The content of a tile
    there is arbitrary: users must mask keys beyond the length.

    Attributes:
        block: tokens per side of a tile.
        num_q_blocks, num_kv_blocks: number of query and key blocks.
        heads: 1, or the number of heads that differ.
        start: int64 [heads * num_q_blocks + 1]; the tiles of row r of head h are
            start[h * num_q_blocks + r] .. start[h * num_q_blocks + r + 1].
        column: int32 [n], the key block of each tile, ascending within a row.
        kind: int32 [n], 0 for a full tile (every pair counts once), else the content is
            tiles[kind - 1].
        tiles: uint8 [T, block, block], multiplicities of the partial tiles.
    """

    block: int
    num_q_blocks: int
    num_kv_blocks: int
    heads: int
    start: np.ndarray
    column: np.ndarray
    kind: np.ndarray
    tiles: np.ndarray

    def counts(self) -> np.ndarray:
        """Tiles per row, int64 [heads, num_q_blocks]."""
        return np.diff(self.start).reshape(self.heads, self.num_q_blocks)

    def row_of(self) -> np.ndarray:
        """The row head * num_q_blocks + query block of each tile, int32 [n]."""
        rows = np.arange(self.heads * self.num_q_blocks, dtype=np.int32)
        return np.repeat(rows, np.diff(self.start))

    def transposed(self) -> 'BlockLists':
        """The query blocks of each key block: queries and keys exchanged."""
        head, row = np.divmod(self.row_of(), self.num_q_blocks)
        key = head.astype(np.int64) * self.num_kv_blocks + self.column
        order = np.argsort(key, kind='stable')
        counts = np.bincount(key, minlength=self.heads * self.num_kv_blocks)
        return BlockLists(
            block=self.block,
            num_q_blocks=self.num_kv_blocks,
            num_kv_blocks=self.num_q_blocks,
            heads=self.heads,
            start=np.concatenate([[0], np.cumsum(counts)]),
            column=row[order].astype(np.int32),
            kind=self.kind[order],
            tiles=self.tiles.swapaxes(1, 2),
        )


class _TileContents:
    """The distinct contents of a pattern's tiles, by signature."""

    def __init__(self, pattern, block: int):
        self.pattern, self.block = pattern, block
        self.known: dict[int, int] = {}  # signature -> -1 empty, 0 full, else 1 + index in tiles
        self.tiles: list[np.ndarray] = []
        self.index: dict[bytes, int] = {}  # content -> index in tiles

    def kinds(self, rows: np.ndarray, columns: np.ndarray, head: int) -> np.ndarray:
        """Kind of each tile, int32 [n]; -1 if it is empty."""
        signature = self.pattern.signature(self.block, rows, columns, head)
        values, first, inverse = np.unique(signature, return_index=True, return_inverse=True)
        kinds = np.empty(len(values), np.int32)
        for n, (value, at) in enumerate(zip(values.tolist(), first.tolist(), strict=False)):
            if value not in self.known:
                self.known[value] = self._inspect(int(rows[at]), int(columns[at]), head)
            kinds[n] = self.known[value]
        return kinds[inverse]

    def _inspect(self, row: int, column: int, head: int) -> int:
        block = self.block
        offset = np.arange(block)
        tile = self.pattern.multiplicity(
            row * block + offset[:, None], column * block + offset, head
        )
        tile = np.broadcast_to(tile, (block, block))
        if not tile.any():
            return -1
        if (tile == 1).all():
            return 0
        content = tile.tobytes()
        if content not in self.index:
            self.index[content] = len(self.tiles)
            self.tiles.append(np.array(tile))
        return self.index[content] + 1


@functools.lru_cache(maxsize=64)
def build(pattern, block: int) -> BlockLists:
    """The block lists of a pattern; see `Pattern.block_lists`."""
    num_q_blocks, num_kv_blocks = pattern.num_blocks(block)
    if pattern.candidate_count(block) > MAX_TILES:
        raise ValueError(
            f'{pattern} touches up to {pattern.candidate_count(block):,} tiles of {block} tokens; '
            f'block lists hold at most {MAX_TILES:,}'
        )
    contents = _TileContents(pattern, block)
    parts = []
    for head in range(pattern.heads):
        rows, columns = pattern.candidates(block, head)
        kind = contents.kinds(rows, columns, head)
        filled = kind >= 0
        row = rows[filled].astype(np.int64) + head * num_q_blocks
        parts.append((row, columns[filled], kind[filled]))
    row, column, kind = (np.concatenate(x) for x in zip(*parts, strict=False))
    counts = np.bincount(row, minlength=pattern.heads * num_q_blocks)
    tiles = contents.tiles
    return BlockLists(
        block=block,
        num_q_blocks=num_q_blocks,
        num_kv_blocks=num_kv_blocks,
        heads=pattern.heads,
        start=np.concatenate([[0], np.cumsum(counts)]),
        column=column,
        kind=kind,
        tiles=np.stack(tiles) if tiles else np.zeros((0, block, block), np.uint8),
    )


def pairs(pattern, block: int = 64) -> int:
    """Query-key pairs of a pattern, counted with multiplicity, summed over `pattern.heads`."""
    lists = build(pattern, block)
    row = lists.row_of() % lists.num_q_blocks
    last_q = pattern.length - (lists.num_q_blocks - 1) * block
    last_k = pattern.key_length - (lists.num_kv_blocks - 1) * block
    queries = np.where(row == lists.num_q_blocks - 1, last_q, block)
    keys = np.where(lists.column == lists.num_kv_blocks - 1, last_k, block)
    cases, counts = np.unique(np.stack([lists.kind, queries, keys]), axis=1, return_counts=True)
    total = 0
    for (kind, q, k), count in zip(cases.T.tolist(), counts.tolist(), strict=True):
        tile = int(lists.tiles[kind - 1][:q, :k].sum(dtype=np.int64)) if kind else q * k
        total += tile * count
    return total
