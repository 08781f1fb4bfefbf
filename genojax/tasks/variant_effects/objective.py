"""Effects of variants: a head on [reference, alternate - reference] vectors of an encoder.

The encoder reads the window of each allele; the head reads the vector of the reference, the
difference of the two and, where the data have any, columns of annotation.
"""

import dataclasses
import functools
import pathlib
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genojax import metrics
from genojax.models.features import Features
from genojax.nn import blocks
from genojax.tasks import base, frozen
from genojax.tasks.variant_effects import annotations, dataset, evaluate, labelled_variants
from genojax.typing import Array, Batch, Float
from genojax.variants import pair_head

_NEEDED = {'site': 'hidden', 'mean': 'pooled'}


@dataclasses.dataclass(frozen=True)
class VariantEffectsConfig(base.TaskConfig):
    """How the two windows are read, what they are compared with, and the data."""

    kind: Literal['variant_effects'] = 'variant_effects'
    # Vector of a window: the mean of the tokens that cover the allele, or of all tokens.
    pool: Literal['site', 'mean'] = 'site'
    hidden: int = 0  # width of a hidden layer of the head; 0: a linear map
    dropout: float = 0.1
    annotated: bool = True  # the head reads the columns of annotation and data.features too
    # Variants that evaluation scores. 'every': each group is left out in turn, and baselines and
    # the probe are fitted to the others; for encoders that saw no label of the table. 'test': the
    # test groups alone. 'auto': 'every' where the encoder is frozen, else 'test'.
    groups: Literal['auto', 'every', 'test'] = 'auto'
    # Positive and negative training rows from which a consequence class has a probe of its own.
    per_class: int = 30
    data: labelled_variants.VariantsDataConfig = labelled_variants.VariantsDataConfig()

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.dropout < 1:
            raise ValueError(f'{self.dropout=} must be in [0, 1)')
        if self.hidden < 0 or self.per_class < 1:
            raise ValueError(f'{self.hidden=} is below 0, or {self.per_class=} below 1')

    def build(self, name, model, tokenizer) -> 'VariantEffects':
        return VariantEffects(name, self, model, tokenizer)


class EffectHead(nn.Module):
    """The log odds of an effect from what `VariantEffects.vectors` returns and annotation."""

    hidden: int
    dropout: float

    @nn.compact
    def __call__(
        self, x_BD: Float[Array, 'B D'], annotation_BF: Float[Array, 'B F'], train: bool = False
    ) -> Float[Array, 'B']:
        drop = nn.Dropout(self.dropout, deterministic=not train)
        # The difference is small beside the reference: each has a scale of its own.
        reference_BD, change_BD = jnp.split(x_BD.astype(jnp.float32), 2, axis=-1)
        parts = [_normed(reference_BD), _normed(change_BD)]
        size_B1 = jnp.log(1e-6 + jnp.linalg.norm(change_BD, axis=-1, keepdims=True))
        x_BD = jnp.concatenate([*map(drop, parts), size_B1, annotation_BF], axis=-1)
        if self.hidden:
            dense = blocks.dense(self.hidden, ('embed', 'mlp'), name='hidden')
            x_BD = drop(nn.gelu(dense(x_BD)))
        logit_B1 = blocks.dense(1, ('embed', 'classes'), name='linear')(x_BD)
        return logit_B1[:, 0].astype(jnp.float32)


def _normed(x_BD: Float[Array, 'B D']) -> Float[Array, 'B D']:
    """Rows with mean 0 and mean square 1; a row of equal values is 0."""
    x_BD -= x_BD.mean(-1, keepdims=True)
    return x_BD * jax.lax.rsqrt((x_BD**2).mean(-1, keepdims=True) + 1e-12)


