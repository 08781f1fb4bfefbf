"""Masks over overlapping tokens: no visible token contains a hidden base."""

import jax
import numpy as np
import pytest

from genojax import dna
from genojax.tasks.masked_lm import masking, span_masks
from genojax.tokenizers import kmer


@pytest.mark.parametrize('k', [1, 3, 4])
def test_no_visible_token_contains_a_base_that_is_masked(k):
    tokenizer = kmer.KmerTokenizer(k)
    codes = np.random.default_rng(k).integers(0, 4, (4, 60)).astype(np.uint8)
    batch = {
        'tokens': tokenizer.encode(codes, special=True),
        'bases': codes,
        'regions': np.zeros_like(codes),
    }
    config = masking.MaskConfig(rate=0.2, span=2, random=0.2, keep=0.2)
    masked = span_masks.SpanMasks(tokenizer).hide(
        jax.random.key(0), jax.tree.map(jax.numpy.asarray, batch), config
    )
    action, tokens = np.asarray(masked.action_BL), np.asarray(masked.tokens_BT)[:, 1:-1]
    assert {int(a) for a in masking.MaskAction} == set(np.unique(action))
    for row in range(4):
        for t in range(60 - k + 1):
            covered = action[row, t : t + k]
            is_masked = (covered == masking.MaskAction.MASK).any()
            assert (tokens[row, t] == tokenizer.special.mask) == is_masked
            assert bool(masked.target_BT[row, t]) == (covered != masking.MaskAction.VISIBLE).any()
            if (covered == masking.MaskAction.VISIBLE).all():
                assert tokens[row, t] == tokenizer.encode(codes[row, t : t + k])[0]
    visible = np.asarray(masked.visible_BL)
    assert (visible[action == masking.MaskAction.MASK] == dna.UNKNOWN).all()
    unchanged = np.isin(action, [masking.MaskAction.VISIBLE, masking.MaskAction.KEEP])
    assert (visible[unchanged] == codes[unchanged]).all()
