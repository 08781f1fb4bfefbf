"""Laws of every encoder family: activations of the original, tensors written as they were read."""

import dataclasses

import jax
import numpy as np
import pytest

from genojax import convert, errors, experiment
from genojax.cli import flags
from genojax.convert import bert, files, haiku, store
from tests.convert import published

# Only the order of summation differs; relative to the standard deviation of an activation.
F32 = 1e-4
# A rounding to eight bits of mantissa is 2e-3; root mean square, after three layers and a head of
# random weights.
BF16 = 5e-2


@pytest.mark.parametrize('name', published.NAMES)
def test_activations_are_the_originals(name, loaded):
    expected = published.oracle(name).outputs
    outputs = published.run(loaded[name].config, loaded[name].params, expected['tokens'])
    differences = published.differences(outputs, expected)
    assert len(differences) >= 4 and 'logits' in differences
    assert max(differences.values()) <= F32, differences


@pytest.mark.parametrize('name', published.NAMES)
def test_bfloat16_is_close(name, loaded):
    expected = published.oracle(name).outputs
    config = dataclasses.replace(loaded[name].config, dtype='bfloat16')
    outputs = published.run(config, loaded[name].params, expected['tokens'])
    differences = published.differences(outputs, expected, rms=True)
    assert F32 < max(differences.values()) <= BF16, differences


@pytest.mark.parametrize('name', published.NAMES)
def test_load_save_load_is_the_same(name, loaded, tmp_path):
    formats = convert.kinds()[name].formats
    for format in [x for x in formats if x != 'bin']:
        if format == 'npz' and name == 'nt_v1':
            # Its norms have another epsilon than those of the authors' JAX code.
            with pytest.raises(errors.UsageError, match='epsilon 1e-5, not 1e-12'):
                convert.save(loaded[name], tmp_path / format, format)
            continue
        out = tmp_path / format
        convert.save(loaded[name], out, format)
        again = convert.load(out)
        assert again.config == loaded[name].config
        assert again.tokenizer == dataclasses.replace(
            loaded[name].tokenizer, file=again.tokenizer.file
        )
        assert again.provenance['kind'] == loaded[name].provenance['kind']
        jax.tree.map(np.testing.assert_array_equal, again.params, loaded[name].params)


@pytest.mark.parametrize('name', published.NAMES)
def test_what_is_written_is_what_was_read(name, loaded, tmp_path):
    """Every tensor that was not ignored and is no second copy, by its own name, bit for bit."""
    format = 'npz' if name == 'nt_v2' else 'safetensors'
    convert.save(loaded[name], tmp_path / 'out', format)
    before = published.oracle(name).tensors
    after = files.open_source(tmp_path / 'out').tensors
    assert after.keys() <= before.keys()
    absent = before.keys() - after.keys() - set(loaded[name].provenance['ignored'])
    assert all('decoder' in key for key in absent)
    for key in after:
        np.testing.assert_array_equal(after[key], before[key])


@pytest.mark.parametrize('name', ['dnabert', 'nt_v1', 'nt_v2'])
def test_a_padded_vocabulary_is_written_without_its_padding(name, loaded, tmp_path):
    """Large configs round the word table up so that a mesh divides it; published files do not."""
    padded_config = dataclasses.replace(loaded[name].config, vocab_multiple=128)
    shapes = store.abstract(padded_config)['params']
    padded = jax.tree.map(
        lambda goal, x: np.pad(x, [(0, more - have) for more, have in zip(goal.shape, x.shape, strict=True)]),
        shapes,
        loaded[name].params,
    )  # fmt: skip
    assert padded['words']['embedding'].shape[0] == 128
    model = dataclasses.replace(loaded[name], config=padded_config, params=padded)
    convert.save(model, tmp_path / 'out')
    again = convert.load(tmp_path / 'out')
    jax.tree.map(np.testing.assert_array_equal, again.params, loaded[name].params)


@pytest.mark.parametrize(
    ('name', 'count'),
    [('dnabert', 86_834_181), ('dnabert2', 117_074_176), ('nt_v2', 54_855_179)],
)
def test_published_sizes_have_a_rule_for_every_parameter(name, count):
    """The tables at full size: DNABERT with 5-mers, DNABERT-2, NT v2 50M."""
    values = dict(published.oracle(name).config)
    if name == 'nt_v2':
        sizes = {'embed_dim': 512, 'num_layers': 12, 'attention_heads': 16, 'ffn_embed_dim': 2048}
        config = haiku.from_source({**values, **sizes, 'key_dim': 32, 'vocab': 4107}, name)
        table = haiku.table(config)
    else:
        values |= {
            'hidden_size': 768,
            'num_hidden_layers': 12,
            'num_attention_heads': 12,
            'intermediate_size': 3072,
            'vocab_size': 1029 if name == 'dnabert' else 4096,
            'max_position_embeddings': 512,
        }
        config = bert.from_source(values, name)
        table = bert.table(config, name)
    shapes = store.abstract(config)
    assert {rule.target for rule in table} == {
        'params/' + '/'.join(str(step.key) for step in path)
        for path, _ in jax.tree_util.tree_leaves_with_path(shapes['params'])
    }
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes['params'])) == count


def test_kinds_follow_from_configs(loaded):
    for name, model in loaded.items():
        assert convert.kind_of(model) == name
    attention = dataclasses.replace(loaded['gena_bigbird'].config.attention, plan='uniform')
    config = dataclasses.replace(loaded['gena_bigbird'].config, attention=attention)
    other = dataclasses.replace(loaded['gena_bigbird'], config=config)
    with pytest.raises(errors.UsageError, match="no published class computes this 'bert'"):
        convert.kind_of(other)


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('dnabert:k6', 'dnabert'),
        ('dnabert2', 'dnabert2'),
        ('nucleotide_transformer:v1_500m', 'nt_v1'),
        ('nucleotide_transformer:v2_50m', 'nt_v2'),
        ('gena_bigbird', 'gena_bigbird'),
        ('nucleotransformer:small', None),
    ],
)
def test_runs_of_the_published_configs_can_be_saved_for_the_published_classes(name, kind):
    config = experiment.from_config(flags.load(name)).model
    kinds = [family.kind_of(config) for family in convert.FAMILIES]
    assert [name for name in kinds if name] == ([kind] if kind else [])
