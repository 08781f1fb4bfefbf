"""Enformer's weights: both originals' outputs come back, every name is accounted for, and what is written is read there."""

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

from genojax import convert, errors, models
from genojax.convert import enformer, enformer_names, files, rules, tf_bundle
from genojax.models import enformer as network
from genojax.nn import conv
from genojax.tokenizers import nucleotide

HERE = pathlib.Path(__file__).parent
ORIGINALS = HERE.parent.parent / 'experiments' / 'oracles'
# float32 through some 40 layers: differences of summation order only, relative to the largest activation.
CLOSE = 1e-4
BINS = (16, 19)
# For tests of one source's own affairs.
DEEPMIND_S = pytest.mark.parametrize('oracle', ['enformer_deepmind'], indirect=True)
PORT_S = pytest.mark.parametrize('oracle', ['enformer'], indirect=True)


@pytest.fixture(scope='module', params=['enformer', 'enformer_deepmind'])
def oracle(request):
    """What enformer-pytorch, and DeepMind's code, gave: experiments/oracles/write.py."""
    with np.load(HERE / 'oracles' / f'{request.param}.npz') as found:
        return {'source': request.param, **found}


def published(oracle, folder):
    """The checkpoint as its original wrote it."""
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
        # The crop is told as bins that are left of 1,536.
        left = 1536 - 2 * int(oracle['crop'])
        files.write_json(folder / 'config.json', {'output_heads': config, 'target_length': left})
    return folder


@pytest.fixture(scope='module')
def source(oracle, tmp_path_factory):
    return published(oracle, tmp_path_factory.mktemp('source'))


@pytest.fixture(scope='module')
def loaded(source, oracle):
    found = convert.load(source)
    return dataclasses.replace(
        found, config=dataclasses.replace(found.config, crop=int(oracle['crop']))
    )


def run(loaded, codes):
    """What the network's parts gave, by the oracle's names, and the tracks."""
    module = models.build(loaded.config)
    last = f'tower_{loaded.config.stages - 2}'

    def apply(variables, ids):
        seen = {}

        def keep(call, args, kwargs, context):
            output = call(*args, **kwargs)
            if context.module.name in ('stem', last, 'final'):
                seen[context.module.name] = output
            if context.module.name == 'final':
                # What comes in is what the transformer gave, cropped.
                seen[f'layer_{loaded.config.depth - 1}'] = args[0]
            return output

        with nn.intercept_methods(keep):
            return module.apply(variables, ids), seen

    # Base codes 0 ... 4 as ids of the tokenizer: A, C, G, T, N.
    ids = jnp.asarray(codes.astype(np.int32) + nucleotide.NucleotideTokenizer().first_kmer)
    found, seen = jax.jit(apply)({'params': loaded.params, **loaded.extra}, ids)
    seen['stem'] = seen['stem'][:, ::16]  # as many as the oracle keeps
    seen['tower'] = seen.pop(last)
    return {**seen, **{f'tracks_{name}': tracks for name, tracks in found.tracks.items()}}


@pytest.mark.parametrize('bins', BINS)
def test_every_activation_and_track_is_the_original_s(loaded, oracle, bins):
    expected = {
        name.removeprefix(f'{bins}/'): array
        for name, array in oracle.items()
        if name.startswith(f'{bins}/') and not name.endswith('codes')
    }
    found = run(loaded, oracle[f'{bins}/codes'])
    assert set(found) == {'stem', 'tower', 'layer_1', 'final', 'tracks_human', 'tracks_mouse'}
    expected['layer_1'] = expected['layer_1'][:, loaded.config.crop : -loaded.config.crop]
    for name in found:
        value = expected[name]
        apart = np.abs(np.asarray(found[name]) - value).max() / np.abs(value).max()
        assert apart < CLOSE, f'{name}: {apart}'


@DEEPMIND_S
def test_bfloat16_runs_and_stays_near(loaded, oracle):
    config = dataclasses.replace(loaded.config, dtype='bfloat16')
    found = run(dataclasses.replace(loaded, config=config), oracle['16/codes'])
    for name in ('final', 'tracks_human'):
        value = oracle[f'16/{name}']
        # Eight bits of mantissa through some 40 layers.
        apart = np.abs(np.asarray(found[name], np.float32) - value).mean() / np.abs(value).mean()
        assert apart < 0.1, f'{name}: {apart}'


