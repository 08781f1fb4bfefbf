"""Classification of sequences: dropout and a linear map of the model's token vectors, trained by cross-entropy."""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax import metrics
from genojax.nn import blocks
from genojax.objectives import inputs
from genojax.tokenizers import base
from genojax.typing import Array, Batch, Float


@dataclasses.dataclass(frozen=True)
class ClassifyConfig:
    """`pool` says what is classified.

    'mean': the mean of the token vectors. 'first': the first token's vector ([CLS]). 'positions': the mean, plus every
    token's vector by weights of its position's own, which start at zero; for rows of one length that are aligned to
    something, such as a transcription start.
    """

    kind: Literal['classify'] = 'classify'
    classes: int = 2
    pool: Literal['mean', 'first', 'positions'] = 'mean'
    dropout: float = 0.1

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
    """The objective; a batch holds `tokens` [B, T], `bases` [B, L], `label` [B] and `weight` [B]."""

    scores_bits = False  # held-out data are scored by the loss

    def __init__(self, config: ClassifyConfig, model: nn.Module, tokenizer: base.Tokenizer):
        self.config, self.tokenizer, self._network = config, tokenizer, model.config
        self.model = _Classifier(config, model)
        self.names: dict[str, tuple[str, ...]] = {}

    def init(self, key: Array, batch: Batch):
        return self.model.init(key, jnp.asarray(batch['tokens']), **self._told(batch))

    def _told(self, batch: Batch) -> dict[str, Array]:
        bases_BL = jnp.asarray(batch['bases'])
        return inputs.coordinate(self._network, self.tokenizer, bases_BL, batch.get('valid'))

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean cross-entropy in nats over rows, and accuracy."""
        logits_BC = self.model.apply(
            {'params': params, **extra},
            batch['tokens'],
            train=train,
            rngs={'dropout': key},
            **self._told(batch),
        )
        log_p_BC = jax.nn.log_softmax(logits_BC)
        nats_B = -jnp.take_along_axis(log_p_BC, batch['label'][:, None], axis=-1)[:, 0]
        weight_B = batch['weight']
        right_B = (logits_BC.argmax(-1) == batch['label']).astype(jnp.float32)
        total, count = (nats_B * weight_B).sum(), weight_B.sum()
        states = {
            'loss': metrics.MetricState(total, count),
            'accuracy': metrics.MetricState((right_B * weight_B).sum(), count),
        }
        return total / jnp.maximum(count, 1), (extra, states)

    def logits(self, params, extra, batch: Batch) -> Float[Array, 'B C']:
        """Class scores before softmax, no dropout."""
        return self.model.apply({'params': params, **extra}, batch['tokens'], **self._told(batch))
