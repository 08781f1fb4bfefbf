"""Classification of sequences: dropout and a linear map of the model's vectors, cross-entropy.

A row has one class of several ('softmax'), or several labels that are each 0 or 1 ('sigmoid':
Basset's 164 cell types).
"""

import dataclasses
import functools
import pathlib
import shlex
from typing import Literal

import jax
import jax.numpy as jnp

from genojax import errors, metrics
from genojax.tasks import base
from genojax.tasks.classification import comparison, dataset, evaluate
from genojax.tasks.labelled import objective
from genojax.typing import Array, Batch, Float, Int


@dataclasses.dataclass(frozen=True)
class ClassificationConfig(objective.RowTaskConfig):
    """What is classified, and the data; `pool` and `dropout` as in `RowTaskConfig`.

    `loss`: 'softmax', one class of `classes`; 'sigmoid', `classes` labels of 0 or 1 (for batches
    built in Python: a labelled table has one class per row).
    """

    kind: Literal['classification'] = 'classification'
    classes: int = 2
    loss: Literal['softmax', 'sigmoid'] = 'softmax'
    data: dataset.LabelledDataConfig = dataset.LabelledDataConfig()

    def __post_init__(self):
        super().__post_init__()
        if self.classes < 2:
            raise ValueError(f'{self.classes=} must be at least 2')

    def build(self, name, model, tokenizer) -> 'Classification':
        return Classification(name, self, model, tokenizer)


class Classification(objective.RowTask):
    """The task.

    A batch holds what `RowTask` says, and `label` int32 [B] (or [B, C]).
    """

    loss_name, loss_unit = 'cross-entropy of the labels', 'nats per row'
    loss_is_row_mean = True
    paired_split = comparison.ClassPairedSplit

    def __init__(self, name, config: ClassificationConfig, model, tokenizer):
        super().__init__(name, config, model, tokenizer, size=config.classes)

    def label_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        shape = (self.config.data.batch_size, self.config.classes)
        if self.config.loss == 'softmax':
            shape = shape[:1]
        return {'label': jax.ShapeDtypeStruct(shape, jnp.int32)}

    def open(self, workdir: pathlib.Path, seed: int) -> dataset.LabelledDatasets:
        datasets = self.open_rows(dataset.LabelledDatasets, seed)
        if datasets.table.classes != self.config.classes:
            names = ', '.join(datasets.table.names[:8])
            more = ', ...' if datasets.table.classes > 8 else ''
            fix = f'--config.tasks.{self.name}.classes={datasets.table.classes}'
            for other in list(datasets.table.extra)[:1]:
                option = f'--config.tasks.{self.name}.data.label_column={other}'
                fix += f', or another column of labels, such as {shlex.quote(option)}'
            raise errors.InputError(
                'LB02',
                f'{datasets.table.classes} classes, but the config has '
                f'tasks.{self.name}.classes={self.config.classes}: {names}{more}',
                path=datasets.table.source,
                fix=fix,
            )
        if self.config.loss == 'sigmoid':
            raise errors.UsageError(
                f"task {self.name!r}: loss='sigmoid' needs several labels per row, and a labelled "
                f'table has one. Fix: --config.tasks.{self.name}.loss=softmax'
            )
        return datasets

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean cross-entropy in nats over rows (and labels), and accuracy.

        Raises:
            ValueError: the labels do not have the shape that the config's `loss` needs.
        """
        self._check_labels(batch)
        features, extra = self.apply_model(params, extra, batch, key=key if train else None)
        logits_BC = self.apply_head(params, features, jax.random.fold_in(key, 1), train)
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

    def logits(self, params, extra, batch: Batch, key: Array | None = None) -> Float[Array, 'B C']:
        """Class scores before softmax or sigmoid, without dropout."""
        return self.row_outputs(params, extra, batch)

    @functools.cached_property
    def jitted_logits(self):
        return jax.jit(self.logits)

    def outputs(self, description) -> base.RowOutputs:
        """Probabilities of the classes, whose names `description['classes']` lists."""
        kind = 'classes' if self.config.loss == 'softmax' else 'labels'
        numbers = [str(number) for number in range(self.config.classes)]
        return base.RowOutputs(tuple(description.get('classes', numbers)), kind)

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
