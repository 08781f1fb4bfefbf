"""Parts of a transformer block: linear maps, embedding tables, layer norm and feed-forward layers.

Kernels have one axis per head ([D, H, K], not [D, H*K]) so that a mesh axis can shard the heads.
`dense` and `embed` are flax's layers with logical axis names on their parameters.
`nn.DenseGeneral` draws its kernel as a matrix and reshapes it, so flax's own
`nn.logical_axis_rules` must not be set: a constraint for three axes would meet a matrix. This
package does not set them; shardings come from `sharding.RULES`.

`LayerNorm` is not flax's: `nn.LayerNorm` multiplies the scale by 1/deviation first, which changes
the last bit of about a third of the outputs (4.8e-7 of 6.5) and so the losses of every model here.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax import sharding
from genojax.typing import Array, Bool, Float, Int

constrain_rows = sharding.constrain_rows  # of the input of layers that read whole vectors

# BERT's (Devlin et al. 2019, section A.2 and its released code).
INIT = nn.initializers.normal(0.02)


def param(
    module: nn.Module, name: str, init, axes: Sequence[str | None], shape: Sequence[int]
) -> Array:
    """A float32 parameter with one logical name per axis."""
    return module.param(
        name, nn.with_logical_partitioning(init, tuple(axes)), tuple(shape), jnp.float32
    )


def dense(
    features: int | tuple[int, ...],
    axes: tuple[str | None, ...],
    *,
    use_bias: bool = True,
    dtype: str = 'float32',
    init: nn.initializers.Initializer = INIT,
    name: str | None = None,
) -> nn.DenseGeneral:
    """An affine map of the last axis, [..., in] to [..., *features], with named parameter axes.

    Args:
        axes: logical names of the input axis and of the output axes.
        dtype: of the computation; parameters are float32.
        init: of the kernel; it is called with the shape [in, product of features].
    """
    partitioned = nn.with_logical_partitioning
    return nn.DenseGeneral(
        features,
        use_bias=use_bias,
        dtype=dtype,
        kernel_init=partitioned(init, axes),
        bias_init=partitioned(nn.initializers.zeros, axes[1:]),
        name=name,
    )


def embed(rows: int, width: int, axes: tuple[str | None, str], name: str) -> nn.Embed:
    """A table of vectors [rows, width], float32, with named axes; ids outside it give NaN."""
    init = nn.with_logical_partitioning(INIT, axes)
    return nn.Embed(rows, width, embedding_init=init, name=name)


class TokenVectors(nn.Module):
    """The vectors of tokens in another layout than rows, as a layer that can be intercepted.

    `genojax.interpret` takes the vectors of whole rows in its place and lays them out by `arrange`.
    """

    @nn.compact
    def __call__(
        self,
        table_VD: Float[Array, 'V D'],
        tokens_BT: Int[Array, 'B T'],
        arranged: Sequence[Int[Array, '...']],
        arrange: Callable[[Array, int], Sequence[Array]],
    ) -> list[Float[Array, '...']]:
        """Args:
        table_VD: a row per token id.
        tokens_BT: ids of the rows.
        arranged: `arrange` of the ids.
        arrange: ids [B, T] or vectors [B, T, D], and what fills a place without a token, to
            arrays of another layout.
        """
        return [table_VD[ids] for ids in arranged]


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


def _identity(x: Float[Array, '...']) -> Float[Array, '...']:
    return x


class FeedForward(nn.Module):
    """Two linear maps with a GELU between them, then dropout (Vaswani et al. 2017, section 3.3).

    Attributes:
        tanh: whether GELU is computed by its tanh approximation ('gelu_new'), which some published
            weights were trained with.
    """

    inner: int
    dtype: str = 'float32'
    tanh: bool = False

    @nn.compact
    def __call__(
        self, x_BLD: Float[Array, 'B L D'], drop: Callable = _identity
    ) -> Float[Array, 'B L D']:
        """Args: drop: the block's dropout."""
        h_BLF = dense(self.inner, ('embed', 'mlp'), dtype=self.dtype, name='up')(x_BLD)
        h_BLF = nn.gelu(h_BLF, approximate=self.tanh)
        down = dense(x_BLD.shape[-1], ('mlp', 'embed'), dtype=self.dtype, name='down')
        return drop(down(h_BLF))


