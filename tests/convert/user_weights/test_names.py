"""Weights as users have them: wrapped names, encoders without a head, classifiers."""

import jax
import numpy as np
import pytest

from genojax import convert, errors
from genojax.convert import files
from genojax.convert.user_weights import names
from genojax.inference import model as models
from genojax.inference import pretrained
from tests.convert import published

ENCODERS = {'dnabert': 'bert.', 'dnabert2': 'bert.', 'nt_v1': 'esm.', 'gena_bigbird': 'bert.'}


def write(name, folder, tensors):
    published.write(name, folder)
    files.write_tensors(folder / 'model.safetensors', tensors)
    return folder


def assert_equal(ours, theirs):
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def without_lm_head(params):
    return {key: x for key, x in params.items() if key not in ('head', 'head_norm', 'head_bias', 'decoder')}  # fmt: skip


@pytest.mark.parametrize(
    ('name', 'prefix'),
    [
        ('dnabert', 'module.'),
        ('dnabert', 'lightning.net.'),
        ('dnabert2', '_orig_mod.'),
        ('nt_v1', 'model.'),
        ('gena_bigbird', 'module._orig_mod.'),
    ],
)
def test_one_common_prefix_is_removed_whatever_it_is(name, prefix, loaded, tmp_path):
    tensors = {prefix + key: x for key, x in published.oracle(name).tensors.items()}
    model = convert.load(write(name, tmp_path / 'source', tensors))
    assert model.config == loaded[name].config
    assert_equal(model.params, loaded[name].params)
    assert f'the prefix {prefix!r} of the names was removed' in model.provenance['notes']


@pytest.mark.parametrize(
    ('name', 'prefix'),
    [
        ('dnabert', ''),
        ('dnabert', 'module.'),
        ('dnabert2', 'encoder.'),
        ('nt_v1', ''),
        ('gena_bigbird', 'backbone.model.'),
    ],
)
def test_an_encoder_is_taken_without_a_head(name, prefix, loaded, tmp_path):
    """As BertModel saves itself: no name of the encoder before its tensors."""
    tensors = {
        prefix + key.removeprefix(ENCODERS[name]): x
        for key, x in published.oracle(name).tensors.items()
        if key.startswith(ENCODERS[name])
    }
    model = convert.load(write(name, tmp_path / 'source', tensors))
    assert model.config.head == 'none'
    assert_equal(model.params, without_lm_head(loaded[name].params))
    assert 'no language-model head' in ' '.join(model.provenance['notes'])
    assert convert.kind_of(model) == name
    convert.save(model, tmp_path / 'out')
    again = convert.load(tmp_path / 'out')
    assert again.config == model.config
    assert_equal(again.params, model.params)


@pytest.mark.parametrize(
    ('name', 'head'),
    [
        ('dnabert', ('classifier.weight', 'classifier.bias', 'bert.pooler.dense.weight')),
        ('nt_v1', ('classifier.dense.weight', 'classifier.out_proj.bias')),
        ('dnabert', ('module.fc[0].weight',)),
    ],
)
def test_a_classifier_is_taken_without_its_head_and_the_loss_is_said(name, head, tmp_path, loaded):
    encoder = ENCODERS[name]
    wrapper = 'module.' if head[0].startswith('module.') else ''
    tensors = {
        wrapper + key: x
        for key, x in published.oracle(name).tensors.items()
        if key.startswith(encoder)
    }
    tensors |= {key: np.ones((2, 12), np.float32) for key in head}
    model = convert.load(write(name, tmp_path / 'source', tensors))
    assert_equal(model.params, without_lm_head(loaded[name].params))
    (note,) = [note for note in model.provenance['notes'] if 'NOT read' in note]
    for key in head:
        assert key.removeprefix('module.') in note or key.startswith(encoder)
        assert key.removeprefix('module.') in model.provenance['ignored']


def test_a_model_without_head_embeds_and_says_that_it_has_no_logits(loaded, tmp_path):
    tensors = {
        key: x for key, x in published.oracle('dnabert').tensors.items() if key.startswith('bert.')
    }
    bare = convert.load(write('dnabert', tmp_path / 'source', tensors))
    whole = loaded['dnabert']
    vectors = [
        models.Model(
            pretrained.PretrainedModel(model.config, model.tokenizer, model.params, {}, {})
        )
        for model in (bare, whole)
    ]
    bare_model, whole_model = vectors
    np.testing.assert_array_equal(bare_model.embed(['ACGTTGCA']), whole_model.embed(['ACGTTGCA']))
    with pytest.raises(errors.UsageError, match="no output 'logits'; it has pooled, first, hidden"):
        bare_model.logits(['ACGTTGCA'])
    with pytest.raises(errors.UsageError, match='no language-model head'):
        bare_model.log_likelihood(['ACGTTGCA'])


def test_half_a_head_is_refused(tmp_path):
    tensors = dict(published.oracle('dnabert').tensors)
    del tensors['cls.predictions.transform.dense.weight']
    with pytest.raises(errors.InputError, match='transform.dense.weight is missing'):
        convert.load(write('dnabert', tmp_path / 'source', tensors))


def test_enformer_in_a_wrapper(tmp_path):
    stored = {'net.' + names._ENFORMER: np.zeros(1), 'net.x': np.zeros(1), 'other': np.zeros(1)}
    source = files.PublishedSource(tmp_path, tmp_path, {}, stored, ())
    unwrapped, prefix = names.original(source)
    assert prefix == 'net.' and list(unwrapped.tensors) == [names._ENFORMER, 'x', 'other']
