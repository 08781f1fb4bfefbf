"""Enformer: convolutions pool DNA into bins, a transformer reads the bins, heads predict tracks.

Avsec et al. 2021 (Nature Methods 18:1196). Input 196,608 bp; 1,536 bins of 128 bp; 320 bins cropped
at each end; 5,313 human and 1,643 mouse tracks. 251,221,292 parameters with both heads, as
published.

Parameters by name. D is `width` (1,536), D/2 the stem's width, W0 ... W5 the tower's widths, H
`heads`, K `key_width`, V = D / H, F `basis`. A tower block maps W(i-1) channels (D/2 for i = 0) to
W(i):

    params/stem/conv/{kernel [15, 4, D/2], bias}
    params/stem/pointwise/norm/{scale, bias}           BatchNorm, then GELU, then the convolution
    params/stem/pointwise/conv/{kernel [1, D/2, D/2], bias}
    params/stem/pool/kernel [D/2, D/2]                 in x out, of the pooling's logits; no bias
    params/tower_<i>/wide/norm/{scale, bias}
    params/tower_<i>/wide/conv/{kernel [5, W(i-1), W(i)], bias}
    params/tower_<i>/pointwise/norm/{scale, bias}
    params/tower_<i>/pointwise/conv/{kernel [1, W(i), W(i)], bias}
    params/tower_<i>/pool/kernel [W(i), W(i)]
    params/layers/block/attention_norm/{scale, bias}   layers/: stacked over depth on axis 0
    params/layers/block/attention/{query,key}/kernel [depth, D, H, K]          no biases
    params/layers/block/attention/value/kernel [depth, D, H, V]
    params/layers/block/attention/relative_key/kernel [depth, F, H, K]
    params/layers/block/attention/{content_bias, position_bias} [depth, H, K]  r_w_bias, r_r_bias
    params/layers/block/attention/kernel [depth, H, V, D], bias [depth, D]     output projection
    params/layers/block/attention/contact_scale [depth]                with `contacts`
    params/layers/block/mlp_norm/{scale, bias}
    params/layers/block/mlp/up/{kernel [depth, D, 2D], bias}
    params/layers/block/mlp/down/{kernel [depth, 2D, D], bias}
    params/final/norm/{scale, bias}
    params/final/conv/{kernel [1, D, 2D], bias}
    params/head_<organism>/{kernel [2D, tracks], bias}
    batch_stats/.../norm/{mean, variance} [channels], count []   beside each BatchNorm's scale, bias

`mean` and `variance` are the averages that evaluation uses (DeepMind's `average`, torch's
`running_*`), `count` the number of their updates, int32 (DeepMind's `counter`, torch's
`num_batches_tracked`).
"""

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax.models import base, diagram, features, input_spec
from genojax.nn import bases, blocks, conv, relative, remat, self_attention
from genojax.typing import Array, Float, Int

# Both published sizes predict 896 bins of 128 bases: the middle 114,688 bases of their window.
PUBLISHED_BINS, PUBLISHED_BIN = 896, 128
OUTPUTS = (
    'pooled',
    'hidden',
    'tracks',
)  # 'hidden' is one vector per bin; a first bin has no meaning


@dataclasses.dataclass(frozen=True)
class EnformerConfig(base.ModelConfigBase):
    """Sizes of an Enformer; the defaults are the published ones."""

    kind: Literal['enformer'] = 'enformer'
    vocab: int = 10  # of NucleotideTokenizer; ids other than A, C, G and T are all zeros
    width: int = 1536
    depth: int = 11  # transformer blocks
    heads: int = 8
    key_width: int = 64  # of a query or key head; a value head is width / heads
    basis: int = 192  # functions of the distance, a multiple of 6; published: width / heads
    stages: int = 7  # poolings by 2, the stem's included: a bin is 2^stages bases
    multiple: int = 128  # of tower widths, which are geometric from width / 2 to width
    crop: int = 320  # bins left out at each end, whose context is one-sided
    organisms: tuple[str, ...] = ('human', 'mouse')
    tracks: tuple[int, ...] = (5313, 1643)  # of each organism
    dropout: float = 0.4
    attention_dropout: float = 0.05
    basis_dropout: float = 0.01
    dtype: Literal['float32', 'bfloat16'] = 'float32'  # of the computation
    # 'enformer': published, with a score per pair of bins; 'rotary': at the pattern's cost
    # (nn/relative.py)
    positions: relative.Relative = 'enformer'
    attention: self_attention.AttentionConfig = self_attention.AttentionConfig()
    # Contacts (Hi-C) between bins are an input: each block adds a learned scalar, 0 at first, times
    # log observed / expected to its attention scores
    contacts: bool = False
    # Transformer blocks unrolled per step of the scan over depth (see BertConfig)
    unroll: int = dataclasses.field(default=1, metadata=remat.ON_RESUME)
    # Of transformer, stem and tower blocks; see nn/remat.py.
    remat: Literal['none', 'block', 'dots', 'offload'] = dataclasses.field(
        default='none', metadata=remat.ON_RESUME
    )

    def __post_init__(self):
        check(self)

    @property
    def bin(self) -> int:
        """Bases per bin."""
        return 2**self.stages

    def build(self) -> 'Enformer':
        return Enformer(self)

    def input_spec(self) -> input_spec.InputSpec:
        return input_spec_of(self, EnformerConfig.crop)

    @property
    def has_batch_statistics(self) -> bool:
        return True

    @property
    def outputs(self) -> tuple[str, ...]:
        return OUTPUTS

    @property
    def track_heads(self) -> dict[str, int]:
        return dict(zip(self.organisms, self.tracks, strict=True))

    def parameter_meaning(self) -> dict[str, Any]:
        return {'kind': self.kind, 'positions': self.positions}

    @property
    def reads_contacts(self) -> bool:
        return self.contacts

    def diagram(self) -> list[diagram.DiagramBlock]:
        return [
            *trunk_diagram(self, self.stages),
            transformer_diagram(self),
            *heads_diagram(self),
        ]


