"""Sets of bases: every operation equals the same one on boolean arrays."""

import numpy as np
import pytest

from genojax import genome
from genojax.data.genomes import assemblies, interval_sets


def _bools(spans, size=60):
    there = np.zeros(size, bool)
    for start, end in spans.tolist():
        there[start:end] = True
    return there


def test_set_operations_equal_boolean_arrays():
    random = np.random.default_rng(0)
    for _ in range(300):
        one, two = (
            interval_sets.merge(np.sort(random.integers(0, 61, (random.integers(0, 7), 2)), axis=1))
            for _ in range(2)
        )
        a, b = _bools(one), _bools(two)
        assert np.array_equal(_bools(interval_sets.union(one, two)), a | b)
        assert np.array_equal(_bools(interval_sets.subtract(one, two)), a & ~b)
        assert np.array_equal(_bools(interval_sets.intersect(one, two)), a & b)
        assert interval_sets.size(one) == a.sum()
        assert (one[1:, 0] > one[:-1, 1]).all()  # disjoint, and none touch


@pytest.fixture
def axis():
    contigs = [genome.Contig('ring', 100, circular=True), genome.Contig('line', 50)]
    codes = [np.zeros(100, np.uint8), np.zeros(50, np.uint8)]
    other = assemblies.Genome.from_arrays('b', ['c'], [np.zeros(30, np.uint8)])
    return interval_sets.Axis(
        assemblies.Corpus([assemblies.Genome.from_arrays('a', contigs, codes), other])
    )


def test_spans_wrap_on_circular_contigs_and_are_clipped_on_linear_ones(axis):
    assert axis.spans([0], [90], [110]).tolist() == [[0, 10], [90, 100]]
    assert axis.spans([0], [-5], [3]).tolist() == [[0, 3], [95, 100]]
    assert axis.spans([0], [30], [130]).tolist() == [[0, 100]]
    assert axis.spans([1], [40], [60]).tolist() == [[141, 151]]
    assert axis.spans([2], [-4], [3]).tolist() == [[152, 155]]


def test_contigs_never_merge(axis):
    whole = axis.whole(np.arange(3))
    assert len(whole) == 3
    assert axis.per_species(whole).tolist() == [150, 30]
    assert len(axis.widen(whole, 10)) == 3


def test_runs_join_over_the_origin(axis):
    spans = axis.spans([0], [90], [110])
    assert axis.runs(spans).tolist() == [[0, 90, 20]]
    assert axis.describe(axis.runs(spans)[0]) == {
        'species': 'a', 'contig': 'ring', 'start': 90, 'end': 110
    }  # fmt: skip
    assert axis.runs(axis.whole(np.array([0]))).tolist() == [[0, 0, 100]]
    assert axis.runs(axis.widen(axis.spans([0], [98], [99]), 5)).tolist() == [[0, 93, 11]]
