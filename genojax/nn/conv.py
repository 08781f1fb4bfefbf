"""Convolutions along DNA and what stands between them: batch norm, GELU, pooling; channels last.

One convolution, written three ways by its size, each the fastest on a CPU core (`experiments/benchmarks/enformer.py --suite
convolution`): width 1 is XLA's convolution with a gradient of our own; few channels, as those of DNA, are one product
of all windows; the rest is XLA's, which reaches the rate of a matrix product where shifted products summed do not.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax.nn import blocks, remat
from genojax.typing import Array, Float


def gelu(x: Float[Array, '...']) -> Float[Array, '...']:
    """x * sigmoid(1.702 x), the approximation that Enformer was trained with (Hendrycks and Gimpel, section 2)."""
    return x * jax.nn.sigmoid(1.702 * x)


def fan_in(scale: float = 1.0) -> nn.initializers.Initializer:
    """Truncated normal of variance scale / inputs, for kernels whose last axis is the output."""
    return nn.initializers.variance_scaling(scale, 'fan_in', 'truncated_normal')


def identity(scale: float) -> nn.initializers.Initializer:
    """`scale` times the identity matrix."""
    return lambda key, shape, dtype: scale * jnp.eye(*shape, dtype=dtype)


@jax.custom_vjp
def pointwise(
    x_BLD: Float[Array, 'B L D'], kernel_DF: Float[Array, 'D F']
) -> Float[Array, 'B L F']:
    """Every position's channels times one matrix."""
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
    # XLA's gradient for a kernel transposes both arrays in memory first; this product, seen as one of two matrices,
    # needs no copy and is 1.05 to 2.5 times as fast on a CPU.
    x_BLD, kernel_DF = saved
    x_PD, g_PF = (a.reshape(-1, a.shape[-1]) for a in (x_BLD, g_BLF))
    return pointwise(g_BLF, kernel_DF.T), (g_PF.T @ x_PD).T


pointwise.defvjp(_pointwise_forward, _pointwise_backward)


