"""Gathered weights and whole rows, read from compiled programs of eight devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax.plan import hlo, waste

AXES = ('data', 'fsdp', 'tensor', 'sequence')
MESH = {'data': 1, 'fsdp': 2, 'tensor': 1, 'sequence': 4}


def compiled(function, *arguments) -> hlo.Program:
    """The program of a function on a mesh of 2 (fsdp) x 4 (sequence) devices."""
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:8]).reshape(1, 2, 1, 4), AXES)
    with jax.set_mesh(mesh):
        return hlo.parse(jax.jit(function).lower(*arguments).compile().as_text())


def gather(axis: str):
    """A function that gathers the first axis of a matrix over a mesh axis."""
    return jax.shard_map(
        lambda x: jax.lax.all_gather(x, axis, tiled=True),
        in_specs=jax.P(axis),
        out_specs=jax.P(),
        check_vma=False,
    )


@pytest.mark.parametrize('axis', ['fsdp', 'sequence'])
def test_only_fsdp_may_gather_a_weight(axis):
    weight = jax.ShapeDtypeStruct((512, 256), jnp.float32)
    program = compiled(gather(axis), weight)
    lines = waste.gathered_weights(program, {'kernel': weight}, MESH)
    assert (lines == []) == (axis == 'fsdp')
    assert all('over sequence' in line for line in lines)
    # One layer of a stack of weights is a weight too; another array is none.
    stacked = jax.ShapeDtypeStruct((6, 512, 256), jnp.float32)
    assert len(waste.gathered_weights(program, [stacked], MESH)) == len(lines)
    other = jax.ShapeDtypeStruct((513, 256), jnp.float32)
    assert waste.gathered_weights(program, [other], MESH) == []


def test_rows_that_are_gathered_are_whole():
    x = jax.ShapeDtypeStruct((4096, 8), jnp.float32)
    (line,) = {
        one.partition(':')[0] for one in waste.whole_rows(compiled(gather('sequence'), x), 4000)
    }
    assert line == 'f32[4096,8]'
    divided = jax.shard_map(jnp.tanh, in_specs=jax.P('sequence'), out_specs=jax.P('sequence'))
    assert waste.whole_rows(compiled(divided, x), 4000) == []


def test_rows_in_blocks_are_rows_and_ids_are_no_activations():
    text = """HloModule step, is_scheduled=true

ENTRY %main (x: f32[1,32,128,64]) -> f32[1,32,128,64] {
  %x = f32[1,32,128,64]{3,2,1,0} parameter(0)
  %ids = s32[1,4096]{1,0} parameter(1)
  ROOT %y = f32[1,32,128,64]{3,2,1,0} tanh(%x), metadata={op_name="jit(step)/tanh"}
}
"""
    program = hlo.parse(text)
    assert waste.whole_rows(program, 4000) == []
    assert waste.whole_rows(program, 4000, [128]) == ['f32[1,32,128,64]: parameter']
    assert waste.whole_rows(program, 4200, [128]) == []


@pytest.mark.parametrize(
    ('attributes', 'axes'),
    [
        ('replica_groups={{0,1,2,3},{4,5,6,7}}', {'sequence'}),
        ('replica_groups={{0,4},{1,5},{2,6},{3,7}}', {'fsdp'}),
        ('replica_groups=[4,2]<=[2,4]T(1,0)', {'fsdp'}),
        ('replica_groups=[2,4]<=[8]', {'sequence'}),
        ("replica_groups=mesh['a'=2,'b'=4] {'b'}", {'sequence'}),
        ("replica_groups=mesh['a'=2,'b'=4] {'a','b'}", {'fsdp', 'sequence'}),
        ("replica_groups=mesh['a'=4,'b'=2], device_ids=([2,4]T(1,0)) {'a'}", {'sequence'}),
        ("replica_groups=mesh['a'=4,'b'=2], device_ids=([2,4]T(1,0)) {'b'}", {'fsdp'}),
        ('replica_groups={}', {'fsdp', 'sequence'}),
    ],
)
def test_axes_of_the_groups_of_a_collective(attributes, axes):
    assert waste.group_axes(f', {attributes}, to_apply=%add', MESH) == axes
