"""Classification of sequences: a pooled vector, dropout and one linear map, trained by cross-entropy."""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax import metrics
from genojax.nn import blocks
from genojax.typing import Array, Batch, Float


@dataclasses.dataclass(frozen=True)
class ClassifyConfig:
    """`pool` says which vector is classified: the mean over tokens, or the first token's ([CLS])."""

    kind: Literal['classify'] = 'classify'
    classes: int = 2
    pool: Literal['mean', 'first'] = 'mean'
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
    def __call__(self, tokens_BT, train: bool = False) -> Float[Array, 'B C']:
        features = self.model(tokens_BT, train=train)
        x_BD = features.pooled_BD if self.config.pool == 'mean' else features.first_BD
        x_BD = nn.Dropout(self.config.dropout, deterministic=not train)(x_BD)
        head = blocks.Linear((self.config.classes,), ('embed', 'classes'), name='head')
        return head(x_BD).astype(jnp.float32)


class Classify:
    """The objective; a batch holds `tokens` [B, T], `label` [B] and `weight` [B]."""

    scores_bits = False  # held-out data are scored by the loss

    def __init__(self, config: ClassifyConfig, model: nn.Module):
        self.config = config
        self.model = _Classifier(config, model)
        self.names: dict[str, tuple[str, ...]] = {}

    def init(self, key: Array, batch: Batch):
        return self.model.init(key, jnp.asarray(batch['tokens']))

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean cross-entropy in nats over rows, and accuracy."""
        logits_BC = self.model.apply(
            {'params': params, **extra}, batch['tokens'], train=train, rngs={'dropout': key}
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
        return self.model.apply({'params': params, **extra}, batch['tokens'])
