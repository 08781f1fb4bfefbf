"""Dense attention: the definition of correct. Every other implementation is tested for equality with this one.

It makes the [B, H, L, M] scores, so it is for short sequences and for tests.
"""

import jax
import jax.numpy as jnp

from genojax.attention.bias import Dropout, Linear
from genojax.typing import Array, Bool, Float, UInt8


def scores(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    weights_LM: UInt8[Array, '...'],
    scale: float,
    seen_BLM: Bool[Array, 'B #L M'] | None,
    bias: Linear | Array | None,
) -> Float[Array, 'B H L M']:
    """Scaled scores with bias and log multiplicity in f32; what may not be seen is -inf.

    `weights_LM` is [L, M] or [H, L, M].
    """
    s_BHLM = jnp.einsum('BLHK,BMHK->BHLM', q_BLHK, k_BMHK, preferred_element_type=jnp.float32)
    s_BHLM = s_BHLM * scale
    if bias is not None:
        s_BHLM = s_BHLM + (bias.dense() if isinstance(bias, Linear) else bias.astype(jnp.float32))
    weights_BHLM = jnp.reshape(weights_LM, (1,) * (4 - weights_LM.ndim) + weights_LM.shape)
    s_BHLM = s_BHLM + jnp.log(jnp.maximum(weights_BHLM, 1).astype(jnp.float32))
    seen_BHLM = weights_BHLM > 0
    if seen_BLM is not None:
        seen_BHLM = seen_BHLM & seen_BLM[:, None]
    return jnp.where(seen_BHLM, s_BHLM, -jnp.inf)


def softmax(
    s_BHLM: Float[Array, 'B H L M'],
) -> tuple[Float[Array, 'B H L M'], Float[Array, 'B H L']]:
    """Softmax over the last axis and its log-sum-exp; a row of -inf gives zeros and -inf, and zero gradients."""
    top_BHL = jax.lax.stop_gradient(s_BHLM.max(-1))
    top_BHL = jnp.where(jnp.isfinite(top_BHL), top_BHL, 0.0)
    # exp(-inf) is 0 with gradient 0, so only the division and the logarithm need care in an empty row.
    e_BHLM = jnp.exp(s_BHLM - top_BHL[..., None])
    sum_BHL = e_BHLM.sum(-1)
    some_BHL = sum_BHL > 0
    safe_BHL = jnp.where(some_BHL, sum_BHL, 1.0)
    lse_BHL = jnp.where(some_BHL, top_BHL + jnp.log(safe_BHL), -jnp.inf)
    return e_BHLM / safe_BHL[..., None], lse_BHL


def attend(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    v_BMHV: Float[Array, 'B M H V'],
    weights_LM: UInt8[Array, '...'],
    scale: float,
    seen_BLM: Bool[Array, 'B #L M'] | None = None,
    bias: Linear | Array | None = None,
    dropout: Dropout | None = None,
) -> tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Attention and the log-sum-exp of its scores (before dropout)."""
    s_BHLM = scores(q_BLHK, k_BMHK, weights_LM, scale, seen_BLM, bias)
    p_BHLM, lse_BHL = softmax(s_BHLM)
    if dropout is not None and dropout.rate > 0:
        p_BHLM = jnp.where(_kept(dropout, p_BHLM.shape), p_BHLM / (1 - dropout.rate), 0.0)
    o_BLHV = jnp.einsum(
        'BHLM,BMHV->BLHV', p_BHLM.astype(v_BMHV.dtype), v_BMHV, preferred_element_type=jnp.float32
    )
    return o_BLHV.astype(q_BLHK.dtype), jnp.swapaxes(lse_BHL, 1, 2)


def _kept(dropout: Dropout, shape: tuple[int, ...]) -> Bool[Array, 'B H L M']:
    B, H, L, M = shape
    row_BH = jnp.arange(B * H).reshape(B, H, 1, 1)
    i_L, j_M = jnp.arange(L).reshape(1, 1, L, 1), jnp.arange(M).reshape(1, 1, 1, M)
    return dropout.keep(row_BH, i_L, j_M)
