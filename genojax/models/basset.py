"""Basset: three convolutions and two fully connected layers (Kelley, Snoek and Rinn 2016, Genome Research 26:990).

The published network reads 600 bp: convolutions of 300 filters of 19, 200 of 11 and 200 of 7, each followed by batch
norm, ReLU and max pooling by 3, 4 and 4; then 1,000 and 1,000 units, each with batch norm, ReLU and dropout 0.3; then
164 sigmoid outputs: 4,135,064 parameters with their biases.

Details from the public Torch7 code (davek44/Basset, src/convnet.lua and data/models/pretrained_params.txt): every layer
keeps its bias in front of batch norm; batch norm has epsilon 1e-5 and averages with 0.9 of the old; pooling rounds up,
so a last window may be a part of one. Its convolutions as first published see whole windows only (`padding='valid'`:
600 bases become 582, 194, 184, 46, 40, 10 positions); the code's last version stands zeros at the ends (`'same'`), which
sequences too short for the other need. Torch7's average of the variance is of the unbiased one, which a batch of
thousands of positions cannot tell. Not built: RMSprop with a cap of 7 on the norm of weights, which it was trained
with; an unknown base is four zeros, where the code had four quarters.
"""

import dataclasses
import math
from typing import Literal

import jax.numpy as jnp
from flax import linen as nn

from genojax.models import base, diagram, features, input_spec
from genojax.nn import bases, blocks, conv
from genojax.tokenizers import nucleotide
from genojax.typing import Array, Float, Int


