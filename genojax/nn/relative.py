"""Attention with Enformer's relative positions, and the pre-norm block around it.

The score of query i and key j is (scale q_i + u).k_j + (scale q_i + w).r(j - i), where r is a
linear map of 192 fixed functions of the distance (`positions.enformer_basis`), and u and w are
learned per head (Avsec et al. 2021, methods; Dai et al., arXiv 1901.02860).

The second term is an array with one score per pair and head: B * heads * L^2 * 4 bytes under any
pattern, 75 MB for 8 heads and 1,536 bins, 2.1 GB for 8,192 bins. Sparse patterns save the products
with keys and values, not this array. `relative='rotary'` needs no such array.
"""

from typing import Literal

import jax.numpy as jnp
from flax import linen as nn

from genojax import attention
from genojax.attention import patterns
from genojax.nn import blocks, positions
from genojax.typing import Array, Float

Relative = Literal['enformer', 'rotary']
EPSILON = 1e-5  # of the layer norms


def shift(s_BHLP: Float[Array, 'B H L P']) -> Float[Array, 'B H L L']:
    """Scores per distance -(L-1) .. L-1 to scores per key: out[i, j] = s[i, j - i + L - 1]."""
    B, H, L, P = s_BHLP.shape
    # With one more column each row of the flat array starts one key later than the row above it, so
    # that no gather is needed.
    flat = jnp.pad(s_BHLP, [(0, 0)] * 3 + [(1, 0)]).reshape(B, H, P + 1, L)
    return flat[:, :, 1:].reshape(B, H, L, P)[..., :L]


