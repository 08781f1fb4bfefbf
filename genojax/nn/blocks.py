"""The parts of a transformer block: linear maps, norm and feed-forward; attention is in `self_attention`.

Kernels keep their heads apart ([D, H, K], not [D, H*K]) so that a mesh axis can split heads. Written with einsum and
`self.param`, because `nn.DenseGeneral` cannot be initialised under logical partitioning.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax.typing import Array, Float

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


class FeedForward(nn.Module):
    """Two linear maps with an exact GELU between them."""

    inner: int
    dtype: str = 'float32'

    @nn.compact
    def __call__(self, x_BLD: Float[Array, 'B L D']) -> Float[Array, 'B L D']:
        h_BLF = Linear((self.inner,), ('embed', 'mlp'), dtype=self.dtype, name='up')(x_BLD)
        h_BLF = nn.gelu(h_BLF, approximate=False)
        return Linear((x_BLD.shape[-1],), ('mlp', 'embed'), dtype=self.dtype, name='down')(h_BLF)
