"""Which axes attention splits over: sizes that divide, whole rows, and manual axes."""

import jax
import pytest

from genojax import attention
from genojax.attention import patterns
from genojax.attention.sharded import mesh


def make(**axes):
    types = (jax.sharding.AxisType.Auto,) * len(axes)
    return jax.make_mesh(tuple(axes.values()), tuple(axes), axis_types=types)


def test_without_a_mesh_there_is_nothing_to_split_over():
    assert mesh.axes() == {} and mesh.sequence_devices({}) == 1


def test_axes_of_one_device_and_other_names_do_not_count():
    with jax.set_mesh(make(data=2, tensor=1, sequence=2, other=2)):
        assert mesh.axes() == {'data': 2, 'sequence': 2}


def test_manual_axes_are_taken_already():
    grid = make(data=2, sequence=4)

    def inside(x):
        assert mesh.axes() == {'sequence': 4}
        return x

    with jax.set_mesh(grid):
        spec = jax.P('data')
        f = jax.shard_map(inside, in_specs=spec, out_specs=spec, axis_names={'data'})
        jax.eval_shape(f, jax.ShapeDtypeStruct((2,), 'float32'))


@pytest.mark.parametrize(
    ('B', 'H', 'batch', 'head'),
    [
        (8, 4, ('data', 'fsdp'), 'tensor'),
        (2, 4, ('data',), 'tensor'),
        (3, 4, (), 'tensor'),
        (8, 3, ('data', 'fsdp'), None),
    ],
)
def test_an_axis_splits_what_it_divides(B, H, batch, head):
    sizes = {'data': 2, 'fsdp': 2, 'tensor': 2}
    split = mesh.split(sizes, B, H, patterns.full(64))
    assert (split.batch, split.head, split.devices, split.heads) == (batch, head, 1, H)


def test_heads_with_patterns_of_their_own_are_not_split():
    split = mesh.split({'tensor': 2}, 2, 4, patterns.random(64, 1, 8, per_head=4))
    assert split.head is None


def test_partition_specs():
    split = mesh.split({'data': 2, 'tensor': 2, 'sequence': 2}, 2, 4, patterns.full(64))
    assert split.spec('B', 'L', 'H', '.') == jax.P(('data',), 'sequence', 'tensor', None)
    whole = mesh.split({'tensor': 2}, 2, 4, patterns.full(64))
    assert whole.spec('B', 'L', 'H', '.') == jax.P(None, None, 'tensor', None)


def test_whole_rows_give_the_sequence_axis_to_the_batch():
    sizes = {'data': 2, 'sequence': 2}
    assert mesh.sequence_devices(sizes) == 2
    with attention.whole_rows():
        assert mesh.sequence_devices(sizes) == 1
        assert mesh.split(sizes, 4, 2, patterns.full(64)).batch == ('data', 'sequence')
        assert mesh.split(sizes, 2, 2, patterns.full(64)).batch == ('data',)
    assert mesh.sequence_devices(sizes) == 2