class VariantEffects(base.Task):
    """The task.

    A batch holds, of the reference windows, `tokens` [B, T], `bases` uint8 [B, L], `valid` int32
    [B] and `site` float32 [B, T], the weights of the tokens that cover the allele; the same of the
    alternate windows under names that begin with `alternate_`; `label` int32 [B], `weight` float32
    [B], and `annotation` float32 [B, F].
    """

    loss_name, loss_unit = 'cross-entropy of the effect', 'nats per variant'
    loss_is_row_mean = True

    def __init__(self, name: str, config: VariantEffectsConfig, model, tokenizer):
        super().__init__(name, config, model, tokenizer)
        self.head = EffectHead(config.hidden, config.dropout)

    @property
    def is_frozen(self) -> bool:
        """Whether the encoder has parameters that no label of this task has changed."""
        return isinstance(self.model, frozen.FrozenModel) and not self.model.dropout

    def misfits(self) -> list[str]:
        needed = _NEEDED[self.config.pool]
        lines = []
        if needed not in self.model_config.outputs:
            lines.append(
                f'task {self.name!r} pools by {self.config.pool!r}, and the model '
                f'{self.model_config.kind!r} has no output {needed!r}'
            )
        if self.model_config.counted_contexts is not None:
            lines.append(f'task {self.name!r} has no counts for a model with n-gram experts')
        return lines

    def batch_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        data = self.config.data
        B, L = data.batch_size, data.window
        shapes = self.tokenizer.batch_shapes(B, L)
        spec = {
            'label': jax.ShapeDtypeStruct((B,), jnp.int32),
            'weight': jax.ShapeDtypeStruct((B,), jnp.float32),
            'annotation': jax.ShapeDtypeStruct((B, self._columns), jnp.float32),
        }
        for prefix in ('', 'alternate_'):
            spec[f'{prefix}bases'] = jax.ShapeDtypeStruct((B, L), jnp.uint8)
            spec[f'{prefix}site'] = jax.ShapeDtypeStruct(shapes['tokens'], jnp.float32)
            for entry, shape in shapes.items():
                spec[f'{prefix}{entry}'] = jax.ShapeDtypeStruct(shape, jnp.int32)
        return spec

    def scored_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        spec = super().scored_spec()
        return {**spec, 'filled': spec['weight']}

    @property
    def _columns(self) -> int:
        """Columns of annotation in a batch."""
        data = self.config.data
        return annotations.COUNT * bool(data.annotation) + len(data.features)

    def open(self, workdir: pathlib.Path, seed: int) -> dataset.VariantDatasets:
        return dataset.VariantDatasets(self.config.data, seed, self.tokenizer)

    def model_inputs(self, batch: Batch) -> dict[str, Array]:
        return base.coordinate_inputs(self, batch)

    def init_head(self, key: Array, features: Features):
        width = features.pooled_BD.shape[-1]
        x_BD = jnp.zeros((1, 2 * width), jnp.float32)
        return self.head.init(key, x_BD, self._annotation(jnp.zeros((1, self._columns))))['params']

    def _annotation(self, annotation_BF):
        return annotation_BF if self.config.annotated else annotation_BF[:, :0]

    def vectors(self, params, extra, batch: Batch, key=None):
        """[reference, alternate - reference] of a batch, float32 [B, 2 D], and `extra`.

        Args:
            key: of dropout, the same for both windows; None reads without it.
        """
        pooled = []
        for prefix in ('', 'alternate_'):
            own = {k.removeprefix(prefix): v for k, v in batch.items() if k.startswith(prefix)}
            features, extra = self.apply_model(params, extra, own, key=key)
            if self.config.pool == 'site':
                hidden_BTD = features.hidden_BTD.astype(jnp.float32)
                pooled.append(jnp.einsum('BTD,BT->BD', hidden_BTD, own['site']))
            else:
                pooled.append(features.pooled_BD.astype(jnp.float32))
        reference_BD, alternate_BD = pooled
        return jnp.concatenate([reference_BD, alternate_BD - reference_BD], axis=-1), extra

    def logits(self, params, extra, batch: Batch, key=None):
        """Log odds of an effect, float32 [B], and `extra`."""
        x_BD, extra = self.vectors(params, extra, batch, key)
        rngs = None if key is None else {'dropout': jax.random.fold_in(key, 1)}
        variables = {'params': params['heads'][self.name]}
        annotation_BF = self._annotation(batch['annotation'])
        logit_B = self.head.apply(variables, x_BD, annotation_BF, train=key is not None, rngs=rngs)
        return logit_B, extra

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean cross-entropy in nats over variants, and accuracy."""
        logit_B, extra = self.logits(params, extra, batch, key if train else None)
        truth_B = batch['label'].astype(jnp.float32)
        nats_B = jax.nn.softplus(logit_B) - logit_B * truth_B
        correct_B = ((logit_B > 0) == (truth_B > 0.5)).astype(jnp.float32)
        weight_B = batch['weight']
        total, count = (nats_B * weight_B).sum(), weight_B.sum()
        states = {
            'loss': metrics.MetricState(total, count),
            'accuracy': metrics.MetricState((correct_B * weight_B).sum(), count),
            **base.left_out_metric(batch),
        }
        return total / jnp.maximum(count, 1), (extra, states)

    @functools.cached_property
    def jitted_scores(self):
        """(params, extra, batch, key) -> log odds [B] and vectors [B, 2 D]."""
        return jax.jit(
            lambda params, extra, batch, key: (
                self.logits(params, extra, batch)[0],
                self.vectors(params, extra, batch)[0],
            )
        )

    def _head_columns(self, description) -> pair_head.HeadColumns | None:
        """What the head reads of annotation; None where the run kept no scale."""
        if description.get('column_scale') is None:
            return None
        scale = annotations.ColumnScale.from_json(description['column_scale'])
        data = self.config.data

        def standardised(edits, effects, features_NF):
            if not data.annotation:
                return scale.apply(features_NF)
            described = annotations.describe(edits, effects).values_NF
            return scale.apply(np.concatenate([described, features_NF], axis=1))

        return pair_head.HeadColumns(
            bool(data.annotation),
            data.features,
            standardised,
            transcripts=data.transcripts,
            genetic_code=data.genetic_code,
        )

    def pair_head(self, params, description) -> pair_head.PairHead:
        """The head for the variants of a VCF; see the base class."""

        def batch(pairs, reverse: bool, annotation_NF) -> Batch:
            flip_B = np.full(len(pairs), reverse)
            entries = dataset.pair_entries(pairs, flip_B, self.tokenizer)
            if annotation_NF is None:
                annotation_NF = np.zeros((len(pairs), self._columns), np.float32)
            return {**entries, 'annotation': annotation_NF}

        def compute(params, extra, batch: Batch) -> Float[Array, 'B']:
            return jax.nn.sigmoid(self.logits(params, extra, batch)[0])

        columns, refusal = None, ''
        if self.config.annotated and self._columns:
            columns = self._head_columns(description)
            if columns is None:
                refusal = (
                    f'the head of task {self.name!r} reads columns of annotation, and an earlier '
                    'version that trained it did not keep their scale. Fix: train it again, or '
                    f'with --config.tasks.{self.name}.annotated=False'
                )
        return pair_head.PairHead(
            name=self.name,
            label=' or '.join(self.config.data.positive),
            window=self.config.data.window,
            params=params,
            batch=batch,
            compute=compute,
            columns=columns,
            refusal=refusal,
        )

    def evaluate(self, state, datasets, split='test', limit=None) -> dict:
        return evaluate.evaluate(self, state, datasets, split, limit)

    def as_text(self, result: dict) -> str:
        return evaluate.as_text(result)

    def section(self, result, description, rows, renderer):
        from genojax.tasks.variant_effects import section  # imports matplotlib

        return section.section(result, description, rows, renderer)
