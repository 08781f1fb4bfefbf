"""Block lists: which tiles of the query-key square a pattern touches, and what is inside the partly filled ones."""

import dataclasses
import functools

import numpy as np

MOST_TILES = (
    2**25
)  # 8 bytes each while they are sorted out; beyond that a pattern is dense and needs another path


@dataclasses.dataclass(frozen=True, eq=False)
class Blocks:
    """The key blocks of each query block, by head, as compressed sparse rows.

    Tokens beyond the pattern's length fill up the last row and column of tiles; what a tile says about them means
    nothing, and whoever computes must mask keys beyond the length.

    Attributes:
        block: tokens on a tile's side.
        tall, wide: number of query and key blocks.
        heads: 1, or the number of heads that differ.
        start: int64 [heads * tall + 1]; the tiles of row r of head h are start[h*tall + r] .. start[h*tall + r + 1].
        column: int32 [n], the key block of each tile, ascending in a row.
        kind: int32 [n], 0 where every pair of the tile counts once, else the tile's content is tiles[kind - 1].
        tiles: uint8 [T, block, block], multiplicities.
    """

    block: int
    tall: int
    wide: int
    heads: int
    start: np.ndarray
    column: np.ndarray
    kind: np.ndarray
    tiles: np.ndarray

    def counts(self) -> np.ndarray:
        """Tiles of each row, int64 [heads, tall]."""
        return np.diff(self.start).reshape(self.heads, self.tall)

    def row_of(self) -> np.ndarray:
        """The row head * tall + query block of each tile, int32 [n]."""
        return np.repeat(np.arange(self.heads * self.tall, dtype=np.int32), np.diff(self.start))

    def transposed(self) -> 'Blocks':
        """The same with queries and keys exchanged: the query blocks of each key block."""
        head, row = np.divmod(self.row_of(), self.tall)
        key = head.astype(np.int64) * self.wide + self.column
        order = np.argsort(key, kind='stable')
        start = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=self.heads * self.wide))])
        return Blocks(
            self.block,
            self.wide,
            self.tall,
            self.heads,
            start,
            row[order].astype(np.int32),
            self.kind[order],
            self.tiles.swapaxes(1, 2),
        )


@functools.lru_cache(maxsize=64)
def of(pattern, block: int) -> Blocks:
    """The block lists of a pattern; see `Pattern.blocks`."""
    tall, wide = -(-pattern.length // block), -(-pattern.key_length // block)
    if pattern.candidate_count(block) > MOST_TILES:
        raise ValueError(
            f'{pattern} touches up to {pattern.candidate_count(block):,} tiles of {block} tokens; '
            f'block lists hold at most {MOST_TILES:,}'
        )
    known, tiles = {}, []  # signature -> -1 empty, 0 full, else 1 + index in tiles
    parts = []
    for head in range(pattern.heads):
        rows, columns = pattern.candidates(block, head)
        signature = pattern.signature(block, rows, columns, head)
        values, first, inverse = np.unique(signature, return_index=True, return_inverse=True)
        kinds = np.empty(len(values), np.int32)
        for n, (value, at) in enumerate(zip(values.tolist(), first.tolist(), strict=False)):
            if value not in known:
                known[value] = _look(pattern, block, int(rows[at]), int(columns[at]), head, tiles)
            kinds[n] = known[value]
        kind = kinds[inverse]
        keep = kind >= 0
        parts.append((rows[keep].astype(np.int64) + head * tall, columns[keep], kind[keep]))
    row, column, kind = (np.concatenate(x) for x in zip(*parts, strict=False))
    start = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=pattern.heads * tall))])
    content = np.stack(tiles) if tiles else np.zeros((0, block, block), np.uint8)
    return Blocks(block, tall, wide, pattern.heads, start, column, kind, content)


def _look(pattern, block: int, row: int, column: int, head: int, tiles: list[np.ndarray]) -> int:
    inside = np.arange(block)
    tile = pattern.multiplicity(row * block + inside[:, None], column * block + inside, head)
    tile = np.broadcast_to(tile, (block, block))
    if not tile.any():
        return -1
    if (tile == 1).all():
        return 0
    for n, other in enumerate(tiles):
        if np.array_equal(tile, other):
            return n + 1
    tiles.append(np.array(tile))
    return len(tiles)


def pairs(pattern, block: int = 64) -> int:
    """Query-key pairs that a pattern lets through, counted with their multiplicity, summed over `pattern.heads`."""
    lists = of(pattern, block)
    total = 0
    row = lists.row_of() % lists.tall
    high = np.where(row == lists.tall - 1, pattern.length - row.astype(np.int64) * block, block)
    broad = np.where(
        lists.column == lists.wide - 1,
        pattern.key_length - lists.column.astype(np.int64) * block,
        block,
    )
    for (kind, h, b), count in _cases(lists.kind, high, broad):
        tile = lists.tiles[kind - 1][:h, :b].sum(dtype=np.int64) if kind else h * b
        total += int(tile) * count
    return total


def _cases(*columns: np.ndarray):
    values, counts = np.unique(np.stack(columns), axis=1, return_counts=True)
    return [
        (tuple(int(x) for x in value), int(n)) for value, n in zip(values.T, counts, strict=False)
    ]
