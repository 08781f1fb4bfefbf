"""Dynamic masks: what is hidden, and what stands in its place.

For tokens that overlap, a mask is drawn over *bases*, then laid over tokens (`span_masks`); for tokens side by side it
is drawn over tokens (`token_masks`). What is drawn over is called a place here. What happens to a span of places (mask,
random, keep; 80/10/10 in BERT) is drawn once for the whole span: were it drawn per overlapping token, a kept k-mer would
give away the bases that its masked neighbours hide.

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
    """What happened to a base or a token."""

    VISIBLE = 0
    MASK = 1  # every token that covers it is [MASK]
    RANDOM = 2  # replaced at random: a base and the tokens made from it, or a token
    KEEP = 3  # left as it is, but still a target


class MaskedBatch(NamedTuple):
    """A batch under masks."""

    tokens_BT: Array  # what the model sees
    visible_BL: Array  # the bases it may know: unknown where masked
    action_BL: Array  # the `MaskAction` of every base
    target_BT: Array  # which tokens are to be predicted; of the core of a row, where that is less than the row


@dataclasses.dataclass(frozen=True)
class MaskConfig:
    """How much is hidden, where, and how.

    `rate` is the share of bases hidden, or of tokens where they do not overlap (0.15 in BERT). With overlapping k-mers
    about `1 - (1 - rate)^k` of the tokens are then masked (single-base spans), so DNABERT's 15 % of tokens at k = 6 is a
    rate near 0.025. `region_rates` gives other rates to bases of a region (`{'exon': 0.01}`); where regions nest, the
    lowest rate counts.
    """

    rate: float = 0.025
    span: int = 1  # hidden bases in a row; tokens in a row where they do not overlap
    region_rates: dict[str, float] = dataclasses.field(default_factory=dict)
    random: float = 0.1  # share of spans replaced at random
    keep: float = 0.1  # share of spans left as they are

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
                f'{self.random=} and {self.keep=} must be shares that leave room for [MASK]'
            )

    def __hash__(self):
        return hash(
            (self.rate, self.span, tuple(self.region_rates.items()), self.random, self.keep)
        )


def all_masked(config: MaskConfig) -> MaskConfig:
    """The same spans, all of them [MASK]: the masks that evaluation uses."""
    return dataclasses.replace(config, random=0.0, keep=0.0)


def rates(config: MaskConfig, regions_BL: Int[Array, 'B L']) -> Float[Array, 'B L']:
    """The share of bases to hide at each base."""
    rate_BL = jnp.full(regions_BL.shape, config.rate, jnp.float32)
    special_BL = jnp.full(regions_BL.shape, jnp.inf, jnp.float32)
    for name, rate in config.region_rates.items():
        bit = genome.REGIONS[genome.REGION_NAMES.index(name)]
        inside_BL = (regions_BL & int(bit)) != 0
        special_BL = jnp.where(inside_BL, jnp.minimum(special_BL, rate), special_BL)
    return jnp.where(jnp.isfinite(special_BL), special_BL, rate_BL)


def draw(
    key: Array,
    rate_BL: Float[Array, 'B L'],
    allowed_BL: Bool[Array, 'B L'],
    config: MaskConfig,
) -> Int[Array, 'B L']:
    """The `MaskAction` of every place: base, or token where tokens do not overlap.

    A span starts at a place with probability 1 - (1 - rate)^(1/span), so that a place far from a change of rate is hidden
    with probability `rate`. A span that starts inside another ends it. Places that are not allowed stay visible.
    """
    start_key, fate_key = jax.random.split(key)
    chance_BL = 1 - (1 - rate_BL) ** (1 / config.span)
    starts_BL = jax.random.uniform(start_key, rate_BL.shape) < chance_BL
    place_L = jnp.arange(rate_BL.shape[1])
    last_start_BL = jax.lax.cummax(jnp.where(starts_BL, place_L[None], -config.span), axis=1)
    hidden_BL = (place_L[None] - last_start_BL < config.span) & allowed_BL

    u_BL = jax.random.uniform(fate_key, rate_BL.shape)
    action_BL = jnp.where(
        u_BL < config.random,
        int(MaskAction.RANDOM),
        jnp.where(u_BL < config.random + config.keep, int(MaskAction.KEEP), int(MaskAction.MASK)),
    )
    of_span_BL = jnp.take_along_axis(action_BL, jnp.maximum(last_start_BL, 0), axis=1)
    return jnp.where(hidden_BL, of_span_BL, int(MaskAction.VISIBLE))


def over_tokens(x_BL: Array, k: int) -> list[Array]:
    """For each offset o < k, the value at the o-th base of every overlapping k-mer: k arrays [B, L-k+1]."""
    count = x_BL.shape[1] - k + 1
    return [x_BL[:, offset : offset + count] for offset in range(k)]


def allowed(bases_BL: Int[Array, 'B L'], k: int) -> Bool[Array, 'B L']:
    """Bases that may be hidden: known, and all the k-mers that cover them known.

    Padding is unknown bases, so the last k-1 bases in front of it are not hidden either.
    """
    unknown_BL = bases_BL > 3
    near_BL = unknown_BL
    for shift in range(1, k):
        near_BL |= jnp.pad(unknown_BL, ((0, 0), (shift, 0)))[:, :-shift]
        near_BL |= jnp.pad(unknown_BL, ((0, 0), (0, shift)))[:, shift:]
    return ~near_BL
