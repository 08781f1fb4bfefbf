"""Coverage tracks from sequence: Poisson likelihood of the reads per bin, one head per organism.

Avsec et al. 2021, Methods: the mean over bins and tracks of y_hat - y log y_hat, organisms in
alternate steps. Linder et al. 2025 (Borzoi) divide it: a Poisson term for a window's total,
weighted by `total_weight`, and a multinomial term for the bins of the reads in the window. With
total_weight = 1 the two are the same number, since for y ~ Poisson(y_hat)
sum(y_hat - y log y_hat) = (S_hat - S log S_hat) - sum y log(y_hat / S_hat), S being sums over bins.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from genojax import errors, metrics
from genojax.tasks import base
from genojax.tasks.coverage import comparison, dataset, evaluate
from genojax.tokenizers import nucleotide
from genojax.typing import Array, Batch, Bool, Float

_MIN_MEAN = 1e-3  # reads per bin; tracks with fewer are weighed as if they had this many
_EPSILON = 1e-7  # reads; keeps the logarithm finite, as in Enformer's training code


@dataclasses.dataclass(frozen=True)
class CoverageConfig(base.TaskConfig):
    """The likelihood, how tracks are weighed against each other, and the data."""

    kind: Literal['coverage'] = 'coverage'
    loss: Literal['poisson', 'poisson_multinomial'] = 'poisson'
    total_weight: float = 0.2  # of a window's total in 'poisson_multinomial'
    # Each track's loss is divided by its mean over the training windows to this power. 0: tracks
    # count by their reads, as published; 1: tracks count equally, and the bins of rare high peaks
    # dominate the gradient; 0.5 is between.
    balance: float = 0.0
    data: dataset.CoverageDataConfig = dataclasses.field(
        default_factory=lambda: dataset.CoverageDataConfig(organisms={'human': 'hg38'})
    )

    def __post_init__(self):
        super().__post_init__()
        if not self.total_weight > 0:
            raise ValueError(f'{self.total_weight=} must be above 0')
        if not 0 <= self.balance <= 1:
            raise ValueError(f'{self.balance=} must be in [0, 1]')

    def build(self, name, model, tokenizer) -> 'Coverage':
        return Coverage(name, self, model, tokenizer)


class Coverage(base.Task):
    """The task; `tasks/coverage/rows.py` describes a batch.

    Args:
        means: organism -> each track's mean over the training windows, [C]; ones where absent.
    """

    loss_name, loss_unit = 'Poisson loss', 'per bin and track'
    loss_is_row_mean = True
    paired_split = comparison.TrackPairedSplit

    def __init__(
        self,
        name: str,
        config: CoverageConfig,
        model,
        tokenizer,
        means: Mapping[str, np.ndarray] | None = None,
    ):
        super().__init__(name, config, model, tokenizer)
        self.organisms = tuple(config.data.organisms)
        self.means = {key: np.maximum(mean_C, _MIN_MEAN) for key, mean_C in (means or {}).items()}
        self.metric_groups = {'loss/organism': self.organisms}

    def misfits(self) -> list[str]:
        model, data = self.model_config, self.config.data
        if not model.track_heads:
            return [f'task {self.name!r}: a model {model.kind!r} predicts no tracks']
        lines = []
        if not isinstance(self.tokenizer, nucleotide.NucleotideTokenizer):
            lines.append(f"task {self.name!r} needs tokenizer.kind='nucleotide' and tokenizer.k=1")
        missing = [name for name in self.organisms if name not in model.track_heads]
        if missing:
            lines.append(
                f'task {self.name!r}: the data have organisms {list(self.organisms)}, '
                f'the model has heads {list(model.track_heads)}'
            )
        spec = model.input_spec()
        if spec.bin != data.bin:
            lines.append(
                f'task {self.name!r}: data.bin={data.bin}, but the model predicts bins of '
                f'{spec.bin} bp. Fix: --config.tasks.{self.name}.data.bin={spec.bin}, or change '
                'model.stages'
            )
        if bool(model.accessibility_inputs) != bool(data.accessibility):
            lines.append(
                f'task {self.name!r}: the model reads {model.accessibility_inputs} accessibility '
                f'tracks, and data.accessibility has {len(data.accessibility) or "no"} rules. '
                'Fix: set model.kind and model.inputs, or data.accessibility'
            )
        if model.reads_contacts != bool(data.contacts):
            verb = 'reads' if model.reads_contacts else 'does not read'
            lines.append(
                f'task {self.name!r}: the model {verb} contacts, and data.contacts='
                f'{data.contacts!r}. Fix: set model.contacts, or data.contacts and data.contact_bin'
            )
        return lines

    def batch_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        data = self.config.data
        if not data.length:
            raise errors.UsageError(
                f'task {self.name!r}: data.length=0 leaves the length of a row to the data. '
                f'Fix: --config.tasks.{self.name}.data.length=BASES'
            )
        rows, bins = data.batch_size, data.length // data.bin
        tracks = max(self.model_config.track_heads[name] for name in self.organisms)
        shapes = {
            'tokens': ((rows, data.length), jnp.int32),
            'targets': ((rows, bins, tracks), jnp.float32),
            'known': ((rows, bins, tracks), jnp.bool_),
            'organism': ((rows,), jnp.int32),
            'weight': ((rows,), jnp.float32),
            'valid': ((rows,), jnp.int32),
        }
        if data.accessibility:
            inputs = self.model_config.accessibility_inputs
            shapes['accessibility'] = ((rows, bins, inputs), jnp.float32)
            shapes['accessibility_known'] = ((rows, bins), jnp.bool_)
        if data.contacts:
            pairs = (data.length // data.contact_bin,) * 2
            shapes['contacts'] = ((rows, *pairs), jnp.float32)
        return {name: jax.ShapeDtypeStruct(*shape) for name, shape in shapes.items()}

    def open(self, workdir: pathlib.Path, seed: int) -> dataset.CoverageDatasets:
        datasets = dataset.CoverageDatasets(self.config.data, seed, self.tokenizer, workdir)
        self._check(datasets)
        return datasets

    def _check(self, datasets: dataset.CoverageDatasets) -> None:
        """Refuses data that the model's heads, inputs or crop do not fit."""
        model = self.model_config
        heads = {name: model.track_heads[name] for name in self.organisms}
        if heads != datasets.track_counts:
            raise errors.UsageError(
                f'the data have tracks {datasets.track_counts}, the model {heads}. '
                'Fix: set model.organisms and model.tracks'
            )
        inputs = len(datasets.sources[0].inputs)
        if model.accessibility_inputs != inputs:
            raise errors.UsageError(
                f'the model reads {model.accessibility_inputs} accessibility tracks, the data have '
                f'{inputs}. Fix: set model.kind and model.inputs, or data.accessibility'
            )
        crop = model.input_spec().crop
        for source in datasets.sources:
            if source.pieces > 1 and crop > source.flank:
                raise errors.UsageError(
                    f'model.crop={crop} leaves out bins that no other of the {source.pieces} '
                    f'pieces of a window has: at most {source.flank} for rows of '
                    f'{source.length:,} bp'
                )

    def bind(self, datasets: dataset.CoverageDatasets) -> 'Coverage':
        data = dataclasses.replace(self.config.data, length=datasets.length)
        config = dataclasses.replace(self.config, data=data)
        return Coverage(self.name, config, self.model, self.tokenizer, datasets.track_means)

    def model_inputs(self, batch: Batch) -> dict[str, Array]:
        names = {
            'accessibility': 'accessibility_BNA',
            'accessibility_known': 'accessibility_known_BN',
            'contacts': 'contacts_BPP',
        }
        return {names[name]: jnp.asarray(batch[name]) for name in names if name in batch}

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean loss over known bins and tracks, and its parts by organism."""
        features, extra = self.apply_model(params, extra, batch, key=key if train else None)
        totals, counts = [], []
        for number, name in enumerate(self.organisms):
            total, count = self._of_organism(self._head(features, name, batch), batch, number)
            totals.append(total)
            counts.append(count)
        total_O, count_O = jnp.stack(totals), jnp.stack(counts)
        states = {
            'loss': metrics.MetricState(total_O.sum(), count_O.sum()),
            'loss/organism': metrics.MetricState(total_O, count_O),
        }
        return total_O.sum() / jnp.maximum(count_O.sum(), 1), (extra, states)

    def predict(
        self, params, extra, batch: Batch, key: Array | None = None
    ) -> dict[str, Float[Array, 'B P C']]:
        """Expected reads by organism, in the bins that the model predicts."""
        features, _ = self.apply_model(params, extra, batch)
        return {name: self._head(features, name, batch) for name in self.organisms}

    @functools.cached_property
    def jitted_predict(self):
        return jax.jit(self.predict)

    def _head(self, features, name: str, batch: Batch) -> Float[Array, 'B P C']:
        """Predictions for one organism.

        Raises:
            ValueError: the model has no such head, or its bins or tracks do not fit the batch.
        """
        if features.tracks is None or name not in features.tracks:
            heads = (
                'no tracks' if features.tracks is None else f'heads {", ".join(features.tracks)}'
            )
            raise ValueError(f'the data have organism {name!r}, the model {heads}')
        predicted_BPC = features.tracks[name]
        bins, tracks = batch['targets'].shape[1:]
        spare = bins - predicted_BPC.shape[1]
        if predicted_BPC.shape[2] > tracks or spare < 0 or spare % 2:
            raise ValueError(
                f'the head of {name!r} gives {predicted_BPC.shape[1]} bins x '
                f'{predicted_BPC.shape[2]} tracks, the data {bins} x at most {tracks}'
            )
        return predicted_BPC

    def _of_organism(self, predicted_BPC, batch: Batch, number: int) -> tuple[Array, Array]:
        """Sum of losses and of known bins of the rows of one organism."""
        _, bins, count = predicted_BPC.shape
        target_BPC, known_BPC = (
            evaluate.centre(jnp.asarray(batch[name]), bins)[..., :count]
            for name in ('targets', 'known')
        )
        known_BPC = known_BPC.astype(bool)
        target_BPC = jnp.where(known_BPC, target_BPC, 0)  # whatever an unknown bin holds
        row_B = jnp.where(batch['organism'] == number, batch['weight'], 0.0)
        weight_BPC = known_BPC * row_B[:, None, None]
        if self.config.loss == 'poisson':
            loss_BPC = poisson(predicted_BPC, target_BPC)
        else:
            loss_BPC = poisson_multinomial(
                predicted_BPC, target_BPC, known_BPC, self.config.total_weight
            )
        if self.config.balance:
            name = self.organisms[number]
            mean_C = self.means.get(name, np.ones(count, np.float32))
            loss_BPC /= (mean_C**self.config.balance)[None, None]
        return (loss_BPC * weight_BPC).sum(), weight_BPC.sum()

    def track_names(self, description: Mapping[str, Any]) -> dict[str, list[str]]:
        return {
            name: row['names'] for name, row in description['organisms'].items() if 'names' in row
        }

    def evaluate(self, state, datasets, split='test', limit=None) -> dict:
        return evaluate.evaluate(self, state, datasets, split, limit)

    def as_text(self, result: dict) -> str:
        return evaluate.as_text(result)

    def section(self, result, description, rows, renderer):
        from genojax.tasks.coverage import section  # imports matplotlib

        return section.section(result, description, rows, renderer)


def poisson(
    predicted_BPC: Float[Array, 'B P C'], target_BPC: Float[Array, 'B P C']
) -> Float[Array, 'B P C']:
    """Negative log likelihood of reads, without the term that depends on the target only."""
    return predicted_BPC - target_BPC * jnp.log(predicted_BPC + _EPSILON)


def poisson_multinomial(
    predicted_BPC: Float[Array, 'B P C'],
    target_BPC: Float[Array, 'B P C'],
    known_BPC: Bool[Array, 'B P C'],
    total_weight: float,
) -> Float[Array, 'B P C']:
    """Negative log likelihood of a window's total and of the positions of its reads.

    The term of the total is divided among the known bins, so that the mean over known bins is the
    loss. Unknown bins count in neither total, and their values have no meaning.
    """
    known_BPC = known_BPC.astype(jnp.float32)
    bins_B1C = jnp.maximum(known_BPC.sum(1, keepdims=True), 1)
    hat_B1C = (predicted_BPC * known_BPC).sum(1, keepdims=True) + _EPSILON
    sum_B1C = (target_BPC * known_BPC).sum(1, keepdims=True)
    total_B1C = (hat_B1C - sum_B1C * jnp.log(hat_B1C)) / bins_B1C
    where_BPC = -target_BPC * (jnp.log(predicted_BPC + _EPSILON) - jnp.log(hat_B1C))
    return where_BPC + total_weight * total_B1C
