"""The output of a model's first layer, replaced: what gradients are taken with respect to.

The first layer is `nn.bases.OneHot` for models that read bases, and the `nn.Embed` named 'words',
a table of token vectors, for the others.
"""

from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn

from genojax import errors
from genojax.inference import prediction
from genojax.nn import bases
from genojax.typing import Array, Batch, Float

OTHER_VERB = 'genojax interpret mutagenesis'  # explains what has no gradient

# (vectors of the inputs of the layer, its own output) -> what is used in its place. The vectors are
# a table with a row per token id, or None: one-hot channels, of the bases in the order A, C, G, T.
Replacement = Callable[[Array | None, Array], Array]


def replaced(
    head: prediction.TaskHead, params, extra, batch: Batch, replacement: Replacement | None = None
) -> tuple[Float[Array, 'B T D'], Float[Array, 'B']]:
    """The output of the first layer, as it is used, and the value of each row.

    Args:
        head: of `outputs.select`.
        replacement: its output in place of the layer's own.

    Raises:
        UsageError: the model has no one-hot layer and no table of token vectors of its own.
    """
    seen: list[Array] = []

    def intercept(call, arguments, options, context):
        module = context.module
        is_table = isinstance(module, nn.Embed) and module.name == 'words'
        if context.method_name != '__call__' or not (is_table or isinstance(module, bases.OneHot)):
            return call(*arguments, **options)
        own = call(*arguments, **options)
        if replacement is not None:
            own = replacement(jnp.asarray(module.embedding) if is_table else None, own)
        seen.append(own)
        return own

    with nn.intercept_methods(intercept):
        value_B1 = head.compute(params, extra, batch)
    if len(seen) != 1:
        raise errors.UsageError(
            'attributions need a model whose first layer is one-hot bases or a table of token '
            f'vectors; this one has neither. Fix: {OTHER_VERB}'
        )
    return seen[0], value_B1[:, 0]


def check(model) -> None:
    """Refuses models whose output depends on the sequence beside the first layer.

    Raises:
        UsageError: the model counts n-grams.
    """
    if model.config.counted_contexts:
        raise errors.UsageError(
            'the model reads n-gram counts beside its first layer, so gradients do not explain it. '
            'Fix: genojax interpret mutagenesis'
        )
