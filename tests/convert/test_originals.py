"""The original classes: they reproduce the oracles, and they load the files that genojax writes.

Needs torch, transformers and Haiku (`make bench` installs them). GENOJAX_ORIGINALS names a folder
with the code that is on no package index: dnabert2/ (the files beside DNABERT-2's weights) and
nt/nucleotide_transformer/ (InstaDeep's JAX code).
"""

import dataclasses
import importlib
import json
import os
import pathlib
import pickle
import sys

import jax
import numpy as np
import pytest

from genojax import convert, errors, tokenizers
from tests.convert import published

pytestmark = [
    pytest.mark.torch,
    # The originals use deprecated functions of their dependencies.
    pytest.mark.filterwarnings('ignore'),
]

F32 = 1e-4  # of an activation's standard deviation: only the order of summation differs
CLONED = ('dnabert2', 'nt_v2')
SEQUENCE = 'ACGTGTACGTGCACGGACGACTAGTCAGCATTTNACGGATN'


def originals(name: str) -> pathlib.Path | None:
    """The folder of cloned originals; skips a test that needs it where there is none."""
    folder = os.environ.get('GENOJAX_ORIGINALS')
    if folder is None and name in CLONED:
        pytest.skip('GENOJAX_ORIGINALS names no folder of cloned originals')
    return pathlib.Path(folder) if folder else None


@pytest.fixture(autouse=True, scope='module')
def _installed():
    for name in ('torch', 'transformers', 'haiku'):
        pytest.importorskip(name, reason=f'{name} is not installed: see experiments/oracles')


@pytest.fixture(scope='module')
def writers():
    """The module of each oracle, as experiments/oracles/write.py imports it."""
    sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / 'experiments' / 'oracles'))
    yield importlib.import_module
    sys.path.pop(0)


@pytest.mark.parametrize('name', published.NAMES)
def test_the_original_reproduces_the_oracle(name, writers):
    again = published.unpack(name, writers(name).make(originals(name)))
    oracle = published.oracle(name)
    assert again.tensors.keys() == oracle.tensors.keys()
    for key, x in again.tensors.items():
        np.testing.assert_array_equal(x, oracle.tensors[key], err_msg=key)
    assert again.outputs.keys() == oracle.outputs.keys()
    for key, x in again.outputs.items():
        scale = max(float(np.abs(oracle.outputs[key]).max()), 1)
        np.testing.assert_allclose(x, oracle.outputs[key], rtol=0, atol=1e-5 * scale, err_msg=key)


def logits(model, tokens, real, alone=False, output='logits'):
    """The logits of an original; with `alone`, row by row without padding."""
    import torch

    model.eval()
    rows = []
    with torch.no_grad():
        if not alone:
            ids = torch.from_numpy(tokens).long()
            mask = torch.from_numpy(real).long()
            return getattr(model(ids, attention_mask=mask), output).numpy()
        for row, real_T in zip(tokens, real, strict=True):
            ids = torch.from_numpy(row[real_T]).long()[None]
            rows.append(getattr(model(ids), output).numpy()[0])
    return np.concatenate(rows)


def assert_loads(info, absent=()):
    """Every tensor of the file was used, and only those under `absent` were missing."""
    assert not info['unexpected_keys'] and not info['mismatched_keys']
    assert not [key for key in info['missing_keys'] if not key.startswith(tuple(absent))]


@pytest.mark.parametrize('format', ['safetensors', 'bin'])
@pytest.mark.parametrize(
    ('name', 'cls', 'absent'),
    [
        ('dnabert', 'BertForMaskedLM', ()),
        ('gena_bigbird', 'BigBirdForMaskedLM', ('bert.pooler',)),
        ('gena_bigbird', 'BigBirdForPreTraining', ('bert.pooler', 'cls.seq_relationship')),
        ('nt_v1', 'EsmForMaskedLM', ('esm.contact_head',)),
    ],
)
def test_transformers_loads_our_files(name, cls, absent, format, loaded, tmp_path):
    import transformers

    convert.save(loaded[name], tmp_path / 'out', format)
    expected = published.oracle(name).outputs
    model, info = getattr(transformers, cls).from_pretrained(
        tmp_path / 'out', output_loading_info=True
    )
    assert_loads(info, absent)
    alone = name == 'nt_v1'
    output = 'prediction_logits' if cls.endswith('PreTraining') else 'logits'
    outputs = logits(model, expected['tokens'], expected['real'], alone, output)
    reference = expected['logits'][expected['real']]
    outputs = outputs if alone else outputs[expected['real']]
    assert np.abs(outputs - reference).max() <= F32 * reference.std()
    assert convert.load(tmp_path / 'out').config == loaded[name].config


