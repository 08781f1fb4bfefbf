"""Models: a frozen config each, and the flax module that `build` makes of it."""

from flax import linen as nn

from genojax.models import (
    basset,
    bert,
    enformer,
    enformer_accessibility,
    hierarchical,
    recurrent,
)

ModelConfig = (
    bert.BertConfig
    | basset.BassetConfig
    | enformer.EnformerConfig
    | enformer_accessibility.EnformerAccessibilityConfig
    | hierarchical.HierarchicalConfig
    | recurrent.RecurrentConfig
)


def build(config: ModelConfig) -> nn.Module:
    """The module of a config.

    Raises:
        TypeError: not the config of a model.
    """
    match config:
        case bert.BertConfig():
            return bert.Bert(config)
        case hierarchical.HierarchicalConfig():
            return hierarchical.Hierarchical(config)
        case enformer.EnformerConfig():
            return enformer.Enformer(config)
        case enformer_accessibility.EnformerAccessibilityConfig():
            return enformer_accessibility.EnformerAccessibility(config)
        case basset.BassetConfig():
            return basset.Basset(config)
        case recurrent.RecurrentConfig():
            return recurrent.Recurrent(config)
        case _:
            raise TypeError(f'{type(config).__name__} is not the config of a model')
