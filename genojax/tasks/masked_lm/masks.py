"""Which masks a tokenizer needs."""

from genojax.tasks.masked_lm import span_masks, token_masks
from genojax.tokenizers.base import Tokenizer


def build(tokenizer: Tokenizer) -> span_masks.SpanMasks | token_masks.TokenMasks:
    """Masks over bases for overlapping tokens, over tokens for all others."""
    kind = span_masks.SpanMasks if tokenizer.overlapping else token_masks.TokenMasks
    return kind(tokenizer)