class GatedFeedForward(nn.Module):
    """`down(activation(gate(x)) * up(x))` (Shazeer, arXiv 2002.05202); gate and up have no bias.

    Attributes:
        inner: width of gate and of up, each.
        activation: 'gelu' (exact) or 'silu'.
        down_bias: whether down has a bias.
    """

    inner: int
    activation: Literal['gelu', 'silu']
    down_bias: bool
    dtype: str = 'float32'

    @nn.compact
    def __call__(
        self, x_BLD: Float[Array, 'B L D'], drop: Callable = _identity
    ) -> Float[Array, 'B L D']:
        """Args: drop: the block's dropout; it is applied to the product, as in DNABERT-2's code."""
        gate_BLF, up_BLF = (
            dense(self.inner, ('embed', 'mlp'), use_bias=False, dtype=self.dtype, name=name)(x_BLD)
            for name in ('gate', 'up')
        )
        if self.activation == 'gelu':
            gate_BLF = nn.gelu(gate_BLF, approximate=False)
        else:
            gate_BLF = nn.silu(gate_BLF)
        down = dense(
            x_BLD.shape[-1],
            ('mlp', 'embed'),
            use_bias=self.down_bias,
            dtype=self.dtype,
            name='down',
        )
        return down(drop(gate_BLF * up_BLF))


FeedForwardKind = Literal['gelu', 'gelu_tanh', 'geglu', 'swiglu']


def feed_forward(kind: FeedForwardKind, inner: int, dtype: str, name: str) -> nn.Module:
    """The feed-forward layer of a kind.

    'gelu': BERT, ESM; 'gelu_tanh': BigBird; 'geglu': DNABERT-2; 'swiglu': NT v2.
    """
    match kind:
        case 'gelu' | 'gelu_tanh':
            return FeedForward(inner, dtype, kind == 'gelu_tanh', name=name)
        case 'geglu':
            return GatedFeedForward(inner, 'gelu', True, dtype, name=name)
        case 'swiglu':
            return GatedFeedForward(inner, 'silu', False, dtype, name=name)
        case _:
            raise ValueError(f'feed_forward={kind!r} is not one of {FeedForwardKind.__args__}')


@dataclasses.dataclass(frozen=True)
class TokenDropout:
    """ESM's token dropout: [MASK] has the zero vector (Rives et al., PNAS 2021, and its code).

    The other vectors are scaled by (1 - rate) / (1 - share of [MASK] among the row's real tokens),
    so that their sum is as large as in pretraining for any share of masked tokens. Real means not
    [PAD], as in InstaDeep's code. The `transformers` library counts padding too, so its logits of a
    row with [MASK] depend on the amount of padding.
    """

    mask_id: int
    rate: float = 0.15 * 0.8  # share of tokens that are [MASK] in pretraining


def drop_masked(
    config: TokenDropout,
    x_BTD: Float[Array, 'B T D'],
    tokens_BT: Int[Array, 'B T'],
    real_BT: Bool[Array, 'B T'],
) -> Float[Array, 'B T D']:
    """Word vectors under `TokenDropout`; all zeros for a row of [MASK] only."""
    masked_BT = tokens_BT == config.mask_id
    count_B = jnp.maximum(real_BT.sum(1), 1).astype(jnp.float32)
    visible_B = count_B - masked_BT.sum(1)
    scale_B = (1 - config.rate) * count_B / jnp.maximum(visible_B, 1)
    return jnp.where(masked_BT[..., None], 0.0, x_BTD * scale_B[:, None, None])
