"""Split over eight devices equals one device; memory falls; bytes moved are as in the formula."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import attention, errors
from genojax.attention import patterns
from genojax.attention.sharded import (
    block_rows,
    by_head,
    exchange,
    mesh,
    residue_classes,
    ring,
    sequence_parallel,
    shard_call,
)
from genojax.attention.xla import block_sparse
from tests.attention import equality
from tests.attention.equality import Case

pytestmark = pytest.mark.usefixtures('frees_compiled')


def make_mesh(**axes):
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


# Rounds over heads, two axes with a pattern per head, a ring, and residue classes; the rest is slow.
CHOSEN = (1, 2, 5, 6, 9)
MARKED = [
    pytest.param(
        *pair, marks=() if index in CHOSEN else pytest.mark.slow, id=f'{pair[0]}-{pair[1]}'
    )
    for index, pair in enumerate(CASES)
]


@pytest.mark.parametrize(('case', 'axes'), MARKED)
def test_equals_one_device(case, axes):
    with jax.set_mesh(make_mesh(**axes)):
        got = equality.run(
            case, 'auto' if 'sequence' not in axes and case.bias == 'none' else 'block_sparse'
        )
    equality.compare(case, got)


def compiled(pattern, axes, heads=2, width=64, backward=False):
    m = make_mesh(**axes)
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
    expected = {
        'collective-permute': 2 * plan.halo * size,
        'all-gather': (n - 1) * plan.gathered.shape[1] * size,
        'all-to-all': (n - 1) * plan.sent.shape[-1] * size,
    }
    # the global rows: their queries come from all, and a log-sum-exp per row goes to all
    rows = plan.dense_rows.shape[1] * block * width * 4
    expected['all-gather'] += (n - 1) * rows + (n - 1) * len(plan.dense_index) * block * 4
    assert plan.halo == 1 and plan.gathered.shape[1] == 1
    assert moved(compiled(pattern, {'sequence': n}, heads=1).as_text(), n) == pytest.approx(
        expected
    )
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


def implementation(pattern, devices=4):
    split = mesh.split({'sequence': devices}, 1, 2, pattern)
    return sequence_parallel._implementation(split, block_sparse.attend, pattern, 1.0)


@pytest.mark.parametrize(
    ('pattern', 'module', 'block'),
    [
        (patterns.bigbird(1024, 16), block_rows, 16),
        (patterns.local(1024, 100), block_rows, 64),
        (patterns.anchored(1024, 20, 32), residue_classes, 64),
        (patterns.causal(2048), ring, 64),
        (patterns.full(2**20), ring, 512),
    ],
)
def test_the_exchange_follows_from_the_pattern(pattern, module, block):
    run = implementation(pattern)
    (call,) = run.args
    assert run.func is module.attend
    assert (call.pattern, call.devices, call.block) == (pattern, 4, block)


def test_heads_go_one_by_one_where_a_device_collects_much():
    q = jnp.zeros((1, 128, 2, 4))
    many, few = patterns.bigbird(1024, 16), patterns.local(1024, 10)
    calls = [shard_call.ShardCall(p, 8, 16, 1.0) for p in (many, few)]
    assert [block_rows._by_head(call, q) for call in calls] == [True, False]
    assert not block_rows._by_head(calls[0], q[:, :, :1]), 'one head has nothing to wait for'
    modifiers = attention.Modifiers()
    spec = calls[0].spec(calls[0].shard('sparse', 4), q, modifiers, shards=32)
    assert spec.partial and (spec.batch, spec.heads, spec.shards) == (1, 2, 32)
    rounds = by_head.RoundSpec(spec, 'sequence')
    assert rounds.plan is exchange.plan(many, 8, 16, 4) and rounds.block == 16


@pytest.mark.parametrize(
    ('make', 'heads', 'share'),
    [
        (lambda n: patterns.local(n, 128), 2, 1 / 6),
        (patterns.bigbird, 8, 0.14),
        (patterns.bigbird, 16, 0.1),
    ],
)
def test_memory_per_device_falls(make, heads, share):
    # bigbird: the rows of a device draw 3/8 of all keys at random, one head at a time, so more
    # heads make the share less
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
    with jax.set_mesh(make_mesh(sequence=8)):
        with pytest.raises(errors.UsageError, match='rows of 512 tokens'):
            attention.attend(x, x, x, patterns.local(500, 3))
        with pytest.raises(NotImplementedError, match='reference'):
            attention.attend(x, x, x, patterns.local(500, 3), implementation='reference')