def check(config) -> None:
    """Checks the sizes of a config with Enformer's fields.

    Raises:
        ValueError: names the field.
    """
    for name in ('vocab', 'width', 'depth', 'heads', 'key_width', 'stages', 'multiple', 'unroll'):
        if getattr(config, name) < 1:
            raise ValueError(f'{name}={getattr(config, name)} must be at least 1')
    for name in ('dropout', 'attention_dropout', 'basis_dropout'):
        if not 0 <= getattr(config, name) < 1:
            raise ValueError(f'{name}={getattr(config, name)} must be in [0, 1)')
    for name in ('heads', 'multiple'):
        if config.width % getattr(config, name):
            raise ValueError(
                f'{config.width=} must be a multiple of {name}={getattr(config, name)}'
            )
    if config.stages < 2 or config.width % 2:
        raise ValueError(f'{config.stages=} must be at least 2 and {config.width=} even')
    if config.basis < 6 or config.basis % 6:
        raise ValueError(f'{config.basis=} must be a multiple of 6')
    if config.crop < 0:
        raise ValueError(f'{config.crop=} must not be negative')
    if len(config.organisms) != len(config.tracks) or not config.tracks or min(config.tracks) < 1:
        raise ValueError(
            f'{config.organisms=} need one number of tracks each, not tracks={config.tracks}'
        )


def input_spec_of(config, published_crop: int) -> input_spec.InputSpec:
    """The input of a config with Enformer's fields.

    The window is known for the published bin and crop only. Other sizes take any window of whole
    bins; the config does not hold the one they were trained on.
    """
    is_published = config.bin == PUBLISHED_BIN and config.crop == published_crop
    window = (PUBLISHED_BINS + 2 * config.crop) * config.bin if is_published else 0
    return input_spec.InputSpec(
        unit='bases', vocab=config.vocab, bin=config.bin, crop=config.crop, window=window
    )


def trunk_diagram(config, stages: int) -> list[diagram.DiagramBlock]:
    """Input, stem and convolution tower down to bins of 2^stages bases."""
    half, pooling = config.width // 2, 'softmax pooling by 2'
    stem = (f'convolution 15, {half:,}', 'pointwise block, residual', pooling)
    tower = (f'convolution 5, up to {config.width:,}', 'pointwise block, residual', pooling)
    blocks = [
        diagram.DiagramBlock('One-hot bases', ('4 channels',)),
        diagram.DiagramBlock('Stem', stem),
    ]
    return [*blocks, diagram.DiagramBlock('Tower block', tower, stages - 1)]


def transformer_diagram(config) -> diagram.DiagramBlock:
    lines = (
        f'{config.attention.summary} attention',
        f'{diagram.shape(config.heads, config.key_width)} query/key heads',
        f'{config.positions} positions' + (', bias by contacts' if config.contacts else ''),
        f'feed-forward {2 * config.width:,}',
    )
    return diagram.DiagramBlock('Transformer block', lines, config.depth)


def heads_diagram(config) -> list[diagram.DiagramBlock]:
    """Crop, final pointwise block and one head per organism."""
    heads = tuple(f'{name}: {count:,} tracks' for name, count in config.track_heads.items())
    return [
        diagram.DiagramBlock('Crop', (f'{config.crop} bins at each end',)),
        diagram.DiagramBlock('Final block', (f'pointwise, {2 * config.width:,}', 'dropout, GELU')),
        diagram.DiagramBlock('Track heads', (*heads, f'softplus, {config.bin} bp bins')),
    ]


class _TrunkBlock(nn.Module):
    """A block with the signature that `nn.scan` needs, for any config with Enformer's fields."""

    config: object
    length: int
    train: bool

    @nn.compact
    def __call__(self, x_BLD, contact_BLL):
        c = self.config
        block = relative.EnformerBlock(
            heads=c.heads,
            key_width=c.key_width,
            basis=c.basis,
            dropout=c.dropout,
            attention_dropout=c.attention_dropout,
            basis_dropout=c.basis_dropout,
            relative=c.positions,
            dtype=c.dtype,
            implementation=c.attention.implementation,
            contacts=c.contacts,
            name='block',
        )
        x_BLD = block(x_BLD, c.attention.pattern(self.length), self.train, contact_BLL)
        self.sow('intermediates', 'layer', x_BLD)
        return x_BLD, None


