"""Contacts from sequence: squared error of log observed / expected between the bins of a window.

Decay with distance is divided out beforehand, so that it lowers no loss.
"""

import dataclasses
import functools
import pathlib
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from genojax import dna, errors, metrics
from genojax.models.features import Features
from genojax.tasks import base
from genojax.tasks.contacts import baselines, comparison, dataset, evaluate, head
from genojax.tokenizers import nucleotide
from genojax.typing import Array, Batch, Float


@dataclasses.dataclass(frozen=True)
class ContactsConfig(base.TaskConfig):
    """Sizes of the head, the motif of the baselines, and the data."""

    kind: Literal['contacts'] = 'contacts'
    width: int = 32  # of the vectors that pairs of bins are made of
    inner: int = 32  # width of the hidden layer of a pair
    # Core of the CTCF motif, IUPAC; baselines count it with at most one mismatch.
    motif: str = baselines.CTCF
    data: dataset.ContactsDataConfig = dataclasses.field(default_factory=dataset.ContactsDataConfig)

    def __post_init__(self):
        super().__post_init__()
        if self.width < 1 or self.inner < 1:
            raise ValueError(f'{self.width=} and {self.inner=} must be at least 1')
        baselines.check_motif(self.motif)

    def build(self, name, model, tokenizer) -> 'Contacts':
        return Contacts(name, self, model, tokenizer)


