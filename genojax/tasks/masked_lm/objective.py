"""Masked language modelling with any tokenizer, scored in bits per base so that tokenizers compare.

The loss is the cross-entropy of the hidden tokens. What is hidden, and how many bits a hidden base
costs, depends on whether tokens overlap (`masks`): `span_masks` (DNABERT's k-mers, single
nucleotides) and `token_masks` (non-overlapping k-mers, BPE) implement the two cases.
"""

import dataclasses
import functools
import pathlib
from typing import Literal

import jax
import jax.numpy as jnp

from genojax import metrics
from genojax.tasks import base
from genojax.tasks.masked_lm import dataset, evaluate, masking, masks
from genojax.typing import Array, Batch, Float


@dataclasses.dataclass(frozen=True)
class MaskedLmConfig(base.TaskConfig):
    """Masked language modelling on windows of genomes."""

    kind: Literal['masked_lm'] = 'masked_lm'
    mask: masking.MaskConfig = masking.MaskConfig()  # of training
    # Of validation and test, so that runs with other masks compare; None: as in training.
    test_mask: masking.MaskConfig | None = None
    data: dataset.GenomesDataConfig = dataset.GenomesDataConfig()

    def build(self, name, model, tokenizer) -> 'MaskedLm':
        return MaskedLm(name, self, model, tokenizer)


