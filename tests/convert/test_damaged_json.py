"""JSON and archives beside published weights that are not what they should be: one clear line."""

import json
import sys
import zipfile

import numpy as np
import pytest

from genojax import convert, errors, json_files, versions
from genojax.convert import files, store
from genojax.convert.user_weights import lora
from tests.convert import published
from tests.convert.user_weights import test_lora

DAMAGE, INPUT = errors.DamageError, errors.InputError
WORD_LIST = {'model': {'vocab': {'A': 0}}}


def changed(path, change):
    """Writes bytes, or the object of a file with other fields."""
    if isinstance(change, bytes):
        path.write_bytes(change)
    else:
        before = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(change(before) if callable(change) else {**before, **change}))


def _without_mask(values):
    """A tokenizer.json whose vocabulary has another word in the place of [MASK]."""
    return json.loads(json.dumps(values).replace('[MASK]', '[HIDDEN]'))


@pytest.mark.parametrize(
    ('kind', 'name', 'change', 'error', 'words'),
    [
        ('dnabert', 'tokenizer.json', {**WORD_LIST, 'added_tokens': [{'id': 3}]}, DAMAGE,
         "no field 'added_tokens[0].content'"),
        ('dnabert', 'tokenizer.json', {**WORD_LIST, 'added_tokens': {'a': 1}}, DAMAGE,
         "an object in the field 'added_tokens'"),
        ('dnabert', 'tokenizer.json', {**WORD_LIST, 'added_tokens': ['x']}, DAMAGE,
         "text in the field 'added_tokens[0]'"),
        ('dnabert', 'tokenizer.json', {'model': {'vocab': {'A': 'x'}}}, DAMAGE,
         "text in the field 'A'"),
        ('dnabert2', 'tokenizer.json', b'', DAMAGE, 'it is empty'),
        ('dnabert2', 'tokenizer.json', b'{"a":"\xe9"}', DAMAGE, 'is not UTF-8: byte 7'),
        ('dnabert2', 'tokenizer.json', lambda v: {'version': '1.0'}, DAMAGE, "no field 'model'"),
        ('dnabert2', 'tokenizer.json', {'added_tokens': [{'id': 3}]}, DAMAGE,
         "no field 'added_tokens[0].content'"),
        ('dnabert2', 'tokenizer.json', {'pre_tokenizer': 3}, DAMAGE, 'is not a tokenizer.json'),
        ('dnabert2', 'tokenizer.json', _without_mask, DAMAGE, 'there is no token [MASK] or <mask>'),
        ('gena_bigbird', 'config.json', {'block_size': 0}, INPUT, 'block_size is 0, not a whole'),
        ('gena_bigbird', 'config.json', {'block_size': 'x'}, INPUT, "block_size is 'x', not"),
        ('gena_bigbird', 'config.json', {'num_random_blocks': -1}, INPUT, 'num_random_blocks is -1'),
        ('nt_v2', 'hyperparams.json', {'embed_dim': 'x'}, INPUT, "embed_dim is 'x', not a whole"),
        ('nt_v2', 'hyperparams.json', {'num_layers': -1}, INPUT, 'num_layers is -1, not a whole'),
        ('nt_v1', 'config.json', {'emb_layer_norm_before': 'x'}, INPUT,
         "emb_layer_norm_before is 'x', not true or false"),
        ('dnabert', 'config.json', {'vocab_size': '69'}, INPUT, "vocab_size is '69', not a whole"),
        ('dnabert', 'config.json', {'vocab_size': None}, INPUT, 'vocab_size is None'),
        ('dnabert', 'config.json', {'vocab_size': 10**400}, INPUT, 'vocab_size is 1000'),
        ('dnabert', 'config.json', {'num_hidden_layers': 10**7}, INPUT,
         'num_hidden_layers is 10000000, not a whole number from 1 to 1,000'),
        ('dnabert', 'config.json', {'hidden_size': [12]}, INPUT, 'hidden_size is [12]'),
        ('dnabert', 'config.json', {'layer_norm_eps': None}, INPUT, 'layer_norm_eps is None'),
        ('dnabert', 'config.json', {'hidden_dropout_prob': 5}, INPUT, 'hidden_dropout_prob is 5'),
        ('dnabert', 'provenance.json', {'license': 3}, DAMAGE, "a number in the field 'license'"),
        ('dnabert', 'provenance.json', {'kind': [1]}, DAMAGE, "a list in the field 'kind'"),
        ('dnabert', 'provenance.json', {'files': [1]}, DAMAGE, "a list in the field 'files'"),
        ('dnabert', 'provenance.json', {'trained_tokens': 'x'}, DAMAGE, "'trained_tokens'"),
    ],
)  # fmt: skip
def test_a_file_beside_weights_is_named_with_the_field(tmp_path, kind, name, change, error, words):
    source = published.write(kind, tmp_path / 'source')
    changed(source / name, change)
    with pytest.raises(error) as failure:
        convert.load(source)
    text = str(failure.value)
    assert words in text and str(source) in text and '\n' not in text
    assert error is INPUT or f'{name} ' in text or f'{name}: ' in text
    assert error is INPUT or 'Fix: ' in text


