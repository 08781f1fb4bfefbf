"""Laws of every tokenizer: widths, shapes and special tokens do not depend on the sequences."""

import numpy as np
import pytest

from genojax import dna
from genojax.tokenizers import base, bpe, kmer, nonoverlapping, nucleotide
from tests.tokenizers import files


@pytest.fixture(params=['kmer', 'nucleotide', 'nonoverlapping', 'bpe'])
def tokenizer(request, tmp_path):
    match request.param:
        case 'kmer':
            return kmer.KmerTokenizer(4)
        case 'nucleotide':
            return nucleotide.NucleotideTokenizer()
        case 'nonoverlapping':
            return nonoverlapping.NonOverlappingKmerTokenizer(3)
        case 'bpe':
            return bpe.BpeTokenizer(files.gena(tmp_path / 'tokenizer.json'))


def random_batch(length, rows=5):
    random = np.random.default_rng(length)
    codes = random.integers(0, 4, (rows, length)).astype(np.uint8)
    codes[0, length // 3 : length // 2] = dna.UNKNOWN
    return codes, np.array([length, length // 2, 0, length, length])


@pytest.mark.parametrize('length', [3, 12, 61])
def test_shapes_of_a_batch_are_known_before_its_sequences(tokenizer, length):
    codes, valid = random_batch(length)
    entries = tokenizer.batch_entries(codes, valid)
    shapes = {name: array.shape for name, array in entries.items()}
    assert shapes == tokenizer.batch_shapes(5, length)
    assert {array.dtype.name for array in entries.values()} == {'int32'}
    assert entries['tokens'].shape[1] == tokenizer.num_tokens(length)
    assert ('spans' in entries) == (not tokenizer.overlapping)


def test_special_tokens_are_the_difference_between_encode_with_and_without_them(tokenizer):
    front, back = tokenizer.special_front, tokenizer.special_back
    ids = tokenizer.encode('ACGTACGT', special=True).tolist()
    assert ids == [*front, *tokenizer.encode('ACGTACGT'), *back]
    assert tokenizer.num_special == len(front) + len(back) > 0
    assert (tokenizer.special.cls, tokenizer.special.sep) == (
        front[0],
        back[0] if back else None,
    )


def test_tokens_of_one_sequence_and_their_spans(tokenizer):
    codes = dna.encode('ACGTACNNNNNNNNNNNNGTTATA')
    ids, spans = tokenizer.encode_with_spans(codes)
    assert ids.tolist() == tokenizer.encode(codes, special=True).tolist()
    assert ids.dtype == spans.dtype == np.int32
    inside = spans[len(tokenizer.special_front) : len(ids) - len(tokenizer.special_back)]
    assert (spans >= 0).all(1).sum() == len(inside)
    # With overlap a token starts at every base, otherwise at the end of the one before it.
    first = np.arange(len(inside)) if tokenizer.overlapping else np.append(0, inside[:-1, 1])
    assert inside[:, 0].tolist() == first.tolist()
    assert inside[-1, 1] == len(codes)
    if tokenizer.bases_per_token:
        size = inside[:, 1] - inside[:, 0]
        assert size.max() == tokenizer.bases_per_token
        assert tokenizer.overlapping <= (size.min() == size.max())


def test_codes_of_text_and_of_codes_are_the_same():
    codes = np.arange(5, dtype=np.int64)
    assert base.to_codes('ACGTN').tolist() == base.to_codes(codes).tolist() == codes.tolist()
    assert base.to_codes(codes).dtype == np.uint8
    assert base.to_codes('ACGTN').tolist() == dna.encode('ACGTN').tolist()
