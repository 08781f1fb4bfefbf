"""Block-sparse attention for TPU: own Pallas kernels over a flat block table, forward and backward.

`pallas_table` says which tiles are visited, `pallas_kernels` what is done there. `anchored` runs as its window plus full
attention within residue classes. On CPU the kernels are interpreted: right, slow, for tests. Not run on a TPU yet:
compiled for one only.
"""

import dataclasses
import functools

import jax.numpy as jnp

from genojax.attention import anchored, pallas_kernels, pallas_table, patterns
from genojax.attention import bias as biases
from genojax.typing import Array, Float, Int

DEFAULT_BLOCK = 128


def can(pattern: patterns.Pattern) -> bool:
    """Whether the tables of `attend` have room for a pattern in its own blocks."""
    if anchored.match(pattern) is not None:
        return pallas_table.fits(anchored.match(pattern)[0], DEFAULT_BLOCK)
    return pallas_table.fits(pattern, pattern.natural_block or DEFAULT_BLOCK)


def attend(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    v_BMHV: Float[Array, 'B M H V'],
    pattern: patterns.Pattern,
    scale: float,
    segments_BL: Int[Array, 'B L'] | None = None,
    key_segments_BM: Int[Array, 'B M'] | None = None,
    bias: biases.Linear | Array | None = None,
    dropout: biases.Dropout | None = None,
    rows: Array | None = None,
    block: int | None = None,
) -> tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Attention and log-sum-exp; see `attention.attend`.

    Raises:
        NotImplementedError: an array bias or dropout (block_sparse takes both), or more different tiles than there is room
            for.
    """
    if bias is not None and not isinstance(bias, biases.Linear):
        raise NotImplementedError('pallas_tpu takes a Linear bias, not an array')
    if dropout is not None and dropout.rate > 0:
        raise NotImplementedError('pallas_tpu has no attention dropout')
    if segments_BL is not None and key_segments_BM is None:
        key_segments_BM = segments_BL
    if segments_BL is None and key_segments_BM is not None:
        segments_BL = jnp.ones(q_BLHK.shape[:2], key_segments_BM.dtype)
        key_segments_BM = (key_segments_BM > 0).astype(key_segments_BM.dtype)
    tokens = pallas_kernels.Tokens(segments_BL, key_segments_BM)
    if bias is not None:
        q_coord, k_coord = (
            jnp.broadcast_to(x.astype(jnp.float32), (q_BLHK.shape[0], x.shape[1]))
            for x in (bias.q_coord_BL, bias.k_coord_BM)
        )
        slopes = bias.slopes_H.astype(jnp.float32)
        tokens = dataclasses.replace(tokens, q_coord=q_coord, k_coord=k_coord, slopes=slopes)
    if anchored.match(pattern) is not None:
        return _anchored(q_BLHK, k_BMHK, v_BMHV, pattern, scale, tokens, block)
    block = block or pattern.natural_block or DEFAULT_BLOCK
    static = pallas_kernels.Static(pattern, block, scale)
    return pallas_kernels.attend(static, q_BLHK, k_BMHK, v_BMHV, tokens)


def _anchored(q, k, v, pattern, scale, tokens: pallas_kernels.Tokens, block: int | None):
    """The window, and full attention between residue classes without the pairs the window has."""
    window, stripes = anchored.match(pattern)
    B, L = q.shape[:2]
    M = k.shape[1]
    block = block or DEFAULT_BLOCK
    static = pallas_kernels.Static(window, block, scale, part=True)
    near = pallas_kernels.attend(static, q, k, v, tokens)
    groups = dataclasses.replace(anchored.sizes(stripes), together=1)
    groups = dataclasses.replace(
        groups, chunk=-(-L // groups.groups), queries=-(-L // groups.groups)
    )

    def fold(x, f):
        return None if x is None else f(x, groups).reshape(-1, *f(x, groups).shape[3:])

    to_q, to_k = (
        functools.partial(fold, f=anchored.regroup_queries),
        functools.partial(fold, f=anchored.regroup_keys),
    )

    def each(n):
        return jnp.broadcast_to(jnp.arange(n), (B, n))

    def ones(n):
        return jnp.ones((B, n), jnp.int32)

    q_segment = ones(L) if tokens.q_segment is None else tokens.q_segment
    k_segment = ones(M) if tokens.k_segment is None else tokens.k_segment
    # padding tokens get segment 0 by the padding of the regrouping
    far_tokens = pallas_kernels.Tokens(
        to_q(q_segment),
        to_k(k_segment),
        to_q(tokens.q_coord),
        to_k(tokens.k_coord),
        to_q(each(L)),
        to_k(each(M)),
        tokens.slopes,
    )
    whole = patterns.full(groups.queries, groups.keys)
    size = min(block, max(8, -(-groups.keys // 8) * 8))
    static = pallas_kernels.Static(whole, size, scale, part=True, apart=window.window)
    o, lse = pallas_kernels.attend(static, to_q(q), to_k(k), to_k(v), far_tokens)

    def unfold(x):
        return anchored.unregroup_queries(x.reshape(B, -1, 1, *x.shape[1:]), groups, L)

    o, lse = anchored.merge(near, (unfold(o), unfold(lse)))
    return o.astype(q.dtype), lse
