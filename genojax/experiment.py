"""The recipe: one dataclass tree that says everything about a run, and what it builds."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import jax
import ml_collections
from flax import struct
from flax.core import meta

from genojax import config, models, sharding
from genojax import optim as optimizers
from genojax.data import feeds
from genojax.objectives import classify, mlm
from genojax.tokenizers import base, kmer, nucleotide


@dataclasses.dataclass(frozen=True)
class TokenizerConfig:
    """Overlapping k-mers with DNABERT's ids, or single nucleotides (`k` is 1 then)."""

    kind: Literal['kmer', 'nucleotide'] = 'kmer'
    k: int = 6

    def __post_init__(self):
        if self.kind == 'nucleotide' and self.k != 1:
            raise ValueError(f'single nucleotides have k=1, not k={self.k}')


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One run. `init_from` is another run's workdir, whose model parameters this one starts from."""

    model: models.ModelConfig
    objective: mlm.MlmConfig | classify.ClassifyConfig
    data: feeds.GenomesConfig | feeds.LabelledConfig
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
        pretrains = isinstance(self.objective, mlm.MlmConfig)
        if pretrains != isinstance(self.data, feeds.GenomesConfig):
            raise ValueError(
                "objective 'mlm' needs data 'genomes', and 'classify' needs 'labelled'"
            )
        vocab = make_tokenizer(self.tokenizer).vocab_size
        if self.model.vocab != vocab:
            raise ValueError(
                f'model.vocab={self.model.vocab}, but the tokenizer has {vocab} tokens'
            )
        for name in ('steps', 'log_every', 'eval_every', 'save_every', 'keep'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1')


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


def make_tokenizer(config: TokenizerConfig) -> base.Tokenizer:
    return (
        nucleotide.NucleotideTokenizer()
        if config.kind == 'nucleotide'
        else kmer.KmerTokenizer(config.k)
    )


def build(experiment: Experiment, species: tuple[str, ...] = ()) -> mlm.Mlm | classify.Classify:
    """The objective, which holds the model."""
    model = models.build(experiment.model)
    tokenizer = make_tokenizer(experiment.tokenizer)
    match experiment.objective:
        case mlm.MlmConfig():
            return mlm.Mlm(experiment.objective, model, tokenizer, species)
        case classify.ClassifyConfig():
            return classify.Classify(experiment.objective, model, tokenizer)


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
    shardings = sharding.of_variables(boxed, mesh)
    return jax.tree.map(
        lambda leaf, where: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where),
        meta.unbox(boxed),
        shardings,
    )


def count_parameters(state: TrainState) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(state.params))
