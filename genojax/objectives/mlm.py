"""Masked language modelling on overlapping k-mers, scored in bits per base so that tokenizers compare.

Loss: cross-entropy of the tokens that cover a hidden base. Bits per base: for a hidden base, each of the k tokens that
cover it gives a distribution over the four bases, by summing its probabilities of the k-mers that agree with the visible
bases; -log2 of the mean of these k distributions at the true base is the base's code length. Given what is visible the
hidden bases are coded independently, so the sum is the length of a real code and a fair upper bound.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genojax import dna, genome, metrics
from genojax.objectives import inputs, masking
from genojax.tokenizers import base
from genojax.typing import Array, Batch, Float, Int


@dataclasses.dataclass(frozen=True)
class MlmConfig:
    """Masked language modelling; see `masking.MaskConfig`."""

    kind: Literal['mlm'] = 'mlm'
    mask: masking.MaskConfig = masking.MaskConfig()


class Mlm:
    """The objective: `loss` for training, `score` for bits per base.

    A batch holds `tokens` [B, T] (with [CLS] and [SEP]), `bases` [B, L], `regions` [B, L], `species` [B] and, in
    evaluation, `weight` [B].
    """

    scores_bits = True  # held-out data are scored in bits a base

    def __init__(
        self,
        config: MlmConfig,
        model: nn.Module,
        tokenizer: base.Tokenizer,
        species: tuple[str, ...] = (),
    ):
        if tokenizer.stride != 1:
            raise ValueError('masks over bases need a tokenizer with one token a base')
        self.config, self.model, self.tokenizer = config, model, tokenizer
        self.names = {'loss/species': species, 'loss/region': (*genome.REGION_NAMES, 'none')}
        self._digits = np.array(
            [tokenizer.base_order.index(letter) for letter in dna.ALPHABET], np.int32
        )

    def init(self, key: Array, batch: Batch):
        """The model's variables, with boxed logical axis names."""
        bases_BL = jnp.asarray(batch['bases'])
        return self.model.init(
            key, jnp.asarray(batch['tokens']), **self._coordinate(bases_BL, batch)
        )

    def _coordinate(self, bases_BL, batch: Batch) -> dict[str, Array]:
        return inputs.coordinate(self.model.config, self.tokenizer, bases_BL, batch.get('valid'))

    def corrupt(self, key: Array, batch: Batch, config: masking.MaskConfig):
        """What a model sees and must not see, of a batch and its masks.

        Returns:
            The tokens it sees [B, T]; the bases it may know [B, L], unknown where masked; the fate of every base
            [B, L]; which tokens are targets [B, T-2].
        """
        k, special = self.tokenizer.k, self.tokenizer.special
        bases_BL = batch['bases'].astype(jnp.int32)
        draw_key, random_key = jax.random.split(key)
        rate_BL = masking.rates(config, batch['regions'].astype(jnp.int32))
        fate_BL = masking.draw(draw_key, rate_BL, masking.allowed(bases_BL, k), config)

        random_BL = jax.random.randint(random_key, bases_BL.shape, 0, 4)
        changed_BL = jnp.where(fate_BL == masking.Fate.RANDOM, random_BL, bases_BL)
        masked_BT = _any(masking.over_tokens(fate_BL == masking.Fate.MASK, k))
        noisy_BT = _any(masking.over_tokens(fate_BL == masking.Fate.RANDOM, k))
        target_BT = _any(masking.over_tokens(fate_BL != masking.Fate.VISIBLE, k))

        core_BT = batch['tokens'][:, 1:-1]
        core_BT = jnp.where(noisy_BT, self._kmer_ids(changed_BL), core_BT)
        core_BT = jnp.where(masked_BT, special.mask, core_BT)
        tokens_BT = batch['tokens'].at[:, 1:-1].set(core_BT)
        seen_BL = jnp.where(fate_BL == masking.Fate.MASK, dna.UNKNOWN, changed_BL)
        return tokens_BT, seen_BL, fate_BL, target_BT

    def _kmer_ids(self, bases_BL: Int[Array, 'B L']) -> Int[Array, 'B T']:
        """Token ids of known bases (an unknown one gives a meaningless id, which no caller uses)."""
        digit_BL = jnp.asarray(self._digits)[jnp.minimum(bases_BL, 3)]
        ids = 0
        for digit_BT in masking.over_tokens(digit_BL, self.tokenizer.k):
            ids = ids * 4 + digit_BT
        return ids + self.tokenizer.first_kmer

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean cross-entropy over target tokens, in nats, and its parts by species and region."""
        mask_key, dropout_key = jax.random.split(key)
        tokens_BT, seen_BL, _, target_BT = self.corrupt(mask_key, batch, self.config.mask)
        features = self.model.apply(
            {'params': params, **extra},
            tokens_BT,
            train=train,
            rngs={'dropout': dropout_key},
            **self._coordinate(seen_BL, batch),
        )
        logits_BTV = features.logits_BTV[:, 1:-1]
        truth_BT = batch['tokens'][:, 1:-1]
        log_p_BT = jnp.take_along_axis(logits_BTV, truth_BT[..., None], axis=-1)[..., 0]
        nats_BT = jax.nn.logsumexp(logits_BTV, axis=-1) - log_p_BT
        weight_BT = target_BT.astype(jnp.float32)
        if 'weight' in batch:
            weight_BT *= batch['weight'][:, None]
        right_BT = (logits_BTV.argmax(-1) == truth_BT).astype(jnp.float32)
        total, count = (nats_BT * weight_BT).sum(), weight_BT.sum()
        states = {
            'loss': metrics.MetricState(total, count),
            'accuracy': metrics.MetricState((right_BT * weight_BT).sum(), count),
            **self._by_group(nats_BT, weight_BT, batch),
        }
        return total / jnp.maximum(count, 1), (extra, states)

    def _by_group(self, nats_BT, weight_BT, batch) -> dict[str, metrics.MetricState]:
        member_BS = jax.nn.one_hot(batch['species'], len(self.names['loss/species']))
        # A token belongs to the regions of its middle base.
        middle = (self.tokenizer.k - 1) // 2
        region_BT = masking.over_tokens(batch['regions'].astype(jnp.int32), self.tokenizer.k)[
            middle
        ]
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
        """Code length in bits of every hidden base and which bases were hidden, both [B, L]; all spans are [MASK]."""
        config = masking.all_masked(self.config.mask)
        tokens_BT, seen_BL, fate_BL, _ = self.corrupt(key, batch, config)
        features = self.model.apply(
            {'params': params, **extra}, tokens_BT, train=False, **self._coordinate(seen_BL, batch)
        )
        first = self.tokenizer.first_kmer
        kmers_BTV = features.logits_BTV[:, 1:-1, first : first + 4**self.tokenizer.k]
        hidden_BL = fate_BL != masking.Fate.VISIBLE
        digit_BL = jnp.asarray(self._digits)[jnp.minimum(batch['bases'].astype(jnp.int32), 3)]
        bits_BL = bits_per_base(kmers_BTV, digit_BL, hidden_BL, self.tokenizer.k)
        return jnp.where(hidden_BL, bits_BL, 0.0), hidden_BL


def bits_per_base(
    kmer_logits_BTV: Float[Array, 'B T V'],
    digit_BL: Int[Array, 'B L'],
    hidden_BL: Array,
    k: int,
) -> Float[Array, 'B L']:
    """-log2 p of each base under the mean of the k tokens that cover it; meaningful where the base is hidden.

    Args:
        kmer_logits_BTV: scores of the 4^k k-mers, T = L - k + 1.
        digit_BL: the true bases, in the tokenizer's order.
        hidden_BL: bases that the model could not see; all the others are given.
    """
    batch, count, _ = kmer_logits_BTV.shape
    p = jax.nn.softmax(kmer_logits_BTV, axis=-1).reshape((batch, count) + (4,) * k)
    truth_BL4 = jax.nn.one_hot(digit_BL, 4)
    # What the k-mer's base may be: anything where hidden, the truth where visible.
    may_be_BL4 = jnp.where(hidden_BL[..., None], 1.0, truth_BL4)
    may_be = masking.over_tokens(may_be_BL4, k)
    total_BL = jnp.zeros(digit_BL.shape)
    covers_BL = jnp.zeros(digit_BL.shape)
    letters = 'cdefghij'[:k]
    for offset in range(k):
        others = [o for o in range(k) if o != offset]
        spec = ','.join([f'ab{letters}', *(f'ab{letters[o]}' for o in others)])
        joint_BT4 = jnp.einsum(f'{spec}->ab{letters[offset]}', p, *(may_be[o] for o in others))
        truth_BT4 = truth_BL4[:, offset : offset + count]
        p_true_BT = (joint_BT4 * truth_BT4).sum(-1) / jnp.maximum(joint_BT4.sum(-1), 1e-30)
        total_BL = total_BL.at[:, offset : offset + count].add(p_true_BT)
        covers_BL = covers_BL.at[:, offset : offset + count].add(1.0)
    return -jnp.log2(jnp.maximum(total_BL / jnp.maximum(covers_BL, 1), 1e-30))


def _any(arrays: list[Array]) -> Array:
    result = arrays[0]
    for array in arrays[1:]:
        result = result | array
    return result
