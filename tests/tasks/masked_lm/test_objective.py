"""Bits per base against brute force, and the loss's parts against the whole."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import genome
from genojax.tasks.masked_lm import span_masks
from genojax.tokenizers import kmer
from tests.tasks.masked_lm import test_masking


@pytest.mark.parametrize('k', [1, 2, 3])
def test_bits_per_base_equal_the_sum_over_consistent_kmers(k):
    rng = np.random.default_rng(k)
    length = 9
    truth = rng.integers(0, 4, length)
    hidden = np.zeros(length, bool)
    hidden[[0, 3, 4, 8]] = True
    logits = rng.normal(size=(length - k + 1, 4**k)).astype(np.float32)
    got = np.asarray(
        span_masks.bits_per_base(
            jnp.asarray(logits)[None], jnp.asarray(truth)[None], jnp.asarray(hidden)[None], k
        )
    )[0]
    p = np.exp(logits - logits.max(-1, keepdims=True))
    words = list(itertools.product(range(4), repeat=k))
    for base in np.flatnonzero(hidden):
        found = []
        for token in range(max(0, base - k + 1), min(base, length - k) + 1):
            mass = np.zeros(4)
            for word, chance in zip(words, p[token], strict=True):
                agrees = all(hidden[token + o] or word[o] == truth[token + o] for o in range(k))
                if agrees:
                    mass[word[base - token]] += chance
            found.append(mass[truth[base]] / mass.sum())
        assert got[base] == pytest.approx(-np.log2(np.mean(found)), rel=1e-5)


def test_a_uniform_model_needs_two_bits_whatever_the_tokenizer():
    for k in (1, 3, 5):
        logits = jnp.zeros((2, 30 - k + 1, 4**k))
        hidden = jnp.asarray(np.random.default_rng(0).random((2, 30)) < 0.3)
        bits = span_masks.bits_per_base(logits, jnp.zeros((2, 30), int), hidden, k)
        assert np.allclose(np.asarray(bits)[np.asarray(hidden)], 2.0, atol=1e-5)


def test_loss_is_the_mean_over_targets_and_its_parts_add_up():
    tokenizer = kmer.KmerTokenizer(3)
    objective = test_masking.make(tokenizer, rate=0.1)
    batch = test_masking.make_batch(tokenizer)
    params = meta.unbox(objective.init(jax.random.key(0), batch))['params']
    loss, (_, states) = jax.jit(objective.loss, static_argnums=4)(
        params, {}, batch, jax.random.key(1), False
    )
    assert float(loss) == pytest.approx(float(states['loss'].compute()), rel=1e-6)
    assert 4.0 < float(loss) < 4.5  # ln 69 = 4.23 at initialisation
    species = states['loss/species']
    assert float(species.total.sum()) == pytest.approx(float(states['loss'].total), rel=1e-5)
    assert float(species.count.sum()) == float(states['loss'].count)
    # Regions nest, so their counts add up to more than the whole; 'none' and the union are exact.
    nowhere = np.asarray(states['loss/region'].count)[-1]
    middle = batch['regions'][:, 1:-1]
    _, _, _, target = jax.jit(objective.corrupt, static_argnums=2)(
        jax.random.split(jax.random.key(1))[0], batch, objective.config.mask
    )
    assert nowhere == (np.asarray(target) & (middle == 0)).sum()
    exon = (np.asarray(target) & ((middle & genome.Region.EXON) > 0)).sum()
    assert np.asarray(states['loss/region'].count)[0] == exon


def test_rows_of_weight_zero_count_for_nothing():
    tokenizer = kmer.KmerTokenizer(3)
    objective = test_masking.make(tokenizer, rate=0.1)
    batch = test_masking.make_batch(tokenizer)
    params = meta.unbox(objective.init(jax.random.key(0), batch))['params']
    half = {**batch, 'weight': (np.arange(16) < 8).astype(np.float32)}
    spoiled = {
        **half,
        'species': np.where(half['weight'] > 0, half['species'], 1 - half['species']),
    }
    loss = jax.jit(objective.loss, static_argnums=4)
    one = loss(params, {}, half, jax.random.key(1), False)
    two = loss(params, {}, spoiled, jax.random.key(1), False)
    assert float(one[0]) == float(two[0])
    assert np.array_equal(one[1][1]['loss/species'].count, two[1][1]['loss/species'].count)
