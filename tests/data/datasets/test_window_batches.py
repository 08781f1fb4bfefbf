"""Batches of windows: bases of the right strand, padding, and tokens that do not fit in a row."""

import dataclasses

import numpy as np
import pytest

from genojax import dna
from genojax.data.datasets import window_batches
from genojax.data.genomes import assemblies
from genojax.tokenizers import kmer, nonoverlapping
from tests.data.datasets import test_mixture

LENGTH = test_mixture.LENGTH


def _with_unknown_bases(share):
    """The mixture test's genomes with a share of unknown bases."""
    random, members = np.random.default_rng(7), []
    for member in test_mixture._corpus():
        codes = [member.codes(number) for number in range(len(member.contigs))]
        for array in codes:
            array[random.random(len(array)) < share] = dna.UNKNOWN
        regions = [member.regions(number) for number in range(len(member.contigs))]
        contigs = [dataclasses.replace(contig, digest='') for contig in member.contigs]
        members.append(assemblies.Genome.from_arrays(member.name, contigs, codes, regions))
    return assemblies.Corpus(members)


@pytest.mark.parametrize('share', [0.0, 0.03])
def test_bases_that_do_not_fit_in_a_row_are_counted(share):
    """Covered and left-out bases of a row add up to its bases with one token per base."""
    corpus = _with_unknown_bases(share)
    mix = test_mixture._mixture(corpus=corpus)
    tokenizer, plain = nonoverlapping.NonOverlappingKmerTokenizer(6), kmer.KmerTokenizer(1)
    left_out = 0
    for step in range(12):
        cut, whole = mix.batch(step, tokenizer), mix.batch(step, plain)
        assert np.array_equal(cut['valid'] + cut['left_out'], whole['valid'])
        left_out += cut['left_out'].sum()
        for row, covered in enumerate(cut['valid'].tolist()):
            assert np.array_equal(cut['bases'][row, :covered], whole['bases'][row, :covered])
            assert (cut['bases'][row, covered:] == dna.UNKNOWN).all()
            alone = tokenizer.encode(whole['bases'][row, : whole['valid'][row]], special=True)
            room = cut['tokens'].shape[1]
            tokens = cut['tokens'][row][: min(room, len(alone))]
            assert np.array_equal(tokens, alone[:room])
            assert cut['spans'][row, :, 1].max() == covered
    assert (left_out > 0) == (share > 0)
    shapes = {name: array.dtype.name for name, array in cut.items()}
    assert shapes['spans'] == shapes['left_out'] == shapes['valid'] == shapes['tokens'] == 'int32'


def test_overlapping_tokenizers_cover_all_bases_and_add_no_spans():
    codes = np.zeros((3, 20), np.uint8)
    entries = kmer.KmerTokenizer(3).batch_entries(codes, np.array([20, 20, 7]))
    assert entries.keys() == {'tokens', 'valid'}
    assert entries['valid'].tolist() == [20, 20, 7]


def test_in_order_every_window_is_read_once():
    corpus = test_mixture._corpus()
    parts = {name: part for name, part in test_mixture._parts(corpus).items() if name != 'bee'}
    batches = list(
        window_batches.in_order(
            corpus, parts, LENGTH, batch_size=16, tokenizer=test_mixture.Plain()
        )
    )
    weight = np.concatenate([batch['weight'] for batch in batches])
    total = sum(len(part) for part in parts.values())
    assert weight.dtype == np.float32 and weight.tolist() == [1.0] * total + [0.0] * (-total % 16)
    assert all(len(batch['bases']) == 16 for batch in batches)
    bases = np.concatenate([batch['bases'] for batch in batches])[:total]
    expected = np.concatenate(
        [corpus[name].read(part.contig, part.start, LENGTH)[0] for name, part in parts.items()]
    )
    assert np.array_equal(bases, expected)
    species = np.concatenate([batch['species'] for batch in batches])[:total]
    assert species.tolist() == sum(
        ([corpus.species.index(name)] * len(part) for name, part in parts.items()), []
    )


@pytest.mark.parametrize('few', [0, 200], ids=['gathered', 'one by one'])
def test_windows_of_several_species_are_read_from_their_own_genomes(monkeypatch, few):
    """Across origins, on short contigs and elsewhere; a window outside its contig is an error."""
    monkeypatch.setattr(assemblies, '_FEW', few)
    corpus = test_mixture._corpus()
    random = np.random.default_rng(1)
    species = random.integers(0, 4, 200)
    contig = random.integers(0, 2, 200)
    sizes = np.array([[c.length for c in member.contigs] for member in corpus])[species, contig]
    circular = np.array([[c.circular for c in member.contigs] for member in corpus])[
        species, contig
    ]
    room = np.where(circular, sizes, np.maximum(sizes - 50 + 1, 1))
    start = (random.random(200) * room).astype(np.int64)
    start[::3] = room[::3] - 1
    bases, regions = np.empty((200, 50), np.uint8), np.empty((200, 50), np.uint8)
    corpus.read_into(bases, regions, species, contig, start)
    wrapped = short = 0
    for row in range(200):
        member = corpus[corpus.species[species[row]]]
        expected = member.read(contig[row : row + 1], start[row : row + 1], 50)
        assert np.array_equal(bases[row], expected[0][0])
        assert np.array_equal(regions[row], expected[1][0])
        wrapped += start[row] + 50 > sizes[row] >= 50
        short += sizes[row] < 50
    assert wrapped and short
    for wrong in ({'contig': 2}, {'contig': -1}, {'start': -1}, {'start': 1_960}):
        origin = {'species': 0, 'contig': 0, 'start': 0} | wrong
        with pytest.raises(IndexError):
            arrays = [np.array([origin[name]]) for name in ('species', 'contig', 'start')]
            corpus.read_into(bases[:1], regions[:1], *arrays)


def test_long_windows_are_the_same_assembled_in_pieces(monkeypatch):
    mix = test_mixture._mixture(seed=2)
    tokenizer = kmer.KmerTokenizer(3)
    whole = mix.batch(5, tokenizer)
    for bases in (1, 120):
        monkeypatch.setattr(window_batches, '_PIECE_BASES', bases)
        np.testing.assert_equal(mix.batch(5, tokenizer), whole)
    # Windows of many steps are drawn at once, in any order of the steps.
    again = test_mixture._mixture(seed=2)
    for step in (900, 5, 63, 64, 5):
        np.testing.assert_equal(again.batch(step, tokenizer), mix.batch(step, tokenizer))


@pytest.mark.parametrize('length', [1, 7, 8, 50, 512])
def test_the_reverse_strand_is_the_reverse_complement_for_any_length(length):
    """Lengths that divide by 8 are reversed eight bases at a time."""
    random = np.random.default_rng(length)
    codes = random.integers(0, 5, (6, length)).astype(np.uint8)
    regions = random.integers(0, 64, (6, length)).astype(np.uint8)
    bases, bits = codes.copy(), regions.copy()
    valid = np.array([length, length, length, 0, (length + 1) // 2, length])
    flip = np.array([True, False, True, True, True, False])
    window_batches.pad_and_flip(bases, bits, valid, flip)
    for row, (n, flipped) in enumerate(zip(valid, flip, strict=True)):
        text = dna.decode(codes[row, :n])
        expected = dna.reverse_complement_text(text) if flipped else text
        assert dna.decode(bases[row]) == expected + 'N' * (length - n)
        expected_bits = regions[row, :n][::-1] if flipped else regions[row, :n]
        assert bits[row].tolist() == [*expected_bits, *[0] * (length - n)]
