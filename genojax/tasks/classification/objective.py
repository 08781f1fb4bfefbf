"""Classification of sequences: dropout and a linear map of the model's vectors, cross-entropy.

A row has one class of several ('softmax'), or several labels that are each 0 or 1 ('sigmoid':
Basset's 164 cell types).
"""

import dataclasses
import functools
import pathlib
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genojax import errors, metrics
from genojax.models.features import Features
from genojax.nn import blocks
from genojax.tasks import base
from genojax.tasks.classification import dataset, evaluate
from genojax.tasks.labelled import dataset as labelled
from genojax.typing import Array, Batch, Float, Int


@dataclasses.dataclass(frozen=True)
class ClassificationConfig(base.TaskConfig):
    """What is classified, and the data.

    `pool` names the vectors that the linear map takes. 'mean': the mean of the token vectors.
    'first': the first token's vector ([CLS]). 'positions': the mean, and every token's vector by
    weights of its own position that start at zero; for rows of one length that are aligned to
    something, such as a transcription start.
    `loss`: 'softmax', one class of `classes`; 'sigmoid', `classes` labels of 0 or 1 (for batches
    built in Python: a labelled table has one class per row).
    """

    kind: Literal['classification'] = 'classification'
    classes: int = 2
    pool: Literal['mean', 'first', 'positions'] = 'mean'
    dropout: float = 0.1
    loss: Literal['softmax', 'sigmoid'] = 'softmax'
    data: dataset.LabelledDataConfig = dataset.LabelledDataConfig()

    def __post_init__(self):
        super().__post_init__()
        if self.classes < 2:
            raise ValueError(f'{self.classes=} must be at least 2')
        if not 0 <= self.dropout < 1:
            raise ValueError(f'{self.dropout=} must be in [0, 1)')

    def build(self, name, model, tokenizer) -> 'Classification':
        return Classification(name, self, model, tokenizer)


class ClassifierHead(nn.Module):
    """Dropout and a linear map from a model's features to class scores."""

    config: ClassificationConfig

    @nn.compact
    def __call__(self, features: Features, train: bool = False) -> Float[Array, 'B C']:
        c, drop = self.config, nn.Dropout(self.config.dropout, deterministic=not train)
        x_BD = features.first_BD if c.pool == 'first' else features.pooled_BD
        logits_BC = blocks.dense(c.classes, ('embed', 'classes'), name='linear')(drop(x_BD))
        if c.pool == 'positions':
            x_BTD = drop(features.hidden_BTD)
            shape, axes = (*x_BTD.shape[1:], c.classes), ('positions', 'embed', 'classes')
            kernel_TDC = blocks.param(self, 'kernel', nn.initializers.zeros, axes, shape)
            logits_BC += jnp.einsum('BTD,TDC->BC', x_BTD, kernel_TDC.astype(x_BTD.dtype))
        return logits_BC.astype(jnp.float32)


