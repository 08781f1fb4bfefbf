"""A task that this experiment adds to genojax: which AG is the acceptor of a whole intron?

Every AG of a row is labelled: 1 if it ends an intron whose donor is in the row too, else 0. A
token at a true acceptor is thus rewarded for looking for a donor, and one at any other AG is not.
A row's own score is that of its best AG: whether the row holds a whole intron.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genojax import dna, metrics, tasks
from genojax.models.features import Features
from genojax.nn import blocks
from genojax.tasks import base
from genojax.tasks.classification import dataset, objective
from genojax.typing import Array, Batch, Float

COLUMN = 'acceptor'  # of the table: the first base of the intron's AG in the row, -1 without one
_ABSENT = -30.0  # score of a row without any AG
_A, _G = dna.ALPHABET.index('A'), dna.ALPHABET.index('G')


@dataclasses.dataclass(frozen=True)
class AcceptorsConfig(tasks.ClassificationConfig):
    """Rows of overlapping k-mers with `COLUMN`; label 1 if a row holds a whole intron.

    `pool`, `dropout` and `loss` of classification have no effect.
    """

    kind: Literal['acceptors'] = 'acceptors'

    def build(self, name, model, tokenizer) -> 'Acceptors':
        return Acceptors(name, self, model, tokenizer)


class AcceptorRows(dataset.LabelledDatasets):
    """A batch has `acceptor` too, int32 [B]."""

    def label_entries(self, row_B: np.ndarray) -> dict[str, np.ndarray]:
        acceptor_B = self.table.extra[COLUMN][row_B].astype(np.int32)
        return super().label_entries(row_B) | {COLUMN: acceptor_B}


class SiteHead(nn.Module):
    """A number per base: the mean over the tokens that share it or the next base."""

    k: int

    @nn.compact
    def __call__(self, features: Features) -> Float[Array, 'B L']:
        linear = blocks.dense(1, ('embed', 'classes'), name='linear')
        score_BT = linear(features.hidden_BTD[:, 1:-1])[..., 0]  # without [CLS] and [SEP]
        sums_BL, count_L = (_sums(x, self.k) for x in (score_BT, jnp.ones_like(score_BT[:1])))
        return (sums_BL / count_L).astype(jnp.float32)


def _sums(token_BT: Float[Array, 'B T'], k: int) -> Float[Array, 'B L']:
    """Sums over tokens p - k + 1 to p + 1 for every base p; token t begins at base t."""
    pads, window = ((0, 0), (k - 1, k)), (1, k + 1)
    return jax.lax.reduce_window(jnp.pad(token_BT, pads), 0.0, jax.lax.add, window, (1, 1), 'VALID')


class Acceptors(objective.Classification):
    """Cross-entropy of the AGs of a batch, each a row's part."""

    loss_name, loss_unit = 'cross-entropy of the AGs', 'nats per AG'
    paired_split = None

    def __init__(self, name, config: AcceptorsConfig, model, tokenizer):
        super().__init__(name, config, model, tokenizer)
        self.head = SiteHead(tokenizer.k)

    def label_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        label = super().label_spec()['label']
        return {'label': label, COLUMN: label}

    def open_rows(self, datasets, seed: int) -> AcceptorRows:
        """Rows with `COLUMN`, in place of those of `datasets`."""
        return super().open_rows(AcceptorRows, seed)

    def init_head(self, key: Array, features: Features):
        return self.head.init(key, features)['params']

    def apply_head(self, params, features, key=None, train=False) -> Float[Array, 'B L']:
        """The log odds of every base, of which those of AGs are trained."""
        return self.head.apply({'params': params['heads'][self.name]}, features)

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean cross-entropy in nats over AGs."""
        features, extra = self.apply_model(params, extra, batch, key=key if train else None)
        odds_BL = self.apply_head(params, features)
        label_BL = jnp.arange(odds_BL.shape[1])[None] == batch[COLUMN][:, None]
        nats_BL = jax.nn.softplus(odds_BL) - odds_BL * label_BL
        weight_BL = _is_ag(batch['bases']) * batch['weight'][:, None]
        total, count = (nats_BL * weight_BL).sum(), weight_BL.sum()
        states = {'loss': metrics.MetricState(total, count), **base.left_out_metric(batch)}
        return total / jnp.maximum(count, 1), (extra, states)

    def logits(self, params, extra, batch: Batch, key: Array | None = None) -> Float[Array, 'B C']:
        """0 and the log odds of the best AG of each row."""
        odds_BL = self.row_outputs(params, extra, batch)
        best_B = jnp.where(_is_ag(batch['bases']), odds_BL, _ABSENT).max(1)
        return jnp.stack([jnp.zeros_like(best_B), best_B], axis=1)


def _is_ag(codes_BL: Array) -> Array:
    """Where AG begins, bool [B, L]."""
    following_BL = jnp.pad(codes_BL[:, 1:], ((0, 0), (0, 1)), constant_values=dna.UNKNOWN)
    return (codes_BL == _A) & (following_BL == _G)
