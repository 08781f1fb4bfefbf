"""Dynamic masks: which bases or tokens are hidden, and what replaces them.

For tokens that overlap, a mask is drawn over *bases* and then applied to tokens (`span_masks`). For
tokens that do not overlap it is drawn over tokens (`token_masks`). Bases or tokens, what a mask is
drawn over is called positions here. The action on a span of positions (mask, random, keep; 80/10/10
in BERT, Devlin et al. 2019, section 3.1) is drawn once for the whole span. If it were drawn per
overlapping token, an unchanged k-mer would reveal the bases of the masked tokens beside it.

Everything is a function of the key, so of (seed, step), and runs inside the jitted step.
"""

import dataclasses
import enum
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genojax import genome
from genojax.typing import Array, Bool, Float, Int


class MaskAction(enum.IntEnum):
    """What masking did to a base or a token."""

    VISIBLE = 0
    MASK = 1  # every token that covers it is [MASK]
    RANDOM = 2  # a random base, and the tokens that cover it; or a random token
    KEEP = 3  # unchanged, but still a target


class MaskedBatch(NamedTuple):
    """A batch with masks applied.

    Attributes:
        tokens_BT: input of the model, int32.
        visible_BL: bases that the model may know, int32; unknown where masked.
        action_BL: the `MaskAction` of every base, int32.
        target_BT: tokens to predict, bool; with overlapping tokens without [CLS] and [SEP].
    """

    tokens_BT: Array
    visible_BL: Array
    action_BL: Array
    target_BT: Array


@dataclasses.dataclass(frozen=True)
class MaskConfig:
    """How much is hidden, where, and how.

    `rate` is the share of bases hidden, or of tokens where they do not overlap (0.15 in BERT). With
    overlapping k-mers about `1 - (1 - rate)^k` of the tokens are then masked (single-base spans),
    so DNABERT's 15 % of tokens at k = 6 is a rate near 0.025. `region_rates` gives other rates to
    bases of a region (`{'exon': 0.01}`); where regions nest, the lowest rate applies.
    """

    rate: float = 0.025
    span: int = 1  # consecutive hidden bases; consecutive tokens where they do not overlap
    region_rates: dict[str, float] = dataclasses.field(default_factory=dict)
    random: float = 0.1  # share of spans replaced at random
    keep: float = 0.1  # share of spans left unchanged

    def __post_init__(self):
        for name, rate in [('rate', self.rate), *self.region_rates.items()]:
            if not 0 <= rate < 1:
                raise ValueError(f'the mask rate {name}={rate} must be in [0, 1)')
        for name in self.region_rates:
            if name not in genome.REGION_NAMES:
                raise ValueError(f'region {name!r} is not one of {", ".join(genome.REGION_NAMES)}')
        if self.span < 1:
            raise ValueError(f'{self.span=} must be at least 1 base')
        if self.random < 0 or self.keep < 0 or self.random + self.keep > 1:
            raise ValueError(
                f'{self.random=} and {self.keep=} must be shares whose sum is at most 1'
            )

    def __hash__(self):
        return hash(
            (self.rate, self.span, tuple(self.region_rates.items()), self.random, self.keep)
        )


def all_masked(config: MaskConfig) -> MaskConfig:
    """The same config with every hidden span replaced by [MASK], for evaluation."""
    return dataclasses.replace(config, random=0.0, keep=0.0)


def rates(config: MaskConfig, regions_BL: Int[Array, 'B L']) -> Float[Array, 'B L']:
    """The share to hide at each position: the lowest rate of its regions, or the general rate."""
    rate_BL = jnp.full(regions_BL.shape, config.rate, jnp.float32)
    region_rate_BL = jnp.full(regions_BL.shape, jnp.inf, jnp.float32)
    for name, rate in config.region_rates.items():
        bit = genome.REGIONS[genome.REGION_NAMES.index(name)]
        inside_BL = (regions_BL & int(bit)) != 0
        region_rate_BL = jnp.where(inside_BL, jnp.minimum(region_rate_BL, rate), region_rate_BL)
    return jnp.where(jnp.isfinite(region_rate_BL), region_rate_BL, rate_BL)


def draw(
    key: Array,
    rate_BL: Float[Array, 'B L'],
    allowed_BL: Bool[Array, 'B L'],
    config: MaskConfig,
) -> Int[Array, 'B L']:
    """The `MaskAction` of every position: a base, or a token where tokens do not overlap.

    A span starts at a position with probability 1 - (1 - rate)^(1/span). A position is then hidden
    with probability `rate`, if the rate is the same for a span's length before it. A span that
    starts inside another ends it. Positions that are not allowed stay visible.
    """
    start_key, action_key = jax.random.split(key)
    chance_BL = 1 - (1 - rate_BL) ** (1 / config.span)
    starts_BL = jax.random.uniform(start_key, rate_BL.shape) < chance_BL
    position_L = jnp.arange(rate_BL.shape[1])
    last_start_BL = jax.lax.cummax(jnp.where(starts_BL, position_L[None], -config.span), axis=1)
    hidden_BL = (position_L[None] - last_start_BL < config.span) & allowed_BL

    u_BL = jax.random.uniform(action_key, rate_BL.shape)
    action_BL = jnp.where(
        u_BL < config.random,
        int(MaskAction.RANDOM),
        jnp.where(u_BL < config.random + config.keep, int(MaskAction.KEEP), int(MaskAction.MASK)),
    )
    span_action_BL = jnp.take_along_axis(action_BL, jnp.maximum(last_start_BL, 0), axis=1)
    return jnp.where(hidden_BL, span_action_BL, int(MaskAction.VISIBLE))


def allowed(bases_BL: Int[Array, 'B L'], k: int) -> Bool[Array, 'B L']:
    """Bases that may be hidden: those that no k-mer with an unknown base covers.

    Padding is unknown bases, so the last k-1 bases before it are not hidden either.
    """
    unknown_BL = bases_BL > 3
    refused_BL = unknown_BL
    for shift in range(1, k):
        refused_BL |= jnp.pad(unknown_BL, ((0, 0), (shift, 0)))[:, :-shift]
        refused_BL |= jnp.pad(unknown_BL, ((0, 0), (0, shift)))[:, shift:]
    return ~refused_BL
