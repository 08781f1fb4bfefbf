"""Files of sources: which are read, and which are refused before anything in them could run."""

import json
import pickle
import sys
import types

import ml_dtypes
import numpy as np
import pytest

from genojax import convert, errors, json_files, versions
from genojax.convert import files
from tests.convert import published


def refused(path, kind=errors.InputError):
    with pytest.raises(kind) as caught:
        convert.load(path)
    return caught.value


class Bomb:
    """Unpickling it would end the test run."""

    def __reduce__(self):
        return (sys.exit, (3,))


def test_bfloat16_and_float16_tensors_are_read(tmp_path):
    x = np.arange(6, dtype=np.float32).reshape(2, 3) / 8
    stored = {'b': x.astype(ml_dtypes.bfloat16), 'h': x.astype(np.float16), 'i': np.arange(3)}
    files.write_tensors(tmp_path / 'model.safetensors', stored)
    tensors = files.open_source(tmp_path).tensors
    assert tensors['b'].dtype == ml_dtypes.bfloat16
    for name in ('b', 'h'):
        np.testing.assert_array_equal(tensors[name].astype(np.float32), x)


def test_a_bfloat16_checkpoint_is_the_rounded_model(tmp_path):
    source = published.write('dnabert', tmp_path / 'source')
    rounded = {
        name: x.astype(ml_dtypes.bfloat16)
        for name, x in published.oracle('dnabert').tensors.items()
    }
    files.write_tensors(source / 'model.safetensors', rounded)
    model = convert.load(source)
    name = 'bert.encoder.layer.1.intermediate.dense.weight'
    np.testing.assert_array_equal(
        model.params['layers']['block']['mlp']['up']['kernel'][1],
        rounded[name].astype(np.float32).T,
    )


def test_shards_are_one_model(tmp_path):
    whole = convert.load(published.write('dnabert', tmp_path / 'whole'))
    source = published.write('dnabert', tmp_path / 'shards')
    (source / 'model.safetensors').unlink()
    tensors = published.oracle('dnabert').tensors
    names, index = sorted(tensors), {}
    for number, part in enumerate((names[::2], names[1::2])):
        shard = f'model-0000{number + 1}-of-00002.safetensors'
        files.write_tensors(source / shard, {name: tensors[name] for name in part})
        index |= dict.fromkeys(part, shard)
    json_files.write(source / 'model.safetensors.index.json', {'weight_map': index})
    model = convert.load(source)
    np.testing.assert_array_equal(
        model.params['layers']['block']['attention']['query']['kernel'],
        whole.params['layers']['block']['attention']['query']['kernel'],
    )
    assert len(model.provenance['sha256']) == 3
    (source / 'model-00002-of-00002.safetensors').unlink()
    assert 'model-00002-of-00002.safetensors, which does not exist' in str(
        refused(source, errors.DamageError)
    )
    json_files.write(
        source / 'model.safetensors.index.json',
        {'weight_map': {'a': '../../etc/model.safetensors'}},
    )
    assert 'is not in the directory of its index' in str(refused(source))


@pytest.mark.parametrize('suffix', ['joblib', 'pkl', 'pickle'])
def test_pickles_are_refused_unopened(tmp_path, suffix):
    published.write('nt_v2', tmp_path)
    (tmp_path / 'weights.npz').unlink()
    path = tmp_path / f'pytree_ckpt.{suffix}'
    path.write_bytes(pickle.dumps(Bomb()))
    for source in (path, tmp_path):
        error = refused(source)
        assert error.code == 'CV03' and 'can run any program' in str(error)


def test_object_arrays_are_pickles_too(tmp_path):
    published.write('nt_v2', tmp_path)
    tensors = dict(published.oracle('nt_v2').tensors)
    tensors['nucleotide_transformer/~/embed/embeddings'] = np.array([Bomb()], dtype=object)
    np.savez(tmp_path / 'weights.npz', **tensors)
    assert refused(tmp_path).code == 'CV03'


def test_without_torch_a_torch_file_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch', None)  # an import of it fails
    path = tmp_path / 'pytorch_model.bin'
    path.write_bytes(b'PK')
    error = refused(path, errors.UsageError)
    assert versions.install_line('convert') in str(error) and '\n' not in str(error)
    with pytest.raises(errors.UsageError, match='format=safetensors'):
        files.write_tensors(path, {'a': np.zeros(1)})


def test_without_safetensors_its_files_are_one_clear_line(tmp_path, monkeypatch):
    source = published.write('dnabert', tmp_path)
    monkeypatch.setitem(sys.modules, 'safetensors', None)
    monkeypatch.setitem(sys.modules, 'safetensors.numpy', None)
    error = refused(source, errors.UsageError)
    assert versions.install_line('weights') in str(error) and '\n' not in str(error)
    with pytest.raises(errors.UsageError, match='safetensors is not installed'):
        files.write_tensors(tmp_path / 'new.safetensors', {'a': np.zeros(1)})
    assert not (tmp_path / 'new.safetensors').exists()


def test_torch_reads_weights_only(tmp_path, monkeypatch):
    """The arguments of torch.load, which is replaced; test_originals runs the real one."""
    arguments = {}

    def load(path, **options):
        arguments.update(options)
        raise pickle.UnpicklingError('Weights only load failed')

    monkeypatch.setitem(sys.modules, 'torch', types.SimpleNamespace(load=load))
    path = tmp_path / 'model.ckpt'
    path.write_bytes(b'PK')
    assert refused(path).code == 'CV03'
    assert arguments['weights_only'] is True


