"""Rows cut from windows: pieces, shifts, and the reverse strand."""

import numpy as np
import pytest

from genojax import dna
from genojax.tasks.coverage import rows as row_cutting
from tests.data import track_files
from tests.tasks.coverage import test_dataset


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return track_files.write(tmp_path_factory.mktemp('tracks'))


def test_the_reverse_strand_reverses_bins_and_exchanges_strand_pairs(folder):
    datasets = test_dataset.open_datasets(folder)
    forward, reverse = (next(datasets.in_order('test', flip=flip)) for flip in (False, True))
    for row in range(2):
        text = dna.decode((forward['tokens'][row] - 5).astype(np.uint8))
        reverse_text = dna.decode((reverse['tokens'][row] - 5).astype(np.uint8))
        assert reverse_text == dna.reverse_complement_text(text)
    np.testing.assert_array_equal(
        reverse['targets'], forward['targets'][:, ::-1][..., [1, 0, 2, 3]]
    )
    source = datasets.sources[0]
    np.testing.assert_array_equal(
        source.flipped(source.flipped(forward['targets'])), forward['targets']
    )


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize(('pieces', 'length'), [(4, 1024), (2, 0), (4, 512)])
def test_pieces_divide_a_window_s_centre_with_the_dna_around_each(folder, pieces, length, flip):
    """Windows of 4,096 bp, centres of 2,048, bins of 128; expected rows are cut by hand."""
    datasets = test_dataset.open_datasets(
        folder, pieces=pieces, length=length, accessibility=test_dataset.RULES, batch_size=3
    )
    length, piece = length or 3072, 2048 // pieces
    windows = datasets.windows(0, 'test')
    padded = np.zeros((len(windows), 32, 4), np.float32)
    padded[:, 8:24] = windows.target_NPC
    batches = datasets.in_order('test', flip=flip)
    rows = [row for batch in batches for row in _rows(batch) if row['organism'] == 0]
    assert len(rows) == pieces * len(windows)
    for number, row in enumerate(rows):
        window, part = divmod(number, pieces)
        middle = 1024 + part * piece + piece // 2
        first = middle - length // 2
        codes = windows.codes_NL[window, first : first + length]
        bins = slice(first // 128, (first + length) // 128)
        inside = np.abs(np.arange(bins.start, bins.stop) * 128 + 64 - middle) < piece // 2
        targets = np.where(inside[:, None] & [True, True, False, True], padded[window, bins], 0)
        inputs = padded[window, bins, 2]
        if flip:
            codes = dna.reverse_complement(codes[None])[0]
            targets, inputs, inside = targets[::-1, [1, 0, 2, 3]], inputs[::-1], inside[::-1]
        np.testing.assert_array_equal(row['tokens'] - 5, codes)
        np.testing.assert_array_equal(row['targets'], targets)
        np.testing.assert_array_equal(row['known'].all(1) | inside, inside)
        np.testing.assert_array_equal(row['known'][:, 0], inside)
        np.testing.assert_array_equal(row['accessibility'][:, 0], inputs)
        assert row['accessibility_known'].sum() == min(length // 128, 16) or pieces == 4


def _rows(batch):
    count = int(batch['weight'].sum())
    return [{name: values[row] for name, values in batch.items()} for row in range(count)]


def test_a_shift_moves_dna_and_keeps_its_length():
    codes = np.array([[0, 1, 2, 3, 0, 1]], np.uint8)
    for shift, expected in ((1, [1, 2, 3, 0, 1, 4]), (-2, [4, 4, 0, 1, 2, 3]), (0, codes[0])):
        np.testing.assert_array_equal(row_cutting.shifted(codes, np.array([shift]), 6)[0], expected)
    np.testing.assert_array_equal(row_cutting.shifted(codes, np.array([1]), 2)[0], [3, 0])
