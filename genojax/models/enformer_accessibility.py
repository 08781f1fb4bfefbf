"""Enformer's parts in another order: DNA and measured accessibility in, a transformer, then a pooling tower as output head.

The variant of the description: 131,072 bases and chromatin-accessibility tracks go in, expression and chromatin state
come out together. With the defaults:

    stem, tower_0 .. tower_3     131,072 bases to 4,096 positions of 32 bases ('trunk_stages' halvings)
    accessibility                added to them: see below
    layers                       transformer over the 4,096 positions, `attention` any pattern
    pool_0, pool_1               the pooling tower: convolution blocks and softmax pooling, 32 to 128 bases
    crop, final, head_<organism> as in Enformer; an organism's tracks are its expression and chromatin tracks together

Accessibility is coverage in bins of any width that the trunk's positions divide or that divides them. It is seen as
log(1 + coverage), averaged over the known of narrower bins or repeated for wider ones, beside one channel that says
what share of the position is known; where nothing is, all channels are zero. A linear map takes tracks and flag to the
trunk's width.

Parameters are named as Enformer's (`models.enformer`), with two more:

    params/accessibility/kernel [A + 1, C], bias     A input tracks in the batch's order, the flag last
    params/pool_<i>/...                              as params/tower_<i>, from C to C channels

A model must not be shown its own answer: input tracks come from samples that are not among the targets, or the tracks of
the same sample are dropped from loss and score. That is the data's task (`data.tracks`).
"""

import dataclasses
from typing import Any, Literal

import jax.numpy as jnp
from flax import linen as nn

from genojax.models import base, diagram, enformer, features, input_spec
from genojax.nn import bases, blocks, conv, relative, remat, self_attention
from genojax.typing import Array, Bool, Float, Int


@dataclasses.dataclass(frozen=True)
class EnformerAccessibilityConfig(base.ModelConfigBase):
    """Sizes of the variant; fields of the same name mean what they mean in `EnformerConfig`."""

    inputs: int  # accessibility tracks that go in
    kind: Literal['enformer_accessibility'] = 'enformer_accessibility'
    vocab: int = 10
    width: int = 1536
    depth: int = 11
    heads: int = 8
    key_width: int = 64
    basis: int = 192
    stages: int = 7  # halvings from bases to bins: 128 bases
    trunk_stages: int = 5  # of them before the transformer, which so sees 32 bases a position
    multiple: int = 128
    crop: int = 64  # bins; 131,072 bases give 1,024 bins, of which 896 are predicted
    organisms: tuple[str, ...] = ('human', 'mouse')
    tracks: tuple[int, ...] = (5313, 1643)
    dropout: float = 0.4
    attention_dropout: float = 0.05
    basis_dropout: float = 0.01
    dtype: Literal['float32', 'bfloat16'] = 'float32'
    # The published bases cost a score for each pair of 4,096 positions, which rotary positions do not.
    positions: relative.Relative = 'rotary'
    attention: self_attention.AttentionConfig = self_attention.AttentionConfig()
    remat: Literal['none', 'block', 'dots', 'offload'] = 'none'
    unroll: int = 1

    def __post_init__(self):
        enformer.check(self)
        if self.inputs < 1:
            raise ValueError(f'{self.inputs=} must be at least 1')
        if not 2 <= self.trunk_stages <= self.stages:
            raise ValueError(f'{self.trunk_stages=} must be from 2 to {self.stages=}')

    @property
    def bin(self) -> int:
        """Bases per bin."""
        return 2**self.stages

    def input_spec(self) -> input_spec.InputSpec:
        return enformer.input_spec_of(self, EnformerAccessibilityConfig.crop)

    @property
    def outputs(self) -> tuple[str, ...]:
        return enformer.OUTPUTS

    @property
    def track_heads(self) -> dict[str, int]:
        return dict(zip(self.organisms, self.tracks, strict=True))

    @property
    def accessibility_inputs(self) -> int:
        return self.inputs

    def parameter_meaning(self) -> dict[str, Any]:
        return {'kind': self.kind, 'positions': self.positions}

    def diagram(self) -> list[diagram.DiagramBlock]:
        tracks = (f'{self.inputs} tracks, log(1 + x)', 'linear map, added')
        pool = (
            f'convolution 5, {self.width:,}',
            'pointwise block, residual',
            'softmax pooling by 2',
        )
        pools = self.stages - self.trunk_stages
        return [
            *enformer.trunk_diagram(self, self.trunk_stages),
            diagram.DiagramBlock('Accessibility', tracks),
            enformer.transformer_diagram(self),
            *([diagram.DiagramBlock('Pooling block', pool, pools)] if pools else []),
            *enformer.heads_diagram(self),
        ]


