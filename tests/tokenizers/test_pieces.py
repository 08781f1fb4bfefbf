"""Tokenizers that divide sequences: rows of one width, whatever the pieces are."""

import numpy as np
import pytest

from genojax import dna
from genojax.tokenizers import base, pieces


class PairTokenizer(pieces.PieceTokenizer):
    """Bases, N and pairs of equal bases; two special tokens before a row and one after it."""

    bases_per_token = 0
    special = base.SpecialIds(pad=0, unk=7, cls=2, sep=3, mask=4)
    special_front, special_back = (2, 5), (3,)

    def __init__(self, tokens=0):
        texts = ['', '', '', '', '', '', '', 'N', *'ACGT', 'AA', 'CC', 'GG', 'TT']
        super().__init__(texts, np.array([len(text) for text in texts]), tokens)

    def _default_tokens(self, length):
        return length // 2

    def _divide(self, codes_BL, valid_B):
        ids, ends, counts = [], [], []
        for row, valid in zip(codes_BL, valid_B.tolist(), strict=True):
            text, words = dna.decode(row[:valid]), []
            while text:
                word = text[:2] if text[:2] in self.texts[12:] else text[:1]
                words.append(self.texts.index(word))
                text = text[len(word) :]
            ids += words
            ends += np.cumsum(self.lengths[words], dtype=int).tolist()
            counts.append(len(words))
        return pieces.Pieces(np.array(ids, np.int32), np.array(ends, np.int32), np.array(counts))


def test_rows_are_padded_after_the_last_special_token():
    rows = PairTokenizer().encode_rows(
        np.stack([dna.encode('AACGTT'), dna.encode('CCNNNN')]), np.array([6, 3]), 8
    )
    assert rows.tokens_BT.tolist() == [[2, 5, 12, 9, 10, 15, 3, 0], [2, 5, 13, 7, 3, 0, 0, 0]]
    assert rows.spans_BT2[0].tolist() == [
        [-1, -1], [-1, -1], [0, 2], [2, 3], [3, 4], [4, 6], [-1, -1], [-1, -1]
    ]  # fmt: skip
    assert rows.covered_B.tolist() == [6, 3]


def test_bases_without_a_token_are_dropped_from_the_end_and_counted():
    tokenizer = PairTokenizer(tokens=6)
    codes = np.stack([dna.encode('AACGTT'), dna.encode('CCNNNN'), dna.encode('AAAAAA')])
    entries = tokenizer.batch_entries(codes, np.array([6, 3, 0]))
    assert entries['tokens'].shape == (3, 6) == tokenizer.batch_shapes(3, 6)['tokens']
    assert entries['valid'].tolist() == [4, 3, 0]
    assert entries['left_out'].tolist() == [2, 0, 0]
    assert dna.decode(codes[0]) == 'AACGNN'
    assert entries['tokens'][2].tolist() == [2, 5, 3, 0, 0, 0]
    with pytest.raises(ValueError, match='row 0 needs more than the 6 tokens of a row of 6 bases'):
        tokenizer.encode(np.stack([dna.encode('AACGTT')]))


def test_a_batch_without_special_tokens_has_their_columns_less():
    tokenizer = PairTokenizer(tokens=9)
    codes = np.stack([dna.encode('AACGTT'), dna.encode('CCNNNN')])
    ids = tokenizer.encode(codes, valid=np.array([6, 3]))
    assert ids.tolist() == [[12, 9, 10, 15, 0, 0], [13, 7, 0, 0, 0, 0]]
    assert tokenizer.encode(codes[0]).tolist() == [12, 9, 10, 15]


def test_ids_that_stand_for_known_bases_can_be_masked():
    assert np.flatnonzero(PairTokenizer().maskable).tolist() == list(range(8, 16))


def test_room_for_special_tokens_only_is_refused():
    with pytest.raises(ValueError, match='tokens=3 per row must be more than the 3 special tokens'):
        PairTokenizer(tokens=3)
