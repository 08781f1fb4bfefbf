"""The public call: gradient locality, the automatic choice, and a sweep of all implementations."""

import dataclasses

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import attention
from genojax.attention import patterns
from tests.attention import equality
from tests.attention.equality import Case

pytestmark = pytest.mark.usefixtures('frees_compiled')

PATTERNS = {
    'bigbird': lambda n: patterns.bigbird(n, 16, random_blocks=2),
    'anchored': lambda n: patterns.anchored(n, 5, 32),
    'causal_longformer': lambda n: patterns.longformer(n, 9, 2) & patterns.causal(n),
}


CALLS = [(name, i) for name in PATTERNS for i in ('block_sparse', 'pallas_tpu', 'reference')]


@pytest.mark.parametrize(('name', 'implementation'), [*CALLS, ('anchored', 'anchored')])
def test_gradients_are_exactly_zero_outside_the_pattern(name, implementation):
    """And not zero inside, but for the keys of a query with one key: its softmax is constant."""
    n = 193
    pattern = PATTERNS[name](n)
    q, k, v = (
        jnp.asarray(np.random.default_rng(s).standard_normal((1, n, 1, 8)), jnp.float32)
        for s in range(3)
    )
    rows = np.array([0, 17, 100, 192])

    def outputs(k, v):
        return attention.attend(q, k, v, pattern, implementation=implementation)[0, rows, 0].sum(-1)

    dk, dv = (np.asarray(x)[:, 0, :, 0] for x in jax.jit(jax.jacrev(outputs, (0, 1)))(k, v))
    attended = pattern.mask()[rows]
    for gradient in (dk, dv):
        assert not gradient[~attended].any()
    assert (dv[attended] != 0).all()
    several = attended.sum(1, keepdims=True) > 1
    assert (dk[attended & several] != 0).any(-1).all()
    # Exactly 0 in theory; in float32 the rounding of two sums of numbers of size 1.
    assert np.abs(dk[attended & ~several]).max(initial=0) < 1e-5
    assert several.sum() >= 3


def test_auto_picks_by_device_pattern_and_length(caplog):
    def pick(p, device='cpu', **options):
        return attention.choose(p, device, **options)

    attention.choose.cache_clear()
    with caplog.at_level('INFO', 'genojax.attention'):
        assert pick(patterns.full(128)) == 'reference'
        assert pick(patterns.full(128)) == 'reference'
    assert len(caplog.records) == 1, 'said once'
    assert pick(patterns.bigbird(4096)) == 'block_sparse'
    assert pick(patterns.anchored(4096)) == 'anchored'
    assert pick(patterns.anchored(4096), array_bias=True) == 'block_sparse'
    assert pick(patterns.bigbird(4096), 'tpu') == 'pallas_tpu'
    assert pick(patterns.bigbird(4096), 'tpu', dropout=True) == 'block_sparse'
    assert pick(patterns.full(512), 'gpu') == 'reference'
    assert pick(patterns.local(64, 3), sequence_split=True) == 'block_sparse'


def test_auto_and_named_are_the_same_numbers():
    case = Case(patterns.bigbird(320, 16), segments='packed')
    auto, named = equality.run(case, 'auto'), equality.run(case, 'block_sparse')
    for name, x in named.items():
        np.testing.assert_array_equal(auto[name], x)


def test_twice_the_same_bits():
    case = Case(patterns.bigbird(203, 16), segments='packed', dropout=0.3)
    one, two = equality.run(case, 'block_sparse'), equality.run(case, 'block_sparse')
    for name, x in one.items():
        np.testing.assert_array_equal(two[name], x)


PRIMES = [
    2,
    3,
    5,
    7,
    11,
    13,
    17,
    19,
    23,
    29,
    31,
    37,
    41,
    43,
    47,
    53,
    61,
    67,
    79,
    97,
    113,
    131,
    157,
    197,
    251,
    307,
]


@st.composite
def some_pattern(draw, n, m):
    block = draw(st.sampled_from([4, 7, 8, 16, 33]))
    seed = draw(st.integers(0, 5))
    square = [
        lambda: patterns.bigbird(
            n,
            block,
            window_blocks=draw(st.sampled_from([1, 3, 5])),
            random_blocks=draw(st.integers(0, 3)),
            seed=seed,
        ),
        lambda: patterns.longformer(
            n, draw(st.integers(0, 20)), draw(st.integers(1, 3)) if n > 3 else 1
        ),
    ]
    any_shape = [
        lambda: patterns.full(n, m),
        lambda: patterns.causal(n, m),
        lambda: patterns.local(n, draw(st.integers(0, 40)), m),
        lambda: patterns.strided(n, draw(st.integers(1, 30)), m),
        lambda: patterns.random(n, draw(st.integers(1, 3)), block, seed, keys=m),
        lambda: patterns.anchored(
            n, draw(st.integers(0, 12)), draw(st.integers(2, 40)), 'antidiagonal', m
        ),
        lambda: patterns.anchored(
            n, draw(st.integers(0, 12)), draw(st.integers(2, 40)), 'columns', m
        ),
    ]

    def choose():
        return draw(st.sampled_from(any_shape + (square if n == m else [])))()

    pattern = choose()
    for _ in range(draw(st.integers(0, 2))):
        pattern = pattern | choose() if draw(st.booleans()) else pattern & choose()
    return pattern


@st.composite
def some_anchored(draw, n, m):
    kind = draw(st.sampled_from(['antidiagonal', 'columns']))
    return patterns.anchored(n, draw(st.integers(0, 12)), draw(st.integers(2, 40)), kind, m)


@st.composite
def some_case(draw, make):
    n = draw(st.sampled_from(PRIMES))
    m = draw(st.sampled_from([n, n, draw(st.sampled_from(PRIMES))]))
    return Case(
        draw(make(n, m)),
        batch=draw(st.integers(1, 2)),
        heads=draw(st.integers(1, 3)),
        width=draw(st.sampled_from([4, 8, 12])),
        value_width=draw(st.sampled_from([3, 8])),
        dtype=draw(st.sampled_from(['float32', 'float32', 'bfloat16'])),
        segments=draw(st.sampled_from(['none', 'padding', 'packed', 'keys', 'empty'])),
        bias=draw(st.sampled_from(['none', 'linear', 'array'])),
        dropout=draw(st.sampled_from([0.0, 0.0, 0.3])),
        lse=draw(st.booleans()),
    )


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore:Do not use the')  # hypothesis, of numpy's generators
@pytest.mark.parametrize('implementation', ['block_sparse', 'anchored', 'pallas_tpu', 'splash_tpu'])
@hypothesis.settings(max_examples=30, deadline=None, derandomize=True)
@hypothesis.given(data=st.data())
def test_sweep(implementation, data):
    make = some_anchored if implementation == 'anchored' else some_pattern
    case = data.draw(some_case(make))
    if implementation != 'block_sparse' and case.bias == 'array':
        case = dataclasses.replace(case, bias='none')
    if implementation.endswith('tpu'):
        case = dataclasses.replace(case, dropout=0.0)
    if (
        implementation == 'splash_tpu'
    ):  # square, every query sees itself, no bias, no log-sum-exp, one mask of segments
        n = case.pattern.length
        pattern = data.draw(some_pattern(n, n)) | patterns.local(n, 0)
        segments = case.segments if case.segments != 'keys' else 'packed'
        case = dataclasses.replace(case, pattern=pattern, bias='none', lse=False, segments=segments)
    equality.check(case, implementation)
