"""What tasks on rows share: the head, and which models it goes with."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import models
from genojax.models import basset, features
from genojax.tasks.classification import objective as classification
from genojax.tasks.labelled import objective
from genojax.tasks.regression import objective as regression
from genojax.tokenizers import nucleotide

TOKENIZER = nucleotide.NucleotideTokenizer()
POOLED_ONLY = basset.BassetConfig(vocab=10, length=30, padding='same', targets=0)


@pytest.mark.parametrize(
    'config', [classification.ClassificationConfig, regression.RegressionConfig]
)
def test_a_head_needs_the_vectors_that_it_pools(config):
    for pool, missing in (('mean', ''), ('first', 'first'), ('positions', 'hidden')):
        task = config(pool=pool).build('t', models.build(POOLED_ONLY), TOKENIZER)
        lines = task.misfits()
        assert [line.rpartition(' ')[2] for line in lines] == ([missing] if missing else [])
    with pytest.raises(ValueError, match='dropout'):
        config(dropout=1.0)


def test_weights_per_position_start_at_the_pooled_head_and_read_every_position():
    rng = np.random.default_rng(0)
    hidden_BTD = rng.normal(size=(3, 5, 4)).astype(np.float32)
    x = features.Features(hidden_BTD, hidden_BTD.mean(1), hidden_BTD[:, 0], None)
    head = objective.RowHead(size=2, pool='positions', dropout=0.0)
    params = meta.unbox(head.init(jax.random.key(0), x)['params'])
    mean = objective.RowHead(size=2, pool='mean', dropout=0.0)
    pooled = {'params': {'linear': params['linear']}}
    first = head.apply({'params': params}, x)
    np.testing.assert_array_equal(first, mean.apply(pooled, x))
    kernel_TDC = jnp.asarray(rng.normal(size=params['kernel'].shape), jnp.float32)
    moved = head.apply({'params': {**params, 'kernel': kernel_TDC}}, x)
    expected = first + np.einsum('btd,tdc->bc', hidden_BTD, kernel_TDC)
    np.testing.assert_allclose(moved, expected, rtol=1e-5, atol=1e-5)
