"""Small models with random parameters, compiled once per session."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import models, tokenizers
from genojax.inference import prediction, pretrained
from genojax.inference.model import Model
from genojax.models import bert, hierarchical
from genojax.nn import self_attention

TINY = {'width': 8, 'depth': 2, 'heads': 2, 'inner': 16, 'max_tokens': 64}


def model_of(network, tokenizer, window=0) -> Model:
    """A model with parameters far from zero, so that every input changes every output."""

    @jax.jit
    def noisy(ids):
        variables = dict(meta.unbox(models.build(network).init(jax.random.key(1), ids)))
        params = jax.tree.map(
            lambda x: x + 0.3 * jax.random.normal(jax.random.key(x.size), x.shape),
            variables.pop('params'),
        )
        return params, variables

    params, extra = noisy(jnp.full((1, window or 8), 7))
    source = pretrained.PretrainedModel(network, tokenizer, params, extra, {'kind': 'test'})
    return Model(source, window=window, devices=jax.devices()[:1])


@functools.cache
def bert_of(kind: str, k: int) -> Model:
    config = tokenizers.TokenizerConfig(kind, k)
    tokenizer = tokenizers.make(config)
    network = bert.BertConfig(vocab=tokenizer.vocab_size, pad_id=tokenizer.special.pad, **TINY)
    return model_of(network, config)


def head_of(model: Model, rows: int = 40, trim: int = 0) -> prediction.TaskHead:
    """Softmax of three fixed projections of the pooled vector, for rows of up to `rows` bases."""
    width = model.embed(['ACGTACGT'])[0].shape[-1]
    kernel_DC = 2 * np.random.default_rng(3).standard_normal((width, 3)).astype(np.float32)

    def read_row(codes_L, **where):
        return codes_L[trim : len(codes_L) - trim]

    def batch(chosen):
        codes_BL = np.full((len(chosen), rows), 4, np.uint8)
        for target, codes_L in zip(codes_BL, chosen, strict=True):
            target[: len(codes_L)] = codes_L
        valid_B = np.array([len(codes_L) for codes_L in chosen], np.int32)
        return {'bases': codes_BL, **model.tokenizer.batch_entries(codes_BL, valid_B)}

    def compute(params, extra, batch):
        variables = {'params': params['model'], **extra}
        features = model.module.apply(variables, batch['tokens'], train=False)
        return jax.nn.softmax(features.pooled_BD @ params['heads']['toy'])

    return prediction.TaskHead(
        name='toy',
        kind='classes',
        names=('x', 'y', 'z'),
        params=jnp.asarray(kernel_DC),
        read_row=read_row,
        batch=batch,
        compute=compute,
    )


@pytest.fixture(scope='session')
def kmers() -> Model:
    """Overlapping 3-mers."""
    return bert_of('kmer', 3)


@pytest.fixture(scope='session')
def chunks() -> Model:
    """A hierarchical encoder of single nucleotides, whose rows are three chunks and a filler."""
    network = hierarchical.HierarchicalConfig(
        vocab=10, chunks=4, chunk=16, width=8, heads=2, inner=8, before=1, cross=1, after=1,
        at_once=2, attention=self_attention.AttentionConfig(kind='full'),
    )  # fmt: skip
    return model_of(network, tokenizers.TokenizerConfig('nucleotide', 1), window=40)


@pytest.fixture(scope='session')
def pieces() -> Model:
    """3-mers side by side."""
    return bert_of('nonoverlapping', 3)


@pytest.fixture(scope='session')
def single() -> Model:
    """Single nucleotides."""
    return bert_of('nucleotide', 1)