def transformer(config, length: int, train: bool) -> nn.Module:
    """The stack of transformer blocks over `length` bins, called as `(x_BLD, contact_BLL)`."""
    stack = nn.scan(
        remat.module(_TrunkBlock, config.remat),
        variable_axes={'params': 0, 'intermediates': 0},
        split_rngs={'params': True, 'dropout': True},
        in_axes=nn.broadcast,
        length=config.depth,
        unroll=min(config.unroll, config.depth),
        metadata_params={nn.PARTITION_NAME: 'layers'},
    )
    return stack(config, length, train, name='layers')


def contacts_of_positions(
    config, contacts_BPP: Float[Array, 'B P P'] | None, length: int
) -> Float[Array, 'B L L'] | None:
    """Contacts between the `length` positions of a window, from those between its P equal bins.

    Raises:
        ValueError: the model does not read contacts.
    """
    if contacts_BPP is None:
        return None
    if not config.contacts:
        raise ValueError(f'{config.contacts=}: this model does not read contacts')
    bin_L = jnp.arange(length) * contacts_BPP.shape[1] // length
    return contacts_BPP[:, bin_L][:, :, bin_L]


class Final(nn.Module):
    """The input of the heads: a pointwise block to twice the width, dropout, GELU."""

    dropout: float
    dtype: str = 'float32'

    @nn.compact
    def __call__(self, x_BLD: Float[Array, 'B L D'], train: bool) -> Float[Array, 'B L F']:
        width = x_BLD.shape[-1]
        x_BLD = conv.gelu(conv.BatchNorm(dtype=self.dtype, name='norm')(x_BLD, train))
        x_BLF = conv.Conv(2 * width, 1, self.dtype, name='conv')(x_BLD)
        return conv.gelu(nn.Dropout(self.dropout, deterministic=not train)(x_BLF))


def outputs(config, x_BLF: Float[Array, 'B L F']) -> features.Features:
    """The tracks of every organism and the vectors they come from; for a compact method."""
    tracks = {}
    for organism, count in zip(config.organisms, config.tracks, strict=True):
        axes, init, name = ('embed', 'classes'), conv.fan_in(), f'head_{organism}'
        head = blocks.dense(count, axes, dtype=config.dtype, init=init, name=name)
        tracks[organism] = jax.nn.softplus(head(x_BLF).astype(jnp.float32))
    return features.Features(x_BLF, x_BLF.mean(1), x_BLF[:, 0], None, tracks)


class Enformer(nn.Module):
    """DNA to coverage tracks per organism.

    In training `batch_stats` must be mutable (see `nn.conv.BatchNorm`). Sown in the collection
    `intermediates`: 'stem_out', 'tower_out', 'layer' (of each block, stacked) and 'final_out'.
    """

    config: EnformerConfig

    @nn.compact
    def __call__(
        self,
        tokens_BL: Int[Array, 'B L'] | Float[Array, 'B L 4'],
        train: bool = False,
        contacts_BPP: Float[Array, 'B P P'] | None = None,
    ) -> features.Features:
        """Args:
            tokens_BL: ids of single nucleotides, or channels A, C, G, T.
            contacts_BPP: log observed / expected between P equal bins of the window; 0 where it is
                not known; None: not measured, which is as 0 everywhere.

        Raises:
            ValueError: a length that is not whole bins, or of which the crop leaves no bin; or
                contacts that the config does not read.
        """
        c = self.config
        bins = c.input_spec().bins(tokens_BL.shape[1])
        x_BLD = bases.OneHot(c.dtype, name='one_hot')(tokens_BL)
        stem = conv.Stem(c.width // 2, c.dtype, c.remat, name='stem')
        x_BLD = remat.call(stem, c.remat, x_BLD, train=train)
        self.sow('intermediates', 'stem_out', x_BLD)
        for i, width in enumerate(conv.widths(c.width // 2, c.width, c.stages - 1, c.multiple)):
            block = conv.TowerBlock(width, c.dtype, c.remat, name=f'tower_{i}')
            x_BLD = remat.call(block, c.remat, x_BLD, train=train)
        self.sow('intermediates', 'tower_out', x_BLD)
        contact_BLL = contacts_of_positions(c, contacts_BPP, x_BLD.shape[1])
        x_BLD, _ = transformer(c, x_BLD.shape[1], train)(x_BLD, contact_BLL)
        x_BLD = x_BLD[:, c.crop : c.crop + bins]
        x_BLF = Final(c.dropout / 8, c.dtype, name='final')(x_BLD, train)
        self.sow('intermediates', 'final_out', x_BLF)
        return outputs(c, x_BLF)
