"""Masks over bases, for tokens that overlap: a token is hidden if one of its bases is.

With overlapping k-mers a run of s hidden tokens hides s - k + 1 bases, which no visible token
contains.

Bits per base: each of the k tokens that cover a hidden base gives a distribution over the four
bases, the sum of its probabilities of the k-mers that agree with the visible bases. The code length
of the base is -log2 of the mean of these k distributions at the true base. Given the visible bases
the hidden ones are coded independently, so the sum is the length of a real code, and an upper bound
of the entropy.
"""

import jax
import jax.numpy as jnp
import numpy as np

from genojax import dna
from genojax.tasks.masked_lm import masking
from genojax.tokenizers import kmer
from genojax.typing import Array, Batch, Float, Int


class SpanMasks:
    """Masks for overlapping k-mers and single nucleotides; rows have [CLS] and [SEP]."""

    def __init__(self, tokenizer: kmer.KmerTokenizer):
        self.tokenizer = tokenizer
        self._digits = np.array(
            [tokenizer.base_order.index(letter) for letter in dna.ALPHABET], np.int32
        )

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
        masked_BT = _any(masking.over_tokens(action_BL == masking.MaskAction.MASK, k))
        noisy_BT = _any(masking.over_tokens(action_BL == masking.MaskAction.RANDOM, k))
        target_BT = _any(masking.over_tokens(action_BL != masking.MaskAction.VISIBLE, k))

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
        for digit_BT in masking.over_tokens(digit_BL, self.tokenizer.k):
            ids = ids * 4 + digit_BT
        return ids + self.tokenizer.first_kmer

    def regions(self, batch: Batch) -> Int[Array, 'B T']:
        """The region bits of each token's middle base."""
        middle = (self.tokenizer.k - 1) // 2
        return masking.over_tokens(batch['regions'].astype(jnp.int32), self.tokenizer.k)[middle]

    def bits(
        self, logits_BTV: Float[Array, 'B T V'], batch: Batch, masked: masking.MaskedBatch
    ) -> Float[Array, 'B L']:
        """Code length of every base in bits; defined where it is hidden."""
        first = self.tokenizer.first_kmer
        kmers_BTV = self.core(logits_BTV)[..., first : first + 4**self.tokenizer.k]
        digit_BL = jnp.asarray(self._digits)[jnp.minimum(batch['bases'].astype(jnp.int32), 3)]
        hidden_BL = masked.action_BL != masking.MaskAction.VISIBLE
        return bits_per_base(kmers_BTV, digit_BL, hidden_BL, self.tokenizer.k)


def bits_per_base(
    kmer_logits_BTV: Float[Array, 'B T V'],
    digit_BL: Int[Array, 'B L'],
    hidden_BL: Array,
    k: int,
) -> Float[Array, 'B L']:
    """-log2 p of each base under the mean of the k tokens that cover it; defined where hidden.

    Args:
        kmer_logits_BTV: scores of the 4^k k-mers, T = L - k + 1.
        digit_BL: the true bases, numbered in the tokenizer's order.
        hidden_BL: bases that were hidden from the model, bool.
    """
    batch, count, _ = kmer_logits_BTV.shape
    p = jax.nn.softmax(kmer_logits_BTV, axis=-1).reshape((batch, count) + (4,) * k)
    truth_BL4 = jax.nn.one_hot(digit_BL, 4)
    # Bases that agree with what is visible: all four where hidden, the true one where visible.
    consistent_BL4 = jnp.where(hidden_BL[..., None], 1.0, truth_BL4)
    consistent = masking.over_tokens(consistent_BL4, k)
    total_BL = jnp.zeros(digit_BL.shape)
    covers_BL = jnp.zeros(digit_BL.shape)
    letters = 'cdefghij'[:k]
    for offset in range(k):
        others = [o for o in range(k) if o != offset]
        spec = ','.join([f'ab{letters}', *(f'ab{letters[o]}' for o in others)])
        joint_BT4 = jnp.einsum(f'{spec}->ab{letters[offset]}', p, *(consistent[o] for o in others))
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
