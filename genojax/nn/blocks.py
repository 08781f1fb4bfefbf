"""The parts of a transformer block: linear maps, norm, attention and feed-forward.

Kernels keep their heads apart ([D, H, K], not [D, H*K]) so that a mesh axis can split heads. Written with einsum and
`self.param`, because `nn.DenseGeneral` cannot be initialised under logical partitioning.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax import attention
from genojax.attention import patterns
from genojax.typing import Array, Float, Int

INIT_STDDEV = 0.02  # BERT's (Devlin et al. 2019, section A.2 and its released code)


def param(
    module: nn.Module, name: str, init, axes: Sequence[str | None], shape: Sequence[int]
) -> Array:
    """A float32 parameter whose axes carry logical names."""
    return module.param(
        name, nn.with_logical_partitioning(init, tuple(axes)), tuple(shape), jnp.float32
    )


class Linear(nn.Module):
    """An affine map of the last axis, [..., in] to [..., *out].

    Attributes:
        features: sizes of the output axes.
        axes: logical names of the input axis and of the output axes.
        dtype: of the computation; parameters stay float32.
    """

    features: tuple[int, ...]
    axes: tuple[str | None, ...]
    use_bias: bool = True
    dtype: str = 'float32'

    @nn.compact
    def __call__(self, x: Float[Array, '... D']) -> Float[Array, '...']:
        init = nn.initializers.normal(INIT_STDDEV)
        kernel = param(self, 'kernel', init, self.axes, (x.shape[-1], *self.features))
        y = jnp.tensordot(x.astype(self.dtype), kernel.astype(self.dtype), axes=1)
        if self.use_bias:
            bias = param(self, 'bias', nn.initializers.zeros, self.axes[1:], self.features)
            y += jnp.broadcast_to(bias.astype(self.dtype), y.shape)
        return y


class LayerNorm(nn.Module):
    """Layer normalisation over the last axis, computed in float32 (Ba et al. 2016, equation 4)."""

    epsilon: float = 1e-12
    dtype: str = 'float32'

    @nn.compact
    def __call__(self, x: Float[Array, '... D']) -> Float[Array, '... D']:
        width = x.shape[-1]
        scale = param(self, 'scale', nn.initializers.ones, ('embed',), (width,))
        bias = param(self, 'bias', nn.initializers.zeros, ('embed',), (width,))
        x = x.astype(jnp.float32)
        centred = x - x.mean(-1, keepdims=True)
        variance = jnp.square(centred).mean(-1, keepdims=True)
        y = centred * jax.lax.rsqrt(variance + self.epsilon)
        y = y * jnp.broadcast_to(scale, y.shape) + jnp.broadcast_to(bias, y.shape)
        return y.astype(self.dtype)


class SelfAttention(nn.Module):
    """Multi-head attention of a sequence to itself (Vaswani et al. 2017, section 3.2).

    Attributes:
        dropout: share of attention weights dropped in training.
    """

    heads: int
    dropout: float = 0.0
    dtype: str = 'float32'

    @nn.compact
    def __call__(
        self,
        x_BLD: Float[Array, 'B L D'],
        pattern: patterns.Pattern,
        segments_BL: Int[Array, 'B L'] | None = None,
        train: bool = False,
    ) -> Float[Array, 'B L D']:
        width = x_BLD.shape[-1]
        shape = (self.heads, width // self.heads)
        axes = ('embed', 'heads', 'head_width')
        q, k, v = (
            Linear(shape, axes, dtype=self.dtype, name=name)(x_BLD)
            for name in ('query', 'key', 'value')
        )
        dropout = None
        if train and self.dropout:
            dropout = attention.Dropout(self.dropout, self.make_rng('dropout'))
        o_BLHK = attention.attend(q, k, v, pattern, segments_BL=segments_BL, dropout=dropout)
        init = nn.initializers.normal(INIT_STDDEV)
        kernel_HKD = param(self, 'kernel', init, ('heads', 'head_width', 'embed'), (*shape, width))
        bias_D = param(self, 'bias', nn.initializers.zeros, ('embed',), (width,))
        y_BLD = jnp.einsum('BLHK,HKD->BLD', o_BLHK, kernel_HKD.astype(self.dtype))
        return y_BLD + jnp.broadcast_to(bias_D.astype(self.dtype), y_BLD.shape)


class FeedForward(nn.Module):
    """Two linear maps with an exact GELU between them."""

    inner: int
    dtype: str = 'float32'

    @nn.compact
    def __call__(self, x_BLD: Float[Array, 'B L D']) -> Float[Array, 'B L D']:
        h_BLF = Linear((self.inner,), ('embed', 'mlp'), dtype=self.dtype, name='up')(x_BLD)
        h_BLF = nn.gelu(h_BLF, approximate=False)
        return Linear((x_BLD.shape[-1],), ('mlp', 'embed'), dtype=self.dtype, name='down')(h_BLF)


class PostNormBlock(nn.Module):
    """BERT's block: each part is followed by dropout, the residual sum and a norm."""

    heads: int
    inner: int
    dropout: float = 0.1
    attention_dropout: float = 0.1
    epsilon: float = 1e-12
    dtype: str = 'float32'

    @nn.compact
    def __call__(
        self,
        x_BLD: Float[Array, 'B L D'],
        pattern: patterns.Pattern,
        segments_BL: Int[Array, 'B L'] | None = None,
        train: bool = False,
    ) -> Float[Array, 'B L D']:
        drop = nn.Dropout(self.dropout, deterministic=not train)
        part = SelfAttention(self.heads, self.attention_dropout, self.dtype, name='attention')
        y_BLD = drop(part(x_BLD, pattern, segments_BL, train))
        x_BLD = LayerNorm(self.epsilon, self.dtype, name='attention_norm')(x_BLD + y_BLD)
        y_BLD = drop(FeedForward(self.inner, self.dtype, name='mlp')(x_BLD))
        return LayerNorm(self.epsilon, self.dtype, name='mlp_norm')(x_BLD + y_BLD)
