"""Masks over bases, for tokens that overlap: a token is hidden if one of its bases is.

With overlapping k-mers a run of s hidden tokens hides s - k + 1 bases, which no visible token
contains. `models.base_bits` gives the bits per base.
"""

import jax
import jax.numpy as jnp

from genojax import dna
from genojax.models import base_bits
from genojax.tasks.masked_lm import masking
from genojax.tokenizers import kmer
from genojax.typing import Array, Batch, Float, Int


class SpanMasks:
    """Masks for overlapping k-mers and single nucleotides; rows have [CLS] and [SEP]."""

    def __init__(self, tokenizer: kmer.KmerTokenizer):
        self.tokenizer = tokenizer
        self._digits = base_bits.base_digits(tokenizer)

    def core(self, x_BT: Array) -> Array:
        """Without the special tokens: [B, T-2, ...]."""
        return x_BT[:, 1:-1]

    def hide(self, key: Array, batch: Batch, config: masking.MaskConfig) -> masking.MaskedBatch:
        """A masked batch; targets are the tokens that cover a base which is not VISIBLE."""
        k, special = self.tokenizer.k, self.tokenizer.special
        bases_BL = batch['bases'].astype(jnp.int32)
        draw_key, random_key = jax.random.split(key)
        rate_BL = masking.rates(config, batch['regions'].astype(jnp.int32))
        action_BL = masking.draw(draw_key, rate_BL, masking.allowed(bases_BL, k), config)

        random_BL = jax.random.randint(random_key, bases_BL.shape, 0, 4)
        changed_BL = jnp.where(action_BL == masking.MaskAction.RANDOM, random_BL, bases_BL)
        masked_BT = _any(base_bits.over_tokens(action_BL == masking.MaskAction.MASK, k))
        noisy_BT = _any(base_bits.over_tokens(action_BL == masking.MaskAction.RANDOM, k))
        target_BT = _any(base_bits.over_tokens(action_BL != masking.MaskAction.VISIBLE, k))

        core_BT = self.core(batch['tokens'])
        core_BT = jnp.where(noisy_BT, self._kmer_ids(changed_BL), core_BT)
        core_BT = jnp.where(masked_BT, special.mask, core_BT)
        tokens_BT = batch['tokens'].at[:, 1:-1].set(core_BT)
        visible_BL = jnp.where(action_BL == masking.MaskAction.MASK, dna.UNKNOWN, changed_BL)
        return masking.MaskedBatch(tokens_BT, visible_BL, action_BL, target_BT)

    def _kmer_ids(self, bases_BL: Int[Array, 'B L']) -> Int[Array, 'B T']:
        """Token ids of known bases; the id of a k-mer with an unknown base has no meaning."""
        digit_BL = jnp.asarray(self._digits)[jnp.minimum(bases_BL, 3)]
        ids = 0
        for digit_BT in base_bits.over_tokens(digit_BL, self.tokenizer.k):
            ids = ids * 4 + digit_BT
        return ids + self.tokenizer.first_kmer

    def regions(self, batch: Batch) -> Int[Array, 'B T']:
        """The region bits of each token's middle base."""
        middle = (self.tokenizer.k - 1) // 2
        return base_bits.over_tokens(batch['regions'].astype(jnp.int32), self.tokenizer.k)[middle]

    def bits(
        self, logits_BTV: Float[Array, 'B T V'], batch: Batch, masked: masking.MaskedBatch
    ) -> Float[Array, 'B L']:
        """Code length of every base in bits; defined where it is hidden."""
        first = self.tokenizer.first_kmer
        kmers_BTV = self.core(logits_BTV)[..., first : first + 4**self.tokenizer.k]
        digit_BL = jnp.asarray(self._digits)[jnp.minimum(batch['bases'].astype(jnp.int32), 3)]
        hidden_BL = masked.action_BL != masking.MaskAction.VISIBLE
        return base_bits.kmer_bits(kmers_BTV, digit_BL, hidden_BL, self.tokenizer.k)


def _any(arrays: list[Array]) -> Array:
    result = arrays[0]
    for array in arrays[1:]:
        result = result | array
    return result