class RelativeAttention(nn.Module):
    """Multi-head attention with relative positions; its output is zero at initialisation.

    Attributes:
        key_width: of a query or key head; the width of a value head is the model width / `heads`.
        basis: number of distance functions, a multiple of 6.
        dropout: share of attention weights dropped in training.
        basis_dropout: share of the values of the distance functions dropped in training.
        contacts: add a learned scalar, 0 at first, times `contact_BLL` to the scores.
    """

    heads: int
    key_width: int
    basis: int
    dropout: float = 0.05
    basis_dropout: float = 0.01
    relative: Relative = 'enformer'
    dtype: str = 'float32'
    implementation: str = 'auto'
    contacts: bool = False

    @nn.compact
    def __call__(
        self,
        x_BLD: Float[Array, 'B L D'],
        pattern: patterns.Pattern,
        train: bool = False,
        contact_BLL: Float[Array, 'B L L'] | None = None,
    ) -> Float[Array, 'B L D']:
        """Args: contact_BLL: log observed / expected contacts of positions; None: not measured."""
        width = x_BLD.shape[-1]
        value_shape = (self.heads, width // self.heads)
        q, k = (
            self._project(x_BLD, name, (self.heads, self.key_width)) for name in ('query', 'key')
        )
        v = self._project(x_BLD, 'value', value_shape)
        q *= self.key_width**-0.5
        bias = None
        if self.relative == 'rotary':
            number_BL = jnp.arange(x_BLD.shape[1], dtype=jnp.float32)[None]
            q, k = (positions.rotary(x, number_BL) for x in (q, k))
        else:
            bias = self._by_distance(q, train)
            q += self._head_bias('content_bias')
        bias = self._with_contacts(bias, contact_BLL)
        dropout = None
        if train and self.dropout:
            dropout = attention.Dropout(self.dropout, self.make_rng('dropout'))
        o_BLHV = attention.attend(
            q,
            k,
            v,
            pattern,
            scale=1.0,
            bias=bias,
            dropout=dropout,
            implementation=self.implementation,
        )
        zeros = nn.initializers.zeros
        axes = ('heads', 'head_width', 'embed')
        kernel_HVD = blocks.param(self, 'kernel', zeros, axes, (*value_shape, width))
        bias_D = blocks.param(self, 'bias', zeros, ('embed',), (width,))
        y_BLD = jnp.einsum('BLHV,HVD->BLD', o_BLHV, kernel_HVD.astype(self.dtype))
        return y_BLD + bias_D.astype(self.dtype)[None, None]

    def _with_contacts(self, bias: Array | None, contact_BLL: Array | None) -> Array | None:
        """The bias of the scores with that of contacts."""
        if not self.contacts:
            return bias
        scale = blocks.param(self, 'contact_scale', nn.initializers.zeros, (), ())
        if contact_BLL is None:
            return bias
        contact_B1LL = (scale * contact_BLL).astype(self.dtype)[:, None]
        return contact_B1LL if bias is None else bias + contact_B1LL

    def _project(self, x: Array, name: str, shape: tuple[int, int]) -> Array:
        init = nn.initializers.variance_scaling(2.0, 'fan_in', 'truncated_normal')
        axes = ('embed', 'heads', 'head_width')
        dense = blocks.dense(shape, axes, use_bias=False, dtype=self.dtype, init=init, name=name)
        return dense(x)

    def _head_bias(self, name: str) -> Float[Array, '1 1 H K']:
        # The published initialiser treats [1, H, 1, K] as a convolution kernel with H inputs.
        init = nn.initializers.truncated_normal((2 / self.heads) ** 0.5)
        shape = (self.heads, self.key_width)
        value_HK = blocks.param(self, name, init, ('heads', 'head_width'), shape)
        return value_HK.astype(self.dtype)[None, None]

    def _by_distance(self, q_BLHK: Array, train: bool) -> Float[Array, 'B H L L']:
        """The part of the scores that depends on distance."""
        basis_PF = jnp.asarray(positions.enformer_basis(q_BLHK.shape[1], self.basis), self.dtype)
        basis_PF = nn.Dropout(self.basis_dropout, deterministic=not train)(basis_PF)
        r_PHK = self._project(basis_PF, 'relative_key', (self.heads, self.key_width))
        q_BLHK = q_BLHK + self._head_bias('position_bias')
        return shift(jnp.einsum('BLHK,PHK->BHLP', q_BLHK, r_PHK))


class EnformerBlock(nn.Module):
    """Norm and attention, then norm and feed-forward, each added to its input.

    Attributes:
        dropout: of the output of each part, and of the inner layer before its ReLU.
        contacts: see `RelativeAttention`.
    """

    heads: int
    key_width: int
    basis: int
    dropout: float = 0.4
    attention_dropout: float = 0.05
    basis_dropout: float = 0.01
    relative: Relative = 'enformer'
    dtype: str = 'float32'
    implementation: str = 'auto'
    contacts: bool = False

    @nn.compact
    def __call__(
        self,
        x_BLD: Float[Array, 'B L D'],
        pattern: patterns.Pattern,
        train: bool = False,
        contact_BLL: Float[Array, 'B L L'] | None = None,
    ) -> Float[Array, 'B L D']:
        drop = nn.Dropout(self.dropout, deterministic=not train)
        attend = RelativeAttention(
            heads=self.heads,
            key_width=self.key_width,
            basis=self.basis,
            dropout=self.attention_dropout,
            basis_dropout=self.basis_dropout,
            relative=self.relative,
            dtype=self.dtype,
            implementation=self.implementation,
            contacts=self.contacts,
            name='attention',
        )
        h_BLD = blocks.LayerNorm(EPSILON, self.dtype, name='attention_norm')(x_BLD)
        x_BLD = x_BLD + drop(attend(h_BLD, pattern, train, contact_BLL))
        h_BLD = blocks.LayerNorm(EPSILON, self.dtype, name='mlp_norm')(x_BLD)
        return x_BLD + drop(ReluFeedForward(2, self.dtype, name='mlp')(h_BLD, drop))


class ReluFeedForward(nn.Module):
    """Two linear maps with dropout and a ReLU between them; the inner one is `times` the width."""

    times: int
    dtype: str = 'float32'

    @nn.compact
    def __call__(self, x_BLD: Float[Array, 'B L D'], drop: nn.Dropout) -> Float[Array, 'B L D']:
        width = x_BLD.shape[-1]
        init = nn.initializers.variance_scaling(1.0, 'fan_in', 'truncated_normal')
        up, down = (
            blocks.dense(features, axes, dtype=self.dtype, init=init, name=name)
            for features, axes, name in (
                (width * self.times, ('embed', 'mlp'), 'up'),
                (width, ('mlp', 'embed'), 'down'),
            )
        )
        return down(nn.relu(drop(up(x_BLD))))