@pytest.mark.parametrize('name', ['dnabert', 'nt_v2'])
def test_a_cut_off_file_is_damage(tmp_path, name):
    source = published.write(name, tmp_path)
    path = next(path for path in source.iterdir() if path.suffix in ('.safetensors', '.npz'))
    path.write_bytes(path.read_bytes()[:-100])
    error = refused(source, errors.DamageError)
    assert path.name in str(error) and error.exit_code == 4


def test_code_beside_the_weights_is_never_run(tmp_path):
    """config.json names it by auto_map, and it would leave a file."""
    source = published.write('dnabert2', tmp_path / 'source')
    assert 'auto_map' in json.loads((source / 'config.json').read_text())
    ran = tmp_path / 'ran'
    code = f'open({str(ran)!r}, "w").close()\n'
    for module in ('bert_layers', 'configuration_bert', 'modeling_bert', '__init__', 'conftest'):
        (source / f'{module}.py').write_text(code)
    convert.load(source)
    assert not ran.exists()


def test_unknown_architectures_are_refused_and_described(tmp_path):
    json_files.write(tmp_path / 'config.json', {'model_type': 'llama'})
    files.write_tensors(tmp_path / 'model.safetensors', {'model.embed.weight': np.zeros((2, 2))})
    error = refused(tmp_path)
    assert error.code == 'CV02' and 'llama' in str(error) and 'model.embed.weight' in str(error)
    assert 'dnabert' in str(error)  # what --kind may be


def test_a_kind_can_be_named_and_must_match_its_table(tmp_path):
    source = published.write('dnabert', tmp_path / 'source')
    values = json.loads((source / 'config.json').read_text())
    json_files.write(source / 'config.json', {**values, 'model_type': 'roberta'})
    assert refused(source).code == 'CV02'
    assert convert.load(source, 'dnabert').provenance['kind'] == 'dnabert'
    published.write_bpe(source / 'tokenizer.json', published.SPECIAL['dnabert2'], 69)
    with pytest.raises(errors.InputError, match='Wqkv.weight is missing for n=0,1,2'):
        convert.load(source, 'dnabert2')
    with pytest.raises(errors.UsageError, match="no such kind; did you mean 'dnabert'"):
        convert.load(source, 'dnabrt')


@pytest.mark.parametrize(
    ('name', 'change', 'words'),
    [
        ('dnabert', {'hidden_act': 'relu'}, "hidden_act is 'relu', not 'gelu'"),
        ('dnabert', {'hidden_size': 13}, 'must be a multiple of'),
        ('dnabert', {'is_decoder': True}, 'is_decoder is True'),
        ('dnabert2', {'layer_norm_eps': 1e-5}, 'layer_norm_eps is 1e-05, not 1e-12'),
        ('gena_bigbird', {'rescale_embeddings': True}, 'rescale_embeddings is True'),
        ('nt_v1', {'pad_token_id': 0}, 'pad_token_id is 0, not 1'),
        ('nt_v2', {'rescaling_factor': 2.0}, 'rescaling_factor is 2.0, not None'),
        ('nt_v2', {'ffn_activation_name': 'gelu'}, "ffn_activation_name is 'gelu'"),
    ],
)
def test_configs_of_other_models_are_refused(tmp_path, name, change, words):
    source = published.write(name, tmp_path / 'source')
    path = source / ('hyperparams.json' if name == 'nt_v2' else 'config.json')
    json_files.write(path, {**json.loads(path.read_text()), **change})
    error = refused(source)
    assert error.code == 'CV02' and words in str(error)


def test_every_missing_field_is_named(tmp_path):
    source = published.write('dnabert', tmp_path / 'source')
    json_files.write(source / 'config.json', {'model_type': 'bert'})
    text = str(refused(source))
    for name in ('vocab_size', 'hidden_size', 'num_hidden_layers', 'max_position_embeddings'):
        assert f'{name} is missing' in text


def test_weights_alone_say_that_their_config_is_missing(tmp_path):
    source = published.write('dnabert', tmp_path / 'source')
    (source / 'config.json').unlink()
    with pytest.raises(errors.InputError, match='CV02.*there is no config.json'):
        convert.load(source, 'dnabert')


def test_a_vocabulary_that_is_not_of_dna_is_refused(tmp_path):
    """An English BERT has the same tensors."""
    source = published.write('dnabert', tmp_path / 'source')
    tensors = dict(published.oracle('dnabert').tensors)
    for name in tensors:
        if tensors[name].shape[0] == 69:
            tensors[name] = tensors[name][:60]
    files.write_tensors(source / 'model.safetensors', tensors)
    values = json.loads((source / 'config.json').read_text())
    json_files.write(source / 'config.json', {**values, 'vocab_size': 60})
    assert refused(source).code == 'CV06'


def test_weights_without_their_tokenizer_are_refused(tmp_path):
    source = published.write('dnabert2', tmp_path / 'source')
    (source / 'tokenizer.json').unlink()
    assert refused(source).code == 'CV06'
    published.write_bpe(source / 'tokenizer.json', published.SPECIAL['dnabert2'], 50)
    assert 'the tokenizer has 50 tokens' in str(refused(source))


def test_an_empty_directory_and_an_absent_path(tmp_path):
    assert refused(tmp_path).code == 'CV04'
    assert refused(tmp_path / 'absent').code == 'FA20'
    for name in ('a.safetensors', 'b.safetensors'):
        files.write_tensors(tmp_path / name, {'x': np.zeros(1)})
    assert 'several files of weights' in str(refused(tmp_path))
