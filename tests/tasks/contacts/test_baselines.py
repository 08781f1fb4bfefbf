"""Baselines of contacts: sites by hand, features by loops, and planted effects that they find."""

import numpy as np
import pytest

from genojax import dna
from genojax.tasks.contacts import baselines


def test_sites_have_at_most_one_mismatch_on_their_strand():
    text = 'TTCCAGCAGGGGGCTT'  # a site from the third base on
    rows = [text, text[:5] + 'T' + text[6:], text[:5] + 'TG' + text[7:], text[:5] + 'N' + text[6:]]
    codes = np.stack([dna.encode(row) for row in rows])
    assert [np.flatnonzero(row).tolist() for row in baselines.sites(codes, baselines.CTCF)] == [
        [2], [2], [], [2],
    ]  # fmt: skip
    reverse = dna.reverse_complement_text(baselines.CTCF)
    assert not baselines.sites(codes, reverse).any()
    assert baselines.sites(dna.reverse_complement(codes[:1]), reverse).sum() == 1
    with pytest.raises(ValueError, match='IUPAC'):
        baselines.check_motif('CCXX')


def contents(seed: int, windows: int = 60, bins: int = 9) -> baselines.BinContents:
    rng = np.random.default_rng(seed)
    plus, minus = rng.binomial(1, 0.3, (2, windows, bins)).astype(np.float32)
    return baselines.BinContents(rng.random((windows, bins)).astype(np.float32), plus, minus)


def test_features_are_those_of_a_loop():
    one = contents(0, 2, 6)
    both = one.plus + one.minus
    for distance in (1, 2, 4):
        x = baselines.features(one, distance, True)
        for n in range(2):
            for i in range(6 - distance):
                j, inside = i + distance, slice(i + 1, i + distance)
                assert x[n, i] == pytest.approx(
                    [
                        one.gc[n, i] + one.gc[n, j],
                        one.gc[n, inside].sum() / max(distance - 1, 1),
                        both[n, i] + both[n, j],
                        both[n, inside].sum(),
                        one.plus[n, i] * one.minus[n, j],
                        one.plus[n, i] + one.minus[n, j],
                        one.minus[n, i] + one.plus[n, j],
                    ],
                    abs=1e-5,
                )


def test_planted_insulation_and_loops_are_found_by_those_that_can():
    rng = np.random.default_rng(1)
    bins, maps = 9, []
    for part in (contents(0), contents(5)):
        value = np.zeros((60, bins, bins))
        for i in range(bins):
            for j in range(i + 2, bins):
                between = (part.plus + part.minus)[:, i + 1 : j].sum(1)
                value[:, i, j] = -0.5 * between + 2 * part.plus[:, i] * part.minus[:, j]
        maps.append(value + value.swapaxes(1, 2))
    known = rng.random((60, bins, bins)) < 0.9
    known &= known.swapaxes(1, 2)
    target = np.where(known, maps[0], 1e6)  # what is not known has no effect
    fitted = baselines.fit_all(contents(0), target, known, contents(5), 2)
    upper = np.triu_indices(bins, 2)
    error = {
        name: np.abs((one.predicted_NPP - maps[1])[:, upper[0], upper[1]]).mean()
        for name, one in fitted.items()
    }
    assert error['oriented'] < 0.05 < 0.3 * error['insulation']
    assert error['insulation'] < 0.8 * error['distance']
    for one in fitted.values():
        np.testing.assert_array_equal(one.predicted_NPP, one.predicted_NPP.swapaxes(1, 2))
    assert np.ptp(fitted['distance'].predicted_NPP, 0).max() == 0


def test_windows_are_evenly_spread_where_memory_is_short(monkeypatch):
    assert baselines.limited(5, 8).tolist() == [0, 1, 2, 3, 4]
    monkeypatch.setattr(baselines, 'MAX_PAIRS', 200)
    assert baselines.limited(9, 8).tolist() == [0, 3, 6]
