"""Bytes, trip counts and collectives read from the text of compiled programs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax.plan import collectives, hlo

TPU = """HloModule jit_step, is_scheduled=true

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

%take (p0: f32[7,1024], p1: s32[]) -> f32[1,1024] {
  %p0 = f32[7,1024]{1,0:T(8,128)} parameter(0)
  %p1 = s32[]{:T(128)} parameter(1)
  %zero = s32[] constant(0)
  ROOT %row = f32[1,1024]{1,0:T(8,128)S(1)} dynamic-slice(%p0, %p1, %zero), dynamic_slice_sizes={1,1024}
}

%body (state: (s32[], f32[7,1024])) -> (s32[], f32[7,1024]) {
  %state = (s32[]{:T(128)}, f32[7,1024]{1,0:T(8,128)}) parameter(0)
  %i = s32[]{:T(128)} get-tuple-element(%state), index=0
  %x = f32[7,1024]{1,0:T(8,128)} get-tuple-element(%state), index=1
  %slice = f32[1,1024]{1,0:T(8,128)S(1)} fusion(%x, %i), kind=kLoop, calls=%take
  %reduced = f32[1,1024]{1,0:T(8,128)S(1)} all-reduce(%slice), replica_groups=mesh['axis_0'=64,'axis_1'=4] {'axis_1'}, to_apply=%add, metadata={op_name="jit(step)/sum"}
  ROOT %next = (s32[]{:T(128)}, f32[7,1024]{1,0:T(8,128)}) tuple(%i, %x)
}

%condition (state.1: (s32[], f32[7,1024])) -> pred[] {
  %state.1 = (s32[]{:T(128)}, f32[7,1024]{1,0:T(8,128)}) parameter(0)
  %i.1 = s32[]{:T(128)} get-tuple-element(%state.1), index=0
  %limit = s32[]{:T(128)} constant(7)
  ROOT %less = pred[]{:T(512)} compare(%i.1, %limit), direction=LT
}

ENTRY %main (x: f32[7,1024]) -> f32[7,1024] {
  %x.1 = f32[7,1024]{1,0:T(8,128)} parameter(0)
  %start = s32[]{:T(128)} constant(0)
  %tuple = (s32[]{:T(128)}, f32[7,1024]{1,0:T(8,128)}) tuple(%start, %x.1)
  %loop = (s32[]{:T(128)}, f32[7,1024]{1,0:T(8,128)}) while(%tuple), condition=%condition, body=%body
  ROOT %out = f32[7,1024]{1,0:T(8,128)} get-tuple-element(%loop), index=1
}
"""


def test_a_tpu_program_by_hand():
    program = hlo.parse(TPU)
    assert program.entry == 'main'
    # The loop reads one row per turn; its result and the all-reduce stay in on-chip memory.
    assert program.memory_traffic() == 7 * (1024 * 4 + 4)  # and the index, 4 bytes
    (row,) = collectives.of_program(program)
    assert (row.kind, row.group, row.count) == ('all-reduce', 4, 7)
    assert row.bytes == 7 * 4096 and row.largest == 4096 and row.origin == 'jit(step)/sum'
    assert row.link_bytes == 2 * 3 / 4 * row.bytes


@pytest.mark.parametrize(
    ('attributes', 'size'),
    [
        (', replica_groups={{0,1,2,3},{4,5,6,7}}', 4),
        (', replica_groups=[2,4]<=[8]', 4),
        (', replica_groups=[8,1]<=[8]', 1),
        (", replica_groups=mesh['a'=2,'b'=8] {'a','b'}", 16),
        (", replica_groups=mesh['a'=2,'b'=8], device_ids=([8,2]T(1,0)) {'b'}", 8),
        (', source_target_pairs={{0,1},{1,0}}', 2),
        (', replica_groups={}', 1),
    ],
)
def test_sizes_of_groups(attributes, size):
    assert collectives.group_size(attributes) == size


def test_bytes_of_shapes():
    shape = '(bf16[3,5]{1,0:T(8,128)(2,1)}, /*index=1*/pred[7]{0}, f32[4]{0:S(1)}, s4[6])'
    assert hlo.array_bytes(shape) == 2 * 15 + 7 + 3
    assert hlo.array_bytes(shape, in_memory=False) == 2 * 15 + 7 + 16 + 3


def test_a_compiled_program_of_eight_devices():
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:8]), ('data',))

    def step(x):
        def body(total, _):
            return jax.lax.psum(total, 'data'), None

        return jax.lax.scan(body, x, length=3)[0]

    sharded = jax.shard_map(step, mesh=mesh, in_specs=jax.P(), out_specs=jax.P(), check_vma=False)
    text = jax.jit(sharded).lower(jnp.zeros((1000,))).compile().as_text()
    (row,) = collectives.of_program(hlo.parse(text))
    assert (row.kind, row.group, row.count, row.bytes) == ('all-reduce', 8, 3, 3 * 4000)


def test_traffic_of_an_elementwise_program_is_its_arguments_and_result():
    x = jnp.zeros((4096,))
    text = jax.jit(lambda x, y: jnp.tanh(x) * y + 1).lower(x, x).compile().as_text()
    assert hlo.parse(text).memory_traffic() == 3 * 4 * 4096
