"""Dense attention: the definition that every other implementation is tested against.

It computes the [B, H, L, M] scores, so it is for short sequences and for tests.
"""

import jax
import jax.numpy as jnp

from genojax.attention import bias as biases
from genojax.attention import inputs, patterns
from genojax.typing import Array, Bool, Float, Int, UInt8


def scores(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    *,
    weights_LM: UInt8[Array, '...'],
    scale: float,
    segment_mask_BLM: Bool[Array, 'B #L M'] | None,
    bias: biases.LinearBias | Array | None,
) -> Float[Array, 'B H L M']:
    """Scaled scores plus bias and log multiplicity, f32; -inf for pairs that do not attend.

    Args:
        weights_LM: multiplicities, [L, M] or [H, L, M].
        segment_mask_BLM: see `inputs.same_segment`.
    """
    s_BHLM = jnp.einsum('BLHK,BMHK->BHLM', q_BLHK, k_BMHK, preferred_element_type=jnp.float32)
    s_BHLM = s_BHLM * scale
    if isinstance(bias, biases.LinearBias):
        s_BHLM = s_BHLM + bias.dense()
    elif bias is not None:
        s_BHLM = s_BHLM + bias.astype(jnp.float32)
    weights_BHLM = jnp.reshape(weights_LM, (1,) * (4 - weights_LM.ndim) + weights_LM.shape)
    s_BHLM = s_BHLM + jnp.log(jnp.maximum(weights_BHLM, 1).astype(jnp.float32))
    mask_BHLM = weights_BHLM > 0
    if segment_mask_BLM is not None:
        mask_BHLM = mask_BHLM & segment_mask_BLM[:, None]
    return jnp.where(mask_BHLM, s_BHLM, -jnp.inf)


def softmax(
    s_BHLM: Float[Array, 'B H L M'],
) -> tuple[Float[Array, 'B H L M'], Float[Array, 'B H L']]:
    """Softmax over the last axis and its log-sum-exp.

    A row of -inf gives zeros and -inf, and zero gradients.
    """
    max_BHL = jax.lax.stop_gradient(s_BHLM.max(-1))
    max_BHL = jnp.where(jnp.isfinite(max_BHL), max_BHL, 0.0)
    # exp(-inf) is 0 with gradient 0, so only the division and the logarithm need care in an empty
    # row.
    e_BHLM = jnp.exp(s_BHLM - max_BHL[..., None])
    sum_BHL = e_BHLM.sum(-1)
    nonempty_BHL = sum_BHL > 0
    safe_BHL = jnp.where(nonempty_BHL, sum_BHL, 1.0)
    lse_BHL = jnp.where(nonempty_BHL, max_BHL + jnp.log(safe_BHL), -jnp.inf)
    return e_BHLM / safe_BHL[..., None], lse_BHL


def weights(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    pattern: patterns.Pattern,
    *,
    segments_BL: Int[Array, 'B L'] | None = None,
    bias: biases.LinearBias | Array | None = None,
) -> Float[Array, 'B H L M']:
    """Attention probabilities of self-attention with the default scale, for inspection; f32."""
    s_BHLM = scores(
        q_BLHK,
        k_BMHK,
        weights_LM=jnp.asarray(pattern.weights()),
        scale=q_BLHK.shape[-1] ** -0.5,
        segment_mask_BLM=inputs.same_segment(segments_BL, None),
        bias=bias,
    )
    return softmax(s_BHLM)[0]


def attend(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    v_BMHV: Float[Array, 'B M H V'],
    pattern: patterns.Pattern,
    modifiers: inputs.Modifiers,
    *,
    scale: float,
) -> tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Attention and the log-sum-exp of its scores (before dropout); see `attention.attend`."""
    s_BHLM = scores(
        q_BLHK,
        k_BMHK,
        weights_LM=jnp.asarray(pattern.weights()),
        scale=scale,
        segment_mask_BLM=inputs.same_segment(modifiers.segments_BL, modifiers.key_segments_BM),
        bias=modifiers.bias,
    )
    p_BHLM, lse_BHL = softmax(s_BHLM)
    dropout = modifiers.dropout
    if dropout is not None and dropout.rate > 0:
        keep_BHLM = _keep(dropout, p_BHLM.shape)
        p_BHLM = jnp.where(keep_BHLM, p_BHLM / (1 - dropout.rate), 0.0)
    o_BLHV = jnp.einsum(
        'BHLM,BMHV->BLHV', p_BHLM.astype(v_BMHV.dtype), v_BMHV, preferred_element_type=jnp.float32
    )
    return o_BLHV.astype(q_BLHK.dtype), jnp.swapaxes(lse_BHL, 1, 2)


def _keep(dropout: biases.Dropout, shape: tuple[int, ...]) -> Bool[Array, 'B H L M']:
    B, H, L, M = shape
    row_BH = jnp.arange(B * H).reshape(B, H, 1, 1)
    i_L, j_M = jnp.arange(L).reshape(1, 1, L, 1), jnp.arange(M).reshape(1, 1, 1, M)
    return dropout.keep(row_BH, i_L, j_M)
