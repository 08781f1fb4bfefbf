"""What every model gives back."""

from typing import NamedTuple

from genojax.typing import Array, Float


class Features(NamedTuple):
    """Outputs of a model; those that nobody uses cost nothing under `jit`.

    Attributes:
        hidden_BTD: one vector a token (a bin, for models that pool), after the last block.
        pooled_BD: their mean over real tokens.
        first_BD: the first token's vector ([CLS], where the tokenizer puts one).
        logits_BTV: scores of the published language-model head; None for models without one.
        tracks: organism -> predicted coverage of each track, non-negative float32 (after softplus), in bins of the
            model's width, the cropped flanks left out; None for models that predict none.
    """

    hidden_BTD: Float[Array, 'B T D']
    pooled_BD: Float[Array, 'B D']
    first_BD: Float[Array, 'B D']
    logits_BTV: Float[Array, 'B T V'] | None
    tracks: dict[str, Float[Array, 'B bins _']] | None = None
