"""The kinds of pattern behind `patterns.py`, each a frozen value with one rule. numpy only, no jax.

Every kind says four things: what it means (`multiplicity`), which tiles may hold anything (`candidates`, and how many
without making them) and which tiles are alike (`signature`), so that a few of them stand for a million.
"""

import dataclasses
import hashlib
import math
from collections.abc import Sequence

import numpy as np

from genojax.attention import blocks, plans


@dataclasses.dataclass(frozen=True)
class Pattern:
    """`length` queries, `key_length` keys; `p | q` is seen by either, `p & q` by both."""

    length: int
    key_length: int

    heads = 1  # 1: shared by all heads
    natural_block = None  # the block in which the pattern is made of whole tiles, if there is one

    def __post_init__(self):
        for name in ('length', 'key_length'):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f'{name}={value!r} must be an int >= 1')

    def __or__(self, other: 'Pattern') -> 'Pattern':
        return Either(self.length, self.key_length, self, other)

    def __and__(self, other: 'Pattern') -> 'Pattern':
        return Both(self.length, self.key_length, self, other)

    def multiplicity(self, i: np.ndarray, j: np.ndarray, head: int = 0) -> np.ndarray:
        """How often key j counts for query i, uint8; i and j are integer arrays that broadcast."""
        raise NotImplementedError

    def candidates(self, block: int, head: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Row and column blocks, int32 [n] each, of all tiles that may hold anything (and perhaps some empty ones)."""
        rows, columns = np.divmod(
            np.arange(self.candidate_count(block)), -(-self.key_length // block)
        )
        return rows.astype(np.int32), columns.astype(np.int32)

    def candidate_count(self, block: int) -> int:
        """An upper bound of the number of candidates, without making them."""
        return -(-self.length // block) * -(-self.key_length // block)

    def signature(
        self, block: int, rows: np.ndarray, columns: np.ndarray, head: int = 0
    ) -> np.ndarray:
        """An int64 per tile; tiles with equal signatures have equal content. Saves looking at each of them."""
        raise NotImplementedError

    def rows(self, queries: Sequence[int] | np.ndarray) -> np.ndarray:
        """Multiplicities of the named queries, uint8 [R, M] ([H, R, M] where heads differ)."""
        i, j = np.asarray(queries)[:, None], np.arange(self.key_length)[None, :]
        shape = (len(i), self.key_length)
        by_head = [np.broadcast_to(self.multiplicity(i, j, h), shape) for h in range(self.heads)]
        return np.stack(by_head) if self.heads > 1 else by_head[0].copy()

    def weights(self) -> np.ndarray:
        """Multiplicities as a dense matrix, uint8 [L, M] ([H, L, M] where heads differ)."""
        return self.rows(np.arange(self.length))

    def mask(self) -> np.ndarray:
        """What may be seen, bool [L, M] ([H, L, M] where heads differ)."""
        return self.weights() > 0

    def blocks(self, block: int) -> 'blocks.Blocks':
        """The key blocks of each query block, marked full or partial; remembered.

        Raises:
            ValueError: more tiles than can be listed (a dense pattern of a very long sequence).
        """
        return blocks.of(self, block)


def _seen(condition: np.ndarray) -> np.ndarray:
    return np.asarray(condition).astype(np.uint8)


@dataclasses.dataclass(frozen=True)
class Full(Pattern):
    """Everything is seen."""

    def multiplicity(self, i, j, head=0):
        return np.ones(np.broadcast_shapes(np.shape(i), np.shape(j)), np.uint8)

    def signature(self, block, rows, columns, head=0):
        return np.zeros(len(rows), np.int64)


@dataclasses.dataclass(frozen=True)
class Causal(Pattern):
    """Key j is seen by query i if j <= i."""

    def multiplicity(self, i, j, head=0):
        return _seen(j <= i)

    def candidates(self, block, head=0):
        rows, columns = super().candidates(block)
        return rows[keep := columns <= rows], columns[keep]

    def signature(self, block, rows, columns, head=0):
        return np.sign(rows.astype(np.int64) - columns)


@dataclasses.dataclass(frozen=True)
class Local(Pattern):
    """Key j is seen by query i if |i - j| <= window."""

    window: int

    def __post_init__(self):
        super().__post_init__()
        if self.window < 0:
            raise ValueError(f'{self.window=} must be >= 0')

    def multiplicity(self, i, j, head=0):
        return _seen(np.abs(i - j) <= self.window)

    def _reach(self, block):
        return -(-self.window // block)

    def candidate_count(self, block):
        return min(
            super().candidate_count(block), -(-self.length // block) * (2 * self._reach(block) + 1)
        )

    def candidates(self, block, head=0):
        reach, wide = self._reach(block), -(-self.key_length // block)
        if 2 * reach + 1 >= wide:
            rows, columns = np.indices((-(-self.length // block), wide)).reshape(2, -1)
        else:
            rows = np.repeat(np.arange(-(-self.length // block)), 2 * reach + 1)
            columns = rows + np.tile(np.arange(-reach, reach + 1), len(rows) // (2 * reach + 1))
        keep = (columns >= 0) & (columns < wide) & (np.abs(rows - columns) <= reach)
        return rows[keep].astype(np.int32), columns[keep].astype(np.int32)

    def signature(self, block, rows, columns, head=0):
        beyond = self._reach(block) + 1
        return np.clip(rows.astype(np.int64) - columns, -beyond, beyond)


@dataclasses.dataclass(frozen=True)
class Residue(Pattern):
    """Key j is seen by query i if (a*i + b*j) % period == 0: stripes, anti-diagonals or columns."""

    a: int
    b: int
    period: int

    def __post_init__(self):
        super().__post_init__()
        if self.period < 1:
            raise ValueError(f'{self.period=} must be >= 1')

    def multiplicity(self, i, j, head=0):
        return _seen(
            (self.a * np.asarray(i, np.int64) + self.b * np.asarray(j, np.int64)) % self.period == 0
        )

    def candidates(self, block, head=0):
        rows, columns = super().candidates(block)
        # a*i + b*j takes all values in a range of this width within a tile, give or take the ends
        corner = self.a * rows.astype(np.int64) + self.b * columns.astype(np.int64)
        low = corner * block + (min(self.a, 0) + min(self.b, 0)) * (block - 1)
        width = (abs(self.a) + abs(self.b)) * (block - 1)
        keep = (-low) % self.period <= width
        return rows[keep], columns[keep]

    def signature(self, block, rows, columns, head=0):
        return (
            (self.a * rows.astype(np.int64) + self.b * columns.astype(np.int64))
            * block
            % self.period
        )


@dataclasses.dataclass(frozen=True)
class Global(Pattern):
    """Tokens in the spans [start, stop) see everything (`looks`) and are seen by everything (`is_seen`)."""

    spans: tuple[tuple[int, int], ...]
    looks: bool = True
    is_seen: bool = True

    def _inside(self, x):
        inside = np.zeros(np.shape(x), bool)
        for start, stop in self.spans:
            inside |= (np.asarray(x) >= start) & (np.asarray(x) < stop)
        return inside

    def multiplicity(self, i, j, head=0):
        return _seen((self.looks & self._inside(i)) | (self.is_seen & self._inside(j)))

    def _code(self, index, block, on):
        """-1 where a block has no global token, -2 where all are, else the block's own number."""
        code = np.full(len(index), -1, np.int64)
        for start, stop in self.spans if on else ():
            first, last = index.astype(np.int64) * block, (index.astype(np.int64) + 1) * block
            code[(first < stop) & (last > start) & (code != -2)] = 0
            code[(first >= start) & (last <= stop)] = -2
        code[code == 0] = index[code == 0]
        return code

    def candidates(self, block, head=0):
        tall, wide = -(-self.length // block), -(-self.key_length // block)

        def touched(n, on):
            return np.flatnonzero(self._code(np.arange(n), block, on) != -1)

        rows, columns = touched(tall, self.looks), touched(wide, self.is_seen)
        pairs = np.concatenate(
            [
                (rows[:, None] * wide + np.arange(wide)).ravel(),
                (np.arange(tall)[:, None] * wide + columns).ravel(),
            ]
        )
        rows, columns = np.divmod(np.unique(pairs), wide)
        return rows.astype(np.int32), columns.astype(np.int32)

    def candidate_count(self, block):
        touched = sum((stop - start) // block + 2 for start, stop in self.spans)
        return touched * (self.length + self.key_length) // block + 2 * touched

    def signature(self, block, rows, columns, head=0):
        wide = -(-self.key_length // block) + 3
        return (
            (self._code(rows, block, self.looks) + 2) * wide
            + self._code(columns, block, self.is_seen)
            + 2
        )


@dataclasses.dataclass(frozen=True)
class Tiles(Pattern):
    """A pattern of whole blocks, listed by a plan (`plans.py`): BigBird and its random part."""

    block: int
    window: int
    globals_: int
    random: int
    seed: int
    plan: str
    per_head: int
    prepended: bool

    def __post_init__(self):
        super().__post_init__()
        plans.check(self)

    @property
    def heads(self) -> int:
        return self.per_head

    @property
    def natural_block(self) -> int:
        return self.block

    def listed(self, head: int) -> tuple[np.ndarray, np.ndarray]:
        """Sorted int64 keys row * columns + column of the blocks seen, and their multiplicities, uint8."""
        return plans.listed(self)[head]

    def _lookup(self, rows, columns, head):
        keys, counts = self.listed(head)
        wanted = rows.astype(np.int64) * -(-self.key_length // self.block) + columns
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[at] == wanted, counts[at], 0).astype(np.uint8)

    def multiplicity(self, i, j, head=0):
        rows, columns = np.broadcast_arrays(
            np.asarray(i) // self.block, np.asarray(j) // self.block
        )
        return self._lookup(rows, columns, head)

    def candidate_count(self, block):
        per_tile = (-(-self.block // block) + (self.block % block > 0)) ** 2
        return len(self.listed(0)[0]) * per_tile

    def candidates(self, block, head=0):
        wide = -(-self.key_length // self.block)
        rows, columns = np.divmod(self.listed(head)[0], wide)
        if block != self.block:
            reach = -(-self.block // block) + 1
            first_row, first_column = rows * self.block // block, columns * self.block // block
            last_row, last_column = (
                (x * self.block + self.block - 1) // block for x in (rows, columns)
            )
            down, across = (x.ravel() for x in np.indices((reach, reach)))
            rows, columns = first_row[:, None] + down, first_column[:, None] + across
            keep = (rows <= last_row[:, None]) & (columns <= last_column[:, None])
            wide = -(-self.key_length // block)
            keep &= (rows < -(-self.length // block)) & (columns < wide)
            rows, columns = np.divmod(np.unique((rows * wide + columns)[keep]), wide)
        return rows.astype(np.int32), columns.astype(np.int32)

    def signature(self, block, rows, columns, head=0):
        step = math.gcd(block, self.block)
        part = np.arange(0, block, step)
        down = (rows.astype(np.int64)[:, None] * block + part) // self.block
        across = (columns.astype(np.int64)[:, None] * block + part) // self.block
        tile = self._lookup(down[:, :, None], across[:, None, :], head).reshape(len(rows), -1)
        if tile.shape[1] == 1:
            return tile[:, 0].astype(np.int64)
        # equal tiles get equal numbers that do not depend on which others were asked for, nor on the process
        digest = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in tile]
        return np.frombuffer(b''.join(digest), np.int64)


def _scrambled(x: np.ndarray) -> np.ndarray:
    """A bijection of the 64-bit numbers whose every output bit depends on every input bit (splitmix64's finish)."""
    x = np.asarray(x).astype(np.int64).view(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(31))).view(np.int64)


@dataclasses.dataclass(frozen=True)
class _Pair(Pattern):
    left: Pattern
    right: Pattern

    def __post_init__(self):
        super().__post_init__()
        shapes = [(p.length, p.key_length) for p in (self.left, self.right)]
        if shapes[0] != shapes[1]:
            raise ValueError(f'patterns of different shapes: {shapes[0]} and {shapes[1]}')
        if 1 not in (heads := (self.left.heads, self.right.heads)) and len(set(heads)) > 1:
            raise ValueError(f'patterns for different numbers of heads: {heads}')

    @property
    def heads(self) -> int:
        return max(self.left.heads, self.right.heads)

    @property
    def natural_block(self) -> int | None:
        return self.left.natural_block or self.right.natural_block

    def _each(self, method, *args, head):
        return [
            getattr(p, method)(*args, head=min(head, p.heads - 1)) for p in (self.left, self.right)
        ]

    def signature(self, block, rows, columns, head=0):
        left, right = self._each('signature', block, rows, columns, head=head)
        # A fixed mixing, so that signatures of two calls compare. Each side is scrambled before the next is added: sums
        # of multiples would give the two middle parts of (a | b) | (c | d) the same factor, and tiles that differ only
        # there the same signature.
        return _scrambled(_scrambled(left) + right)


@dataclasses.dataclass(frozen=True)
class Either(_Pair):
    """Seen by one or the other; the larger multiplicity counts."""

    def multiplicity(self, i, j, head=0):
        return np.maximum(*self._each('multiplicity', i, j, head=head))

    def candidate_count(self, block):
        return self.left.candidate_count(block) + self.right.candidate_count(block)

    def candidates(self, block, head=0):
        wide = -(-self.key_length // block)
        keys = [
            r.astype(np.int64) * wide + c for r, c in self._each('candidates', block, head=head)
        ]
        rows, columns = np.divmod(np.union1d(*keys), wide)
        return rows.astype(np.int32), columns.astype(np.int32)


@dataclasses.dataclass(frozen=True)
class Both(_Pair):
    """Seen by both; multiplicities multiply, so a mask restricts and does not reweigh."""

    def multiplicity(self, i, j, head=0):
        left, right = self._each('multiplicity', i, j, head=head)
        return left * right

    def candidate_count(self, block):
        return min(self.left.candidate_count(block), self.right.candidate_count(block))

    def candidates(self, block, head=0):
        fewer = min((self.left, self.right), key=lambda p: p.candidate_count(block))
        return fewer.candidates(block, head=min(head, fewer.heads - 1))
