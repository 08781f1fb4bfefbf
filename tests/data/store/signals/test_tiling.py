"""Windows tile the genome; those of different blocks share no base, and parts are of blocks."""

import numpy as np
import pytest

from genojax import errors
from genojax.data.store.signals import tiling, track_settings

SETTINGS = track_settings.TrackSettings(window=60, crop=20, bin=10, block=3)


@pytest.mark.parametrize('circular', [False, True])
def test_windows_of_different_blocks_share_no_base(circular):
    lengths = [1_000, 19, 205]
    tiled = tiling.tile(lengths, [circular] * 3, SETTINGS)
    for contig, length in enumerate(lengths):
        blocks = []
        for block in np.unique(tiled.block_N[tiled.contig_N == contig]):
            start_N = tiled.start_N[tiled.block_N == block]
            assert (np.diff(start_N) == 20).all() and start_N[-1] < length
            bases = np.arange(start_N[0] - 20, start_N[-1] + 40)
            blocks.append(set((bases % length if circular else bases).tolist()))
        for number, one in enumerate(blocks):
            assert not any(one & other for other in blocks[number + 1 :])


def test_every_base_is_in_a_centre_or_counted_as_a_gap():
    lengths = [1_000, 19, 205]
    for circular in (False, True):
        tiled = tiling.tile(lengths, [circular] * 3, SETTINGS)
        covered = 0
        for contig, length in enumerate(lengths):
            starts = tiled.start_N[tiled.contig_N == contig]
            covered += sum(min(20, length - start) for start in starts.tolist())
        assert covered + tiled.gap_bases >= sum(lengths)
        assert circular or covered + tiled.gap_bases == sum(lengths)


def parts(marks=('', '', ''), **changes):
    tiled = tiling.tile([1_000, 400, 205], [False] * 3, SETTINGS)
    settings = track_settings.TrackSettings(window=60, crop=20, bin=10, block=3, **changes)
    return tiled, tiling.parts(tiled, ('a', 'b', 'c'), marks, settings)


def test_named_contigs_come_before_marked_ones_and_these_before_blocks():
    tiled, test_N = parts(('train', 'test', 'train'), test=('c',))
    np.testing.assert_array_equal(test_N, tiled.contig_N == 2)
    tiled, test_N = parts(('train', 'test', 'train'))
    np.testing.assert_array_equal(test_N, tiled.contig_N == 1)
    tiled, test_N = parts(test_share=0.25)
    blocks = {tuple(np.unique(test_N[tiled.block_N == b])) for b in np.unique(tiled.block_N)}
    assert blocks == {(True,), (False,)}
    count = len(np.unique(tiled.block_N))
    assert len(np.unique(tiled.block_N[test_N])) == round(count / 4)
    np.testing.assert_array_equal(test_N, parts(test_share=0.25)[1])
    assert (parts(test_share=0.25, seed=1)[1] != test_N).any()


def test_a_part_without_windows_is_refused():
    for test in (('a', 'b', 'c'), ('d',)):
        with pytest.raises(errors.UsageError, match=r'no (training|test) window.*Fix: --test=c'):
            parts(test=test)
    tiled = tiling.tile([1_000], [False], SETTINGS)
    settings = track_settings.TrackSettings(window=60, crop=20, bin=10, block=3, test=('a',))
    with pytest.raises(errors.UsageError, match='Fix: leave --test out'):
        tiling.parts(tiled, ('a',), ('',), settings)
