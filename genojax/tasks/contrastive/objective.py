"""InfoNCE on pairs of orthologous genes: a row's partner against all other rows of the batch.

A projection head maps the model's vector of a row to a unit vector z. With the temperature t, the
loss of row i with partner p(i) is -log(exp(z_i z_p / t) / sum over j of exp(z_i z_j / t)): van den
Oord et al., arXiv 1807.03748, equation 4. Both rows of a pair are queries and all other rows of the
batch are negatives, as in Chen et al., arXiv 2002.05709, equation 1; so the loss is symmetric.
Other rows of the same family are neither positives nor negatives. The batch is the global one:
under `jit` on a mesh its rows are negatives of each other wherever they are.

The temperature is learned (Radford et al., arXiv 2103.00020, section 2.3, who clip it at 0.01).
Here it is `MIN ** s * MAX ** (1 - s)` with s the sigmoid of a parameter, so that it has a gradient
everywhere between its bounds.
"""

import dataclasses
import functools
import pathlib
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genojax import errors, metrics
from genojax.models.features import Features
from genojax.nn import blocks
from genojax.tasks import base, trained
from genojax.tasks.contrastive import comparison, dataset, evaluate
from genojax.typing import Array, Batch, Bool, Float

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.01, 1.0
_NEVER = -1e30  # logit of a row that is no negative


@dataclasses.dataclass(frozen=True)
class ContrastiveConfig(base.TaskConfig):
    """How rows are read from the model and compared, and the data."""

    kind: Literal['contrastive'] = 'contrastive'
    # The vectors that are projected. 'mean': the model's vector of the row, the mean of its token
    # vectors; 'first': the first token's ([CLS]); 'bins': the means of `bins` equal parts of the
    # row, in their order, for rows that are alike from end to end, as orthologous genes are.
    pool: Literal['mean', 'first', 'bins'] = 'mean'
    bins: int = 12  # parts of a row, where they are pooled
    hidden: int = 256  # width of the layer between the model's vector and the projection; 0: none
    projection: int = 128  # width of the projection, in which rows are compared
    temperature: float = 0.1  # at the start; it is learned between 0.01 and 1
    data: dataset.OrthologuesDataConfig = dataset.OrthologuesDataConfig()
    # Species compared in an evaluation, spread evenly: its cost grows with their square.
    evaluated_species: int = 40
    levels: int = 4  # groups of species pairs by divergence, with equally many pairs in each

    def __post_init__(self):
        super().__post_init__()
        for name, least in (
            ('hidden', 0), ('projection', 1), ('levels', 1), ('bins', 1), ('evaluated_species', 2),
        ):  # fmt: skip
            if getattr(self, name) < least:
                raise ValueError(f'{name}={getattr(self, name)} must be at least {least}')
        if not MIN_TEMPERATURE < self.temperature < MAX_TEMPERATURE:
            raise ValueError(f'{self.temperature=} must be between 0.01 and 1')

    def build(self, name, model, tokenizer) -> 'Contrastive':
        return Contrastive(name, self, model, tokenizer)


class ProjectionHead(nn.Module):
    """A model's vectors to unit vectors, and the temperature of their comparison."""

    hidden: int
    projection: int
    temperature: float

    @nn.compact
    def __call__(self, x_BD: Float[Array, 'B D']) -> tuple[Float[Array, 'B E'], Float[Array, '']]:
        init = nn.initializers.lecun_normal()
        if self.hidden:
            x_BD = nn.gelu(blocks.dense(self.hidden, ('embed', 'mlp'), init=init, name='up')(x_BD))
        axes = ('mlp' if self.hidden else 'embed', 'classes')
        z_BE = blocks.dense(self.projection, axes, init=init, name='down')(x_BD)
        norm_B1 = jnp.sqrt(jnp.square(z_BE).sum(-1, keepdims=True) + 1e-12)
        start = (np.log(MAX_TEMPERATURE) - np.log(self.temperature)) / (
            np.log(MAX_TEMPERATURE) - np.log(MIN_TEMPERATURE)
        )
        logit = nn.initializers.constant(np.log(start / (1 - start)))
        s = jax.nn.sigmoid(blocks.param(self, 'temperature_logit', logit, (), ()))
        log_t = s * np.log(MIN_TEMPERATURE) + (1 - s) * np.log(MAX_TEMPERATURE)
        return z_BE / norm_B1, jnp.exp(log_t)


