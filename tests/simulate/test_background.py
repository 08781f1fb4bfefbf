"""Background chains have their composition and are symmetric between strands."""

import itertools

import numpy as np
import pytest

from genojax import dna
from genojax.simulate import background


@pytest.mark.parametrize(
    ('chain', 'gc', 'cpg'), [(background.GENOME, 0.41, 0.23), (background.ISLAND, 0.58, 0.85)]
)
def test_composition(chain, gc, cpg):
    codes = chain.sample(np.random.default_rng(0), 500_000)
    frequency = np.bincount(codes, minlength=4) / len(codes)
    assert frequency[1] + frequency[2] == pytest.approx(gc, abs=0.005)
    observed = ((codes[:-1] == 1) & (codes[1:] == 2)).mean() / (frequency[1] * frequency[2])
    assert observed == pytest.approx(cpg, abs=0.03)


@pytest.mark.parametrize('chain', [background.GENOME, background.ISLAND])
def test_chain_is_symmetric_under_reverse_complementation(chain):
    windows = np.array(list(itertools.product(range(4), repeat=6)), np.uint8)
    forward = chain.conditionals(windows).sum(axis=1)
    reverse = chain.conditionals(dna.reverse_complement(windows)).sum(axis=1)
    # Conditionals are rounded to six decimals.
    np.testing.assert_allclose(forward, reverse, rtol=0, atol=2e-4)


def test_rows_of_probabilities_are_sampled_independently():
    probabilities_N4 = np.tile([[0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0]], (20_000, 1))
    codes = background.sample_bases(np.random.default_rng(0), probabilities_N4)
    frequency = np.bincount(codes[::2], minlength=4) / 20_000
    np.testing.assert_allclose(frequency, probabilities_N4[0], rtol=0, atol=0.015)
    assert not codes[1::2].any()


def test_a_gc_fraction_is_reached():
    for gc in (0.3, 0.5, 0.65):
        chain = background.build('x', gc, pairs={'CG': 0.3}, triples={})
        assert chain.first[1] + chain.first[2] == pytest.approx(gc, abs=1e-4)