def test_dnabert2s_code_loads_our_files(writers, loaded, tmp_path):
    code, config_class = writers('dnabert2').load_class(originals('dnabert2'))
    convert.save(loaded['dnabert2'], tmp_path / 'out')
    config = config_class.from_pretrained(tmp_path / 'out')
    model, info = code.BertForMaskedLM.from_pretrained(
        tmp_path / 'out', config=config, output_loading_info=True
    )
    assert_loads(info)
    expected = published.oracle('dnabert2').outputs
    outputs = logits(model, expected['tokens'], expected['real'])[expected['real']]
    reference = expected['logits'][expected['real']]
    assert np.abs(outputs - reference).max() <= F32 * reference.std()


def haiku_params(folder: pathlib.Path) -> dict:
    """The .npz that genojax wrote as Haiku's nested parameters."""
    params: dict = {}
    with np.load(folder / 'model.npz') as arrays:
        for name in arrays:
            module, leaf = name.rsplit('/', 1)
            params.setdefault(module, {})[leaf] = arrays[name]
    return params


def test_instadeeps_code_loads_our_files(writers, loaded, tmp_path):
    import haiku as hk

    writer = writers('nt_v2')
    original = writer.load_module(originals('nt_v2'))
    convert.save(loaded['nt_v2'], tmp_path / 'out', 'npz')
    forward = hk.transform(original.build_nucleotide_transformer_fn(writer.configured(original)))
    expected = published.oracle('nt_v2').outputs
    out = forward.apply(haiku_params(tmp_path / 'out'), None, expected['tokens'])
    real, reference = expected['real'], expected['logits'][expected['real']]
    assert np.abs(np.asarray(out['logits'])[real] - reference).max() <= F32 * reference.std()


def test_token_dropout_in_a_padded_batch_is_instadeeps(writers, loaded, tmp_path):
    """Their code counts real tokens, transformers all; the weights of NT v1 in both."""
    import haiku as hk

    original = writers('nt_v2').load_module(originals('nt_v2'))
    model = loaded['nt_v1']
    config = dataclasses.replace(model.config, epsilon=1e-5)  # fixed in their code
    convert.save(dataclasses.replace(model, config=config), tmp_path / 'out', 'npz')
    values = json.loads((tmp_path / 'out' / 'hyperparams.json').read_text())
    values = {name: x for name, x in values.items() if name not in ('k_for_kmers', 'key_dim')}
    vocab = {'alphabet_size': 73, 'pad_token_id': 1, 'mask_token_id': 2}
    their_config = original.NucleotideTransformerConfig(**values, **vocab)
    forward = hk.transform(original.build_nucleotide_transformer_fn(their_config))
    oracle = published.oracle('nt_v1').outputs
    tokens, real = oracle['tokens'], oracle['real']
    params = haiku_params(tmp_path / 'out')
    expected = np.asarray(forward.apply(params, None, tokens)['logits'])[real]
    outputs = published.run(config, model.params, tokens)['logits'][real]
    assert not real.all()
    assert np.abs(outputs - expected).max() <= F32 * expected.std()


