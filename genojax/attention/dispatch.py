"""The public calls: `attend`, which chooses an implementation, and `probabilities` for maps."""

import dataclasses
import functools
import logging
import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from genojax import sharding
from genojax.attention import bias as biases
from genojax.attention import inputs, patterns, reference
from genojax.attention.sharded import mesh, sequence_parallel
from genojax.attention.tpu import pallas, splash
from genojax.attention.xla import anchored, block_sparse
from genojax.typing import Array, Float, Int

_log = logging.getLogger(__name__)

IMPLEMENTATIONS = ('auto', 'reference', 'block_sparse', 'anchored', 'pallas_tpu', 'splash_tpu')
_MODULES = {
    'reference': reference,
    'block_sparse': block_sparse,
    'anchored': anchored,
    'pallas_tpu': pallas,
    'splash_tpu': splash,
}
# Below side**2 query-key pairs the dense reference is faster than a scan over blocks. On a CPU the
# break-even lies between 128 and 256 tokens; the size for other devices is a guess.
DENSE_SIDE_CPU, DENSE_SIDE_ACCELERATOR = 160, 1024


def attend(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    v_BMHV: Float[Array, 'B M H V'],
    pattern: patterns.Pattern,
    *,
    scale: float | None = None,
    segments_BL: Int[Array, 'B L'] | None = None,
    key_segments_BM: Int[Array, 'B M'] | None = None,
    bias: biases.LinearBias | Float[Array, 'b h L M'] | None = None,
    dropout: biases.Dropout | None = None,
    return_lse: bool = False,
    implementation: str = 'auto',
) -> Float[Array, 'B L H V'] | tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Softmax attention over the pairs of a pattern.

    A query without keys gives zeros, with zero gradients.

    Args:
        pattern: which query attends to which key, shared by the batch; a static value.
        scale: factor of the scores; 1/sqrt(K) by default.
        segments_BL: tokens attend to each other only within a segment. Id 0 is padding, which
            neither attends nor is attended.
        key_segments_BM: the same for keys; `segments_BL` by default, which then needs L = M.
        bias: `LinearBias`, or an array [B or 1, H or 1, L, M] that is added to the scores.
        dropout: of attention probabilities, `Dropout(rate, key)`; None in evaluation.
        return_lse: also return the log-sum-exp of each row's scores, f32 [B, L, H]; -inf for a row
            without keys.
        implementation: one of `IMPLEMENTATIONS`; 'auto' chooses by device, pattern and length.

    Raises:
        ValueError: shapes that do not fit the pattern, or an unknown implementation.
        NotImplementedError: the named implementation does not support these inputs.
    """
    modifiers = inputs.Modifiers(segments_BL, key_segments_BM, bias, dropout)
    inputs.check_shapes(q_BLHK, k_BMHK, v_BMHV, pattern, modifiers)
    if segments_BL is not None and key_segments_BM is None and pattern.length != pattern.key_length:
        raise ValueError(
            'segments_BL alone needs as many keys as queries; pass key_segments_BM too'
        )
    if implementation not in IMPLEMENTATIONS:
        raise ValueError(f'{implementation=} is not one of {IMPLEMENTATIONS}')
    scale = 1 / math.sqrt(q_BLHK.shape[-1]) if scale is None else float(scale)
    axes = mesh.axes()
    sequence_split = mesh.sequence_devices(axes) > 1
    if implementation == 'splash_tpu' and return_lse:
        raise NotImplementedError('splash_tpu does not return the log-sum-exp')
    if implementation == 'auto':
        implementation = choose(
            pattern,
            sharding.platform(),
            array_bias=modifiers.array_bias is not None,
            dropout=dropout is not None,
            sequence_split=sequence_split,
        )
    run = _MODULES[implementation].attend
    if axes and (implementation != 'reference' or sequence_split):
        if sequence_split and implementation not in ('block_sparse', 'anchored'):
            raise NotImplementedError(
                f'{implementation} does not support a sequence split over devices;'
                ' block_sparse does'
            )
        run = functools.partial(sequence_parallel.attend, run, axes)
    o_BLHV, lse_BLH = run(q_BLHK, k_BMHK, v_BMHV, pattern, modifiers, scale=scale)
    return (o_BLHV, lse_BLH) if return_lse else o_BLHV


@functools.lru_cache(maxsize=256)
def choose(
    pattern: patterns.Pattern,
    device: str,
    *,
    array_bias: bool = False,
    dropout: bool = False,
    sequence_split: bool = False,
) -> str:
    """The implementation that 'auto' runs; logged once per kind of call.

    Args:
        device: JAX's name of the backend: cpu, gpu or tpu.
        array_bias: whether the bias is an array.
        dropout: whether there is dropout.
        sequence_split: whether the sequence is split over devices.
    """
    side = DENSE_SIDE_CPU if device == 'cpu' else DENSE_SIDE_ACCELERATOR
    plain = not (sequence_split or array_bias or dropout)
    if not sequence_split and pattern.length * pattern.key_length <= side**2:
        name = 'reference'
    elif device == 'tpu' and plain and pallas.supports(pattern):
        name = 'pallas_tpu'
    elif anchored.match(pattern) is not None and not array_bias:
        name = 'anchored'
    else:
        name = 'block_sparse'
    _log.info('attention: %s on %s for %s', name, device, pattern)
    return name


def probabilities(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    pattern: patterns.Pattern,
    rows: Sequence[int] | np.ndarray,
    *,
    scale: float | None = None,
    segments_BL: Int[Array, 'B L'] | None = None,
    key_segments_BM: Int[Array, 'B M'] | None = None,
    bias: biases.LinearBias | Float[Array, 'b h L M'] | None = None,
) -> Float[Array, 'B H R M']:
    """Attention probabilities of some query rows, f32, for attention maps; costs R x M, not L x M.

    Raises:
        IndexError: a row outside 0 .. L-1 (JAX alone would clamp it to another row silently).
    """
    modifiers = inputs.Modifiers(segments_BL, key_segments_BM, bias)
    inputs.check_shapes(q_BLHK, k_BMHK, k_BMHK, pattern, modifiers)
    rows = np.asarray(rows)
    if rows.size and not 0 <= rows.min() <= rows.max() < pattern.length:
        raise IndexError(
            f'rows {rows.min()}..{rows.max()} of a pattern of {pattern.length} queries'
        )
    if isinstance(bias, biases.LinearBias):
        bias = dataclasses.replace(bias, q_coord_BL=bias.q_coord_BL[:, rows])
    elif bias is not None:
        bias = bias[:, :, rows]
    segments_BR = None if segments_BL is None else segments_BL[:, rows]
    s_BHRM = reference.scores(
        q_BLHK[:, rows],
        k_BMHK,
        weights_LM=jnp.asarray(pattern.rows(rows)),
        scale=1 / math.sqrt(q_BLHK.shape[-1]) if scale is None else scale,
        segment_mask_BLM=inputs.same_segment(segments_BR, modifiers.key_segments),
        bias=bias,
    )
    return reference.softmax(s_BHRM)[0]
