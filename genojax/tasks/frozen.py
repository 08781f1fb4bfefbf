"""A model whose own parameters do not train, as tasks call it."""

from typing import Any

from flax import linen as nn


class FrozenModel:
    """A model that is read as in inference while heads or adapters train.

    So its batch statistics do not move, and a probe's features have no dropout.

    Args:
        module: the model.
        dropout: whether training has the model's dropout, as with adapters; without effect where
            the model has untrained collections, which would move.
    """

    def __init__(self, module: nn.Module, dropout: bool):
        self.module, self.config, self.dropout = module, module.config, dropout

    def init(self, *arguments, **options):
        """Fresh variables of the model."""
        return self.module.init(*arguments, **options)

    def apply(self, variables, tokens_BT, train=False, rngs=None, mutable=False, **inputs) -> Any:
        """The module's `apply`; collections named in `mutable` are returned as they are."""
        if train and self.dropout and set(variables) == {'params'}:
            options = {'train': True, 'rngs': rngs, 'mutable': mutable}
            return self.module.apply(variables, tokens_BT, **options, **inputs)
        features = self.module.apply(variables, tokens_BT, train=False, **inputs)
        if mutable is False:
            return features
        return features, {name: variables[name] for name in mutable}
