"""The base class of patterns and its two combinations, union and intersection. numpy only.

A pattern defines four things: its rule (`multiplicity`), the tiles that may be non-empty
(`candidates`, and an upper bound of their number, `candidate_count`), and a `signature` that is
equal for tiles of equal content, so that a few inspected tiles describe millions.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from genojax.attention.patterns import block_lists


@dataclasses.dataclass(frozen=True)
class Pattern:
    """A rule for `length` queries and `key_length` keys; `p | q` is a union, `p & q` an overlap."""

    length: int
    key_length: int

    heads = 1  # 1: shared by all heads
    natural_block = None  # tokens per block for which the pattern consists of whole tiles, if any

    def __post_init__(self):
        for name in ('length', 'key_length'):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f'{name}={value!r} must be an int >= 1')

    def __or__(self, other: 'Pattern') -> 'Pattern':
        return Either(self.length, self.key_length, self, other)

    def __and__(self, other: 'Pattern') -> 'Pattern':
        return Both(self.length, self.key_length, self, other)

    def num_blocks(self, block: int) -> tuple[int, int]:
        """Number of query blocks and of key blocks of `block` tokens."""
        return -(-self.length // block), -(-self.key_length // block)

    def multiplicity(self, i: np.ndarray, j: np.ndarray, head: int = 0) -> np.ndarray:
        """How often key j counts for query i, uint8; i and j are integer arrays that broadcast."""
        raise NotImplementedError

    def candidates(self, block: int, head: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Query and key blocks, int32 [n] each, of all tiles that may be non-empty.

        They ascend by query block, then key block; some of the tiles may be empty.
        """
        num_kv_blocks = self.num_blocks(block)[1]
        rows, columns = np.divmod(np.arange(self.candidate_count(block)), num_kv_blocks)
        return rows.astype(np.int32), columns.astype(np.int32)

    def candidate_count(self, block: int) -> int:
        """An upper bound of the number of candidates, without listing them."""
        num_q_blocks, num_kv_blocks = self.num_blocks(block)
        return num_q_blocks * num_kv_blocks

    def signature(
        self, block: int, rows: np.ndarray, columns: np.ndarray, head: int = 0
    ) -> np.ndarray:
        """An int64 per tile; tiles of equal signature have equal content."""
        raise NotImplementedError

    def rows(self, queries: Sequence[int] | np.ndarray) -> np.ndarray:
        """Multiplicities of some queries, uint8 [R, M] ([H, R, M] where heads differ)."""
        i, j = np.asarray(queries)[:, None], np.arange(self.key_length)[None, :]
        shape = (len(i), self.key_length)
        by_head = [np.broadcast_to(self.multiplicity(i, j, h), shape) for h in range(self.heads)]
        return np.stack(by_head) if self.heads > 1 else by_head[0].copy()

    def weights(self) -> np.ndarray:
        """Multiplicities as a dense matrix, uint8 [L, M] ([H, L, M] where heads differ)."""
        return self.rows(np.arange(self.length))

    def mask(self) -> np.ndarray:
        """Which pairs attend, bool [L, M] ([H, L, M] where heads differ)."""
        return self.weights() > 0

    def block_lists(self, block: int) -> 'block_lists.BlockLists':
        """The key blocks of each query block, marked full or partial; cached.

        Raises:
            ValueError: more tiles than can be listed (a dense pattern of a very long sequence).
        """
        return block_lists.build(self, block)


def as_multiplicity(condition: np.ndarray) -> np.ndarray:
    """A boolean condition as multiplicities 0 and 1, uint8."""
    return np.asarray(condition).astype(np.uint8)


def _mix64(x: np.ndarray) -> np.ndarray:
    """The finalizer of splitmix64: a bijection of 64-bit integers that mixes all bits."""
    x = np.asarray(x).astype(np.int64).view(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (x ^ (x >> np.uint64(31))).view(np.int64)


@dataclasses.dataclass(frozen=True)
class _PatternPair(Pattern):
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

    def _both(self, method, *args, head):
        return [
            getattr(p, method)(*args, head=min(head, p.heads - 1)) for p in (self.left, self.right)
        ]

    def signature(self, block, rows, columns, head=0):
        left, right = self._both('signature', block, rows, columns, head=head)
        # A fixed mixing, so that signatures of two calls compare. Each side is mixed before the
        # next is added: with sums of multiples, the two middle operands of (a | b) | (c | d) would
        # get the same factor, and tiles that differ only there the same signature.
        return _mix64(_mix64(left) + right)


@dataclasses.dataclass(frozen=True)
class Either(_PatternPair):
    """Union: a pair attends in one or the other; the larger multiplicity counts."""

    def multiplicity(self, i, j, head=0):
        return np.maximum(*self._both('multiplicity', i, j, head=head))

    def candidate_count(self, block):
        return self.left.candidate_count(block) + self.right.candidate_count(block)

    def candidates(self, block, head=0):
        num_kv_blocks = self.num_blocks(block)[1]
        keys = [
            r.astype(np.int64) * num_kv_blocks + c
            for r, c in self._both('candidates', block, head=head)
        ]
        rows, columns = np.divmod(np.union1d(*keys), num_kv_blocks)
        return rows.astype(np.int32), columns.astype(np.int32)


@dataclasses.dataclass(frozen=True)
class Both(_PatternPair):
    """Intersection: pairs of both; multiplicities multiply, so a mask does not reweight."""

    def multiplicity(self, i, j, head=0):
        left, right = self._both('multiplicity', i, j, head=head)
        return left * right

    def candidate_count(self, block):
        return min(self.left.candidate_count(block), self.right.candidate_count(block))

    def candidates(self, block, head=0):
        smaller = min((self.left, self.right), key=lambda p: p.candidate_count(block))
        return smaller.candidates(block, head=min(head, smaller.heads - 1))
