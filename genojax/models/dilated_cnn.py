"""A residual dilated CNN: convolutions with growing gaps along bases or along bins of bases.

The family of Basenji (Kelley et al. 2018, Genome Research 28:739): a stem and a tower of
convolutions, each pooled by 2, then residual blocks whose dilation grows geometrically, so that
context grows exponentially with depth at constant cost per position. A block is batch norm, GELU,
a convolution of 3 positions with a gap to fewer channels, batch norm, GELU, a pointwise map back,
dropout, added to its input. Stem, tower and heads are those of Enformer here, whose softmax pooling
replaces the maximum.

With `organisms` it predicts coverage tracks, with `inputs` from accessibility tracks as well, which
are added behind the tower as in `enformer_accessibility`. Without `organisms` it gives one vector
per row, for classes and values of sequences, and `stages=0` reads short sequences base by base.
"""

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax.models import base, diagram, enformer, enformer_accessibility, features, input_spec
from genojax.nn import bases, conv
from genojax.tokenizers import nucleotide
from genojax.typing import Array, Bool, Float, Int


@dataclasses.dataclass(frozen=True)
class DilatedCnnConfig(base.ModelConfigBase):
    """Sizes of the network; it reads `NucleotideTokenizer`'s ids."""

    kind: Literal['dilated_cnn'] = 'dilated_cnn'
    vocab: int = 10
    width: int = 64
    stages: int = 7  # poolings by 2, the stem's included: a position is 2^stages bases; 0: a base
    depth: int = 6  # dilated blocks
    inner: int = 32  # channels of a block's dilated convolution
    rate: float = 2.0  # ratio of the dilations of a block and the block before; the first has 1
    multiple: int = 8  # of tower widths, which are geometric from width / 2 to width
    crop: int = 0  # bins left out at each end of a window with tracks
    organisms: tuple[str, ...] = ()  # with coverage tracks; (): none
    tracks: tuple[int, ...] = ()  # of each organism
    inputs: int = 0  # accessibility tracks that are read beside DNA
    dropout: float = 0.1
    dtype: Literal['float32', 'bfloat16'] = 'float32'  # of the computation

    def __post_init__(self):
        for name in ('vocab', 'width', 'depth', 'inner', 'multiple'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
        if self.stages < 0 or self.stages == 1 or self.crop < 0:
            raise ValueError(f'{self.stages=} must be 0 or at least 2, {self.crop=} at least 0')
        if self.width % self.multiple or self.width % 2:
            raise ValueError(f'{self.width=} must be even and a multiple of {self.multiple=}')
        if not self.rate >= 1 or not 0 <= self.dropout < 1:
            raise ValueError(f'{self.rate=} must be at least 1 and {self.dropout=} in [0, 1)')
        if len(self.organisms) != len(self.tracks) or min(self.tracks, default=1) < 1:
            raise ValueError(
                f'{self.organisms=} need one number of tracks each, not tracks={self.tracks}'
            )
        if self.inputs < 0 or self.inputs and not self.organisms:
            raise ValueError(f'{self.inputs=} must be 0 without organisms, and not negative')

    @property
    def bin(self) -> int:
        """Bases per position behind the tower."""
        return 2**self.stages

    @property
    def dilations(self) -> tuple[int, ...]:
        """Gap of each block's convolution, in positions."""
        return tuple(round(self.rate**number) for number in range(self.depth))

    @property
    def context(self) -> int:
        """Bases on either side that the dilated blocks see beyond a position's own."""
        return self.bin * sum(self.dilations)

    def build(self) -> 'DilatedCnn':
        return DilatedCnn(self)

    def input_spec(self) -> input_spec.InputSpec:
        if not self.organisms:
            return input_spec.InputSpec(unit='bases', vocab=self.vocab)
        return input_spec.InputSpec(unit='bases', vocab=self.vocab, bin=self.bin, crop=self.crop)

    @property
    def has_batch_statistics(self) -> bool:
        return True

    @property
    def outputs(self) -> tuple[str, ...]:
        """'hidden' where a position is a base, or a bin that is predicted."""
        if self.organisms:
            return enformer.OUTPUTS
        return ('pooled',) if self.stages else ('pooled', 'hidden')

    @property
    def track_heads(self) -> dict[str, int]:
        return dict(zip(self.organisms, self.tracks, strict=True))

    @property
    def accessibility_inputs(self) -> int:
        return self.inputs

    def parameter_meaning(self) -> dict[str, Any]:
        return {'kind': self.kind, 'rate': self.rate}

    def diagram(self) -> list[diagram.DiagramBlock]:
        head = [diagram.DiagramBlock('One-hot bases', ('4 channels',))]
        head.append(diagram.DiagramBlock('Convolution', (f'15 bases, {self.width:,}',)))
        if self.stages:
            head = enformer.trunk_diagram(self, self.stages)
        if self.inputs:
            head.append(enformer_accessibility.diagram_block(self.inputs))
        lines = (
            f'convolution 3, {self.inner:,}, gaps {", ".join(map(str, self.dilations))}',
            f'pointwise, {self.width:,}',
            f'dropout {self.dropout:g}, residual',
        )
        tail = [diagram.DiagramBlock('Mean over bases', (f'{self.width:,}',))]
        if self.organisms:
            tail = enformer.heads_diagram(self)
        return [*head, diagram.DiagramBlock('Dilated block', lines, self.depth), *tail]


class DilatedBlock(nn.Module):
    """The residual block of the module's docstring."""

    inner: int
    dilation: int
    dropout: float
    dtype: str = 'float32'

    @nn.compact
    def __call__(self, x_BLD: Float[Array, 'B L D'], train: bool) -> Float[Array, 'B L D']:
        width = x_BLD.shape[-1]
        norm = conv.BatchNorm(dtype=self.dtype, name='norm')
        kernel_WDF, bias_F = conv.Conv(self.inner, 3, self.dtype, name='dilated').weights(width)
        y_BLF = jax.lax.conv_general_dilated(
            conv.gelu(norm(x_BLD, train)),
            kernel_WDF.astype(self.dtype),
            window_strides=(1,),
            padding=[(self.dilation, self.dilation)],
            rhs_dilation=(self.dilation,),
            dimension_numbers=('NWC', 'WIO', 'NWC'),
        )
        y_BLF += bias_F.astype(self.dtype)[None, None]
        y_BLD = conv.ConvBlock(width, 1, self.dtype, name='pointwise')(y_BLF, train)
        return x_BLD + nn.Dropout(self.dropout, deterministic=not train)(y_BLD)


class DilatedCnn(nn.Module):
    """Bases to `Features`: tracks where the config has organisms, else a mean vector per row."""

    config: DilatedCnnConfig

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
            accessibility_BNA: coverage, not negative; None: not measured.
            accessibility_known_BN: where it was measured; everywhere by default.

        Raises:
            ValueError: with tracks, a length that is not whole bins, or of which none is left.
        """
        c = self.config
        bins = c.input_spec().bins(tokens_BL.shape[1]) if c.organisms else 0
        real_BL = _is_base(tokens_BL)
        spare = -tokens_BL.shape[1] % c.bin
        x_BLD = bases.OneHot(c.dtype, name='one_hot')(tokens_BL)
        x_BLD = jnp.pad(x_BLD, ((0, 0), (0, spare), (0, 0)))
        x_BLD = self._tower(x_BLD, train)
        if c.inputs:
            x_BLD += enformer_accessibility.embed(
                c, accessibility_BNA, accessibility_known_BN, *x_BLD.shape[:2]
            )
        for number, dilation in enumerate(c.dilations):
            block = DilatedBlock(c.inner, dilation, c.dropout, c.dtype, name=f'block_{number}')
            x_BLD = block(x_BLD, train)
        if c.organisms:
            x_BLD = x_BLD[:, c.crop : c.crop + bins]
            return enformer.outputs(
                c, enformer.Final(c.dropout, c.dtype, name='final')(x_BLD, train)
            )
        x_BLD = conv.gelu(conv.BatchNorm(dtype=c.dtype, name='norm')(x_BLD, train))
        real_BL = jnp.pad(real_BL, ((0, 0), (0, spare)))
        real_BL = real_BL.reshape(len(real_BL), -1, c.bin).any(2)
        real_BL1 = real_BL[..., None].astype(x_BLD.dtype)
        pooled_BD = (x_BLD * real_BL1).sum(1) / jnp.maximum(real_BL1.sum(1), 1)
        return features.Features(x_BLD, pooled_BD, x_BLD[:, 0], None)

    def _tower(self, x_BLA: Float[Array, 'B L A'], train: bool) -> Float[Array, 'B M D']:
        """Bases to positions of `bin` bases."""
        c = self.config
        if not c.stages:
            return conv.Conv(c.width, 15, c.dtype, name='stem')(x_BLA)
        x_BLD = conv.Stem(c.width // 2, c.dtype, name='stem')(x_BLA, train)
        widths = conv.widths(c.width // 2, c.width, c.stages - 1, c.multiple)
        for number, width in enumerate(widths):
            x_BLD = conv.TowerBlock(width, c.dtype, name=f'tower_{number}')(x_BLD, train)
        return x_BLD


def _is_base(tokens_BL: Array) -> Array:
    """Which positions are bases, N and [MASK] included, bool [B, L]."""
    if tokens_BL.ndim == 3:
        return jnp.ones(tokens_BL.shape[:2], bool)
    special = nucleotide.NucleotideTokenizer.special
    real_BL = jnp.ones(tokens_BL.shape, bool)
    for special_id in (special.pad, special.cls, special.sep):
        real_BL &= tokens_BL != special_id
    return real_BL
