"""The methods of every model config: all that other packages need to know of a model."""

import abc
from typing import Any, ClassVar

from flax import linen as nn

from genojax import plugins
from genojax.models import diagram, input_spec
from genojax.nn import ngram_config


class ModelConfigBase(plugins.OpenBase, abc.ABC):
    """Base class of the model configs, frozen dataclasses with a `kind`; it adds no fields.

    Every model returns `features.Features`. The methods say how a model reads (`input_spec`), which
    of those arrays it fills (`outputs`) and what it predicts (`has_lm_head`, `track_heads`).
    """

    group: ClassVar[str] = 'genojax.models'
    kind: str
    vocab: int

    @abc.abstractmethod
    def build(self) -> nn.Module:
        """The module, called as `module(tokens_BT, train=False)`; see `models.recurrent`."""

    @abc.abstractmethod
    def input_spec(self) -> input_spec.InputSpec:
        """How the model reads its input."""

    @abc.abstractmethod
    def diagram(self) -> list[diagram.DiagramBlock]:
        """The parts of the network in the order that data pass through them, from input to head."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs a caller can ask for.

        'pooled' [B, D], 'first' [B, D], 'hidden' [B, T, D], 'logits' [B, T, V], 'tracks' {organism:
        [B, bins, tracks]}.
        """
        logits = ('logits',) if self.has_lm_head else ()
        return 'pooled', 'first', 'hidden', *logits

    @property
    def has_lm_head(self) -> bool:
        """Whether the logits are scores of masked tokens."""
        return False

    @property
    def track_heads(self) -> dict[str, int]:
        """Organism -> number of tracks predicted; empty for models that predict none."""
        return {}

    @property
    def accessibility_inputs(self) -> int:
        """Number of accessibility tracks that the model reads beside DNA."""
        return 0

    @property
    def reads_contacts(self) -> bool:
        """Whether contacts between bins (`contacts_BPP`) are an input beside DNA."""
        return False

    @property
    def has_batch_statistics(self) -> bool:
        """Whether training reads means over the rows of a batch (batch norm)."""
        return False

    @property
    def counted_contexts(self) -> ngram_config.NgramConfig | None:
        """The contexts whose counts in the training data the model reads (its collection 'ngrams').

        Such a model takes the keyword arguments `species_B` and `own_tokens_BT`; an output is not a
        function of the first layer alone, so that attributions by gradients do not add up.
        """
        return None

    @property
    def attention_maps(self) -> tuple[int, int]:
        """Layers and heads whose attention weights the model can return; (0, 0): none."""
        return 0, 0

    def parameter_meaning(self) -> dict[str, Any]:
        """Settings that change what given parameters compute without changing any parameter's
        shape.

        Parameters trained under one set of values must not be used under another.
        """
        return {'kind': self.kind}
