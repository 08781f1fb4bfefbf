"""Species weights: counts within one draw at every prefix, one error per invalid weight."""

import numpy as np
import pytest

from genojax import errors
from genojax.data.datasets import species_weights

SPECIES = ('human', 'mouse', 'zebrafish', 'fly', 'worm')
SHARES = {'human': 0.3, 'mouse': 0.2, 'zebrafish': 0.15, '*': 0.35}


def test_star_shares_its_weight_equally_or_by_bases():
    equal = species_weights.resolve(SHARES, SPECIES)
    assert equal == pytest.approx(
        {'human': 0.3, 'mouse': 0.2, 'zebrafish': 0.15, 'fly': 0.175, 'worm': 0.175}
    )
    bases = dict(zip(SPECIES, (1, 1, 1, 100, 600), strict=True))
    by_bases = species_weights.resolve(SHARES, SPECIES, rest='bases', bases=bases)
    assert by_bases['fly'] == pytest.approx(0.05) and by_bases['worm'] == pytest.approx(0.3)
    left = species_weights.resolve({'fly': 3, '*': 1}, SPECIES, leave_out=('human', 'mouse'))
    assert left == pytest.approx({'zebrafish': 1 / 8, 'fly': 6 / 8, 'worm': 1 / 8})


@pytest.mark.parametrize(
    ('weights', 'leave_out', 'code', 'message'),
    [
        ({'human': 0, '*': 1}, (), 'MX01', "'human' is 0.*leave_out"),
        ({'human': -0.5, '*': 1}, (), 'MX02', "'human' is -0.5"),
        ({'human': float('nan'), '*': 1}, (), 'MX03', "'human' is nan"),
        ({'human': float('inf'), '*': 1}, (), 'MX03', "'human' is inf"),
        ({'human': '1', '*': 1}, (), 'MX03', "'human' is '1'"),
        ({'human': True, '*': 1}, (), 'MX03', "'human' is True"),
        ({'humen': 1, '*': 1}, (), 'MX04', "'humen'.*did you mean 'human'"),
        ({'*': 1}, ('yeti',), 'MX04', "'yeti'.*human, mouse"),
        ({name: 1 for name in (*SPECIES, '*')}, (), 'MX06', 'every species'),
        ({'human': 1, '*': 1}, SPECIES[1:], 'MX06', 'every species'),
        ({'human': 1, 'mouse': 1, 'fly': 2}, (), 'MX07', 'zebrafish, worm have no weight'),
    ],
)
def test_each_invalid_weight_has_its_error(weights, leave_out, code, message):
    with pytest.raises(errors.InputError, match=message) as caught:
        species_weights.resolve(weights, SPECIES, leave_out)
    assert caught.value.code == code and code in errors.EXPLANATIONS


def test_the_weight_of_a_name_with_a_point_is_dropped_with_the_others_kept():
    with pytest.raises(errors.InputError) as caught:
        species_weights.resolve({'H.sapiens': 1, 'fly': 2, '*': 1}, SPECIES)
    assert '.mixture.weights={"fly": 2, "*": 1}' in caught.value.fix


def test_a_weight_too_small_to_be_drawn_is_refused():
    with pytest.raises(errors.InputError, match='MX08'):
        species_weights.quotas({'human': 1.0, 'fly': 1e-9})
    assert species_weights.quotas({'human': 1.0 - 1e-4, 'fly': 1e-4})[1] >= 10


def _random_shares():
    random = np.random.default_rng(0)
    yield np.array([0.3, 0.2, 0.15, 0.35])
    yield np.array([0.3, 0.2, 0.15, *[0.35 / 15] * 15])
    yield np.array([0.999, 0.001])
    yield np.full(1100, 1 / 1100)
    yield np.array([0.5, *[0.5 / 300] * 300])
    for _ in range(12):
        yield random.dirichlet(np.full(random.integers(1, 20), 0.7)) + 1e-3


@pytest.mark.parametrize('share', list(_random_shares()))
def test_counts_are_within_5_of_10000_at_every_prefix(share):
    share = share / share.sum()
    shares = {f's{i}': float(x) for i, x in enumerate(share)}
    quota = species_weights.quotas(shares)
    table = species_weights.interleave(quota)
    assert np.array_equal(np.bincount(table, minlength=len(quota)), quota)
    draws = np.concatenate([table] * -(-50_000 // len(table)))
    for s in np.argsort(-share)[:20].tolist():
        count = np.cumsum(draws == s)
        expected = share[s] * np.arange(1, len(draws) + 1)
        drift = (
            np.arange(1, len(draws) + 1) / 10_000
        )  # a rounded quota is off by up to one per table
        assert (np.abs(count - expected) <= 1 + drift).all()
        every = np.arange(10_000, len(draws) + 1, 10_000) - 1
        assert (np.abs(count - expected)[every] <= 5 * (every + 1) / 10_000).all()
