"""Enformer's weights: the outputs of both originals, and files that the originals load."""

import dataclasses
import importlib
import math
import pathlib
import shutil
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from genojax import convert, errors, json_files, models
from genojax.convert import enformer, enformer_names, files, rules
from genojax.convert.tf import tf_bundle
from genojax.models import enformer as network
from genojax.nn import conv
from genojax.tokenizers import nucleotide

HERE = pathlib.Path(__file__).parent
ORIGINALS = HERE.parent.parent / 'experiments' / 'oracles'
# Only the order of summation differs, in float32 through some 40 layers; relative to the largest
# activation.
CLOSE = 1e-4
BINS = (16, 19)
# For tests of one of the two sources.
DEEPMIND_ONLY = pytest.mark.parametrize('oracle', ['enformer_deepmind'], indirect=True)
PORT_ONLY = pytest.mark.parametrize('oracle', ['enformer'], indirect=True)


@pytest.fixture(scope='module', params=['enformer', 'enformer_deepmind'])
def oracle(request):
    """Outputs of enformer-pytorch and of DeepMind's code: experiments/oracles/write.py."""
    with np.load(HERE / 'oracles' / f'{request.param}.npz') as arrays:
        return {'source': request.param, **arrays}


def published(oracle, folder):
    """Writes the checkpoint in the format of its original."""
    weights = {}
    for name, array in oracle.items():
        if name.startswith('files/'):
            (folder / name.removeprefix('files/')).write_bytes(array.tobytes())
        elif name.startswith('weights/'):
            plain = array if array.dtype == np.int64 else array.astype(np.float32)
            weights[name.removeprefix('weights/')] = plain
    if weights:
        files.write_tensors(folder / 'model.safetensors', weights)
        config = dict(zip(oracle['organisms'].tolist(), oracle['tracks'].tolist(), strict=True))
        # The port stores the bins that remain of 1,536.
        target = 1536 - 2 * int(oracle['crop'])
        values = {'output_heads': config, 'target_length': target}
        json_files.write(folder / 'config.json', values)
    return folder


@pytest.fixture(scope='module')
def source(oracle, tmp_path_factory):
    return published(oracle, tmp_path_factory.mktemp('source'))


@pytest.fixture(scope='module')
def loaded(source, oracle):
    model = convert.load(source)
    config = dataclasses.replace(model.config, crop=int(oracle['crop']))
    return dataclasses.replace(model, config=config)


def run(loaded, codes):
    """The outputs of the network's parts by the oracle's names, and the tracks."""
    module = models.build(loaded.config)
    last = f'tower_{loaded.config.stages - 2}'

    def apply(variables, ids):
        outputs = {}

        def record(call, args, kwargs, context):
            output = call(*args, **kwargs)
            if context.module.name in ('stem', last, 'final'):
                outputs[context.module.name] = output
            if context.module.name == 'final':
                # The input of this part is the output of the transformer, cropped.
                outputs[f'layer_{loaded.config.depth - 1}'] = args[0]
            return output

        with nn.intercept_methods(record):
            return module.apply(variables, ids), outputs

    # Base codes 0 ... 4 as ids of the tokenizer: A, C, G, T, N.
    ids = jnp.asarray(codes.astype(np.int32) + nucleotide.NucleotideTokenizer().first_kmer)
    features, outputs = jax.jit(apply)({'params': loaded.params, **loaded.extra}, ids)
    outputs['stem'] = outputs['stem'][:, ::16]  # as in the oracle
    outputs['tower'] = outputs.pop(last)
    return {**outputs, **{f'tracks_{name}': x for name, x in features.tracks.items()}}


@pytest.mark.parametrize('bins', BINS)
def test_every_activation_and_track_is_the_originals(loaded, oracle, bins):
    expected = {
        name.removeprefix(f'{bins}/'): array
        for name, array in oracle.items()
        if name.startswith(f'{bins}/') and not name.endswith('codes')
    }
    outputs = run(loaded, oracle[f'{bins}/codes'])
    assert set(outputs) == {'stem', 'tower', 'layer_1', 'final', 'tracks_human', 'tracks_mouse'}
    expected['layer_1'] = expected['layer_1'][:, loaded.config.crop : -loaded.config.crop]
    for name in outputs:
        value = expected[name]
        difference = np.abs(np.asarray(outputs[name]) - value).max() / np.abs(value).max()
        assert difference < CLOSE, f'{name}: {difference}'


@DEEPMIND_ONLY
def test_bfloat16_is_close(loaded, oracle):
    config = dataclasses.replace(loaded.config, dtype='bfloat16')
    outputs = run(dataclasses.replace(loaded, config=config), oracle['16/codes'])
    for name in ('final', 'tracks_human'):
        value = oracle[f'16/{name}']
        # Eight bits of mantissa through some 40 layers.
        difference = np.abs(np.asarray(outputs[name], np.float32) - value).mean()
        assert difference / np.abs(value).mean() < 0.1, f'{name}: {difference}'


