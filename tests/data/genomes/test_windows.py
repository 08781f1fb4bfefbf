"""Windows tile sets of bases, know how far they may move, and drop what is unknown."""

import numpy as np
import pytest

from genojax import dna, genome
from genojax.data.genomes import assemblies, interval_sets, windows


def _axis(*contigs, seed=0):
    random = np.random.default_rng(seed)
    codes = [random.integers(0, 4, contig.length).astype(np.uint8) for contig in contigs]
    return interval_sets.Axis(
        assemblies.Corpus([assemblies.Genome.from_arrays('x', contigs, codes)])
    )


@pytest.mark.parametrize('stride', [10, 7, 3])
def test_windows_cover_every_run_and_nothing_else(stride):
    axis = _axis(genome.Contig('a', 300), genome.Contig('b', 200))
    spans = axis.spans([0, 0, 1], [0, 120, 40], [57, 131, 200])
    part = windows.tile(axis, 0, spans, 10, stride)
    assert (windows.covered(axis, {'x': part}) == spans).all()
    assert part.bases == 10 * len(part) and (part.valid == 10).all()
    ends = set(zip(part.contig.tolist(), (part.start + 10).tolist(), strict=True))
    assert {(0, 57), (0, 131), (1, 200)} <= ends  # the last window of a run ends at its end


def test_a_window_may_move_to_the_ends_of_its_run():
    axis = _axis(genome.Contig('a', 300))
    part = windows.tile(axis, 0, axis.spans([0], [100], [150]), 20, 20)
    assert (part.start - part.before == 100).all()
    assert (part.start + part.after + 20 == 150).all()


def test_a_whole_circle_is_tiled_across_its_origin_and_may_move_anywhere():
    axis = _axis(genome.Contig('ring', 105, circular=True))
    part = windows.tile(axis, 0, axis.whole(np.array([0])), 20, 20)
    assert part.start.tolist() == [0, 20, 40, 60, 80, 100]
    assert (part.before == 105).all() and (part.after == 105).all()


def test_a_contig_shorter_than_a_window_is_one_window():
    axis = _axis(genome.Contig('tiny', 8), genome.Contig('b', 30))
    part = windows.tile(axis, 0, axis.whole(np.array([0, 1])), 20, 20)
    assert part.valid.tolist() == [8, 20, 20] and part.start.tolist() == [0, 0, 10]
    assert (
        len(windows.tile(axis, 0, axis.spans([0], [2], [8]), 20, 20)) == 0
    )  # a part of one is none


def test_windows_with_more_than_half_of_their_bases_unknown_are_dropped():
    codes = np.zeros(60, np.uint8)
    codes[20:30] = codes[40:51] = dna.UNKNOWN
    member = assemblies.Genome.from_arrays('x', ['c'], [codes])
    axis = interval_sets.Axis(assemblies.Corpus([member]))
    part = windows.tile(axis, 0, axis.whole(np.array([0])), 20, 20)
    assert windows.mostly_sequenced(member, part, 20).tolist() == [True, True, False]


def test_subsampled_windows_are_spread_evenly():
    axis = _axis(genome.Contig('a', 50_000))
    part = windows.tile(axis, 0, axis.whole(np.array([0])), 100, 100)
    few = part.subsample(10)
    assert len(few) == 10 and len(set(few.start.tolist())) == 10
    gaps = np.diff(np.searchsorted(part.start, few.start))
    assert gaps.max() - gaps.min() <= 1
    assert part.subsample(10**6) is part


def test_unknown_bases_of_a_window_are_those_counted_one_by_one(monkeypatch):
    monkeypatch.setattr(windows, '_PIECE', 37)
    random = np.random.default_rng(1)
    contigs = [genome.Contig('a', 400), genome.Contig('r', 300, circular=True)]
    codes = [random.integers(0, 4, contig.length).astype(np.uint8) for contig in contigs]
    for array in codes:
        for at in random.integers(0, len(array), 9).tolist():
            array[at : at + int(random.integers(1, 30))] = dna.UNKNOWN
    codes[1][-12:] = codes[1][:9] = dna.UNKNOWN
    member = assemblies.Genome.from_arrays('x', contigs, codes)
    axis = interval_sets.Axis(assemblies.Corpus([member]))
    part = windows.tile(axis, 0, axis.whole(np.array([0, 1])), 20, 7)
    bases = member.read(part.contig, part.start, 20)[0]
    expected = (bases == dna.UNKNOWN).sum(1) <= 10
    assert np.array_equal(windows.mostly_sequenced(member, part, 20), expected)
    assert 0 < expected.sum() < len(expected)
