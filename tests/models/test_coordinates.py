"""The CpG coordinate of tokens: one rule for training and inference, and where padding differs."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from genojax import dna
from genojax.models import bert, coordinates
from genojax.nn import positions
from genojax.tokenizers import kmer, nonoverlapping

CONFIG = bert.BertConfig(69, positions='alibi', coordinate='cpg')


def bases(rows=3, length=60, seed=0):
    return np.random.default_rng(seed).integers(0, 4, (rows, length), dtype=np.uint8)


def per_row_spans(tokenizer, codes_BL, valid_B):
    ids_BT = tokenizer.encode(codes_BL, special=True, valid=valid_B)
    return np.stack([tokenizer.spans(ids) for ids in ids_BT])


def test_a_model_that_counts_tokens_needs_nothing():
    plain = dataclasses.replace(CONFIG, coordinate='tokens')
    assert coordinates.model_inputs(plain, kmer.KmerTokenizer(3), jnp.asarray(bases())) == {}


def test_spans_change_nothing_in_full_rows_of_overlapping_tokens():
    tokenizer, codes = kmer.KmerTokenizer(3), bases()
    valid = np.full(3, 60)
    spans = per_row_spans(tokenizer, codes, valid)
    without = coordinates.model_inputs(CONFIG, tokenizer, jnp.asarray(codes), valid)
    result = coordinates.model_inputs(CONFIG, tokenizer, jnp.asarray(codes), valid, spans)
    assert np.array_equal(without['coordinate_BT'], result['coordinate_BT'])
    along = positions.cpg_coordinate(jnp.asarray(codes), jnp.asarray(valid))
    assert np.array_equal(result['coordinate_BT'][:, 1:-1], (along[:, :-2] + along[:, 2:]) / 2)
    assert np.array_equal(result['coordinate_BT'][:, -1], along[:, -1])


def test_with_spans_padding_moves_no_special_token():
    tokenizer, codes = kmer.KmerTokenizer(3), bases()
    valid = np.array([60, 41, 60])
    codes[1, 41:] = dna.UNKNOWN
    spans = per_row_spans(tokenizer, codes, valid)
    result = coordinates.model_inputs(CONFIG, tokenizer, jnp.asarray(codes), valid, spans)
    along = positions.cpg_coordinate(jnp.asarray(codes), jnp.asarray(valid))
    end = 41 - 3 + 1 + 1  # [CLS] and 39 k-mers stand before [SEP]
    assert np.array_equal(result['coordinate_BT'][1, end:], np.full(62 - 2 - end, along[1, 40]))
    # Without spans a row is taken as full: [SEP] has the place of the k-mer that a full row has
    # there.
    full = coordinates.model_inputs(CONFIG, tokenizer, jnp.asarray(codes), valid)
    assert full['coordinate_BT'][1, end] == (along[1, end - 1] + along[1, end + 1]) / 2
    real = slice(0, end)
    assert np.array_equal(full['coordinate_BT'][1, real], result['coordinate_BT'][1, real])


def test_tokens_side_by_side_need_their_spans():
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(3)
    with pytest.raises(ValueError, match='needs the spans'):
        coordinates.model_inputs(CONFIG, tokenizer, jnp.asarray(bases()))
    rows = tokenizer.encode_rows(bases())
    result = coordinates.model_inputs(CONFIG, tokenizer, jnp.asarray(bases()), None, rows.spans_BT2)
    along = positions.cpg_coordinate(jnp.asarray(bases()))
    assert np.array_equal(result['coordinate_BT'][:, 1:21], along[:, 1::3])