class MaskedLm(base.Task):
    """The task; its loss is for training, `score` gives bits per base.

    A batch holds `tokens` [B, T] with special tokens, `bases` uint8 [B, L], `regions` uint8 [B, L],
    `species` int32 [B], `valid` int32 [B], in evaluation `weight` [B], and with tokenizers that do
    not overlap `spans` [B, T, 2] and `left_out` [B].
    """

    selection_metric = 'bits_per_base'
    loss_name, loss_unit = 'cross-entropy of the hidden tokens', 'nats per token'
    loss_is_row_mean = True
    paired_split = evaluate.WindowPairedSplit

    def __init__(self, name, config: MaskedLmConfig, model, tokenizer):
        super().__init__(name, config, model, tokenizer)
        self.masks = masks.build(tokenizer)
        self._name_groups(())

    def _name_groups(self, species: tuple[str, ...]) -> None:
        self.species = species
        self.metric_groups = {
            'loss/species': species,
            'loss/region': masks.LOSS_REGIONS,
            'bits_per_base/species': species,
        }

    def misfits(self) -> list[str]:
        lines = []
        if not self.model_config.has_lm_head:
            lines.append(
                f'task {self.name!r} needs a model that scores every token, and '
                f'{self.model_config.kind!r} does not'
            )
        coordinate = self.model_config.input_spec().coordinate
        if not self.tokenizer.bases_per_token and coordinate != 'tokens':
            lines.append(
                f'model.coordinate={coordinate!r} counts bases, which reveals '
                'the length of a hidden BPE token. Fix: --config.model.coordinate=tokens, or a '
                'tokenizer of k-mers or nucleotides'
            )
        length, token = self.config.data.mixture.length, self.tokenizer.bases_per_token
        if self.tokenizer.overlapping and length < token:
            lines.append(
                f'task {self.name!r}: data.mixture.length={length} is shorter than a token of '
                f'{token} bases'
            )
        counted = self.model_config.counted_contexts
        return lines + dataset.count_misfits(counted, self.config.data)

    def batch_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        mixture = self.config.data.mixture
        rows, length = mixture.batch_size, mixture.length
        return {
            'bases': jax.ShapeDtypeStruct((rows, length), jnp.uint8),
            'regions': jax.ShapeDtypeStruct((rows, length), jnp.uint8),
            'species': jax.ShapeDtypeStruct((rows,), jnp.int32),
            **{
                name: jax.ShapeDtypeStruct(shape, jnp.int32)
                for name, shape in self.tokenizer.batch_shapes(rows, length).items()
            },
        }

    def open(self, workdir: pathlib.Path, seed: int) -> dataset.MaskedLmDatasets:
        return dataset.MaskedLmDatasets(self.config.data, seed, self.tokenizer, workdir)

    def bind(self, datasets: dataset.MaskedLmDatasets) -> 'MaskedLm':
        bound = MaskedLm(self.name, self.config, self.model, self.tokenizer)
        bound._name_groups(datasets.species)
        return bound

    def initial_extra(self, extra, datasets):
        counted = self.model_config.counted_contexts
        return extra if counted is None else {**extra, **datasets.counts(counted)}

    def model_inputs(self, batch: Batch) -> dict[str, Array]:
        inputs = base.coordinate_inputs(self, batch)
        if self.model_config.counted_contexts:
            inputs |= {'species_B': batch['species'], 'own_tokens_BT': batch.get('own_tokens')}
        return inputs

    def corrupt(
        self, key: Array, batch: Batch, config: masking.MaskConfig
    ) -> tuple[masking.MaskedBatch, Batch]:
        """The masks of a batch, and the batch as the model reads it: hidden bases are unknown."""
        masked = self.masks.hide(key, batch, config)
        return masked, _visible(batch, masked)

    def draw(self, key: Array, batch: Batch) -> Batch:
        """The batch with the masks of its rows, `masked`."""
        mask_key, _ = jax.random.split(key)
        return {**batch, 'masked': self.masks.hide(mask_key, batch, self.config.mask)}

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean cross-entropy over target tokens, in nats, and its parts by species and region."""
        batch = batch if 'masked' in batch else self.draw(key, batch)
        masked, dropout_key = batch['masked'], jax.random.split(key)[1] if train else None
        visible = _visible(batch, masked) | ({'own_tokens': batch['tokens']} if train else {})
        features, extra = self.apply_model(params, extra, visible, key=dropout_key)
        nats_BT, correct_BT = map(
            self.masks.core, masks.cross_entropy(features.logits_BTV, batch['tokens'])
        )
        weight_BT = masked.target_BT.astype(jnp.float32)
        if 'weight' in batch:
            weight_BT *= batch['weight'][:, None]
        total, count = (nats_BT * weight_BT).sum(), weight_BT.sum()
        states = {
            'loss': metrics.MetricState(total, count),
            'accuracy': metrics.MetricState((correct_BT * weight_BT).sum(), count),
            **masks.loss_parts(
                nats_BT, weight_BT, batch['species'], self.masks.regions(batch), len(self.species)
            ),
            **base.left_out_metric(batch),
        }
        return total / jnp.maximum(count, 1), (extra, states)

    def score(self, params, extra, batch: Batch, key: Array) -> tuple[Float[Array, 'B L'], Array]:
        """Code length of every hidden base in bits, and which bases were hidden, both [B, L].

        Every hidden token is [MASK]: none is random or unchanged, as some are in training.
        """
        mask = masking.all_masked(self.config.test_mask or self.config.mask)
        masked, visible = self.corrupt(key, batch, mask)
        features, _ = self.apply_model(params, extra, visible)
        hidden_BL = masked.action_BL != masking.MaskAction.VISIBLE
        bits_BL = self.masks.bits(features.logits_BTV, batch, masked)
        return jnp.where(hidden_BL, bits_BL, 0.0), hidden_BL

    @functools.cached_property
    def jitted_validation(self):
        return jax.jit(self.score)

    def validation_metrics(self, batch, scores) -> dict[str, metrics.MetricState]:
        return evaluate.validation_metrics(self, batch, scores)

    def evaluate(self, state, datasets, split='test', limit=None) -> dict:
        return evaluate.evaluate(self, state, datasets, split, limit)

    def as_text(self, result: dict) -> str:
        return evaluate.as_text(result)

    def section(self, result, description, rows, renderer):
        from genojax.tasks.masked_lm import section  # imports matplotlib

        return section.section(result, description, rows, renderer)


def _visible(batch: Batch, masked: masking.MaskedBatch) -> Batch:
    """A batch as the model reads it: hidden bases are unknown."""
    return {**batch, 'bases': masked.visible_BL, 'tokens': masked.tokens_BT}
