"""Base codes: encoding, complements, one-hot and k-mers."""

import itertools

import numpy as np
import pytest

from genojax import dna


def test_letters_become_codes_whatever_their_case():
    assert dna.encode('ACGTNacgtn').tolist() == [0, 1, 2, 3, 4] * 2
    assert dna.decode(dna.encode('acgtRYn')) == 'ACGTNNN'
    assert dna.encode('').shape == (0,)


@pytest.mark.parametrize(('text', 'position'), [('AC-T', 3), ('ACGU', 4), ('é', 1), ('A C', 2)])
def test_a_letter_that_is_not_dna_is_named_with_its_position(text, position):
    with pytest.raises(ValueError, match=f'at base {position} '):
        dna.encode(text)


@pytest.mark.parametrize(
    ('forward', 'backward'), [('ACGT', 'ACGT'), ('AACGN', 'NCGTT'), ('', ''), ('G', 'C')]
)
def test_reverse_complement_of_codes_and_of_text(forward, backward):
    assert dna.decode(dna.reverse_complement(dna.encode(forward))) == backward
    assert dna.reverse_complement_text(forward) == backward


def test_reverse_complement_is_an_involution_on_all_fifteen_letters():
    for letter in dna.IUPAC + dna.IUPAC.lower():
        assert dna.reverse_complement_text(dna.reverse_complement_text(letter)) == letter
    assert dna.reverse_complement_text('RYKMBVDHSWN') == 'NWSDHBVKMRY'


def test_reverse_complement_works_on_the_last_axis():
    batch = np.array([[0, 1, 2], [4, 3, 3]], np.uint8)
    assert dna.reverse_complement(batch).tolist() == [[1, 2, 3], [0, 0, 4]]


def test_one_hot_of_an_unknown_base_is_all_zeros():
    assert dna.one_hot(dna.encode('AGN')).tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize('k', [1, 2, 3, 6])
def test_kmer_indices_equal_reading_each_kmer_as_a_number(k):
    rng = np.random.default_rng(k)
    codes = rng.integers(0, 5, 101).astype(np.uint8)
    expected = []
    for start in range(len(codes) - k + 1):
        word = codes[start : start + k]
        number = 0
        for digit in word:
            number = 4 * number + int(digit)
        expected.append(-1 if (word == dna.UNKNOWN).any() else number)
    assert dna.kmer_indices(codes, k).tolist() == expected
    assert dna.kmer_indices(codes[None], k).tolist() == [expected]


@pytest.mark.parametrize('order', [''.join(order) for order in itertools.permutations('ACGT')])
def test_digits_follow_any_order_of_the_bases(order):
    assert [order[digit] for digit in dna.digits(np.arange(4, dtype=np.uint8), order)] == [*'ACGT']
    word = dna.encode('GATTACA')
    assert dna.kmer_indices(word, 7, order) == int(
        ''.join(str(order.index(b)) for b in 'GATTACA'), 4
    )


@pytest.mark.parametrize('k', [4, 5, 7, 8, 12, 15])
def test_long_kmers_fit_their_type(k):
    assert dna.kmer_indices(np.full(20, 3, np.uint8), k).tolist() == [4**k - 1] * (21 - k)


def test_kmer_indices_of_a_short_sequence_are_none():
    assert dna.kmer_indices(dna.encode('AC'), 3).shape == (0,)