def test_esm_with_a_gated_feed_forward_loads_nt_v2(loaded, tmp_path):
    """A substitute for the class beside the published torch weights, which is not available here.

    It is transformers' ESM with rotary positions and the feed-forward part that is known of that
    class: one matrix of twice the width, no biases, SiLU of the first half times the second. The
    reference is the same weights in the authors' JAX code.
    """
    import torch
    import transformers

    class Gated(torch.nn.Module):
        def __init__(self, config):
            super().__init__()
            self.dense = torch.nn.Linear(
                config.hidden_size, 2 * config.intermediate_size, bias=False
            )

        def forward(self, x):
            gate, up = self.dense(x).chunk(2, -1)
            return torch.nn.functional.silu(gate) * up

    convert.save(loaded['nt_v2'], tmp_path / 'out', 'bin')
    config = transformers.EsmConfig.from_pretrained(tmp_path / 'out')
    model = transformers.EsmForMaskedLM(config)
    for layer in model.esm.encoder.layer:
        layer.intermediate = Gated(config)
        layer.output.dense = torch.nn.Linear(
            config.intermediate_size, config.hidden_size, bias=False
        )
    state = torch.load(tmp_path / 'out' / 'pytorch_model.bin', weights_only=True)
    absent = model.load_state_dict(state, strict=False)
    assert not absent.unexpected_keys
    assert all('contact_head' in key or 'inv_freq' in key for key in absent.missing_keys)
    expected = published.oracle('nt_v2').outputs
    outputs = logits(model, expected['tokens'], expected['real'], alone=True)
    reference = expected['logits'][expected['real']]
    assert np.abs(outputs - reference).max() <= F32 * reference.std()


def test_torch_files_are_read_back_bit_for_bit(loaded, tmp_path):
    convert.save(loaded['dnabert'], tmp_path / 'out', 'bin')
    again = convert.load(tmp_path / 'out')
    jax.tree.map(np.testing.assert_array_equal, again.params, loaded['dnabert'].params)


def test_torch_files_in_bfloat16_and_one_level_down(loaded, tmp_path):
    import torch

    convert.save(loaded['dnabert'], tmp_path / 'out', 'bin')
    path = tmp_path / 'out' / 'pytorch_model.bin'
    state = {name: x.bfloat16() for name, x in torch.load(path, weights_only=True).items()}
    torch.save({'state_dict': state, 'epoch': 3}, tmp_path / 'out' / 'pytorch_model.bin')
    embedding = convert.load(tmp_path / 'out').params['words']['embedding']
    words = state['bert.embeddings.word_embeddings.weight'].float().numpy()
    np.testing.assert_array_equal(embedding, words)


def test_a_torch_file_with_a_program_in_it_is_refused_and_not_run(tmp_path):
    import torch

    published.write('dnabert', tmp_path)
    (tmp_path / 'model.safetensors').unlink()
    ran = tmp_path / 'ran'

    class Bomb:
        def __reduce__(self):
            return (open, (str(ran), 'w'))

    path = tmp_path / 'pytorch_model.bin'
    torch.save({'weight': torch.zeros(1), 'program': Bomb()}, path)
    for write in (lambda: None, lambda: path.write_bytes(pickle.dumps(Bomb()))):
        write()
        with pytest.raises(errors.InputError) as caught:
            convert.load(tmp_path)
        assert caught.value.code == 'CV03'
    assert not ran.exists()


def test_transformers_tokenizes_with_our_files(loaded, tmp_path):
    import transformers

    known = SEQUENCE.replace('N', 'A')
    convert.save(loaded['dnabert'], tmp_path / 'kmer')
    theirs = transformers.BertTokenizer.from_pretrained(tmp_path / 'kmer')
    words = ' '.join(known[i : i + 3] for i in range(len(known) - 2))
    ours = tokenizers.make(loaded['dnabert'].tokenizer)
    assert theirs(words)['input_ids'] == ours.encode(known, special=True).tolist()

    for name in ('nt_v1', 'nt_v2'):
        convert.save(loaded[name], tmp_path / name)
        theirs = transformers.EsmTokenizer.from_pretrained(tmp_path / name)
        ours = tokenizers.make(loaded[name].tokenizer)
        assert theirs(SEQUENCE)['input_ids'] == ours.encode(SEQUENCE, special=True).tolist()
