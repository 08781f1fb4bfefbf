"""Patterns of one rule: full, causal, local, residue classes and global tokens. numpy only."""

import dataclasses

import numpy as np

from genojax.attention.patterns import algebra


@dataclasses.dataclass(frozen=True)
class Full(algebra.Pattern):
    """Every query attends to every key."""

    def multiplicity(self, i, j, head=0):
        return np.ones(np.broadcast_shapes(np.shape(i), np.shape(j)), np.uint8)

    def signature(self, block, rows, columns, head=0):
        return np.zeros(len(rows), np.int64)


@dataclasses.dataclass(frozen=True)
class Causal(algebra.Pattern):
    """Query i attends to key j if j <= i."""

    def multiplicity(self, i, j, head=0):
        return algebra.as_multiplicity(j <= i)

    def candidates(self, block, head=0):
        rows, columns = super().candidates(block)
        return rows[below := columns <= rows], columns[below]

    def signature(self, block, rows, columns, head=0):
        return np.sign(rows.astype(np.int64) - columns)


@dataclasses.dataclass(frozen=True)
class Local(algebra.Pattern):
    """Query i attends to key j if |i - j| <= window (tokens)."""

    window: int

    def __post_init__(self):
        super().__post_init__()
        if self.window < 0:
            raise ValueError(f'{self.window=} must be >= 0')

    def multiplicity(self, i, j, head=0):
        return algebra.as_multiplicity(np.abs(i - j) <= self.window)

    def _reach(self, block):
        """Blocks on each side of the diagonal that the window touches."""
        return -(-self.window // block)

    def candidate_count(self, block):
        banded = self.num_blocks(block)[0] * (2 * self._reach(block) + 1)
        return min(super().candidate_count(block), banded)

    def candidates(self, block, head=0):
        reach = self._reach(block)
        num_q_blocks, num_kv_blocks = self.num_blocks(block)
        if 2 * reach + 1 >= num_kv_blocks:
            rows, columns = np.indices((num_q_blocks, num_kv_blocks)).reshape(2, -1)
        else:
            rows = np.repeat(np.arange(num_q_blocks), 2 * reach + 1)
            columns = rows + np.tile(np.arange(-reach, reach + 1), num_q_blocks)
        valid = (columns >= 0) & (columns < num_kv_blocks) & (np.abs(rows - columns) <= reach)
        return rows[valid].astype(np.int32), columns[valid].astype(np.int32)

    def signature(self, block, rows, columns, head=0):
        beyond = self._reach(block) + 1
        return np.clip(rows.astype(np.int64) - columns, -beyond, beyond)


@dataclasses.dataclass(frozen=True)
class Residue(algebra.Pattern):
    """Query i attends to key j if (a*i + b*j) % period == 0: stripes, anti-diagonals or columns."""

    a: int
    b: int
    period: int

    def __post_init__(self):
        super().__post_init__()
        if self.period < 1:
            raise ValueError(f'{self.period=} must be >= 1')

    def multiplicity(self, i, j, head=0):
        total = self.a * np.asarray(i, np.int64) + self.b * np.asarray(j, np.int64)
        return algebra.as_multiplicity(total % self.period == 0)

    def _corner(self, rows, columns):
        """a*row + b*column of tiles, in blocks."""
        return self.a * rows.astype(np.int64) + self.b * columns.astype(np.int64)

    def candidates(self, block, head=0):
        rows, columns = super().candidates(block)
        # Within a tile, a*i + b*j lies between `low` and `low + width`.
        low = self._corner(rows, columns) * block
        low = low + (min(self.a, 0) + min(self.b, 0)) * (block - 1)
        width = (abs(self.a) + abs(self.b)) * (block - 1)
        possible = (-low) % self.period <= width
        return rows[possible], columns[possible]

    def signature(self, block, rows, columns, head=0):
        return self._corner(rows, columns) * block % self.period


@dataclasses.dataclass(frozen=True)
class Global(algebra.Pattern):
    """Tokens in spans [start, stop) attend to all (`attends`) and are attended (`attended`)."""

    spans: tuple[tuple[int, int], ...]
    attends: bool = True
    attended: bool = True

    def _inside(self, x):
        inside = np.zeros(np.shape(x), bool)
        for start, stop in self.spans:
            inside |= (np.asarray(x) >= start) & (np.asarray(x) < stop)
        return inside

    def multiplicity(self, i, j, head=0):
        return algebra.as_multiplicity(
            (self.attends & self._inside(i)) | (self.attended & self._inside(j))
        )

    def _block_code(self, index, block, enabled):
        """-1 for a block without global tokens, -2 for one of nothing else, or its index."""
        code = np.full(len(index), -1, np.int64)
        for start, stop in self.spans if enabled else ():
            first, last = index.astype(np.int64) * block, (index.astype(np.int64) + 1) * block
            code[(first < stop) & (last > start) & (code != -2)] = 0
            code[(first >= start) & (last <= stop)] = -2
        code[code == 0] = index[code == 0]
        return code

    def candidates(self, block, head=0):
        num_q_blocks, num_kv_blocks = self.num_blocks(block)

        def touched(count, enabled):
            return np.flatnonzero(self._block_code(np.arange(count), block, enabled) != -1)

        rows = touched(num_q_blocks, self.attends)
        columns = touched(num_kv_blocks, self.attended)
        tiles = np.concatenate(
            [
                (rows[:, None] * num_kv_blocks + np.arange(num_kv_blocks)).ravel(),
                (np.arange(num_q_blocks)[:, None] * num_kv_blocks + columns).ravel(),
            ]
        )
        rows, columns = np.divmod(np.unique(tiles), num_kv_blocks)
        return rows.astype(np.int32), columns.astype(np.int32)

    def candidate_count(self, block):
        touched = sum((stop - start) // block + 2 for start, stop in self.spans)
        return touched * (self.length + self.key_length) // block + 2 * touched

    def signature(self, block, rows, columns, head=0):
        base = self.num_blocks(block)[1] + 3
        row_code = self._block_code(rows, block, self.attends) + 2
        return row_code * base + self._block_code(columns, block, self.attended) + 2
