"""A bidirectional recurrent network over bases: the older family for sequences, beside which transformers are measured.

GRU (Cho et al. 2014, arXiv 1406.1078, with the reset gate after the product, as cuDNN has it) or LSTM (Hochreiter and
Schmidhuber 1997, with forget gates), as in DanQ-type models of DNA. [PAD], [CLS] and [SEP] are no steps: a state passes
them by unchanged, so that the backward direction starts at the last real base of each row.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax.models import base, diagram, features, input_spec
from genojax.nn import bases, blocks
from genojax.tokenizers import nucleotide
from genojax.typing import Array, Bool, Float, Int

_FRAME = ('pad', 'cls', 'sep')  # tokens that are no place in the sequence; [MASK] and N are


@dataclasses.dataclass(frozen=True)
class RecurrentConfig(base.ModelConfigBase):
    """Sizes of the network; it reads `NucleotideTokenizer`'s ids."""

    vocab: int
    kind: Literal['recurrent'] = 'recurrent'
    cell: Literal['gru', 'lstm'] = 'gru'
    width: int = 128  # of each direction's state
    depth: int = 1  # layers; each reads both directions of the one below
    dropout: float = 0.1  # of what a layer gives
    language_model: bool = True  # whether it has a head that scores tokens
    unroll: int = 8  # steps written out per iteration of the scan along the sequence
    dtype: Literal['float32', 'bfloat16'] = 'float32'  # of the computation

    def __post_init__(self):
        for name in ('vocab', 'width', 'depth', 'unroll'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
        if not 0 <= self.dropout < 1:
            raise ValueError(f'{self.dropout=} must be in [0, 1)')

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


class Direction(nn.Module):
    """One cell led along a sequence, in one direction; the state starts at zero.

    Gates, in the order of the parameters' last axis but one: GRU reset, update, new; LSTM input, forget, cell, output
    (the forget gate's bias starts at one).

    Attributes:
        backward: from the last position to the first.
    """

    cell: Literal['gru', 'lstm']
    width: int
    backward: bool
    unroll: int = 1
    dtype: str = 'float32'

    @nn.compact
    def __call__(
        self, x_BTD: Float[Array, 'B T D'], real_BT: Bool[Array, 'B T']
    ) -> tuple[Float[Array, 'B T F'], Float[Array, 'B F']]:
        """The state after every step, and after the last real one; a position that is not real changes nothing."""
        gates, width = {'gru': 3, 'lstm': 4}[self.cell], self.width
        shape = (gates, width)
        inputs = blocks.Linear(
            shape, ('embed', None, 'mlp'), dtype=self.dtype, init=_uniform(width), name='input'
        )
        axes, init = ('mlp', None, 'mlp'), nn.initializers.orthogonal()
        kernel_FGF = blocks.param(self, 'kernel', _per_gate(init), axes, (width, *shape))
        bias_GF = blocks.param(self, 'bias', _bias(self.cell), (None, 'mlp'), shape)
        step = {'gru': _gru, 'lstm': _lstm}[self.cell]
        kernel_FGF, bias_GF = kernel_FGF.astype(self.dtype), bias_GF.astype(self.dtype)

        def advance(state, now):
            x_BGF, real_B = now
            h_BGF = jnp.einsum('BF,FGE->BGE', state[0], kernel_FGF) + bias_GF[None]
            new = step(x_BGF, h_BGF, state)
            state = tuple(jnp.where(real_B[:, None], a, b) for a, b in zip(new, state, strict=True))
            return state, state[0]

        # All products with the input at once; only those with the state have to wait for each other.
        x_TBGF = jnp.moveaxis(inputs(x_BTD), 1, 0)
        zero_BF = jnp.zeros((x_BTD.shape[0], width), self.dtype)
        start = (zero_BF,) * (2 if self.cell == 'lstm' else 1)
        last, h_TBF = jax.lax.scan(
            advance,
            start,
            (x_TBGF, jnp.moveaxis(real_BT, 1, 0)),
            reverse=self.backward,
            unroll=min(self.unroll, x_BTD.shape[1]),
        )
        return jnp.moveaxis(h_TBF, 0, 1), last[0]


def _gru(x_BGF, h_BGF, state) -> tuple[Array]:
    reset_BF = nn.sigmoid(x_BGF[:, 0] + h_BGF[:, 0])
    update_BF = nn.sigmoid(x_BGF[:, 1] + h_BGF[:, 1])
    new_BF = nn.tanh(x_BGF[:, 2] + reset_BF * h_BGF[:, 2])
    return ((1 - update_BF) * new_BF + update_BF * state[0],)


def _lstm(x_BGF, h_BGF, state) -> tuple[Array, Array]:
    gate_BGF = x_BGF + h_BGF
    enter_BF, forget_BF, leave_BF = (nn.sigmoid(gate_BGF[:, i]) for i in (0, 1, 3))
    cell_BF = forget_BF * state[1] + enter_BF * nn.tanh(gate_BGF[:, 2])
    return leave_BF * nn.tanh(cell_BF), cell_BF


def _uniform(width: int) -> nn.initializers.Initializer:
    side = width**-0.5
    return lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, -side, side)


def _per_gate(init) -> nn.initializers.Initializer:
    """A square matrix for each gate, [F, G, F]."""

    def make(key, shape, dtype):
        parts = [init(one, (shape[0], shape[2]), dtype) for one in jax.random.split(key, shape[1])]
        return jnp.stack(parts, axis=1)

    return make


def _bias(cell: str) -> nn.initializers.Initializer:
    def make(key, shape, dtype):
        zero_GF = jnp.zeros(shape, dtype)
        return zero_GF.at[1].set(1.0) if cell == 'lstm' else zero_GF

    return make


class Recurrent(nn.Module):
    """Bases to `Features`: hidden vectors are both directions' states, side by side.

    `first_BD` is what each direction ends with: the forward state after the last real base, the backward one after the
    first. `pooled_BD` is the mean over real bases.
    """

    config: RecurrentConfig

    @nn.compact
    def __call__(
        self, tokens_BT: Int[Array, 'B T'] | Float[Array, 'B T 4'], train: bool = False
    ) -> features.Features:
        """Args: tokens_BT: nucleotide ids, or channels A, C, G, T of which every position is real."""
        c = self.config
        drop = nn.Dropout(c.dropout, deterministic=not train)
        x_BTD = bases.one_hot(tokens_BT, c.dtype)
        real_BT = jnp.ones(x_BTD.shape[:2], bool)
        if tokens_BT.ndim == 2:
            special = nucleotide.NucleotideTokenizer.special
            for name in _FRAME:
                real_BT &= tokens_BT != getattr(special, name)
        for layer in range(c.depth):
            found = [
                Direction(c.cell, c.width, back, c.unroll, c.dtype, name=f'{name}_{layer}')(
                    x_BTD, real_BT
                )
                for name, back in (('forward', False), ('backward', True))
            ]
            x_BTD = drop(jnp.concatenate([states for states, _ in found], axis=-1))
        last_BD = jnp.concatenate([last for _, last in found], axis=-1)
        real_BT1 = real_BT[..., None].astype(x_BTD.dtype)
        pooled_BD = (x_BTD * real_BT1).sum(1) / jnp.maximum(real_BT1.sum(1), 1)
        logits_BTV = None
        if c.language_model:
            head = blocks.Linear((c.vocab,), ('embed', 'vocab'), dtype=c.dtype, name='head')
            logits_BTV = head(x_BTD).astype(jnp.float32)
        return features.Features(x_BTD, pooled_BD, last_BD, logits_BTV)
