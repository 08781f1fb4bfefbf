"""Counts of bases and contexts of training windows against a slow count."""

import collections

import jax.numpy as jnp
import numpy as np
import pytest

from genojax import dna
from genojax.nn import ngram_experts
from genojax.tasks.masked_lm import ngram_counts
from tests.nn.test_ngram_experts import random_rows


def slow_count(rows, left, right):
    """(context, base) -> number, over both strands, as text."""
    total = collections.Counter()
    for codes in rows:
        for strand in (dna.decode(codes), dna.decode(dna.reverse_complement(codes))):
            for at in range(left, len(strand) - right):
                context = strand[at - left : at] + strand[at + 1 : at + 1 + right]
                if 'N' not in context + strand[at]:
                    total[context, strand[at]] += 1
    return total


@pytest.mark.parametrize(('left', 'right'), [(0, 0), (3, 0), (2, 2), (1, 2)])
def test_counts_and_contexts_are_those_of_a_slow_count(left, right):
    rows = random_rows(0)
    table_C4 = ngram_counts.count(rows, left, right)
    expected = slow_count(rows, left, right)
    assert table_C4.sum() == sum(expected.values()) > 0
    index_BL = np.asarray(ngram_experts.context_index(jnp.asarray(rows, jnp.int32), left, right))
    for row, codes in enumerate(rows):
        text = dna.decode(codes)
        for at in range(len(text)):
            whole = text[max(at - left, 0) : at] + text[at + 1 : at + 1 + right]
            known = len(whole) == left + right and 'N' not in whole
            assert (index_BL[row, at] >= 0) == known
            if known:
                assert table_C4[index_BL[row, at]].tolist() == [expected[whole, b] for b in 'ACGT']
