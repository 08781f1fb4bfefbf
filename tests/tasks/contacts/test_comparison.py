"""Two maps of the same windows: scores are those of the evaluation, differences are paired."""

import types

import numpy as np
import pytest

from genojax import errors
from genojax.data.store.contacts import shards
from genojax.tasks import paired
from genojax.tasks.contacts import comparison, dataset, evaluate

RNG = np.random.default_rng(0)
BINS, WINDOWS = 10, 12


def symmetric(*shape) -> np.ndarray:
    values = RNG.normal(size=shape)
    return values + values.swapaxes(-1, -2)


TRUTH, NOISE, OTHER_NOISE = symmetric(3, WINDOWS, BINS, BINS)
CODES = RNG.integers(0, 4, (WINDOWS, 64)).astype(np.uint8)
KNOWN = np.broadcast_to(np.abs(np.subtract.outer(range(BINS), range(BINS))) >= 2, TRUTH.shape)


def split_of(windows=range(WINDOWS), truth=TRUTH, limit=None, **config) -> paired.PairedSplit:
    """Of datasets with these windows, in this order."""

    def load(positions) -> shards.ContactRows:
        rows = [position.row for position in positions]
        return shards.ContactRows(CODES[rows], np.exp(truth[rows]), KNOWN[rows], None)

    positions = [dataset.WindowPosition(0, 'test', row) for row in windows]
    settings = types.SimpleNamespace(bin=1_000, **config)
    datasets = types.SimpleNamespace(
        config=settings,
        load=load,
        sources=[types.SimpleNamespace(name='human')],
        target=np.log,
        windows={'test': positions},
    )
    return comparison.ContactPairedSplit(None, datasets, 'test', limit)


def test_scores_are_those_of_the_evaluation_by_range_of_distances():
    models = TRUTH + NOISE, TRUTH + 3 * OTHER_NOISE
    parts = split_of().parts(*({'predicted': x} for x in models))
    assert list(parts) == ['', '2-4 kb', '4-8 kb', '8-16 kb']
    for side, predicted in zip(('run', 'against'), models, strict=True):
        alone = evaluate.compare(np.log(np.exp(TRUTH)), {'model': predicted}, KNOWN, 1_000)
        for name, part in parts.items():
            for statistic, title in (('pearson', "Pearson's r"), ('spearman', "Spearman's r")):
                assert part['scores'][title][side] == alone[statistic][name or 'all']['model']
    row = parts['']['scores']["Pearson's r"]
    value, low, high = row['difference']
    assert value == pytest.approx(row['run'][0] - row['against'][0], abs=2e-4) and low > 0
    widths = [row[side][2] - row[side][1] for side in ('run', 'against')]
    assert high - low < sum(widths)
    assert parts['']['n'] == WINDOWS and parts['']['groups'] is None


def test_windows_are_matched_by_their_bases():
    order = np.random.default_rng(1).permutation(WINDOWS)
    found = paired.order(split_of(), split_of(order.tolist()))
    np.testing.assert_array_equal(order[found], np.arange(WINDOWS))
    limited = paired.order(split_of(limit=3), split_of(limit=3))
    np.testing.assert_array_equal(limited, np.arange(3))


def test_what_unknown_pairs_hold_has_no_effect_and_other_contacts_are_refused():
    hidden = np.where(KNOWN, TRUTH, 5.0)
    np.testing.assert_array_equal(
        paired.order(split_of(), split_of(truth=hidden)), np.arange(WINDOWS)
    )
    with pytest.raises(errors.UsageError, match='12 of 12 windows have another label there'):
        paired.order(split_of(), split_of(truth=TRUTH + 1))
    with pytest.raises(errors.UsageError, match='2 of 12 windows are not among those'):
        paired.order(split_of(), split_of(range(WINDOWS - 2)))
