"""JAX's splash attention with our patterns, interpreted on CPU, equals the definition."""

import jax
import jax.numpy as jnp
import pytest

from genojax import attention
from genojax.attention import patterns
from tests.attention import equality
from tests.attention.equality import Case

pytestmark = pytest.mark.usefixtures('frees_compiled')

CASES = [
    Case(patterns.bigbird(512), batch=1, width=32, value_width=16, segments='packed'),
    Case(
        patterns.local(331, 37) | patterns.strided(331, 29),
        batch=1,
        segments='padding',
        dtype='bfloat16',
    ),
    Case(patterns.bigbird(256, 16, per_head=2) & patterns.causal(256), batch=2, value_width=12),
]


@pytest.mark.parametrize('case', CASES, ids=str)
def test_equals_the_definition(case):
    equality.check(case, 'splash_tpu')


def test_lowers_for_tpu():
    pattern = patterns.bigbird(4096, 128)
    x = jax.ShapeDtypeStruct((1, 4096, 2, 128), jnp.bfloat16)

    def f(q, k, v):
        return attention.attend(q, k, v, pattern, implementation='splash_tpu')

    def both(q, k, v):
        return jax.vjp(f, q, k, v)[1](q)

    text = jax.export.export(jax.jit(both), platforms=['tpu'])(x, x, x).mlir_module()
    assert text.count('tpu_custom_call') >= 3


@pytest.mark.parametrize(
    'pattern',
    [
        patterns.bigbird(640, plan='hf_eval'),
        patterns.full(64, 128),
        patterns.strided(64, 3) & patterns.local(64, 0) | patterns.global_(64, [1]),
    ],
)
def test_what_it_cannot_do_is_refused(pattern):
    q, k = jnp.zeros((1, pattern.length, 1, 8)), jnp.zeros((1, pattern.key_length, 1, 8))
    bias = (
        jnp.zeros((1, 1, 64, 64))
        if pattern.heads == 1 and pattern.length == 64 == pattern.key_length
        else None
    )
    with pytest.raises(NotImplementedError):
        attention.attend(q, k, k, pattern, implementation='splash_tpu', bias=bias)