@dataclasses.dataclass(frozen=True)
class BassetConfig(base.ModelConfigBase):
    """Sizes of the network; the defaults are the published ones. It reads `NucleotideTokenizer`'s ids."""

    vocab: int
    kind: Literal['basset'] = 'basset'
    length: int = 600  # bases; a shorter row is filled up with zeros
    filters: tuple[int, ...] = (300, 200, 200)
    windows: tuple[int, ...] = (19, 11, 7)  # bases or positions that a filter sees
    pools: tuple[int, ...] = (3, 4, 4)
    padding: Literal['valid', 'same'] = 'valid'
    hidden: tuple[int, ...] = (1000, 1000)
    dropout: float = 0.3  # after each hidden layer
    targets: int = 164  # outputs of the network's own head; 0: none, where a task brings its own
    dtype: Literal['float32', 'bfloat16'] = 'float32'  # of the computation

    def __post_init__(self):
        if not len(self.filters) == len(self.windows) == len(self.pools) or not self.filters:
            raise ValueError(
                f'{self.filters=}, {self.windows=} and {self.pools=} must name the same layers'
            )
        sizes = (self.vocab, self.length, *self.filters, *self.windows, *self.pools, *self.hidden)
        if min(sizes) < 1 or not self.hidden or self.targets < 0:
            raise ValueError('sizes must be at least 1, and one hidden layer is needed')
        if any(window % 2 == 0 for window in self.windows):
            raise ValueError(f'{self.windows=} must be odd')
        if not 0 <= self.dropout < 1:
            raise ValueError(f'{self.dropout=} must be in [0, 1)')
        if self.positions < 1:
            raise ValueError(
                f"length={self.length} bases leave no position after the convolutions; padding='same' may"
            )

    def input_spec(self) -> input_spec.InputSpec:
        """See `base.ModelConfigBase`; [CLS] and [SEP] may stand around the bases."""
        return input_spec.InputSpec(unit='bases', vocab=self.vocab, max_tokens=self.length + 2)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Positions after the pooling are no tokens, so one vector per row is all; 'logits' are [B, 1, targets]."""
        return ('pooled', 'logits') if self.targets else ('pooled',)

    def diagram(self) -> list[diagram.DiagramBlock]:
        blocks = [diagram.DiagramBlock('One-hot bases', (f'{diagram.shape(self.length, 4)}',))]
        for filters, window, pool in zip(self.filters, self.windows, self.pools, strict=True):
            lines = (f'{filters} filters of {window}', 'batch norm, ReLU', f'max pooling by {pool}')
            blocks.append(diagram.DiagramBlock('Convolution', lines))
        for width in self.hidden:
            lines = (f'{width:,} units', 'batch norm, ReLU', f'dropout {self.dropout:g}')
            blocks.append(diagram.DiagramBlock('Fully connected', lines))
        if self.targets:
            lines = ('linear', f'{self.targets} sigmoid outputs')
            blocks.append(diagram.DiagramBlock('Head', lines))
        return blocks

    @property
    def positions(self) -> int:
        """Positions that are left after the last pooling."""
        size = self.length
        for window, pool in zip(self.windows, self.pools, strict=True):
            size -= window - 1 if self.padding == 'valid' else 0
            if size < 1:
                return 0
            size = math.ceil(size / pool)
        return size


class Basset(nn.Module):
    """Bases to `Features`; `tokens` come with [CLS] and [SEP] or without.

    `hidden_BTD` are the last convolution's positions, `pooled_BD` is the last hidden layer (after dropout, in training),
    and `logits_BTV` the head's outputs before the sigmoid, [B, 1, targets].
    """

    config: BassetConfig

    @nn.compact
    def __call__(
        self, tokens_BT: Int[Array, 'B T'] | Float[Array, 'B T 4'], train: bool = False
    ) -> features.Features:
        """Raises: ValueError: more bases than `length`."""
        c = self.config
        x_BLD = self._input(tokens_BT)
        layers = zip(c.filters, c.windows, c.pools, strict=True)
        for number, (filters, window, pool) in enumerate(layers):
            x_BLD = conv.Conv(filters, window, c.dtype, name=f'conv_{number}')(x_BLD)
            if c.padding == 'valid':  # what saw beyond the ends goes
                x_BLD = x_BLD[:, window // 2 : x_BLD.shape[1] - window // 2]
            x_BLD = conv.BatchNorm(dtype=c.dtype, name=f'conv_norm_{number}')(x_BLD, train)
            x_BLD = _max_pool(nn.relu(x_BLD), pool)
        x_BD = x_BLD.reshape(len(x_BLD), -1)
        drop = nn.Dropout(c.dropout, deterministic=not train)
        for number, width in enumerate(c.hidden):
            x_BD = _linear(width, c.dtype, f'hidden_{number}')(x_BD)
            x_BD = conv.BatchNorm(dtype=c.dtype, name=f'hidden_norm_{number}')(x_BD, train)
            x_BD = drop(nn.relu(x_BD))
        logits_BTV = None
        if c.targets:
            head = blocks.dense(c.targets, ('embed', 'vocab'), init=conv.fan_in(), name='head')
            logits_BTV = head(x_BD.astype(jnp.float32))[:, None]
        return features.Features(x_BLD, x_BD, x_BLD[:, 0], logits_BTV)

    def _input(self, tokens_BT) -> Float[Array, 'B L 4']:
        """Exactly `length` bases: specials gone, zeros behind a shorter row; NaN for a row of more bases than that."""
        length, size = self.config.length, tokens_BT.shape[1]
        if size > length + 2 or (size > length and tokens_BT.ndim == 3):
            raise ValueError(
                f'{size} tokens are more than the {length} bases, [CLS] and [SEP] that the model reads; set model.length'
            )
        more = ((0, 0), (0, max(length + 1 - size, 0)))
        if tokens_BT.ndim == 3:
            x_BLD = jnp.pad(tokens_BT, (*more, (0, 0)))[:, :length]
            return bases.one_hot(x_BLD, self.config.dtype)
        padded_BT = jnp.pad(tokens_BT, more)
        framed_B1 = tokens_BT[:, :1] == nucleotide.NucleotideTokenizer.special.cls
        bare_BL, inside_BL = padded_BT[:, :length], padded_BT[:, 1 : length + 1]
        x_BLD = bases.one_hot(jnp.where(framed_B1, inside_BL, bare_BL), self.config.dtype)
        if size <= length:
            return x_BLD
        # Bases beyond the length would be lost; which ids they are is known only when it runs.
        beyond_BT = padded_BT[:, length:]
        lost_B1 = ~framed_B1 & (beyond_BT >= bases.FIRST).any(1, keepdims=True)
        return jnp.where(lost_B1[..., None], jnp.nan, x_BLD)


def _linear(width: int, dtype: str, name: str) -> nn.DenseGeneral:
    return blocks.dense(width, ('embed', 'mlp'), dtype=dtype, init=conv.fan_in(), name=name)


def _max_pool(x_BLD: Float[Array, 'B L D'], size: int) -> Float[Array, 'B M D']:
    """The largest of every `size` neighbours; a part of a window at the end counts as one."""
    lowest = -jnp.inf if x_BLD.dtype == jnp.float32 else jnp.finfo(x_BLD.dtype).min
    extra = -x_BLD.shape[1] % size
    x_BLD = jnp.pad(x_BLD, ((0, 0), (0, extra), (0, 0)), constant_values=lowest)
    B, L, D = x_BLD.shape
    return x_BLD.reshape(B, L // size, size, D).max(2)
