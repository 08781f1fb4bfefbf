"""Nucleotide Transformer under the names of the authors' JAX code."""

import dataclasses

import jax
import numpy as np
import pytest

from genojax import convert, errors
from genojax.convert import files, haiku
from tests.convert import published


def test_any_name_of_the_module_and_older_names_are_the_same_tensors(loaded, tmp_path):
    folder = published.write('nt_v2', tmp_path)
    old = {}
    for name, x in published.oracle('nt_v2').tensors.items():
        name = name.replace('nucleotide_transformer/', 'esm_transformer/')
        name = name.replace('self_attention_layer_norm', 'mha_layer_norm')
        name = name.replace('~/self_attention/', '~/mha/')
        old[name.replace('~/roberta_lm_head', '~/esm_roberta_lm_head')] = x
    assert not old.keys() & published.oracle('nt_v2').tensors.keys()
    files.write_tensors(folder / 'weights.npz', old)
    model = convert.load(folder)
    jax.tree.map(np.testing.assert_array_equal, model.params, loaded['nt_v2'].params)


def test_a_config_is_read_back_from_what_is_written(loaded):
    config = loaded['nt_v2'].config
    values = haiku.to_source(config, 'nt_v2')
    assert haiku.from_source({**values, 'vocab': config.vocab}, 'nt_v2') == config
    assert values['k_for_kmers'] == 3 and values['use_rotary_embedding']


@pytest.mark.parametrize('change', [{'epsilon': 1e-12}, {'head': 'tied'}, {'embed_norm': True}])
def test_models_that_the_jax_code_cannot_compute_are_not_written_for_it(change, loaded):
    config = dataclasses.replace(loaded['nt_v2'].config, **change)
    with pytest.raises(errors.UsageError, match='--format=npz: .*Fix: --format=safetensors'):
        haiku.to_source(config, 'nt_v2')


def test_names_are_recognised():
    assert haiku.is_haiku_name('any_module/attention_layer_0/~/fc1/w')
    assert not haiku.is_haiku_name('esm.encoder.layer.0.attention.self.query.weight')
