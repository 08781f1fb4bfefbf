"""Convolutions along a sequence, batch norm, GELU and pooling, as in Enformer; channels last.

`convolve` chooses one of three implementations by size, each the fastest on a CPU core
(`experiments/benchmarks/enformer.py --suite convolution`):

- width 1: XLA's convolution with a gradient of its own (`pointwise`), not `nn.Dense` or `nn.Conv`;
- few input channels, such as one-hot DNA: one matrix product over all windows;
- otherwise XLA's convolution, which reaches the rate of a matrix product where a sum of shifted
  products does not. Long sequences become a batch of overlapping chunks (`chunks_of`): the TPU
  compiler takes 6 s for the 98,304 positions of Enformer's first tower block in place of 69.

`BatchNorm` is not flax's: its averages have no bias towards their start, as in DeepMind's code, and
the published weights come with the number of updates that this needs.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax.nn import blocks, remat
from genojax.typing import Array, Float

_CHUNK = 8_192  # least positions of a chunk of a convolution


def gelu(x: Float[Array, '...']) -> Float[Array, '...']:
    """x * sigmoid(1.702 x), Enformer's approximation of GELU (Hendrycks and Gimpel, section 2)."""
    return x * jax.nn.sigmoid(1.702 * x)


def fan_in(scale: float = 1.0) -> nn.initializers.Initializer:
    """Truncated normal with variance scale / inputs; the last axis of the kernel is the output."""
    return nn.initializers.variance_scaling(scale, 'fan_in', 'truncated_normal')


def identity(scale: float) -> nn.initializers.Initializer:
    """`scale` times the identity matrix."""
    return lambda key, shape, dtype: scale * jnp.eye(*shape, dtype=dtype)


@jax.custom_vjp
def pointwise(
    x_BLD: Float[Array, 'B L D'], kernel_DF: Float[Array, 'D F']
) -> Float[Array, 'B L F']:
    """The channels of every position times one matrix."""
    return jax.lax.conv_general_dilated(
        x_BLD,
        kernel_DF[None],
        window_strides=(1,),
        padding='VALID',
        dimension_numbers=('NWC', 'WIO', 'NWC'),
    )


def _pointwise_forward(x_BLD, kernel_DF):
    return pointwise(x_BLD, kernel_DF), (x_BLD, kernel_DF)


def _pointwise_backward(saved, g_BLF):
    # XLA's gradient with respect to the kernel first transposes both arrays in memory. As a product
    # of two matrices it needs no copy and is 1.05 to 2.5 times as fast on a CPU.
    x_BLD, kernel_DF = saved
    x_ND, g_NF = (a.reshape(-1, a.shape[-1]) for a in (x_BLD, g_BLF))
    return pointwise(g_BLF, kernel_DF.T), (g_NF.T @ x_ND).T


pointwise.defvjp(_pointwise_forward, _pointwise_backward)