def resample(x_BNA: Float[Array, 'B N A'], length: int) -> Float[Array, 'B T A']:
    """Values of bins at `length` positions of the same stretch: means of narrower bins, copies of wider ones.

    Raises:
        ValueError: neither number divides the other.
    """
    B, N, A = x_BNA.shape
    if N % length == 0:
        return x_BNA.reshape(B, length, N // length, A).mean(2)
    if length % N == 0:
        return jnp.repeat(x_BNA, length // N, axis=1)
    raise ValueError(f'{N} bins of accessibility do not fit {length} positions of the model')


class EnformerAccessibility(nn.Module):
    """DNA and accessibility to coverage tracks by organism; training and intermediates as for `Enformer`."""

    config: EnformerAccessibilityConfig

    @nn.compact
    def __call__(
        self,
        tokens_BL: Int[Array, 'B L'] | Float[Array, 'B L 4'],
        train: bool = False,
        accessibility_BNA: Float[Array, 'B N A'] | None = None,
        accessibility_known_BN: Bool[Array, 'B N'] | Float[Array, 'B N'] | None = None,
    ) -> features.Features:
        """Args:
            tokens_BL: ids of single nucleotides, or channels A, C, G, T.
            accessibility_BNA: coverage, not negative; None where nothing was measured.
            accessibility_known_BN: where it was measured; everywhere by default.

        Raises:
            ValueError: a length that bins do not divide, a crop that leaves nothing, or accessibility that does not fit.
        """
        c = self.config
        length = tokens_BL.shape[1]
        left = c.input_spec().bins(length)
        x_BLD = bases.one_hot(tokens_BL, c.dtype)
        stem = conv.Stem(c.width // 2, c.dtype, c.remat, name='stem')
        x_BLD = remat.call(stem, c.remat, x_BLD, train=train)
        towers = conv.widths(c.width // 2, c.width, c.trunk_stages - 1, c.multiple)
        names = [f'tower_{i}' for i in range(len(towers))]
        x_BLD = self._tower(x_BLD, names, towers, train)
        known = (accessibility_BNA, accessibility_known_BN)
        x_BLD += self._accessibility(*known, x_BLD.shape[0], length // 2**c.trunk_stages)
        self.sow('intermediates', 'tower_out', x_BLD)
        x_BLD, _ = enformer.transformer(c, x_BLD.shape[1], train)(x_BLD, None)
        names = [f'pool_{i}' for i in range(c.stages - c.trunk_stages)]
        x_BLD = self._tower(x_BLD, names, (c.width,) * len(names), train)
        x_BLD = x_BLD[:, c.crop : c.crop + left]
        x_BLF = enformer.Final(c.dropout / 8, c.dtype, name='final')(x_BLD, train)
        self.sow('intermediates', 'final_out', x_BLF)
        return enformer.outputs(c, x_BLF)

    def _tower(self, x_BLD, names, widths, train: bool):
        c = self.config
        for name, width in zip(names, widths, strict=True):
            block = conv.TowerBlock(width, c.dtype, c.remat, name=name)
            x_BLD = remat.call(block, c.remat, x_BLD, train=train)
        return x_BLD

    def _accessibility(self, values_BNA, known_BN, rows: int, length: int):
        """What is known of accessibility at the trunk's positions, [B, T, C]."""
        c = self.config
        if values_BNA is None:
            values_BNA, known_BN = jnp.zeros((rows, 1, c.inputs)), jnp.zeros((rows, 1))
        if values_BNA.shape[-1] != c.inputs:
            raise ValueError(f'{values_BNA.shape[-1]} accessibility tracks, but {c.inputs=}')
        known_BN = jnp.ones(values_BNA.shape[:2]) if known_BN is None else known_BN
        known_BN1 = known_BN.astype(jnp.float32)[..., None]
        # Known bins only: a mean over half-known positions would mix measured zeros with missing ones.
        seen_BNA = jnp.where(known_BN1 > 0, jnp.log1p(values_BNA.astype(jnp.float32)), 0.0)
        share_BT1, seen_BTA = resample(known_BN1, length), resample(seen_BNA, length)
        seen_BTA = seen_BTA / jnp.where(share_BT1 > 0, share_BT1, 1.0)
        channels_BTA = jnp.concatenate([seen_BTA, share_BT1], -1)
        axes = (None, 'embed')
        part = blocks.dense(c.width, axes, dtype=c.dtype, init=conv.fan_in(), name='accessibility')
        return part(channels_BTA)
