"""Matrices to shards: what is written, counted and refused."""

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats.contact_files import cool
from genojax.data.store.contacts import prepare
from tests.data import contact_files

h5py = pytest.importorskip('h5py')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return contact_files.write(tmp_path_factory.mktemp('hic'))


@pytest.fixture(scope='module')
def entry(folder):
    done = contact_files.prepared(folder)
    assert done.status == 'written'
    return done.value['species']['genome']


def test_bins_are_lost_to_the_first_reason_that_suffices(entry):
    # chr2 has N in bins 2 to 4 of its own; bins 7 and 50 have no contact, 12 and 80 no weight.
    lost = {reason: count for reason, count in entry['lost_bins'].items() if count}
    assert lost == {'N': 3, prepare.NO_WEIGHT: 2, prepare.NO_CONTACT: 2}
    assert entry['known_bins'] == 93 - 7 and entry['bins'] == contact_files.BINS


def test_counts_and_windows_are_accounted_for(entry):
    upper = np.triu(contact_files.counts()) > 0
    uses = dict(entry['pixels'])
    beyond = uses.pop('beyond a window')
    assert sum(uses.values()) == upper.sum() and 0 < beyond < uses['used']
    assert entry['weights'] == {'name': 'weight', 'used_to': 'multiply', 'by': 'file'}
    # Centres of 400 bases with gaps of 200: chr1 from 0, 600, 1200, 1800; chr2 0, 600, 1200; chr3.
    assert entry['windows'] == {'train': 7, 'test': 2} and entry['left_out_windows'] == 0


def test_the_same_command_writes_nothing_and_another_is_refused(folder, entry):
    assert contact_files.prepared(folder).status == 'up to date'
    with pytest.raises(errors.UsageError, match='holds contacts of other files or settings'):
        contact_files.prepared(folder, diagonals=3)


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('names', "HC05.*'chr1', 'chr2', 'chr3', which genome.fa has; this file has '1'.*'chr'"),
        ('lengths', 'HC06.*chr2 has 1,650 bases, but 1,600 in genome.fa'),
        ('bin', 'HC03.*100 bases, not 50.*Fix: --bin=100'),
    ],
)
def test_a_matrix_of_another_genome_is_refused(folder, tmp_path, name, words):
    sizes, bin = dict(contact_files.LENGTHS), 50
    if name == 'names':
        sizes = {contig[3:]: length for contig, length in sizes.items()}
    elif name == 'lengths':
        sizes['chr2'] += 50
    else:
        bin = 100
        sizes = {contig: 2 * length for contig, length in sizes.items()}
    for file in ('genome.fa', 'hic.tsv'):
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    total = sum(-(-length // bin) for length in sizes.values())
    columns = {'weight': (np.ones(total), False)}
    pixels = cool.Pixels(*(np.array([0, 1]),) * 2, np.ones(2))
    cool.write(tmp_path / 'a.cool', sizes, bin, pixels, columns)
    with pytest.raises(errors.InputError, match=words):
        contact_files.prepared(tmp_path)
    assert not (tmp_path / 'out').exists() and not list(tmp_path.glob('*partial*'))


def test_contigs_of_the_matrix_that_are_not_read_are_counted(folder):
    done = contact_files.prepared(folder, 'some', contigs=('chr1', 'chr3'))
    entry = done.value['species']['genome']
    assert "a.cool: contigs that are not read: 1 ('chr2')" in entry['notes']
    assert entry['pixels']['on other contigs'] > 100


def test_a_part_without_known_pairs_is_refused(folder, tmp_path):
    blacklist = tmp_path / 'b.bed'
    blacklist.write_text('chr3\t0\t1000\n')
    with pytest.raises(errors.InputError, match='HC09.*no test window of genome'):
        contact_files.prepared(folder, 'none', blacklist=(str(blacklist),))


def test_weights_without_a_direction_are_refused_before_pixels_are_read(folder, tmp_path):
    contact_files.write(tmp_path, 'KR')
    with pytest.raises(errors.InputError, match='HC04'):
        contact_files.prepared(tmp_path)
    contact_files.write_table(tmp_path, 'KR', 'divide')
    other = contact_files.prepared(tmp_path).value['species']['genome']['expected']['chr1']
    same = contact_files.prepared(folder).value['species']['genome']['expected']['chr1']
    np.testing.assert_allclose(other, same, rtol=1e-12)
