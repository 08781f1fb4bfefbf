"""Bits per base of overlapping k-mers against brute force."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax.models import base_bits

kmer_bits = jax.jit(base_bits.kmer_bits, static_argnums=3)


@pytest.mark.parametrize('k', [1, 2, 3])
def test_bits_per_base_equal_the_sum_over_consistent_kmers(k):
    rng = np.random.default_rng(k)
    length = 9
    truth = rng.integers(0, 4, length)
    hidden = np.zeros(length, bool)
    hidden[[0, 3, 4, 8]] = True
    logits = rng.normal(size=(length - k + 1, 4**k)).astype(np.float32)
    bits = np.asarray(
        kmer_bits(jnp.asarray(logits)[None], jnp.asarray(truth)[None], jnp.asarray(hidden)[None], k)
    )[0]
    p = np.exp(logits - logits.max(-1, keepdims=True))
    words = list(itertools.product(range(4), repeat=k))
    for base in np.flatnonzero(hidden):
        p_true = []
        for token in range(max(0, base - k + 1), min(base, length - k) + 1):
            mass = np.zeros(4)
            for word, chance in zip(words, p[token], strict=True):
                agrees = all(hidden[token + o] or word[o] == truth[token + o] for o in range(k))
                if agrees:
                    mass[word[base - token]] += chance
            p_true.append(mass[truth[base]] / mass.sum())
        assert bits[base] == pytest.approx(-np.log2(np.mean(p_true)), rel=1e-5)


def test_a_uniform_model_needs_two_bits_per_base_for_any_k():
    for k in (1, 3, 5):
        logits = jnp.zeros((2, 30 - k + 1, 4**k))
        hidden = jnp.asarray(np.random.default_rng(0).random((2, 30)) < 0.3)
        bits = kmer_bits(logits, jnp.zeros((2, 30), int), hidden, k)
        assert np.allclose(np.asarray(bits)[np.asarray(hidden)], 2.0, atol=1e-5)
