"""Convolutions over tokens with growing gaps: a model that genojax knows nothing of."""

import dataclasses
from typing import Literal

import jax.numpy as jnp
from flax import linen as nn

from genojax.models import base, diagram, features, input_spec
from genojax.nn import blocks


@dataclasses.dataclass(frozen=True)
class DilatedConfig(base.ModelConfigBase):
    """Sizes of the network."""

    vocab: int
    kind: Literal['dilated'] = 'dilated'
    width: int = 16
    depth: int = 2  # convolutions of three tokens, whose gaps are 1, 2, 4, ...
    dropout: float = 0.1
    pad_id: int = 1

    def build(self) -> 'Dilated':
        return Dilated(self)

    def input_spec(self) -> input_spec.InputSpec:
        special = input_spec.SpecialTokens(pad_id=self.pad_id)
        return input_spec.InputSpec('tokens', self.vocab, special=special)

    @property
    def has_lm_head(self) -> bool:
        return True

    def diagram(self) -> list[diagram.DiagramBlock]:
        layer = ('convolution of 3 tokens', 'GELU, residual')
        return [
            diagram.DiagramBlock('Embedding', (diagram.shape(self.vocab, self.width),)),
            diagram.DiagramBlock('Dilated layer', layer, self.depth),
            diagram.DiagramBlock('Language-model head', (f'{self.vocab} logits',)),
        ]


class Dilated(nn.Module):
    """Token ids to `Features`; [PAD] adds nothing to any vector."""

    config: DilatedConfig

    @nn.compact
    def __call__(self, tokens_BT, train: bool = False) -> features.Features:
        c, named = self.config, nn.with_logical_partitioning
        real_BT1 = (tokens_BT != c.pad_id)[..., None].astype(jnp.float32)
        x_BTD = blocks.embed(c.vocab, c.width, ('vocab', 'embed'), 'words')(tokens_BT)
        for layer in range(c.depth):
            convolution = nn.Conv(
                c.width,
                kernel_size=3,
                kernel_dilation=2**layer,
                kernel_init=named(nn.initializers.lecun_normal(), (None, 'embed', 'mlp')),
                bias_init=named(nn.initializers.zeros, ('mlp',)),
                name=f'layer_{layer}',
            )
            x_BTD += nn.gelu(convolution(x_BTD * real_BT1))
            x_BTD = nn.Dropout(c.dropout, deterministic=not train)(x_BTD)
        pooled_BD = (x_BTD * real_BT1).sum(1) / jnp.maximum(real_BT1.sum(1), 1)
        logits_BTV = blocks.dense(c.vocab, ('embed', 'vocab'), name='head')(x_BTD)
        return features.Features(x_BTD, pooled_BD, x_BTD[:, 0], logits_BTV)
