"""GC content of simulated sequences by regression: a task that genojax knows nothing of."""

import dataclasses
import functools
import pathlib
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from gc_content import dataset

from genojax import errors, metrics
from genojax.nn import blocks
from genojax.tasks import base


@dataclasses.dataclass(frozen=True)
class GcContentConfig(base.TaskConfig):
    """The size of the data; everything else is fixed."""

    kind: Literal['gc_content'] = 'gc_content'
    rows: int = 64  # per split
    length: int = 32  # bases per row
    batch_size: int = 8

    def build(self, name, model, tokenizer) -> 'GcContent':
        return GcContent(name, self, model, tokenizer)


class GcHead(nn.Module):
    """A linear map of the mean token vector to one number."""

    @nn.compact
    def __call__(self, features):
        return blocks.dense(1, ('embed', 'classes'), name='linear')(features.pooled_BD)[:, 0]


class GcContent(base.Task):
    """Squared error of the share of C and G in a row."""

    loss_name, loss_unit = 'squared error of the GC content', 'per row'

    def __init__(self, name, config: GcContentConfig, model, tokenizer):
        super().__init__(name, config, model, tokenizer)
        self.head = GcHead()

    def batch_spec(self):
        rows, length = self.config.batch_size, self.config.length
        return {
            'bases': jax.ShapeDtypeStruct((rows, length), jnp.uint8),
            'gc': jax.ShapeDtypeStruct((rows,), jnp.float32),
            'weight': jax.ShapeDtypeStruct((rows,), jnp.float32),
            **{
                name: jax.ShapeDtypeStruct(shape, jnp.int32)
                for name, shape in self.tokenizer.batch_shapes(rows, length).items()
            },
        }

    def open(self, workdir: pathlib.Path, seed: int) -> dataset.GcDatasets:
        return dataset.GcDatasets(self.config, seed, self.tokenizer)

    def model_inputs(self, batch):
        return base.coordinate_inputs(self, batch)

    def init_head(self, key, features):
        return self.head.init(key, features)['params']

    def loss(self, params, extra, batch, key, train=True):
        features, extra = self.apply_model(params, extra, batch, key=key if train else None)
        predicted_B = self.head.apply({'params': params['heads'][self.name]}, features)
        weight_B = batch['weight']
        total = (jnp.square(predicted_B - batch['gc']) * weight_B).sum()
        states = {'loss': metrics.MetricState(total, weight_B.sum())}
        return total / jnp.maximum(weight_B.sum(), 1), (extra, states)

    def outputs(self, description):
        return base.RowOutputs(('gc',), 'values')

    def read_row(self, codes_L, description, **where):
        length = description['length']
        if len(codes_L) != length:
            raise errors.InputError(
                'EM01',
                f'{len(codes_L)} bases, but the model reads {length}',
                fix=f'--window={length}',
                **where,
            )
        return codes_L

    def prediction_batch(self, rows, description):
        codes_BL = np.stack(rows)
        valid_B = np.full(len(rows), codes_BL.shape[1])
        return {'bases': codes_BL, **self.tokenizer.batch_entries(codes_BL, valid_B)}

    def predict(self, params, extra, batch, description):
        features, _ = self.apply_model(params, extra, batch)
        return self.head.apply({'params': params['heads'][self.name]}, features)[:, None]

    @functools.cached_property
    def jitted_predict(self):
        return jax.jit(lambda params, extra, batch, key: self.predict(params, extra, batch, None))

    def evaluate(self, state, datasets, split='test', limit=None):
        wrong = {'model': [], 'training_mean': []}
        mean = datasets.gc['train'].mean()
        for batch, predicted_B1 in state.scores(self.jitted_predict, datasets.split(split)):
            known_B = batch['weight'] > 0
            wrong['model'] += (predicted_B1[:, 0] - batch['gc'])[known_B].tolist()
            wrong['training_mean'] += (mean - batch['gc'])[known_B].tolist()
        rmse = {name: float(np.sqrt(np.square(x).mean())) for name, x in wrong.items()}
        return {'split': split, 'rmse': rmse, 'rows': len(wrong['model'])}

    def as_text(self, result):
        lines = [f'{name}: root mean square error {x:.4f}' for name, x in result['rmse'].items()]
        return '\n'.join([*lines, f'{result["rows"]} {result["split"]} rows'])
