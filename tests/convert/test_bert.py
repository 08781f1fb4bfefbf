"""Weights under the names of transformers' BERT: what the three kinds do differently."""

import dataclasses

import jax
import numpy as np

from genojax import convert
from genojax.convert import bert, files
from tests.convert import published

F32 = 1e-4  # of an activation's standard deviation: only the order of summation differs


def test_bigbird_attends_to_everything_in_short_rows_as_the_original(loaded):
    expected = published.oracle('gena_bigbird').outputs
    model = loaded['gena_bigbird']
    outputs = published.run(model.config, model.params, expected['short/tokens'])
    differences = published.differences(outputs, expected, 'short/')
    assert max(differences.values()) <= F32, differences
    attention = dataclasses.replace(model.config.attention, random_blocks=1)
    sparse = dataclasses.replace(model.config, attention=attention)
    outputs = published.run(sparse, model.params, expected['short/tokens'])
    assert published.differences(outputs, expected, 'short/')['logits'] > 100 * F32


def test_old_names_and_wrappers_are_the_same_tensors(loaded, tmp_path):
    old = {
        'module.' + name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'): x
        for name, x in published.oracle('dnabert').tensors.items()
    }  # fmt: skip
    old['module.bert.embeddings.position_ids'] = np.arange(31)[None]
    old['module.bert.pooler.dense.weight'] = np.zeros((12, 12), np.float32)
    folder = published.write('dnabert', tmp_path / 'old')
    files.write_tensors(folder / 'model.safetensors', old)
    model = convert.load(folder)
    jax.tree.map(np.testing.assert_array_equal, model.params, loaded['dnabert'].params)
    assert model.provenance['ignored'] == [
        'bert.embeddings.position_ids',
        'bert.pooler.dense.weight',
    ]


def test_padding_is_the_tokenizers_and_not_that_of_the_config(loaded):
    """DNABERT-2's config.json says 0, which is [UNK] in its tokenizer."""
    values = published.oracle('dnabert2').config
    assert values['pad_token_id'] == 0
    assert bert.from_source(values, 'dnabert2').pad_id == 0
    assert loaded['dnabert2'].config.pad_id == 3


def test_a_config_is_read_back_from_what_is_written(loaded):
    for kind in bert.KINDS:
        config = loaded[kind].config
        assert bert.from_source(bert.to_source(config, kind), kind) == config
