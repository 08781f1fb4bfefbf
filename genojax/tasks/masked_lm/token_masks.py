"""Masks over tokens that do not overlap: `ATCG[GCT]AG` becomes `ATCG[MASK]AG`.

The rate is that of the token's middle base; mask, random and keep are drawn once per token. A token
with an unknown base is never hidden. A random token is drawn among those that spell the same number
of bases, so that all other tokens keep their positions.

Bits per base: -log2 p of a hidden token, among all tokens that spell known bases, is the length of
a code for its bases; it is divided evenly among them. With BPE that code includes how many bases
the token covers. Where the visible tokens end is not included. With BPE this is a hint at the
hidden bases beside them, since a possible merge was not made. Published BPE models are scored the
same way.
"""

import jax
import jax.numpy as jnp
import numpy as np

from genojax import dna
from genojax.models import base_bits
from genojax.tasks.masked_lm import masking
from genojax.tokenizers import pieces
from genojax.typing import Array, Batch, Float, Int


class TokenMasks:
    """Masks for non-overlapping k-mers and BPE; a batch also holds `spans` [B, T, 2]."""

    def __init__(self, tokenizer: pieces.PieceTokenizer):
        self.tokenizer = tokenizer
        self._maskable_V = tokenizer.maskable
        # Ids that spell known bases, sorted by their number of bases: those of n bases are
        # by_size[first[n] : first[n] + count[n]].
        spelled = np.flatnonzero(tokenizer.maskable)
        size = tokenizer.lengths[spelled]
        self._by_size = spelled[np.argsort(size, kind='stable')].astype(np.int32)
        self._count = np.bincount(size).astype(np.int32)
        self._first = (np.cumsum(self._count) - self._count).astype(np.int32)

    def core(self, x_BT: Array) -> Array:
        """All tokens; special ones are never targets."""
        return x_BT

    def hide(self, key: Array, batch: Batch, config: masking.MaskConfig) -> masking.MaskedBatch:
        """A masked batch; `visible_BL` is unknown where a token is masked or replaced."""
        special = self.tokenizer.special
        draw_key, random_key = jax.random.split(key)
        tokens_BT = batch['tokens']
        allowed_BT = jnp.asarray(self._maskable_V)[tokens_BT]
        rate_BT = masking.rates(config, self.regions(batch))
        action_BT = masking.draw(draw_key, rate_BT, allowed_BT, config)

        random_BT = self._random_like(random_key, tokens_BT)
        input_BT = jnp.where(action_BT == masking.MaskAction.RANDOM, random_BT, tokens_BT)
        input_BT = jnp.where(action_BT == masking.MaskAction.MASK, special.mask, input_BT)
        action_BL = base_bits.to_bases(action_BT, batch['spans'], batch['bases'].shape[1])
        masked_BL = action_BL == masking.MaskAction.MASK
        replaced_BL = action_BL == masking.MaskAction.RANDOM
        visible_BL = jnp.where(
            masked_BL | replaced_BL, dna.UNKNOWN, batch['bases'].astype(jnp.int32)
        )
        return masking.MaskedBatch(
            input_BT, visible_BL, action_BL, action_BT != masking.MaskAction.VISIBLE
        )

    def _random_like(self, key: Array, tokens_BT: Int[Array, 'B T']) -> Int[Array, 'B T']:
        """A random token with as many bases as each token; undefined where a token has none."""
        size_BT = jnp.asarray(self.tokenizer.lengths.astype(np.int32))[tokens_BT]
        size_BT = jnp.minimum(size_BT, len(self._count) - 1)
        count_BT = jnp.asarray(self._count)[size_BT]
        u_BT = jax.random.uniform(key, tokens_BT.shape)
        nth_BT = jnp.minimum((u_BT * count_BT).astype(jnp.int32), count_BT - 1)
        return jnp.asarray(self._by_size)[jnp.asarray(self._first)[size_BT] + nth_BT]

    def regions(self, batch: Batch) -> Int[Array, 'B T']:
        """The region bits of each token's middle base; none for special tokens."""
        start_BT, end_BT = batch['spans'][..., 0], batch['spans'][..., 1]
        middle_BT = jnp.maximum((start_BT + end_BT - 1) // 2, 0)
        region_BT = jnp.take_along_axis(batch['regions'].astype(jnp.int32), middle_BT, axis=1)
        return jnp.where(start_BT >= 0, region_BT, 0)

    def bits(
        self, logits_BTV: Float[Array, 'B T V'], batch: Batch, masked: masking.MaskedBatch
    ) -> Float[Array, 'B L']:
        """Code length of every base in bits; 0 where it is no target."""
        return base_bits.piece_bits(
            logits_BTV,
            batch['tokens'],
            batch['spans'],
            target_BT=masked.target_BT,
            tokenizer=self.tokenizer,
            length=batch['bases'].shape[1],
        )
