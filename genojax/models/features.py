"""What every model gives back."""

from typing import NamedTuple

from genojax.typing import Array, Float


class Features(NamedTuple):
    """Outputs of a model; those that nobody uses cost nothing under `jit`.

    Attributes:
        hidden_BTD: one vector a token, after the last block.
        pooled_BD: their mean over real tokens.
        first_BD: the first token's vector ([CLS], where the tokenizer puts one).
        logits_BTV: scores of the published language-model head; None for models without one.
    """

    hidden_BTD: Float[Array, 'B T D']
    pooled_BD: Float[Array, 'B D']
    first_BD: Float[Array, 'B D']
    logits_BTV: Float[Array, 'B T V'] | None