def windows(x_BLD: Float[Array, 'B L D'], size: int) -> Float[Array, 'B L W']:
    """Concatenated channels of `size` positions around each; zeros beyond the ends."""
    L = x_BLD.shape[1]
    padded = jnp.pad(x_BLD, [(0, 0), (size // 2, size // 2), (0, 0)])
    return jnp.concatenate([padded[:, i : i + L] for i in range(size)], -1)


def chunks_of(length: int) -> int:
    """Chunks of a convolution: the largest power of two that leaves whole chunks of `_CHUNK` up."""
    chunks = 1
    while length % (2 * chunks) == 0 and length // (2 * chunks) >= _CHUNK:
        chunks *= 2
    return chunks


def overlapping(x_BLD: Float[Array, 'B L D'], chunks: int, reach: int) -> Float[Array, 'N P D']:
    """Chunks of a sequence as a batch, each with `reach` positions to both sides; zeros beyond.

    Returns:
        N = B * chunks; P = L / chunks + 2 * reach.
    """
    B, L, D = x_BLD.shape
    x = x_BLD.reshape(B, chunks, L // chunks, D)
    zeros = jnp.zeros_like(x[:, :1, :reach])
    before = jnp.concatenate([zeros, x[:, :-1, L // chunks - reach :]], axis=1)
    after = jnp.concatenate([x[:, 1:, :reach], zeros], axis=1)
    x = jnp.concatenate([before, x, after], axis=2)
    return x.reshape(B * chunks, L // chunks + 2 * reach, D)


def convolve(
    x_BLD: Float[Array, 'B L D'], kernel_WDF: Float[Array, 'W D F'], bias_F: Float[Array, 'F']
) -> Float[Array, 'B L F']:
    """Convolution in x's dtype, with zeros beyond the ends."""
    (B, L, D), (W, _, F) = x_BLD.shape, kernel_WDF.shape
    kernel_WDF = kernel_WDF.astype(x_BLD.dtype)
    if W == 1:
        y_BLF = pointwise(x_BLD, kernel_WDF[0])
    elif W * D <= F:  # few channels, such as one-hot DNA
        y_BLF = pointwise(windows(x_BLD, W), kernel_WDF.reshape(W * D, F))
    else:
        padding = 'SAME'
        if (chunks := chunks_of(L)) > 1:
            x_BLD, padding = overlapping(x_BLD, chunks, W // 2), 'VALID'
        y_BLF = jax.lax.conv_general_dilated(
            x_BLD,
            kernel_WDF,
            window_strides=(1,),
            padding=padding,
            dimension_numbers=('NWC', 'WIO', 'NWC'),
        ).reshape(B, L, F)
    return y_BLF + bias_F.astype(x_BLD.dtype)[None, None]


class Conv(nn.Module):
    """Convolution along the sequence with an output per position; zeros beyond the ends.

    Attributes:
        features: output channels.
        window: positions that an output depends on, centred on its own; odd.
    """

    features: int
    window: int = 1
    dtype: str = 'float32'

    @nn.compact
    def weights(self, inputs: int) -> tuple[Float[Array, 'W D F'], Float[Array, 'F']]:
        """Kernel and bias for that many input channels.

        Raises:
            ValueError: an even window.
        """
        if self.window % 2 == 0:
            raise ValueError(f'{self.window=} must be odd')
        shape = (self.window, inputs, self.features)
        kernel_WDF = blocks.param(self, 'kernel', fan_in(), (None, 'embed', 'mlp'), shape)
        bias_F = blocks.param(self, 'bias', nn.initializers.zeros, ('mlp',), (self.features,))
        return kernel_WDF, bias_F

    def __call__(self, x_BLD: Float[Array, 'B L D']) -> Float[Array, 'B L F']:
        return convolve(x_BLD.astype(self.dtype), *self.weights(x_BLD.shape[-1]))


class Affine(NamedTuple):
    """Batch norm as a map of each channel: (x - mean) * factor + bias."""

    mean_D: Float[Array, 'D']
    factor_D: Float[Array, 'D']
    bias_D: Float[Array, 'D']

    def __call__(self, x: Float[Array, '... D'], dtype: str) -> Float[Array, '... D']:
        mean, factor, bias = (_along(values_D, x) for values_D in self)
        return ((x.astype(jnp.float32) - mean) * factor + bias).astype(dtype)


class BatchNorm(nn.Module):
    """Batch normalisation of each channel (Ioffe and Szegedy 2015), computed in float32.

    In training the statistics are those of the global batch: under `jit` a mean over a sharded axis
    is the global one. They update the averages that evaluation uses, in the collection
    `batch_stats`. An average has no bias towards its start, as in DeepMind's code: after n updates
    with weights decay^(n-i) (1 - decay) it is divided by 1 - decay^n, so the first average is the
    statistics of the first batch.

    Raises:
        flax.errors.ModifyScopeVariableError: training, but `batch_stats` is not mutable.
    """

    epsilon: float = 1e-5
    decay: float = 0.9
    dtype: str = 'float32'

    def __call__(self, x_BLD: Float[Array, '... D'], train: bool) -> Float[Array, '... D']:
        return self.affine(x_BLD, train)(x_BLD, self.dtype)

    @nn.compact
    def affine(self, x_BLD: Float[Array, '... D'], train: bool) -> Affine:
        """The map of each channel; in training, also updates the averages."""
        width = x_BLD.shape[-1]
        scale_D = blocks.param(self, 'scale', nn.initializers.ones, ('embed',), (width,))
        bias_D = blocks.param(self, 'bias', nn.initializers.zeros, ('embed',), (width,))
        mean = self.variable('batch_stats', 'mean', jnp.zeros, (width,), jnp.float32)
        variance = self.variable('batch_stats', 'variance', jnp.ones, (width,), jnp.float32)
        count = self.variable('batch_stats', 'count', jnp.zeros, (), jnp.int32)
        mean_D, variance_D = mean.value, variance.value
        if train:
            x_BLD = x_BLD.astype(jnp.float32)
            axes = tuple(range(x_BLD.ndim - 1))
            mean_D = x_BLD.mean(axes)
            variance_D = jnp.square(x_BLD - _along(mean_D, x_BLD)).mean(axes)
            if not self.is_initializing():
                before = 1 - jnp.power(self.decay, count.value.astype(jnp.float32))
                count.value += 1
                after = 1 - jnp.power(self.decay, count.value.astype(jnp.float32))
                for average, new_D in ((mean, mean_D), (variance, variance_D)):
                    old_D = self.decay * before * average.value
                    average.value = (old_D + (1 - self.decay) * new_D) / after
        return Affine(mean_D, scale_D * jax.lax.rsqrt(variance_D + self.epsilon), bias_D)


def _along(values_D: Array, x: Array) -> Array:
    """Per-channel values with as many axes as x."""
    return values_D.reshape((1,) * (x.ndim - 1) + values_D.shape)


class ConvBlock(nn.Module):
    """Batch norm, GELU, convolution."""

    features: int
    window: int = 1
    dtype: str = 'float32'

    def __call__(self, x_BLD: Float[Array, 'B L D'], train: bool) -> Float[Array, 'B L F']:
        return self.map(x_BLD, train)(x_BLD)

    @nn.compact
    def map(self, x_BLD: Float[Array, 'B L D'], train: bool) -> Callable[[Array], Array]:
        """The block as a function of x or of part of its positions, with the statistics of all."""
        affine = BatchNorm(dtype=self.dtype, name='norm').affine(x_BLD, train)
        conv = Conv(self.features, self.window, self.dtype, name='conv')
        weights = conv.weights(x_BLD.shape[-1])
        return lambda x_BLD: convolve(gelu(affine(x_BLD, self.dtype)), *weights)


def pool(x_BLD: Float[Array, 'B L D'], kernel_DD: Float[Array, 'D D']) -> Float[Array, 'B M D']:
    """See `SoftmaxPool`.

    A softmax over two logits depends on their difference only, and the logits are linear in x. So
    the map is applied to the difference of the two positions: once per pair instead of twice.

    Raises:
        ValueError: an odd number of positions.
    """
    B, L, D = x_BLD.shape
    if L % 2:
        raise ValueError(f'{L} positions cannot be pooled in pairs: the number is odd')
    first_BMD, second_BMD = jnp.split(x_BLD.reshape(B, L // 2, 2 * D), 2, axis=-1)
    difference_BMD = first_BMD - second_BMD
    weight_BMD = jax.nn.sigmoid(pointwise(difference_BMD, kernel_DD.astype(x_BLD.dtype)))
    return second_BMD + difference_BMD * weight_BMD


class SoftmaxPool(nn.Module):
    """Mean of each pair of positions, weighted per channel by a softmax over the two.

    The logits are a linear map of all channels without bias, initialised as twice the identity
    (Avsec et al. 2021, methods).
    """

    @nn.compact
    def weights(self, width: int) -> Float[Array, 'D D']:
        """The linear map, in x out."""
        return blocks.param(self, 'kernel', identity(2.0), ('embed', 'mlp'), (width, width))

    def __call__(self, x_BLD: Float[Array, 'B L D']) -> Float[Array, 'B M D']:
        return pool(x_BLD, self.weights(x_BLD.shape[-1]))


def halve(
    x_BLD: Float[Array, 'B L D'], train: bool, dtype: str, policy: str
) -> Float[Array, 'B M D']:
    """A pointwise block added to x, then softmax pooling by 2; for a module's compact method.

    Once the batch statistics are known, all of it is local to a pair of positions. Under a remat
    policy it runs in chunks of the sequence that are recomputed one by one, so that no intermediate
    has the full length.
    """
    width = x_BLD.shape[-1]
    block = ConvBlock(width, 1, dtype, name='pointwise').map(x_BLD, train)
    kernel_DD = SoftmaxPool(name='pool').weights(width)

    def local(x_BLD):
        return pool(x_BLD + block(x_BLD), kernel_DD)

    return remat.in_chunks(local, policy, x_BLD)


class Stem(nn.Module):
    """Bases to half as many positions: convolution of 15 bases, then `halve`."""

    features: int
    dtype: str = 'float32'
    remat: str = 'none'

    @nn.compact
    def __call__(self, x_BLA: Float[Array, 'B L A'], train: bool) -> Float[Array, 'B M D']:
        x_BLD = Conv(self.features, 15, self.dtype, name='conv')(x_BLA)
        return halve(x_BLD, train, self.dtype, self.remat)


class TowerBlock(nn.Module):
    """Half as many positions: a convolution block of window 5, then `halve`.

    Rematerialising the convolution block repeats no product: the backward pass of a convolution
    needs its input only.
    """

    features: int
    dtype: str = 'float32'
    remat: str = 'none'

    @nn.compact
    def __call__(self, x_BLD: Float[Array, 'B L D'], train: bool) -> Float[Array, 'B M F']:
        block = ConvBlock(self.features, 5, self.dtype, name='wide')
        x_BLF = remat.call(block, self.remat, x_BLD, train=train)
        return halve(x_BLF, train, self.dtype, self.remat)


def widths(first: int, last: int, count: int, multiple: int) -> tuple[int, ...]:
    """Channels of `count` tower blocks: geometric from `first` to `last`, rounded to a multiple.

    Raises:
        ValueError: `last` is not a multiple, so the tower could not end there.
    """
    if last % multiple:
        raise ValueError(f'the last width {last} must be a multiple of {multiple}')
    if count == 1:
        return (last,)
    step = math.log(last / first) / (count - 1)
    steps = [first * math.exp(step * i) / multiple for i in range(count)]
    return tuple(max(1, round(x)) * multiple for x in steps)
