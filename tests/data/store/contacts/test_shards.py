"""Blocks read back from shards: those of the matrix, with a mask; damage is refused."""

import numpy as np
import pytest

from genojax import errors
from genojax.data.store.contacts import shards
from tests.data import contact_files

pytest.importorskip('h5py')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = contact_files.write(tmp_path_factory.mktemp('hic'))
    contact_files.prepared(folder)
    return folder / 'out'


@pytest.fixture(scope='module')
def species(folder):
    return shards.open_contacts(folder, 'genome')


@pytest.fixture(scope='module')
def whole():
    """Observed / expected of the genome by loops, and which pairs are known."""
    known = np.ones(93, bool)
    known[[*contact_files.EMPTY, *contact_files.UNWEIGHTED, 43, 44, 45]] = False
    factor = np.where(known, 1 / contact_files.bias(), 0)
    return contact_files.slow_ratio(contact_files.counts(), factor, known, 2)


@pytest.mark.parametrize(
    ('contig', 'first'), [('chr1', 0), ('chr1', 29), ('chr2', 1), ('chr3', 5), ('chr3', 14)]
)
def test_a_block_is_that_of_the_matrix(species, whole, contig, first):
    value_PP, known_PP = species.block(contig, first, 10)
    start, end = (
        contact_files.FIRST[contig],
        contact_files.FIRST[contig] + contact_files.BINS[contig],
    )
    inside = slice(start + first, min(start + first + 10, end))
    count = inside.stop - inside.start
    np.testing.assert_array_equal(known_PP[:count, :count], whole[1][inside, inside])
    np.testing.assert_allclose(value_PP[:count, :count], whole[0][inside, inside], rtol=1e-6)
    assert not known_PP[count:].any() and not value_PP[:, count:].any()


def test_bins_before_the_contig_are_unknown(species):
    value_PP, known_PP = species.block('chr2', -3, 8)
    own = species.block('chr2', 0, 5)
    assert not known_PP[:3].any() and not known_PP[:, :3].any()
    np.testing.assert_array_equal(value_PP[3:, 3:], own[0])
    np.testing.assert_array_equal(known_PP[3:, 3:], own[1])


def test_contacts_are_not_stored_beyond_the_window(species):
    species.block('chr1', 0, 12)
    with pytest.raises(ValueError, match='13 bins'):
        species.block('chr1', 0, 13)


def test_windows_have_their_bases_and_contacts(species):
    rows = species.load('train', np.array([5, 1]))
    assert rows.codes_NL.shape == (2, 600) and rows.contacts_NPP.shape == (2, 8, 8)
    assert rows.rates_NPP is None
    for row, number in enumerate((5, 1)):
        interval = species.interval('train', number)
        expected = species.block(interval.contig, interval.start // 50, 8)
        np.testing.assert_array_equal(rows.contacts_NPP[row], expected[0])
        np.testing.assert_array_equal(rows.known_NPP[row], expected[1])
    assert species.interval('train', 1).start == 600  # the first bases of a flank of chr1
    codes = np.random.default_rng(0).integers(0, 4, 2_050)
    np.testing.assert_array_equal(rows.codes_NL[1], codes[500:1100])


def test_the_logarithm_is_finite_and_0_at_the_expected_value():
    value = shards.logarithm(np.array([0.0, 1.0, 1e9]))
    np.testing.assert_allclose(value, [np.log(0.1 / 1.1), 0, 3], rtol=1e-6)


def test_damage_and_other_folders_are_refused(folder, tmp_path):
    with pytest.raises(errors.UsageError, match='no species .*it has genome'):
        shards.open_contacts(folder, 'human')
    with pytest.raises(errors.InputError, match='GX-AR04: .*no contacts'):
        shards.read_value(tmp_path)
    path = folder / 'genome' / 'contacts.f32'
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with pytest.raises(errors.DamageError, match='AR01.*contacts.f32.*Fix: genojax hic'):
            shards.open_contacts(folder, 'genome')
    finally:
        path.write_bytes(whole)
