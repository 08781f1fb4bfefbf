"""Sequences without labels are read as training rows were, or refused."""

import numpy as np
import pytest

from genojax import dna, errors
from genojax.tasks.labelled import prediction_rows
from genojax.tokenizers import kmer

TOKENIZER = kmer.KmerTokenizer(3)
ENDS = {'left': 2, 'right': 3, 'left_bases': 'AC', 'right_bases': None}


def test_a_row_is_between_its_ends_and_no_longer_than_a_training_row():
    codes_L = dna.encode('ACGGTTTCA')
    read = prediction_rows.read_row(codes_L, {'length': 4, 'trim': ENDS}, TOKENIZER)
    assert dna.decode(read) == 'GGTT'
    with pytest.raises(errors.InputError, match='EM02'):
        prediction_rows.read_row(codes_L[:2], {'length': 9}, TOKENIZER)
    with pytest.raises(errors.InputError, match='LB05.*9 bases.*at most 8.*--window=8'):
        prediction_rows.read_row(codes_L, {'length': 8}, TOKENIZER)


def test_a_batch_is_padded_to_the_length_of_training_rows():
    rows = [dna.encode('ACGGT'), dna.encode('ACGGTTTC')]
    batch = prediction_rows.batch(rows, {'length': 8}, TOKENIZER)
    assert [dna.decode(row) for row in batch['bases']] == ['ACGGTNNN', 'ACGGTTTC']
    tokens, _ = TOKENIZER.encode_with_spans(rows[1])
    np.testing.assert_array_equal(batch['tokens'][1], tokens)
