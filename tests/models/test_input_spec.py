"""What each model says about its input, and that what it says is true of the model."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import models
from genojax.models import (
    basset,
    bert,
    enformer,
    enformer_accessibility,
    hierarchical,
    input_spec,
    recurrent,
)
from genojax.nn import blocks, self_attention
from genojax.tokenizers import kmer, nonoverlapping, nucleotide

SMALL_BERT = bert.BertConfig(69, width=8, depth=1, heads=2, inner=8, max_tokens=40)
SIZES = {'width': 24, 'depth': 1, 'heads': 2, 'key_width': 4, 'basis': 6, 'stages': 3}
TRACKS = {**SIZES, 'multiple': 4, 'crop': 1, 'organisms': ('a', 'b'), 'tracks': (3, 2)}
CONFIGS = {
    'bert': SMALL_BERT,
    'rotary': dataclasses.replace(SMALL_BERT, positions='rotary'),
    'hierarchical': hierarchical.HierarchicalConfig(
        69, chunks=2, chunk=19, width=8, heads=2, inner=8, before=1, cross=1, after=1,
        attention=self_attention.AttentionConfig(),
    ),
    'recurrent': recurrent.RecurrentConfig(10, width=4),
    'recurrent without head': recurrent.RecurrentConfig(10, width=4, language_model=False),
    'basset': basset.BassetConfig(
        10, length=38, filters=(4,), windows=(3,), pools=(3,), hidden=(5,)
    ),
    'basset without head': basset.BassetConfig(
        10, length=38, filters=(4,), windows=(3,), pools=(3,), hidden=(5,), targets=0
    ),
    'enformer': enformer.EnformerConfig(**TRACKS),
    'enformer_accessibility': enformer_accessibility.EnformerAccessibilityConfig(
        inputs=2, trunk_stages=2, **TRACKS
    ),
}  # fmt: skip


def features(config, length):
    """Shapes of what the model returns for two rows."""
    model, tokens = models.build(config), jax.ShapeDtypeStruct((2, length), jnp.int32)
    return jax.eval_shape(lambda x: model.init_with_output(jax.random.key(0), x)[0], tokens)


@pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)
def test_outputs_and_heads_are_those_of_the_model(config):
    result = features(config, 40)
    arrays = {
        'pooled': result.pooled_BD, 'first': result.first_BD, 'hidden': result.hidden_BTD,
        'logits': result.logits_BTV, 'tracks': result.tracks,
    }  # fmt: skip
    assert all(arrays[name] is not None for name in config.outputs)
    assert ('logits' in config.outputs) == (result.logits_BTV is not None)
    assert ('tracks' in config.outputs) == (result.tracks is not None)
    if config.has_lm_head:
        assert result.logits_BTV.shape == (2, 40, config.vocab)
    tracks = {name: x.shape[-1] for name, x in (result.tracks or {}).items()}
    assert config.track_heads == tracks
    spec = config.input_spec()
    if spec.bin:
        assert result.hidden_BTD.shape[1] == spec.bins(40)
    elif 'hidden' in config.outputs:
        assert result.hidden_BTD.shape[1] == 40


@pytest.mark.parametrize('name', ['bert', 'hierarchical', 'basset'])
def test_a_row_longer_than_the_maximum_is_refused(name):
    limit = CONFIGS[name].input_spec().max_tokens
    assert limit == 40
    features(CONFIGS[name], limit)
    with pytest.raises(ValueError, match='41 tokens are more|39 tokens between'):
        features(CONFIGS[name], limit + 1)


@pytest.mark.parametrize('name', ['rotary', 'recurrent'])
def test_no_maximum_means_any_length(name):
    assert CONFIGS[name].input_spec().max_tokens is None
    features(CONFIGS[name], 700)


@pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)
def test_models_of_bases_read_one_hot_channels(config):
    model, channels = models.build(config), jax.ShapeDtypeStruct((2, 40, 4), jnp.float32)
    run = lambda x: model.init_with_output(jax.random.key(0), x)[0]  # noqa: E731
    if config.input_spec().unit == 'bases' and config.kind != 'basset':
        assert jax.eval_shape(run, channels).pooled_BD.shape[0] == 2
    elif config.kind == 'basset':  # 38 bases at most: only ids may have [CLS] and [SEP] beside them
        assert jax.eval_shape(run, jax.ShapeDtypeStruct((2, 38, 4), jnp.float32)).pooled_BD.shape
    else:
        with pytest.raises((TypeError, ValueError)):
            jax.eval_shape(run, channels)


def test_padding_in_whole_blocks_only_where_the_pattern_has_blocks():
    for kind, multiple in {'full': 0, 'local': 0, 'bigbird': 16, 'random': 16}.items():
        attention = self_attention.AttentionConfig(kind=kind, block=16)
        config = dataclasses.replace(SMALL_BERT, attention=attention)
        assert config.input_spec().multiple == multiple


def test_the_published_window_belongs_to_the_published_crop():
    assert enformer.EnformerConfig().input_spec().window == 196_608
    assert dataclasses.replace(enformer.EnformerConfig(), crop=0).input_spec().window == 0
    variant = enformer_accessibility.EnformerAccessibilityConfig(inputs=1)
    assert variant.input_spec().window == 131_072
    assert dataclasses.replace(variant, crop=320).input_spec().window == 0
    assert CONFIGS['enformer'].input_spec().window == 0


def test_bins_are_counted_without_the_crop():
    spec = input_spec.InputSpec('bases', 10, bin=8, crop=4)
    assert spec.bins(128) == 8
    for length in (132, 64):
        with pytest.raises(ValueError, match=r'132 bases is not a multiple|none left after a crop'):
            spec.bins(length)
    with pytest.raises(ValueError, match='does not predict in bins'):
        SMALL_BERT.input_spec().bins(128)


def test_a_tokenizer_that_does_not_fit_is_named():
    k3, bases = kmer.KmerTokenizer(3), nucleotide.NucleotideTokenizer()
    assert not SMALL_BERT.input_spec().mismatches(k3)
    assert not CONFIGS['hierarchical'].input_spec().mismatches(k3)
    assert not CONFIGS['basset'].input_spec().mismatches(bases)
    assert 'has 10 tokens' in SMALL_BERT.input_spec().mismatches(bases)[0]
    reader = recurrent.RecurrentConfig(69).input_spec()
    assert 'reads single bases' in reader.mismatches(k3)[0]
    side_by_side = nonoverlapping.NonOverlappingKmerTokenizer(3)  # [CLS] in front, nothing behind
    config = dataclasses.replace(CONFIGS['hierarchical'], vocab=side_by_side.vocab_size)
    assert config.input_spec().mismatches(side_by_side) == [
        'model.pad_id=0, but 1 by the tokenizer', 'model.back=1, but 0 by the tokenizer',
    ]  # fmt: skip
    dropout = blocks.TokenDropout(mask_id=side_by_side.special.mask + 1)
    config = bert.BertConfig(side_by_side.vocab_size, pad_id=1, token_dropout=dropout)
    assert 'token_dropout.mask_id' in config.input_spec().mismatches(side_by_side)[0]


@pytest.mark.parametrize('name', ['bert', 'hierarchical', 'enformer'])
def test_settings_that_change_numbers_but_no_shape_are_named(name):
    config = CONFIGS[name]
    meaning = config.parameter_meaning()
    assert meaning['kind'] == config.kind
    other = {
        'bert': {'epsilon': 1e-5},
        'hierarchical': {'pad_id': 3},
        'enformer': {'positions': 'rotary'},
    }
    changed = dataclasses.replace(config, **other[name])
    assert changed.parameter_meaning() != meaning
    assert dataclasses.replace(config, dtype='bfloat16').parameter_meaning() == meaning


def test_only_the_accessibility_variant_takes_tracks():
    counts = {name: config.accessibility_inputs for name, config in CONFIGS.items()}
    assert {name for name, count in counts.items() if count} == {'enformer_accessibility'}
    assert counts['enformer_accessibility'] == 2


def test_every_special_id_may_be_free():
    assert np.all([value is None for value in dataclasses.astuple(input_spec.SpecialTokens())])
