"""Classification of sequences: dropout and a linear map of the model's token vectors, trained by cross-entropy.

A row has one class of several ('softmax'), or several labels that are each 0 or 1 ('sigmoid': Basset's 164 cell types).
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genojax import metrics
from genojax.models import coordinates, inputs
from genojax.nn import blocks
from genojax.tokenizers import base
from genojax.typing import Array, Batch, Float, Int


@dataclasses.dataclass(frozen=True)
class ClassifyConfig:
    """`pool` says what is classified.

    'mean': the mean of the token vectors. 'first': the first token's vector ([CLS]). 'positions': the mean, plus every
    token's vector by weights of its position's own, which start at zero; for rows of one length that are aligned to
    something, such as a transcription start.
    `loss` says what a label is: 'softmax', one class of `classes`; 'sigmoid', `classes` numbers that are 0 or 1 (for
    batches made in Python: a labelled table has one class a row).
    """

    kind: Literal['classify'] = 'classify'
    classes: int = 2
    pool: Literal['mean', 'first', 'positions'] = 'mean'
    dropout: float = 0.1
    loss: Literal['softmax', 'sigmoid'] = 'softmax'

    def __post_init__(self):
        if self.classes < 2:
            raise ValueError(f'{self.classes=} must be at least 2')
        if not 0 <= self.dropout < 1:
            raise ValueError(f'{self.dropout=} must be in [0, 1)')


class _Classifier(nn.Module):
    """A model and the task's head; the model's parameters keep their own subtree, 'model'."""

    config: ClassifyConfig
    model: nn.Module

    @nn.compact
    def __call__(self, tokens_BT, train: bool = False, **told) -> Float[Array, 'B C']:
        c, drop = self.config, nn.Dropout(self.config.dropout, deterministic=not train)
        features = self.model(tokens_BT, train=train, **told)
        x_BD = features.first_BD if c.pool == 'first' else features.pooled_BD
        logits_BC = blocks.Linear((c.classes,), ('embed', 'classes'), name='head')(drop(x_BD))
        if c.pool == 'positions':
            x_BTD = drop(features.hidden_BTD)
            shape, axes = (*x_BTD.shape[1:], c.classes), ('positions', 'embed', 'classes')
            kernel_TDC = blocks.param(self, 'kernel', nn.initializers.zeros, axes, shape)
            logits_BC += jnp.einsum('BTD,TDC->BC', x_BTD, kernel_TDC.astype(x_BTD.dtype))
        return logits_BC.astype(jnp.float32)


class Classify:
    """The objective; a batch holds `tokens` [B, T], `bases` [B, L], `label` [B] (or [B, C]) and `weight` [B].

    Collections that training changes without a gradient, such as batch norm's averages, come back as `extra`.
    """

    scores_bits = False  # held-out data are scored by the loss
    chooses_by = 'loss'  # the held-out metric whose lowest value is best

    def __init__(self, config: ClassifyConfig, model: nn.Module, tokenizer: base.Tokenizer):
        self.config, self.tokenizer, self._network = config, tokenizer, model.config
        self.model = _Classifier(config, model)
        self.names: dict[str, tuple[str, ...]] = {}

    def init(self, key: Array, batch: Batch):
        """The model's variables, with boxed logical axis names.

        Raises:
            ValueError: labels of the other kind than `loss` needs.
        """
        wanted = {'softmax': 1, 'sigmoid': 2}[self.config.loss]
        if np.ndim(batch['label']) != wanted:
            raise ValueError(
                f"loss='sigmoid' needs labels [rows, classes] of 0 and 1, 'softmax' one class a row; this is "
                f'{self.config.loss!r} with labels of shape {np.shape(batch["label"])}'
            )
        return self.model.init(key, jnp.asarray(batch['tokens']), **self._told(batch))

    def _told(self, batch: Batch) -> dict[str, Array]:
        bases_BL = jnp.asarray(batch['bases'])
        return coordinates.model_inputs(
            self._network, self.tokenizer, bases_BL, batch.get('valid'), batch.get('spans')
        )

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean cross-entropy in nats over rows (and labels), and accuracy."""
        moving = list(extra) if train else False
        found = self.model.apply(
            {'params': params, **extra},
            batch['tokens'],
            train=train,
            rngs={'dropout': key},
            mutable=moving,
            **self._told(batch),
        )
        logits_BC, extra = found if train else (found, extra)
        if self.config.loss == 'sigmoid':
            nats_B, right_B = _each(logits_BC, batch['label'])
        else:
            nats_B, right_B = _one(logits_BC, batch['label'])
        weight_B = batch['weight']
        total, count = (nats_B * weight_B).sum(), weight_B.sum()
        states = {
            'loss': metrics.MetricState(total, count),
            'accuracy': metrics.MetricState((right_B * weight_B).sum(), count),
            **inputs.left_out(batch),
        }
        return total / jnp.maximum(count, 1), (extra, states)

    def logits(self, params, extra, batch: Batch) -> Float[Array, 'B C']:
        """Class scores before softmax or sigmoid, no dropout."""
        return self.model.apply({'params': params, **extra}, batch['tokens'], **self._told(batch))


def _one(logits_BC: Float[Array, 'B C'], label_B: Int[Array, 'B']) -> tuple[Array, Array]:
    """Nats of each row's class, and whether it has the highest score."""
    log_p_BC = jax.nn.log_softmax(logits_BC)
    nats_B = -jnp.take_along_axis(log_p_BC, label_B[:, None], axis=-1)[:, 0]
    return nats_B, (logits_BC.argmax(-1) == label_B).astype(jnp.float32)


def _each(logits_BC: Float[Array, 'B C'], label_BC: Array) -> tuple[Array, Array]:
    """Nats of each row's labels and the share of them on the right side of a half, means over labels."""
    truth_BC = label_BC.astype(jnp.float32)
    nats_BC = jax.nn.softplus(logits_BC) - logits_BC * truth_BC
    right_BC = ((logits_BC > 0) == (truth_BC > 0.5)).astype(jnp.float32)
    return nats_BC.mean(-1), right_BC.mean(-1)
