"""Bits per base from token logits, for every tokenizer: what a masked language model says of bases.

With overlapping k-mers a hidden base is covered by k masked tokens. Each of them gives a
distribution over the four bases, by summing its probabilities of the k-mers that agree with the
visible bases; -log2 of the mean of these distributions at the true base is the base's code length.
Given what is visible the hidden bases are coded independently, so the sum is the length of a real
code and a fair upper bound. With tokens that do not overlap, a token's bits are divided equally
over its bases.
"""

import jax
import jax.numpy as jnp
import numpy as np

from genojax import dna
from genojax.tokenizers import kmer, pieces
from genojax.typing import Array, Bool, Float, Int


def over_tokens(x_BL: Array, k: int) -> list[Array]:
    """For each offset o < k, the value at the o-th base of every k-mer: k arrays [B, L-k+1]."""
    count = x_BL.shape[1] - k + 1
    return [x_BL[:, offset : offset + count] for offset in range(k)]


def base_digits(tokenizer: kmer.KmerTokenizer) -> np.ndarray:
    """Base code -> the base's digit in a k-mer's id, int32 [4]."""
    return np.array([tokenizer.base_order.index(letter) for letter in dna.ALPHABET], np.int32)


def kmer_bits(
    kmer_logits_BTV: Float[Array, 'B T V'],
    digit_BL: Int[Array, 'B L'],
    hidden_BL: Bool[Array, 'B L'],
    k: int,
    counts_BT: Bool[Array, 'B T'] | None = None,
) -> Float[Array, 'B L']:
    """-log2 p of each base under the mean of the k-mer tokens that cover it; defined where hidden.

    Args:
        kmer_logits_BTV: scores of the 4^k k-mers, T = L - k + 1.
        digit_BL: the true bases, numbered in the tokenizer's order.
        hidden_BL: bases that were hidden from the model.
        counts_BT: tokens that count, such as those without N and padding; all by default.
    """
    batch, count, _ = kmer_logits_BTV.shape
    p = jax.nn.softmax(kmer_logits_BTV, axis=-1).reshape((batch, count) + (4,) * k)
    truth_BL4 = jax.nn.one_hot(digit_BL, 4)
    # Bases that agree with what is visible: all four where hidden, the true one where visible.
    consistent_BL4 = jnp.where(hidden_BL[..., None], 1.0, truth_BL4)
    consistent = over_tokens(consistent_BL4, k)
    weight_BT = jnp.ones((batch, count)) if counts_BT is None else counts_BT.astype(jnp.float32)
    total_BL = jnp.zeros(digit_BL.shape)
    covers_BL = jnp.zeros(digit_BL.shape)
    letters = 'cdefghij'[:k]
    for offset in range(k):
        others = [o for o in range(k) if o != offset]
        spec = ','.join([f'ab{letters}', *(f'ab{letters[o]}' for o in others)])
        joint_BT4 = jnp.einsum(f'{spec}->ab{letters[offset]}', p, *(consistent[o] for o in others))
        truth_BT4 = truth_BL4[:, offset : offset + count]
        p_true_BT = (joint_BT4 * truth_BT4).sum(-1) / jnp.maximum(joint_BT4.sum(-1), 1e-30)
        total_BL = total_BL.at[:, offset : offset + count].add(p_true_BT * weight_BT)
        covers_BL = covers_BL.at[:, offset : offset + count].add(weight_BT)
    return -jnp.log2(jnp.maximum(total_BL / jnp.maximum(covers_BL, 1), 1e-30))


def piece_bits(
    logits_BTV: Float[Array, 'B T V'],
    tokens_BT: Int[Array, 'B T'],
    spans_BT2: Int[Array, 'B T 2'],
    target_BT: Bool[Array, 'B T'],
    tokenizer: pieces.PieceTokenizer,
    length: int,
) -> Float[Array, 'B L']:
    """-log2 p of each target token, divided equally over its bases; 0 for bases of no target.

    Probabilities are over the tokens that spell known bases.

    Args:
        tokens_BT: the true tokens.
        length: bases per row.
    """
    maskable_V = tokenizer.maskable
    logits_BTV = logits_BTV[..., : len(maskable_V)]  # embeddings may be padded
    # Setting a few columns instead of a `where` over all: XLA then makes no second copy of the
    # logits, which are 2.7 GiB for a megabase in 6-mers.
    logits_BTV = logits_BTV.at[..., np.flatnonzero(~maskable_V)].set(-jnp.inf)
    true_BT = jnp.take_along_axis(logits_BTV, tokens_BT[..., None], axis=-1)[..., 0]
    bits_BT = (jax.nn.logsumexp(logits_BTV, axis=-1) - true_BT) / jnp.log(2.0)
    size_BT = spans_BT2[..., 1] - spans_BT2[..., 0]
    share_BT = jnp.where(target_BT, bits_BT / jnp.maximum(size_BT, 1), 0.0)
    return to_bases(share_BT, spans_BT2, length)


def to_bases(x_BT: Array, spans_BT2: Int[Array, 'B T 2'], length: int) -> Array:
    """The value of the token that each base lies in, [B, L]; 0 for a base in none."""
    start_BT, end_BT = spans_BT2[..., 0], spans_BT2[..., 1]
    token_BT = jnp.broadcast_to(jnp.arange(start_BT.shape[1]), start_BT.shape)
    row_B1 = jnp.arange(start_BT.shape[0])[:, None]
    # Each token writes its number at its first base; special tokens write outside the row.
    first_base_BT = jnp.where(start_BT >= 0, start_BT, length)
    none_BL = jnp.full((start_BT.shape[0], length), -1)
    index_BL = none_BL.at[row_B1, first_base_BT].set(token_BT, mode='drop')
    index_BL = jax.lax.cummax(index_BL, axis=1)
    inside_BL: Bool[Array, 'B L'] = index_BL >= 0
    index_BL = jnp.maximum(index_BL, 0)
    inside_BL &= jnp.arange(length)[None] < jnp.take_along_axis(end_BT, index_BL, axis=1)
    return jnp.where(inside_BL, jnp.take_along_axis(x_BT, index_BL, axis=1), 0)
