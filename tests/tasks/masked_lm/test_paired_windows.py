"""Two masked language models on the same windows: bits per base by species and over all."""

import numpy as np
import pytest

from genojax import metrics
from genojax.tasks.masked_lm import evaluate

N = 60


def scores_of(seed, bases, shares_kmer=0):
    rng = np.random.default_rng(seed)
    return {
        'bits': 2 * bases + rng.normal(size=N) * (bases > 0),
        'bases': bases.astype(float),
        'places': np.arange(N)[:, None],
        'shares_kmer': np.full(N, shares_kmer, np.int8),
    }


@pytest.fixture
def split():
    """Windows of two species; what opens data is not needed."""
    split = object.__new__(evaluate.WindowPairedSplit)
    split.species = ['a'] * 40 + ['b'] * 20
    return split


def test_every_species_and_all_have_a_paired_difference_over_windows(split):
    bases = np.random.default_rng(0).integers(0, 9, N)
    one, other = scores_of(1, bases), scores_of(2, bases)
    parts = split.parts(one, other)
    assert list(parts) == ['a', 'b', 'all', evaluate.WITHOUT_KMER]
    for name, rows in (('a', slice(0, 40)), ('b', slice(40, N)), ('all', slice(0, N))):
        hidden = bases[rows] > 0  # other windows have no score, in the evaluation as here
        row = parts[name]['scores']['bits per base']
        bits, others = one['bits'][rows][hidden], other['bits'][rows][hidden]
        assert parts[name]['n'] == hidden.sum() and parts[name]['notes'] == []
        assert row['run'] == list(metrics.ratio_interval(bits, bases[rows][hidden]))
        expected = metrics.ratio_interval(bits - others, bases[rows][hidden])
        assert row['difference'] == pytest.approx(list(expected))


def test_other_hidden_bases_are_said_and_shared_kmers_of_either_run_count(split):
    bases = np.full(N, 3)
    one, other = scores_of(1, bases), scores_of(2, bases, shares_kmer=1)
    other['places'] = other['places'] + 1
    parts = split.parts(one, other)
    assert list(parts) == ['a', 'b', 'all']
    assert all('hide other bases' in part['notes'][0] for part in parts.values())


def test_windows_without_a_hidden_base_in_one_run_have_no_score(split):
    one, other = scores_of(1, np.full(N, 3)), scores_of(2, np.zeros(N, int))
    part = split.parts(one, other)['all']
    assert part['scores'] == {} and part['notes'] == ['No base of these windows is hidden.']
