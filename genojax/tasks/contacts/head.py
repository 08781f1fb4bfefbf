"""From vectors of bins to a symmetric matrix over pairs of bins.

A pair is read from four things that do not change when its bins are exchanged: the sum of its
vectors, their product, the distance, and what lies between them: the difference of running sums of
a non-negative vector per bin, so that a boundary between two bins can lower their contacts wherever
it lies. The mean of the result and its transpose is symmetric to the last bit.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genojax import errors
from genojax.nn import blocks
from genojax.typing import Array, Float

EPSILON = 1e-5  # of the layer norm


class ContactHead(nn.Module):
    """Vectors of P bins to a symmetric [P, P] matrix; zero at initialisation.

    Attributes:
        width: of the vectors that pairs are made of.
        inner: width of the hidden layer of a pair.
    """

    width: int
    inner: int

    @nn.compact
    def __call__(self, x_BPD: Float[Array, 'B P D']) -> Float[Array, 'B P P']:
        bins = x_BPD.shape[1]
        x_BPD = blocks.LayerNorm(EPSILON, name='norm')(x_BPD)
        init = nn.initializers.lecun_normal()

        def dense(size: int, axes: tuple, name: str, use_bias: bool = False):
            return blocks.dense(size, axes, use_bias=use_bias, init=init, name=name)

        z_BPE = dense(self.width, ('embed', 'classes'), 'vectors', True)(x_BPD)
        barrier_BPE = jax.nn.softplus(
            dense(self.width, ('embed', 'classes'), 'between', True)(x_BPD)
        )
        # To the middle of each bin, so that the other strand reads the same.
        total_BPE = (jnp.cumsum(barrier_BPE, 1) - barrier_BPE / 2) / bins
        between_BPPE = jnp.abs(total_BPE[:, :, None] - total_BPE[:, None])
        product_BPPE = z_BPE[:, :, None] * z_BPE[:, None]
        sum_BPF = dense(self.inner, ('classes', 'mlp'), 'of_sum')(z_BPE)
        distance_PP = np.abs(np.subtract.outer(np.arange(bins), np.arange(bins)))
        axes = ('positions', 'mlp')
        table_PF = blocks.param(self, 'distance', nn.initializers.zeros, axes, (bins, self.inner))
        h_BPPF = (
            sum_BPF[:, :, None]
            + sum_BPF[:, None]
            + dense(self.inner, ('classes', 'mlp'), 'of_product')(product_BPPE)
            + dense(self.inner, ('classes', 'mlp'), 'of_between')(between_BPPE)
            + table_PF[distance_PP][None]
        )
        zeros = nn.initializers.zeros
        last = blocks.dense(1, ('mlp', 'classes'), init=zeros, name='contact')
        y_BPP = last(jax.nn.gelu(h_BPPF))[..., 0].astype(jnp.float32)
        return (y_BPP + y_BPP.swapaxes(1, 2)) / 2


def pool(x_BTD: Float[Array, 'B T D'], centre: float | int, bins: int) -> Float[Array, 'B P D']:
    """Means of a row's vectors over the bins of its centre.

    Args:
        centre: how many of the T vectors lie in the centre.

    Raises:
        UsageError: the vectors do not lie in whole numbers in the bins.
    """
    count = int(centre)
    spare = x_BTD.shape[1] - count
    if count != centre or spare < 0 or spare % 2 or count % bins or not count:
        raise errors.UsageError(
            f'{x_BTD.shape[1]} vectors per row, of which {centre:g} lie in the {bins} bins of '
            'contacts: a bin must have a whole number of them'
        )
    x_BTD = x_BTD[:, spare // 2 : spare // 2 + count]
    B, _, D = x_BTD.shape
    return x_BTD.reshape(B, bins, count // bins, D).mean(2)
