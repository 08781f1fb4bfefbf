"""What the rows of a batch had no room for."""

import jax.numpy as jnp

from genojax import metrics
from genojax.typing import Batch


def left_out(batch: Batch) -> dict[str, metrics.MetricState]:
    """The share of a batch's bases that its rows had no room for, where the tokenizer counts them."""
    if 'left_out' not in batch:
        return {}
    weight_B = batch['weight'] if 'weight' in batch else jnp.ones(len(batch['left_out']))
    lost = (batch['left_out'] * weight_B).sum()
    return {'left_out': metrics.MetricState(lost, lost + (batch['valid'] * weight_B).sum())}