def bin_means(
    hidden_BTD: Float[Array, 'B T D'], is_real_BT: Bool[Array, 'B T'], bins: int
) -> Float[Array, 'B F']:
    """Means of the real tokens' vectors in `bins` equal parts of each row, one after the other.

    A part without a token, in a row of fewer tokens than parts, is zeros.
    """
    rank_BT = jnp.cumsum(is_real_BT, axis=1) - 1
    count_B1 = jnp.maximum(is_real_BT.sum(1, keepdims=True), 1)
    part_BT = jnp.where(is_real_BT, rank_BT * bins // count_B1, bins)
    inside_BTP = jax.nn.one_hot(part_BT, bins)
    sum_BPD = jnp.einsum('BTP,BTD->BPD', inside_BTP, hidden_BTD.astype(jnp.float32))
    mean_BPD = sum_BPD / jnp.maximum(inside_BTP.sum(1), 1)[..., None]
    return mean_BPD.reshape(len(hidden_BTD), -1)


def info_nce(
    z_BE: Float[Array, 'B E'],
    temperature: Float[Array, ''],
    partner_B: Array,
    family_B: Array,
    weight_B: Float[Array, 'B'],
) -> tuple[Array, Array, Array, Array]:
    """The loss of every row, its weight, whether its partner is nearest, and its negatives.

    A row counts if it and its partner have a weight; its negatives are the rows with a weight of
    other families. All four are float32 [B]. A row that does not count has the weight 0.

    Args:
        z_BE: unit vectors of the whole batch.
        partner_B: row of each row's positive, -1 for none.
        family_B: family of each row.
        weight_B: 0 for rows that count for nothing.
    """
    s_BB = jnp.einsum('BE,CE->BC', z_BE, z_BE, preferred_element_type=jnp.float32) / temperature
    at_B = jnp.maximum(partner_B, 0)
    counts_B = (partner_B >= 0) * weight_B * (weight_B[at_B] > 0)
    is_negative_BB = (family_B[:, None] != family_B[None, :]) & (weight_B > 0)[None, :]
    positive_B = jnp.take_along_axis(s_BB, at_B[:, None], axis=1)[:, 0]
    negative_BB = jnp.where(is_negative_BB, s_BB, _NEVER)
    strongest_B = negative_BB.max(1)
    # log(1 + sum of exp(negative - positive)): exact also where the partner is far the nearest.
    gap_B = jax.nn.logsumexp(negative_BB - positive_B[:, None], axis=1)
    loss_B = jnp.where(counts_B > 0, jax.nn.softplus(gap_B), 0.0)
    nearest_B = (positive_B > strongest_B).astype(jnp.float32)
    return loss_B, counts_B, nearest_B, is_negative_BB.sum(1).astype(jnp.float32)


class Contrastive(base.Task):
    """The task; a batch is as `dataset.OrthologueDatasets` says."""

    loss_name, loss_unit = 'InfoNCE', 'nats per row'
    paired_split = comparison.QueryPairedSplit

    def __init__(self, name: str, config: ContrastiveConfig, model, tokenizer):
        super().__init__(name, config, model, tokenizer)
        self.head = ProjectionHead(config.hidden, config.projection, config.temperature)

    def misfits(self) -> list[str]:
        needed = {'mean': 'pooled', 'first': 'first', 'bins': 'hidden'}[self.config.pool]
        if needed in self.model_config.outputs:
            return []
        return [
            f'task {self.name!r} pools by {self.config.pool!r}, and the model '
            f'{self.model_config.kind!r} has no output {needed}'
        ]

    def batch_spec(self) -> dict[str, jax.ShapeDtypeStruct]:
        data = self.config.data
        shapes = self.tokenizer.batch_shapes(data.batch_size, data.length)
        return {
            'bases': jax.ShapeDtypeStruct((data.batch_size, data.length), jnp.uint8),
            'family': jax.ShapeDtypeStruct((data.batch_size,), jnp.int32),
            'partner': jax.ShapeDtypeStruct((data.batch_size,), jnp.int32),
            'weight': jax.ShapeDtypeStruct((data.batch_size,), jnp.float32),
            **{name: jax.ShapeDtypeStruct(shape, jnp.int32) for name, shape in shapes.items()},
        }

    def open(self, workdir: pathlib.Path, seed: int) -> dataset.OrthologueDatasets:
        try:
            return dataset.OrthologueDatasets(self.config.data, seed, self.tokenizer, workdir)
        except errors.InputError as error:
            fix = error.fix
            for word in ('TASK', 'NAME'):
                fix = fix.replace(f'--config.tasks.{word}.', f'--config.tasks.{self.name}.')
            raise error.with_fix(fix) from None

    def model_inputs(self, batch: Batch) -> dict[str, Array]:
        return base.coordinate_inputs(self, batch)

    def init_head(self, key: Array, features: Features):
        return self.head.init(key, self.row_vectors(features))['params']

    def row_vectors(
        self, features: Features, tokens_BT: Array | None = None
    ) -> Float[Array, 'B D']:
        """The vectors that are projected, float32.

        Args:
            tokens_BT: of the batch; None where all tokens count as bases.
        """
        if self.config.pool == 'bins':
            hidden_BTD = features.hidden_BTD
            is_real_BT = jnp.ones(hidden_BTD.shape[:2], bool)
            if tokens_BT is not None:
                special = self.tokenizer.special
                for number in (special.pad, special.cls, special.sep):
                    if number is not None:
                        is_real_BT &= tokens_BT != number
            return bin_means(hidden_BTD, is_real_BT, self.config.bins)
        x_BD = features.first_BD if self.config.pool == 'first' else features.pooled_BD
        return x_BD.astype(jnp.float32)

    def project(self, params, x_BD: Float[Array, 'B D']):
        """Unit vectors of `row_vectors` and the temperature."""
        return self.head.apply({'params': params['heads'][self.name]}, x_BD)

    def loss(self, params, extra, batch: Batch, key: Array, train: bool = True):
        """Mean InfoNCE over the rows that have a partner.

        Metrics: `accuracy`, the share of them whose partner is nearer than every negative;
        `negatives` per row; `temperature`.
        """
        features, extra = self.apply_model(params, extra, batch, key=key if train else None)
        z_BE, temperature = self.project(params, self.row_vectors(features, batch['tokens']))
        loss_B, weight_B, nearest_B, negatives_B = info_nce(
            z_BE, temperature, batch['partner'], batch['family'], batch['weight']
        )
        total, count = (loss_B * weight_B).sum(), weight_B.sum()
        states = {
            'loss': metrics.MetricState(total, count),
            'accuracy': metrics.MetricState((nearest_B * weight_B).sum(), count),
            'negatives': metrics.MetricState((negatives_B * weight_B).sum(), count),
            'temperature': metrics.MetricState(temperature, jnp.ones_like(temperature)),
            **base.left_out_metric(batch),
        }
        return total / jnp.maximum(count, 1), (extra, states)

    def vectors(
        self, params, extra, batch: Batch, key: Array | None = None
    ) -> tuple[Float[Array, 'B E'], Float[Array, 'B D']]:
        """Unit vectors of the projection, and the model's vectors before it, without dropout."""
        features, _ = self.apply_model(params, extra, batch)
        x_BD = self.row_vectors(features, batch['tokens'])
        return self.project(params, x_BD)[0], x_BD

    @functools.cached_property
    def jitted_vectors(self):
        return jax.jit(self.vectors)

    def untrained(self, state: trained.TrainedState) -> trained.TrainedState:
        """The same model and head with new random parameters, sharded as the trained ones."""

        def init(key, batch):
            from flax.core import meta

            inputs = self.model_inputs(batch)
            extra = dict(self.model.init(key, batch['tokens'], **inputs))
            boxed = {'model': extra.pop('params')}
            features, _ = self.apply_model(meta.unbox(boxed), meta.unbox(extra), batch)
            heads = {self.name: self.init_head(jax.random.fold_in(key, 0), features)}
            return meta.unbox(({**boxed, 'heads': heads}, extra))

        params = {'model': state.params['model'], 'heads': {self.name: None}}
        params['heads'][self.name] = state.params['heads'][self.name]
        shardings = jax.tree.map(lambda leaf: leaf.sharding, (params, dict(state.extra)))
        batch = jax.tree.map(lambda spec: jnp.zeros(spec.shape, spec.dtype), self.batch_spec())
        with jax.set_mesh(state.mesh):
            new = jax.jit(init, out_shardings=shardings)(state.key, batch)
        return dataclasses.replace(state, params=new[0], extra=new[1])

    def evaluate(self, state, datasets, split='test', limit=None) -> dict:
        return evaluate.evaluate(self, state, datasets, split, limit)

    def as_text(self, result: dict) -> str:
        return evaluate.as_text(result)

    def section(self, result, description, rows, renderer):
        from genojax.tasks.contrastive import section  # imports matplotlib

        return section.section(result, description, rows, renderer)