class Classification(base.Task):
    """The task.

    A batch holds `tokens` [B, T], `bases` uint8 [B, L], `label` int32 [B] (or [B, C]), `weight`
    float32 [B] and `valid` int32 [B].
    """

    loss_name = 'cross-entropy of the labels, nats per row'

    def __init__(self, name, config: ClassificationConfig, model, tokenizer):
        super().__init__(name, config, model, tokenizer)
        self.head = ClassifierHead(config)

    def misfits(self) -> list[str]:
        needed = {'mean': ('pooled',), 'first': ('first',), 'positions': ('pooled', 'hidden')}
        missing = set(needed[self.config.pool]) - set(self.model_config.outputs)
        if missing:
            return [
                f'task {self.name!r} pools by {self.config.pool!r}, and the model '
                f'{self.model_config.kind!r} has no output {", ".join(sorted(missing))}'
            ]
        return []

    def batch_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        data = self.config.data
        if not data.length:
            raise errors.UsageError(
                f'task {self.name!r}: data.length=0 leaves the length of a row to the table. '
                f'Fix: --config.tasks.{self.name}.data.length=BASES'
            )
        shapes = self.tokenizer.batch_shapes(data.batch_size, data.length)
        label = (data.batch_size, self.config.classes)
        if self.config.loss == 'softmax':
            label = label[:1]
        return {
            'bases': jax.ShapeDtypeStruct((data.batch_size, data.length), jnp.uint8),
            'label': jax.ShapeDtypeStruct(label, jnp.int32),
            'weight': jax.ShapeDtypeStruct((data.batch_size,), jnp.float32),
            **{name: jax.ShapeDtypeStruct(shape, jnp.int32) for name, shape in shapes.items()},
        }

    def open(self, workdir: pathlib.Path, seed: int) -> dataset.LabelledDatasets:
        datasets = dataset.LabelledDatasets(self.config.data, seed, self.tokenizer, self.init_from)
        if datasets.table.classes != self.config.classes:
            names = ', '.join(datasets.table.names[:8])
            more = ', ...' if datasets.table.classes > 8 else ''
            raise errors.InputError(
                'LB02',
                f'{datasets.table.classes} classes, but the config has '
                f'tasks.{self.name}.classes={self.config.classes}: {names}{more}',
                path=datasets.table.source,
                fix=f'--config.tasks.{self.name}.classes={datasets.table.classes}, or name another '
                f'column (--config.tasks.{self.name}.data.label_column=COLUMN)',
            )
        if self.config.loss == 'sigmoid':
            raise errors.UsageError(
                f"task {self.name!r}: loss='sigmoid' needs several labels per row, and a labelled "
                "table has one. Fix: loss='softmax'"
            )
        return datasets

    def bind(self, datasets: dataset.LabelledDatasets) -> 'Classification':
        data = dataclasses.replace(self.config.data, length=datasets.length)
        config = dataclasses.replace(self.config, data=data)
        return Classification(self.name, config, self.model, self.tokenizer)

    def model_inputs(self, batch: Batch) -> dict[str, Array]:
        return base.coordinate_inputs(self, batch)

    def init_head(self, key: Array, features: Features):
        return self.head.init(key, features)['params']

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean cross-entropy in nats over rows (and labels), and accuracy.

        Raises:
            ValueError: the labels do not have the shape that the config's `loss` needs.
        """
        self._check_labels(batch)
        features, extra = self.apply_model(params, extra, batch, key=key if train else None)
        logits_BC = self._head_logits(params, features, jax.random.fold_in(key, 1), train)
        if self.config.loss == 'sigmoid':
            nats_B, correct_B = _each_label(logits_BC, batch['label'])
        else:
            nats_B, correct_B = _one_class(logits_BC, batch['label'])
        weight_B = batch['weight']
        total, count = (nats_B * weight_B).sum(), weight_B.sum()
        states = {
            'loss': metrics.MetricState(total, count),
            'accuracy': metrics.MetricState((correct_B * weight_B).sum(), count),
            **base.left_out_metric(batch),
        }
        return total / jnp.maximum(count, 1), (extra, states)

    def _check_labels(self, batch: Batch) -> None:
        dimensions = {'softmax': 1, 'sigmoid': 2}[self.config.loss]
        if batch['label'].ndim != dimensions:
            raise ValueError(
                "loss='sigmoid' needs labels [rows, classes] of 0 and 1, 'softmax' one class per "
                f'row; this is {self.config.loss!r} with labels of shape {batch["label"].shape}'
            )

    def _head_logits(self, params, features, key=None, train=False) -> Float[Array, 'B C']:
        variables = {'params': params['heads'][self.name]}
        rngs = {'dropout': key} if train else None
        return self.head.apply(variables, features, train=train, rngs=rngs)

    def logits(self, params, extra, batch: Batch, key: Array | None = None) -> Float[Array, 'B C']:
        """Class scores before softmax or sigmoid, without dropout."""
        features, _ = self.apply_model(params, extra, batch)
        return self._head_logits(params, features)

    @functools.cached_property
    def jitted_logits(self):
        return jax.jit(self.logits)

    def outputs(self, description) -> base.RowOutputs:
        """Probabilities of the classes, whose names `description['classes']` lists."""
        kind = 'classes' if self.config.loss == 'softmax' else 'labels'
        numbers = [str(number) for number in range(self.config.classes)]
        return base.RowOutputs(tuple(description.get('classes', numbers)), kind)

    def read_row(self, codes_L: np.ndarray, description, **where) -> np.ndarray:
        return labelled.read_row(codes_L, description, self.tokenizer, **where)

    def prediction_batch(self, rows, description) -> Batch:
        return labelled.prediction_batch(rows, description, self.tokenizer)

    def predict(self, params, extra, batch: Batch, description) -> Float[Array, 'B C']:
        logits_BC = self.logits(params, extra, batch)
        if self.config.loss == 'sigmoid':
            return jax.nn.sigmoid(logits_BC)
        return jax.nn.softmax(logits_BC)

    def evaluate(self, state, datasets, split='test', limit=None) -> dict:
        return evaluate.evaluate(self, state, datasets, split, limit)

    def as_text(self, result: dict) -> str:
        return evaluate.as_text(result)

    def section(self, result, description, rows, renderer):
        from genojax.tasks.classification import section  # imports matplotlib

        return section.section(result, description, rows, renderer)


def _one_class(logits_BC: Float[Array, 'B C'], label_B: Int[Array, 'B']) -> tuple[Array, Array]:
    """Nats of each row's class, and whether it has the highest score."""
    log_p_BC = jax.nn.log_softmax(logits_BC)
    nats_B = -jnp.take_along_axis(log_p_BC, label_B[:, None], axis=-1)[:, 0]
    return nats_B, (logits_BC.argmax(-1) == label_B).astype(jnp.float32)


def _each_label(logits_BC: Float[Array, 'B C'], label_BC: Array) -> tuple[Array, Array]:
    """Means over a row's labels: nats, and the share with the right sign."""
    truth_BC = label_BC.astype(jnp.float32)
    nats_BC = jax.nn.softplus(logits_BC) - logits_BC * truth_BC
    correct_BC = ((logits_BC > 0) == (truth_BC > 0.5)).astype(jnp.float32)
    return nats_BC.mean(-1), correct_BC.mean(-1)
