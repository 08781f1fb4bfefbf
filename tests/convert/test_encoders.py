"""Published encoders: the original's activations from its tensors, and the tensors back, bit for bit."""

import dataclasses

import jax
import numpy as np
import published
import pytest

from genojax import convert, errors, experiment
from genojax.cli import flags
from genojax.convert import bert, encoder, files, haiku, store

# Summation order only; relative to an activation's standard deviation.
F32 = 1e-4
# Eight bits of mantissa are 2e-3 a rounding; root mean square, through three layers and a head of random weights.
BF16 = 5e-2


@pytest.fixture(scope='module')
def sources(tmp_path_factory):
    """Name -> the directory of a published checkpoint."""
    folder = tmp_path_factory.mktemp('published')
    return {name: published.write(name, folder / name) for name in published.NAMES}


@pytest.fixture(scope='module')
def loaded(sources):
    return {name: convert.load(path) for name, path in sources.items()}


@pytest.mark.parametrize('name', published.NAMES)
def test_activations_are_the_originals(name, loaded):
    theirs = published.oracle(name).outputs
    mine = published.run(loaded[name].config, loaded[name].params, theirs['tokens'])
    found = published.differences(mine, theirs)
    assert len(found) >= 4 and 'logits' in found
    assert max(found.values()) <= F32, found


def test_bigbird_attends_to_everything_in_short_rows_as_the_original(loaded):
    theirs = published.oracle('gena_bigbird').outputs
    model = loaded['gena_bigbird']
    mine = published.run(model.config, model.params, theirs['short/tokens'])
    found = published.differences(mine, theirs, 'short/')
    assert max(found.values()) <= F32, found
    sparse = dataclasses.replace(model.config.attention, random=1)
    other = dataclasses.replace(model.config, attention=sparse)
    mine = published.run(other, model.params, theirs['short/tokens'])
    assert published.differences(mine, theirs, 'short/')['logits'] > 100 * F32


@pytest.mark.parametrize('name', published.NAMES)
def test_bfloat16_follows(name, loaded):
    theirs = published.oracle(name).outputs
    config = dataclasses.replace(loaded[name].config, dtype='bfloat16')
    mine = published.run(config, loaded[name].params, theirs['tokens'])
    found = published.differences(mine, theirs, rms=True)
    assert F32 < max(found.values()) <= BF16, found


@pytest.mark.parametrize('name', published.NAMES)
def test_load_save_load_is_the_same(name, sources, loaded, tmp_path):
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
def test_what_is_written_is_what_was_read(name, sources, loaded, tmp_path):
    """Every tensor that was not ignored and is no second copy, by its own name, bit for bit."""
    format = 'npz' if name == 'nt_v2' else 'safetensors'
    convert.save(loaded[name], tmp_path / 'out', format)
    before = published.oracle(name).tensors
    after = files.open_source(tmp_path / 'out').tensors
    assert after.keys() <= before.keys()
    left = before.keys() - after.keys() - set(loaded[name].provenance['ignored'])
    assert all('decoder' in key for key in left)
    for key in after:
        np.testing.assert_array_equal(after[key], before[key])


def test_weights_of_the_jax_code_become_weights_of_the_torch_class(loaded, tmp_path):
    """NT v2 is published under two sets of names; here one goes in and the other out."""
    convert.save(loaded['nt_v2'], tmp_path / 'hf', 'safetensors')
    names = files.open_source(tmp_path / 'hf').tensors
    gated = names['esm.encoder.layer.2.intermediate.dense.weight']
    haiku = published.oracle('nt_v2').tensors['nucleotide_transformer/attention_layer_2/~/fc1/w']
    np.testing.assert_array_equal(gated, haiku.T)
    assert 'esm.encoder.layer.2.intermediate.dense.bias' not in names


