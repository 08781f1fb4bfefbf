"""The optional inputs of attention (segments, bias, dropout), shape checks and the segment mask."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from genojax.attention import bias as biases
from genojax.attention import patterns
from genojax.typing import Array, Bool, Int


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TokenInputs:
    """What the scores depend on besides queries and keys; None where it is not used.

    Attributes:
        q_segment, k_segment: integer segment ids, [B, L] and [B, M]; 0 is padding.
        q_coord, k_coord: float32 coordinates of a linear bias, [B or 1, L] and [B or 1, M].
        slopes: float32 slopes of a linear bias, [H].
    """

    # Any: while JAX rebuilds a tree, its leaves are not always arrays.
    q_segment: Any = None
    k_segment: Any = None
    q_coord: Any = None
    k_coord: Any = None
    slopes: Any = None

    def map(
        self, of_queries: Callable[[Array], Array], of_keys: Callable[[Array], Array]
    ) -> 'TokenInputs':
        """The same with one function applied to the arrays of queries, another to those of keys."""

        def apply(function, x):
            return None if x is None else function(x)

        return TokenInputs(
            q_segment=apply(of_queries, self.q_segment),
            k_segment=apply(of_keys, self.k_segment),
            q_coord=apply(of_queries, self.q_coord),
            k_coord=apply(of_keys, self.k_coord),
            slopes=self.slopes,
        )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Modifiers:
    """The optional inputs of one attention call; see `attention.attend` for their meaning.

    Attributes:
        segments_BL: segment ids of the queries (and of the keys, where `key_segments_BM` is None).
        key_segments_BM: segment ids of the keys.
        bias: `LinearBias`, or an array [B or 1, H or 1, L, M] added to the scores.
        dropout: `Dropout` of attention probabilities.
        row_ids: int [B * H], batch * heads + head in the whole array, where this call sees a shard
            of it. Dropout is a function of these numbers.
    """

    segments_BL: Any = None
    key_segments_BM: Any = None
    bias: Any = None
    dropout: Any = None
    row_ids: Any = None

    @property
    def linear_bias(self) -> biases.LinearBias | None:
        """The bias if it is linear."""
        return self.bias if isinstance(self.bias, biases.LinearBias) else None

    @property
    def array_bias(self) -> Any:
        """The bias if it is an array."""
        return None if isinstance(self.bias, biases.LinearBias) else self.bias

    @property
    def dropout_rate(self) -> float:
        """0.0 without dropout."""
        return 0.0 if self.dropout is None else self.dropout.rate

    @property
    def key_segments(self) -> Any:
        """Segment ids of the keys: their own, or those of the queries."""
        return self.segments_BL if self.key_segments_BM is None else self.key_segments_BM

    def bias_inputs(self) -> TokenInputs:
        """Coordinates and slopes of a linear bias, float32, without segments."""
        if self.linear_bias is None:
            return TokenInputs()
        return TokenInputs(
            q_coord=self.bias.q_coord_BL.astype(jnp.float32),
            k_coord=self.bias.k_coord_BM.astype(jnp.float32),
            slopes=self.bias.slopes_H.astype(jnp.float32),
        )

    def token_inputs(self, B: int, L: int) -> TokenInputs:
        """Segments and linear bias; with segments of keys alone, all queries are in segment 1."""
        q_segment, k_segment = self.segments_BL, self.key_segments
        if q_segment is None and k_segment is not None:
            q_segment = jnp.ones((B, L), jnp.int32)
            k_segment = (k_segment > 0).astype(jnp.int32)
        return dataclasses.replace(self.bias_inputs(), q_segment=q_segment, k_segment=k_segment)


def check_shapes(
    q_BLHK: Array,
    k_BMHK: Array,
    v_BMHV: Array,
    pattern: patterns.Pattern,
    modifiers: Modifiers,
) -> None:
    """Raises ValueError, naming the array, for shapes that do not fit the pattern or each other."""
    B, L, H, _ = q_BLHK.shape
    M = k_BMHK.shape[1]
    if (L, M) != (pattern.length, pattern.key_length):
        raise ValueError(
            f'{L} queries and {M} keys, but the pattern is for {pattern.length} and'
            f' {pattern.key_length}'
        )
    if v_BMHV.shape[:3] != k_BMHK.shape[:3] or k_BMHK.shape[0] != B or k_BMHK.shape[2] != H:
        raise ValueError(
            f'shapes do not match: q {q_BLHK.shape}, k {k_BMHK.shape}, v {v_BMHV.shape}'
        )
    if pattern.heads not in (1, H):
        raise ValueError(f'a pattern for {pattern.heads} heads, but q has {H}')
    # A row that is too short would be padded silently.
    _check_shape('segments_BL', modifiers.segments_BL, (B, L))
    _check_shape('key_segments_BM', modifiers.key_segments_BM, (B, M))
    _check_shape('bias', modifiers.array_bias, (B, H, L, M), broadcastable=2)
    linear = modifiers.linear_bias
    if linear is not None:
        _check_shape('slopes_H', linear.slopes_H, (H,), broadcastable=0)
        _check_shape('q_coord_BL', linear.q_coord_BL, (B, L))
        _check_shape('k_coord_BM', linear.k_coord_BM, (B, M))


def _check_shape(name: str, x, expected: tuple[int, ...], broadcastable: int = 1) -> None:
    """`broadcastable`: number of leading axes that may have size 1."""
    if x is None:
        return
    fits = x.ndim == len(expected) and all(
        n == m or (n == 1 and axis < broadcastable)
        for axis, (n, m) in enumerate(zip(x.shape, expected, strict=True))
    )
    if not fits:
        raise ValueError(f'{name} has shape {x.shape}, expected {expected}')


def same_segment(
    segments_BL: Int[Array, 'B L'] | None, key_segments_BM: Int[Array, 'B M'] | None
) -> Bool[Array, 'B #L M'] | None:
    """Which pairs lie in one segment that is not padding; None without segments."""
    if segments_BL is None and key_segments_BM is None:
        return None
    if segments_BL is None:
        return (key_segments_BM > 0)[:, None, :]
    keys_BM = segments_BL if key_segments_BM is None else key_segments_BM
    return (segments_BL[:, :, None] == keys_BM[:, None, :]) & (keys_BM > 0)[:, None, :]
