"""Masked language modelling with any tokenizer, scored in bits per base so that tokenizers compare.

Loss: cross-entropy of the hidden tokens. What is hidden, and what a hidden token costs in bits, depends on whether
tokens overlap: `span_masks` (DNABERT's k-mers, single nucleotides) and `token_masks` (k-mers side by side, BPE) are the
two parts that say it.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax import errors, genome, metrics
from genojax.models import coordinates, inputs
from genojax.tasks.masked_lm import masking, span_masks, token_masks
from genojax.tokenizers import base
from genojax.typing import Array, Batch, Float


@dataclasses.dataclass(frozen=True)
class MlmConfig:
    """Masked language modelling; see `masking.MaskConfig`."""

    kind: Literal['mlm'] = 'mlm'
    mask: masking.MaskConfig = masking.MaskConfig()


class Mlm:
    """The objective: `loss` for training, `score` for bits per base.

    A batch holds `tokens` [B, T] with special tokens, `bases` [B, L], `regions` [B, L], `species` [B], in evaluation
    `weight` [B], and from tokenizers that cut `spans` [B, T, 2] and `left_out` [B].

    Raises:
        UsageError: a coordinate that tells what is hidden: with BPE, how many bases a hidden token covers.
    """

    scores_bits = True  # held-out data are scored in bits a base
    chooses_by = 'bits_per_base'  # the held-out metric whose lowest value is best

    def __init__(
        self,
        config: MlmConfig,
        model: nn.Module,
        tokenizer: base.Tokenizer,
        species: tuple[str, ...] = (),
    ):
        self.config, self.model, self.tokenizer = config, model, tokenizer
        coordinate = model.config.input_spec().coordinate
        if not tokenizer.bases_per_token and coordinate != 'tokens':
            raise errors.UsageError(
                f'model.coordinate={coordinate!r} counts bases, and so tells how long a hidden BPE token '
                "is. Fix: model.coordinate='tokens', or a tokenizer of k-mers or nucleotides"
            )
        overlaps = tokenizer.overlapping
        self.masks = (span_masks.SpanMasks if overlaps else token_masks.TokenMasks)(tokenizer)
        self.names = {'loss/species': species, 'loss/region': (*genome.REGION_NAMES, 'none')}

    def init(self, key: Array, batch: Batch):
        """The model's variables, with boxed logical axis names."""
        bases_BL = jnp.asarray(batch['bases'])
        return self.model.init(
            key, jnp.asarray(batch['tokens']), **self._coordinate(bases_BL, batch)
        )

    def _coordinate(self, bases_BL, batch: Batch) -> dict[str, Array]:
        return coordinates.model_inputs(
            self.model.config, self.tokenizer, bases_BL, batch.get('valid'), batch.get('spans')
        )

    def corrupt(self, key: Array, batch: Batch, config: masking.MaskConfig) -> masking.Hidden:
        """What a model sees and must not see, of a batch and its masks."""
        return self.masks.hide(key, batch, config)

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean cross-entropy over target tokens, in nats, and its parts by species and region."""
        mask_key, dropout_key = jax.random.split(key)
        hidden = self.corrupt(mask_key, batch, self.config.mask)
        found = self.model.apply(
            {'params': params, **extra},
            hidden.tokens_BT,
            train=train,
            rngs={'dropout': dropout_key},
            mutable=list(extra) if train else False,
            **self._coordinate(hidden.seen_BL, batch),
        )
        features, extra = found if train else (found, extra)
        logits_BTV = self.masks.core(features.logits_BTV)
        truth_BT = self.masks.core(batch['tokens'])
        log_p_BT = jnp.take_along_axis(logits_BTV, truth_BT[..., None], axis=-1)[..., 0]
        nats_BT = jax.nn.logsumexp(logits_BTV, axis=-1) - log_p_BT
        weight_BT = hidden.target_BT.astype(jnp.float32)
        if 'weight' in batch:
            weight_BT *= batch['weight'][:, None]
        right_BT = (logits_BTV.argmax(-1) == truth_BT).astype(jnp.float32)
        total, count = (nats_BT * weight_BT).sum(), weight_BT.sum()
        states = {
            'loss': metrics.MetricState(total, count),
            'accuracy': metrics.MetricState((right_BT * weight_BT).sum(), count),
            **self._by_group(nats_BT, weight_BT, batch),
            **inputs.left_out(batch),
        }
        return total / jnp.maximum(count, 1), (extra, states)

    def _by_group(self, nats_BT, weight_BT, batch) -> dict[str, metrics.MetricState]:
        member_BS = jax.nn.one_hot(batch['species'], len(self.names['loss/species']))
        # A token belongs to the regions of its middle base.
        region_BT = self.masks.regions(batch)
        bits = jnp.array([int(region) for region in genome.REGIONS])
        inside_BTR = (region_BT[..., None] & bits[None, None]) != 0
        none_BT1 = ~inside_BTR.any(-1, keepdims=True)
        inside_BTR = jnp.concatenate([inside_BTR, none_BT1], -1).astype(jnp.float32)
        loss_BT = nats_BT * weight_BT
        return {
            'loss/species': metrics.MetricState(
                jnp.einsum('BT,BS->S', loss_BT, member_BS),
                jnp.einsum('BT,BS->S', weight_BT, member_BS),
            ),
            'loss/region': metrics.MetricState(
                jnp.einsum('BT,BTR->R', loss_BT, inside_BTR),
                jnp.einsum('BT,BTR->R', weight_BT, inside_BTR),
            ),
        }

    def score(self, params, extra, batch: Batch, key: Array) -> tuple[Float[Array, 'B L'], Array]:
        """Code length in bits of every hidden base and which bases were hidden, both [B, L]; all masks are [MASK]."""
        hidden = self.corrupt(key, batch, masking.all_masked(self.config.mask))
        features = self.model.apply(
            {'params': params, **extra},
            hidden.tokens_BT,
            train=False,
            **self._coordinate(hidden.seen_BL, batch),
        )
        hidden_BL = hidden.fate_BL != masking.Fate.VISIBLE
        bits_BL = self.masks.bits(features.logits_BTV, batch, hidden)
        return jnp.where(hidden_BL, bits_BL, 0.0), hidden_BL
