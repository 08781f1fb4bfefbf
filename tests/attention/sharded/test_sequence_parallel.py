"""Spread over eight devices = on one; memory falls with the devices; bytes moved are as the formula says."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import attention
from genojax.attention import patterns
from genojax.attention.sharded import exchange
from tests.attention import equality
from tests.attention.equality import Case


def mesh(**axes):
    kinds = (jax.sharding.AxisType.Auto,) * len(axes)
    return jax.make_mesh(tuple(axes.values()), tuple(axes), axis_types=kinds)


CASES = [
    (Case(patterns.bigbird(16 * 8 * 4, 16), segments='packed'), {'sequence': 8}),
    # its rows are computed head by head in rounds
    (
        Case(
            patterns.bigbird(16 * 8 * 8, 16), batch=1, heads=3, bias='linear', dropout=0.2, lse=True
        ),
        {'sequence': 8},
    ),
    (
        Case(patterns.bigbird(512, 16, per_head=2), bias='linear', dropout=0.2),
        {'data': 2, 'sequence': 4},
    ),
    (Case(patterns.local(1024, 100), bias='linear', lse=True), {'sequence': 8}),
    (Case(patterns.longformer(1024, 40, [0, 700]), dtype='bfloat16'), {'tensor': 2, 'sequence': 4}),
    (Case(patterns.causal(1024), segments='padding', dropout=0.1), {'sequence': 4}),
    (
        Case(patterns.anchored(1024, 20, 32), segments='packed', bias='linear', dropout=0.2),
        {'sequence': 4},
    ),
    (Case(patterns.anchored(512, 20, 64, 'columns'), bias='linear', lse=True), {'sequence': 8}),
    (Case(patterns.bigbird(512, 16), bias='array', dropout=0.2), {'data': 2, 'tensor': 2}),
    # by 'auto', which takes `anchored` here
    (Case(patterns.anchored(256, 5, 32), dropout=0.2), {'data': 2, 'tensor': 2}),
]


@pytest.mark.parametrize(('case', 'axes'), CASES, ids=str)
def test_equals_one_device(case, axes):
    with jax.set_mesh(mesh(**axes)):
        got = equality.run(
            case, 'auto' if 'sequence' not in axes and case.bias == 'none' else 'block_sparse'
        )
    equality.compare(case, equality.run(case, 'reference'), got)


def compiled(pattern, axes, heads=2, width=64, backward=False):
    m = mesh(**axes)
    sharding = jax.NamedSharding(m, jax.P(None, 'sequence' if axes else None))
    x = jax.ShapeDtypeStruct((1, pattern.length, heads, width), jnp.float32, sharding=sharding)

    def f(q, k, v):
        return attention.attend(q, k, v, pattern, implementation='block_sparse')

    def both(q, k, v):
        return jax.vjp(f, q, k, v)[1](q)

    with jax.set_mesh(m):
        return jax.jit(both if backward else f).lower(x, x, x).compile()


def moved(text, devices):
    """Bytes each device receives, by kind of collective, read from compiled HLO."""
    total, text = {}, re.sub(r'/\*.*?\*/', '', text)
    pattern = re.compile(
        r'= (\(?[^=]*?\)?) (collective-permute|all-gather|all-to-all)(?:-start)?\('
    )
    for shapes, kind in pattern.findall(text):
        sizes = [
            int(np.prod([int(d) for d in dims.split(',') if d])) * {'f32': 4, 's32': 4}[dtype]
            for dtype, dims in re.findall(r'(f32|s32)\[([\d,]*)\]', shapes)
        ]
        share = 1 if kind == 'collective-permute' else (devices - 1) / devices
        total[kind] = total.get(kind, 0) + sum(sizes) * share
    return total


def test_bytes_moved_are_the_formula():
    n, block, width = 8, 64, 64
    pattern = patterns.bigbird(n * block * 8)
    plan = exchange.plan(pattern, n, block)
    size = 2 * block * width * 4  # K and V of one block; one head: more go round the same loop
    want = {
        'collective-permute': 2 * plan.halo * size,
        'all-gather': (n - 1) * plan.gathered.shape[1] * size,
        'all-to-all': (n - 1) * plan.sent.shape[-1] * size,
    }
    # the global rows: their queries come from all, and a log-sum-exp per row goes to all
    rows = plan.dense_rows.shape[1] * block * width * 4
    want['all-gather'] += (n - 1) * rows + (n - 1) * len(plan.dense_index) * block * 4
    assert plan.halo == 1 and plan.gathered.shape[1] == 1
    assert moved(compiled(pattern, {'sequence': n}, heads=1).as_text(), n) == pytest.approx(want)
    local = exchange.plan(patterns.local(n * block * 8, 100), n, block)
    text = compiled(patterns.local(n * block * 8, 100), {'sequence': n}, heads=1).as_text()
    assert moved(text, n) == {'collective-permute': 2 * local.halo * size} and local.halo == 2


def test_bytes_of_a_ring_and_of_residues_are_the_formula():
    n, length, width = 8, 4096, 64
    own = length // n
    text = compiled(patterns.full(length), {'sequence': n}, heads=1).as_text()
    assert moved(text, n) == {'collective-permute': own * 2 * width * 4}  # one step of the loop
    pattern = patterns.anchored(length, 64, 512)
    text = compiled(pattern, {'sequence': n}, heads=1).as_text()
    halo = exchange.plan(patterns.local(length, 64), n, 64).halo
    assert moved(text, n) == {
        'collective-permute': 2 * halo * 64 * 2 * width * 4,
        'all-to-all': pytest.approx((n - 1) / n * own * (4 * width + 1) * 4),
    }


def test_a_dense_pattern_too_long_for_small_tiles_goes_round_in_larger_ones():
    assert exchange.ring_block(patterns.causal(1024), 4, 64) == 64
    assert exchange.ring_block(patterns.full(2**20), 8, 64) == 512
    assert exchange.needs_ring(patterns.full(2**20), 8, 64)


@pytest.mark.parametrize(
    ('make', 'heads', 'share'),
    [
        (lambda n: patterns.local(n, 128), 2, 1 / 6),
        (patterns.bigbird, 8, 0.14),
        (patterns.bigbird, 16, 0.1),
    ],
)
def test_memory_per_device_falls(make, heads, share):
    # bigbird: the rows of a device draw 3/8 of all keys at random, one head at a time, so more heads make the share less
    pattern = make(2**15)
    whole = compiled(pattern, {}, heads, backward=True).memory_analysis().temp_size_in_bytes
    part = (
        compiled(pattern, {'sequence': 8}, heads, backward=True)
        .memory_analysis()
        .temp_size_in_bytes
    )
    assert part <= whole * share, (part / 2**20, whole / 2**20)


def test_what_cannot_be_split_is_refused():
    x = jnp.zeros((1, 500, 1, 8))
    with jax.set_mesh(mesh(sequence=8)):
        with pytest.raises(ValueError, match='pad to 512'):
            attention.attend(x, x, x, patterns.local(500, 3))
        with pytest.raises(NotImplementedError, match='reference'):
            attention.attend(x, x, x, patterns.local(500, 3), implementation='reference')