def test_old_names_and_wrappers_are_the_same_tensors(sources, loaded, tmp_path):
    old = {
        'module.' + name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'): x
        for name, x in published.oracle('dnabert').tensors.items()
    }  # fmt: skip
    old['module.bert.embeddings.position_ids'] = np.arange(31)[None]
    old['module.bert.pooler.dense.weight'] = np.zeros((12, 12), np.float32)
    folder = published.write('dnabert', tmp_path / 'old')
    files.write_tensors(folder / 'model.safetensors', old)
    found = convert.load(folder)
    jax.tree.map(np.testing.assert_array_equal, found.params, loaded['dnabert'].params)
    assert found.provenance['ignored'] == [
        'bert.embeddings.position_ids',
        'bert.pooler.dense.weight',
    ]


@pytest.mark.parametrize('name', ['dnabert', 'nt_v1', 'nt_v2'])
def test_a_padded_vocabulary_goes_out_without_its_padding(name, loaded, tmp_path):
    """Pod configs round the word table up so that a mesh divides it; published files have their own size."""
    wide = dataclasses.replace(loaded[name].config, vocab_multiple=128)
    shapes = store.abstract(wide)['params']
    padded = jax.tree.map(
        lambda goal, x: np.pad(x, [(0, more - have) for more, have in zip(goal.shape, x.shape, strict=True)]),
        shapes,
        loaded[name].params,
    )  # fmt: skip
    assert padded['words']['embedding'].shape[0] == 128
    out = dataclasses.replace(loaded[name], config=wide, params=padded)
    convert.save(out, tmp_path / 'out')
    again = convert.load(tmp_path / 'out')
    jax.tree.map(np.testing.assert_array_equal, again.params, loaded[name].params)


@pytest.mark.parametrize('name', published.NAMES)
def test_layouts_pad_what_they_read_to_the_tables_of_a_pod_config(name, loaded):
    wide = dataclasses.replace(loaded[name].config, vocab_multiple=128)
    layouts = encoder.layouts(wide)
    table = np.arange(wide.vocab * wide.width, dtype=np.float32).reshape(wide.vocab, wide.width)
    assert layouts.words.read(table).shape == (128, wide.width)
    assert layouts.decoder.read(table).shape == (wide.width, 128)
    np.testing.assert_array_equal(layouts.words.write(layouts.words.read(table)), table)
    np.testing.assert_array_equal(layouts.decoder.write(layouts.decoder.read(table)), table)


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
        rows = haiku.table(config)
    else:
        sizes = {'hidden_size': 768, 'num_hidden_layers': 12, 'num_attention_heads': 12}
        vocab = 1029 if name == 'dnabert' else 4096
        values |= {
            **sizes,
            'intermediate_size': 3072,
            'vocab_size': vocab,
            'max_position_embeddings': 512,
        }
        config = bert.from_source(values, name)
        rows = bert.table(config, name)
    shapes = store.abstract(config)
    assert {row.target for row in rows} == {
        'params/' + '/'.join(str(step.key) for step in path)
        for path, _ in jax.tree_util.tree_leaves_with_path(shapes['params'])
    }
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes['params'])) == count


def test_kinds_are_told_from_configs(loaded):
    for name, model in loaded.items():
        assert convert.kind_of(model) == name
    sparse = dataclasses.replace(loaded['gena_bigbird'].config.attention, plan='uniform')
    ours = dataclasses.replace(
        loaded['gena_bigbird'],
        config=dataclasses.replace(loaded['gena_bigbird'].config, attention=sparse),
    )
    with pytest.raises(errors.UsageError, match="no published class computes this 'bert'"):
        convert.kind_of(ours)


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('dnabert_k6', 'dnabert'),
        ('dnabert2', 'dnabert2'),
        ('nt_v1_500m', 'nt_v1'),
        ('nt_v2_50m', 'nt_v2'),
        ('gena_bigbird', 'gena_bigbird'),
        ('nucleotransformer_small', None),
    ],
)
def test_runs_of_the_published_configs_can_be_saved_for_the_published_classes(name, kind):
    config = experiment.from_config(flags.load(name)).model
    found = [family.kind_of(config) for family in convert.FAMILIES]
    assert [one for one in found if one] == ([kind] if kind else [])
