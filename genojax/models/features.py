"""The output of every model."""

from typing import NamedTuple

from genojax.typing import Array, Float


class Features(NamedTuple):
    """Outputs of a model; unused ones cost nothing under `jit`.

    Attributes:
        hidden_BTD: one vector per token (per bin, for models that pool), after the last block.
        pooled_BD: their mean over real tokens.
        first_BD: the first token's vector ([CLS], where the tokenizer adds it).
        logits_BTV: output of the published language-model head; None for models without one.
        tracks: organism -> predicted coverage per track, non-negative float32 (after softplus), in
            the model's bins without the crop; None for models that predict none.
    """

    hidden_BTD: Float[Array, 'B T D']
    pooled_BD: Float[Array, 'B D']
    first_BD: Float[Array, 'B D']
    logits_BTV: Float[Array, 'B T V'] | None
    tracks: dict[str, Float[Array, 'B bins _']] | None = None
