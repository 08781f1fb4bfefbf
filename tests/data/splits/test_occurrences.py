"""Rows of tables are found in genomes: as a whole, on both strands, with substitutions."""

import numpy as np

from genojax import dna, genome
from genojax.data.genomes import assemblies
from genojax.data.splits import occurrences


def _random(seed, bases):
    return np.random.default_rng(seed).integers(0, 4, bases).astype(np.uint8)


def test_occurrences_finds_whole_rows_on_both_strands_and_over_the_origin():
    ring, line = _random(3, 5_000), _random(4, 5_000)
    contigs = [genome.Contig('ring', 5_000, circular=True), genome.Contig('line', 5_000)]
    corpus = assemblies.Corpus([assemblies.Genome.from_arrays('x', contigs, [ring, line])])
    almost = line[200:270].copy()
    almost[69] = 3 - almost[69]
    known = line[300:370].copy()
    known[[0, 40]] = dna.UNKNOWN
    rows = [
        line[100:170],
        dna.reverse_complement(line[4_930:5_000]),
        np.concatenate([ring[-50:], ring[:20]]),
        dna.reverse_complement(np.concatenate([ring[-20:], ring[:50]])),
        almost,
        known,
        np.concatenate([line[-40:], line[:30]]),  # a line has no origin to cross
        _random(5, 70),
        line[:12],
    ]
    places, skipped = occurrences.find(corpus, rows)
    columns = places.row, places.contig, places.start, places.flip, places.substitutions
    assert np.stack(columns, 1).tolist() == [
        [0, 1, 100, 0, 0],
        [1, 1, 4_930, 1, 0],
        [2, 0, 4_950, 0, 0],
        [3, 0, 4_980, 1, 0],
        [4, 1, 200, 0, 1],
        [5, 1, 300, 0, 0],
    ]
    assert skipped.tolist() == [8]


def test_a_contig_may_end_inside_a_row_of_which_50_bases_are_left():
    line = _random(6, 3_000)
    corpus = assemblies.Corpus([assemblies.Genome.from_arrays('x', ['line'], [line])])
    rows = [
        np.concatenate([_random(7, 20), line[:50]]),
        np.concatenate([_random(8, 21), line[:49]]),
        np.concatenate([line[-60:], _random(9, 40)]),
    ]
    places, _ = occurrences.find(corpus, rows)
    assert list(zip(places.row.tolist(), places.start.tolist(), strict=True)) == [
        (0, -20),
        (2, 2_940),
    ]


def test_rows_with_three_substitutions_are_found_on_both_strands(monkeypatch):
    monkeypatch.setattr(occurrences, '_PIECE', 1_000)  # places on the borders of pieces too
    line = _random(10, 6_000)
    corpus = assemblies.Corpus([assemblies.Genome.from_arrays('x', ['line'], [line])])
    random = np.random.default_rng(11)
    starts = random.integers(0, 5_930, 60)
    rows = []
    for number, start in enumerate(starts.tolist()):
        row = line[start : start + 70].copy()
        places = [17, 35, 53] if number % 2 else random.choice(70, 3, replace=False)
        row[places] = (row[places] + random.integers(1, 4, 3)) % 4
        rows.append(dna.reverse_complement(row) if number % 3 else row)
    places, _ = occurrences.find(corpus, rows)
    assert places.row.tolist() == list(range(60)) and places.start.tolist() == starts.tolist()
    assert places.substitutions.tolist() == [3] * 60
    assert places.flip.tolist() == [int(number % 3 > 0) for number in range(60)]


def test_a_row_has_as_many_occurrences_as_the_genomes_have_copies():
    line = _random(12, 3_000)
    line[2_000:2_080] = dna.reverse_complement(line[500:580])
    line[2_040] = (line[2_040] + 1) % 4
    corpus = assemblies.Corpus([assemblies.Genome.from_arrays('x', ['line'], [line])])
    places, _ = occurrences.find(corpus, [line[500:580], _random(13, 80)])
    assert places.start.tolist() == [500, 2_000] and places.row.tolist() == [0, 0]
    closest = places.closest()
    assert closest.start.tolist() == [500] and closest.substitutions.tolist() == [0]
