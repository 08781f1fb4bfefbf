"""Basset: three convolutions and two fully connected layers.

Kelley, Snoek and Rinn 2016, Genome Research 26:990. The published network reads 600 bp.
Convolutions of 300 filters of 19, 200 of 11 and 200 of 7 are each followed by batch norm, ReLU and
max pooling by 3, 4 and 4. Two layers of 1,000 units follow, each with batch norm, ReLU and dropout
0.3, and 164 sigmoid outputs: 4,135,064 parameters, biases included.

Details from the public Torch7 code (davek44/Basset, src/convnet.lua and
data/models/pretrained_params.txt): every layer before batch norm has a bias; batch norm has epsilon
1e-5 and averages with weight 0.9 on the old value; pooling rounds up, so the last window may be
shorter. The convolutions as first published have no padding (`padding='valid'`: 600 bases become
582, 194, 184, 46, 40, 10 positions). The last version of the code pads with zeros (`'same'`), which
shorter sequences need.

Differences: Torch7 averages the unbiased variance, which is the same for a batch of thousands of
positions. Training with RMSprop and a maximum weight norm of 7 is not implemented. An unknown base
is four zeros here, four quarters in the published code.
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
    """Sizes of the network, by default the published ones. It reads `NucleotideTokenizer`'s ids."""

    vocab: int
    kind: Literal['basset'] = 'basset'
    length: int = 600  # bases; a shorter row is padded with zeros
    filters: tuple[int, ...] = (300, 200, 200)
    windows: tuple[int, ...] = (19, 11, 7)  # width of the filters, in bases or positions
    pools: tuple[int, ...] = (3, 4, 4)
    padding: Literal['valid', 'same'] = 'valid'
    hidden: tuple[int, ...] = (1000, 1000)
    dropout: float = 0.3  # after each hidden layer
    targets: int = 164  # outputs of the network's own head; 0: no head
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
                f'length={self.length} bases leave no position after the convolutions; '
                "set padding='same' or a larger length"
            )

    def build(self) -> 'Basset':
        return Basset(self)

    def input_spec(self) -> input_spec.InputSpec:
        """See `base.ModelConfigBase`; [CLS] and [SEP] may stand around the bases."""
        return input_spec.InputSpec(unit='bases', vocab=self.vocab, max_tokens=self.length + 2)

    @property
    def has_batch_statistics(self) -> bool:
        return True

    @property
    def outputs(self) -> tuple[str, ...]:
        """One vector per row ('pooled'): positions after pooling are not tokens.

        'logits' are [B, 1, targets].
        """
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
    """Bases to `Features`; tokens may have [CLS] and [SEP] around them.

    `hidden_BTD` is the output of the last convolution, `pooled_BD` the last hidden layer (after
    dropout, in training), and `logits_BTV` the head's output before the sigmoid, [B, 1, targets].
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
            if c.padding == 'valid':  # drop positions whose window reaches beyond the ends
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
        """Channels of exactly `length` bases, without special tokens; zeros after a shorter row.

        A row with more bases is NaN: whether it has [CLS] is known at run time only.
        """
        length, size = self.config.length, tokens_BT.shape[1]
        if size > length + 2 or (size > length and tokens_BT.ndim == 3):
            raise ValueError(
                f'{size} tokens are more than the {length} bases, [CLS] and [SEP] that the model '
                'reads; set model.length'
            )
        padding = ((0, 0), (0, max(length + 1 - size, 0)), (0, 0))
        x_BTD = jnp.pad(bases.OneHot(self.config.dtype, name='one_hot')(tokens_BT), padding)
        if tokens_BT.ndim == 3:
            return x_BTD[:, :length]
        has_cls_B1 = tokens_BT[:, :1] == nucleotide.NucleotideTokenizer.special.cls
        x_BLD = jnp.where(has_cls_B1[..., None], x_BTD[:, 1 : length + 1], x_BTD[:, :length])
        if size <= length:
            return x_BLD
        too_long_B1 = ~has_cls_B1 & (tokens_BT[:, length:] >= bases.FIRST).any(1, keepdims=True)
        return jnp.where(too_long_B1[..., None], jnp.nan, x_BLD)


def _linear(width: int, dtype: str, name: str) -> nn.DenseGeneral:
    return blocks.dense(width, ('embed', 'mlp'), dtype=dtype, init=conv.fan_in(), name=name)


def _max_pool(x_BLD: Float[Array, 'B L D'], size: int) -> Float[Array, 'B M D']:
    """Maximum over windows of `size` positions; the last window may be shorter."""
    lowest = -jnp.inf if x_BLD.dtype == jnp.float32 else jnp.finfo(x_BLD.dtype).min
    padding = ((0, 0), (0, -x_BLD.shape[1] % size), (0, 0))
    x_BLD = jnp.pad(x_BLD, padding, constant_values=lowest)
    B, L, D = x_BLD.shape
    return x_BLD.reshape(B, L // size, size, D).max(2)
