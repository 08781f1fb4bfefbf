"""The audit counts k-mers of test windows that training contains."""

import numpy as np
import pytest

from genojax import dna, genome
from genojax.data.genomes import assemblies, interval_sets, windows
from genojax.data.splits import audit


def _random(seed, bases):
    return np.random.default_rng(seed).integers(0, 4, bases).astype(np.uint8)


def test_the_audit_counts_kmers_on_both_strands():
    codes = _random(5, 4_000)
    codes[3_000:3_100] = dna.reverse_complement(codes[100:200])
    codes[2_999], codes[3_100] = codes[200], codes[99]  # not the complements: the copy ends here
    corpus = assemblies.Corpus([assemblies.Genome.from_arrays('x', ['c'], [codes])])
    axis = interval_sets.Axis(corpus)
    train = windows.tile(axis, 0, axis.spans([0], [0], [1_000]), 500, 500)
    test = windows.tile(axis, 0, axis.spans([0], [2_500], [3_500]), 500, 500)
    actual, flags = audit.measure(corpus, {'x': (train, test)}, 500)
    assert flags['x'].tolist() == [0, 1]
    assert actual['kmers_in_training'] == 100 - 23
    assert actual['windows_with_a_training_kmer'] == 1 and actual['window_fraction'] == 0.5
    assert actual['kmers'] == 2 * (500 - 23)


@pytest.mark.parametrize('circular', [False, True])
def test_a_copy_across_the_origin_is_counted_on_a_circular_contig_only(circular):
    ring, other = _random(6, 2_000), _random(7, 1_000)
    other[200:240] = np.concatenate([ring[-20:], ring[:20]])
    other[199], other[240] = (ring[-21] + 1) % 4, (ring[20] + 1) % 4  # the copy ends here
    contigs = [genome.Contig('ring', 2_000, circular=circular), genome.Contig('other', 1_000)]
    corpus = assemblies.Corpus([assemblies.Genome.from_arrays('x', contigs, [ring, other])])
    axis = interval_sets.Axis(corpus)
    train = windows.tile(axis, 0, axis.whole(np.array([0])), 500, 500)
    test = windows.tile(axis, 0, axis.whole(np.array([1])), 500, 500)
    result, _ = audit.measure(corpus, {'x': (train, test)}, 500)
    assert result['kmers_in_training'] == (40 - 23 if circular else 0)


def test_windows_that_are_not_searched_are_marked(monkeypatch):
    monkeypatch.setattr(audit, '_MAX_WINDOWS', 3)
    corpus = assemblies.Corpus([assemblies.Genome.from_arrays('x', ['c'], [_random(8, 4_000)])])
    axis = interval_sets.Axis(corpus)
    train = windows.tile(axis, 0, axis.spans([0], [0], [1_000]), 100, 100)
    test = windows.tile(axis, 0, axis.spans([0], [0], [600]), 100, 100)
    report, flags = audit.measure(corpus, {'x': (train, test)}, 100)
    assert flags['x'].tolist() == [-1, 1, -1, 1, -1, 1] and report['windows_audited'] == 3


@pytest.mark.parametrize('piece', [40, 2**16])
def test_many_short_runs_are_counted_as_one_by_one(piece, monkeypatch):
    monkeypatch.setattr(audit, '_PIECE', piece)
    codes = _random(9, 6_000)
    starts = np.arange(0, 3_000, 150)
    for number, start in enumerate(starts.tolist()):  # k-mers that lie in a run, or reach out of it
        copy = codes[start + 60 : start + 110] if number % 2 else codes[start + 80 : start + 130]
        codes[3_000 + start : 3_000 + start + 50] = copy
    corpus = assemblies.Corpus([assemblies.Genome.from_arrays('x', ['c'], [codes])])
    axis = interval_sets.Axis(corpus)
    runs = axis.spans(np.zeros(20, int), starts, starts + 100)
    train = windows.tile(axis, 0, runs, 100, 100)
    test = windows.tile(axis, 0, axis.spans([0], [3_000], [6_000]), 150, 150)
    report, _ = audit.measure(corpus, {'x': (train, test)}, 150)
    trained = {codes[s + i : s + i + 24].tobytes() for s in starts.tolist() for i in range(77)}
    expected = sum(
        codes[s + i : s + i + 24].tobytes() in trained
        for s in range(3_000, 6_000, 150)
        for i in range(127)
    )
    assert report['kmers_in_training'] == expected > 100
