"""The transform of stored coverage and its inverse, pooling and the soft clip."""

import numpy as np
import pytest

from genojax.data.formats.track_files import coverage


def track(stat='sum_sqrt', scale=1.0, clip=384.0, soft=64.0, pair=0, text='CAGE:a cell'):
    return coverage.Track('name', text, stat, scale, clip, soft, pair)


@pytest.mark.parametrize(
    ('kind', 'stat', 'scale', 'summed', 'stored'),
    [
        ('root', 'sum_sqrt', 1.0, 1.0, 2**0.5 - 1),  # one read of a CAGE track: 0.41
        ('root', 'sum_sqrt', 0.02, 0.02 * 32, 1.64**0.5 - 1),  # one read over a bin of 32 bp: 0.28
        ('root', 'mean', 2.0, 32.0 + 8.0, 31.0 + 9.0**0.5 + 0.0),  # above clip_soft = 32
        ('root', 'sum', 1.0, 7.0, 7.0),
        ('power', 'sum_sqrt', 1.0, 16.0, 8.0),
        ('power', 'sum_sqrt', 0.5, 8.0, 4.0),  # scaled last: 0.5 * 16^0.75
        ('power', 'mean', 1.0, 41.0, 35.0),  # 32 + sqrt(9)
    ],
)
def test_a_stored_value_is_the_one_computed_by_hand(kind, stat, scale, summed, stored):
    one = [track(stat, scale, soft=32.0)]
    assert coverage.transform(np.array([summed]), one, kind)[0] == pytest.approx(stored, rel=1e-12)
    assert coverage.inverse_transform(np.array([stored]), one, kind)[0] == pytest.approx(
        summed, rel=1e-12
    )


@pytest.mark.parametrize('kind', ['root', 'power'])
def test_the_inverse_transform_inverts_the_transform_over_all_sizes(kind):
    summed = np.concatenate([[0.0], np.geomspace(1e-3, 1e4, 200)])
    for stat in coverage.statistics(kind):
        one = [track(stat, scale=0.3, clip=np.inf)]
        stored = coverage.transform(summed[:, None], one, kind)
        assert (np.diff(stored[:, 0]) > 0).all()
        back = coverage.inverse_transform(stored, one, kind)[:, 0]
        np.testing.assert_allclose(back, summed, rtol=1e-9, atol=1e-12)


def test_sums_are_pooled_after_the_inverse_transform_and_means_are_averaged():
    """Four bins with 0, 1, 8 and 3 reads hold 12; the sum of the roots is another number."""
    table = [track('sum_sqrt'), track('mean', pair=1)]
    reads = np.array([[0.0, 1.0, 8.0, 3.0]])
    stored = coverage.transform(np.stack([reads, reads], -1), table)
    pooled = coverage.pool(coverage.inverse_transform(stored, table), table, 4)
    np.testing.assert_allclose(pooled, [[[12.0, 3.0]]])


def test_only_what_is_above_clip_soft_is_reduced():
    table = [track(soft=64.0), track(soft=np.inf, pair=1)]
    x = np.array([[[10.0, 10.0], [64.0, 64.0], [88.0, 88.0]]])
    np.testing.assert_allclose(coverage.soft_clip(x, table), [[[10, 10], [64, 64], [68, 88]]])


@pytest.mark.real
def test_the_real_tracks_hold_single_reads_as_roots(real_data):
    """Values pile up where whole reads are under the root: sqrt(2) - 1 for one of a CAGE track; reads of 32 bp of GTEx."""
    with np.load(real_data / 'tracks_borzoi_tiny' / 'hg38_train.npz') as file:
        cage = np.round(file['target'][..., :24].astype(np.float64), 2)
        gtex = np.round(file['target'][..., 62:64].astype(np.float64), 2)
    for values, scale, reads in ((cage, 1.0, (1, 2)), (gtex, 0.02, (32, 64, 96))):
        value, count = np.unique(values[values > 0], return_counts=True)
        often = dict(zip(np.round(value, 2).tolist(), count.tolist(), strict=True))
        for n in reads:
            here = round((1 + scale * n) ** 0.5 - 1, 2)
            neighbours = [often.get(round(here + step / 100, 2), 0) for step in (-3, -2, 2, 3)]
            assert often[here] > 2 * max(neighbours), (scale, n)
    # Under the earlier transform, two reads of 32 bp are stored as 0.02 * 64^0.75 = 0.45, not as 0.51.
    assert often[0.51] > 4 * often.get(0.45, 0)
