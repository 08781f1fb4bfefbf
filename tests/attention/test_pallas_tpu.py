"""The TPU kernels, interpreted on CPU, mean what the reference means; and they lower for TPU."""

import equality
import jax
import jax.numpy as jnp
import pytest
from equality import Case

from genojax import attention
from genojax.attention import patterns

CASES = [
    Case(patterns.bigbird(16 * 20, 16), batch=1, lse=True),
    Case(
        patterns.bigbird(203, 16, per_head=2),
        segments='packed',
        value_width=16,
        bias='linear',
        dtype='bfloat16',
    ),
    Case(patterns.local(331, 37), segments='empty', bias='linear', batch=1),
    Case(patterns.causal(197, 131), batch=1, segments='keys'),
    Case(patterns.bigbird(320, 64, plan='hf_eval'), batch=1),
    Case(patterns.anchored(300, 10, 32), batch=1, segments='packed', bias='linear'),
]


@pytest.mark.parametrize('case', CASES, ids=str)
def test_equals_the_reference(case):
    equality.check(case, 'pallas_tpu')


@pytest.mark.parametrize('make', [lambda n: patterns.bigbird(n), lambda n: patterns.anchored(n)])
def test_lowers_for_tpu(make):
    pattern = make(8192)
    x = jax.ShapeDtypeStruct((1, 8192, 2, 64), jnp.bfloat16)

    def f(q, k, v):
        return attention.attend(q, k, v, pattern, implementation='pallas_tpu')

    def both(q, k, v):
        return jax.vjp(f, q, k, v)[1](q)

    text = jax.export.export(jax.jit(both), platforms=['tpu'])(x, x, x).mlir_module()
    assert text.count('tpu_custom_call') >= 3


def test_what_it_cannot_do_is_refused():
    x = jnp.zeros((1, 64, 1, 8))
    for more in (
        {'bias': jnp.zeros((1, 1, 64, 64))},
        {'dropout': attention.Dropout(0.1, jax.random.key(0))},
    ):
        with pytest.raises(NotImplementedError):
            attention.attend(x, x, x, patterns.full(64), implementation='pallas_tpu', **more)
