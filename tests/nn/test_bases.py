"""Ids to channels: one per base, none for anything else, and channels unchanged."""

import jax.numpy as jnp
import numpy as np
import pytest

from genojax.nn import bases
from genojax.tokenizers import nucleotide


def test_bases_are_channels_in_the_order_acgt_and_all_else_is_zero():
    tokenizer = nucleotide.NucleotideTokenizer()
    ids = tokenizer.encode('ACGTN', special=True)
    ids = np.append(ids, [tokenizer.special.mask, tokenizer.special.pad])[None]
    result = np.asarray(bases.one_hot(jnp.asarray(ids)))[0]
    assert np.array_equal(result[1:5], np.eye(4))
    assert not np.delete(result, slice(1, 5), axis=0).any()


def test_channels_are_returned_in_the_wanted_type():
    channels = np.random.default_rng(0).random((2, 3, 4), np.float32)
    assert np.array_equal(bases.one_hot(jnp.asarray(channels)), channels)
    assert bases.one_hot(jnp.asarray(channels), 'bfloat16').dtype == jnp.bfloat16


@pytest.mark.parametrize('wrong', [jnp.zeros((2, 3)), jnp.zeros((2, 3, 5)), jnp.zeros(4, int)])
def test_anything_else_is_refused(wrong):
    with pytest.raises(ValueError, match='ids .B, L. or channels'):
        bases.one_hot(wrong)
