"""Token ids, spans and texts of overlapping k-mers."""

import gzip

import numpy as np
import pytest

from genojax import dna
from genojax.tokenizers import kmer


def words(tokenizer, ids):
    table = kmer.kmer_table(tokenizer.k, tokenizer.base_order)
    return [dna.decode(table[i - tokenizer.first_kmer]) for i in ids]


def test_the_example_of_the_paper():
    tokenizer = kmer.KmerTokenizer(3)
    assert words(tokenizer, tokenizer.encode('ATGCTAG')) == ['ATG', 'TGC', 'GCT', 'CTA', 'TAG']


@pytest.mark.real
@pytest.mark.parametrize('k', [3, 4, 5, 6])
def test_ids_are_those_of_the_published_vocabulary(k, real_data):
    published = (real_data / 'tokenizers' / f'dnabert_vocab_{k}.txt').read_text().split()
    tokenizer = kmer.KmerTokenizer(k)
    assert len(published) == tokenizer.vocab_size
    assert published[:5] == ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
    assert words(tokenizer, range(5, len(published))) == published[5:]
    assert [tokenizer.encode(word)[0] for word in published[5::17]] == list(
        range(5, len(published), 17)
    )


@pytest.mark.real
def test_real_rows_have_the_tokens_of_the_published_rows(real_data):
    """DNABERT publishes fine-tuning rows as 6-mers: the words of our ids."""
    folder = real_data / 'promoters_dnabert_core'
    published = (real_data / 'tokenizers' / 'dnabert_vocab_6.txt').read_text().split()
    id_of = {word: i for i, word in enumerate(published)}
    rows = gzip.open(folder / 'example_6mer_rows.tsv.gz', 'rt').read().splitlines()[1:]
    assert rows
    tokenizer = kmer.KmerTokenizer(6)
    for row in rows:
        row_words = row.split('\t')[0].split()
        sequence = row_words[0] + ''.join(word[-1] for word in row_words[1:])
        assert tokenizer.encode(sequence).tolist() == [id_of[word] for word in row_words]


@pytest.mark.real
@pytest.mark.parametrize('k', [3, 4, 5, 6])
def test_every_id_of_real_sequence_is_that_of_its_word_in_the_published_vocabulary(k, real_data):
    """Human and bacterial sequence with N, lower case, IUPAC codes and short tails."""
    published = (real_data / 'tokenizers' / f'dnabert_vocab_{k}.txt').read_text().split()
    id_of = {word: i for i, word in enumerate(published)}
    tokenizer, random = kmer.KmerTokenizer(k), np.random.default_rng(k)
    for name in ('human_chr1_400kb', 'mycoplasma_genitalium'):
        lines = gzip.open(real_data / 'embed_default' / f'{name}.fa.gz', 'rt').readlines()[1:600]
        text = ''.join(line.strip() for line in lines)
        for length in (30_000, k + 1, k, k - 1, 1):
            letters = np.array(list(text[:length]))
            spots = random.random(length)
            letters[spots < 0.01] = 'N'
            letters[(spots > 0.01) & (spots < 0.02)] = random.choice(list('RYSWKMBDHVn'))
            letters[spots > 0.9] = np.char.lower(letters[spots > 0.9])
            sequence = ''.join(letters)
            expected = [
                id_of.get(sequence[i : i + k].upper(), id_of['[UNK]'])
                for i in range(length - k + 1)
            ]
            assert tokenizer.encode(sequence).tolist() == expected
            framed = tokenizer.encode(sequence, special=True)
            assert framed.tolist() == [id_of['[CLS]'], *expected, id_of['[SEP]']]


def test_lower_case_is_read_as_upper_case_and_an_unknown_base_makes_unk():
    tokenizer = kmer.KmerTokenizer(3)
    assert np.array_equal(tokenizer.encode('atgct'), tokenizer.encode('ATGCT'))
    unk = tokenizer.special.unk
    assert (tokenizer.encode('ATGNATG') == unk).tolist() == [False, True, True, True, False]
    assert (tokenizer.encode('ATGRATG') == unk).tolist() == [False, True, True, True, False]


def test_a_sequence_shorter_than_k_has_no_token():
    tokenizer = kmer.KmerTokenizer(6)
    assert tokenizer.encode('ACGTA').shape == (0,)
    assert tokenizer.encode('ACGTA', special=True).tolist() == [2, 3]


def test_special_tokens_surround_the_others_and_padding_follows():
    tokenizer = kmer.KmerTokenizer(3)
    codes = np.stack([dna.encode('AAAAAA'), dna.encode('AAAANN'), dna.encode('ACNNNN')])
    ids = tokenizer.encode(codes, special=True, valid=np.array([6, 4, 2]))
    assert ids.tolist() == [[2, 5, 5, 5, 5, 3], [2, 5, 5, 3, 0, 0], [2, 3, 0, 0, 0, 0]]


@pytest.mark.parametrize('k', [1, 3, 6])
def test_decode_is_the_inverse_of_encode_and_spans_are_right(k):
    rng = np.random.default_rng(0)
    tokenizer = kmer.KmerTokenizer(k)
    sequence = dna.decode(rng.integers(0, 4, 40).astype(np.uint8))
    ids = tokenizer.encode(sequence, special=True)
    assert tokenizer.decode(ids) == sequence
    spans = tokenizer.spans(ids)
    assert spans[0].tolist() == spans[-1].tolist() == [-1, -1]
    for word, (start, end) in zip(words(tokenizer, ids[1:-1]), spans[1:-1], strict=True):
        assert sequence[start:end] == word


def test_decode_reads_masked_bases_from_overlapping_tokens():
    tokenizer = kmer.KmerTokenizer(3)
    ids = tokenizer.encode('ACGTACGT')
    ids[2:5] = tokenizer.special.mask  # covers bases 2 .. 6; only base 4 is in no other token
    assert tokenizer.decode(ids) == 'ACGTNCGT'


def test_k_out_of_range_is_refused():
    with pytest.raises(ValueError, match='k=9'):
        kmer.KmerTokenizer(9)
