"""Overlapping tokens are masked by bases, all others by tokens."""

import pytest

from genojax.tasks.masked_lm import masks, span_masks, token_masks
from genojax.tokenizers import kmer, nonoverlapping, nucleotide


@pytest.mark.parametrize(
    ('tokenizer', 'kind'),
    [
        (kmer.KmerTokenizer(3), span_masks.SpanMasks),
        (nucleotide.NucleotideTokenizer(), span_masks.SpanMasks),
        (nonoverlapping.NonOverlappingKmerTokenizer(6, 'v1', 0), token_masks.TokenMasks),
    ],
)
def test_masks_of_a_tokenizer(tokenizer, kind):
    assert type(masks.build(tokenizer)) is kind
