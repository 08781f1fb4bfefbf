"""The attention config: the pattern of each kind, and what a row must be padded to for it."""

import dataclasses

import numpy as np
import pytest

from genojax.attention import patterns
from genojax.nn import self_attention

KINDS = ('full', 'causal', 'local', 'longformer', 'strided', 'random', 'bigbird', 'anchored')


@pytest.mark.parametrize('kind', KINDS)
def test_every_kind_has_a_pattern_and_a_summary(kind):
    config = self_attention.AttentionConfig(kind=kind, window=2, period=8, block=4)
    mask = config.pattern(48).mask()
    assert mask.shape[-2:] == (48, 48)
    assert mask.diagonal(axis1=-2, axis2=-1).all()  # a token attends to itself
    assert mask.all() == (kind == 'full')
    assert len(config.summary) <= 24


def test_full_and_causal_are_what_they_are_called():
    config = self_attention.AttentionConfig()
    assert config.pattern(5) == patterns.full(5)
    causal = dataclasses.replace(config, kind='causal').pattern(5).mask()
    assert np.array_equal(causal, np.tril(np.ones((5, 5), bool)))


@pytest.mark.parametrize('kind', KINDS)
def test_padding_changes_no_pattern_unless_it_has_blocks(kind):
    config = self_attention.AttentionConfig(kind=kind, window=2, period=8, block=4)
    short, long = config.pattern(40).mask(), config.pattern(48).mask()
    if config.padding_multiple:
        assert kind in ('bigbird', 'random') and config.padding_multiple == 4
        partial = config.pattern(37).mask()  # in the same blocks as 40 tokens
        assert np.array_equal(short[..., :37, :37], partial)
    else:
        assert np.array_equal(long[..., :40, :40], short)


@pytest.mark.parametrize('wrong', [{'block': 0}, {'period': 0}, {'window': -1}])
def test_impossible_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        self_attention.AttentionConfig(**wrong)
