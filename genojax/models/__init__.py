"""Networks, each a frozen config and the module that it builds."""

from flax import linen as nn

from genojax.models import bert

ModelConfig = bert.BertConfig


def build(config: ModelConfig) -> nn.Module:
    """The module that a config describes."""
    match config:
        case bert.BertConfig():
            return bert.Bert(config)
        case _:
            raise TypeError(f'{type(config).__name__} describes no model')
