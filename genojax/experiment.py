"""An experiment: the config of a run, and the model and tasks that it describes.

Everything here follows from the config alone: no file is opened, except a tokenizer's.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
from flax import struct
from flax.core import meta

from genojax import config, errors, models, sharding, tokenizers
from genojax import optim as optimizers
from genojax.metrics import MetricState
from genojax.optim import trainable
from genojax.tasks import TaskConfig
from genojax.tasks import frozen as frozen_models
from genojax.tasks.base import Task
from genojax.typing import Array, Batch

TokenizerConfig = tokenizers.TokenizerConfig
OptimConfig = optimizers.OptimConfig
MeshConfig = sharding.MeshConfig

# Tasks divide their key into a few: `split(key)[i]` equals `fold_in(key, i)` for small i. The keys
# of other tasks are far from those numbers, so that no two tasks share dropout or masks.
_TASK_STREAM = 2**30
_ADAPTER_STREAM = 2**29  # of the key of the parameters; heads have the numbers from 0
# Steps are int32, and a run has random streams of its own above the last one.
MAX_STEPS = 2**31 - 3


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One run: a model, its tokenizer, and the tasks that train it together.

    The loss is the sum of the tasks' losses, each times its `weight`. Every task has its own data
    and batch size.
    """

    model: models.ModelConfig  # shared by all tasks
    tasks: dict[str, TaskConfig]  # by name
    steps: int  # optimizer updates; may grow where the learning rate does not depend on it
    tokenizer: tokenizers.TokenizerConfigBase = TokenizerConfig()  # of every task
    optim: optimizers.OptimConfig = optimizers.OptimConfig()  # one optimizer for all parameters
    # Another mesh may train on: the batches are the same for any number of devices.
    mesh: sharding.MeshConfig = dataclasses.field(
        default=sharding.MeshConfig(), metadata=config.ROUNDING
    )
    # Microbatches that a step's batches are read in, one after another: less memory for
    # activations, the same loss and gradient. Dropout is drawn per microbatch. 1: whole batches.
    accumulate: int = dataclasses.field(default=1, metadata=config.ROUNDING)
    seed: int = 0  # of the parameters, the order of the data, masks and dropout
    # Another run's workdir or a converted model, whose model parameters this run starts from.
    init_from: str = ''
    # Task whose validation metric selects the best checkpoint; may be empty with a single task.
    select_by: str = ''
    log_every: int = dataclasses.field(default=50, metadata=config.FREE)  # steps per log row
    # Steps between validations; another number may select another best checkpoint.
    validate_every: int = dataclasses.field(default=500, metadata=config.FREE)
    save_every: int = dataclasses.field(default=500, metadata=config.FREE)  # steps per checkpoint
    # Number of newest checkpoints kept; the best one is kept too.
    keep: int = dataclasses.field(default=2, metadata=config.FREE)

    def __post_init__(self):
        # Sorted, so that a config means the same in any order of its tasks.
        object.__setattr__(self, 'tasks', dict(sorted(self.tasks.items())))
        if not self.tasks:
            raise ValueError('tasks is empty: an experiment needs at least one task')
        for name in self.tasks:
            if not name.isidentifier() or len(name) > 99:
                problem = 'must be letters, digits and underscores, at most 99'
                raise ValueError(f'task name {name!r} {problem}')
        if self.select_by not in ('', *self.tasks):
            raise ValueError(f'{self.select_by=} is not one of the tasks {list(self.tasks)}')
        if not self.select_by and len(self.tasks) > 1:
            raise ValueError(
                f'select_by is empty: name the task of {list(self.tasks)} whose validation metric '
                'selects the checkpoint'
            )
        for name in ('steps', 'accumulate', 'log_every', 'validate_every', 'save_every', 'keep'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')
        if self.steps > MAX_STEPS:
            raise ValueError(f'{self.steps=} is more than {MAX_STEPS}')
        if not 0 <= self.seed < 2**32:
            raise ValueError(f'{self.seed=} must be in 0 .. 2^32 - 1')
        if self.optim.warmup > self.steps:
            raise ValueError(
                f'steps={self.steps}, but the learning rate rises over the first '
                f'optim.warmup={self.optim.warmup} steps: the run would end below '
                f'optim.peak={self.optim.peak:g}. Fix: a shorter rise, as in '
                f'--config.optim.warmup={self.steps // 10} (0: none), or more steps'
            )
        if self.tokenizer.kind != 'bpe' or self.tokenizer.file:
            mistakes = misfits(self)
            if mistakes:
                raise ValueError('; '.join(mistakes))

    @property
    def selecting_task(self) -> str:
        """The task that selects the checkpoint."""
        return self.select_by or next(iter(self.tasks))


class TrainState(struct.PyTreeNode):
    """Everything that changes while training.

    Attributes:
        step: number of steps done, int32 scalar.
        params: those that train: {'model': the shared model's, 'heads': {task name: its head's}},
            and adapters (`optim.trainable`).
        extra: the model's untrained collections, such as batch statistics.
        opt_state: of the optimizer.
        frozen: parameters of the model that do not train; {} where all do.
    """

    step: Any
    params: Any
    extra: Any
    opt_state: Any
    frozen: Any = dataclasses.field(default_factory=dict)

    def saved(self) -> dict[str, Any]:
        """What a checkpoint holds: all but the frozen parameters."""
        return {
            'step': self.step,
            'params': self.params,
            'extra': self.extra,
            'opt_state': self.opt_state,
        }


def from_config(values: Mapping[str, Any] | ml_collections.ConfigDict) -> Experiment:
    """The experiment that a ConfigDict or a dictionary describes.

    Raises:
        UsageError: with every mistake, one per line.
    """
    if isinstance(values, ml_collections.ConfigDict):
        values = values.to_dict()
    for old in ('objective', 'data'):
        if old in values and 'tasks' not in values:
            raise errors.UsageError(
                f'the config has a field {old!r} of an earlier version, where a run had one '
                'objective. Fix: describe it as tasks={NAME: ...}, as the files in configs/ do'
            )
    return config.from_dict(Experiment, _with_vocab(values))


def _with_vocab(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A config whose model, if it does not say its `vocab`, has that of the tokenizer."""
    model, kinds = values.get('model'), models.ModelConfig.config_kinds()
    if not isinstance(model, Mapping) or 'vocab' in model or model.get('kind') not in kinds:
        return values
    try:
        fields = {field.name: field for field in dataclasses.fields(kinds[model['kind']])}
        part = config.from_dict(_Tokenized, {n: values[n] for n in ('tokenizer',) if n in values})
        size = tokenizers.make(part.tokenizer).vocab_size
    except (errors.GenojaxError, ValueError):  # told with the other mistakes
        return values
    if 'vocab' not in fields or fields['vocab'].default is not dataclasses.MISSING:
        return values
    return {**values, 'model': {**model, 'vocab': size}}


@dataclasses.dataclass(frozen=True)
class _Tokenized:
    tokenizer: tokenizers.TokenizerConfigBase = TokenizerConfig()


def to_config(experiment: Experiment) -> ml_collections.ConfigDict:
    """The ConfigDict that a file in `configs/` returns; every field of it can be overridden."""
    return ml_collections.ConfigDict(config.to_dict(experiment), convert_dict=True)


def build_tasks(experiment: Experiment) -> dict[str, Task]:
    """The tasks by name, all on one model; none has opened its data."""
    model, train = models.build(experiment.model), experiment.optim.train
    if train.freezes:
        model = frozen_models.FrozenModel(model, dropout=train.kind != 'probe')
    tokenizer = tokenizers.make(experiment.tokenizer)
    tasks = {
        name: task_config.build(name, model, tokenizer)
        for name, task_config in experiment.tasks.items()
    }
    for task in tasks.values():
        task.init_from = experiment.init_from
    return tasks


def misfits(experiment: Experiment) -> list[str]:
    """Why the parts of an experiment do not fit each other, one line per mistake."""
    tokenizer = tokenizers.make(experiment.tokenizer)
    lines = experiment.model.input_spec().mismatches(tokenizer)
    if lines:
        return lines  # a task may rely on a model that reads its tokenizer
    tasks = build_tasks(experiment)
    lines = [line for task in tasks.values() for line in task.misfits()]
    return [*lines, *_whole_batch_reasons(experiment, tasks)]


def _whole_batch_reasons(experiment: Experiment, tasks: Mapping[str, Task]) -> list[str]:
    """Why the batches of an experiment that accumulates must be read whole, one line per reason."""
    if experiment.accumulate == 1:
        return []
    change = f'accumulate={experiment.accumulate} would change'
    fix = 'Fix: --config.accumulate=1, and remat or more devices to save memory'
    lines = [
        f'task {name!r}: {change} its loss, which is no mean over independent rows. {fix}'
        for name, task in tasks.items()
        if not task.loss_is_row_mean
    ]
    if experiment.model.has_batch_statistics and not experiment.optim.train.freezes:
        lines.append(
            f'model {experiment.model.kind!r}: {change} its batch statistics, which are over the '
            f'rows that are read together. {fix}'
        )
    return lines


def init_boxed(
    experiment: Experiment, tasks: Mapping[str, Task], key: Array, batches: Mapping[str, Batch]
) -> TrainState:
    """A fresh state whose parameters are boxed with their logical axes.

    Args:
        batches: one batch per task.
    """
    first = next(iter(tasks.values()))
    inputs = first.model_inputs(batches[first.name])
    variables = dict(first.model.init(key, jnp.asarray(batches[first.name]['tokens']), **inputs))
    model_params = variables.pop('params')
    heads = {}
    for number, (name, task) in enumerate(tasks.items()):
        if task.head is None:
            continue
        unboxed = meta.unbox({'model': model_params})
        features, _ = task.apply_model(unboxed, meta.unbox(variables), batches[name])
        heads[name] = task.init_head(jax.random.fold_in(key, number), features)
    return _divided(experiment, model_params, heads, variables, key)


def _divided(experiment: Experiment, model, heads, extra, key: Array) -> TrainState:
    """A fresh state of boxed parameters, divided into those that train and frozen ones.

    Raises:
        UsageError: nothing trains, or a pattern fits no parameter.
    """
    train = experiment.optim.train
    params, frozen = trainable.split(train, model, jax.random.fold_in(key, _ADAPTER_STREAM))
    if not params and not heads:
        raise errors.UsageError(
            f'optim.train.kind={train.kind!r} trains the heads of tasks, and no task of '
            f'{list(experiment.tasks)} has one. Fix: --config.optim.train=lora, or name what '
            f'trains: --config.optim.train.unfreeze=PATTERN, of {", ".join(model)}'
        )
    params |= {'heads': heads}
    transform = optimizers.make(experiment.optim, experiment.steps)
    return TrainState(jnp.zeros((), jnp.int32), params, extra, transform.init(params), frozen)


def init_state(
    experiment: Experiment, tasks: Mapping[str, Task], key: Array, batches: Mapping[str, Batch]
) -> TrainState:
    """A fresh state of plain arrays."""
    return meta.unbox(init_boxed(experiment, tasks, key, batches))


def abstract(
    experiment: Experiment,
    mesh: sharding.AnyMesh | None = None,
    tasks: Mapping[str, Task] | None = None,
) -> TrainState:
    """The state as ShapeDtypeStructs with shardings: no file is opened, nothing is computed.

    Args:
        mesh: of this machine's devices by default.
        tasks: those of the experiment, bound to their data; by default unbound ones.

    Raises:
        UsageError: a task leaves a size to its data, the model does not fit its input, or a
            parameter does not name its axes.
    """
    mesh = sharding.make_mesh(experiment.mesh) if mesh is None else mesh
    tasks = build_tasks(experiment) if tasks is None else tasks
    return with_shardings(abstract_boxed(experiment, tasks), mesh)


def abstract_boxed(experiment: Experiment, tasks: Mapping[str, Task]) -> TrainState:
    """The state as ShapeDtypeStructs, boxed with the logical axes of the parameters.

    Raises:
        UsageError: as `abstract`.
    """
    specs = {name: task.batch_spec() for name, task in tasks.items()}
    try:
        boxed = jax.eval_shape(
            lambda key, batches: init_boxed(experiment, tasks, key, batches),
            jax.eval_shape(jax.random.key, 0),
            specs,
        )
    except (ValueError, NotImplementedError) as error:
        raise errors.UsageError(f'the model does not fit its data: {error}') from error
    unnamed = [*sharding.without_axes(boxed.params), *sharding.without_axes(boxed.frozen)]
    if unnamed:
        raise errors.UsageError(
            'parameters without names for their axes, so no rule shards them: '
            f'{", ".join(unnamed)}. '
            'Fix: declare them with nn.blocks.param, or flax.linen.with_logical_partitioning'
        )
    return boxed


def with_shardings(boxed: TrainState, mesh: sharding.AnyMesh) -> TrainState:
    """A boxed state's arrays as ShapeDtypeStructs with shardings."""
    shardings = sharding.variable_shardings(boxed, mesh)
    return jax.tree.map(
        lambda leaf, where: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where),
        meta.unbox(boxed),
        shardings,
    )


def trained_by(
    experiment: Experiment, boxed: TrainState, train: trainable.TrainConfig
) -> TrainState:
    """The boxed state that the experiment would have with another `optim.train`.

    Args:
        boxed: of `abstract_boxed`.

    Raises:
        UsageError: nothing would train, or a pattern fits no parameter.
    """
    optim = dataclasses.replace(experiment.optim, train=train)
    other = dataclasses.replace(experiment, optim=optim)
    parts = (trainable.base(boxed.params, boxed.frozen), boxed.params['heads'], boxed.extra)
    key = jax.eval_shape(jax.random.key, 0)
    return jax.eval_shape(lambda parts, key: _divided(other, *parts, key), parts, key)


def check_rows(task: Task, mesh: sharding.AnyMesh, accumulate: int = 1) -> None:
    """Refuses a batch whose rows do not divide over a mesh, or over the microbatches of a step.

    Raises:
        UsageError: with the fields to change.
    """
    rows = task.batch_spec()['tokens'].shape[0]
    ways = mesh.shape['data'] * mesh.shape['fsdp']
    if rows % (ways * accumulate) == 0:
        return
    whole = -(-rows // (ways * accumulate)) * ways * accumulate
    paths = [path for path, _ in config.leaves(task.config) if path.endswith('batch_size')]
    fix = ', '.join(f'--config.tasks.{task.name}.{path}={whole}' for path in paths)
    if rows % ways:
        raise errors.UsageError(
            f'task {task.name!r}: a batch of {rows} rows does not divide over {ways} devices '
            f'(mesh data x fsdp). Fix: {fix}, or change mesh.data and mesh.fsdp'
        )
    raise errors.UsageError(
        f'task {task.name!r}: a batch of {rows} rows, {rows // ways} per device, does not '
        f'divide into {accumulate} microbatches. Fix: {fix}, or change accumulate'
    )


def task_key(key: Array, number: int) -> Array:
    """The key of task `number` in a step; the first task, so any single one, has `key` itself."""
    return jax.random.fold_in(key, _TASK_STREAM + number) if number else key


def joint_loss(
    tasks: Mapping[str, Task], params, extra, batches: Mapping[str, Batch], key: Array, train=True
):
    """The weighted sum of the tasks' losses, and `(extra, {'TASK/METRIC': MetricState})`.

    Each task has the key `task_key`. Untrained collections pass through the tasks in order.
    """
    total, states = jnp.zeros(()), {}
    for number, (name, task) in enumerate(tasks.items()):
        loss, (extra, parts) = task.loss(params, extra, batches[name], task_key(key, number), train)
        total += task.config.weight * loss
        states |= {f'{name}/{metric}': state for metric, state in parts.items()}
    states['loss'] = MetricState(total, jnp.ones_like(total))
    return total, (extra, states)


def count_parameters(state: TrainState) -> int:
    """Number of parameters, trained and frozen."""
    return trainable.count((state.params, state.frozen))
