"""One-hot DNA for models that read single bases: four channels in the order A, C, G, T."""

import jax.numpy as jnp
from flax import linen as nn

from genojax import dna
from genojax.tokenizers import nucleotide
from genojax.typing import Array, Float, Int

_TOKENIZER = nucleotide.NucleotideTokenizer()
FIRST = _TOKENIZER.first_kmer  # the id of A; C, G and T follow
VOCAB = _TOKENIZER.vocab_size


def one_hot(
    bases: Int[Array, '...'] | Float[Array, '...'], dtype: str = 'float32'
) -> Float[Array, 'B L 4']:
    """Channels of `NucleotideTokenizer`'s ids; N and special tokens are all zeros.

    Channels are returned unchanged: so a model also takes a sequence of base probabilities, and has
    a gradient with respect to its sequence.

    Raises:
        ValueError: an array that is neither ids [B, L] nor channels [B, L, 4].
    """
    bases = jnp.asarray(bases)
    if bases.ndim == 3 and bases.shape[-1] == 4:
        return bases.astype(dtype)
    if bases.ndim != 2 or not jnp.issubdtype(bases.dtype, jnp.integer):
        raise ValueError(
            f'bases are ids [B, L] or channels [B, L, 4], not {bases.dtype} {list(bases.shape)}'
        )
    return (bases[:, :, None] == FIRST + jnp.arange(4)[None, None]).astype(dtype)


def codes(tokens_BL: Int[Array, 'B L']) -> Int[Array, 'B L']:
    """Base codes of `NucleotideTokenizer`'s ids; 4 for N and special tokens."""
    code_BL = tokens_BL - FIRST
    return jnp.where((code_BL >= 0) & (code_BL < dna.UNKNOWN), code_BL, dna.UNKNOWN)


class OneHot(nn.Module):
    """`one_hot` as a layer, so that its output can be intercepted (`genojax.interpret`)."""

    dtype: str = 'float32'

    @nn.compact
    def __call__(self, bases: Int[Array, '...'] | Float[Array, '...']) -> Float[Array, 'B L 4']:
        return one_hot(bases, self.dtype)
