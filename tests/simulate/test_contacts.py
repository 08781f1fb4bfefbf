"""Contacts of a clade: planted domains and loops, equal files, and genomes that others keep."""

import numpy as np
import pytest

from genojax import simulate
from genojax.data.formats.contact_files import cool
from genojax.data.store.contacts import matrix
from genojax.simulate import contacts, segments

SMALL = {'species': 2, 'length': 64_000, 'genes': 16, 'task_rows': 0}


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


def test_files_are_equal_and_genomes_without_contacts_stay_as_they_are(tmp_path):
    pytest.importorskip('h5py')
    for name, bin in (('a', 1_000), ('b', 1_000), ('none', 0)):
        simulate.write(tmp_path / name, simulate.SimulationConfig(**SMALL, hic=bin))
    files = sorted(path.relative_to(tmp_path / 'a') for path in (tmp_path / 'a').rglob('*.*'))
    for file in files:
        assert (tmp_path / 'a' / file).read_bytes() == (tmp_path / 'b' / file).read_bytes()
    assert '\tinsulator\t' in (tmp_path / 'a' / 'alpha.gff3').read_text()
    assert '\tinsulator\t' not in (tmp_path / 'none' / 'alpha.gff3').read_text()
    assert not (tmp_path / 'none' / 'hic').exists()


def test_balanced_counts_follow_the_rates(tmp_path):
    """The correlation of counts with rates at equal distance is high, and below 1."""
    pytest.importorskip('h5py')
    simulate.write(tmp_path / 'c', simulate.SimulationConfig(**SMALL, hic=1_000))
    measured = []
    for name in ('alpha.cool', 'alpha.rates.cool'):
        file = cool.CoolFile(tmp_path / 'c' / 'hic' / name, 1_000)
        bins = {contig: -(-size // 1_000) for contig, size in file.sizes.items()}
        usable = {contig: np.ones(count, bool) for contig, count in bins.items()}
        measured.append(matrix.measure(file, file.factors('weight'), usable, 2))
    span = ('chr1', 0, bins['chr1'])
    (counts, known), (rates, also) = (one.block(span, span) for one in measured)
    assert known.mean() > 0.6
    both = known & also
    distance = np.abs(np.subtract.outer(*(np.arange(bins['chr1']),) * 2))
    r = [
        np.corrcoef(counts[c], rates[c])[0, 1] for d in (2, 4, 8) for c in [both & (distance == d)]
    ]
    assert 0.5 < min(r) and max(r) < 0.999


def test_bins_that_do_not_fit_the_genome_are_refused():
    for bin in (-1, 5, 10_000):
        with pytest.raises(ValueError, match='hic'):
            simulate.SimulationConfig(**SMALL, hic=bin)
