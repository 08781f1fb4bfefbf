"""A pattern of whole blocks, listed by a plan: BigBird and its random part. numpy only."""

import dataclasses
import hashlib
import math

import numpy as np

from genojax.attention.patterns import algebra, block_plans


@dataclasses.dataclass(frozen=True)
class BlockPattern(algebra.Pattern):
    """Window, global and random blocks of `block` tokens; `block_plans.py` draws the random ones.

    Attributes:
        window_blocks: odd number of blocks around the diagonal; 0 for none.
        global_blocks: blocks that attend to all and are attended by all.
        random_blocks: random key blocks per query block that is not global.
        seed: of the random blocks.
        plan: one of `block_plans.PLANS`.
        per_head: number of heads that draw their own random blocks.
        prepended: whether the global blocks are the first ones (ETC) instead of both ends (ITC).
    """

    block: int
    window_blocks: int
    global_blocks: int
    random_blocks: int
    seed: int
    plan: str
    per_head: int
    prepended: bool

    def __post_init__(self):
        super().__post_init__()
        block_plans.check(self)

    @property
    def heads(self) -> int:
        return self.per_head

    @property
    def natural_block(self) -> int:
        return self.block

    def tile_counts(self, head: int) -> tuple[np.ndarray, np.ndarray]:
        """Sorted int64 tile numbers row * num_kv_blocks + column, and multiplicities, uint8."""
        return block_plans.tile_counts(self)[head]

    def _lookup(self, rows, columns, head):
        tiles, counts = self.tile_counts(head)
        query = rows.astype(np.int64) * self.num_blocks(self.block)[1] + columns
        at = np.minimum(np.searchsorted(tiles, query), len(tiles) - 1)
        return np.where(tiles[at] == query, counts[at], 0).astype(np.uint8)

    def multiplicity(self, i, j, head=0):
        rows, columns = np.broadcast_arrays(
            np.asarray(i) // self.block, np.asarray(j) // self.block
        )
        return self._lookup(rows, columns, head)

    def candidate_count(self, block):
        per_tile = (-(-self.block // block) + (self.block % block > 0)) ** 2
        return len(self.tile_counts(0)[0]) * per_tile

    def candidates(self, block, head=0):
        rows, columns = np.divmod(self.tile_counts(head)[0], self.num_blocks(self.block)[1])
        if block != self.block:
            rows, columns = self._rescaled(rows, columns, block)
        return rows.astype(np.int32), columns.astype(np.int32)

    def _rescaled(self, rows, columns, block):
        """Tiles of `block` tokens that overlap tiles of the pattern's own block."""
        num_q_blocks, num_kv_blocks = self.num_blocks(block)
        reach = -(-self.block // block) + 1
        first_row, first_column = rows * self.block // block, columns * self.block // block
        last_row, last_column = (
            (x * self.block + self.block - 1) // block for x in (rows, columns)
        )
        down, across = (x.ravel() for x in np.indices((reach, reach)))
        rows, columns = first_row[:, None] + down, first_column[:, None] + across
        valid = (rows <= last_row[:, None]) & (columns <= last_column[:, None])
        valid &= (rows < num_q_blocks) & (columns < num_kv_blocks)
        return np.divmod(np.unique((rows * num_kv_blocks + columns)[valid]), num_kv_blocks)

    def signature(self, block, rows, columns, head=0):
        step = math.gcd(block, self.block)
        offset = np.arange(0, block, step)
        down = (rows.astype(np.int64)[:, None] * block + offset) // self.block
        across = (columns.astype(np.int64)[:, None] * block + offset) // self.block
        tile = self._lookup(down[:, :, None], across[:, None, :], head).reshape(len(rows), -1)
        if tile.shape[1] == 1:
            return tile[:, 0].astype(np.int64)
        # A digest depends neither on the other tiles of the call nor on the process.
        digest = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in tile]
        return np.frombuffer(b''.join(digest), np.int64)
