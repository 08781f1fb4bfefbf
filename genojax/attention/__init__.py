"""Attention: one meaning, many speeds. `attend` is the only door; `patterns` says who sees whom."""

import dataclasses
import functools
import logging
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from genojax.attention import (
    anchored,
    block_sparse,
    pallas_tpu,
    patterns,
    reference,
    sequence_parallel,
    splash_tpu,
)
from genojax.attention.bias import Dropout, Linear
from genojax.attention.sequence_parallel import whole_rows as whole_rows
from genojax.typing import Array, Bool, Float, Int

_log = logging.getLogger(__name__)

IMPLEMENTATIONS = ('auto', 'reference', 'block_sparse', 'anchored', 'pallas_tpu', 'splash_tpu')


def attend(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    v_BMHV: Float[Array, 'B M H V'],
    pattern: patterns.Pattern,
    *,
    scale: float | None = None,
    segments_BL: Int[Array, 'B L'] | None = None,
    key_segments_BM: Int[Array, 'B M'] | None = None,
    bias: Linear | Float[Array, 'b h L M'] | None = None,
    dropout: Dropout | None = None,
    return_lse: bool = False,
    implementation: str = 'auto',
) -> Float[Array, 'B L H V'] | tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Softmax attention over what the pattern lets see; a query that may see nothing returns zeros, with zero gradients.

    Args:
        pattern: who sees whom, shared by the batch; a static value.
        scale: factor of the scores; 1/sqrt(K) by default.
        segments_BL: tokens see each other only within a segment; id 0 is padding: it sees nothing and is not seen.
        key_segments_BM: the same for keys; default `segments_BL`, which then needs L = M.
        bias: `Linear`, or an array added to the scores, [B or 1, H or 1, L, M].
        dropout: of attention probabilities, `Dropout(rate, key)`; None in evaluation.
        return_lse: also give the log-sum-exp of each row's scores, f32 [B, L, H], -inf for a row that sees nothing.
        implementation: one of `IMPLEMENTATIONS`; 'auto' picks by device, pattern and length.

    Raises:
        ValueError: shapes that do not fit the pattern, or an unknown implementation.
        NotImplementedError: the named implementation cannot do what is asked.
    """
    check_shapes(q_BLHK, k_BMHK, v_BMHV, pattern, segments_BL, key_segments_BM, bias)
    if segments_BL is not None and key_segments_BM is None and pattern.length != pattern.key_length:
        raise ValueError('segments_BL alone needs as many keys as queries; give key_segments_BM')
    if implementation not in IMPLEMENTATIONS:
        raise ValueError(f'{implementation=} is not one of {IMPLEMENTATIONS}')
    scale = 1 / math.sqrt(q_BLHK.shape[-1]) if scale is None else float(scale)
    axes = sequence_parallel.mesh_axes()
    spread = sequence_parallel.sequence_devices(axes) > 1
    array = bias is not None and not isinstance(bias, Linear)
    if implementation == 'splash_tpu' and return_lse:
        raise NotImplementedError('splash_tpu gives no log-sum-exp')
    if implementation == 'auto':
        implementation = choose(pattern, jax.default_backend(), array, dropout is not None, spread)
    arguments = (
        q_BLHK,
        k_BMHK,
        v_BMHV,
        pattern,
        scale,
        segments_BL,
        key_segments_BM,
        bias,
        dropout,
    )
    if implementation == 'reference' and not spread:
        o_BLHV, lse_BLH = _reference(*arguments)
    elif axes:
        if spread and implementation not in ('block_sparse', 'anchored'):
            raise NotImplementedError(
                f'{implementation} cannot split the sequence; block_sparse can'
            )
        o_BLHV, lse_BLH = sequence_parallel.attend(axes, _fast(implementation), *arguments)
    else:
        o_BLHV, lse_BLH = _fast(implementation)(*arguments)
    return (o_BLHV, lse_BLH) if return_lse else o_BLHV


@functools.lru_cache(maxsize=256)
def choose(
    pattern: patterns.Pattern, device: str, array_bias: bool, dropout: bool, spread: bool
) -> str:
    """What 'auto' runs; logged once for each kind of call.

    Short sequences are dense: below these sizes the scan's own cost exceeds what it saves. On a CPU the break-even lies
    between 128 and 256 tokens; the size for other devices is a guess.
    """
    side = 160 if device == 'cpu' else 1024
    if not spread and pattern.length * pattern.key_length <= side**2:
        name = 'reference'
    elif device == 'tpu' and not (spread or array_bias or dropout) and pallas_tpu.can(pattern):
        name = 'pallas_tpu'
    elif anchored.match(pattern) is not None and not array_bias:
        name = 'anchored'
    else:
        name = 'block_sparse'
    _log.info('attention: %s on %s for %s', name, device, pattern)
    return name


def _fast(implementation: str):
    return {
        'block_sparse': block_sparse.attend,
        'anchored': anchored.attend,
        'pallas_tpu': pallas_tpu.attend,
        'splash_tpu': splash_tpu.attend,
    }[implementation]


def _reference(q_BLHK, k_BMHK, v_BMHV, pattern, scale, segments_BL, key_segments_BM, bias, dropout):
    weights = jnp.asarray(pattern.weights())
    seen_BLM = same_segment(segments_BL, key_segments_BM)
    return reference.attend(q_BLHK, k_BMHK, v_BMHV, weights, scale, seen_BLM, bias, dropout)


def probabilities(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    pattern: patterns.Pattern,
    rows: Sequence[int] | np.ndarray,
    *,
    scale: float | None = None,
    segments_BL: Int[Array, 'B L'] | None = None,
    key_segments_BM: Int[Array, 'B M'] | None = None,
    bias: Linear | Float[Array, 'b h L M'] | None = None,
) -> Float[Array, 'B H R M']:
    """The attention weights of the named query rows, f32, for attention maps; costs R x M, not L x M.

    Raises:
        IndexError: a row outside 0 .. L-1 (JAX alone would clamp it to another row and say nothing).
    """
    check_shapes(q_BLHK, k_BMHK, k_BMHK, pattern, segments_BL, key_segments_BM, bias)
    rows = np.asarray(rows)
    if rows.size and not 0 <= rows.min() <= rows.max() < pattern.length:
        raise IndexError(
            f'rows {rows.min()}..{rows.max()} of a pattern of {pattern.length} queries'
        )
    scale = 1 / math.sqrt(q_BLHK.shape[-1]) if scale is None else scale
    weights_HRM = pattern.rows(rows)
    segments_BR = None if segments_BL is None else segments_BL[:, rows]
    if key_segments_BM is None:
        key_segments_BM = segments_BL
    if isinstance(bias, Linear):
        bias = dataclasses.replace(bias, q_coord_BL=bias.q_coord_BL[:, rows])
    elif bias is not None:
        bias = bias[:, :, rows]
    s_BHRM = reference.scores(
        q_BLHK[:, rows],
        k_BMHK,
        jnp.asarray(weights_HRM),
        scale,
        same_segment(segments_BR, key_segments_BM),
        bias,
    )
    return reference.softmax(s_BHRM)[0]


def check_shapes(
    q_BLHK: Array,
    k_BMHK: Array,
    v_BMHV: Array,
    pattern: patterns.Pattern,
    segments_BL: Array | None = None,
    key_segments_BM: Array | None = None,
    bias: Linear | Array | None = None,
) -> None:
    """One clear error for arrays that do not fit the pattern."""
    B, L, H, _ = q_BLHK.shape
    M = k_BMHK.shape[1]
    if (L, M) != (pattern.length, pattern.key_length):
        raise ValueError(
            f'{L} queries and {M} keys, but the pattern is for {pattern.length} and {pattern.key_length}'
        )
    if v_BMHV.shape[:3] != k_BMHK.shape[:3] or k_BMHK.shape[0] != B or k_BMHK.shape[2] != H:
        raise ValueError(f'shapes do not fit: q {q_BLHK.shape}, k {k_BMHK.shape}, v {v_BMHV.shape}')
    if pattern.heads not in (1, H):
        raise ValueError(f'a pattern for {pattern.heads} heads, but q has {H}')
    # A row too short would be filled up with padding, and nobody would be told.
    given = {'segments_BL': (segments_BL, (B, L)), 'key_segments_BM': (key_segments_BM, (B, M))}
    if isinstance(bias, Linear):
        given['slopes_H'] = bias.slopes_H, (H,)
        given['q_coord_BL'] = bias.q_coord_BL, (B, L)
        given['k_coord_BM'] = bias.k_coord_BM, (B, M)
    elif bias is not None:
        given['bias'] = bias, (B, H, L, M)
    for name, (x, wanted) in given.items():
        if x is None:
            continue
        shared = (
            2 if name == 'bias' else name.endswith(('_BL', '_BM'))
        )  # leading axes that may be 1
        fits = x.ndim == len(wanted) and all(
            n == m or (n == 1 and axis < shared)
            for axis, (n, m) in enumerate(zip(x.shape, wanted, strict=True))
        )
        if not fits:
            raise ValueError(f'{name} has shape {x.shape}, not {wanted}')


def same_segment(
    segments_BL: Int[Array, 'B L'] | None, key_segments_BM: Int[Array, 'B M'] | None
) -> Bool[Array, 'B L M'] | None:
    """Which pairs lie in one segment that is not padding; None if there are no segments."""
    if segments_BL is None and key_segments_BM is None:
        return None
    if segments_BL is None:
        return (key_segments_BM > 0)[:, None, :]
    keys_BM = segments_BL if key_segments_BM is None else key_segments_BM
    return (segments_BL[:, :, None] == keys_BM[:, None, :]) & (keys_BM > 0)[:, None, :]