class Contacts(base.Task):
    """The task; `tasks/contacts/dataset.py` describes a batch."""

    loss_name, loss_unit = 'squared error', 'per pair of bins'
    loss_is_row_mean = True
    paired_split = comparison.ContactPairedSplit
    description_fields = {'length': int, 'crop': int, 'bin': int, 'diagonals': int}

    def __init__(self, name: str, config: ContactsConfig, model, tokenizer):
        super().__init__(name, config, model, tokenizer)
        self.head = head.ContactHead(config.width, config.inner)

    def misfits(self) -> list[str]:
        lines = []
        if not isinstance(self.tokenizer, nucleotide.NucleotideTokenizer):
            lines.append(f"task {self.name!r} needs tokenizer.kind='nucleotide' and tokenizer.k=1")
        spec, data = self.model_config.input_spec(), self.config.data
        if spec.max_tokens is not None and data.length > spec.max_tokens:
            lines.append(
                f'task {self.name!r}: rows of {data.length:,} bases, but the model reads '
                f'{spec.max_tokens:,}'
            )
        if spec.bin and data.length:
            cut = spec.crop * spec.bin
            if data.bin % spec.bin or data.length % spec.bin or cut > data.crop:
                lines.append(
                    f'task {self.name!r}: windows of {data.length:,} bp with contacts between bins '
                    f'of {data.bin:,} bp, {data.crop:,} bp from their ends, do not fit a model '
                    f'with bins of {spec.bin} bp that leaves out {cut:,} bp at either end'
                )
        return lines

    def batch_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        data = self.config.data
        if not data.length:
            raise errors.UsageError(
                f'task {self.name!r}: data.length=0 leaves the sizes to the data. Fix: '
                f'--config.tasks.{self.name}.data.length=BASES, with crop and bin'
            )
        rows, pairs = data.batch_size, (data.batch_size, data.bins, data.bins)
        shapes = {
            'tokens': ((rows, data.length), jnp.int32),
            'contacts': (pairs, jnp.float32),
            'known': (pairs, jnp.bool_),
            'weight': ((rows,), jnp.float32),
            'valid': ((rows,), jnp.int32),
        }
        return {name: jax.ShapeDtypeStruct(*shape) for name, shape in shapes.items()}

    def open(self, workdir: pathlib.Path, seed: int) -> dataset.ContactsDatasets:
        datasets = dataset.ContactsDatasets(self.config.data, seed, self.tokenizer)
        wrong = self._with_data(datasets.config).misfits()
        if wrong:
            raise errors.UsageError('; '.join(wrong))
        return datasets

    def bind(self, datasets: dataset.ContactsDatasets) -> 'Contacts':
        return self._with_data(datasets.config)

    def _with_data(self, data: dataset.ContactsDataConfig) -> 'Contacts':
        config = dataclasses.replace(self.config, data=data)
        return Contacts(self.name, config, self.model, self.tokenizer)

    def init_head(self, key: Array, features: Features):
        return self.head.init(key, self._pooled(features))['params']

    def _pooled(self, features: Features) -> Float[Array, 'B P D']:
        data, spec = self.config.data, self.model_config.input_spec()
        covered = data.length - 2 * spec.crop * spec.bin  # bases that the vectors are of
        per_base = features.hidden_BTD.shape[1] / covered
        return head.pool(features.hidden_BTD, data.centre * per_base, data.bins)

    def contact_map(self, params, extra, batch: Batch, key: Array | None = None):
        """Predicted log observed / expected, float32 [B, P, P], without dropout."""
        features, _ = self.apply_model(params, extra, batch)
        return self._apply_head(params, features)

    def _apply_head(self, params, features: Features) -> Float[Array, 'B P P']:
        return self.head.apply({'params': params['heads'][self.name]}, self._pooled(features))

    @functools.cached_property
    def jitted_map(self):
        return jax.jit(self.contact_map)

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean squared error over known pairs; what unknown ones hold has no effect."""
        features, extra = self.apply_model(params, extra, batch, key=key if train else None)
        known_BPP = batch['known'].astype(bool)
        target_BPP = jnp.where(known_BPP, batch['contacts'], 0.0)
        error_BPP = jnp.where(known_BPP, self._apply_head(params, features) - target_BPP, 0.0)
        weight_BPP = known_BPP * batch['weight'][:, None, None]
        total, count = (error_BPP**2 * weight_BPP).sum(), weight_BPP.sum()
        states = {'loss': metrics.MetricState(total, count)}
        return total / jnp.maximum(count, 1), (extra, states)

    def outputs(self, description) -> base.RowOutputs:
        """One value per pair of bins, named FIRST_SECOND, bins numbered from 0."""
        pairs = pairs_of(description)
        return base.RowOutputs(tuple(f'{i}_{j}' for i, j in pairs.tolist()), 'values')

    def read_row(self, codes_L: np.ndarray, description, **where) -> np.ndarray:
        length = description['length']
        if len(codes_L) != length:
            raise errors.InputError(
                'HC10',
                f'{len(codes_L):,} bases, but contacts are predicted for windows of {length:,}',
                fix=f'cut windows of {length:,} bases, as with --window={length}',
                **where,
            )
        return codes_L

    def prediction_batch(self, rows, description) -> Batch:
        codes_BL = np.stack(rows)
        return {
            'tokens': self.tokenizer.encode(codes_BL, special=False),
            'valid': (codes_BL < dna.UNKNOWN).sum(1).astype(np.int32),
        }

    def predict(self, params, extra, batch: Batch, description) -> Float[Array, 'B C']:
        sizes = {name: description[name] for name in ('length', 'crop', 'bin')}
        data = dataclasses.replace(self.config.data, **sizes)
        y_BPP = self._with_data(data).contact_map(params, extra, batch)
        pair_C2 = pairs_of(description)
        return y_BPP[:, pair_C2[:, 0], pair_C2[:, 1]]

    def evaluate(self, state, datasets, split='test', limit=None) -> dict[str, Any]:
        return evaluate.evaluate(self, state, datasets, split, limit)

    def as_text(self, result: dict) -> str:
        return evaluate.as_text(result)

    def section(self, result, description, rows, renderer):
        from genojax.tasks.contacts import section  # imports matplotlib

        return section.section(result, description, rows, renderer)


def pairs_of(description) -> np.ndarray:
    """The pairs of bins that are predicted, first before second, int64 [C, 2]."""
    bins = (description['length'] - 2 * description['crop']) // description['bin']
    return np.stack(np.triu_indices(bins, description['diagonals']), 1)
