"""Which masks a tokenizer needs, the loss of tokens, and its parts over masked ones."""

import jax
import jax.numpy as jnp

from genojax import genome, metrics
from genojax.tasks.masked_lm import span_masks, token_masks
from genojax.tokenizers.base import Tokenizer
from genojax.typing import Array, Float, Int

# Regions of the loss's parts, in the order of `loss_parts`.
LOSS_REGIONS = (*genome.REGION_NAMES, 'none')


def build(tokenizer: Tokenizer) -> span_masks.SpanMasks | token_masks.TokenMasks:
    """Masks over bases for overlapping tokens, over tokens for all others."""
    kind = span_masks.SpanMasks if tokenizer.overlapping else token_masks.TokenMasks
    return kind(tokenizer)


def loss_parts(
    nats_BT: Float[Array, 'B T'],
    weight_BT: Float[Array, 'B T'],
    species_B: Int[Array, 'B'],
    region_BT: Int[Array, 'B T'],
    species: int,
) -> dict[str, metrics.MetricState]:
    """The loss by species, and by region of each token's middle base (`LOSS_REGIONS`).

    Args:
        region_BT: `genome.REGIONS` as bits.
        species: number of them.
    """
    member_BS = jax.nn.one_hot(species_B, species)
    bits = jnp.array([int(region) for region in genome.REGIONS])
    inside_BTR = (region_BT[..., None] & bits[None, None]) != 0
    none_BT1 = ~inside_BTR.any(-1, keepdims=True)
    inside_BTR = jnp.concatenate([inside_BTR, none_BT1], -1).astype(jnp.float32)
    loss_BT = nats_BT * weight_BT
    return {
        'loss/species': metrics.MetricState(
            jnp.einsum('BT,BS->S', loss_BT, member_BS), jnp.einsum('BT,BS->S', weight_BT, member_BS)
        ),
        'loss/region': metrics.MetricState(
            jnp.einsum('BT,BTR->R', loss_BT, inside_BTR),
            jnp.einsum('BT,BTR->R', weight_BT, inside_BTR),
        ),
    }


def cross_entropy(
    logits_BTV: Float[Array, 'B T V'], truth_BT: Int[Array, 'B T']
) -> tuple[Float[Array, 'B T'], Float[Array, 'B T']]:
    """Cross-entropy in nats, and 1.0 where the first of the greatest logits is the true token's.

    Sums over the vocabulary only: the gradient of a gather is a scatter into an array of V per
    token, and neither it nor argmax is vectorised on a CPU.
    """
    id_11V, truth_BT1 = jnp.arange(logits_BTV.shape[-1])[None, None], truth_BT[..., None]
    true_BT = jnp.where(id_11V == truth_BT1, logits_BTV, 0).sum(-1)
    greater_BTV = logits_BTV > true_BT[..., None]
    equal_BTV = (logits_BTV == true_BT[..., None]) & (id_11V < truth_BT1)
    nats_BT = jax.nn.logsumexp(logits_BTV, axis=-1) - true_BT
    return nats_BT, 1.0 - (greater_BTV | equal_BTV).any(-1).astype(jnp.float32)