def test_what_is_told_beside_the_weights(source, oracle, loaded):
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


@PORT_S
def test_averages_that_say_they_are_new_but_are_not_count_as_old(source, oracle, tmp_path):
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
    wanted = 0.9 * stats['mean'] + 0.1 * np.asarray(x).mean(
        (0, 1)
    )  # as torch's, whatever its counter says
    np.testing.assert_allclose(after['batch_stats']['mean'], wanted, atol=1e-6)


@pytest.mark.parametrize('format', ['safetensors', 'tf'])
def test_there_and_back(loaded, tmp_path, format):
    """Either source in either format: the same model, bit for bit."""
    convert.save(loaded, tmp_path / 'out', format)
    again = convert.load(tmp_path / 'out')
    if format == 'safetensors':  # the port's config.json tells what the tensors do not
        assert again.config == loaded.config
    before = rules.flatten({'params': loaded.params, **loaded.extra})
    after = rules.flatten({'params': again.params, **again.extra})
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert after[name].dtype == value.dtype and np.array_equal(after[name], value), name


@DEEPMIND_S
def test_a_checkpoint_for_tensorflow_holds_what_deepmind_s_does(oracle, source, loaded, tmp_path):
    convert.save(loaded, tmp_path / 'out', 'tf')
    theirs, ours = tf_bundle.TensorBundle(source), tf_bundle.TensorBundle(tmp_path / 'out')
    assert set(theirs) == set(ours)
    sums = 0
    for name in set(theirs) - {tf_bundle.OBJECT_GRAPH}:
        assert (theirs[name].dtype, theirs[name].shape) == (ours[name].dtype, ours[name].shape)
        if '/_hidden/' in name:  # which is not read, but made again from average and counter
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6)
            assert np.abs(theirs[name.replace('_hidden', 'average')] - theirs[name]).max() > 0.1
            sums += 1
        else:
            np.testing.assert_array_equal(ours[name], theirs[name])
    assert sums == 28


def block(place, inputs, outputs, window):
    """DeepMind's names and shapes of one block: batch norm, GELU, convolution."""
    found = {f'{place}/0/scale': (inputs,), f'{place}/0/offset': (inputs,)}
    for average in ('moving_mean', 'moving_variance'):
        found[f'{place}/0/{average}/_counter'] = ()
        for kind in ('_hidden', 'average'):
            found[f'{place}/0/{average}/{kind}'] = (1, 1, inputs)
    return {**found, f'{place}/2/w': (window, inputs, outputs), f'{place}/2/b': (outputs,)}


