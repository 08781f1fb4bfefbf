"""Windows of genomes in memory."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from genojax import dna, genome
from genojax.data.genomes import assemblies


def _genome(lengths, circular, seed=0):
    rng = np.random.default_rng(seed)
    codes = [rng.integers(0, 5, n, dtype=np.uint8) for n in lengths]
    regions = [rng.integers(0, 32, n, dtype=np.uint8) for n in lengths]
    soft = [rng.random(n) < 0.3 for n in lengths]
    contigs = [
        genome.Contig(f'c{i}', n, circular=c)
        for i, (n, c) in enumerate(zip(lengths, circular, strict=True))
    ]
    member = assemblies.Genome.from_arrays('toy', contigs, codes, regions, soft, [('g', 0, 1, 3)])
    return member, codes, regions, soft


@hypothesis.given(st.data())
@hypothesis.settings(max_examples=60, deadline=None)
def test_windows_equal_the_contig_read_base_by_base(data):
    lengths = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=4))
    circular = [data.draw(st.booleans()) for _ in lengths]
    member, codes, regions, soft = _genome(lengths, circular, data.draw(st.integers(0, 9)))
    length = data.draw(st.integers(1, 50))
    contig, start = [], []
    for _ in range(5):
        c = data.draw(st.integers(0, len(lengths) - 1))
        last = lengths[c] - 1 if circular[c] else max(lengths[c] - length, 0)
        contig.append(c)
        start.append(data.draw(st.integers(0, last)))
    actual = member.read(np.array(contig), np.array(start), length)
    for row, (c, s) in enumerate(zip(contig, start, strict=True)):
        for i in range(length):
            inside = i < lengths[c]
            at = (s + i) % lengths[c]
            repeat = genome.Region.REPEAT if soft[c][at] else 0
            expected = (
                (codes[c][at], regions[c][at] | repeat, soft[c][at])
                if inside
                else (dna.UNKNOWN, 0, False)
            )
            assert tuple(array[row, i] for array in actual) == expected
    assert member.valid(np.array(contig), length).tolist() == [
        min(lengths[c], length) for c in contig
    ]


@pytest.mark.parametrize(
    'contig, start, length',
    [(2, 0, 5), (-1, 0, 5), (0, -1, 5), (0, 10, 1), (0, 6, 5), (1, 10, 3), (0, 0, 0)],
)
def test_a_window_outside_its_contig_is_refused(contig, start, length):
    member, *_ = _genome([10, 10], [False, True])
    with pytest.raises(IndexError):
        member.read([contig], [start], length)


def test_whole_contigs_and_names():
    member, codes, regions, soft = _genome([7, 11], [False, False])
    assert member.total == 18
    np.testing.assert_array_equal(member.codes(1), codes[1])
    np.testing.assert_array_equal(member.soft(1), soft[1])
    np.testing.assert_array_equal(
        member.regions(1), regions[1] | soft[1] * np.uint8(genome.Region.REPEAT)
    )
    assert member.genes == [('g', 0, 1, 3)] and member.genes[0].name == 'g'


def test_the_fingerprint_follows_every_array():
    def corpus(seed=0, genes=()):
        rng = np.random.default_rng(seed)
        member = assemblies.Genome.from_arrays(
            'a', ['x'], [rng.integers(0, 4, 50, dtype=np.uint8)], genes=genes
        )
        return assemblies.Corpus([member])

    assert corpus().fingerprint == corpus().fingerprint
    others = {
        corpus(1).fingerprint,
        corpus(genes=[('g', 0, 0, 5)]).fingerprint,
        corpus().fingerprint,
    }
    assert len(others) == 3
    assert assemblies.Corpus(list(corpus()), 'given').fingerprint == 'given'


def test_a_corpus_keeps_order_and_refuses_a_species_twice():
    a, b = (assemblies.Genome.from_arrays(n, ['x'], [np.zeros(5, np.uint8)]) for n in 'ba')
    corpus = assemblies.Corpus([a, b])
    assert corpus.species == ('b', 'a') and corpus['a'] is b and 'c' not in corpus
    with pytest.raises(ValueError):
        assemblies.Corpus([a, a])


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match='length'):
        assemblies.Genome.from_arrays('a', ['x'], [np.zeros(5, np.uint8)], [np.zeros(4, np.uint8)])
    with pytest.raises(ValueError, match='code'):
        assemblies.Genome.from_arrays('a', ['x'], [np.full(5, 7, np.uint8)])
    with pytest.raises(ValueError, match='bases'):
        assemblies.Genome(
            'a', [genome.Contig('x', 5)], np.zeros(4, np.uint8), np.zeros(5, np.uint8)
        )


@pytest.mark.parametrize('overlap', [0, 3])
def test_pieces_are_the_contig_in_order_also_across_an_origin(overlap, monkeypatch):
    monkeypatch.setattr(assemblies, '_MAX_MAPPED', 10)
    codes = [np.arange(n) % 5 for n in (17, 23)]
    soft = [np.arange(n) % 3 == 0 for n in (17, 23)]
    member = assemblies.Genome.from_arrays('x', ['a', 'b'], codes, soft=soft)
    stored = codes[1] | soft[1] << 3
    for first, bases in ((0, 23), (5, 11), (20, 30), (0, 2), (4, 0)):
        whole = np.resize(np.concatenate([stored[first:], stored[:first]]), bases)
        pieces = list(member.pieces(1, 7, overlap, (first, bases)))
        for at, piece in pieces:
            assert np.array_equal(piece, whole[at - first :][: 7 + overlap])
        joined = [piece if n == 0 else piece[overlap:] for n, (_, piece) in enumerate(pieces)]
        assert np.array_equal(np.concatenate([np.zeros(0, int), *joined]), whole)
    assert sum(len(piece) for _, piece in member.pieces(0, 5)) == 17
