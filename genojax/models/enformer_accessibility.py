"""Enformer's parts in another order: DNA and accessibility, a transformer, a pooling tower.

131,072 bases and chromatin-accessibility tracks are the input; expression and chromatin state are
predicted together. With the defaults:

    stem, tower_0 .. tower_3     131,072 bases to 4,096 positions of 32 bases ('trunk_stages'
    halvings) accessibility                added to them: see below
    layers                       transformer over the 4,096 positions, `attention` any pattern
    pool_0, pool_1               the pooling tower: convolution blocks and softmax pooling, 32 to
    128 bases crop, final, head_<organism> as in Enformer; an organism's tracks are its expression
    and chromatin tracks together

Accessibility is coverage in bins whose width is a multiple or a divisor of the trunk's positions.
The model reads log(1 + coverage), averaged over known narrower bins or repeated for wider ones, and
one channel with the known share of the position; where nothing is known, all channels are zero. A
linear map takes tracks and share to the trunk's width.

Parameters are named as Enformer's (`models.enformer`), with two more:

    params/accessibility/kernel [A + 1, D], bias     A input tracks in the batch's order, the share
    last params/pool_<i>/...                              as params/tower_<i>, from D to D channels

Input tracks must come from samples that are not among the targets, or the targets of the same
sample must be left out of loss and score. The dataset is responsible for that.
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
    """Sizes of the variant; fields without a comment are those of `EnformerConfig`."""

    inputs: int  # accessibility tracks
    kind: Literal['enformer_accessibility'] = 'enformer_accessibility'
    vocab: int = 10
    width: int = 1536
    depth: int = 11
    heads: int = 8
    key_width: int = 64
    basis: int = 192
    stages: int = 7  # poolings by 2 from bases to bins of 128 bases
    trunk_stages: int = 5  # of them before the transformer, which has 32 bases per position
    multiple: int = 128
    crop: int = 64  # bins; 131,072 bases are 1,024 bins, of which 896 are predicted
    organisms: tuple[str, ...] = ('human', 'mouse')
    tracks: tuple[int, ...] = (5313, 1643)
    dropout: float = 0.4
    attention_dropout: float = 0.05
    basis_dropout: float = 0.01
    dtype: Literal['float32', 'bfloat16'] = 'float32'
    # 'enformer' needs a score per pair of the 4,096 positions, 'rotary' does not.
    positions: relative.Relative = 'rotary'
    attention: self_attention.AttentionConfig = self_attention.AttentionConfig()
    contacts: bool = False
    unroll: int = dataclasses.field(default=1, metadata=remat.ON_RESUME)
    remat: Literal['none', 'block', 'dots', 'offload'] = dataclasses.field(
        default='none', metadata=remat.ON_RESUME
    )

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

    def build(self) -> 'EnformerAccessibility':
        return EnformerAccessibility(self)

    def input_spec(self) -> input_spec.InputSpec:
        return enformer.input_spec_of(self, EnformerAccessibilityConfig.crop)

    @property
    def has_batch_statistics(self) -> bool:
        return True

    @property
    def outputs(self) -> tuple[str, ...]:
        return enformer.OUTPUTS

    @property
    def track_heads(self) -> dict[str, int]:
        return dict(zip(self.organisms, self.tracks, strict=True))

    @property
    def reads_contacts(self) -> bool:
        return self.contacts

    @property
    def accessibility_inputs(self) -> int:
        return self.inputs

    def parameter_meaning(self) -> dict[str, Any]:
        return {'kind': self.kind, 'positions': self.positions}

    def diagram(self) -> list[diagram.DiagramBlock]:
        pool = (
            f'convolution 5, {self.width:,}',
            'pointwise block, residual',
            'softmax pooling by 2',
        )
        pools = self.stages - self.trunk_stages
        return [
            *enformer.trunk_diagram(self, self.trunk_stages),
            diagram_block(self.inputs),
            enformer.transformer_diagram(self),
            *([diagram.DiagramBlock('Pooling block', pool, pools)] if pools else []),
            *enformer.heads_diagram(self),
        ]


def diagram_block(inputs: int) -> diagram.DiagramBlock:
    """The input of accessibility tracks."""
    lines = (f'{inputs} tracks, log(1 + x)', 'linear map, added')
    return diagram.DiagramBlock('Accessibility', lines)


def resample(x_BNA: Float[Array, 'B N A'], length: int) -> Float[Array, 'B T A']:
    """Values of bins at `length` positions of the same window.

    Means of narrower bins, copies of wider ones.

    Raises:
        ValueError: neither number divides the other.
    """
    B, N, A = x_BNA.shape
    if N % length == 0:
        return x_BNA.reshape(B, length, N // length, A).mean(2)
    if length % N == 0:
        return jnp.repeat(x_BNA, length // N, axis=1)
    raise ValueError(f'{N} bins of accessibility do not fit {length} positions of the model')


def embed(
    config,
    values_BNA: Float[Array, 'B N A'] | None,
    known_BN: Bool[Array, 'B N'] | Float[Array, 'B N'] | None,
    rows: int,
    length: int,
) -> Float[Array, 'B T D']:
    """Accessibility at `length` positions, mapped to the model's width; for a compact method.

    Args:
        config: with the fields `inputs`, `width` and `dtype`.
        values_BNA: coverage, not negative; None: not measured.
        known_BN: where it was measured; everywhere by default.

    Raises:
        ValueError: another number of tracks, or bins that do not fit the positions.
    """
    if values_BNA is None:
        values_BNA, known_BN = jnp.zeros((rows, 1, config.inputs)), jnp.zeros((rows, 1))
    if values_BNA.shape[-1] != config.inputs:
        raise ValueError(
            f'{values_BNA.shape[-1]} accessibility tracks, but model.inputs={config.inputs}'
        )
    known_BN = jnp.ones(values_BNA.shape[:2]) if known_BN is None else known_BN
    known_BN1 = known_BN.astype(jnp.float32)[..., None]
    # The mean is over known bins only; otherwise missing bins would count as measured zeros.
    x_BNA = jnp.where(known_BN1 > 0, jnp.log1p(values_BNA.astype(jnp.float32)), 0.0)
    share_BT1, x_BTA = resample(known_BN1, length), resample(x_BNA, length)
    x_BTA = x_BTA / jnp.where(share_BT1 > 0, share_BT1, 1.0)
    channels_BTA = jnp.concatenate([x_BTA, share_BT1], -1)
    axes, init = (None, 'embed'), conv.fan_in()
    dense = blocks.dense(config.width, axes, dtype=config.dtype, init=init, name='accessibility')
    return dense(channels_BTA)


class EnformerAccessibility(nn.Module):
    """DNA and accessibility to coverage tracks per organism; otherwise as `Enformer`."""

    config: EnformerAccessibilityConfig

    @nn.compact
    def __call__(
        self,
        tokens_BL: Int[Array, 'B L'] | Float[Array, 'B L 4'],
        train: bool = False,
        accessibility_BNA: Float[Array, 'B N A'] | None = None,
        accessibility_known_BN: Bool[Array, 'B N'] | Float[Array, 'B N'] | None = None,
        contacts_BPP: Float[Array, 'B P P'] | None = None,
    ) -> features.Features:
        """Args:
            tokens_BL: ids of single nucleotides, or channels A, C, G, T.
            accessibility_BNA: coverage, not negative; None: not measured.
            accessibility_known_BN: where it was measured; everywhere by default.
            contacts_BPP: as for `Enformer`.

        Raises:
            ValueError: a length that is not whole bins, a crop that leaves no bin, or accessibility
                in another number of tracks or bins.
        """
        c = self.config
        bins = c.input_spec().bins(tokens_BL.shape[1])
        x_BLD = bases.OneHot(c.dtype, name='one_hot')(tokens_BL)
        stem = conv.Stem(c.width // 2, c.dtype, c.remat, name='stem')
        x_BLD = remat.call(stem, c.remat, x_BLD, train=train)
        towers = conv.widths(c.width // 2, c.width, c.trunk_stages - 1, c.multiple)
        names = [f'tower_{i}' for i in range(len(towers))]
        x_BLD = self._tower(x_BLD, names, towers, train)
        B, T, _ = x_BLD.shape
        x_BLD += embed(c, accessibility_BNA, accessibility_known_BN, B, T)
        self.sow('intermediates', 'tower_out', x_BLD)
        contact_BLL = enformer.contacts_of_positions(c, contacts_BPP, x_BLD.shape[1])
        x_BLD, _ = enformer.transformer(c, x_BLD.shape[1], train)(x_BLD, contact_BLL)
        names = [f'pool_{i}' for i in range(c.stages - c.trunk_stages)]
        x_BLD = self._tower(x_BLD, names, (c.width,) * len(names), train)
        x_BLD = x_BLD[:, c.crop : c.crop + bins]
        x_BLF = enformer.Final(c.dropout / 8, c.dtype, name='final')(x_BLD, train)
        self.sow('intermediates', 'final_out', x_BLF)
        return enformer.outputs(c, x_BLF)

    def _tower(self, x_BLD, names, widths, train: bool):
        c = self.config
        for name, width in zip(names, widths, strict=True):
            block = conv.TowerBlock(width, c.dtype, c.remat, name=name)
            x_BLD = remat.call(block, c.remat, x_BLD, train=train)
        return x_BLD
