"""Nucleotide Transformer under the names of transformers' ESM."""

import dataclasses

import numpy as np
import pytest

from genojax import convert
from genojax.convert import esm, files
from tests.convert import published


@pytest.mark.parametrize('kind', ['nt_v1', 'nt_v2'])
def test_a_config_is_read_back_from_what_is_written(kind, loaded):
    config = loaded[kind].config
    values = esm.to_source(config, kind)
    again = esm.from_source(values, kind)
    assert again == config
    # The table of positions has a row for [PAD] and for each id before it.
    assert values['max_position_embeddings'] == config.max_tokens + 2


def test_weights_of_the_jax_code_become_weights_of_the_torch_class(loaded, tmp_path):
    """NT v2 is published under two sets of names; here one is read and the other written."""
    convert.save(loaded['nt_v2'], tmp_path / 'hf', 'safetensors')
    tensors = files.open_source(tmp_path / 'hf').tensors
    gate_and_up = tensors['esm.encoder.layer.2.intermediate.dense.weight']
    source = published.oracle('nt_v2').tensors['nucleotide_transformer/attention_layer_2/~/fc1/w']
    np.testing.assert_array_equal(gate_and_up, source.T)
    assert 'esm.encoder.layer.2.intermediate.dense.bias' not in tensors


def test_a_tied_head_has_no_rule_but_may_be_in_the_file(loaded):
    config = dataclasses.replace(loaded['nt_v1'].config, head='tied')
    sources = {rule.source for rule in esm.table(config)}
    (tie,) = esm.ties(config)
    assert tie.source == 'lm_head.decoder.weight' not in sources
    assert tie.equals in sources
    assert 'lm_head.decoder.weight' in {rule.source for rule in esm.table(loaded['nt_v1'].config)}
    assert not esm.ties(loaded['nt_v1'].config)
