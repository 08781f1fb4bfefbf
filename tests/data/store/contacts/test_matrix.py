"""Observed / expected: equal to loops over pairs, in cis and in trans, in any chunks; memory."""

import tracemalloc

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats.contact_files import cool
from genojax.data.store.contacts import matrix
from tests.data import contact_files

pytest.importorskip('h5py')
DIAGONALS = 2


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    return contact_files.write_cool(tmp_path_factory.mktemp('cool') / 'a.cool')


def measure(path, name='weight', direction='', usable=None, diagonals=DIAGONALS):
    file = cool.CoolFile(path, 50)
    everything = {contig: np.ones(bins, bool) for contig, bins in contact_files.BINS.items()}
    factors = file.factors(name, direction)
    return matrix.measure(file, factors, {**everything, **(usable or {})}, diagonals)


def known_bins(extra=()) -> np.ndarray:
    known = np.ones(93, bool)
    known[[*contact_files.EMPTY, *contact_files.UNWEIGHTED, *extra]] = False
    return known


@pytest.mark.parametrize(
    ('name', 'direction', 'chunk'), [('weight', '', 13), ('KR', 'divide', 1 << 18)]
)
def test_values_are_those_of_loops_over_pairs(path, name, direction, chunk, monkeypatch):
    monkeypatch.setattr(cool, 'CHUNK', chunk)
    usable = {'chr2': np.arange(32) != 4}  # a mask
    measured = measure(path, name, direction, usable)
    known = known_bins([45])
    np.testing.assert_array_equal(measured.known_N, known)
    factor = np.where(known, 1 / contact_files.bias(), 0)
    ratio, pairs = contact_files.slow_ratio(contact_files.counts(), factor, known, DIAGONALS)
    spans = [('chr1', 0, 41), ('chr2', 3, 29), ('chr1', 30, 36)]
    for rows in spans:
        for columns in spans:
            value_RC, known_RC = measured.block(rows, columns)
            part = tuple(
                slice(contact_files.FIRST[name] + first, contact_files.FIRST[name] + end)
                for name, first, end in (rows, columns)
            )
            np.testing.assert_array_equal(known_RC, pairs[part])
            np.testing.assert_allclose(value_RC, ratio[part], rtol=1e-12)


def test_a_band_is_the_diagonal_part_of_a_block(path):
    measured = measure(path)
    for contig, bins in contact_files.BINS.items():
        value_PP, _ = measured.block((contig, 0, bins), (contig, 0, bins))
        band_PC = measured.band(contig, 3, bins, 12)
        for row in range(3, bins):
            for distance in range(12):
                expected = value_PP[row, row + distance] if row + distance < bins else 0
                assert band_PC[row - 3, distance] == pytest.approx(expected, rel=1e-6)


def test_the_mean_of_known_pairs_is_1_at_every_distance_and_between_contigs(path):
    measured = measure(path)
    value_PP, known_PP = measured.block(('chr1', 0, 41), ('chr1', 0, 41))
    for distance in range(41):
        known = known_PP.diagonal(distance)
        assert not known.any() if distance < DIAGONALS else known.any() or distance > 38
        if known.any():
            assert value_PP.diagonal(distance)[known].mean() == pytest.approx(1)
    spans = {name: (name, 0, bins) for name, bins in contact_files.BINS.items()}
    pairs = [('chr1', 'chr2'), ('chr1', 'chr3'), ('chr2', 'chr3')]
    values, known = zip(*(measured.block(spans[a], spans[b]) for a, b in pairs), strict=True)
    total = sum(value.sum() for value in values)
    assert total == pytest.approx(sum(one.sum() for one in known))


def test_stored_counts_are_accounted_for(path):
    measured = measure(path)
    upper = np.triu(contact_files.counts()) > 0
    assert sum(measured.uses.values()) == upper.sum() == measured.file.pixels
    known = known_bins()
    masked = upper & ~(known[:, None] & known)
    assert measured.uses[matrix.MASKED] == masked.sum() > 0
    number = np.arange(93)
    contig = np.searchsorted([41, 73], number, side='right')
    cis = contig[:, None] == contig
    near = cis & (np.abs(number[:, None] - number) < DIAGONALS)
    assert measured.uses[matrix.DIAGONAL] == (upper & ~masked & near).sum()
    assert measured.uses[matrix.TRANS] == (upper & ~masked & ~cis).sum()
    file = cool.CoolFile(path, 50)
    part = matrix.measure(file, file.factors('weight'), {'chr2': np.ones(32, bool)}, DIAGONALS)
    others = upper & ~((contig[:, None] == 1) & (contig == 1))
    assert part.uses[matrix.OTHER_CONTIGS] == others.sum() and part.trans == 0


def test_weights_used_the_wrong_way_are_refused_by_their_row_sums(path, tmp_path):
    values = contact_files.weights(contact_files.bias())
    wrong = contact_files.write_cool(tmp_path / 'b.cool', weight=(values, False))
    with pytest.raises(errors.InputError, match='HC08.*as the file says.*Fix: write divide'):
        measure(wrong)
    assert measure(wrong, direction='multiply').factors.source == 'table'  # the user insists
    right, raw = measure(path), measure(path, 'none')
    assert right.known_N.sum() == raw.known_N.sum() - 2


def test_pairs_by_distance_are_counted():
    known = np.random.default_rng(0).random(57) < 0.7
    expected = [sum(known[i] & known[i + d] for i in range(57 - d)) for d in range(57)]
    assert matrix.pairs_by_distance(known).tolist() == expected


def test_contigs_and_bins_that_are_not_there_are_refused(path):
    measured = measure(path)
    for span in (('chr4', 0, 1), ('chr3', 0, 21), ('chr3', -1, 3)):
        with pytest.raises(ValueError, match='not in'):
            measured.block(span, ('chr1', 0, 2))


def test_memory_does_not_grow_with_the_matrix(tmp_path, monkeypatch):
    """Three arrays of all pixels would be 10 MB; one pass and all bands take less than 2 MB."""
    bins, width = 4_000, 100
    row = np.repeat(np.arange(bins), width)
    column = row + np.tile(np.arange(width), bins)
    row, column = row[column < bins], column[column < bins]
    weight = np.ones(bins)
    pixels = cool.Pixels(row, column, np.ones(len(row)))
    cool.write(tmp_path / 'a.cool', {'chr1': bins * 50}, 50, pixels, {'weight': (weight, False)})
    assert 24 * len(row) > 9e6
    monkeypatch.setattr(cool, 'CHUNK', 4096)
    file = cool.CoolFile(tmp_path / 'a.cool', 50)
    tracemalloc.start()
    measured = matrix.measure(file, file.factors('weight'), {'chr1': np.ones(bins, bool)}, 1)
    for first in range(0, bins, 200):
        measured.band('chr1', first, first + 200, 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2e6
