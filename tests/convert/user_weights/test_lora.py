"""Adapters of peft: named as such, or merged into their base as W + scale * B @ A."""

import dataclasses

import numpy as np
import pytest

from genojax import convert, errors, json_files
from genojax.convert import files
from genojax.convert.user_weights import lora
from tests.convert import published

QUERY = 'bert.encoder.layer.{n}.attention.self.query'
CONFIG = {'peft_type': 'LORA', 'r': 2, 'lora_alpha': 6, 'base_model_name_or_path': 'zhihan1996/x'}


def write_adapter(folder, config=CONFIG, name='base_model.model.' + QUERY, **more):
    """Factors of rank 2 for the query of layers 0 and 2; returns them by layer."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    json_files.write(folder / 'adapter_config.json', config)
    factors = {n: (rng.standard_normal((2, 12)), rng.standard_normal((12, 2))) for n in (0, 2)}
    tensors = dict(more)
    for n, (A, B) in factors.items():
        tensors[f'{name.format(n=n)}.lora_A.weight'] = A.astype(np.float32)
        tensors[f'{name.format(n=n)}.lora_B.weight'] = B.astype(np.float32)
    files.write_tensors(folder / 'adapter_model.safetensors', tensors)
    return {n: [x.astype(np.float32) for x in pair] for n, pair in factors.items()}


@pytest.mark.parametrize(
    ('config', 'scale'),
    [
        (CONFIG, 6 / 2),
        ({**CONFIG, 'use_rslora': True}, 6 / 2**0.5),
        ({**CONFIG, 'alpha_pattern': {'layer.2.attention.self.query': 1}}, {0: 3, 2: 1 / 2}),
    ],
)
def test_a_merged_matrix_is_the_base_and_the_scaled_product(config, scale, tmp_path, sources):
    factors = write_adapter(tmp_path / 'adapter', config)
    tensors = published.oracle('dnabert').tensors
    merged = lora.merge(files.open_source(sources['dnabert']), tmp_path / 'adapter').tensors
    assert set(merged) == set(tensors)
    for name, value in tensors.items():
        n = next((n for n in factors if name == QUERY.format(n=n) + '.weight'), None)
        if n is not None:
            A, B = factors[n]
            factor = scale[n] if isinstance(scale, dict) else scale
            value = (value + factor * (B.astype(np.float64) @ A)).astype(np.float32)
        np.testing.assert_array_equal(merged[name], value)


def test_the_verb_merges_an_adapter_that_was_trained_on_a_bare_encoder(tmp_path, sources, loaded):
    name = 'base_model.model.' + QUERY.removeprefix('bert.')
    factors = write_adapter(tmp_path / 'adapter', name=name)
    model = convert.load(tmp_path / 'adapter', base=sources['dnabert'])
    query = model.params['layers']['block']['attention']['query']['kernel']
    before = loaded['dnabert'].params['layers']['block']['attention']['query']['kernel']
    A, B = factors[0]
    np.testing.assert_allclose(
        (query - before)[0].reshape(12, 12), 3 * (B @ A).T, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(query[1], before[1])
    assert {'adapter_model.safetensors', 'model.safetensors'} <= model.provenance['sha256'].keys()


def test_an_adapter_alone_is_named_as_such(tmp_path, sources):
    write_adapter(tmp_path / 'adapter')
    words = (
        "GX-CV08: .* a LORA adapter for the weights 'zhihan1996/x', not a whole model. Fix: --base"
    )
    for path in (tmp_path / 'adapter', tmp_path / 'adapter' / 'adapter_model.safetensors'):
        with pytest.raises(errors.InputError, match=words):
            convert.load(path)
    with pytest.raises(errors.UsageError, match='--base is for adapters'):
        convert.load(sources['dnabert'], base=sources['dnabert'])


@pytest.mark.parametrize(
    ('config', 'more', 'words'),
    [
        ({**CONFIG, 'use_dora': True}, {}, 'CV08: .*use_dora is True'),
        ({**CONFIG, 'peft_type': 'IA3'}, {}, "CV08: .*peft_type is 'IA3'"),
        (CONFIG, {'base_model.model.x.lora_embedding_A': np.ones(2)}, 'CV08: .*lora_embedding_A'),
        (CONFIG, {'base_model.model.bert.y.lora_A.weight': np.ones((2, 2))}, 'lora_B is missing'),
        (
            CONFIG,
            {f'base_model.model.bert.y.lora_{x}.weight': np.ones((2, 2)) for x in 'AB'},
            'CV01: .*the base has no bert.y.weight',
        ),
    ],
)
def test_other_adapters_are_refused(config, more, words, tmp_path, sources):
    write_adapter(tmp_path / 'adapter', config, **more)
    with pytest.raises(errors.InputError, match=words):
        convert.load(tmp_path / 'adapter', base=sources['dnabert'])


@pytest.mark.parametrize('kind', [np.int8, bool, np.int64])
@pytest.mark.parametrize('where', ['factor', 'base'])
def test_factors_and_matrices_of_other_types_are_refused(kind, where, tmp_path, sources):
    write_adapter(tmp_path / 'adapter')
    base = files.open_source(sources['dnabert'])
    name = QUERY.format(n=0)
    if where == 'factor':
        weights = tmp_path / 'adapter' / 'adapter_model.safetensors'
        tensors = dict(files.open_weights(weights))
        factor = f'base_model.model.{name}.lora_A.weight'
        files.write_tensors(weights, tensors | {factor: (tensors[factor] * 9).astype(kind)})
        words = f'{name}.lora_A is of type {np.dtype(kind)}'
    else:
        matrix = (base.tensors[f'{name}.weight'] * 9).astype(kind)
        base = dataclasses.replace(base, tensors={**base.tensors, f'{name}.weight': matrix})
        words = f'{name}.weight is of type {np.dtype(kind)}'
    with pytest.raises(errors.InputError, match=f'GX-CV07: .*{words}'):
        lora.merge(base, tmp_path / 'adapter')


def test_tensors_are_found_in_the_dictionaries_of_trainers():
    x = np.ones(2)
    inside = {'a.weight': x, 'version': 3}
    for state in (
        inside,
        {'model': inside, 'optimizer': {'state': {}, 'param_groups': []}, 'epoch': 3},
        {'state_dict': inside, 'callbacks': {}},
        {'model': {'state_dict': inside}},
        {'anything': inside, 'epoch': 1},
    ):
        assert files.find_tensors(state, lambda v: isinstance(v, np.ndarray)) is inside
    assert files.find_tensors([x], lambda v: isinstance(v, np.ndarray)) == {}
    two = {'student': inside, 'teacher': inside}
    assert files.find_tensors(two, lambda v: isinstance(v, np.ndarray)) is two
