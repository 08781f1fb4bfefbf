"""One token is one mask, for tokens side by side: `ATCG[GCT]AG` becomes `ATCG[MASK]AG`.

The rate is that of the token's middle base; mask, random and keep are drawn once a token. A token is never hidden if it
holds a base that is not known. A random token is drawn among those that spell as many bases, so that all other tokens
keep their places.

Bits per base: -log2 p of a hidden token, among all tokens that spell known bases, is the length of a code for its bases;
it is spread evenly over them. With BPE that code pays for how many bases the token covers, too. What is not charged:
where the visible tokens end, which is given for nothing and with BPE hints at the hidden bases beside them (a merge that
was not made). Published BPE models are scored the same way.
"""

import jax
import jax.numpy as jnp
import numpy as np

from genojax import dna
from genojax.tasks.masked_lm import masking
from genojax.tokenizers import pieces
from genojax.typing import Array, Batch, Bool, Float, Int


class TokenMasks:
    """Masks for non-overlapping k-mers and BPE; a batch also holds `spans` [B, T, 2]."""

    def __init__(self, tokenizer: pieces.PieceTokenizer):
        self.tokenizer = tokenizer
        self._spells_V, self._silent = tokenizer.maskable, np.flatnonzero(~tokenizer.maskable)
        # Ids that spell known bases, sorted by how many: those of n bases are count[n] from first[n] on.
        spelled = np.flatnonzero(tokenizer.maskable)
        size = tokenizer.lengths[spelled]
        self._by_size = spelled[np.argsort(size, kind='stable')].astype(np.int32)
        self._count = np.bincount(size).astype(np.int32)
        self._first = (np.cumsum(self._count) - self._count).astype(np.int32)

    def core(self, x_BT: Array) -> Array:
        """All tokens: special ones are never targets."""
        return x_BT

    def hide(self, key: Array, batch: Batch, config: masking.MaskConfig) -> masking.MaskedBatch:
        """A batch under masks. `visible_BL` is unknown where a token is masked or replaced."""
        special = self.tokenizer.special
        draw_key, random_key = jax.random.split(key)
        tokens_BT = batch['tokens']
        allowed_BT = jnp.asarray(self._spells_V)[tokens_BT]
        rate_BT = masking.rates(config, self.regions(batch))
        fate_BT = masking.draw(draw_key, rate_BT, allowed_BT, config)

        random_BT = self._random_like(random_key, tokens_BT)
        seen_BT = jnp.where(fate_BT == masking.MaskAction.RANDOM, random_BT, tokens_BT)
        seen_BT = jnp.where(fate_BT == masking.MaskAction.MASK, special.mask, seen_BT)
        action_BL = to_bases(fate_BT, batch['spans'], batch['bases'].shape[1])
        gone_BL = (action_BL == masking.MaskAction.MASK) | (action_BL == masking.MaskAction.RANDOM)
        visible_BL = jnp.where(gone_BL, dna.UNKNOWN, batch['bases'].astype(jnp.int32))
        return masking.MaskedBatch(
            seen_BT, visible_BL, action_BL, fate_BT != masking.MaskAction.VISIBLE
        )

    def _random_like(self, key: Array, tokens_BT: Int[Array, 'B T']) -> Int[Array, 'B T']:
        """For each token a random one that spells as many bases (no meaning where a token spells none)."""
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
        self, logits_BTV: Float[Array, 'B T V'], batch: Batch, hidden: masking.MaskedBatch
    ) -> Float[Array, 'B L']:
        """Code length of every base, meaningful where it is hidden."""
        logits_BTV = logits_BTV[..., : len(self._spells_V)]  # a model's word table may be padded
        # Written over a few columns, not chosen from by a mask of all: XLA then keeps no second copy of the logits, which
        # are 2.7 GiB for a megabase in 6-mers.
        logits_BTV = logits_BTV.at[..., self._silent].set(-jnp.inf)
        true_BT = jnp.take_along_axis(logits_BTV, batch['tokens'][..., None], axis=-1)[..., 0]
        bits_BT = (jax.nn.logsumexp(logits_BTV, axis=-1) - true_BT) / jnp.log(2.0)
        size_BT = batch['spans'][..., 1] - batch['spans'][..., 0]
        share_BT = jnp.where(hidden.target_BT, bits_BT / jnp.maximum(size_BT, 1), 0.0)
        return to_bases(share_BT, batch['spans'], batch['bases'].shape[1])


def to_bases(x_BT: Array, spans_BT2: Int[Array, 'B T 2'], length: int) -> Array:
    """The value of the token that each base lies in, [B, L]; 0 for a base in none."""
    start_BT, end_BT = spans_BT2[..., 0], spans_BT2[..., 1]
    number_BT = jnp.broadcast_to(jnp.arange(start_BT.shape[1]), start_BT.shape)
    row_B1 = jnp.arange(start_BT.shape[0])[:, None]
    # Each token writes its number at its first base; special tokens write outside, where nothing is kept.
    place_BT = jnp.where(start_BT >= 0, start_BT, length)
    none_BL = jnp.full((start_BT.shape[0], length), -1)
    at_BL = none_BL.at[row_B1, place_BT].set(number_BT, mode='drop')
    at_BL = jax.lax.cummax(at_BL, axis=1)
    inside_BL: Bool[Array, 'B L'] = at_BL >= 0
    at_BL = jnp.maximum(at_BL, 0)
    inside_BL &= jnp.arange(length)[None] < jnp.take_along_axis(end_BT, at_BL, axis=1)
    return jnp.where(inside_BL, jnp.take_along_axis(x_BT, at_BL, axis=1), 0)
