"""Which query may look at which key: a small algebra of frozen, hashable values. numpy only, no jax.

A pattern is a description, not a matrix: `local(2**20, 96)` is three integers. What a pattern means is said by one
method, `multiplicity(i, j)`: how often key j counts in the softmax of query i (0 never, 1 once; more than once only
where a published model counts a block twice). Everything else, dense masks and block lists alike, follows from it.
Run-time padding and packing are not patterns: they go by segment ids.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Pattern:
    """`length` queries, `key_length` keys; `p | q` is seen by either, `p & q` by both."""

    length: int
    key_length: int

    heads = 1  # 1: shared by all heads

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

    def rows(self, queries: np.ndarray) -> np.ndarray:
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


def _seen(condition: np.ndarray) -> np.ndarray:
    return np.asarray(condition).astype(np.uint8)


@dataclasses.dataclass(frozen=True)
class Full(Pattern):
    """Everything is seen."""

    def multiplicity(self, i, j, head=0):
        return np.ones(np.broadcast_shapes(np.shape(i), np.shape(j)), np.uint8)


@dataclasses.dataclass(frozen=True)
class Causal(Pattern):
    """Key j is seen by query i if j <= i."""

    def multiplicity(self, i, j, head=0):
        return _seen(j <= i)


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


@dataclasses.dataclass(frozen=True)
class Either(_Pair):
    """Seen by one or the other; the larger multiplicity counts."""

    def multiplicity(self, i, j, head=0):
        return np.maximum(self.left.multiplicity(i, j, head), self.right.multiplicity(i, j, head))


@dataclasses.dataclass(frozen=True)
class Both(_Pair):
    """Seen by both; multiplicities multiply, so a mask restricts and does not reweigh."""

    def multiplicity(self, i, j, head=0):
        return self.left.multiplicity(i, j, head) * self.right.multiplicity(i, j, head)


def full(length: int, keys: int | None = None) -> Pattern:
    """Every query sees every key."""
    return Full(length, length if keys is None else keys)


def causal(length: int, keys: int | None = None) -> Pattern:
    """Query i sees keys 0..i."""
    return Causal(length, length if keys is None else keys)


def local(length: int, window: int, keys: int | None = None) -> Pattern:
    """Query i sees keys i - window .. i + window: `window` is a half-width in tokens."""
    return Local(length, length if keys is None else keys, window)
