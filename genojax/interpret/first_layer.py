"""The output of a model's first layer, replaced: what gradients are taken with respect to.

The first layer is `nn.bases.OneHot` for models that read bases. For the others it is a table of
token vectors: the `nn.Embed` named 'words', or `nn.blocks.TokenVectors`.
"""

import itertools
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genojax import errors
from genojax.inference import prediction
from genojax.nn import bases, blocks
from genojax.typing import Array, Batch, Float

MAX_WORD = 6  # bases per token: 4,096 words
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
        if isinstance(module, blocks.TokenVectors):
            table_VD, tokens_BT, _, arrange = arguments
            own = table_VD[tokens_BT]
            if replacement is not None:
                own = replacement(table_VD, own)
            seen.append(own)
            return arrange(own, 0)
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


def spans(tokenizer, batch: Batch, row: int = 0) -> np.ndarray:
    """Bases of each token of a row of a batch, [T, 2]."""
    if 'spans' in batch:
        return np.asarray(batch['spans'][row])
    return tokenizer.spans(np.asarray(batch['tokens'][row]))


def has_words(tokenizer) -> bool:
    """Whether its tokens are words of a fixed number of bases, at most `MAX_WORD`."""
    return 1 <= tokenizer.bases_per_token <= MAX_WORD


class Words:
    """The words of a tokenizer of k bases per token, in the order of their base-4 numbers.

    Attributes:
        k: bases per word.
        ids_W: their token ids.
    """

    def __init__(self, tokenizer):
        """See `has_words`."""
        self.tokenizer, self.k = tokenizer, tokenizer.bases_per_token
        codes_Wk = np.array(list(itertools.product(range(4), repeat=self.k)), np.uint8)
        self.ids_W = np.concatenate([tokenizer.encode(codes_k) for codes_k in codes_Wk])

    def vectors(self, table_VD: Array | None) -> Float[Array, 'W D']:
        """The first layer's output of each word; `table_VD` as for a `Replacement`."""
        return jnp.eye(4) if table_VD is None else table_VD[self.ids_W]

    def substituted(self, codes_L: np.ndarray, spans_T2: np.ndarray) -> np.ndarray:
        """Numbers of the words with each base of each token replaced by each base, [k, 4, T].

        -1 for tokens that are no words.
        """
        first_T = spans_T2[:, 0]
        whole_T = (spans_T2[:, 1] - first_T == self.k) & (first_T >= 0)
        whole_T &= spans_T2[:, 1] <= len(codes_L)
        at_kT = np.where(whole_T, first_T, 0) + np.arange(self.k)[:, None]
        codes_kT = np.asarray(codes_L, np.int64)[np.minimum(at_kT, len(codes_L) - 1)]
        whole_T &= (codes_kT < 4).all(0)
        place_k1 = 4 ** np.arange(self.k)[::-1, None]
        change_k4T = np.arange(4)[:, None] - codes_kT[:, None]
        word_k4T = (codes_kT * place_k1).sum(0) + change_k4T * place_k1[:, None]
        return np.where(whole_T, word_k4T, -1)
