"""Coverage tracks from sequence: Poisson likelihood of the reads in every bin, one head an organism.

Avsec et al. 2021, Methods: the mean over bins and tracks of y_hat - y log y_hat, heads trained in turn. Linder et al. 2025
(Borzoi) part it: a Poisson term for a window's total, which counts `total_weight`, and a multinomial term for where in
the window the reads lie. With total_weight = 1 the two are the same number, since for y ~ Poisson(y_hat)
sum(y_hat - y log y_hat) = (S_hat - S log S_hat) - sum y log(y_hat / S_hat), S being sums over bins.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genojax import metrics
from genojax.tokenizers import base
from genojax.typing import Array, Batch, Bool, Float

_LEAST_MEAN = 1e-3  # reads a bin; a track with fewer is weighed as if it had these
_LEAST = 1e-7  # reads; keeps the logarithm finite, as in Enformer's training code


@dataclasses.dataclass(frozen=True)
class TracksConfig:
    """The likelihood, and how tracks are weighed against each other."""

    kind: Literal['tracks'] = 'tracks'
    loss: Literal['poisson', 'poisson_multinomial'] = 'poisson'
    total_weight: float = 0.2  # of a window's total in 'poisson_multinomial'
    # Each track's loss is divided by its mean over the training windows to this power. 0: tracks count by their reads, as
    # published; 1: tracks count alike, and the bins of rare high peaks are most of the gradient; 0.5 is between.
    balance: float = 0.0

    def __post_init__(self):
        if not self.total_weight > 0:
            raise ValueError(f'{self.total_weight=} must be above 0')
        if not 0 <= self.balance <= 1:
            raise ValueError(f'{self.balance=} must be in [0, 1]')


class Tracks:
    """The objective; a batch is as `tasks/coverage/batches.py` describes it.

    Args:
        organisms: names in the order of the batch's `organism`; the model has a head for each.
        means: organism -> each track's mean over the training windows, [C]; ones where it is not given.
    """

    scores_bits = False  # held-out data are scored by the loss
    chooses_by = 'loss'  # the held-out metric whose lowest value is best

    def __init__(
        self,
        config: TracksConfig,
        model: nn.Module,
        tokenizer: base.Tokenizer,
        organisms: tuple[str, ...],
        means: Mapping[str, np.ndarray] | None = None,
    ):
        self.config, self.model, self.tokenizer = config, model, tokenizer
        self.organisms = organisms
        self.means = {
            name: np.maximum(mean_C, _LEAST_MEAN) for name, mean_C in (means or {}).items()
        }
        self.names = {'loss/organism': organisms}

    def init(self, key: Array, batch: Batch):
        """The model's variables, with boxed logical axis names."""
        return self.model.init(key, jnp.asarray(batch['tokens']), **self._told(batch))

    def _told(self, batch: Batch) -> dict[str, Array]:
        if 'accessibility' not in batch:
            return {}
        return {
            'accessibility_BNA': jnp.asarray(batch['accessibility']),
            'accessibility_known_BN': jnp.asarray(batch['accessibility_known']),
        }

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean loss over known bins and tracks, its parts by organism, and the model's new untrained collections.

        Raises:
            ValueError: the model has no head for an organism, or a head of another number of tracks.
        """
        variables, told = {'params': params, **extra}, self._told(batch)
        if train:
            found, changed = self.model.apply(
                variables,
                batch['tokens'],
                train=True,
                rngs={'dropout': key},
                mutable=['batch_stats'],
                **told,
            )
            extra = {**extra, **changed}
        else:
            found = self.model.apply(variables, batch['tokens'], train=False, **told)
        totals, counts = [], []
        for number, name in enumerate(self.organisms):
            total, count = self._of_organism(self._head(found, name, batch), batch, number)
            totals.append(total), counts.append(count)
        total_O, count_O = jnp.stack(totals), jnp.stack(counts)
        states = {
            'loss': metrics.MetricState(total_O.sum(), count_O.sum()),
            'loss/organism': metrics.MetricState(total_O, count_O),
        }
        return total_O.sum() / jnp.maximum(count_O.sum(), 1), (extra, states)

    def predict(self, params, extra, batch: Batch) -> dict[str, Float[Array, 'B P C']]:
        """Expected reads by organism, in the bins that the model keeps."""
        variables = {'params': params, **extra}
        found = self.model.apply(variables, batch['tokens'], train=False, **self._told(batch))
        return {name: self._head(found, name, batch) for name in self.organisms}

    def _head(self, found, name: str, batch: Batch) -> Float[Array, 'B P C']:
        if found.tracks is None or name not in found.tracks:
            heads = 'no tracks' if found.tracks is None else f'heads {", ".join(found.tracks)}'
            raise ValueError(f'the data has organism {name!r}, the model {heads}')
        predicted_BPC = found.tracks[name]
        most, bins = batch['targets'].shape[2], batch['targets'].shape[1]
        spare = bins - predicted_BPC.shape[1]
        if predicted_BPC.shape[2] > most or spare < 0 or spare % 2:
            raise ValueError(
                f'the head of {name!r} gives {predicted_BPC.shape[1]} bins x {predicted_BPC.shape[2]} tracks, '
                f'the data {bins} x at most {most}'
            )
        return predicted_BPC

    def _of_organism(self, predicted_BPC, batch: Batch, number: int) -> tuple[Array, Array]:
        """Sum of losses and of known bins of the rows of one organism."""
        _, kept, count = predicted_BPC.shape
        target_BPC, known_BPC = (
            centre(jnp.asarray(batch[name]), kept)[..., :count] for name in ('targets', 'known')
        )
        row_B = jnp.where(batch['organism'] == number, batch['weight'], 0.0)
        weight_BPC = known_BPC * row_B[:, None, None]
        if self.config.loss == 'poisson':
            loss_BPC = poisson(predicted_BPC, target_BPC)
        else:
            loss_BPC = poisson_multinomial(
                predicted_BPC, target_BPC, known_BPC.astype(bool), self.config.total_weight
            )
        if self.config.balance:
            name = self.organisms[number]
            mean_C = self.means.get(name, np.ones(count, np.float32))
            loss_BPC /= (mean_C**self.config.balance)[None, None]
        return (loss_BPC * weight_BPC).sum(), weight_BPC.sum()


def centre(x_BPC: Any, kept: int) -> Any:
    """The middle `kept` bins, of a numpy or JAX array."""
    first = (x_BPC.shape[1] - kept) // 2
    return x_BPC[:, first : first + kept]


def poisson(
    predicted_BPC: Float[Array, 'B P C'], target_BPC: Float[Array, 'B P C']
) -> Float[Array, 'B P C']:
    """Negative log likelihood of reads under expected reads, without the term of the target alone."""
    return predicted_BPC - target_BPC * jnp.log(predicted_BPC + _LEAST)


def poisson_multinomial(
    predicted_BPC: Float[Array, 'B P C'],
    target_BPC: Float[Array, 'B P C'],
    known_BPC: Bool[Array, 'B P C'],
    total_weight: float,
) -> Float[Array, 'B P C']:
    """The likelihood of a window's total and of where its reads lie, spread so that the known bins' mean is the loss.

    Bins that are not known belong to neither total, and hold values without meaning.
    """
    known_BPC = known_BPC.astype(jnp.float32)
    bins_B1C = jnp.maximum(known_BPC.sum(1, keepdims=True), 1)
    hat_B1C = (predicted_BPC * known_BPC).sum(1, keepdims=True) + _LEAST
    sum_B1C = (target_BPC * known_BPC).sum(1, keepdims=True)
    total_B1C = (hat_B1C - sum_B1C * jnp.log(hat_B1C)) / bins_B1C
    where_BPC = -target_BPC * (jnp.log(predicted_BPC + _LEAST) - jnp.log(hat_B1C))
    return where_BPC + total_weight * total_B1C
