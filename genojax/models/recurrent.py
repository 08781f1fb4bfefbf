"""A bidirectional recurrent network over bases, the baseline for transformers.

GRU (Cho et al. 2014, arXiv 1406.1078, with the reset gate after the product, as in cuDNN and
PyTorch) or LSTM (Hochreiter and Schmidhuber 1997, with forget gates), as in DanQ and related models
of DNA. The cells are flax's, which add one bias to each sum where cuDNN and PyTorch add two. Per
direction:

    GRU: input kernels [D, F] and state kernels [F, F] for r, z, n; biases [F] for r, z and two for
    n
    LSTM: the same kernels for i, f, g, o; biases [F] for each; all start at zero

where D is 4 in the first layer, then 2 F. Parameters are `forward_<layer>` and `backward_<layer>`
/{ir, iz, in, hr, hz, hn}/{kernel, bias}, for LSTM {ii, if, ig, io, hi, hf, hg, ho}.

[PAD], [CLS] and [SEP] do not change a state, so the backward direction starts at the last base of
each row.
"""

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax.models import base, diagram, features, input_spec
from genojax.nn import bases, blocks
from genojax.tokenizers import nucleotide
from genojax.typing import Array, Float, Int


@dataclasses.dataclass(frozen=True)
class RecurrentConfig(base.ModelConfigBase):
    """Sizes of the network; it reads `NucleotideTokenizer`'s ids."""

    vocab: int
    kind: Literal['recurrent'] = 'recurrent'
    cell: Literal['gru', 'lstm'] = 'gru'
    width: int = 128  # of the state of each direction
    depth: int = 1  # layers; each reads both directions of the one below
    dropout: float = 0.1  # of the output of each layer
    language_model: bool = True  # whether it has a head with logits of tokens
    dtype: Literal['float32', 'bfloat16'] = 'float32'  # of the computation

    def __post_init__(self):
        for name in ('vocab', 'width', 'depth'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
        if not 0 <= self.dropout < 1:
            raise ValueError(f'{self.dropout=} must be in [0, 1)')

    def build(self) -> 'Recurrent':
        return Recurrent(self)

    def input_spec(self) -> input_spec.InputSpec:
        return input_spec.InputSpec(unit='bases', vocab=self.vocab)

    @property
    def has_lm_head(self) -> bool:
        return self.language_model

    def diagram(self) -> list[diagram.DiagramBlock]:
        units = f'{diagram.shape(2, self.width)} units'
        layer = (units, 'both directions', f'dropout {self.dropout:g}')
        blocks = [
            diagram.DiagramBlock('One-hot bases', ('4 channels',)),
            diagram.DiagramBlock(f'{self.cell.upper()} layer', layer, self.depth),
        ]
        if self.language_model:
            head = ('linear', f'{self.vocab} logits per base')
            blocks.append(diagram.DiagramBlock('Language-model head', head))
        return blocks


class _BasesOnly(nn.RNNCellBase):
    """A cell whose state does not change at positions that are not bases.

    Inputs are [B, D + 1]: those of the cell, and 1 where the position is a base, else 0.
    """

    cell: nn.RNNCellBase

    def __call__(self, carry, inputs: Float[Array, 'B D']) -> tuple[Any, Float[Array, 'B F']]:
        new, _ = self.cell(carry, inputs[:, :-1])
        is_base = inputs[:, -1:] > 0
        carry = jax.tree.map(lambda new, old: jnp.where(is_base, new, old), new, carry)
        return carry, _hidden(carry)

    @nn.nowrap
    def initialize_carry(self, rng, input_shape: tuple[int, ...]):
        return self.cell.initialize_carry(rng, input_shape)

    @property
    def num_feature_axes(self) -> int:
        return 1


def _hidden(carry) -> Float[Array, 'B F']:
    """The output of a cell: the carry of a GRU, the second part of the carry of an LSTM."""
    return jax.tree.leaves(carry)[-1]


def _uniform(width: int) -> nn.initializers.Initializer:
    """Uniform in +-1/sqrt(width), as in PyTorch's recurrent layers."""
    bound = width**-0.5
    return lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, -bound, bound)


class Recurrent(nn.Module):
    """Bases to `Features`; the vectors are the states of both directions, concatenated.

    `first_BD` is the last state of each direction: forward after the last base, backward after the
    first. `pooled_BD` is the mean over bases.
    """

    config: RecurrentConfig

    @nn.compact
    def __call__(
        self, tokens_BT: Int[Array, 'B T'] | Float[Array, 'B T 4'], train: bool = False
    ) -> features.Features:
        """Args: tokens_BT: nucleotide ids, or channels A, C, G, T of bases only."""
        c = self.config
        drop = nn.Dropout(c.dropout, deterministic=not train)
        x_BTD = bases.OneHot(c.dtype, name='one_hot')(tokens_BT)
        is_base_BT = jnp.ones(x_BTD.shape[:2], bool)
        if tokens_BT.ndim == 2:
            special = nucleotide.NucleotideTokenizer.special
            for special_id in (special.pad, special.cls, special.sep):  # [MASK] and N are bases
                is_base_BT &= tokens_BT != special_id
        is_base_BT1 = is_base_BT[..., None].astype(x_BTD.dtype)
        for layer in range(c.depth):
            x_BTD = jnp.concatenate([x_BTD, is_base_BT1], axis=-1)
            forward_B, forward_BTF = self._rnn(f'forward_{layer}', False)(x_BTD)
            backward_B, backward_BTF = self._rnn(f'backward_{layer}', True)(x_BTD)
            x_BTD = jnp.concatenate([forward_BTF, backward_BTF], axis=-1)
            x_BTD = drop(x_BTD.astype(c.dtype))
        last_BD = jnp.concatenate([_hidden(forward_B), _hidden(backward_B)], axis=-1)
        pooled_BD = (x_BTD * is_base_BT1).sum(1) / jnp.maximum(is_base_BT1.sum(1), 1)
        logits_BTV = None
        if c.language_model:
            head = blocks.dense(c.vocab, ('embed', 'vocab'), dtype=c.dtype, name='head')
            logits_BTV = head(x_BTD).astype(jnp.float32)
        return features.Features(x_BTD, pooled_BD, last_BD.astype(c.dtype), logits_BTV)

    def _rnn(self, name: str, backward: bool) -> nn.RNN:
        """One direction of a layer, [B, T, D + 1] to its last carry and its states [B, T, F]."""
        c, partitioned = self.config, nn.with_logical_partitioning
        cell = {'gru': nn.GRUCell, 'lstm': nn.OptimizedLSTMCell}[c.cell](
            c.width,
            kernel_init=partitioned(_uniform(c.width), ('embed', 'mlp')),
            recurrent_kernel_init=partitioned(nn.initializers.orthogonal(), (None, 'mlp')),
            bias_init=partitioned(nn.initializers.zeros, ('mlp',)),
            dtype=c.dtype,
            name=name,
        )
        return nn.RNN(_BasesOnly(cell), return_carry=True, reverse=backward, keep_order=True)
