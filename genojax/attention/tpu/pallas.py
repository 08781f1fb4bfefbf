"""The implementation 'pallas_tpu': Pallas kernels over a flat block table, forward and backward.

`block_table` defines which tiles are visited, `kernels` what is computed there. An anchored pattern
runs as its window plus full attention within residue classes. On CPU the kernels are interpreted:
correct, slow, for tests. They compile for TPU but have not been run on one yet.
"""

import dataclasses
import functools

import jax.numpy as jnp

from genojax.attention import inputs, patterns
from genojax.attention.tpu import block_table, kernels
from genojax.attention.xla import anchored, residues
from genojax.typing import Array, Float

DEFAULT_BLOCK = 128  # tokens


def supports(pattern: patterns.Pattern) -> bool:
    """Whether the block table can hold a pattern in the block size that `attend` chooses."""
    if anchored.match(pattern) is not None:
        return block_table.fits(anchored.match(pattern)[0], DEFAULT_BLOCK)
    return block_table.fits(pattern, pattern.natural_block or DEFAULT_BLOCK)


def attend(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    v_BMHV: Float[Array, 'B M H V'],
    pattern: patterns.Pattern,
    modifiers: inputs.Modifiers,
    *,
    scale: float,
    block: int | None = None,
) -> tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Attention and log-sum-exp; see `attention.attend`.

    Raises:
        NotImplementedError: an array bias or dropout (block_sparse supports both), or more
            different tiles than the table can hold.
    """
    if modifiers.array_bias is not None:
        raise NotImplementedError('pallas_tpu supports a LinearBias, not an array bias')
    if modifiers.dropout_rate > 0:
        raise NotImplementedError('pallas_tpu does not support attention dropout')
    B, L = q_BLHK.shape[:2]
    tokens = modifiers.token_inputs(B, L)
    coords = {
        name: jnp.broadcast_to(x, (B, x.shape[1]))
        for name in ('q_coord', 'k_coord')
        if (x := getattr(tokens, name)) is not None
    }
    tokens = dataclasses.replace(tokens, **coords)
    if anchored.match(pattern) is not None:
        window, residue = anchored.match(pattern)
        spec = kernels.KernelSpec(window, block or DEFAULT_BLOCK, scale, partial=True)
        windowed = kernels.attend(spec, q_BLHK, k_BMHK, v_BMHV, kernels.KernelInputs(tokens=tokens))
        striped = _stripes(spec, residue, (q_BLHK, k_BMHK, v_BMHV), tokens)
        o_BLHV, lse_BLH = anchored.merge(windowed, striped)
        return o_BLHV.astype(q_BLHK.dtype), lse_BLH
    spec = kernels.KernelSpec(pattern, block or pattern.natural_block or DEFAULT_BLOCK, scale)
    return kernels.attend(spec, q_BLHK, k_BMHK, v_BMHV, kernels.KernelInputs(tokens=tokens))


def _stripes(
    window: kernels.KernelSpec, residue, arrays: tuple[Array, Array, Array], tokens
) -> tuple[Array, Array]:
    """Full attention within residue classes without the pairs that the window contains."""
    q, k, v = arrays
    (B, L), M = q.shape[:2], k.shape[1]
    groups = residues.sizes(residue)
    queries = -(-L // groups.groups)
    groups = dataclasses.replace(groups, groups_per_step=1, chunk=queries, queries=queries)

    def fold(function, x):
        """Groups as further batch entries."""
        x = function(x, groups)
        return x.reshape(-1, *x.shape[3:])

    of_queries = functools.partial(fold, residues.group_queries)
    of_keys = functools.partial(fold, residues.group_keys)

    def positions(n):
        return jnp.broadcast_to(jnp.arange(n), (B, n))

    if tokens.k_segment is None:
        # tokens that pad a group get segment 0 by the padding of the regrouping
        ones = (jnp.ones((B, n), jnp.int32) for n in (L, M))
        tokens = dataclasses.replace(tokens, q_segment=next(ones), k_segment=next(ones))
    kernel_inputs = kernels.KernelInputs(
        tokens=tokens.map(of_queries, of_keys),
        q_position=of_queries(positions(L)),
        k_position=of_keys(positions(M)),
    )
    spec = dataclasses.replace(
        window,
        pattern=patterns.full(groups.queries, groups.keys),
        block=min(window.block, max(8, -(-groups.keys // 8) * 8)),
        min_distance=window.pattern.window,
    )
    o, lse = kernels.attend(spec, of_queries(q), of_keys(k), of_keys(v), kernel_inputs)

    def unfold(x):
        return residues.ungroup_queries(x.reshape(B, -1, 1, *x.shape[1:]), groups, L)

    return unfold(o), unfold(lse)