def test_config_licence_and_provenance(source, oracle, loaded):
    assert loaded.config == network.EnformerConfig(
        width=int(oracle['width']),
        depth=int(oracle['depth']),
        heads=int(oracle['heads']),
        key_width=int(oracle['key_width']),
        basis=12,
        multiple=1,
        crop=int(oracle['crop']),
        organisms=tuple(oracle['organisms'].tolist()),
        tracks=tuple(oracle['tracks'].tolist()),
    )
    assert loaded.tokenizer.kind == 'nucleotide'
    assert 'Apache-2.0' in loaded.license and 'CC-BY 4.0' in loaded.license
    assert loaded.provenance['kind'] == 'enformer'
    assert set(loaded.provenance['sha256']) == {path.name for path in source.iterdir()}
    if oracle['source'] == 'enformer_deepmind':  # its code knows no other crop than the published
        assert convert.load(source).config.crop == 320


@PORT_ONLY
def test_averages_with_a_count_of_zero_that_are_not_new_count_as_old(source, oracle, tmp_path):
    tensors = dict(files.open_source(source).tensors)
    for name in tensors:
        if name.endswith('num_batches_tracked'):
            tensors[name] = np.zeros_like(tensors[name])
    shutil.copytree(source, tmp_path / 'copy')
    files.write_tensors(tmp_path / 'copy' / 'model.safetensors', tensors)
    stats = convert.load(tmp_path / 'copy').extra['batch_stats']['stem']['pointwise']['norm']
    norm = conv.BatchNorm()
    shape = (2, 9, len(stats['mean']))
    x = jnp.asarray(np.random.default_rng(0).standard_normal(shape), jnp.float32)
    params = {'scale': jnp.ones(shape[2]), 'bias': jnp.zeros(shape[2])}
    _, after = norm.apply(
        {'params': params, 'batch_stats': stats}, x, True, mutable=['batch_stats']
    )
    # torch ignores its counter.
    expected = 0.9 * stats['mean'] + 0.1 * np.asarray(x).mean((0, 1))
    np.testing.assert_allclose(after['batch_stats']['mean'], expected, atol=1e-6)


@pytest.mark.parametrize('format', ['safetensors', 'tf'])
def test_load_save_load_is_the_same(loaded, tmp_path, format):
    """Either source in either format: the same model, bit for bit."""
    convert.save(loaded, tmp_path / 'out', format)
    again = convert.load(tmp_path / 'out')
    if format == 'safetensors':  # the port's config.json has what tensors do not determine
        assert again.config == loaded.config
    before = rules.flatten({'params': loaded.params, **loaded.extra})
    after = rules.flatten({'params': again.params, **again.extra})
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert after[name].dtype == value.dtype and np.array_equal(after[name], value), name


@DEEPMIND_ONLY
def test_our_checkpoint_for_tensorflow_holds_the_tensors_of_deepminds(
    oracle, source, loaded, tmp_path
):
    convert.save(loaded, tmp_path / 'out', 'tf')
    expected, written = tf_bundle.TensorBundle(source), tf_bundle.TensorBundle(tmp_path / 'out')
    assert set(expected) == set(written)
    sums = 0
    for name in set(expected) - {tf_bundle.OBJECT_GRAPH}:
        x, y = expected[name], written[name]
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        if '/_hidden/' in name:  # ignored in reading, computed from average and counter in writing
            np.testing.assert_allclose(y, x, rtol=1e-6)
            assert np.abs(expected[name.replace('_hidden', 'average')] - x).max() > 0.1
            sums += 1
        else:
            np.testing.assert_array_equal(y, x)
    assert sums == 28


def test_the_published_size():
    abstract = enformer.abstract(network.EnformerConfig())
    leaves = jax.tree.leaves(abstract['params'])
    assert sum(math.prod(leaf.shape) for leaf in leaves) == 251_221_292


def changed_copy(source, folder, change):
    """A copy of a source whose tensors `change` has modified."""
    opened = files.open_source(source)
    tensors = {name: opened.tensors[name] for name in opened.tensors}
    change(tensors)
    if isinstance(opened.tensors, tf_bundle.TensorBundle):
        tensors.pop(tf_bundle.OBJECT_GRAPH, None)
        tf_bundle.write(folder / 'model', tensors)
    else:
        files.write_tensors(folder / 'model.safetensors', tensors)
    return folder


def test_what_does_not_match_is_named(source, oracle, tmp_path):
    deepmind = oracle['source'] == 'enformer_deepmind'
    layout = enformer_names.DEEPMIND if deepmind else enformer_names.TORCH
    bias = layout.name('final', 'conv/bias')
    query = layout.name('attention', 'query', n=1)
    pool = layout.name('tower_{i}/pool', 'kernel', i=3)

    def change(tensors):
        tensors['novel'] = tensors.pop(bias)
        tensors[query] = tensors[query][:-1]
        tensors[pool] = np.zeros((*tensors[pool].shape, 2), np.float32)

    with pytest.raises(errors.InputError, match='GX-CV01') as caught:
        convert.load(changed_copy(source, tmp_path, change))
    for problem in (
        f'{bias} is missing',
        'novel is left over',
        f'{query}: shape',
        f'{pool}: shape',
    ):
        assert problem in str(caught.value)


