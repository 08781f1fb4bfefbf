"""What tasks on labelled rows share: a linear head on the vectors of the model, rows, predictions.

A task adds its labels, its loss and what the head's outputs mean.
"""

import abc
import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genojax import errors
from genojax.models.features import Features
from genojax.nn import blocks
from genojax.tasks import base
from genojax.tasks.labelled import dataset, prediction_rows, training_rows
from genojax.typing import Array, Batch, Float

_NEEDED = {'mean': ('pooled',), 'first': ('first',), 'positions': ('pooled', 'hidden')}


# What predictions need of the description of a run's datasets (`json_files.check`).
DESCRIPTION = {
    'length': int,
    'classes?': [str],
    'training_rows?': training_rows.FIELDS,
    'trim?': {
        **{'left': int, 'right': int},
        **dict.fromkeys(('left_bases', 'right_bases'), (str, type(None))),
    },
    'values?': {'names': [str], 'mean': [(int, float)], 'sd': [(int, float)]},
}


@dataclasses.dataclass(frozen=True)
class RowTaskConfig(base.TaskConfig):
    """How a row is read from the model.

    `pool` names the vectors that the linear map takes. 'mean': the mean of the token vectors.
    'first': the first token's vector ([CLS]). 'positions': the mean, and every token's vector by
    weights of its own position that start at zero; for rows of one length that are aligned to
    something, such as a transcription start.
    """

    pool: Literal['mean', 'first', 'positions'] = 'mean'
    dropout: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.dropout < 1:
            raise ValueError(f'{self.dropout=} must be in [0, 1)')


class RowHead(nn.Module):
    """Dropout and a linear map from a model's features to `size` numbers per row."""

    size: int
    pool: str
    dropout: float

    @nn.compact
    def __call__(self, features: Features, train: bool = False) -> Float[Array, 'B C']:
        drop = nn.Dropout(self.dropout, deterministic=not train)
        x_BD = features.first_BD if self.pool == 'first' else features.pooled_BD
        output_BC = blocks.dense(self.size, ('embed', 'classes'), name='linear')(drop(x_BD))
        if self.pool == 'positions':
            x_BTD = drop(features.hidden_BTD)
            shape, axes = (*x_BTD.shape[1:], self.size), ('positions', 'embed', 'classes')
            kernel_TDC = blocks.param(self, 'kernel', nn.initializers.zeros, axes, shape)
            output_BC += jnp.einsum('BTD,TDC->BC', x_BTD, kernel_TDC.astype(x_BTD.dtype))
        return output_BC.astype(jnp.float32)


class RowTask(base.Task):
    """A task on the rows of a table.

    A batch holds `tokens` [B, T], `bases` uint8 [B, L], `weight` float32 [B], `valid` int32 [B] and
    the arrays of `label_spec`.
    """

    def __init__(self, name: str, config: RowTaskConfig, model, tokenizer, size: int):
        """`size`: outputs of the head."""
        super().__init__(name, config, model, tokenizer)
        self.head = RowHead(size, config.pool, config.dropout)

    def misfits(self) -> list[str]:
        missing = set(_NEEDED[self.config.pool]) - set(self.model_config.outputs)
        if missing:
            return [
                f'task {self.name!r} pools by {self.config.pool!r}, and the model '
                f'{self.model_config.kind!r} has no output {", ".join(sorted(missing))}'
            ]
        return []

    @abc.abstractmethod
    def label_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shapes and dtypes of the labels of a batch."""

    def batch_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        data = self.config.data
        if not data.length:
            raise errors.UsageError(
                f'task {self.name!r}: data.length=0 leaves the length of a row to the table. '
                f'Fix: --config.tasks.{self.name}.data.length=BASES'
            )
        shapes = self.tokenizer.batch_shapes(data.batch_size, data.length)
        return {
            'bases': jax.ShapeDtypeStruct((data.batch_size, data.length), jnp.uint8),
            **self.label_spec(),
            'weight': jax.ShapeDtypeStruct((data.batch_size,), jnp.float32),
            **{name: jax.ShapeDtypeStruct(shape, jnp.int32) for name, shape in shapes.items()},
        }

    def open_rows(self, datasets: type[dataset.RowDatasets], seed: int) -> dataset.RowDatasets:
        """Opens the task's table."""
        return datasets(self.config.data, seed, self.tokenizer, self.init_from)

    def bind(self, datasets: dataset.RowDatasets) -> 'RowTask':
        data = dataclasses.replace(self.config.data, length=datasets.length)
        config = dataclasses.replace(self.config, data=data)
        return type(self)(self.name, config, self.model, self.tokenizer)

    def model_inputs(self, batch: Batch) -> dict[str, Array]:
        return base.coordinate_inputs(self, batch)

    def init_head(self, key: Array, features: Features):
        return self.head.init(key, features)['params']

    def apply_head(self, params, features, key=None, train=False) -> Float[Array, 'B C']:
        """The head's outputs.

        Args:
            key: of dropout, where `train`.
        """
        variables = {'params': params['heads'][self.name]}
        rngs = {'dropout': key} if train else None
        return self.head.apply(variables, features, train=train, rngs=rngs)

    def row_outputs(self, params, extra, batch: Batch) -> Float[Array, 'B C']:
        """The head's outputs for a batch, without dropout."""
        features, _ = self.apply_model(params, extra, batch)
        return self.apply_head(params, features)

    description_fields = DESCRIPTION

    def read_row(self, codes_L: np.ndarray, description, **where) -> np.ndarray:
        return prediction_rows.read_row(codes_L, description, self.tokenizer, **where)

    def compare_rows(self, rows, description) -> dict[str, int | float]:
        known = description.get('training_rows')  # absent in runs of earlier versions
        return training_rows.compare(rows, known) if known else {}

    def comparison_words(self, counts) -> list[str]:
        return training_rows.words(counts) if counts else []

    def prediction_batch(self, rows, description) -> Batch:
        return prediction_rows.batch(rows, description, self.tokenizer)
