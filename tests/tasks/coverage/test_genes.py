"""Scores across genes: bins at first bases in the direction of the gene, and values by hand."""

import numpy as np
import pytest

from genojax import genome, simulate
from genojax.data.formats.track_files import track_windows
from genojax.tasks.coverage import genes

CENTRES = [genome.Interval('c', 100, 180), genome.Interval('d', 0, 80)]


def organism(*starts) -> track_windows.Organism:
    listed = tuple(track_windows.GeneStart(f'g{i}', *start) for i, start in enumerate(starts))
    tracks = simulate.tracks.table()[:3]  # the first two are strands of one assay
    return track_windows.Organism('x', tracks, {}, bin=10, crop=0, digest='', genes=listed)


def test_values_are_read_in_the_direction_of_the_gene():
    reads = np.arange(2 * 8 * 3, dtype=float).reshape(2, 8, 3)
    known = np.ones(reads.shape, bool)
    known[1, 4, 2] = False
    source = organism(
        ('c', 135, '+'), ('c', 135, '-'), ('d', 57, '+'), ('c', 105, '+'), ('e', 9, '+')
    )
    listed, values = genes.values(reads, known, CENTRES, source)
    assert [gene.name for gene in listed] == ['g0', 'g1', 'g2']  # the others lack bins
    expected = np.log1p(reads[0, 2:5].sum(0))
    np.testing.assert_allclose(values[0], expected)
    np.testing.assert_allclose(values[1], expected[[1, 0, 2]])
    np.testing.assert_allclose(values[2], [*np.log1p(reads[1, 4:7].sum(0))[:2], np.nan])


def test_scores_are_correlations_of_the_known_genes():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(40, 3))
    models = {'model': truth + rng.normal(size=truth.shape), 'flat': np.zeros_like(truth)}
    truth[:7, 1] = np.nan
    result = genes.compare(truth, models, ('a', 'b', 'c'))
    assert result['genes'] == 40
    for c, name in enumerate('abc'):
        known = np.isfinite(truth[:, c])
        r = np.corrcoef(truth[known, c], models['model'][known, c])[0, 1]
        value, low, high = result['across_genes'][name]['model']
        assert value == pytest.approx(r, abs=1e-4) and low < value < high
    each = [result['across_genes'][name]['model'][0] for name in 'abc']
    assert result['across_genes']['all']['model'][0] == pytest.approx(np.mean(each), abs=1e-3)
    rows = np.isfinite(truth).all(1)
    x, y = (z[rows] - z[rows].mean(0) for z in (models['model'], truth))
    by_gene = [np.corrcoef(a, b)[0, 1] for a, b in zip(x, y, strict=True)]
    assert result['across_tracks']['model'][0] == pytest.approx(np.mean(by_gene), abs=1e-4)
    assert result['across_tracks']['flat'] == [0.0, 0.0, 0.0]
    lines = genes.as_text(result, {})
    assert (
        len(lines) == 2
        and 'across genes, mean over tracks, 95 % intervals over 40 genes: model 0.' in lines[0]
    )


def test_a_value_that_is_not_known_has_no_effect():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(30, 3))
    truth[::3, 0] = np.nan
    model = truth + rng.normal(size=truth.shape)
    first, second = (
        genes.compare(truth, {'model': np.where(np.isnan(truth), x, model)}, ('a', 'b', 'c'))
        for x in (5.0, -1e6)
    )
    assert first == second


def test_few_genes_or_tracks_have_no_scores():
    assert genes.compare(np.zeros((9, 3)), {}, ('a', 'b', 'c')) is None
    assert genes.as_text(None, {}) == []
    truth = np.random.default_rng(2).normal(size=(12, 2))
    assert genes.compare(truth, {'model': truth}, ('a', 'b'))['across_tracks'] is None
