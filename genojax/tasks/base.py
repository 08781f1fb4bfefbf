"""The Task protocol: what one purpose (objective, data, evaluation, report) is to the rest.

A task is a folder. Its config class derives from `TaskConfig` and is registered under its `kind`;
its `Task` computes the loss on the shared model, opens its data, evaluates and reports. Nothing
outside `genojax/tasks/` names a task.

A task of another package is found through the entry point group `genojax.tasks`:

    [project.entry-points."genojax.tasks"]
    my_kind = "my_package.my_task:MyConfig"
"""

import abc
import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genojax import metrics, plugins
from genojax.data.datasets import base as datasets_base
from genojax.models import coordinates
from genojax.models.features import Features
from genojax.tasks import frozen, paired, trained
from genojax.tokenizers.base import Tokenizer
from genojax.typing import Array, Batch, Float
from genojax.variants import pair_head

AnyModel = nn.Module | frozen.FrozenModel


@dataclasses.dataclass(frozen=True)
class TaskConfig(plugins.OpenBase):
    """Base of every task's config; a subclass has a field `kind: Literal['its_name']`."""

    group: ClassVar[str] = 'genojax.tasks'
    weight: float = 1.0  # factor of this task's loss in the sum over tasks

    def __post_init__(self):
        if not (np.isfinite(self.weight) and self.weight > 0):
            raise ValueError(f'{self.weight=} must be a positive number')

    def build(self, name: str, model: AnyModel, tokenizer: Tokenizer) -> 'Task':
        """The task of this config under the name that the experiment gives it."""
        raise NotImplementedError


class RowOutputs(NamedTuple):
    """What a task predicts for a row: one number per name.

    Attributes:
        names: of the classes, labels or values, in the order of the columns of `Task.predict`.
        kind: 'classes': probabilities of classes of which a row has one, so they add up to 1.
            'labels': probabilities of labels that a row has or has not, each by itself. 'values':
            numbers in the units of the training table.
    """

    names: tuple[str, ...]
    kind: Literal['classes', 'labels', 'values']


