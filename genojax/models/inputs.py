"""What a model is told besides its tokens, and what its rows had no room for."""

import jax.numpy as jnp
import numpy as np

from genojax import dna, metrics
from genojax.nn import positions
from genojax.tokenizers import base
from genojax.typing import Array, Batch, Float, Int, UInt8


def coordinate(
    model_config,
    tokenizer: base.Tokenizer,
    bases_BL: Int[Array, 'B L'] | UInt8[Array, 'B L'],
    valid_B,
    spans_BT2=None,
) -> dict[str, Array]:
    """The keyword argument `coordinate_BT` of a model whose relative positions run along CpG density, else nothing.

    Args:
        bases_BL: base codes as the model may know them: a hidden base must be unknown here, or the coordinate tells it.
        valid_B: real bases of each row, or None: all.
        spans_BT2: the bases of each row's tokens [B, T, 2], where the tokenizer cuts every row its own way.

    Raises:
        ValueError: the spans of such a tokenizer are missing.
    """
    if getattr(model_config, 'coordinate', 'tokens') != 'cpg':
        return {}
    along_BL = positions.cpg_coordinate(bases_BL.astype(jnp.int32), valid_B)
    if spans_BT2 is not None:
        return {'coordinate_BT': of_spans(along_BL, jnp.asarray(spans_BT2))}
    if not tokenizer.overlapping:
        raise ValueError(
            'where tokens do not overlap, a coordinate along the bases needs their spans'
        )
    ids = tokenizer.encode(np.full(bases_BL.shape[1], dna.UNKNOWN, np.uint8), special=True)
    return {'coordinate_BT': positions.token_coordinate(along_BL, tokenizer.spans(ids))}


def of_spans(along_BL: Float[Array, 'B L'], spans_BT2: Int[Array, 'B T 2']) -> Float[Array, 'B T']:
    """The coordinate of each token's middle base, of two middle bases their mean; rows cut each in its own way.

    A token without bases stands at the nearest end of the row's tokens: [CLS] at the first base, what is behind them at
    the last. A mirrored row has mirrored coordinates.
    """
    start_BT, end_BT = spans_BT2[..., 0], spans_BT2[..., 1]
    has_BT = start_BT >= 0
    seen_BT = jnp.cumsum(has_BT, axis=1) > 0
    last_B1 = jnp.maximum(end_BT.max(axis=1, keepdims=True) - 1, 0)
    outside_BT = jnp.where(seen_BT, jnp.broadcast_to(last_B1, start_BT.shape), 0)
    low_BT = jnp.where(has_BT, (start_BT + end_BT - 1) // 2, outside_BT)
    high_BT = jnp.where(has_BT, (start_BT + end_BT) // 2, outside_BT)
    low_BT, high_BT = (jnp.take_along_axis(along_BL, at, axis=1) for at in (low_BT, high_BT))
    return (low_BT + high_BT) / 2


def left_out(batch: Batch) -> dict[str, metrics.MetricState]:
    """The share of a batch's bases that its rows had no room for, where the tokenizer counts them."""
    if 'left_out' not in batch:
        return {}
    weight_B = batch['weight'] if 'weight' in batch else jnp.ones(len(batch['left_out']))
    lost = (batch['left_out'] * weight_B).sum()
    return {'left_out': metrics.MetricState(lost, lost + (batch['valid'] * weight_B).sum())}
