"""Regression of sequences: dropout and a linear map of the model's vector, squared error.

Targets are standardised by the training rows, so the loss of predicting their mean is about 1.
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
from genojax.tasks.labelled import dataset as labelled
from genojax.tasks.regression import dataset, evaluate
from genojax.typing import Array, Batch, Float


@dataclasses.dataclass(frozen=True)
class RegressionConfig(base.TaskConfig):
    """How many values a row has, how they are read from the model, and the data.

    `pool`: 'mean', the model's pooled vector; 'first', the first token's vector ([CLS]).
    """

    kind: Literal['regression'] = 'regression'
    values: int = 1
    pool: Literal['mean', 'first'] = 'mean'
    dropout: float = 0.1
    data: dataset.ValueDataConfig = dataset.ValueDataConfig()

    def __post_init__(self):
        super().__post_init__()
        if self.values < 1:
            raise ValueError(f'{self.values=} must be at least 1')
        if not 0 <= self.dropout < 1:
            raise ValueError(f'{self.dropout=} must be in [0, 1)')

    def build(self, name, model, tokenizer) -> 'Regression':
        return Regression(name, self, model, tokenizer)


class ValueHead(nn.Module):
    """Dropout and a linear map from a model's vector to standardised values."""

    config: RegressionConfig

    @nn.compact
    def __call__(self, features: Features, train: bool = False) -> Float[Array, 'B C']:
        x_BD = features.first_BD if self.config.pool == 'first' else features.pooled_BD
        x_BD = nn.Dropout(self.config.dropout, deterministic=not train)(x_BD)
        value_BC = blocks.dense(self.config.values, ('embed', 'classes'), name='linear')(x_BD)
        return value_BC.astype(jnp.float32)


class Regression(base.Task):
    """The task.

    A batch holds `tokens` [B, T], `bases` uint8 [B, L], `label` float32 [B, C], `known` bool
    [B, C], `weight` float32 [B] and `valid` int32 [B].
    """

    loss_name = 'squared error of standardised values'

    def __init__(self, name, config: RegressionConfig, model, tokenizer):
        super().__init__(name, config, model, tokenizer)
        self.head = ValueHead(config)

    def misfits(self) -> list[str]:
        needed = {'mean': 'pooled', 'first': 'first'}[self.config.pool]
        if needed in self.model_config.outputs:
            return []
        return [
            f'task {self.name!r} pools by {self.config.pool!r}, and the model '
            f'{self.model_config.kind!r} has no output {needed}'
        ]

    def batch_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        data = self.config.data
        if not data.length:
            raise errors.UsageError(
                f'task {self.name!r}: data.length=0 leaves the length of a row to the table. '
                f'Fix: --config.tasks.{self.name}.data.length=BASES'
            )
        shapes = self.tokenizer.batch_shapes(data.batch_size, data.length)
        values = (data.batch_size, self.config.values)
        return {
            'bases': jax.ShapeDtypeStruct((data.batch_size, data.length), jnp.uint8),
            'label': jax.ShapeDtypeStruct(values, jnp.float32),
            'known': jax.ShapeDtypeStruct(values, jnp.bool_),
            'weight': jax.ShapeDtypeStruct((data.batch_size,), jnp.float32),
            **{name: jax.ShapeDtypeStruct(shape, jnp.int32) for name, shape in shapes.items()},
        }

    def open(self, workdir: pathlib.Path, seed: int) -> dataset.ValueDatasets:
        datasets = dataset.ValueDatasets(self.config.data, seed, self.tokenizer)
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

    def bind(self, datasets: dataset.ValueDatasets) -> 'Regression':
        data = dataclasses.replace(self.config.data, length=datasets.length)
        config = dataclasses.replace(self.config, data=data)
        return Regression(self.name, config, self.model, self.tokenizer)

    def model_inputs(self, batch: Batch) -> dict[str, Array]:
        return base.coordinate_inputs(self, batch)

    def init_head(self, key: Array, features: Features):
        return self.head.init(key, features)['params']

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean squared error over the known values; absent ones and filler rows count exactly 0."""
        features, extra = self.apply_model(params, extra, batch, key=key if train else None)
        value_BC = self._values(params, features, jax.random.fold_in(key, 1), train)
        error_BC = jnp.where(batch['known'], value_BC - batch['label'], 0.0)
        weight_BC = batch['known'] * batch['weight'][:, None]
        total, count = (error_BC**2 * weight_BC).sum(), weight_BC.sum()
        states = {'loss': metrics.MetricState(total, count), **base.left_out_metric(batch)}
        return total / jnp.maximum(count, 1), (extra, states)

    def _values(self, params, features, key=None, train=False) -> Float[Array, 'B C']:
        variables = {'params': params['heads'][self.name]}
        return self.head.apply(
            variables, features, train=train, rngs={'dropout': key} if train else None
        )

    def standardised(self, params, extra, batch: Batch, key: Array | None = None):
        """Predictions in units of the training rows' standard deviation, without dropout."""
        features, _ = self.apply_model(params, extra, batch)
        return self._values(params, features)

    @functools.cached_property
    def jitted_values(self):
        return jax.jit(self.standardised)

    def outputs(self, description) -> base.RowOutputs:
        """The columns of values, `description['values']['names']`, in the table's units."""
        return base.RowOutputs(tuple(description['values']['names']), 'values')

    def read_row(self, codes_L: np.ndarray, description, **where) -> np.ndarray:
        return labelled.read_row(codes_L, description, self.tokenizer, **where)

    def prediction_batch(self, rows, description) -> Batch:
        return labelled.prediction_batch(rows, description, self.tokenizer)

    def predict(self, params, extra, batch: Batch, description) -> Float[Array, 'B C']:
        mean_C, sd_C = (jnp.array([description['values'][key]]) for key in ('mean', 'sd'))
        return self.standardised(params, extra, batch) * sd_C + mean_C

    def evaluate(self, state, datasets, split='test', limit=None) -> dict:
        return evaluate.evaluate(self, state, datasets, split, limit)

    def as_text(self, result: dict) -> str:
        return evaluate.as_text(result)
