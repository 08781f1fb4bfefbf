"""Homology: planted relatives are found where they are, on either strand; chance and repeats are not."""

import numpy as np
import pytest

from genojax import dna, genome
from genojax.data.genomes import assemblies, interval_sets
from genojax.data.splits.homology import search


def _random(seed, bases):
    return np.random.default_rng(seed).integers(0, 4, bases).astype(np.uint8)


def _mutated(codes, rate, seed):
    random = np.random.default_rng(seed)
    hit = random.random(len(codes)) < rate
    return np.where(hit, (codes + random.integers(1, 4, len(codes))) % 4, codes).astype(np.uint8)


def _corpus(a, b, circular=False, **genome_b):
    ring = [genome.Contig('b1', len(b), circular=circular)]
    return assemblies.Corpus(
        [
            assemblies.Genome.from_arrays('a', ['a1'], [a]),
            assemblies.Genome.from_arrays('b', ring, [b], **genome_b),
        ]
    )


def _image(corpus, start, end):
    """What [start, end) of species a matches in species b, as runs on b's contig."""
    axis = interval_sets.Axis(corpus)
    relation = search.find(corpus, axis)
    result = relation.of(axis.spans([0], [start], [end]))
    return [run[1:] for run in axis.runs(result).tolist() if run[0] == 1], relation


@pytest.mark.parametrize('reverse', [False, True])
@pytest.mark.parametrize('rate', [0.0, 0.1, 0.2])
def test_a_diverged_copy_is_found_where_it_is(reverse, rate):
    a, b = _random(0, 60_000), _random(1, 50_000)
    copy = _mutated(a[20_000:26_000], rate, 2)
    b[30_000:36_000] = dna.reverse_complement(copy) if reverse else copy
    runs, _ = _image(_corpus(a, b), 21_000, 23_000)
    expected = (33_000, 35_000) if reverse else (31_000, 33_000)
    assert runs[0][0] <= expected[0] and sum(runs[-1]) >= expected[1]  # all of it ...
    assert sum(n for _, n in runs) <= 2_000 + 2 * 64 + 2  # ... and little more
    assert _image(_corpus(a, b), 0, 15_000)[0] == []


@pytest.mark.parametrize('reverse', [False, True])
def test_a_copy_within_a_species_is_found(reverse):
    a = _random(20, 60_000)
    copy = _mutated(a[10_000:16_000], 0.1, 21)
    a[40_000:46_000] = dna.reverse_complement(copy) if reverse else copy
    corpus = assemblies.Corpus([assemblies.Genome.from_arrays('a', ['a1'], [a])])
    axis = interval_sets.Axis(corpus)
    image = search.find(corpus, axis).of(axis.spans([0], [11_000], [13_000]))
    expected = axis.spans([0], *([[43_000], [45_000]] if reverse else [[41_000], [43_000]]))
    assert interval_sets.size(interval_sets.subtract(expected, image)) == 0
    assert interval_sets.size(image) <= 2_000 + 2 * 64 + 2


def test_the_relation_holds_in_both_directions():
    a, b = _random(3, 30_000), _random(4, 30_000)
    b[5_000:9_000] = dna.reverse_complement(_mutated(a[10_000:14_000], 0.1, 5))
    corpus = _corpus(a, b)
    axis = interval_sets.Axis(corpus)
    relation = search.find(corpus, axis)
    there = relation.of(axis.spans([0], [11_000], [12_000]))
    back = relation.of(there)
    assert (
        interval_sets.size(interval_sets.subtract(axis.spans([0], [11_000], [12_000]), back)) == 0
    )
    assert interval_sets.size(back) <= 1_000 + 4 * 64 + 8


def test_a_copy_over_the_origin_of_a_ring_is_found():
    a, b = _random(6, 20_000), _random(7, 20_000)
    b = np.roll(np.concatenate([b[:-4_000], a[8_000:12_000]]), 2_000)  # 2,000 bases either side
    runs, _ = _image(_corpus(a, b, circular=True), 8_200, 11_800)
    assert runs[0][0] <= 18_200 and sum(runs[0]) >= 21_800


def test_indels_do_not_break_a_match():
    a = _random(8, 20_000)
    copy = np.delete(a[5_000:15_000], np.arange(100, 10_000, 700))
    runs, _ = _image(_corpus(a, np.concatenate([_random(9, 10_000), copy])), 6_000, 14_000)
    covered = sum(n for _, n in runs)
    assert 7_900 <= covered <= 8_400


def test_chance_makes_no_match():
    _, relation = _image(_corpus(_random(10, 400_000), _random(11, 400_000)), 0, 10)
    assert relation.matches == 0
    assert relation.limits == ()


def test_repeats_and_soft_mask_are_no_anchors():
    a, b = _random(12, 40_000), _random(13, 40_000)
    element = _random(14, 300)
    for place in range(0, 30_000, 3_000):  # ten copies in each
        a[place : place + 300] = b[place + 1_000 : place + 1_300] = element
    a[39_000:39_400] = b[39_000:39_400] = np.tile(_random(15, 5), 80)  # low complexity
    assert _image(_corpus(a, b), 0, 40_000)[1].matches == 0
    b[35_000:36_000] = a[35_000:36_000]
    assert _image(_corpus(a, b), 0, 40_000)[1].matches > 0
    soft = np.zeros(40_000, bool)
    soft[35_000:36_000] = True
    assert _image(_corpus(a, b, soft=[soft]), 0, 40_000)[1].matches == 0


def test_genes_of_one_name_belong_together_whatever_their_sequence():
    a, b = _random(16, 10_000), _random(17, 10_000)
    corpus = assemblies.Corpus(
        [
            assemblies.Genome.from_arrays(
                'a', ['a1'], [a], genes=[genome.Gene('MT-ND1', 0, 1_000, 2_000)]
            ),
            assemblies.Genome.from_arrays(
                'b',
                [genome.Contig('b1', 10_000, circular=True)],
                [b],
                genes=[
                    genome.Gene('mt-Nd1', 0, 9_500, 10_500),
                    genome.Gene('other', 0, 4_000, 5_000),
                ],
            ),
        ]
    )
    assert _image(corpus, 1_999, 2_100)[0] == [[9_500, 1_000]]
    assert _image(corpus, 2_000, 2_100)[0] == []


def test_limits_are_reported(monkeypatch):
    monkeypatch.setattr(search, 'EXHAUSTIVE_CONTIG', 50_000)
    monkeypatch.setattr(search, 'EXHAUSTIVE_TOTAL', 100_000)
    a, b = _random(18, 200_000), _random(19, 40_000)
    b[10_000:30_000] = a[100_000:120_000]
    genes = [genome.Gene('tRNA', 0, i, i + 70) for i in range(0, 6_000, 100)]
    runs, relation = _image(_corpus(a, b, genes=genes), 105_000, 115_000)
    assert runs[0][0] <= 15_000 and sum(runs[-1]) >= 25_000  # close relatives are found by sampling
    assert len(relation.limits) == 2
    assert "'tRNA'" in relation.limits[0] and 'did not fit' in relation.limits[1]