@DEEPMIND_ONLY
def test_two_counters_of_one_norm_cannot_differ(source, oracle, tmp_path):
    name = enformer_names.DEEPMIND.name('final', 'norm/count')
    other = name.replace('mean', 'variance')

    def change(tensors):
        tensors[other] = tensors[other] + 1

    with pytest.raises(errors.InputError, match=f'{other} is not equal to {name}'):
        convert.load(changed_copy(source, tmp_path, change))


@PORT_ONLY
def test_the_second_names_of_the_port(source, oracle, tmp_path):
    """A file may have them only, or both names of equal tensors."""
    expected = convert.load(source)

    def only(tensors):
        for first, second in (('stem.', '_trunk.1.'), ('transformer.', '_trunk.4.')):
            for name in [name for name in tensors if name.startswith(first)]:
                tensors[second + name.removeprefix(first)] = tensors.pop(name)

    (tmp_path / 'only').mkdir()
    model = convert.load(changed_copy(source, tmp_path / 'only', only))
    jax.tree.map(np.testing.assert_array_equal, model.params, expected.params)

    def beside(tensors):
        tensors['_trunk.1.0.bias'] = tensors['stem.0.bias'] + 1

    (tmp_path / 'beside').mkdir()
    with pytest.raises(errors.InputError, match='_trunk.1.0.bias is not equal to stem.0.bias'):
        convert.load(changed_copy(source, tmp_path / 'beside', beside))


@pytest.mark.parametrize(
    ('values', 'problem'),
    [
        ({'target_length': 895}, 'target=895'),
        ({'target_length': 2000}, 'crop'),
        ({'dropout_rate': 2}, 'dropout=2.0'),
        ({'dropout_rate': 'much'}, 'could not convert'),
    ],
)
def test_an_invalid_config_is_refused(source, oracle, values, problem):
    opened = files.open_source(source)
    layout = enformer_names.TORCH
    if oracle['source'] == 'enformer_deepmind':
        layout = enformer_names.DEEPMIND
    with pytest.raises(errors.InputError, match=f'GX-CV02.*{problem}'):
        enformer.config_from_tensors(opened.tensors, layout, values, source)


@DEEPMIND_ONLY
def test_a_flipped_byte_is_damage_not_weights(source, oracle, tmp_path):
    for path in source.iterdir():
        data = bytearray(path.read_bytes())
        if 'data' in path.name:
            data[len(data) // 2] ^= 4
        (tmp_path / path.name).write_bytes(data)
    with pytest.raises(errors.DamageError, match='model-1.data-00000-of-00001: byte'):
        convert.load(tmp_path)


def test_only_models_of_the_originals_are_written_for_them(loaded, tmp_path):
    config = dataclasses.replace(loaded.config, positions='rotary')
    with pytest.raises(errors.UsageError, match='no published class computes'):
        convert.save(dataclasses.replace(loaded, config=config), tmp_path / 'out')


@pytest.fixture
def script(monkeypatch):
    """experiments/oracles/enformer.py, where the port can be imported."""
    pytest.importorskip('enformer_pytorch')
    monkeypatch.syspath_prepend(ORIGINALS)
    yield importlib.import_module('enformer')
    sys.modules.pop('enformer')


@pytest.mark.torch
@pytest.mark.filterwarnings('ignore')  # the port uses deprecated functions
def test_the_port_reproduces_the_oracle(script):
    with np.load(HERE / 'oracles' / 'enformer.npz') as oracle:
        again = script.make(None)
        assert set(again) == set(oracle)
        for name, value in again.items():
            if value.dtype == np.float32:
                scale = np.abs(oracle[name]).max()
                np.testing.assert_allclose(value, oracle[name], rtol=0, atol=1e-5 * scale)
            else:
                np.testing.assert_array_equal(value, oracle[name])


@pytest.mark.torch
@pytest.mark.filterwarnings('ignore')
def test_the_ports_class_loads_our_files(loaded, oracle, tmp_path, script):
    """For both sources: so DeepMind's checkpoint runs in torch, too."""
    import enformer_pytorch
    import enformer_tiny

    script.fix_gamma()
    convert.save(loaded, tmp_path / 'out')
    model = enformer_pytorch.Enformer.from_pretrained(tmp_path / 'out').eval()
    for bins in BINS:
        outputs = script.run(model, enformer_tiny.one_hot(oracle[f'{bins}/codes']))
        for name in ('layer_1', 'tracks_human', 'tracks_mouse'):
            value = oracle[f'{bins}/{name}']
            assert np.abs(outputs[name] - value).max() < CLOSE * np.abs(value).max(), name