def test_a_tokenizer_without_its_library_is_not_called_damaged(tmp_path, monkeypatch):
    source = published.write('dnabert2', tmp_path / 'source')
    monkeypatch.setitem(sys.modules, 'tokenizers', None)
    with pytest.raises(errors.UsageError) as failure:
        convert.load(source)
    assert str(failure.value).endswith(f'Fix: {versions.install_line("weights")}')


@pytest.mark.parametrize(
    ('value', 'words'),
    [
        (['x'], "has a list in the field 'weight_map'"),
        ({'a': 3}, "has a number in the field 'weight_map.a'"),
        ({'a': ['x']}, "has a list in the field 'weight_map.a'"),
        (None, "has null in the field 'weight_map'"),
        ('model.safetensors', "has text in the field 'weight_map'"),
    ],
)
def test_an_index_of_shards_is_checked(tmp_path, value, words):
    index = tmp_path / 'model.safetensors.index.json'
    index.write_text(json.dumps({'weight_map': value}))
    with pytest.raises(DAMAGE) as failure:
        files.open_source(tmp_path)
    assert f'{index} {words}. Fix: ' in str(failure.value)


@pytest.mark.parametrize(
    ('field', 'value', 'words'),
    [
        ('lora_alpha', 'x', "has text in the field 'lora_alpha'"),
        ('lora_alpha', None, "has null in the field 'lora_alpha'"),
        ('lora_alpha', float('nan'), "has no usable number in the field 'lora_alpha'"),
        ('lora_alpha', 10**400, "has no usable number in the field 'lora_alpha'"),
        ('alpha_pattern', [1], "has a list in the field 'alpha_pattern'"),
        ('alpha_pattern', 'x', "has text in the field 'alpha_pattern'"),
        ('alpha_pattern', {'a': 'x'}, "has text in the field 'alpha_pattern.a'"),
        ('alpha_pattern', {'(': 1}, "has '(' in the field alpha_pattern, no regular expression"),
    ],
)
def test_the_settings_of_an_adapter_are_checked(tmp_path, sources, field, value, words):
    test_lora.write_adapter(tmp_path / 'ad', {**test_lora.CONFIG, field: value})
    with pytest.raises(DAMAGE) as failure:
        lora.merge(files.open_source(sources['dnabert']), tmp_path / 'ad')
    assert f'{tmp_path}/ad/adapter_config.json {words}' in str(failure.value)


def write_with_header(path, header):
    data = b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('x.npy', data)


def write_compressed(path, flip):
    np.savez_compressed(path, x=np.arange(9999) % 77)
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 3, 2 * len(data) // 3):
        data[at] ^= flip
    path.write_bytes(data)


@pytest.mark.parametrize(
    'write',
    [
        lambda path: np.save(path.open('wb'), np.zeros(3)),
        lambda path: path.write_bytes(b''),
        lambda path: path.write_text('hello'),
        lambda path: write_compressed(path, 255),
        lambda path: write_compressed(path, 3),
        lambda path: write_compressed(path, 64),
        lambda path: write_with_header(path, b"{'descr': '<f4', 'shape': ("),
        lambda path: write_with_header(path, b"{'descr': '<f4', 'fortran_order': False}"),
        lambda path: write_with_header(path, b'\xff\xfe\n'),
        lambda path: write_with_header(
            path, b"{'descr': '<f4', 'fortran_order': False, 'shape': (%s,)}" % (b'9' * 40)
        ),
    ],
)
def test_an_archive_that_is_damaged_is_named(tmp_path, write):
    path = tmp_path / 'w.npz'
    write(path)
    with pytest.raises(DAMAGE, match=str(path)):
        dict(files.open_weights(path))


@pytest.mark.parametrize(
    ('name', 'value', 'words'),
    [
        ('model', 3, "has a number in the field 'model'"),
        ('tokenizer', [], "has a list in the field 'tokenizer'"),
        ('license', 3, "has a number in the field 'license'"),
        ('provenance', [], "has a list in the field 'provenance'"),
    ],
)
def test_a_model_file_with_a_valid_hash_is_checked(tmp_path, name, value, words):
    values = {'version': store.VERSION, 'model': {}, 'tokenizer': {}, 'license': 'MIT'}
    json_files.write_hashed(tmp_path / 'model.json', {**values, 'provenance': {}, name: value})
    with pytest.raises(DAMAGE, match=words):
        store.describe(tmp_path)
