"""The recipe: one dataclass tree that says everything about a run, and what it builds."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import ml_collections
import numpy as np
from flax import struct
from flax.core import meta

from genojax import config, models, sharding, tokenizers
from genojax import optim as optimizers
from genojax.tasks import feeds
from genojax.tasks.classification import objective as classify
from genojax.tasks.coverage import objective as tracks
from genojax.tasks.masked_lm import objective as mlm

TokenizerConfig = tokenizers.TokenizerConfig
make_tokenizer = tokenizers.make

_DATA_OF = {'mlm': 'genomes', 'classify': 'labelled', 'tracks': 'tracks'}  # objective -> data


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One run. `init_from` is another run's workdir or a converted model, whose parameters this one starts from."""

    model: models.ModelConfig
    objective: mlm.MlmConfig | classify.ClassifyConfig | tracks.TracksConfig
    data: feeds.GenomesConfig | feeds.LabelledConfig | feeds.TracksConfig
    steps: int
    tokenizer: TokenizerConfig = TokenizerConfig()
    optim: optimizers.OptimConfig = optimizers.OptimConfig()
    mesh: sharding.MeshConfig = sharding.MeshConfig()
    seed: int = 0
    init_from: str = ''
    log_every: int = 50  # steps
    eval_every: int = 500
    save_every: int = 500
    keep: int = 2  # newest checkpoints that stay; the best one stays too

    def __post_init__(self):
        if _DATA_OF[self.objective.kind] != self.data.kind:
            pairs = ', '.join(f'{of!r} needs {data!r}' for of, data in _DATA_OF.items())
            raise ValueError(f'objective and data do not go together: {pairs}')
        if self.objective.kind == 'mlm' and not self.model.has_lm_head:
            raise ValueError(
                f"objective 'mlm' needs a model that scores every token, and this {self.model.kind!r} does not"
            )
        if self.tokenizer.kind != 'bpe' or self.tokenizer.file:
            self._refuse_other_ids(make_tokenizer(self.tokenizer))
        for name in ('steps', 'log_every', 'eval_every', 'save_every', 'keep'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')

    def _refuse_other_ids(self, tokenizer) -> None:
        wrong = self.model.input_spec().mismatches(tokenizer)
        if wrong:
            raise ValueError('; '.join(wrong))


Objective = mlm.Mlm | classify.Classify | tracks.Tracks


class TrainState(struct.PyTreeNode):
    """Everything that changes while training. `extra` holds the model's untrained collections."""

    step: Any  # int32 scalar
    params: Any
    extra: Any
    opt_state: Any


def from_config(values: Mapping[str, Any]) -> Experiment:
    """The experiment that a ConfigDict or a dictionary means; every mistake in one UsageError."""
    if isinstance(values, ml_collections.ConfigDict):
        values = values.to_dict()
    return config.from_dict(Experiment, values)


def to_config(experiment: Experiment) -> ml_collections.ConfigDict:
    """The ConfigDict that a file in `configs/` returns, so that any field can be overridden by a flag."""
    return ml_collections.ConfigDict(config.to_dict(experiment), convert_dict=True)


def build(
    experiment: Experiment,
    species: tuple[str, ...] = (),
    track_means: Mapping[str, np.ndarray] | None = None,
) -> Objective:
    """The objective, which holds the model.

    Args:
        species: names in the order of a batch's numbers.
        track_means: of objective 'tracks' (see there).
    """
    model = models.build(experiment.model)
    tokenizer = make_tokenizer(experiment.tokenizer)
    match experiment.objective:
        case mlm.MlmConfig():
            return mlm.Mlm(experiment.objective, model, tokenizer, species)
        case classify.ClassifyConfig():
            return classify.Classify(experiment.objective, model, tokenizer)
        case tracks.TracksConfig():
            return tracks.Tracks(experiment.objective, model, tokenizer, species, track_means)


def init_boxed(experiment: Experiment, objective, key: jax.Array, batch) -> TrainState:
    """A fresh state whose parameters are boxed with their logical axes."""
    variables = dict(objective.init(key, batch))
    params = variables.pop('params')
    transform = optimizers.make(experiment.optim, experiment.steps)
    return TrainState(
        jax.numpy.zeros((), jax.numpy.int32), params, variables, transform.init(params)
    )


def init_state(experiment: Experiment, objective, key: jax.Array, batch) -> TrainState:
    """A fresh state of plain arrays."""
    return meta.unbox(init_boxed(experiment, objective, key, batch))


def abstract(experiment: Experiment, objective, batch, mesh: jax.sharding.Mesh) -> TrainState:
    """The state as ShapeDtypeStructs with their shardings: nothing is computed.

    Args:
        batch: arrays or ShapeDtypeStructs of one batch.
    """
    boxed = jax.eval_shape(
        lambda key, batch: init_boxed(experiment, objective, key, batch), jax.random.key(0), batch
    )
    shardings = sharding.variable_shardings(boxed, mesh)
    return jax.tree.map(
        lambda leaf, where: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where),
        meta.unbox(boxed),
        shardings,
    )


def count_parameters(state: TrainState) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(state.params))
