"""Trees: Newick in and out, and distances."""

import pytest

from genojax.simulate import phylogeny


def test_tree_survives_a_round_trip_through_newick():
    for species in (2, 5, 7):
        root = phylogeny.default(species)
        assert phylogeny.distances(phylogeny.parse(phylogeny.newick(root))) == pytest.approx(
            phylogeny.distances(root)
        )


def test_distances_and_depths_by_hand():
    root = phylogeny.parse('((a:0.1,b:0.2):0.3,c:0.4);')
    assert phylogeny.tips(root) == ('a', 'b', 'c')
    assert phylogeny.depths(root) == pytest.approx({'a': 0.4, 'b': 0.5, 'c': 0.4})
    distances = phylogeny.distances(root)
    assert distances['a', 'b'] == distances['b', 'a'] == pytest.approx(0.3)
    assert distances['a', 'c'] == pytest.approx(0.8) and distances['c', 'b'] == pytest.approx(0.9)
    assert len(distances) == 6


@pytest.mark.parametrize('text', ['(a:0.1,b:x);', '(a:0.1,b:0.1);c', '', '(a:0.1,b:2);', '(a:0.1'])
def test_invalid_newick_is_refused(text):
    with pytest.raises(ValueError, match='tree'):
        phylogeny.parse(text)
