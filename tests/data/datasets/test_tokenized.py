"""Batches of tokenizers that cut: rows of one width, what has no room counted, and windows read many at a time."""

import dataclasses

import numpy as np
import pytest

from genojax import dna
from genojax.data.datasets import labels, mixture
from genojax.data.formats import labelled_table
from genojax.data.genomes import assemblies
from genojax.tokenizers import kmer, nonoverlapping
from tests.data.datasets import test_mixture


def _corpus(share):
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
def test_no_base_is_lost_unseen(share):
    """What a row covers and what it leaves out are together what it would hold with one token a base."""
    corpus = _corpus(share)
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
            kept = cut['tokens'][row][: min(room, len(alone))]
            assert np.array_equal(kept, alone[:room])
            assert cut['spans'][row, :, 1].max() == covered
    assert (left_out > 0) == (share > 0)
    shapes = {name: array.dtype.name for name, array in cut.items()}
    assert shapes['spans'] == shapes['left_out'] == shapes['valid'] == shapes['tokens'] == 'int32'


def test_tokenizers_that_overlap_cover_everything_and_say_nothing_of_spans():
    codes = np.zeros((3, 20), np.uint8)
    entries = kmer.KmerTokenizer(3).batch_entries(codes, np.array([20, 20, 7]))
    assert entries.keys() == {'tokens', 'valid'}
    assert entries['valid'].tolist() == [20, 20, 7]


def test_labelled_rows_are_cut_and_counted_the_same_way(tmp_path):
    rows = [f'{"ACGTAC" * 4}\t{i % 2}' for i in range(9)] + [f'{"ACNNNNNNNNNNNNNN"}\t1']
    path = tmp_path / 'rows.tsv'
    path.write_text('\n'.join(['sequence\tlabel', *rows]))
    table = labelled_table.read(path)
    codes, valid = table.padded()
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(6)
    batch = labels._batch(codes, valid, table.labels, np.ones(10, np.float32), tokenizer)
    assert batch['tokens'].shape == (10, 5)
    assert batch['left_out'].tolist() == [0] * 9 + [12]
    assert batch['valid'].tolist() == [24] * 9 + [4]


def test_windows_of_many_species_are_each_species_own():
    """Over origins, on short contigs and anywhere else; a window that is nowhere is an error."""
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
        where = {'species': 0, 'contig': 0, 'start': 0} | wrong
        with pytest.raises(IndexError):
            arrays = [np.array([where[name]]) for name in ('species', 'contig', 'start')]
            corpus.read_into(bases[:1], regions[:1], *arrays)


def test_long_windows_are_assembled_piece_by_piece_and_are_the_same(monkeypatch):
    mix = test_mixture._mixture(seed=2)
    tokenizer = kmer.KmerTokenizer(3)
    whole = mix.batch(5, tokenizer)
    for bases in (1, 120):
        monkeypatch.setattr(mixture, '_PIECE', bases)
        np.testing.assert_equal(mix.batch(5, tokenizer), whole)
    # Draws are made for many steps at once; which step asks first does not matter.
    again = test_mixture._mixture(seed=2)
    for step in (900, 5, 63, 64, 5):
        np.testing.assert_equal(again.batch(step, tokenizer), mix.batch(step, tokenizer))


@pytest.mark.parametrize('length', [1, 7, 8, 50, 512])
def test_the_other_strand_of_any_length_is_the_bases_opposite_read_backwards(length):
    """Rows of eights are turned eight bases at a time."""
    random = np.random.default_rng(length)
    codes = random.integers(0, 5, (6, length)).astype(np.uint8)
    regions = random.integers(0, 64, (6, length)).astype(np.uint8)
    bases, labels_of_bases = codes.copy(), regions.copy()
    valid = np.array([length, length, length, 0, (length + 1) // 2, length])
    flip = np.array([True, False, True, True, True, False])
    mixture._turn(bases, labels_of_bases, valid, flip)
    for row, (n, turned) in enumerate(zip(valid, flip, strict=True)):
        text = dna.decode(codes[row, :n])
        expected = dna.reverse_complement_text(text) if turned else text
        assert dna.decode(bases[row]) == expected + 'N' * (length - n)
        there = regions[row, :n][::-1] if turned else regions[row, :n]
        assert labels_of_bases[row].tolist() == [*there, *[0] * (length - n)]