class Task(abc.ABC):
    """One purpose of an experiment.

    Attributes:
        name: the task's name in the experiment; its head's parameters are `params['heads'][name]`.
        config: its config.
        model: the model that all tasks of the experiment share.
        tokenizer: of the experiment.
        head: module of this task's own parameters; None where the model's outputs are enough.
        metric_groups: metric name -> names of its values, for metrics with several values.
        selection_metric: validation metric whose lowest value selects the checkpoint.
        loss_name, loss_unit: what the loss is, for progress lines, axes and captions.
        loss_is_row_mean: whether the loss is the mean over independent rows, or parts of rows, that
            `metrics['loss']` holds as (total, count), so that a step may read its batch in parts
            (`Experiment.accumulate`).
        paired_split: how two runs are compared on the rows of a split; None: they are not.
        init_from: the run or converted model that the run starts from, '' for none; what it has
            read is compared with the task's data.
    """

    head: nn.Module | None = None
    selection_metric = 'loss'
    loss_name, loss_unit = 'loss', ''
    loss_is_row_mean = False
    paired_split: type[paired.PairedSplit] | None = None
    init_from = ''

    def __init__(self, name: str, config: TaskConfig, model: AnyModel, tokenizer: Tokenizer):
        self.name, self.config, self.model, self.tokenizer = name, config, model, tokenizer
        self.metric_groups: dict[str, tuple[str, ...]] = {}

    @property
    def model_config(self):
        return self.model.config

    def misfits(self) -> list[str]:
        """Reasons why the config does not fit the model or the tokenizer, one line each."""
        return []

    @abc.abstractmethod
    def batch_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shapes and dtypes of one global training batch, from the config alone.

        Every batch has `tokens` int32 [B, T] and `valid` int32 [B], the real bases of each row.
        Batches of the validation and test splits are those of `scored_spec`.

        Raises:
            UsageError: the config leaves a size to the data, and `bind` has not filled it in.
        """

    def scored_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shapes and dtypes of a global batch of the validation or the test split.

        A training batch with `weight` float32 [B], 0 for filler rows.
        """
        spec = self.batch_spec()
        rows = spec['tokens'].shape[0]
        return {**spec, 'weight': jax.ShapeDtypeStruct((rows,), jnp.float32)}

    @abc.abstractmethod
    def open(self, workdir: pathlib.Path, seed: int) -> datasets_base.TaskDatasets:
        """Opens, splits and checks the data; simulated data are written to `workdir`.

        Raises:
            UsageError, InputError: the data are missing, damaged or do not fit the model.
        """

    def bind(self, datasets: datasets_base.TaskDatasets) -> 'Task':
        """The same task with the facts that only its data know, such as species names."""
        return self

    def model_inputs(self, batch: Batch) -> dict[str, Array]:
        """Keyword arguments of the model besides the tokens."""
        return {}

    def init_head(self, key: Array, features: Features) -> Any:
        """The head's parameters, boxed with their logical axes; None without a head."""
        return None

    def draw(self, key: Array, batch: Batch) -> Batch:
        """The batch with what the loss draws per row besides dropout, such as masks.

        `loss` draws it for a batch that does not have it. A batch that is read in parts is drawn
        whole first, so that what is drawn does not depend on the parts.

        Args:
            key: as for `loss`.
        """
        return batch

    def initial_extra(self, extra: Any, datasets: datasets_base.TaskDatasets) -> Any:
        """The model's untrained collections before the first step, as the task's data set them.

        Args:
            extra: the collections as arrays or ShapeDtypeStructs; what the task does not set is
                returned as it is.

        Raises:
            UsageError: the model does not fit the data.
        """
        return extra

    @abc.abstractmethod
    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean loss of a batch, and `(extra, metrics)`: updated collections and `MetricState`s.

        Args:
            params: {'model': the shared model's, 'heads': {task name: its head's}}.
            extra: untrained collections of the model.
            batch: arrays of `batch_spec`; rows of weight 0 count for nothing.
            key: of masks and dropout.
            train: False reads without dropout and leaves `extra` as it is.
        """

    def apply_model(self, params, extra, batch: Batch, *, tokens_BT=None, key=None):
        """The model's `Features` of a batch and its updated collections.

        Args:
            tokens_BT: in place of the batch's tokens.
            key: of dropout; None reads without dropout and leaves the collections as they are.
        """
        tokens_BT = batch['tokens'] if tokens_BT is None else tokens_BT
        variables = {'params': params['model'], **extra}
        inputs = self.model_inputs(batch)
        if key is None:
            return self.model.apply(variables, tokens_BT, train=False, **inputs), extra
        return self.model.apply(
            variables,
            tokens_BT,
            train=True,
            rngs={'dropout': key},
            mutable=list(extra),
            **inputs,
        )

    def validate(
        self, state: trained.TrainedState, datasets: datasets_base.TaskDatasets, shard
    ) -> dict[str, metrics.MetricState]:
        """Metrics of the validation split."""
        merged: dict[str, metrics.MetricState] = {}
        for batch, scores in state.scores(self.jitted_validation, datasets.validation(shard)):
            merge_into(merged, self.validation_metrics(batch, scores))
        return merged

    @functools.cached_property
    def jitted_validation(self):
        """The jitted function of (params, extra, batch, key) that `validate` calls.

        By default it returns the metrics of the loss. A plan compiles it too.
        """
        return jax.jit(
            lambda params, extra, batch, key: self.loss(params, extra, batch, key, False)[1][1]
        )

    def validation_metrics(self, batch: Batch, scores: Any) -> dict[str, metrics.MetricState]:
        """The metrics of a validation batch, from what `jitted_validation` returned."""
        return scores

    @abc.abstractmethod
    def evaluate(
        self,
        state: trained.TrainedState,
        datasets: datasets_base.TaskDatasets,
        split: str = 'test',
        limit: int | None = None,
    ) -> dict[str, Any]:
        """Scores of a split beside baselines, with intervals: JSON.

        Args:
            limit: largest number of rows to score; None for all. The result's `limited` then has
                `metrics.limited.entry`, or the task refuses a limit.
        """

    # What the description of the data must have for predictions: fields of `json_files.check`.
    description_fields: Mapping[str, Any] = {}

    def outputs(self, description: Mapping[str, Any]) -> RowOutputs | None:
        """What `predict` returns per row; None for a task that predicts nothing per row.

        Args:
            description: of the datasets that the run was trained on, as `datasets.json` has it
                under the task's name.
        """
        return None

    def track_names(self, description: Mapping[str, Any]) -> dict[str, list[str]]:
        """Names of the tracks that the model's heads predict, by organism, where they are known.

        Args:
            description: as for `outputs`.
        """
        return {}

    def read_row(self, codes_L: np.ndarray, description: Mapping[str, Any], **where) -> np.ndarray:
        """The base codes of a row as the task's training rows were: checked, and trimmed alike.

        Args:
            codes_L: base codes of one sequence, uint8.
            description: as for `outputs`.
            where: `path`, `line`, `record` of an error.

        Raises:
            InputError: the row is too long or too short, or lacks the bases that are trimmed.
        """
        raise NotImplementedError(f'task {self.name!r} predicts nothing per row')

    def compare_rows(
        self, rows: Sequence[np.ndarray], description: Mapping[str, Any]
    ) -> dict[str, int | float]:
        """How rows that `read_row` returned compare with the training rows; {} if unknown."""
        return {}

    def comparison_words(self, counts: Mapping[str, int | float]) -> list[str]:
        """What of the counts of `compare_rows` is worth a sentence."""
        return []

    def prediction_batch(self, rows: Sequence[np.ndarray], description: Mapping[str, Any]) -> Batch:
        """The batch of rows that `read_row` returned, as evaluation has it, without labels.

        Rows are padded to the length of the training rows, so that every batch of N rows has one
        shape, and a row's prediction equals the one behind `evaluate`'s scores.
        """
        raise NotImplementedError(f'task {self.name!r} predicts nothing per row')

    def predict(
        self, params, extra, batch: Batch, description: Mapping[str, Any]
    ) -> Float[Array, 'B C']:
        """Predictions of a batch without dropout, one column per name of `outputs`, float32.

        Args:
            params, extra: as for `loss`.
            batch: of `prediction_batch`.
            description: as for `outputs`; plain values, so that the rest can be jitted over it.
        """
        raise NotImplementedError(f'task {self.name!r} predicts nothing per row')

    def pair_head(self, params: Any, description: Mapping[str, Any]) -> pair_head.PairHead | None:
        """What scores variants, with the head's parameters; None for tasks on other rows.

        Args:
            description: of the data that the task was trained on.
        """
        return None

    @abc.abstractmethod
    def as_text(self, result: dict[str, Any]) -> str:
        """An evaluation as a table for the terminal."""

    def section(self, result: dict | None, description: dict | None, rows: list[dict], renderer):
        """The task's `report.Section`, or None where there is nothing to show.

        By default the metrics as curves and the evaluation as it is.

        Args:
            result: of `evaluate`, read back from JSON; None if it was not run.
            description: of the datasets.
            rows: of metrics.jsonl, this task's metrics without its name in front.
            renderer: draws figures, a `report.Renderer`.
        """
        from genojax.report import sections  # imports matplotlib, which training does not need

        return sections.generic(self.name, (self.loss_name, self.loss_unit), result, rows, renderer)


def merge_into(
    merged: dict[str, metrics.MetricState], states: dict[str, metrics.MetricState]
) -> None:
    """Adds the metrics of one batch to those of the batches before it, in place."""
    for name, state in states.items():
        merged[name] = merged[name].merge(state) if name in merged else state


def coordinate_inputs(task: Task, batch: Batch) -> dict[str, Array]:
    """The model's coordinate along the bases of a batch, for models that need one."""
    return coordinates.model_inputs(
        task.model_config,
        task.tokenizer,
        batch['bases'],
        batch.get('valid'),
        spans_BT2=batch.get('spans'),
    )


def left_out_metric(batch: Batch) -> dict[str, metrics.MetricState]:
    """Share of a batch's bases that had no room in their rows, where the tokenizer counts them."""
    if 'left_out' not in batch:
        return {}
    weight_B = batch['weight'] if 'weight' in batch else jnp.ones(len(batch['left_out']))
    lost = (batch['left_out'] * weight_B).sum()
    return {'left_out': metrics.MetricState(lost, lost + (batch['valid'] * weight_B).sum())}
