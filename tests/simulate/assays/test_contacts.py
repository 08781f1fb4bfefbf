"""Contacts of a clade: planted domains and loops, equal files, and genomes that others keep."""

import numpy as np
import pytest

from genojax import simulate
from genojax.data.formats.contact_files import contact_table, cool
from genojax.data.store.contacts import matrix
from genojax.simulate import segments
from genojax.simulate.assays import contacts


def chromosome(*sites) -> segments.Segment:
    plain = segments.plain(np.zeros(30_000, np.uint8))
    label = segments.FeatureLabel
    listed = [(at, at + 12, label('insulator', strand, -1, 'insulator')) for at, strand in sites]
    return segments.add_features(plain, listed)


def test_insulators_part_domains_and_convergent_ones_make_loops():
    plain = contacts.chromosome_rates(chromosome(), 1_000)
    np.testing.assert_array_equal(plain, plain.T)
    assert plain[3, 4] == pytest.approx(contacts.DEPTH)
    assert plain[3, 9] == pytest.approx(2 * contacts.DEPTH / 7)
    inwards = contacts.chromosome_rates(chromosome((8_450, '+'), (20_450, '-')), 1_000)
    outwards = contacts.chromosome_rates(chromosome((8_450, '-'), (20_450, '+')), 1_000)
    ratio, other = np.log(inwards / plain), np.log(outwards / plain)
    for i, j, crossed in ((1, 4, 0), (2, 15, 1), (2, 25, 2), (9, 25, 1), (21, 29, 0)):
        assert other[i, j] == pytest.approx(-contacts.INSULATION * crossed)
        assert ratio[i, j] == pytest.approx(-contacts.INSULATION * crossed, abs=0.01)
    # The sites lie before the middles of bins 8 and 20: one of them is between those.
    assert ratio[8, 20] - other[8, 20] == pytest.approx(contacts.LOOP)
    assert ratio[8, 20] == ratio.max()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Matrices of two species whose chromosomes have insulators at random places."""
    pytest.importorskip('h5py')
    folder, clade = tmp_path_factory.mktemp('hic'), {}
    for number, species in enumerate(('alpha', 'beta')):
        rng = np.random.default_rng(number)
        sites = [
            [
                (at, '+-'[strand])
                for at, strand in rng.integers((100, 0), (29_900, 2), (6, 2)).tolist()
            ]
            for _ in range(2)
        ]
        clade[species] = {f'chr{i + 1}': chromosome(*some) for i, some in enumerate(sites)}
    for name in ('a', 'b'):
        (folder / name).mkdir()
        contacts.write(folder / name, 3, 500, clade)
    return folder


def test_files_are_equal_byte_for_byte(folder):
    files = sorted(path.name for path in (folder / 'a' / 'hic').iterdir())
    assert files == ['alpha.cool', 'alpha.rates.cool', 'beta.cool', 'beta.rates.cool', 'hic.tsv']
    for file in files:
        one, other = ((folder / name / 'hic' / file).read_bytes() for name in ('a', 'b'))
        assert one == other
    rows = contact_table.read(folder / 'a' / 'hic' / 'hic.tsv')
    assert [row.species for row in rows] == ['alpha', 'beta'] and rows[0].weight == 'weight'


def test_balanced_counts_follow_the_rates(folder):
    """The correlation of counts with rates at equal distance is high, and below 1."""
    measured = []
    for name in ('alpha.cool', 'alpha.rates.cool'):
        file = cool.CoolFile(folder / 'a' / 'hic' / name, 500)
        usable = {contig: np.ones(60, bool) for contig in file.sizes}
        measured.append(matrix.measure(file, file.factors('weight'), usable, 2))
    span = ('chr1', 0, 60)
    (counts, known), (rates, also) = (one.block(span, span) for one in measured)
    both, distance = known & also, np.abs(np.subtract.outer(np.arange(60), np.arange(60)))
    assert both.mean() > 0.8
    for wide in (2, 4, 8):
        chosen = both & (distance == wide)
        assert 0.5 < np.corrcoef(counts[chosen], rates[chosen])[0, 1] < 0.999
    assert measured[1].trans == pytest.approx(contacts.TRANS, rel=1e-6)


def test_bins_that_do_not_fit_the_genome_are_refused():
    for bin in (-1, 5, 10_000):
        with pytest.raises(ValueError, match='hic'):
            simulate.SimulationConfig(length=64_000, genes=16, hic=bin)


@pytest.mark.slow
def test_insulators_are_in_the_genomes_of_a_clade_with_contacts_alone(tmp_path):
    pytest.importorskip('h5py')
    small = {'species': 2, 'length': 64_000, 'genes': 16, 'task_rows': 0}
    for name, bin in (('with', 1_000), ('none', 0)):
        simulate.write(tmp_path / name, simulate.SimulationConfig(**small, hic=bin))
    lines = (tmp_path / 'with' / 'alpha.gff3').read_text().splitlines()
    assert sum('\tinsulator\t' in line for line in lines) >= 8
    assert '\tinsulator\t' not in (tmp_path / 'none' / 'alpha.gff3').read_text()
    assert not (tmp_path / 'none' / 'hic').exists()
    assert len(list((tmp_path / 'with' / 'hic').iterdir())) == 5