def windows(x_BLD: Float[Array, 'B L D'], size: int) -> Float[Array, 'B L W']:
    """What `size` positions around each hold, side by side; zeros stand beyond the ends."""
    L = x_BLD.shape[1]
    wide = jnp.pad(x_BLD, [(0, 0), (size // 2, size // 2), (0, 0)])
    return jnp.concatenate([wide[:, i : i + L] for i in range(size)], -1)


def convolve(
    x_BLD: Float[Array, 'B L D'], kernel_WDF: Float[Array, 'W D F'], bias_F: Float[Array, 'F']
) -> Float[Array, 'B L F']:
    """Convolution in x's type."""
    W, D, F = kernel_WDF.shape
    kernel_WDF = kernel_WDF.astype(x_BLD.dtype)
    if W == 1:
        y_BLF = pointwise(x_BLD, kernel_WDF[0])
    elif W * D <= F:  # few channels, as those of DNA: one product of all windows
        y_BLF = pointwise(windows(x_BLD, W), kernel_WDF.reshape(W * D, F))
    else:
        y_BLF = jax.lax.conv_general_dilated(
            x_BLD,
            kernel_WDF,
            window_strides=(1,),
            padding='SAME',
            dimension_numbers=('NWC', 'WIO', 'NWC'),
        )
    return y_BLF + bias_F.astype(x_BLD.dtype)[None, None]


class Conv(nn.Module):
    """Convolution along the sequence, as long as its input: zeros stand beyond the ends.

    Attributes:
        features: output channels.
        window: positions that one output sees; odd, so that it stands in their middle.
    """

    features: int
    window: int = 1
    dtype: str = 'float32'

    @nn.compact
    def weights(self, inputs: int) -> tuple[Float[Array, 'W D F'], Float[Array, 'F']]:
        """Kernel and bias for that many input channels."""
        if self.window % 2 == 0:
            raise ValueError(f'{self.window=} must be odd')
        shape = (self.window, inputs, self.features)
        kernel_WDF = blocks.param(self, 'kernel', fan_in(), (None, 'embed', 'mlp'), shape)
        bias_F = blocks.param(self, 'bias', nn.initializers.zeros, ('mlp',), (self.features,))
        return kernel_WDF, bias_F

    def __call__(self, x_BLD: Float[Array, 'B L D']) -> Float[Array, 'B L F']:
        return convolve(x_BLD.astype(self.dtype), *self.weights(x_BLD.shape[-1]))


class Affine(NamedTuple):
    """What batch norm does to each channel: (x - mean) * factor + bias."""

    mean_D: Float[Array, 'D']
    factor_D: Float[Array, 'D']
    bias_D: Float[Array, 'D']

    def __call__(self, x: Float[Array, '... D'], dtype: str) -> Float[Array, '... D']:
        mean, factor, bias = (_along(values_D, x) for values_D in self)
        return ((x.astype(jnp.float32) - mean) * factor + bias).astype(dtype)


class BatchNorm(nn.Module):
    """Each channel less its mean, over its deviation (Ioffe and Szegedy 2015), then scaled and shifted; in float32.

    In training the statistics are those of the whole batch, all devices' rows together: under `jit` a mean over a
    sharded axis is the global one. They move the averages that evaluation uses, kept in the collection `batch_stats`.
    An average is free of its start, as DeepMind's is: after n updates with weights decay^(n-i) (1 - decay) it is
    divided by 1 - decay^n, so that the first batch's statistics are the first average.

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
        """What is to be done to each channel; in training, moves the averages."""
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
        """The block as a function of x, or of some of its positions; its statistics are of all of them."""
        affine = BatchNorm(dtype=self.dtype, name='norm').affine(x_BLD, train)
        part = Conv(self.features, self.window, self.dtype, name='conv')
        weights = part.weights(x_BLD.shape[-1])
        return lambda x_BLD: convolve(gelu(affine(x_BLD, self.dtype)), *weights)


def pool(x_BLD: Float[Array, 'B L D'], kernel_DD: Float[Array, 'D D']) -> Float[Array, 'B M D']:
    """See `SoftmaxPool`.

    A softmax of two knows only the difference of their logits, and the map to them is linear: so it acts on the
    difference of the neighbours, once a pair instead of twice.

    Raises:
        ValueError: an odd number of positions.
    """
    B, L, D = x_BLD.shape
    if L % 2:
        raise ValueError(f'{L} positions cannot be pooled in pairs')
    first_BMD, second_BMD = jnp.split(x_BLD.reshape(B, L // 2, 2 * D), 2, axis=-1)
    apart_BMD = first_BMD - second_BMD
    weight_BMD = jax.nn.sigmoid(pointwise(apart_BMD, kernel_DD.astype(x_BLD.dtype)))
    return second_BMD + apart_BMD * weight_BMD


class SoftmaxPool(nn.Module):
    """Each channel of each pair of neighbours is their mean, weighted by a softmax over the two.

    The weights come from a linear map of all channels without bias, twice the identity at first (Avsec et al. 2021,
    methods).
    """

    @nn.compact
    def weights(self, width: int) -> Float[Array, 'D D']:
        """The map, in x out."""
        return blocks.param(self, 'kernel', identity(2.0), ('embed', 'mlp'), (width, width))

    def __call__(self, x_BLD: Float[Array, 'B L D']) -> Float[Array, 'B M D']:
        return pool(x_BLD, self.weights(x_BLD.shape[-1]))


def halve(
    x_BLD: Float[Array, 'B L D'], train: bool, dtype: str, policy: str
) -> Float[Array, 'B M D']:
    """A pointwise block added to x, then softmax pooling: half as many positions; for a module's compact method.

    Once the statistics are known, all of it is local to a pair of positions: under a remat policy it runs in chunks of
    the sequence that are computed again one by one, so that no intermediate of the whole length is ever alive.
    """
    width = x_BLD.shape[-1]
    block = ConvBlock(width, 1, dtype, name='pointwise').map(x_BLD, train)
    kernel_DD = SoftmaxPool(name='pool').weights(width)

    def local(x_BND):
        return pool(x_BND + block(x_BND), kernel_DD)

    return remat.in_chunks(local, policy, x_BLD)


class Stem(nn.Module):
    """Bases to half as many positions: convolution over 15, then `halve`."""

    features: int
    dtype: str = 'float32'
    remat: str = 'none'

    @nn.compact
    def __call__(self, x_BLA: Float[Array, 'B L A'], train: bool) -> Float[Array, 'B M D']:
        x_BLD = Conv(self.features, 15, self.dtype, name='conv')(x_BLA)
        return halve(x_BLD, train, self.dtype, self.remat)


class TowerBlock(nn.Module):
    """Half as many positions: a convolution block over 5 of them, then `halve`.

    A remat policy of the convolution block costs no product: the backward pass of a convolution needs its input only.
    """

    features: int
    dtype: str = 'float32'
    remat: str = 'none'

    @nn.compact
    def __call__(self, x_BLD: Float[Array, 'B L D'], train: bool) -> Float[Array, 'B M F']:
        wide = ConvBlock(self.features, 5, self.dtype, name='wide')
        x_BLF = remat.call(wide, self.remat, x_BLD, train=train)
        return halve(x_BLF, train, self.dtype, self.remat)


def widths(first: int, last: int, count: int, multiple: int) -> tuple[int, ...]:
    """Channels of `count` tower blocks: geometric from `first` to `last`, rounded to a multiple.

    Raises:
        ValueError: `last` is no multiple, so that the tower would not end there.
    """
    if last % multiple:
        raise ValueError(f'the last width {last} must be a multiple of {multiple}')
    if count == 1:
        return (last,)
    step = math.log(last / first) / (count - 1)
    steps = [first * math.exp(step * i) / multiple for i in range(count)]
    return tuple(max(1, round(x)) * multiple for x in steps)
