"""Names of Enformer's tensors: every one of a full-size checkpoint, in both layouts."""

import pathlib

import numpy as np
import pytest

from genojax.convert import enformer, enformer_names, rules
from genojax.convert.tf import tf_bundle
from genojax.models import enformer as network


def block(prefix, inputs, outputs, window):
    """DeepMind's names and shapes of one block: batch norm, GELU, convolution."""
    shapes = {f'{prefix}/0/scale': (inputs,), f'{prefix}/0/offset': (inputs,)}
    for average in ('moving_mean', 'moving_variance'):
        shapes[f'{prefix}/0/{average}/_counter'] = ()
        for kind in ('_hidden', 'average'):
            shapes[f'{prefix}/0/{average}/{kind}'] = (1, 1, inputs)
    return {**shapes, f'{prefix}/2/w': (window, inputs, outputs), f'{prefix}/2/b': (outputs,)}


def deepmind_shapes(width, depth, tower):
    """Every name in DeepMind's checkpoint with its shape, as TensorFlow lists them."""
    trunk, half = 'module/_trunk/_layers', width // 2
    shapes = {'save_counter': (), f'{trunk}/0/_layers/0/w': (15, 4, half)}
    shapes[f'{trunk}/0/_layers/0/b'] = (half,)
    shapes |= block(f'{trunk}/0/_layers/1/_module/_layers', half, half, 1)
    shapes[f'{trunk}/0/_layers/2/_logit_linear/w'] = (half, half)
    for i, (before, after) in enumerate(zip((half, *tower), tower, strict=False)):
        stage = f'{trunk}/1/_layers/{i}/_layers'
        shapes |= block(f'{stage}/0/_layers', before, after, 5)
        shapes |= block(f'{stage}/1/_module/_layers', after, after, 1)
        shapes[f'{stage}/2/_logit_linear/w'] = (after, after)
    for n in range(depth):
        for part in range(2):
            for norm in ('scale', 'offset'):
                name = f'{trunk}/2/_layers/{n}/_layers/{part}/_module/_layers/0/{norm}'
                shapes[name] = (width,)
        first, second = (
            f'{trunk}/2/_layers/{n}/_layers/{part}/_module/_layers' for part in range(2)
        )
        for name, shape in {
            '_q_layer/w': (width, 512), '_k_layer/w': (width, 512), '_v_layer/w': (width, width),
            '_r_k_layer/w': (width // 8, 512), '_embedding_layer/w': (width, width),
            '_embedding_layer/b': (width,), '_r_r_bias': (1, 8, 1, 64), '_r_w_bias': (1, 8, 1, 64),
        }.items():  # fmt: skip
            shapes[f'{first}/1/{name}'] = shape
        shapes |= {f'{second}/1/w': (width, 2 * width), f'{second}/1/b': (2 * width,)}
        shapes |= {f'{second}/4/w': (2 * width, width), f'{second}/4/b': (width,)}
    shapes |= block(f'{trunk}/4/_layers/0/_layers', width, 2 * width, 1)
    for organism, tracks in {'human': 5313, 'mouse': 1643}.items():
        shapes[f'module/_heads/{organism}/_layers/0/w'] = (2 * width, tracks)
        shapes[f'module/_heads/{organism}/_layers/0/b'] = (tracks,)
    return {
        tf_bundle.OBJECT_GRAPH: (),
        **{f'{k}{tf_bundle.VARIABLE_SUFFIX}': v for k, v in shapes.items()},
    }


TOWERS = {768: (384, 384, 512, 640, 640, 768), 1536: (768, 896, 1024, 1152, 1280, 1536)}


@pytest.mark.parametrize(('width', 'depth', 'names'), [(768, 2, 187), (1536, 11, 331)])
def test_every_name_of_a_full_size_checkpoint_maps_onto_the_model(width, depth, names):
    """By shapes alone: tensors of zeros that take no memory."""
    shapes = deepmind_shapes(width, depth, TOWERS[width])
    assert len(shapes) == names
    tensors = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    config = enformer.config_from_tensors(
        tensors, enformer_names.DEEPMIND, {}, pathlib.Path('model')
    )
    assert config == network.EnformerConfig(width=width, depth=depth, basis=width // 8)
    assert enformer.kind_of(config) == 'enformer'
    goals = rules.flatten(enformer.abstract(config))
    unused = set(shapes)
    for rule in enformer_names.table(config, enformer_names.DEEPMIND):
        goal = goals.pop(rule.target).shape
        stacked = rules.LAYER in rule.source
        for n in range(depth if stacked else 1):
            name = rule.source.replace(rules.LAYER, str(n))
            unused.remove(name)
            assert rule.transform.read(tensors[name]).shape == (goal[1:] if stacked else goal), name
    assert not goals
    # Tensors without information of their own: three per batch norm, and two per file.
    assert unused - {tf_bundle.OBJECT_GRAPH, f'save_counter{tf_bundle.VARIABLE_SUFFIX}'} == {
        name for name in shapes if '/_hidden/' in name or '/moving_variance/_counter/' in name
    }


@pytest.mark.real
def test_the_names_are_those_that_tensorflow_listed(real_data):
    """design/keys/enf_ck.txt beside the data: DeepMind's code with 768 channels, two layers."""
    listed = real_data.parent / 'design' / 'keys' / 'enf_ck.txt'
    if not listed.exists():
        pytest.skip(f'{listed} does not exist')
    rows = [line.split(' ', 1) for line in listed.read_text().splitlines()]
    shapes = {
        name: tuple(int(size) for size in shape.strip('[]').split(',') if size)
        for name, shape in rows
    }
    assert shapes == deepmind_shapes(768, 2, TOWERS[768])


def test_both_sources_fill_the_same_parameters():
    config = network.EnformerConfig()
    tables = [
        enformer_names.table(config, layout)
        for layout in (enformer_names.DEEPMIND, enformer_names.TORCH)
    ]
    goals = rules.flatten(enformer.abstract(config)).keys()
    for table in tables:
        targets = [rule.target for rule in table]
        assert len(targets) == len(set(targets)) and set(targets) == goals
        assert len({rule.source for rule in table}) == len(table)


def test_an_index_that_is_omitted_stays_a_placeholder():
    name = enformer_names.TORCH.name
    assert name('attention', 'query') == 'transformer.{n}.0.fn.1.to_q.weight'
    assert name('tower_{i}/pool', 'kernel', i=3) == 'conv_tower.3.2.to_attn_logits.weight'
    assert name('head_{o}', 'bias', o='human') == '_heads.human.0.bias'