def deepmind_shapes(width, depth, tower):
    """Every name in DeepMind's checkpoint with its shape, as TensorFlow lists them."""
    trunk, half = 'module/_trunk/_layers', width // 2
    found = {'save_counter': (), f'{trunk}/0/_layers/0/w': (15, 4, half)}
    found[f'{trunk}/0/_layers/0/b'] = (half,)
    found |= block(f'{trunk}/0/_layers/1/_module/_layers', half, half, 1)
    found[f'{trunk}/0/_layers/2/_logit_linear/w'] = (half, half)
    for i, (before, after) in enumerate(zip((half, *tower), tower, strict=False)):
        stage = f'{trunk}/1/_layers/{i}/_layers'
        found |= block(f'{stage}/0/_layers', before, after, 5)
        found |= block(f'{stage}/1/_module/_layers', after, after, 1)
        found[f'{stage}/2/_logit_linear/w'] = (after, after)
    for n in range(depth):
        for part in range(2):
            for norm in ('scale', 'offset'):
                name = f'{trunk}/2/_layers/{n}/_layers/{part}/_module/_layers/0/{norm}'
                found[name] = (width,)
        first, second = (
            f'{trunk}/2/_layers/{n}/_layers/{part}/_module/_layers' for part in range(2)
        )
        for name, shape in {
            '_q_layer/w': (width, 512), '_k_layer/w': (width, 512), '_v_layer/w': (width, width),
            '_r_k_layer/w': (width // 8, 512), '_embedding_layer/w': (width, width),
            '_embedding_layer/b': (width,), '_r_r_bias': (1, 8, 1, 64), '_r_w_bias': (1, 8, 1, 64),
        }.items():  # fmt: skip
            found[f'{first}/1/{name}'] = shape
        found |= {f'{second}/1/w': (width, 2 * width), f'{second}/1/b': (2 * width,)}
        found |= {f'{second}/4/w': (2 * width, width), f'{second}/4/b': (width,)}
    found |= block(f'{trunk}/4/_layers/0/_layers', width, 2 * width, 1)
    for organism, tracks in {'human': 5313, 'mouse': 1643}.items():
        found[f'module/_heads/{organism}/_layers/0/w'] = (2 * width, tracks)
        found[f'module/_heads/{organism}/_layers/0/b'] = (tracks,)
    return {
        tf_bundle.OBJECT_GRAPH: (),
        **{f'{k}{tf_bundle.VARIABLE_SUFFIX}': v for k, v in found.items()},
    }


TOWERS = {768: (384, 384, 512, 640, 640, 768), 1536: (768, 896, 1024, 1152, 1280, 1536)}


@pytest.mark.parametrize(('width', 'depth', 'names'), [(768, 2, 187), (1536, 11, 331)])
def test_every_name_of_a_full_size_checkpoint_maps_onto_the_model(width, depth, names):
    """By shapes alone: tensors of zeros that take no memory."""
    shapes = deepmind_shapes(width, depth, TOWERS[width])
    assert len(shapes) == names
    tensors = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    config = enformer.config_from_tensors(tensors, enformer_names.DEEPMIND, {}, HERE)
    assert config == network.EnformerConfig(width=width, depth=depth, basis=width // 8)
    assert enformer.kind_of(config) == 'enformer'
    goals = rules.flatten(enformer.abstract(config))
    left = set(shapes)
    for rule in enformer_names.table(config, enformer_names.DEEPMIND):
        goal = goals.pop(rule.target).shape
        stacked = rules.LAYER in rule.source
        for n in range(depth if stacked else 1):
            name = rule.source.replace(rules.LAYER, str(n))
            left.remove(name)
            assert rule.transform.read(tensors[name]).shape == (goal[1:] if stacked else goal), name
    assert not goals
    # What carries nothing of its own: three a batch norm, and two of the file.
    assert left - {tf_bundle.OBJECT_GRAPH, f'save_counter{tf_bundle.VARIABLE_SUFFIX}'} == {
        name for name in shapes if '/_hidden/' in name or '/moving_variance/_counter/' in name
    }


def test_the_published_size():
    abstract = enformer.abstract(network.EnformerConfig())
    leaves = jax.tree.leaves(abstract['params'])
    assert sum(math.prod(leaf.shape) for leaf in leaves) == 251_221_292


@pytest.mark.real
def test_the_names_that_tensorflow_listed(real_data):
    """design/keys/enf_ck.txt beside the data, where it is: written by DeepMind's code at 768 channels, two layers."""
    listed = real_data.parent / 'design' / 'keys' / 'enf_ck.txt'
    if not listed.exists():
        pytest.skip(f'{listed} is not there')
    rows = [line.split(' ', 1) for line in listed.read_text().splitlines()]
    found = {
        name: tuple(int(size) for size in shape.strip('[]').split(',') if size)
        for name, shape in rows
    }
    assert found == deepmind_shapes(768, 2, TOWERS[768])


def spoil(source, folder, change):
    """A copy of a source, its tensors changed."""
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
    dialect = enformer_names.DEEPMIND if deepmind else enformer_names.TORCH
    bias = dialect.name('final', 'conv/bias')
    query = dialect.name('attention', 'query', n=1)
    pool = dialect.name('tower_{i}/pool', 'kernel', i=3)

    def change(tensors):
        tensors['novel'] = tensors.pop(bias)
        tensors[query] = tensors[query][:-1]
        tensors[pool] = np.zeros((*tensors[pool].shape, 2), np.float32)

    with pytest.raises(errors.InputError, match='GX-CV01') as caught:
        convert.load(spoil(source, tmp_path, change))
    for problem in (
        f'{bias} is missing',
        'novel is left over',
        f'{query}: shape',
        f'{pool}: shape',
    ):
        assert problem in str(caught.value)


@DEEPMIND_S
def test_two_counters_of_one_norm_cannot_differ(source, oracle, tmp_path):
    name = enformer_names.DEEPMIND.name('final', 'norm/count')
    other = name.replace('mean', 'variance')

    def change(tensors):
        tensors[other] = tensors[other] + 1

    with pytest.raises(errors.InputError, match=f'{other} is not equal to {name}'):
        convert.load(spoil(source, tmp_path, change))


@PORT_S
def test_the_port_s_second_names(source, oracle, tmp_path):
    """They may stand alone, or beside the first if they agree."""
    expected = convert.load(source)

    def only(tensors):
        for first, second in (('stem.', '_trunk.1.'), ('transformer.', '_trunk.4.')):
            for name in [name for name in tensors if name.startswith(first)]:
                tensors[second + name.removeprefix(first)] = tensors.pop(name)

    (tmp_path / 'only').mkdir()
    found = convert.load(spoil(source, tmp_path / 'only', only))
    jax.tree.map(np.testing.assert_array_equal, found.params, expected.params)

    def beside(tensors):
        tensors['_trunk.1.0.bias'] = tensors['stem.0.bias'] + 1

    (tmp_path / 'beside').mkdir()
    with pytest.raises(errors.InputError, match='_trunk.1.0.bias is not equal to stem.0.bias'):
        convert.load(spoil(source, tmp_path / 'beside', beside))


@pytest.mark.parametrize(
    ('told', 'problem'),
    [
        ({'target_length': 895}, 'target=895'),
        ({'target_length': 2000}, 'crop'),
        ({'dropout_rate': 2}, 'dropout=2.0'),
        ({'dropout_rate': 'much'}, 'could not convert'),
    ],
)
def test_a_config_that_is_no_enformer_s(source, oracle, told, problem):
    opened = files.open_source(source)
    dialect = enformer_names.TORCH
    if oracle['source'] == 'enformer_deepmind':
        dialect = enformer_names.DEEPMIND
    with pytest.raises(errors.InputError, match=f'GX-CV02.*{problem}'):
        enformer.config_from_tensors(opened.tensors, dialect, told, source)


@DEEPMIND_S
def test_a_flipped_byte_is_damage_not_weights(source, oracle, tmp_path):
    for path in source.iterdir():
        whole = bytearray(path.read_bytes())
        if 'data' in path.name:
            whole[len(whole) // 2] ^= 4
        (tmp_path / path.name).write_bytes(whole)
    with pytest.raises(errors.DamageError, match='model-1.data-00000-of-00001: byte'):
        convert.load(tmp_path)


def test_only_what_the_originals_compute_is_written_for_them(loaded, tmp_path):
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
@pytest.mark.filterwarnings('ignore')  # the port's own affairs
def test_the_oracle_is_what_the_port_gives(script):
    with np.load(HERE / 'oracles' / 'enformer.npz') as kept:
        again = script.make(None)
        assert set(again) == set(kept)
        for name, value in again.items():
            if value.dtype == np.float32:
                scale = np.abs(kept[name]).max()
                np.testing.assert_allclose(value, kept[name], rtol=0, atol=1e-5 * scale)
            else:
                np.testing.assert_array_equal(value, kept[name])


@pytest.mark.torch
@pytest.mark.filterwarnings('ignore')
def test_the_port_s_own_class_loads_what_is_written(loaded, oracle, tmp_path, script):
    """Both sources: so DeepMind's checkpoint runs in torch, too."""
    import enformer_pytorch
    import enformer_tiny

    script.fix_gamma()
    convert.save(loaded, tmp_path / 'out')
    model = enformer_pytorch.Enformer.from_pretrained(tmp_path / 'out').eval()
    for bins in BINS:
        found = script.run(model, enformer_tiny.one_hot(oracle[f'{bins}/codes']))
        for name in ('layer_1', 'tracks_human', 'tracks_mouse'):
            value = oracle[f'{bins}/{name}']
            assert np.abs(found[name] - value).max() < CLOSE * np.abs(value).max(), name
