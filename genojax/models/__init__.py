"""Models: a frozen config each, and the flax module that `build` makes of it.

To add one, write its module and register its config here, or in another package through the entry
point group `genojax.models` (see `plugins`).
"""

from flax import linen as nn

from genojax.models import (
    base,
    basset,
    bert,
    dilated_cnn,
    enformer,
    enformer_accessibility,
    hierarchical,
    recurrent,
)

ModelConfig = base.ModelConfigBase  # any model's, in annotations

ModelConfig.register(bert.BertConfig)
ModelConfig.register(basset.BassetConfig)
ModelConfig.register(dilated_cnn.DilatedCnnConfig)
ModelConfig.register(enformer.EnformerConfig)
ModelConfig.register(enformer_accessibility.EnformerAccessibilityConfig)
ModelConfig.register(hierarchical.HierarchicalConfig)
ModelConfig.register(recurrent.RecurrentConfig)


def build(config: ModelConfig) -> nn.Module:
    """The module of a config."""
    return config.build()
