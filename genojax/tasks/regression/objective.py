"""Regression of sequences: dropout and a linear map of the model's vector, squared error.

Targets are standardised by the training rows, so the loss of predicting their mean is about 1.
"""

import dataclasses
import functools
import pathlib
from typing import Literal

import jax
import jax.numpy as jnp

from genojax import errors, metrics
from genojax.tasks import base
from genojax.tasks.labelled import objective
from genojax.tasks.regression import comparison, dataset, evaluate
from genojax.typing import Array, Batch, Float


@dataclasses.dataclass(frozen=True)
class RegressionConfig(objective.RowTaskConfig):
    """How many values a row has, and the data; `pool` and `dropout` as in `RowTaskConfig`."""

    kind: Literal['regression'] = 'regression'
    values: int = 1  # number of values per row
    data: dataset.ValueDataConfig = dataset.ValueDataConfig()

    def __post_init__(self):
        super().__post_init__()
        if self.values < 1:
            raise ValueError(f'{self.values=} must be at least 1')

    def build(self, name, model, tokenizer) -> 'Regression':
        return Regression(name, self, model, tokenizer)


class Regression(objective.RowTask):
    """The task.

    A batch holds what `RowTask` says, and `label` float32 [B, C] and `known` bool [B, C].
    """

    loss_name, loss_unit = 'squared error', 'of standardised values'
    loss_is_row_mean = True
    paired_split = comparison.ValuePairedSplit

    def __init__(self, name, config: RegressionConfig, model, tokenizer):
        super().__init__(name, config, model, tokenizer, size=config.values)

    def label_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        shape = (self.config.data.batch_size, self.config.values)
        return {
            'label': jax.ShapeDtypeStruct(shape, jnp.float32),
            'known': jax.ShapeDtypeStruct(shape, jnp.bool_),
        }

    def open(self, workdir: pathlib.Path, seed: int) -> dataset.ValueDatasets:
        datasets = self.open_rows(dataset.ValueDatasets, seed)
        columns = len(datasets.table.names)
        if columns != self.config.values:
            raise errors.InputError(
                'LB02',
                f'{columns} columns of values, but the config has '
                f'tasks.{self.name}.values={self.config.values}',
                path=datasets.table.source,
                fix=f'--config.tasks.{self.name}.values={columns}',
            )
        return datasets

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean squared error over the known values; absent ones and filler rows count exactly 0."""
        features, extra = self.apply_model(params, extra, batch, key=key if train else None)
        value_BC = self.apply_head(params, features, jax.random.fold_in(key, 1), train)
        error_BC = jnp.where(batch['known'], value_BC - batch['label'], 0.0)
        weight_BC = batch['known'] * batch['weight'][:, None]
        total, count = (error_BC**2 * weight_BC).sum(), weight_BC.sum()
        states = {'loss': metrics.MetricState(total, count), **base.left_out_metric(batch)}
        return total / jnp.maximum(count, 1), (extra, states)

    def standardised(self, params, extra, batch: Batch, key: Array | None = None):
        """Predictions in units of the training rows' standard deviation, without dropout."""
        return self.row_outputs(params, extra, batch)

    @functools.cached_property
    def jitted_values(self):
        return jax.jit(self.standardised)

    def outputs(self, description) -> base.RowOutputs:
        """The columns of values, `description['values']['names']`, in the table's units."""
        return base.RowOutputs(tuple(description['values']['names']), 'values')

    def predict(self, params, extra, batch: Batch, description) -> Float[Array, 'B C']:
        mean_C, sd_C = (jnp.array([description['values'][key]]) for key in ('mean', 'sd'))
        return self.standardised(params, extra, batch) * sd_C + mean_C

    def evaluate(self, state, datasets, split='test', limit=None) -> dict:
        return evaluate.evaluate(self, state, datasets, split, limit)

    def as_text(self, result: dict) -> str:
        return evaluate.as_text(result)

    def section(self, result, description, rows, renderer):
        from genojax.tasks.regression import section  # imports matplotlib

        return section.section(result, description, rows, renderer)
